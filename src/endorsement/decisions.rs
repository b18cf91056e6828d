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

#[cfg(test)]
mod tests {
    //! Decisions that are kept are those of the policies, however many there are.

    use std::sync::Arc;

    use super::Decisions;
    use crate::limits;
    use crate::msp::tests::pki::{Definition, Key, Spec};
    use crate::msp::tests::{MEMBER, Org, PEER, msp, role};
    use crate::msp::{Identity, MspManager};
    use crate::policy::{CompiledApplicationPolicy, PolicyTree, SignaturePolicy};
    use crate::proto::config::ConfigGroup;
    use crate::proto::msp::{
        MspPrincipal, NOutOf, SignaturePolicy as WireRule, SignaturePolicyEnvelope,
    };
    use crate::proto::wire::Message as _;

    /// So many of the principals, in their order.
    fn policy(n: i32, principals: &[Vec<u8>]) -> CompiledApplicationPolicy {
        let rules = (0..)
            .map(WireRule::SignedBy)
            .take(principals.len())
            .collect();
        let identities = principals.iter();
        let policy = SignaturePolicy::compile(&SignaturePolicyEnvelope {
            version: 0,
            rule: Some(WireRule::NOutOf(Box::new(NOutOf { n, rules }))),
            identities: identities
                .map(|bytes| MspPrincipal::decode(bytes).unwrap())
                .collect(),
        });
        CompiledApplicationPolicy::Signature(policy.unwrap())
    }

    fn signers() -> Vec<Arc<Identity>> {
        let org = Org::new();
        let msps = ["Org1MSP", "Org2MSP"].map(|name| {
            msp(&Definition {
                name,
                ..org.with_node_ous()
            })
        });
        let manager = MspManager::new(msps.into());
        let kinds = [
            ("Org1MSP", "peer"),
            ("Org1MSP", "client"),
            ("Org2MSP", "peer"),
        ];
        let signer = |(seed, (msp_id, ou)): (u8, (&str, &str))| {
            let issued = org.root.issue(Spec::leaf("leaf", &[ou], Key::p256(seed)));
            manager.deserialize(&issued.serialized(msp_id)).unwrap()
        };
        (5..).zip(kinds).map(signer).collect()
    }

    /// Every list of up to three of them: whoever stands twice counts twice, and the order counts.
    fn lists(signers: &[Arc<Identity>]) -> Vec<Vec<Arc<Identity>>> {
        let mut lists = vec![Vec::new()];
        for from in 0.. {
            let Some(list) = lists.get(from).filter(|list| list.len() < 3).cloned() else {
                return lists;
            };
            for signer in signers {
                let mut longer = list.clone();
                longer.push(Arc::clone(signer));
                lists.push(longer);
            }
        }
        lists
    }

    #[test]
    fn a_kept_decision_is_the_policy_s() {
        let tree = PolicyTree::new(&ConfigGroup::default()).unwrap();
        let principals = [role("Org1MSP", MEMBER), role("Org1MSP", PEER)];
        let both = policy(2, &principals);
        let one = policy(1, &principals);
        let unusable = CompiledApplicationPolicy::new(b"");
        let lists = lists(&signers());
        assert!(lists.len() > 2 * limits::POLICY_DECISIONS_KEPT);
        let decisions = Decisions::new(&tree);
        let mut held = 0;
        // Each a second time at once, and all once more when others took their places.
        for list in lists.iter().flat_map(|list| [list, list]).chain(&lists) {
            for policy in [&both, &one, &unusable] {
                let expected = policy.evaluate(&tree, list);
                assert_eq!(decisions.holds(policy, list), expected, "{policy:?}");
                held += usize::from(expected);
            }
            let known = decisions.known.borrow();
            assert!(known.len() <= limits::POLICY_DECISIONS_KEPT);
        }
        assert!(held > 40, "{held}");
        // Asked again, nothing new is kept.
        let before = decisions.known.borrow().len();
        assert!(!decisions.holds(&one, &lists[lists.len() - 1]));
        assert_eq!(decisions.known.borrow().len(), before);
    }
}
