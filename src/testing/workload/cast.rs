//! Everybody who signs: clients that submit, peers that endorse, and those who are no good.

use std::sync::Arc;

use prost::Message as _;
use rayon::prelude::*;

use super::place::Place;
use super::random::Random;
use super::spec::WorkloadSpec;
use crate::proto::messages::msp::SerializedIdentity;
use crate::testing::kit::{
    ChannelSpec, Identity, Member, Network, NodeRole, Organization, Seed, WrongSigner,
};

/// Who takes part.
#[derive(Debug, Clone)]
pub(super) struct Cast {
    pub(super) spec: WorkloadSpec,
    /// Clients of all organizations.
    pub(super) clients: Vec<Identity>,
    /// Peers of each organization that endorses.
    pub(super) peers: Vec<Vec<Identity>>,
    /// A client of each of them.
    pub(super) first_clients: Vec<Identity>,
    /// A peer of each of them whose signatures are not good.
    pub(super) cheats: Vec<Identity>,
    /// A member of an organization that the channel does not know.
    pub(super) stranger: Identity,
    /// Somebody with a certificate by another authority than that of the organization.
    pub(super) forger: Identity,
}

/// Who submits a transaction, and under which nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Submission {
    /// Where nonce and creator were first used.
    pub(super) place: Place,
    /// How many clients there were.
    pub(super) clients: usize,
}

impl Cast {
    /// The members of a new channel.
    pub(super) fn of(spec: &WorkloadSpec, network: &Network) -> Self {
        let clients: Vec<_> = network.orgs.iter().map(|org| clients(spec, org)).collect();
        let peers: Vec<_> = network
            .orgs
            .iter()
            .map(|org| enroll(org, NodeRole::Peer, "peer", spec.peers))
            .collect();
        let first = |identities: &Vec<Identity>| identities.first().cloned();
        let cheat = |peer: Identity| {
            let signer = WrongSigner(Arc::clone(peer.signer()));
            Identity::from_serialized(peer.serialized().to_vec(), Arc::new(signer))
        };
        let outside = |name: &str, seed: &str| {
            let seed = Seed::new(spec.seed).child(seed);
            Organization::new(name, spec.key_kind, &seed).enroll("user0", NodeRole::Client)
        };
        Self {
            spec: spec.clone(),
            first_clients: clients.iter().filter_map(first).collect(),
            cheats: peers.iter().filter_map(first).map(cheat).collect(),
            clients: clients.concat(),
            peers,
            stranger: outside("Nobody", "stranger"),
            forger: outside("Org1", "forger"),
        }
    }

    /// An organization has joined the channel.
    pub(super) fn admit(&mut self, member: &Member) {
        self.clients.extend(clients(&self.spec, member));
    }

    /// Who submits.
    pub(super) fn creator(&self, submission: Submission) -> &Identity {
        let mut random = Random::of(self.spec.seed, submission.place);
        let clients = self.clients.get(..submission.clients);
        let creator = random.pick(clients.unwrap_or(&self.clients));
        creator.unwrap_or(&self.stranger)
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
            let lap = number.checked_div(self.peers.len())?;
            let peers = self.peers.get((org + number) % self.peers.len())?;
            peers.get((peer + lap) % self.spec.peers)
        };
        (0..self.spec.endorsements).filter_map(endorser).collect()
    }

    /// A peer of one organization.
    pub(super) fn endorser_of(&self, org: usize, random: &mut Random) -> Vec<&Identity> {
        let peers = self.peers.get(org).map_or(&[][..], Vec::as_slice);
        random.pick(peers).into_iter().collect()
    }

    /// One peer of each organization.
    pub(super) fn one_of_each(&self) -> Vec<&Identity> {
        self.peers
            .iter()
            .filter_map(|peers| peers.first())
            .collect()
    }
}

fn clients(spec: &WorkloadSpec, org: &Member) -> Vec<Identity> {
    enroll(org, NodeRole::Client, "user", spec.clients)
}

fn enroll(org: &Member, role: NodeRole, name: &str, count: usize) -> Vec<Identity> {
    let one = |number| org.organization.enroll(&format!("{name}{number}"), role);
    (0..count).into_par_iter().map(one).collect()
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
    if !spec.node_ous {
        let Network { orgs, orderer, .. } = &mut network;
        for member in orgs.iter_mut().chain([orderer]) {
            without_node_ous(member);
        }
        network.reset_config();
    }
    if spec.consenters > 0 {
        network = network.with_consenters(spec.consenters);
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
