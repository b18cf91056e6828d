//! What a workload is to be like, and which wishes contradict each other.

use super::fault::Fault;
use crate::limits;
use crate::testing::kit::KeyKind;
use crate::types::{ChannelId, InvalidChannelId, ValidationCode};

/// Versions of capabilities in the order in which they came.
const APPLICATION_CAPABILITIES: [&str; 6] = ["V1_1", "V1_2", "V1_3", "V1_4_2", "V2_0", "V2_5"];
const CHANNEL_CAPABILITIES: [&str; 6] = ["V1_1", "V1_3", "V1_4_2", "V1_4_3", "V2_0", "V3_0"];

/// What a workload is to be like. The same specification gives the same bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadSpec {
    /// Where all chance comes from.
    pub seed: u64,
    /// The channel's name.
    pub channel: String,
    /// Blocks of the workload itself: genesis, definitions, filling and config updates come on top.
    pub blocks: u64,
    /// Transactions in each of them.
    pub txs: usize,

    /// Application organizations.
    pub orgs: usize,
    /// Peers of each: who endorses.
    pub peers: usize,
    /// Clients of each: who submits.
    pub clients: usize,
    /// The kind of everybody's keys.
    pub key_kind: KeyKind,
    /// Whether certificates tell their holder's role.
    pub node_ous: bool,
    /// The channel capability; `None` for the lowest one that does.
    pub channel_capability: Option<String>,
    /// The application capability.
    pub application_capability: String,
    /// Ordering nodes of a BFT cluster; 0 for raft.
    pub consenters: usize,

    /// Endorsements of each transaction.
    pub endorsements: usize,
    /// Organizations that must endorse; `None` for two, or one where transactions have one endorsement.
    pub required: Option<usize>,

    /// From how many keys transactions draw; 0 for keys of their own.
    pub keys: u64,
    /// Whether all these keys are written before the workload begins.
    pub fill: bool,
    /// Keys that a transaction reads.
    pub reads: usize,
    /// Keys that a transaction writes: the same ones, as far as there are as many.
    pub writes: usize,
    /// Bytes of a written value.
    pub value_bytes: usize,
    /// Share of the writes that delete.
    pub deletes: f64,
    /// How many keys are hot.
    pub hot_keys: u64,
    /// Share of the accesses that go to them.
    pub hot_share: f64,
    /// Whether transactions read the chaincode's sequence, as every real endorsement does.
    pub system_reads: bool,

    /// Share of the transactions that read what an earlier one of their block changes.
    pub conflicts: f64,
    /// Share of those that read a short range, key by key.
    pub raw_ranges: f64,
    /// Share of those that read a long range, as a Merkle summary.
    pub merkle_ranges: f64,
    /// Share of those that write keys with policies of their own.
    pub key_policies: f64,
    /// Share of those that read and write hashes of private data.
    pub private: f64,
    /// Blocks that private data live; 0 for ever.
    pub block_to_live: u64,

    /// A config update after each so many blocks; 0 for none.
    pub config_every: u64,

    /// Share of the transactions that are wrong on purpose.
    pub invalid: f64,
    /// In which ways; none for all whose outcome is known.
    pub invalid_kinds: Vec<Fault>,
}

impl Default for WorkloadSpec {
    fn default() -> Self {
        Self {
            seed: 1,
            channel: "bench".to_owned(),
            blocks: 200,
            txs: 500,
            orgs: 3,
            peers: 2,
            clients: 8,
            key_kind: KeyKind::P256,
            node_ous: true,
            channel_capability: None,
            application_capability: "V2_5".to_owned(),
            consenters: 0,
            endorsements: 2,
            required: None,
            keys: 0,
            fill: false,
            reads: 1,
            writes: 1,
            value_bytes: 128,
            deletes: 0.0,
            hot_keys: 0,
            hot_share: 0.0,
            system_reads: false,
            conflicts: 0.0,
            raw_ranges: 0.0,
            merkle_ranges: 0.0,
            key_policies: 0.0,
            private: 0.0,
            block_to_live: 0,
            config_every: 0,
            invalid: 0.0,
            invalid_kinds: Vec::new(),
        }
    }
}

