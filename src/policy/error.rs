//! Why a policy cannot be used.

use crate::proto::wire::WireError;

/// A signature policy that cannot be evaluated: it is never satisfied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The envelope has no rule.
    #[error("signature policy has no rule: expected one signed_by or n_out_of")]
    NoRule,
    /// A rule is neither `signed_by` nor `n_out_of`.
    #[error("a rule of the signature policy is empty: expected signed_by or n_out_of")]
    UnsetRule,
    /// A `signed_by` points past the envelope's identities.
    #[error("signed_by {index} is out of range: expected 0 to below {identities}")]
    IndexOutOfRange {
        /// What the rule says.
        index: i32,
        /// How many identities the envelope lists.
        identities: usize,
    },
}

/// Why a policy of the channel configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFault {
    /// A `ConfigPolicy` without its `policy`.
    #[error("it has no content")]
    Missing,
    /// A type other than SIGNATURE (1) and IMPLICIT_META (3).
    #[error("its type is {found}: expected SIGNATURE (1) or IMPLICIT_META (3)")]
    UnknownType {
        /// The type found.
        found: i32,
    },
    /// Its bytes are not the message that its type says.
    #[error("its value does not decode")]
    Undecodable(#[source] WireError),
    /// A signature policy of another version.
    #[error("its signature policy has version {found}: expected 0")]
    Version {
        /// The version found.
        found: i32,
    },
    /// A signature policy that cannot be evaluated.
    #[error("its signature policy cannot be evaluated")]
    Compile(#[source] CompileError),
}

/// A policy of the channel configuration is refused, and with it the whole configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy '{policy}' of group '{group}' is refused")]
pub struct PolicyError {
    /// Path of the group, such as `Channel/Application`.
    pub group: String,
    /// The policy's name.
    pub policy: String,
    /// What is wrong with it.
    #[source]
    pub fault: PolicyFault,
}

/// Why an application policy can never be satisfied, whoever signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnusablePolicy {
    /// The bytes are not an `ApplicationPolicy`.
    #[error("application policy does not decode")]
    Undecodable(#[source] WireError),
    /// Neither a signature policy nor a reference.
    #[error("application policy is empty: expected a signature policy or a policy reference")]
    Unset,
    /// A signature policy of another version, where only version 0 counts.
    #[error("signature policy has version {found}: expected 0")]
    Version {
        /// The version found.
        found: i32,
    },
    /// Its signature policy cannot be evaluated.
    #[error("application policy has a signature policy that cannot be evaluated")]
    Compile(#[source] CompileError),
}
