//! Implicit meta policies: how many child groups' policies must hold.
//!
//! Every child evaluates the full signer set on its own, so one signer can count for several.
//!
//! Fabric: `common/policies/implicitmeta.go`.

use std::sync::Arc;

use super::Policy;
use crate::msp::Identity;

/// A compiled implicit meta policy.
#[derive(Debug)]
pub struct ImplicitMetaPolicy {
    sub_policy: Box<str>,
    rule: ImplicitMetaRule,
    threshold: usize,
    sub_policies: Vec<SubPolicy>,
}

/// How many of the children's policies must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImplicitMetaRule {
    /// One.
    Any,
    /// All.
    All,
    /// More than half.
    Majority,
    /// A number that the protocol does not define: satisfied only where no child's policy holds.
    Unknown(i32),
}

/// One child group's part in an implicit meta policy.
#[derive(Debug)]
pub struct SubPolicy {
    group: Box<str>,
    policy: Arc<Policy>,
}

impl SubPolicy {
    /// The child group's name.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Its policy; [`Policy::Reject`] where it has none of that name.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

impl ImplicitMetaPolicy {
    /// Builds the policy over the children's policies of the name `sub_policy`.
    pub(super) fn new(
        sub_policy: &str,
        rule: i32,
        children: impl Iterator<Item = (Box<str>, Arc<Policy>)>,
    ) -> Self {
        let sub_policies: Vec<SubPolicy> = children
            .map(|(group, policy)| SubPolicy { group, policy })
            .collect();
        let rule = match rule {
            0 => ImplicitMetaRule::Any,
            1 => ImplicitMetaRule::All,
            2 => ImplicitMetaRule::Majority,
            other => ImplicitMetaRule::Unknown(other),
        };
        let threshold = match rule {
            _ if sub_policies.is_empty() => 0,
            ImplicitMetaRule::Any => 1,
            ImplicitMetaRule::All => sub_policies.len(),
            ImplicitMetaRule::Majority => sub_policies.len() / 2 + 1,
            ImplicitMetaRule::Unknown(_) => 0,
        };
        Self {
            sub_policy: sub_policy.into(),
            rule,
            threshold,
            sub_policies,
        }
    }

    /// The name that the children's policies are looked up by.
    #[must_use]
    pub fn sub_policy(&self) -> &str {
        &self.sub_policy
    }

    /// The rule.
    #[must_use]
    pub fn rule(&self) -> ImplicitMetaRule {
        self.rule
    }

    /// How many of the children's policies must hold.
    #[must_use]
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// The children's policies, by group name.
    #[must_use]
    pub fn sub_policies(&self) -> &[SubPolicy] {
        &self.sub_policies
    }

    /// Whether `signers`, in their order, satisfy the policy.
    #[must_use]
    pub fn evaluate(&self, signers: &[Arc<Identity>]) -> bool {
        self.evaluate_with(|policy| policy.evaluate(signers))
    }

    /// Evaluates the tree of implicit meta policies without recursion: `leaf` decides all others.
    fn evaluate_with(&self, leaf: impl Fn(&Policy) -> bool) -> bool {
        let mut outer: Vec<Count<'_>> = Vec::new();
        let mut current = Count::new(self);
        loop {
            let mut decided = current.decided();
            if decided.is_none() {
                match current.children.next().map(SubPolicy::policy) {
                    Some(Policy::ImplicitMeta(child)) => {
                        outer.push(std::mem::replace(&mut current, Count::new(child)));
                    }
                    Some(policy) => current.satisfied += usize::from(leaf(policy)),
                    None => decided = Some(current.satisfied == current.policy.threshold),
                }
            }
            if let Some(satisfied) = decided {
                let Some(gate) = outer.pop() else {
                    return satisfied;
                };
                current = gate;
                current.satisfied += usize::from(satisfied);
            }
        }
    }
}

/// An implicit meta policy under evaluation.
struct Count<'a> {
    policy: &'a ImplicitMetaPolicy,
    children: std::slice::Iter<'a, SubPolicy>,
    satisfied: usize,
}

impl<'a> Count<'a> {
    fn new(policy: &'a ImplicitMetaPolicy) -> Self {
        Self {
            policy,
            children: policy.sub_policies.iter(),
            satisfied: 0,
        }
    }

    /// The verdict, as soon as no further child can change it.
    fn decided(&self) -> Option<bool> {
        // Fabric: a countdown succeeds when it reaches 0. One that starts at 0 (unknown rule) and
        // is decremented never does.
        match self.policy.threshold {
            0 if self.satisfied > 0 => Some(false),
            0 => None,
            threshold if self.satisfied >= threshold => Some(true),
            _ => None,
        }
    }
}
