//! A channel and everybody in it.

use prost::Message as _;

use super::authority::NodeRole;
use super::chain::{BlockSigning, Chain};
use super::config::ChannelSpec;
use super::identity::Identity;
use super::key::KeyKind;
use super::organization::Organization;
use super::seed::Seed;
use super::update::config_envelope;
use super::wire::Wire;
use crate::proto::messages::common::{Config, Consenter};

/// An organization of a channel, with one identity of each role.
#[derive(Debug, Clone)]
pub struct Member {
    /// The organization.
    pub organization: Organization,
    /// A peer.
    pub peer: Identity,
    /// An application's user.
    pub client: Identity,
    /// An administrator.
    pub admin: Identity,
    /// An ordering node.
    pub orderer: Identity,
}

impl Member {
    /// An organization's usual identities.
    #[must_use]
    pub fn new(organization: Organization) -> Self {
        Self {
            peer: organization.enroll("peer0", NodeRole::Peer),
            client: organization.enroll("user1", NodeRole::Client),
            admin: organization.enroll("admin", NodeRole::Admin),
            orderer: organization.enroll("orderer0", NodeRole::Orderer),
            organization,
        }
    }

    /// Its MSP.
    #[must_use]
    pub fn msp_id(&self) -> &str {
        &self.organization.msp_id
    }
}

/// A channel, its organizations and its configuration.
#[derive(Debug, Clone)]
pub struct Network {
    /// What the channel is like.
    pub spec: ChannelSpec,
    /// Application organizations, `Org1` and so on.
    pub orgs: Vec<Member>,
    /// The orderers' organization.
    pub orderer: Member,
    /// The ordering nodes of a BFT cluster, with ids from 1 on; none for raft.
    pub consenters: Vec<Identity>,
    /// The configuration now.
    pub config: Config,
}

impl Network {
    /// A channel with so many organizations, and orderers of one more.
    #[must_use]
    pub fn new(seed: &Seed, orgs: usize, spec: ChannelSpec) -> Self {
        Self::with_keys(seed, orgs, KeyKind::P256, spec)
    }

    /// The same with keys of another kind.
    #[must_use]
    pub fn with_keys(seed: &Seed, orgs: usize, kind: KeyKind, spec: ChannelSpec) -> Self {
        let org = |name: &str| Member::new(Organization::new(name, kind, seed));
        let mut network = Self {
            spec,
            orgs: (1..=orgs)
                .map(|number| org(&format!("Org{number}")))
                .collect(),
            orderer: org("Orderer"),
            consenters: Vec::new(),
            config: Config::default(),
        };
        network.reset_config();
        network
    }

    /// With a BFT cluster of `nodes` ordering nodes.
    #[must_use]
    pub fn with_consenters(mut self, nodes: usize) -> Self {
        let org = &self.orderer.organization;
        self.consenters = (0..nodes)
            .map(|node| org.enroll(&format!("consenter{node}"), NodeRole::Orderer))
            .collect();
        self.reset_config();
        self
    }

    /// Makes the configuration anew from the organizations as they are now.
    pub fn reset_config(&mut self) {
        let application: Vec<&Organization> =
            self.orgs.iter().map(|org| &org.organization).collect();
        let mapping: Vec<Consenter> = (1..).zip(&self.consenters).map(consenter).collect();
        let group = self
            .spec
            .channel_group(&application, &[&self.orderer.organization], &mapping);
        self.config = Config {
            sequence: 0,
            channel_group: Some(group),
        };
    }

    /// The channel's name.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.spec.channel
    }

    /// Who signs blocks, and how.
    #[must_use]
    pub fn block_signing(&self) -> BlockSigning {
        if self.consenters.is_empty() {
            BlockSigning::Raft(vec![self.orderer.orderer.clone()])
        } else {
            BlockSigning::Bft((1..).zip(self.consenters.iter().cloned()).collect())
        }
    }

    /// The channel's genesis block with the configuration as it is now, and the chain behind it.
    #[must_use]
    pub fn found(&self) -> (Chain, Vec<u8>) {
        let data = Wire::new().element(1, self.config.encode_to_vec()).done();
        let envelope = config_envelope(self.channel(), &self.orderer.orderer, &data);
        let mut chain = Chain::new(self.block_signing());
        let block = chain.config_block(envelope);
        (chain, block)
    }
}

fn consenter((id, identity): (u32, &Identity)) -> Consenter {
    use crate::proto::messages::msp::SerializedIdentity;
    let named = SerializedIdentity::decode(identity.serialized()).unwrap_or_default();
    Consenter {
        id,
        host: format!("consenter{id}.example.com"),
        port: 7050,
        msp_id: named.mspid,
        identity: named.id_bytes,
        ..Consenter::default()
    }
}
