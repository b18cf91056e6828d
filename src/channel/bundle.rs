//! The bundle: a configuration that was accepted, and what it means.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::limits::{CONFIG_GROUP_DEPTH_MAX, CONFIG_MESSAGE_DEPTH_MAX, WORKER_STACK_BYTES};
use crate::msp::MspManager;
use crate::policy::PolicyTree;
use crate::proto::config::{Config, ConfigEnvelope};
use crate::proto::wire::{Message, WireError};
use crate::types::ChannelId;

use super::application::ApplicationOrg;
use super::capabilities::Capabilities;
use super::error::{ConfigError, Part};
use super::lifecycle::{ImplicitCollectionPolicy, LifecycleDefaults};
use super::orderer::OrdererConfig;
use super::sections::{Consortiums, Sections};
use super::{transition, update};

/// A channel at one height: what its configuration means.
#[derive(Debug)]
pub struct Bundle {
    channel_id: ChannelId,
    sequence: u64,
    /// The serialized `common.ConfigEnvelope`; decoded anew where the tree is needed (rarely).
    envelope: Box<[u8]>,
    pub(super) capabilities: Capabilities,
    pub(super) application_orgs: Vec<ApplicationOrg>,
    acls: BTreeMap<String, String>,
    pub(super) orderer: OrdererConfig,
    pub(super) consortiums: Option<Consortiums>,
    msps: Arc<MspManager>,
    policies: PolicyTree,
    lifecycle: LifecycleDefaults,
}

impl Bundle {
    /// The bundle of a configuration that needs no predecessor: a genesis block's, or the one that
    /// the world state holds. `config_envelope` is a serialized `common.ConfigEnvelope`.
    ///
    /// # Errors
    /// Where Fabric's peer would not run the channel with this configuration.
    ///
    /// Fabric: `common/channelconfig/bundle.go:NewBundle`, `core/peer/channel.go`.
    pub fn from_genesis(channel: &ChannelId, config_envelope: &[u8]) -> Result<Self, ConfigError> {
        on_deep_stack(|| Self::build(channel, &decode_envelope(config_envelope)?, config_envelope))
    }

    /// The bundle that follows this one. `config_envelope` is the `Payload.data` of a CONFIG
    /// transaction.
    ///
    /// # Errors
    /// Where Fabric's peer would stop: the update does not fit or is not authorized, or the new
    /// configuration is not valid.
    ///
    /// Fabric: `core/peer/channel.go:Apply`.
    pub fn apply(&self, config_envelope: &[u8]) -> Result<Self, ConfigError> {
        on_deep_stack(|| {
            let envelope = decode_envelope(config_envelope)?;
            update::check(self, &envelope)?;
            let next = Self::build(&self.channel_id, &envelope, config_envelope)?;
            transition::check(self, &next)?;
            Ok(next)
        })
    }

    fn build(
        channel: &ChannelId,
        envelope: &ConfigEnvelope<'_>,
        bytes: &[u8],
    ) -> Result<Self, ConfigError> {
        let missing = |missing| ConfigError::Incomplete {
            part: Part::ConfigEnvelope,
            missing,
        };
        let config = envelope.config.as_ref().ok_or_else(|| missing("config"))?;
        let root = config
            .channel_group
            .as_ref()
            .ok_or_else(|| missing("channel group"))?;
        let sections = Sections::read(root)?;
        let policies = PolicyTree::new(root)?;
        Ok(Self {
            channel_id: channel.clone(),
            sequence: config.sequence,
            envelope: bytes.into(),
            lifecycle: LifecycleDefaults::new(&sections.application.orgs, &policies),
            capabilities: sections.capabilities,
            application_orgs: sections.application.orgs,
            acls: sections.application.acls,
            orderer: sections.orderer,
            consortiums: sections.consortiums,
            msps: Arc::new(MspManager::new(sections.msps)),
            policies,
        })
    }

    /// The channel's name.
    #[must_use]
    pub fn channel_id(&self) -> &ChannelId {
        &self.channel_id
    }

    /// How many updates led to this configuration.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The MSPs of all sections: who can sign at all.
    #[must_use]
    pub fn msps(&self) -> &Arc<MspManager> {
        &self.msps
    }

    /// The policies of all groups.
    #[must_use]
    pub fn policies(&self) -> &PolicyTree {
        &self.policies
    }

    /// Which rules are in force.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The application organizations, in the order of their groups' names.
    #[must_use]
    pub fn application_orgs(&self) -> &[ApplicationOrg] {
        &self.application_orgs
    }

    /// The ordering service.
    #[must_use]
    pub fn orderer(&self) -> &OrdererConfig {
        &self.orderer
    }

    /// The absolute path of the policy that guards a resource, by the resource's name. Resources
    /// without an entry have their default.
    #[must_use]
    pub fn acls(&self) -> &BTreeMap<String, String> {
        &self.acls
    }

    /// The serialized `common.ConfigEnvelope`.
    #[must_use]
    pub fn config_envelope(&self) -> &[u8] {
        &self.envelope
    }

    /// The MSP ids of the application organizations, sorted, one for each organization's group.
    #[must_use]
    pub fn application_msp_ids(&self) -> &[Arc<str>] {
        &self.lifecycle.msp_ids
    }

    /// Whether policy [`LIFECYCLE_ENDORSEMENT`](super::LIFECYCLE_ENDORSEMENT) exists.
    #[must_use]
    pub fn has_lifecycle_endorsement(&self) -> bool {
        self.lifecycle.has_lifecycle_endorsement
    }

    /// Who must endorse writes into the implicit collection of the organization with this MSP;
    /// `None` where no application organization has it.
    #[must_use]
    pub fn implicit_collection_policy(&self, msp_id: &str) -> Option<&ImplicitCollectionPolicy> {
        self.lifecycle.implicit_policies.get(msp_id)
    }

    /// The configuration, decoded anew.
    pub(super) fn decode_config(&self) -> Result<Config<'_>, ConfigError> {
        Ok(decode_envelope(&self.envelope)?.config.unwrap_or_default())
    }
}

/// Decodes a config envelope, whose groups may not be nested deeper than any valid one's.
fn decode_envelope(bytes: &[u8]) -> Result<ConfigEnvelope<'_>, ConfigError> {
    let mut envelope = ConfigEnvelope::default();
    match envelope.merge(bytes, CONFIG_MESSAGE_DEPTH_MAX) {
        Ok(()) => Ok(envelope),
        Err(WireError::Depth) => Err(ConfigError::GroupsTooDeep {
            max: CONFIG_GROUP_DEPTH_MAX,
        }),
        Err(source) => Err(ConfigError::Undecodable {
            part: Part::ConfigEnvelope,
            source,
        }),
    }
}

/// Does `work` on a thread whose stack is deep enough for whatever decodes: callers need not know
/// how deep hostile updates and policies nest. Config blocks are rare, threads are cheap.
pub(super) fn on_deep_stack<T: Send>(
    work: impl FnOnce() -> Result<T, ConfigError> + Send,
) -> Result<T, ConfigError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("channel-config".to_owned())
            .stack_size(WORKER_STACK_BYTES)
            .spawn_scoped(scope, work);
        match thread {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(source) => Err(ConfigError::Thread {
                stack_bytes: WORKER_STACK_BYTES,
                source,
            }),
        }
    })
}
