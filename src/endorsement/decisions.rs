//! What policies decided about sets of signers: most transactions of a block are endorsed by the same few
//! peers under the same few policies.
//!
//! Knows nothing of namespaces and keys. A decision depends on the policy, the signers in their order and
//! the channel's configuration, so it is good for as long as none of them changes: transactions that one
//! task checks against the same definitions.

use std::cell::RefCell;
use std::sync::Arc;

use crate::limits;
use crate::msp::Identity;
use crate::policy::{CompiledApplicationPolicy, PolicyTree};

/// Decisions of policies that live for `'p`, in one channel configuration.
#[derive(Debug)]
pub(super) struct Decisions<'p> {
    tree: &'p PolicyTree,
    /// At most [`limits::POLICY_DECISIONS_KEPT`]; few enough to be searched from the front.
    known: RefCell<Vec<Decision<'p>>>,
}

#[derive(Debug)]
struct Decision<'p> {
    policy: &'p CompiledApplicationPolicy,
    /// Held, so that no other identity can take the place of one in memory.
    signers: Box<[Arc<Identity>]>,
    holds: bool,
}

impl<'p> Decisions<'p> {
    /// None yet, in this configuration.
    pub(super) fn new(tree: &'p PolicyTree) -> Self {
        Self {
            tree,
            known: RefCell::default(),
        }
    }

    /// Whether `signers`, in their order, satisfy a policy that outlives the decisions.
    pub(super) fn holds(
        &self,
        policy: &'p CompiledApplicationPolicy,
        signers: &[Arc<Identity>],
    ) -> bool {
        let mut known = self.known.borrow_mut();
        if let Some(decision) = known.iter().find(|known| known.is_of(policy, signers)) {
            return decision.holds;
        }
        let holds = self.once(policy, signers);
        if known.len() == limits::POLICY_DECISIONS_KEPT {
            known.clear();
        }
        known.push(Decision {
            policy,
            signers: signers.into(),
            holds,
        });
        holds
    }

    /// The same, of a policy that is not seen again.
    pub(super) fn once(
        &self,
        policy: &CompiledApplicationPolicy,
        signers: &[Arc<Identity>],
    ) -> bool {
        policy.evaluate(self.tree, signers)
    }
}

impl Decision<'_> {
    fn is_of(&self, policy: &CompiledApplicationPolicy, signers: &[Arc<Identity>]) -> bool {
        let same = |(one, other)| Arc::ptr_eq(one, other);
        std::ptr::eq(self.policy, policy)
            && self.signers.len() == signers.len()
            && self.signers.iter().zip(signers).all(same)
    }
}