/// A specification that makes no workload. Options are named as on the command line of `loadgen`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// A number is out of range.
    #[error("--{option} {given}: expected {min} to {max}")]
    Range {
        /// The option.
        option: &'static str,
        /// What was given.
        given: u64,
        /// The lowest number.
        min: u64,
        /// The highest number.
        max: u64,
    },
    /// A share is none.
    #[error("--{option} {given}: expected a share from 0 to 1, such as 0.05")]
    Share {
        /// The option.
        option: &'static str,
        /// What was given.
        given: f64,
    },
    /// The shares of the kinds of transactions are too large together.
    #[error(
        "--invalid, --conflicts, --raw-ranges, --merkle-ranges, --key-policies and --private add up \
         to {sum}: expected at most 1, lower some of them"
    )]
    Shares {
        /// Their sum.
        sum: f64,
    },
    /// The channel has no proper name.
    #[error("--channel: {0}")]
    Channel(#[from] InvalidChannelId),
    /// A capability that no channel has.
    #[error("--{option} {given}: expected one of {}", .known.join(", "))]
    Capability {
        /// The option.
        option: &'static str,
        /// What was given.
        given: String,
        /// The capabilities that there are.
        known: Vec<&'static str>,
    },
    /// A wish that the channel capability does not allow.
    #[error("--channel-capability {given}: --{option} needs V3_0, leave --channel-capability out")]
    NeedsV3 {
        /// The option.
        option: &'static str,
        /// The channel capability.
        given: String,
    },
    /// An option needs a higher application capability.
    #[error("--capability {given}: --{option} needs {needed} or later")]
    NeedsCapability {
        /// The option.
        option: &'static str,
        /// The application capability.
        given: String,
        /// The lowest one that does.
        needed: &'static str,
    },
    /// An option means nothing without another one.
    #[error("--{option} needs --{needed}: {why}")]
    Needs {
        /// The option.
        option: &'static str,
        /// What it needs.
        needed: &'static str,
        /// Why.
        why: &'static str,
    },
    /// Blocks would be too large.
    #[error(
        "--txs {txs}: a block would have about {bytes} bytes, at most {max} are allowed; lower --txs, \
         --value-bytes, --writes or --endorsements"
    )]
    BlockBytes {
        /// Transactions in a block.
        txs: usize,
        /// About how large it would be.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A fault that cannot be made here.
    #[error("--invalid-kinds {fault}: cannot be made here, {why}")]
    Fault {
        /// The fault.
        fault: &'static str,
        /// Why not.
        why: &'static str,
    },
}

impl WorkloadSpec {
    /// Checks every wish, and that they go together.
    ///
    /// # Errors
    /// The first that does not.
    pub fn validate(&self) -> Result<(), SpecError> {
        ChannelId::new(&self.channel)?;
        self.validate_numbers()?;
        self.validate_shares()?;
        self.validate_capabilities()?;
        self.validate_endorsements()?;
        self.validate_keys()?;
        self.validate_faults()?;
        let bytes = self.block_bytes();
        if bytes > limits::BLOCK_BYTES_MAX {
            return Err(SpecError::BlockBytes {
                txs: self.txs,
                bytes,
                max: limits::BLOCK_BYTES_MAX,
            });
        }
        Ok(())
    }

    fn validate_numbers(&self) -> Result<(), SpecError> {
        let max = |limit: usize| limit as u64;
        let accesses = max(limits::WORKLOAD_ACCESSES_MAX);
        let people = max(limits::WORKLOAD_IDENTITIES_MAX);
        let orgs = max(limits::WORKLOAD_ORGS_MAX);
        let values = max(limits::WORKLOAD_VALUE_BYTES_MAX);
        let txs = max(limits::WORKLOAD_TXS_MAX);
        range("blocks", self.blocks, 0, limits::WORKLOAD_BLOCKS_MAX)?;
        range("txs", self.txs as u64, 1, txs)?;
        range("orgs", self.orgs as u64, 1, orgs)?;
        range("peers", self.peers as u64, 1, people)?;
        range("clients", self.clients as u64, 1, people)?;
        range("keys", self.keys, 0, limits::WORKLOAD_KEYS_MAX)?;
        range("reads", self.reads as u64, 0, accesses)?;
        range("writes", self.writes as u64, 0, accesses)?;
        range("value-bytes", self.value_bytes as u64, 1, values)?;
        range("block-to-live", self.block_to_live, 0, u64::from(u32::MAX))?;
        if self.consenters > 0 {
            let max = max(limits::WORKLOAD_CONSENTERS_MAX);
            range("bft", self.consenters as u64, 4, max)?;
        }
        Ok(())
    }

