//! Policies: who must have signed for something to be accepted.
//!
//! Three forms: a [`SignaturePolicy`] is a tree of n-out-of gates over principals, an
//! [`ImplicitMetaPolicy`] counts the child groups whose policy of some name is satisfied, and an
//! application policy ([`CompiledApplicationPolicy`]) is one of the two by value or by name.
//! The [`PolicyTree`] holds the policies of a channel configuration.
//!
//! Signatures are checked elsewhere, once per transaction: [`accepted_signers`] turns identities
//! and signature verdicts into the ordered signer set against which any number of policies is
//! evaluated. Knows nothing of blocks, transactions, certificates or threads.
//!
//! Invariants:
//! - a verdict depends on the order of the signers and on nothing else;
//! - compiling, evaluating and dropping take stack that does not grow with the policy's depth;
//! - evaluating takes at most (rules x signers) principal checks.

mod application;
mod error;
mod implicit;
mod signature;
mod signers;
#[cfg(test)]
mod tests;
mod trace;
mod tree;

pub use application::{CompiledApplicationPolicy, evaluate_application_policy};
pub use error::{CompileError, PolicyError, PolicyFault, UnusablePolicy};
pub use implicit::{ImplicitMetaPolicy, ImplicitMetaRule, SubPolicy};
pub use signature::{Rule, Rules, SignaturePolicy};
pub use signers::accepted_signers;
pub use trace::{Clause, ClauseKind, PolicyProblem, PolicyTrace, Rejected, RejectedSigner};
pub use tree::PolicyTree;

use std::sync::Arc;

use crate::msp::Identity;

/// A policy of the channel configuration.
#[derive(Debug)]
pub enum Policy {
    /// Gates over principals.
    Signature(SignaturePolicy),
    /// Counts satisfied policies of the child groups.
    ImplicitMeta(ImplicitMetaPolicy),
    /// Never satisfied: what a child group without the named policy contributes.
    Reject,
}

impl Policy {
    /// Whether `signers`, in their order, satisfy the policy.
    #[must_use]
    pub fn evaluate(&self, signers: &[Arc<Identity>]) -> bool {
        match self {
            Self::Signature(policy) => policy.evaluate(signers),
            Self::ImplicitMeta(policy) => policy.evaluate(signers),
            Self::Reject => false,
        }
    }
}
