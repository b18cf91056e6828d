//! The orderer section: how blocks are cut, who orders them, and where to reach them.
//!
//! The peer never enforces batch sizes on blocks; a configuration that has bad ones is refused all
//! the same, as Fabric does.

use std::sync::Arc;
use std::time::Duration;

use crate::proto::config::{self, ConfigGroup};
use crate::proto::wire::put_bytes;
use crate::types::duration;

use super::capabilities::Capabilities;
use super::error::ConfigError;
use super::msps::{MSP, MspRegistry};
use super::values;

const VALUES: &[&str] = &[
    "ConsensusType",
    "BatchSize",
    "BatchTimeout",
    "KafkaBrokers",
    "ChannelRestrictions",
    "Orderers",
    "Capabilities",
];

const ORG_VALUES: &[&str] = &["Endpoints", MSP];

/// Path of the section.
pub(super) const PATH: &str = "/Channel/Orderer";

/// What a channel's configuration says of its ordering service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrdererConfig {
    /// `etcdraft`, `BFT`, `solo`, `kafka`.
    pub consensus_type: String,
    /// The consensus type's own data, not interpreted.
    pub consensus_metadata: Vec<u8>,
    /// NORMAL 0, MAINTENANCE 1.
    pub consensus_state: i32,
    /// When a block is full.
    pub batch_size: BatchSize,
    /// When a block is cut that is not full.
    pub batch_timeout: Duration,
    /// Channels that an orderer may have, 0 for any number.
    pub channels_max: u64,
    /// The consenters of a BFT channel, in the configuration's order.
    pub consenters: Vec<Consenter>,
    /// The orderer organizations in the order of their groups' names.
    pub orgs: Vec<OrdererOrg>,
    /// Orderer addresses that belong to no organization (none with V3_0).
    pub global_addresses: Vec<String>,
}

/// When a block is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSize {
    /// Transactions in a block at most.
    pub message_count_max: u32,
    /// Bytes of a block at most.
    pub absolute_bytes_max: u32,
    /// Bytes of a block, unless one transaction alone is larger.
    pub preferred_bytes_max: u32,
}

/// A consenter of a BFT channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consenter {
    /// The id in block signatures.
    pub id: u32,
    /// Where it listens.
    pub host: String,
    /// Where it listens.
    pub port: u32,
    /// Its MSP.
    pub msp_id: String,
    /// Its certificate, PEM.
    pub identity: Vec<u8>,
    /// Its TLS client certificate, PEM.
    pub client_tls_cert: Vec<u8>,
    /// Its TLS server certificate, PEM.
    pub server_tls_cert: Vec<u8>,
    /// The `msp.SerializedIdentity` of `msp_id` and `identity`, empty where both are.
    pub serialized_identity: Vec<u8>,
}

/// An orderer organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrdererOrg {
    /// Name of its group.
    pub group_name: String,
    /// Its MSP.
    pub msp_id: Arc<str>,
    /// `host:port` of its orderers.
    pub endpoints: Vec<String>,
}

impl OrdererConfig {
    /// Reads the section.
    ///
    /// Fabric: `common/channelconfig/orderer.go:NewOrdererConfig`.
    pub(super) fn read<'a>(
        group: &ConfigGroup<'a>,
        capabilities: &Capabilities,
        global_addresses: Vec<String>,
        msps: &mut MspRegistry<'a>,
    ) -> Result<Self, ConfigError> {
        values::check_known(group, PATH, VALUES)?;
        let consensus: config::ConsensusType<'_> = values::read(group, PATH, "ConsensusType")?;
        let restrictions: config::ChannelRestrictions =
            values::read(group, PATH, "ChannelRestrictions")?;
        let orderers: config::Orderers<'_> = values::read(group, PATH, "Orderers")?;
        // Nothing looks at these two, but what does not decode makes the configuration invalid.
        values::read::<config::KafkaBrokers<'_>>(group, PATH, "KafkaBrokers")?;
        values::read::<config::Capabilities<'_>>(group, PATH, "Capabilities")?;
        let batch_size = BatchSize::read(group)?;
        let batch_timeout = read_batch_timeout(group)?;
        let mut orgs = Vec::with_capacity(group.groups.len());
        for (name, org) in &group.groups {
            orgs.push(OrdererOrg::read(name, org, capabilities, msps)?);
        }
        if capabilities.bft()
            && let Some(org) = orgs.iter().find(|org| org.endpoints.is_empty())
        {
            return Err(ConfigError::NoEndpoints {
                org: org.group_name.clone(),
            });
        }
        Ok(Self {
            consensus_type: consensus.r#type.to_owned(),
            consensus_metadata: consensus.metadata.to_vec(),
            consensus_state: consensus.state,
            batch_size,
            batch_timeout,
            channels_max: restrictions.max_count,
            consenters: orderers
                .consenter_mapping
                .iter()
                .map(Consenter::new)
                .collect(),
            orgs,
            global_addresses,
        })
    }
}

