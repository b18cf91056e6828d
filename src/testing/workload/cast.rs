//! Everybody who signs: clients that submit and peers that endorse.

use rayon::prelude::*;

use super::place::Place;
use super::random::Random;
use super::spec::WorkloadSpec;
use crate::proto::messages::msp::SerializedIdentity;
use crate::testing::kit::{ChannelSpec, Identity, Member, Network, NodeRole, Organization, Seed};
use prost::Message as _;

/// Who takes part, and the seed of the transactions.
#[derive(Debug, Clone)]
pub(super) struct Cast {
    pub(super) spec: WorkloadSpec,
    /// Clients of all organizations.
    pub(super) clients: Vec<Identity>,
    /// Peers of each organization that endorses.
    pub(super) peers: Vec<Vec<Identity>>,
}

/// Who submits a transaction, and under which nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Submission {
    /// The transaction.
    pub(super) place: Place,
    /// How many clients there were.
    pub(super) clients: usize,
}

impl Cast {
    /// The members of a new channel.
    pub(super) fn of(spec: &WorkloadSpec, network: &Network) -> Self {
        let enroll = |role: NodeRole, name: &'static str, count: usize| {
            let of_org = move |member: &Member| -> Vec<Identity> {
                let one = |number| {
                    let name = format!("{name}{number}");
                    member.organization.enroll(&name, role)
                };
                (0..count).into_par_iter().map(one).collect()
            };
            network.orgs.iter().map(of_org).collect::<Vec<_>>()
        };
        Self {
            spec: spec.clone(),
            clients: enroll(NodeRole::Client, "user", spec.clients).concat(),
            peers: enroll(NodeRole::Peer, "peer", spec.peers),
        }
    }

    /// Who submits.
    pub(super) fn creator(&self, submission: Submission) -> Option<&Identity> {
        let mut random = Random::of(self.spec.seed, submission.place);
        let clients = self.clients.get(..submission.clients);
        random.pick(clients.unwrap_or(&self.clients))
    }

    /// 24 bytes that no other transaction has.
    pub(super) fn nonce(&self, submission: Submission) -> Vec<u8> {
        let mut random = Random::of(self.spec.seed, submission.place);
        let mut nonce = Vec::with_capacity(24);
        // The first number of the stream chooses the creator.
        random.next();
        nonce.extend_from_slice(&random.next().to_be_bytes());
        nonce.extend_from_slice(&random.next().to_be_bytes()[..4]);
        nonce.extend_from_slice(&submission.place.block.to_be_bytes());
        nonce.extend_from_slice(&submission.place.tx.to_be_bytes());
        nonce
    }

    /// As many endorsers as a transaction has, of as many organizations as there are.
    pub(super) fn endorsers(&self, random: &mut Random) -> Vec<&Identity> {
        let org = random.index(self.peers.len());
        let peer = random.index(self.spec.peers);
        let endorser = |number: usize| {
            let lap = number / self.peers.len();
            let peers = self.peers.get((org + number) % self.peers.len())?;
            peers.get((peer + lap) % peers.len())
        };
        (0..self.spec.endorsements).filter_map(endorser).collect()
    }
}

/// The channel's organizations and configuration.
pub(super) fn found(spec: &WorkloadSpec) -> Network {
    let channel = ChannelSpec {
        channel: spec.channel.clone(),
        channel_capability: spec.channel_capability().to_owned(),
        application_capability: spec.application_capability.clone(),
        ..ChannelSpec::default()
    };
    let seed = Seed::new(spec.seed);
    let mut network = Network::with_keys(&seed, spec.orgs, spec.key_kind, channel);
    if spec.consenters > 0 {
        network = network.with_consenters(spec.consenters);
    }
    if !spec.node_ous {
        let Network { orgs, orderer, .. } = &mut network;
        for member in orgs.iter_mut().chain([orderer]) {
            without_node_ous(member);
        }
        network.reset_config();
    }
    network
}

/// Without node OUs, administrators are listed.
pub(super) fn without_node_ous(member: &mut Member) {
    let Organization { msp, .. } = &mut member.organization;
    msp.fabric_node_ous = None;
    let admin = SerializedIdentity::decode(member.admin.serialized()).unwrap_or_default();
    msp.admins = vec![admin.id_bytes];
}
