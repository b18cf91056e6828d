//! Why a channel configuration is refused.
//!
//! Every refusal stops the channel (validation-spec 7.1): a config block has no validation code of
//! its own. The variants say which element of the configuration is at fault and what was expected.

use std::fmt;

use crate::msp::SetupError;
use crate::policy::PolicyError;
use crate::proto::wire::WireError;
use crate::types::InvalidChannelId;
use crate::types::duration::DurationError;

/// What an element of the configuration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ElementKind {
    /// A `ConfigGroup`.
    Group,
    /// A `ConfigValue`.
    Value,
    /// A `ConfigPolicy`.
    Policy,
}

/// An element of the configuration, as operators know it: `value /Channel/Orderer/BatchSize`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element {
    /// Its kind.
    pub kind: ElementKind,
    /// Its path, from `/Channel` on.
    pub path: String,
}

impl Element {
    /// The group at `path`.
    pub(super) fn group(path: &str) -> Self {
        Self {
            kind: ElementKind::Group,
            path: path.to_owned(),
        }
    }

    /// Value `key` of the group at `path`.
    pub(super) fn value(path: &str, key: &str) -> Self {
        Self {
            kind: ElementKind::Value,
            path: format!("{path}/{key}"),
        }
    }

    /// Policy `key` of the group at `path`.
    pub(super) fn policy(path: &str, key: &str) -> Self {
        Self {
            kind: ElementKind::Policy,
            path: format!("{path}/{key}"),
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ElementKind::Group => "group",
            ElementKind::Value => "value",
            ElementKind::Policy => "policy",
        };
        write!(f, "{kind} {}", self.path)
    }
}

/// Where a capability is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapabilityLevel {
    /// `/Channel/Capabilities`.
    Channel,
    /// `/Channel/Application/Capabilities`.
    Application,
}

impl fmt::Display for CapabilityLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Channel => "channel",
            Self::Application => "application",
        })
    }
}

/// A message on the way to the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// `common.Block`.
    Block,
    /// `common.Envelope`.
    Envelope,
    /// `common.Payload`.
    Payload,
    /// `common.ChannelHeader`.
    ChannelHeader,
    /// `common.ConfigEnvelope`.
    ConfigEnvelope,
    /// `common.ConfigUpdateEnvelope`.
    ConfigUpdateEnvelope,
    /// `common.ConfigUpdate`.
    ConfigUpdate,
    /// `common.SignatureHeader` of a config signature, by its index.
    SignatureHeader(usize),
    /// A value of the configuration.
    Value(Element),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block => f.write_str("block"),
            Self::Envelope => f.write_str("envelope"),
            Self::Payload => f.write_str("payload"),
            Self::ChannelHeader => f.write_str("channel header"),
            Self::ConfigEnvelope => f.write_str("config envelope"),
            Self::ConfigUpdateEnvelope => f.write_str("config update envelope"),
            Self::ConfigUpdate => f.write_str("config update"),
            Self::SignatureHeader(index) => write!(f, "header of config signature {index}"),
            Self::Value(element) => element.fmt(f),
        }
    }
}

