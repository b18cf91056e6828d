//! Capabilities: which rules the whole channel agreed to follow.
//!
//! Knows the names of Fabric v3 and what each switches on. What a rule then does is the business of
//! whoever asks for it.

use std::collections::BTreeSet;

use crate::msp::MspVersion;

use super::error::{CapabilityLevel, ConfigError};

const CHANNEL_NAMES: &[&str] = &["V1_1", "V1_3", "V1_4_2", "V1_4_3", "V2_0", "V3_0"];

const APPLICATION_NAMES: &[&str] = &[
    "V1_1",
    "V1_2",
    "V1_3",
    "V1_4_2",
    "V2_0",
    "V2_5",
    "V1_1_PVTDATA_EXPERIMENTAL",
    "V1_1_RESOURCETREE_EXPERIMENTAL",
];

/// What a channel's capabilities switch on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    channel: BTreeSet<Box<str>>,
    application: BTreeSet<Box<str>>,
    orderer: BTreeSet<Box<str>>,
}

impl Capabilities {
    /// The three sets of names. Nothing is refused yet.
    pub(super) fn new(
        channel: BTreeSet<Box<str>>,
        application: BTreeSet<Box<str>>,
        orderer: BTreeSet<Box<str>>,
    ) -> Self {
        Self {
            channel,
            application,
            orderer,
        }
    }

    /// Refuses what this peer does not know. The orderer's are not the peer's concern.
    ///
    /// Fabric: `core/peer/channel.go:capabilitiesSupportedOrPanic`.
    pub(super) fn check_supported(&self) -> Result<(), ConfigError> {
        let levels = [
            (CapabilityLevel::Channel, &self.channel, CHANNEL_NAMES),
            (
                CapabilityLevel::Application,
                &self.application,
                APPLICATION_NAMES,
            ),
        ];
        for (level, required, known) in levels {
            if let Some(name) = required.iter().find(|name| !known.contains(&name.as_ref())) {
                return Err(ConfigError::UnsupportedCapability {
                    level,
                    name: name.to_string(),
                });
            }
        }
        Ok(())
    }

    /// The channel level's names in order.
    pub fn channel_names(&self) -> impl Iterator<Item = &str> {
        self.channel.iter().map(AsRef::as_ref)
    }

    /// The application level's names in order.
    pub fn application_names(&self) -> impl Iterator<Item = &str> {
        self.application.iter().map(AsRef::as_ref)
    }

    /// The orderer level's names in order.
    pub fn orderer_names(&self) -> impl Iterator<Item = &str> {
        self.orderer.iter().map(AsRef::as_ref)
    }

    /// By which rules MSPs are set up and identities are judged: the highest capability decides.
    ///
    /// Fabric: `common/capabilities/channel.go:MSPVersion`.
    #[must_use]
    pub fn msp_version(&self) -> MspVersion {
        if self.channel_has_any(&["V3_0"]) {
            MspVersion::V3_0
        } else if self.channel_has_any(&["V1_4_3", "V2_0"]) {
            MspVersion::V1_4_3
        } else if self.channel_has_any(&["V1_3", "V1_4_2"]) {
            MspVersion::V1_3
        } else if self.channel_has_any(&["V1_1"]) {
            MspVersion::V1_1
        } else {
            MspVersion::V1_0
        }
    }

    /// Whether block signatures may be in BFT form, and endpoints must be the organizations'.
    #[must_use]
    pub fn bft(&self) -> bool {
        self.channel_has_any(&["V3_0"])
    }

    /// Whether orderer organizations may have endpoints of their own.
    #[must_use]
    pub fn org_specific_orderer_endpoints(&self) -> bool {
        self.channel_has_any(&["V1_4_2", "V1_4_3", "V2_0", "V3_0"])
    }

    /// Whether an update may change the consensus type.
    #[must_use]
    pub fn consensus_type_migration(&self) -> bool {
        self.org_specific_orderer_endpoints()
    }

    /// What the application level switches on.
    #[must_use]
    pub fn application(&self) -> ApplicationCapabilities {
        ApplicationCapabilities::new(|name| self.application.contains(name))
    }

    fn channel_has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|&name| self.channel.contains(name))
    }
}

/// What the application level's capabilities switch on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ApplicationCapabilities {
    /// V1_1 on: of two transactions with one id in a block, the second is invalid.
    pub forbid_duplicate_tx_id: bool,
    /// V1_1 on: the validation rules of v1.1.
    pub v1_1_validation: bool,
    /// V1_2 on: the validation rules of v1.2.
    pub v1_2_validation: bool,
    /// V1_3 on: the validation rules of v1.3.
    pub v1_3_validation: bool,
    /// V2_0 on: the validation rules of v2.0.
    pub v2_0_validation: bool,
    /// V1_2 on, or the v1.1 experiment: private data collections.
    pub private_data: bool,
    /// V1_2 on: a chaincode's upgrade may change its collections.
    pub collection_upgrade: bool,
    /// V1_2 on: the configuration may have ACLs.
    pub acls: bool,
    /// V1_3 on: keys may have endorsement policies of their own.
    pub key_level_endorsement: bool,
    /// V1_4_2 on: private data of invalid transactions is kept.
    pub store_private_data_of_invalid_tx: bool,
    /// V2_0 on: chaincodes are defined with `_lifecycle`.
    pub lifecycle_v2_0: bool,
    /// V2_5: chaincodes may purge private data.
    pub purge_private_data: bool,
}

impl ApplicationCapabilities {
    /// Fabric: `common/capabilities/application.go`.
    fn new(has: impl Fn(&str) -> bool) -> Self {
        let v2_5 = has("V2_5");
        let v2_0 = v2_5 || has("V2_0");
        let v1_4_2 = v2_0 || has("V1_4_2");
        let v1_3 = v1_4_2 || has("V1_3");
        let v1_2 = v1_3 || has("V1_2");
        let v1_1 = v1_2 || has("V1_1");
        Self {
            forbid_duplicate_tx_id: v1_1,
            v1_1_validation: v1_1,
            v1_2_validation: v1_2,
            v1_3_validation: v1_3,
            v2_0_validation: v2_0,
            private_data: v1_2 || has("V1_1_PVTDATA_EXPERIMENTAL"),
            collection_upgrade: v1_2,
            acls: v1_2,
            key_level_endorsement: v1_3,
            store_private_data_of_invalid_tx: v1_4_2,
            lifecycle_v2_0: v2_0,
            purge_private_data: v2_5,
        }
    }
}