    fn validate_shares(&self) -> Result<(), SpecError> {
        share("deletes", self.deletes)?;
        share("hot-share", self.hot_share)?;
        let kinds = [
            ("invalid", self.invalid),
            ("conflicts", self.conflicts),
            ("raw-ranges", self.raw_ranges),
            ("merkle-ranges", self.merkle_ranges),
            ("key-policies", self.key_policies),
            ("private", self.private),
        ];
        for (option, given) in kinds {
            share(option, given)?;
        }
        let sum: f64 = kinds.iter().map(|(_, share)| share).sum();
        if sum > 1.0 + 1e-9 {
            return Err(SpecError::Shares { sum });
        }
        Ok(())
    }

    fn validate_capabilities(&self) -> Result<(), SpecError> {
        let application = &*self.application_capability;
        if !APPLICATION_CAPABILITIES.contains(&application) {
            return Err(SpecError::Capability {
                option: "capability",
                given: application.to_owned(),
                known: APPLICATION_CAPABILITIES.to_vec(),
            });
        }
        let channel = self.channel_capability.as_deref();
        if let Some(given) = channel
            && !CHANNEL_CAPABILITIES.contains(&given)
        {
            return Err(SpecError::Capability {
                option: "channel-capability",
                given: given.to_owned(),
                known: CHANNEL_CAPABILITIES.to_vec(),
            });
        }
        let needs = [
            ("key-kind ed25519", self.key_kind == KeyKind::Ed25519),
            ("bft", self.consenters > 0),
        ];
        match (channel, needs.iter().find(|(_, needed)| *needed)) {
            (Some(given), Some((option, _))) if given != "V3_0" => Err(SpecError::NeedsV3 {
                option,
                given: given.to_owned(),
            }),
            _ => self.validate_features(),
        }
    }

    /// What channels below V2_0 do not have.
    fn validate_features(&self) -> Result<(), SpecError> {
        let features = [
            ("key-policies", self.key_policies > 0.0, "V1_3"),
            ("private", self.private > 0.0, "V2_0"),
            ("system-reads", self.system_reads, "V2_0"),
        ];
        for (option, wanted, needed) in features {
            if wanted && self.application_capability.as_str() < needed {
                return Err(SpecError::NeedsCapability {
                    option,
                    given: self.application_capability.clone(),
                    needed,
                });
            }
        }
        Ok(())
    }

    fn validate_endorsements(&self) -> Result<(), SpecError> {
        let peers = self.orgs.saturating_mul(self.peers);
        let max = peers.min(limits::WORKLOAD_ENDORSEMENTS_MAX) as u64;
        range("endorsements", self.endorsements as u64, 0, max)?;
        if let Some(required) = self.required {
            let most = self.endorsements.min(self.orgs) as u64;
            range("required", required as u64, 0, most)?;
        }
        Ok(())
    }

    fn validate_keys(&self) -> Result<(), SpecError> {
        let at_once = self.reads.max(self.writes) as u64;
        if self.keys == 0 {
            let wishes = [
                ("fill", self.fill),
                ("hot-keys", self.hot_keys > 0),
                ("deletes", self.deletes > 0.0),
            ];
            return match wishes.iter().find(|(_, wanted)| *wanted) {
                None => Ok(()),
                Some((option, _)) => Err(SpecError::Needs {
                    option,
                    needed: "keys N",
                    why: "without it each transaction has keys of its own",
                }),
            };
        }
        range("keys", self.keys, at_once.max(1), limits::WORKLOAD_KEYS_MAX)?;
        if self.hot_share > 0.0 || self.hot_keys > 0 {
            let max = self.keys.saturating_sub(at_once);
            range("hot-keys", self.hot_keys, 1, max.max(1))?;
        }
        Ok(())
    }

    fn validate_faults(&self) -> Result<(), SpecError> {
        for fault in &self.invalid_kinds {
            if let Some(why) = self.obstacle(*fault) {
                let fault = fault.name();
                return Err(SpecError::Fault { fault, why });
            }
        }
        Ok(())
    }

    /// Whether a fault can be made on this channel.
    #[must_use]
    pub fn can_make(&self, fault: Fault) -> bool {
        self.obstacle(fault).is_none()
    }

