//! A channel's genesis block, as `configtxgen -outputBlock` makes it.
//!
//! Knows nothing of how the MSP folders came about: it reads them, and the nodes' TLS certificates.

use std::io;
use std::path::{Path, PathBuf};

use heddle::channel::{Bundle, ConfigError, EnvelopeHeaders};
use heddle::crypto::sha256_parts;
use heddle::msp::{LocalMspError, msp_config};
use heddle::proto::messages::common::{
    BlockDataHashingStructure, Config, ConfigEnvelope, ConfigGroup, Consenter, HashingAlgorithm,
    OrdererAddresses, Orderers,
};
use heddle::proto::messages::etcdraft::{self, ConfigMetadata};
use heddle::proto::messages::orderer::smartbft;
use heddle::proto::messages::orderer::{ChannelRestrictions, ConsensusType};
use heddle::sys::storage::read_file;
use heddle::testing::kit::{BlockSigning, Chain, Seed, bft_policy, implicit_policy};
use prost::Message as _;

use crate::groups::{
    add_policies, org_group, section_group, set, set_acls, set_anchor_peers, set_batch,
    set_capability, set_endpoints,
};
use crate::material::{node_folder, org_folder};
use crate::spec::{Channel, ChannelCapability, Consensus, Network, Org};

/// The largest certificate that is read.
const CERTIFICATE_BYTES_MAX: u64 = 1 << 20;

/// Why there is no genesis block.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GenesisError {
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Msp(#[from] LocalMspError),
    #[error("channel {channel}: Fabric would refuse the configuration: {source}")]
    Refused {
        channel: String,
        source: Box<ConfigError>,
    },
}

/// The genesis block of a channel whose organizations' folders are below `root`. `timestamp` in seconds
/// since 1970.
pub(crate) fn block(
    network: &Network,
    channel: &Channel,
    root: &Path,
    timestamp: u64,
    seed: &Seed,
) -> Result<Vec<u8>, GenesisError> {
    let maker = Maker {
        network,
        channel,
        root,
    };
    let config = ConfigEnvelope {
        config: Some(Config {
            sequence: 0,
            channel_group: Some(maker.channel_group()?),
        }),
        last_update: None,
    };
    let data = config.encode_to_vec();
    Bundle::from_genesis(&channel.name, &data).map_err(|source| GenesisError::Refused {
        channel: channel.name.to_string(),
        source: Box::new(source),
    })?;
    let nonce_seed = seed.child(channel.name.as_str()).child("nonce");
    let nonce = nonce_seed.bytes().get(..24).unwrap_or_default();
    let tx_id = sha256_parts(&[nonce]).0.map(|byte| format!("{byte:02x}"));
    let headers = EnvelopeHeaders {
        r#type: 1,
        version: 1,
        channel: channel.name.as_str(),
        timestamp: (timestamp, 0),
        tx_id: &tx_id.concat(),
        nonce,
        ..EnvelopeHeaders::default()
    };
    // Nobody signs it.
    let envelope = headers.envelope(&data, |_| Vec::new());
    let mut chain = Chain::new(BlockSigning::Raft(Vec::new()));
    Ok(chain.config_block(envelope))
}

struct Maker<'m> {
    network: &'m Network,
    channel: &'m Channel,
    root: &'m Path,
}

impl<'m> Maker<'m> {
    /// Fabric: `NewChannelGroup`.
    fn channel_group(&self) -> Result<ConfigGroup, GenesisError> {
        let capability = self.channel.capabilities.channel;
        let capability = capability.unwrap_or(ChannelCapability::V3_0);
        let mut group = section_group();
        add_policies(&mut group, &self.channel.channel_policies);
        let algorithm = HashingAlgorithm {
            name: "SHA256".to_owned(),
        };
        set(&mut group, "HashingAlgorithm", &algorithm);
        let structure = BlockDataHashingStructure { width: u32::MAX };
        set(&mut group, "BlockDataHashingStructure", &structure);
        if capability != ChannelCapability::V3_0 {
            // Clients and peers older than per-organization endpoints look here.
            let orgs = self.orgs(&self.channel.orderers);
            let nodes = orgs.flat_map(|org| &org.nodes);
            let addresses = OrdererAddresses {
                addresses: nodes.map(|node| node.address.to_string()).collect(),
            };
            set(&mut group, "OrdererAddresses", &addresses);
            if let Some(value) = group.values.get_mut("OrdererAddresses") {
                "/Channel/Orderer/Admins".clone_into(&mut value.mod_policy);
            }
        }
        set_capability(&mut group, capability.name());
        let orderer = self.orderer_group()?;
        group.groups.insert("Orderer".to_owned(), orderer);
        let application = self.application_group()?;
        group.groups.insert("Application".to_owned(), application);
        Ok(group)
    }