/// A configuration that the peer refuses, and with it everything on the channel that follows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The channel requires what this version of the peer does not know.
    #[error(
        "the {level} configuration requires capability '{name}', which this peer does not support: \
         the channel is stopped here, upgrade this peer to a version that supports it"
    )]
    UnsupportedCapability {
        /// Which set names it.
        level: CapabilityLevel,
        /// The capability.
        name: String,
    },
    /// A message that does not decode.
    #[error("{part} does not decode")]
    Undecodable {
        /// Which.
        part: Part,
        /// What is wrong with its bytes.
        #[source]
        source: WireError,
    },
    /// A message on the way to the configuration lacks the next one.
    #[error("the {part} has no {missing}")]
    Incomplete {
        /// Which message.
        part: Part,
        /// What it lacks.
        missing: &'static str,
    },
    /// The envelope holds something else.
    #[error("the channel header has type {found}: expected {expected}")]
    HeaderType {
        /// The type's name.
        expected: &'static str,
        /// The type found.
        found: i32,
    },
    /// A channel name that no channel can have.
    #[error(transparent)]
    ChannelId(#[from] InvalidChannelId),
    /// A section that a peer cannot do without.
    #[error("the configuration has no {group} section: expected group /Channel/{group}")]
    MissingSection {
        /// `Application` or `Orderer`.
        group: &'static str,
    },
    /// Capabilities without those of the orderer.
    #[error(
        "{level} capabilities need orderer capabilities: expected value /Channel/Orderer/Capabilities"
    )]
    NoOrdererCapabilities {
        /// Where the first ones were found.
        level: CapabilityLevel,
    },
    /// A key outside `[a-zA-Z0-9.-]+`, longer than 249 bytes, or `.` or `..`.
    #[error(
        "{element} has an illegal key: expected 1 to 249 letters, digits, dots and dashes, not \
         '.' or '..'"
    )]
    IllegalKey {
        /// Its bearer.
        element: Element,
    },
    /// A group where none may be.
    #[error("group {path} may not have the child group '{name}': expected {expected}")]
    UnexpectedGroup {
        /// The parent.
        path: String,
        /// The child.
        name: String,
        /// What may be there.
        expected: &'static str,
    },
    /// Groups nest deeper than any configuration.
    #[error("config groups nest deeper than {max} levels")]
    GroupsTooDeep {
        /// The limit.
        max: usize,
    },
    /// A value that its group does not know.
    #[error("{element} is unknown: expected one of {allowed:?}")]
    UnexpectedValue {
        /// The value.
        element: Element,
        /// What its group may have.
        allowed: &'static [&'static str],
    },
    /// A hashing algorithm other than the two.
    #[error("hashing algorithm '{found}' is unknown: expected SHA256 or SHA3_256")]
    HashingAlgorithm {
        /// What the configuration has.
        found: String,
    },
    /// Blocks hashed as a tree.
    #[error("block data hashing width {found} is not supported: expected 4294967295")]
    HashingWidth {
        /// What the configuration has.
        found: u32,
    },
    /// Below V1_4_2 all orderer addresses are global ones.
    #[error(
        "the channel has no orderer addresses: expected some in value /Channel/OrdererAddresses"
    )]
    NoOrdererAddresses,
    /// From V3_0 on there are no global ones.
    #[error(
        "the channel has {count} global orderer addresses: expected none with capability V3_0, \
         only endpoints of orderer organizations"
    )]
    GlobalOrdererAddresses {
        /// How many.
        count: usize,
    },
    /// Below V1_4_2 organizations have no endpoints.
    #[error(
        "orderer organization {org} has endpoints: expected channel capability V1_4_2 or later"
    )]
    EndpointsTooEarly {
        /// The group's name.
        org: String,
    },
    /// From V3_0 on every orderer organization has endpoints.
    #[error(
        "orderer organization {org} has no endpoints: expected at least one with capability V3_0"
    )]
    NoEndpoints {
        /// The group's name.
        org: String,
    },
    /// A batch size of 0.
    #[error("the batch size's {field} is 0: expected more")]
    BatchSizeZero {
        /// Which field.
        field: &'static str,
    },
    /// Preferred above the maximum.
    #[error(
        "batches prefer {preferred} bytes: expected at most the absolute maximum of {absolute}"
    )]
    BatchSizePreferred {
        /// `preferred_max_bytes`.
        preferred: u32,
        /// `absolute_max_bytes`.
        absolute: u32,
    },
    /// A batch timeout that is no duration.
    #[error("batch timeout '{found}' is not a duration such as '2s'")]
    BatchTimeout {
        /// What the configuration has.
        found: String,
        /// What is wrong with it.
        #[source]
        source: DurationError,
    },
    /// A batch timeout of 0 or less.
    #[error("batch timeout '{found}' is not positive")]
    BatchTimeoutNotPositive {
        /// What the configuration has.
        found: String,
    },
    /// ACLs before the application capability for them.
    #[error("value /Channel/Application/ACLs needs application capability V1_2 or later")]
    AclsTooEarly,
    /// An organization's MSP cannot be set up.
    #[error("the MSP of organization {org} cannot be set up")]
    Msp {
        /// The group's path.
        org: String,
        /// Why.
        #[source]
        source: SetupError,
    },
    /// An MSP without a name.
    #[error("the MSP of organization {org} has an empty name")]
    EmptyMspId {
        /// The group's path.
        org: String,
    },
    /// One name, two definitions.
    #[error("MSP {msp_id} is defined by {first} and, differently, by {second}")]
    ConflictingMsp {
        /// The name.
        msp_id: String,
        /// Who defined it first (by path).
        first: String,
        /// Who defined it otherwise.
        second: String,
    },
    /// A policy that does not compile.
    #[error("the configuration's policies cannot be used")]
    Policies(#[from] PolicyError),
    /// The update does not lead from the current configuration to the new one.
    #[error("the config update is refused")]
    Update(#[from] UpdateError),
    /// A step that no update may take.
    #[error("the new configuration may not follow the current one")]
    Transition(#[from] TransitionError),
    /// Our environment, not the configuration: no thread to decode it on.
    #[error("cannot start a thread with a stack of {stack_bytes} bytes to read the configuration")]
    Thread {
        /// How much stack was asked for.
        stack_bytes: usize,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Why an update is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// Not the next configuration.
    #[error("the new configuration has sequence {found}: expected {expected}")]
    Sequence {
        /// One more than the current one.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// The update is for another channel.
    #[error("the update is for channel '{found}': expected '{expected}'")]
    Channel {
        /// This channel.
        expected: String,
        /// What it names.
        found: String,
    },
    /// The read set names what is not there.
    #[error("the read set has {element}, which the current configuration does not have")]
    ReadAbsent {
        /// The element.
        element: Element,
    },
    /// The read set is out of date.
    #[error("the read set has {element} at version {found}: it is at version {current}")]
    ReadVersion {
        /// The element.
        element: Element,
        /// Its current version.
        current: u64,
        /// The read set's.
        found: u64,
    },
    /// Nothing would change.
    #[error("the update changes nothing: expected an element whose version the read set has not")]
    Empty,
    /// A key outside `[a-zA-Z0-9.-]+`, longer than 249 bytes, or `.` or `..`.
    #[error(
        "{element} of the write set has an illegal key: expected 1 to 249 letters, digits, dots \
         and dashes, not '.' or '..'"
    )]
    IllegalKey {
        /// Its bearer.
        element: Element,
    },
    /// An element without a usable mod_policy.
    #[error(
        "{element} gets mod_policy '{mod_policy}': expected a policy's path of legal, non-empty \
         names"
    )]
    ModPolicy {
        /// The element.
        element: Element,
        /// Its new mod_policy.
        mod_policy: String,
    },
    /// A new element must start at version 0.
    #[error("{element} is new and has version {found}: expected 0")]
    NewVersion {
        /// The element.
        element: Element,
        /// Its version.
        found: u64,
    },
    /// A changed element must have the next version.
    #[error("{element} is set to version {found}: expected {expected}, one more than it has")]
    NextVersion {
        /// The element.
        element: Element,
        /// The next version.
        expected: u64,
        /// What it would get.
        found: u64,
    },
    /// The policy that guards the element does not exist.
    #[error("{element} is guarded by policy '{mod_policy}', which does not exist")]
    NoSuchPolicy {
        /// The element.
        element: Element,
        /// Its current mod_policy.
        mod_policy: String,
    },
    /// The policy that guards the element is not satisfied.
    #[error(
        "{element} is guarded by policy '{mod_policy}', which the update's {signers} valid \
         signatures do not satisfy"
    )]
    NotAuthorized {
        /// The element.
        element: Element,
        /// Its current mod_policy.
        mod_policy: String,
        /// How many of the update's signatures are valid.
        signers: usize,
    },
    /// A group lists a child that neither the update nor the current configuration has.
    #[error("{element} is missing from the updated configuration")]
    Missing {
        /// The child.
        element: Element,
    },
    /// The envelope's configuration is not what the update makes of the current one.
    #[error("the update leads to another configuration than the envelope has: {element} differs")]
    Result {
        /// The first element that differs.
        element: Element,
    },
}

/// A step between two configurations, each valid by itself, that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// The consortiums section disappears.
    #[error("the new configuration has no Consortiums section, the current one has")]
    ConsortiumsRemoved,
    /// The consortiums section appears.
    #[error("the new configuration has a Consortiums section, the current one has none")]
    ConsortiumsAdded,
    /// Another consensus type, without the capability for it.
    #[error(
        "the consensus type changes from '{from}' to '{to}': expected channel capability V1_4_2 or \
         later in the current configuration"
    )]
    ConsensusType {
        /// The current one.
        from: String,
        /// The new one.
        to: String,
    },
    /// An organization gets another MSP.
    #[error("organization {org} changes its MSP from '{from}' to '{to}': expected the same name")]
    MspId {
        /// The group's path.
        org: String,
        /// The current MSP id.
        from: String,
        /// The new one.
        to: String,
    },
}
