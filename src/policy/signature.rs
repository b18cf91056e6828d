//! Signature policies: n-out-of gates over principals.
//!
//! The tree is kept flat, in the order in which it is evaluated (a gate before its rules), so that
//! compiling, evaluating and dropping need no stack however deep the gates nest.
//!
//! Evaluation is greedy, and this is consensus: a `signed_by` takes the first signer in order that
//! is free and satisfies the principal; a gate evaluates every rule, also when it is already
//! satisfied; what a failed rule took is free again. Nothing is ever tried twice.
//!
//! Fabric: `common/cauthdsl/cauthdsl.go:compile`.

use std::sync::Arc;

use super::error::CompileError;
use crate::limits;
use crate::msp::{Identity, Principal};
use crate::proto::msp::{NOutOf, SignaturePolicy as WireRule, SignaturePolicyEnvelope};

/// A compiled signature policy.
#[derive(Debug)]
pub struct SignaturePolicy {
    /// Every rule, a gate directly before its rules; never empty.
    nodes: Vec<Node>,
    principals: Vec<Principal>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Node {
    /// Index into the principals.
    SignedBy(usize),
    /// `end` is the index after the gate's last rule.
    Gate { n: i32, end: usize },
}

/// A rule of a signature policy, for those who explain it.
#[derive(Debug, Clone)]
pub enum Rule<'a> {
    /// A signer must satisfy the principal.
    SignedBy(&'a Principal),
    /// At least `n` of the rules must hold.
    NOutOf {
        /// How many; 0 or less always holds.
        n: i32,
        /// The rules in their order.
        rules: Rules<'a>,
    },
}

/// The rules of a gate in their order.
#[derive(Debug, Clone)]
pub struct Rules<'a> {
    policy: &'a SignaturePolicy,
    next: usize,
    end: usize,
}

impl<'a> Iterator for Rules<'a> {
    type Item = Rule<'a>;

    fn next(&mut self) -> Option<Rule<'a>> {
        if self.next >= self.end {
            return None;
        }
        let rule = self.policy.rule_at(self.next);
        self.next = self.policy.after(self.next);
        rule
    }
}

impl SignaturePolicy {
    /// Compiles the policy of an envelope. The envelope's version is not looked at: who must check
    /// it differs from place to place.
    ///
    /// # Errors
    /// A rule is missing or points at no identity, anywhere in the tree: the policy is unusable.
    pub fn compile(envelope: &SignaturePolicyEnvelope<'_>) -> Result<Self, CompileError> {
        let rule = envelope.rule.as_ref().ok_or(CompileError::NoRule)?;
        let nodes = flatten(rule, envelope.identities.len())?;
        Ok(Self {
            nodes,
            principals: envelope.identities.iter().map(Principal::new).collect(),
        })
    }

    /// Whether `signers`, in their order, satisfy the policy.
    #[must_use]
    pub fn evaluate(&self, signers: &[Arc<Identity>]) -> bool {
        let satisfies = |signer: usize, principal: usize| match (
            signers.get(signer),
            self.principals.get(principal),
        ) {
            (Some(signer), Some(principal)) => signer.satisfies(principal).is_ok(),
            _ => false,
        };
        evaluate(&self.nodes, self.principals.len(), signers.len(), satisfies)
    }

    /// The policy's rule, for those who explain it.
    #[must_use]
    pub fn rule(&self) -> Option<Rule<'_>> {
        self.rule_at(0)
    }

    /// What the envelope lists as identities.
    #[must_use]
    pub fn principals(&self) -> &[Principal] {
        &self.principals
    }

    fn rule_at(&self, index: usize) -> Option<Rule<'_>> {
        match *self.nodes.get(index)? {
            Node::SignedBy(principal) => self.principals.get(principal).map(Rule::SignedBy),
            Node::Gate { n, end } => Some(Rule::NOutOf {
                n,
                rules: Rules {
                    policy: self,
                    next: index + 1,
                    end,
                },
            }),
        }
    }

    fn after(&self, index: usize) -> usize {
        match self.nodes.get(index) {
            Some(&Node::Gate { end, .. }) => end,
            Some(Node::SignedBy(_)) | None => index + 1,
        }
    }
}