    /// Fabric: `NewOrdererGroup`.
    fn orderer_group(&self) -> Result<ConfigGroup, GenesisError> {
        let mut group = section_group();
        let validation = implicit_policy("Writers", "ANY");
        group
            .policies
            .insert("BlockValidation".to_owned(), validation);
        add_policies(&mut group, &self.channel.orderer_policies);
        set_batch(&mut group, &self.channel.batch);
        set(
            &mut group,
            "ChannelRestrictions",
            &ChannelRestrictions::default(),
        );
        let capability = self.channel.capabilities.orderer;
        set_capability(&mut group, capability.map_or("V2_0", |name| name.name()));
        let consenters = self.consenters()?;
        let consensus = match self.channel.consensus {
            Consensus::Raft => ConsensusType {
                r#type: "etcdraft".to_owned(),
                metadata: raft_metadata(&consenters).encode_to_vec(),
                state: 0,
            },
            Consensus::Bft => {
                // Whatever else was asked for.
                let policy = bft_policy(&consenters);
                group.policies.insert("BlockValidation".to_owned(), policy);
                let orderers = Orderers {
                    consenter_mapping: consenters,
                };
                set(&mut group, "Orderers", &orderers);
                ConsensusType {
                    r#type: "BFT".to_owned(),
                    metadata: bft_options().encode_to_vec(),
                    state: 0,
                }
            }
        };
        set(&mut group, "ConsensusType", &consensus);
        for org in self.orgs(&self.channel.orderers) {
            let mut made = org_group(&org.msp_id, self.msp(org)?, false);
            add_policies(&mut made, &org.policies);
            let endpoints = org.nodes.iter().map(|node| node.address.to_string());
            let endpoints: Vec<String> = endpoints.collect();
            if !endpoints.is_empty() {
                set_endpoints(&mut made, &endpoints);
            }
            group.groups.insert(org.name.clone(), made);
        }
        Ok(group)
    }

    /// Fabric: `NewApplicationGroup`.
    fn application_group(&self) -> Result<ConfigGroup, GenesisError> {
        let mut group = section_group();
        for name in ["Endorsement", "LifecycleEndorsement"] {
            let policy = implicit_policy("Endorsement", "MAJORITY");
            group.policies.insert(name.to_owned(), policy);
        }
        add_policies(&mut group, &self.channel.application_policies);
        if !self.channel.acls.is_empty() {
            set_acls(&mut group, &self.channel.acls);
        }
        let capability = self.channel.capabilities.application;
        set_capability(&mut group, capability.map_or("V2_5", |name| name.name()));
        for org in self.orgs(&self.channel.orgs) {
            let mut made = org_group(&org.msp_id, self.msp(org)?, true);
            add_policies(&mut made, &org.policies);
            set_anchor_peers(&mut made, &org.anchor_peers);
            group.groups.insert(org.name.clone(), made);
        }
        Ok(group)
    }

    fn orgs(&self, indexes: &'m [usize]) -> impl Iterator<Item = &'m Org> + use<'m> {
        let orgs = &self.network.orgs;
        indexes.iter().filter_map(move |&index| orgs.get(index))
    }

    fn msp(&self, org: &Org) -> Result<Vec<u8>, GenesisError> {
        let folder = self.root.join(org_folder(org)).join("msp");
        Ok(msp_config(&folder, &org.msp_id)?)
    }

    /// All ordering nodes, with ids from 1 on.
    fn consenters(&self) -> Result<Vec<Consenter>, GenesisError> {
        let orgs = self.orgs(&self.channel.orderers);
        let nodes = orgs.flat_map(|org| org.nodes.iter().map(move |node| (org, node)));
        let mut consenters = Vec::new();
        for (id, (org, node)) in (1..).zip(nodes) {
            let folder = self.root.join(node_folder(org, &node.host));
            let tls = read(folder.join("tls").join("server.crt"))?;
            let signcert = format!("{}-cert.pem", node.host);
            consenters.push(Consenter {
                id,
                host: node.address.host.clone(),
                port: u32::from(node.address.port),
                msp_id: org.msp_id.clone(),
                identity: read(folder.join("msp").join("signcerts").join(signcert))?,
                client_tls_cert: tls.clone(),
                server_tls_cert: tls,
            });
        }
        Ok(consenters)
    }
}

fn read(path: PathBuf) -> Result<Vec<u8>, GenesisError> {
    read_file(&path, CERTIFICATE_BYTES_MAX).map_err(|source| GenesisError::Read { path, source })
}

/// Fabric: `internal/configtxgen/genesisconfig/config.go:genesisDefaults`.
fn raft_metadata(consenters: &[Consenter]) -> ConfigMetadata {
    let consenters = consenters.iter().map(|consenter| etcdraft::Consenter {
        host: consenter.host.clone(),
        port: consenter.port,
        client_tls_cert: consenter.client_tls_cert.clone(),
        server_tls_cert: consenter.server_tls_cert.clone(),
    });
    ConfigMetadata {
        consenters: consenters.collect(),
        options: Some(etcdraft::Options {
            tick_interval: "500ms".to_owned(),
            election_tick: 10,
            heartbeat_tick: 1,
            max_inflight_blocks: 5,
            snapshot_interval_size: 16 << 20,
        }),
    }
}

/// Fabric: SmartBFT's `pkg/types/config.go:DefaultConfig`; rotation off, as configtxgen sets it.
fn bft_options() -> smartbft::Options {
    smartbft::Options {
        request_batch_max_count: 100,
        request_batch_max_bytes: 10 << 20,
        request_batch_max_interval: "50ms".to_owned(),
        incoming_message_buffer_size: 200,
        request_pool_size: 400,
        request_forward_timeout: "2s".to_owned(),
        request_complain_timeout: "20s".to_owned(),
        request_auto_remove_timeout: "3m0s".to_owned(),
        view_change_resend_interval: "5s".to_owned(),
        view_change_timeout: "20s".to_owned(),
        leader_heartbeat_timeout: "1m0s".to_owned(),
        leader_heartbeat_count: 10,
        collect_timeout: "1s".to_owned(),
        ..smartbft::Options::default()
    }
}