    /// Why a fault cannot be made on this channel, if so.
    fn obstacle(&self, fault: Fault) -> Option<&'static str> {
        let is = |faults: &[Fault]| faults.contains(&fault);
        let endorsed = [
            Fault::MissingEndorsement,
            Fault::BadEndorserSignature,
            Fault::ClientEndorses,
        ];
        if is(&endorsed) && self.required() == 0 {
            return Some("no endorsement is required: raise --required");
        }
        if is(&[Fault::ClientEndorses]) && !self.node_ous {
            return Some("without node OUs a client counts as much as a peer");
        }
        if is(&[Fault::SameEndorser]) && self.required() < 2 {
            return Some("one endorsement is enough: raise --required");
        }
        if is(&[Fault::ExpiredVersion]) && !self.is_legacy() {
            return Some("versions count below V2_0 only: lower --capability");
        }
        if is(&[Fault::StalePrivateRead]) && self.is_legacy() {
            return Some("there is no collection below V2_0 here: raise --capability");
        }
        None
    }

    /// The code that a fault earns on this channel.
    #[must_use]
    pub fn code_of(&self, fault: Fault) -> Option<ValidationCode> {
        let named = [
            Fault::UndefinedChaincode,
            Fault::NoVersion,
            Fault::OtherChaincode,
        ];
        if fault == Fault::ForeignEvent && self.application_capability.as_str() < "V1_2" {
            Some(ValidationCode::Valid)
        } else if self.is_legacy() && named.contains(&fault) {
            Some(ValidationCode::InvalidOtherReason)
        } else {
            fault.code()
        }
    }

    /// The faults to make.
    pub(super) fn faults(&self) -> Vec<Fault> {
        if self.invalid_kinds.is_empty() {
            let known = Fault::ALL.iter().filter(|fault| fault.code().is_some());
            let possible = known.filter(|fault| self.can_make(**fault));
            return possible.copied().collect();
        }
        self.invalid_kinds.clone()
    }

    /// Organizations that must endorse.
    #[must_use]
    pub fn required(&self) -> usize {
        let most = self.endorsements.min(self.orgs);
        self.required.unwrap_or_else(|| most.min(2))
    }

    /// Whether the rules below application capability V2_0 hold.
    #[must_use]
    pub fn is_legacy(&self) -> bool {
        self.application_capability.as_str() < "V2_0"
    }

    /// Whether some transactions read ranges of common keys.
    pub(super) fn has_ranges(&self) -> bool {
        self.raw_ranges > 0.0 || self.merkle_ranges > 0.0
    }

    /// Whether the chaincode has a collection.
    pub(super) fn has_collection(&self) -> bool {
        let fits = |fault: &Fault| [Fault::StalePrivateRead, Fault::Mutation].contains(fault);
        let spoilt = self.invalid > 0.0 && self.faults().iter().any(fits);
        !self.is_legacy() && (self.private > 0.0 || spoilt)
    }

    /// Whether keys can have policies.
    pub(super) fn has_key_policies(&self) -> bool {
        self.application_capability.as_str() >= "V1_3"
    }

    /// The channel capability.
    #[must_use]
    pub fn channel_capability(&self) -> &str {
        let needs_v3 = self.consenters > 0 || self.key_kind == KeyKind::Ed25519;
        let lowest = if needs_v3 { "V3_0" } else { "V2_0" };
        self.channel_capability.as_deref().unwrap_or(lowest)
    }

    /// About how large a block becomes.
    fn block_bytes(&self) -> usize {
        let endorsements = self.endorsements.saturating_mul(1100);
        let reads = self.reads.saturating_mul(48);
        let writes = self.writes.saturating_mul(self.value_bytes + 48);
        let tx = [2500, endorsements, reads, writes];
        let tx = tx
            .iter()
            .fold(0_usize, |sum, part| sum.saturating_add(*part));
        tx.saturating_mul(self.txs)
    }
}

fn range(option: &'static str, given: u64, min: u64, max: u64) -> Result<(), SpecError> {
    if (min..=max).contains(&given) {
        return Ok(());
    }
    Err(SpecError::Range {
        option,
        given,
        min,
        max,
    })
}

fn share(option: &'static str, given: f64) -> Result<(), SpecError> {
    if (0.0..=1.0).contains(&given) {
        return Ok(());
    }
    Err(SpecError::Share { option, given })
}
