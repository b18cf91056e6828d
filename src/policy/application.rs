//! Application policies: what chaincode definitions and collections name as their policy.
//!
//! Fabric: `core/policy/application.go:Evaluate`. Every failure here is an endorsement policy
//! failure, never an error of the peer.

use std::sync::Arc;

use super::error::UnusablePolicy;
use super::{PolicyTree, SignaturePolicy};
use crate::msp::Identity;
use crate::proto::msp::SignaturePolicyEnvelope;
use crate::proto::peer::ApplicationPolicy;
use crate::proto::wire::Message;

/// An application policy, decoded and compiled once. It holds nothing of a channel configuration,
/// so it stays good when the configuration changes.
#[derive(Debug)]
pub enum CompiledApplicationPolicy {
    /// A signature policy by value. Its version is not checked.
    Signature(SignaturePolicy),
    /// The name of a policy in the channel configuration, looked up when it is evaluated.
    ChannelReference(String),
    /// Never satisfied.
    Unusable(UnusablePolicy),
}

impl CompiledApplicationPolicy {
    /// Decodes and compiles a serialized `ApplicationPolicy`.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        match ApplicationPolicy::decode(bytes) {
            Err(error) => Self::Unusable(UnusablePolicy::Undecodable(error)),
            Ok(ApplicationPolicy::Unset) => Self::Unusable(UnusablePolicy::Unset),
            Ok(ApplicationPolicy::ChannelReference(id)) => Self::ChannelReference(id.to_owned()),
            Ok(ApplicationPolicy::Signature(envelope)) => {
                match SignaturePolicy::compile(&envelope) {
                    Ok(policy) => Self::Signature(policy),
                    Err(error) => Self::Unusable(UnusablePolicy::Compile(error)),
                }
            }
        }
    }

    /// Decodes and compiles a serialized `SignaturePolicyEnvelope`, which must have version 0: what
    /// definitions and keys name as their policy below application capability V2_0.
    ///
    /// Fabric: `common/cauthdsl/policy.go:provider.NewPolicy`.
    #[must_use]
    pub fn from_envelope(bytes: &[u8]) -> Self {
        let unusable = match SignaturePolicyEnvelope::decode(bytes) {
            Err(error) => UnusablePolicy::Undecodable(error),
            Ok(envelope) if envelope.version != 0 => UnusablePolicy::Version {
                found: envelope.version,
            },
            Ok(envelope) => match SignaturePolicy::compile(&envelope) {
                Ok(policy) => return Self::Signature(policy),
                Err(error) => UnusablePolicy::Compile(error),
            },
        };
        Self::Unusable(unusable)
    }

    /// Whether `signers`, in their order, satisfy the policy in the given channel configuration.
    #[must_use]
    pub fn evaluate(&self, tree: &PolicyTree, signers: &[Arc<Identity>]) -> bool {
        match self {
            Self::Signature(policy) => policy.evaluate(signers),
            Self::ChannelReference(id) => tree
                .policy(id)
                .is_some_and(|policy| policy.evaluate(signers)),
            Self::Unusable(_) => false,
        }
    }
}

/// Whether `signers`, in their order, satisfy a serialized `ApplicationPolicy`. Where the same
/// bytes are evaluated often, keep a [`CompiledApplicationPolicy`].
#[must_use]
pub fn evaluate_application_policy(
    bytes: &[u8],
    tree: &PolicyTree,
    signers: &[Arc<Identity>],
) -> bool {
    CompiledApplicationPolicy::new(bytes).evaluate(tree, signers)
}