impl OrdererConfig {
    /// The consenter whose id a block signature names: the first one that has it.
    ///
    /// Fabric: `protoutil/blockutils.go:searchConsenterIdentityByID`.
    #[must_use]
    pub fn consenter(&self, id: u32) -> Option<&Consenter> {
        self.consenters.iter().find(|consenter| consenter.id == id)
    }
}

impl BatchSize {
    fn read(group: &ConfigGroup<'_>) -> Result<Self, ConfigError> {
        let size: config::BatchSize = values::read(group, PATH, "BatchSize")?;
        let fields = [
            ("max_message_count", size.max_message_count),
            ("absolute_max_bytes", size.absolute_max_bytes),
            ("preferred_max_bytes", size.preferred_max_bytes),
        ];
        if let Some(&(field, _)) = fields.iter().find(|&&(_, value)| value == 0) {
            return Err(ConfigError::BatchSizeZero { field });
        }
        if size.preferred_max_bytes > size.absolute_max_bytes {
            return Err(ConfigError::BatchSizePreferred {
                preferred: size.preferred_max_bytes,
                absolute: size.absolute_max_bytes,
            });
        }
        Ok(Self {
            message_count_max: size.max_message_count,
            absolute_bytes_max: size.absolute_max_bytes,
            preferred_bytes_max: size.preferred_max_bytes,
        })
    }
}

fn read_batch_timeout(group: &ConfigGroup<'_>) -> Result<Duration, ConfigError> {
    let timeout: config::BatchTimeout<'_> = values::read(group, PATH, "BatchTimeout")?;
    let nanos = duration::nanos(timeout.timeout).map_err(|source| ConfigError::BatchTimeout {
        found: timeout.timeout.to_owned(),
        source,
    })?;
    match u64::try_from(nanos) {
        Ok(nanos) if nanos > 0 => Ok(Duration::from_nanos(nanos)),
        _ => Err(ConfigError::BatchTimeoutNotPositive {
            found: timeout.timeout.to_owned(),
        }),
    }
}

impl Consenter {
    fn new(consenter: &config::Consenter<'_>) -> Self {
        let mut serialized_identity = Vec::new();
        put_bytes(&mut serialized_identity, 1, consenter.msp_id.as_bytes());
        put_bytes(&mut serialized_identity, 2, consenter.identity);
        Self {
            serialized_identity,
            id: consenter.id,
            host: consenter.host.to_owned(),
            port: consenter.port,
            msp_id: consenter.msp_id.to_owned(),
            identity: consenter.identity.to_vec(),
            client_tls_cert: consenter.client_tls_cert.to_vec(),
            server_tls_cert: consenter.server_tls_cert.to_vec(),
        }
    }
}

impl OrdererOrg {
    /// Fabric: `common/channelconfig/orderer.go:NewOrdererOrgConfig`.
    fn read<'a>(
        name: &str,
        group: &ConfigGroup<'a>,
        capabilities: &Capabilities,
        msps: &mut MspRegistry<'a>,
    ) -> Result<Self, ConfigError> {
        let path = format!("{PATH}/{name}");
        values::check_no_groups(group, &path, "none in an orderer organization")?;
        if !capabilities.org_specific_orderer_endpoints() && group.values.contains_key("Endpoints")
        {
            return Err(ConfigError::EndpointsTooEarly {
                org: name.to_owned(),
            });
        }
        values::check_known(group, &path, ORG_VALUES)?;
        let endpoints: config::OrdererAddresses<'_> = values::read(group, &path, "Endpoints")?;
        Ok(Self {
            group_name: name.to_owned(),
            msp_id: msps.define(group, &path)?,
            endpoints: endpoints
                .addresses
                .iter()
                .map(|&address| address.to_owned())
                .collect(),
        })
    }
}