/// Lays the tree out flat and checks all of it.
pub(super) fn flatten(root: &WireRule, identities: usize) -> Result<Vec<Node>, CompileError> {
    let mut nodes = Vec::new();
    let mut open: Vec<(usize, std::slice::Iter<'_, WireRule>)> = Vec::new();
    let mut next = Some(root);
    loop {
        if let Some(rule) = next {
            match rule {
                WireRule::Unset => return Err(CompileError::UnsetRule),
                WireRule::SignedBy(index) => {
                    nodes.push(Node::SignedBy(principal_index(*index, identities)?));
                }
                WireRule::NOutOf(gate) => {
                    let NOutOf { n, rules } = &**gate;
                    open.push((nodes.len(), rules.iter()));
                    nodes.push(Node::Gate { n: *n, end: 0 });
                }
            }
        }
        let Some((gate, rules)) = open.last_mut() else {
            return Ok(nodes);
        };
        next = rules.next();
        if next.is_none() {
            let after = nodes.len();
            if let Some(Node::Gate { end, .. }) = nodes.get_mut(*gate) {
                *end = after;
            }
            open.pop();
        }
    }
}

fn principal_index(index: i32, identities: usize) -> Result<usize, CompileError> {
    usize::try_from(index)
        .ok()
        .filter(|&index| index < identities)
        .ok_or(CompileError::IndexOutOfRange { index, identities })
}

/// Evaluates flat rules over signers and principals given by their numbers.
pub(super) fn evaluate(
    nodes: &[Node],
    principals: usize,
    signers: usize,
    mut satisfies: impl FnMut(usize, usize) -> bool,
) -> bool {
    // Few rules repeat a check so seldom that remembering costs more than checking.
    let pairs = principals.saturating_mul(signers);
    if nodes.len() <= limits::POLICY_RULES_UNMEMOIZED || pairs > limits::POLICY_CHECKS_MEMOIZED {
        return run(nodes, signers, satisfies);
    }
    let mut known: Vec<Option<bool>> = vec![None; pairs];
    run(nodes, signers, |signer, principal| {
        match known.get_mut(principal * signers + signer) {
            Some(slot) => *slot.get_or_insert_with(|| satisfies(signer, principal)),
            None => satisfies(signer, principal),
        }
    })
}

fn run(nodes: &[Node], signers: usize, satisfies: impl FnMut(usize, usize) -> bool) -> bool {
    if signers <= Few::SIGNERS_MAX {
        Evaluation {
            nodes,
            signers,
            satisfies,
            used: Few(0),
        }
        .run()
    } else {
        let used = Many {
            flags: vec![false; signers],
            taken: Vec::new(),
        };
        Evaluation {
            nodes,
            signers,
            satisfies,
            used,
        }
        .run()
    }
}

/// Which signers are taken, with the means to free what a failed rule took.
trait Used {
    type Mark: Copy;
    fn mark(&self) -> Self::Mark;
    fn roll_back(&mut self, mark: Self::Mark);
    fn is_free(&self, signer: usize) -> bool;
    fn take(&mut self, signer: usize);
}

/// Up to 64 signers: the flags are one word, a mark is a copy of it.
struct Few(u64);

impl Few {
    const SIGNERS_MAX: usize = 64;
}

impl Used for Few {
    type Mark = u64;

    fn mark(&self) -> u64 {
        self.0
    }

    fn roll_back(&mut self, mark: u64) {
        self.0 = mark;
    }

    fn is_free(&self, signer: usize) -> bool {
        self.0 >> signer & 1 == 0
    }

    fn take(&mut self, signer: usize) {
        self.0 |= 1 << signer;
    }
}

/// Any number of signers: the order in which they were taken is undone back to a mark, so that a
/// gate never copies all flags.
struct Many {
    flags: Vec<bool>,
    taken: Vec<usize>,
}

impl Used for Many {
    type Mark = usize;

    fn mark(&self) -> usize {
        self.taken.len()
    }

    fn roll_back(&mut self, mark: usize) {
        for signer in self.taken.drain(mark.min(self.taken.len())..) {
            if let Some(flag) = self.flags.get_mut(signer) {
                *flag = false;
            }
        }
    }

    fn is_free(&self, signer: usize) -> bool {
        self.flags.get(signer) == Some(&false)
    }

    fn take(&mut self, signer: usize) {
        if let Some(flag) = self.flags.get_mut(signer) {
            *flag = true;
            self.taken.push(signer);
        }
    }
}

struct Evaluation<'a, F, U> {
    nodes: &'a [Node],
    signers: usize,
    satisfies: F,
    used: U,
}

/// A gate under evaluation.
struct OpenGate<M> {
    n: i32,
    end: usize,
    satisfied: usize,
    /// Who was taken when the current rule began.
    before_rule: M,
}

impl<F: FnMut(usize, usize) -> bool, U: Used> Evaluation<'_, F, U> {
    fn run(mut self) -> bool {
        let mut next = 0;
        let mut outer: Vec<OpenGate<U::Mark>> = Vec::new();
        let mut current: Option<OpenGate<U::Mark>> = None;
        loop {
            let mut satisfied = match self.nodes.get(next) {
                Some(&Node::SignedBy(principal)) => self.take_first(principal),
                Some(&Node::Gate { n, end }) if end > next + 1 => {
                    outer.extend(current.take());
                    let before_rule = self.used.mark();
                    current = Some(OpenGate {
                        n,
                        end,
                        satisfied: 0,
                        before_rule,
                    });
                    next += 1;
                    continue;
                }
                Some(&Node::Gate { n, .. }) => n <= 0,
                None => false,
            };
            next += 1;
            // The rule is decided: hand the result to its gate, and close each gate that this
            // completes.
            loop {
                let Some(gate) = current.as_mut() else {
                    return satisfied;
                };
                if satisfied {
                    gate.satisfied += 1;
                    gate.before_rule = self.used.mark();
                } else {
                    self.used.roll_back(gate.before_rule);
                }
                if next < gate.end {
                    break;
                }
                satisfied = usize::try_from(gate.n).map_or(true, |n| gate.satisfied >= n);
                current = outer.pop();
            }
        }
    }

    /// Takes the first free signer that satisfies the principal.
    fn take_first(&mut self, principal: usize) -> bool {
        let found = (0..self.signers)
            .find(|&signer| self.used.is_free(signer) && (self.satisfies)(signer, principal));
        if let Some(signer) = found {
            self.used.take(signer);
        }
        found.is_some()
    }
}
