//! A policy's evaluation, clause by clause: what explains a verdict.
//!
//! The dumb twin of the evaluation beside it: the same greedy walk, with a note for every clause. It
//! decides nothing; tests hold its verdict against the one that counts.
//!
//! Invariants: clauses stand in the order of evaluation, a clause before those below it; no more than
//! [`limits::EXPLAINED_CLAUSES_MAX`] are kept; nothing recurses deeper than groups nest.

use std::sync::Arc;

use serde::Serialize;

use super::error::UnusablePolicy;
use super::implicit::{ImplicitMetaPolicy, ImplicitMetaRule};
use super::signature::{Node, SignaturePolicy};
use super::{CompiledApplicationPolicy, Policy, PolicyTree};
use crate::limits;
use crate::msp::{Identity, Principal, Unsatisfied};

/// How a policy was evaluated for certain signers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyTrace {
    /// The verdict.
    pub holds: bool,
    /// Where the policy is one of the channel configuration: its path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Why it could not be evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<PolicyProblem>,
    /// Its clauses.
    pub clauses: Vec<Clause>,
    /// How many clauses are not shown.
    pub clauses_left_out: usize,
}

/// Why a policy cannot be evaluated, so that it never holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PolicyProblem {
    /// Its bytes are no policy.
    #[error("the policy cannot be used")]
    Unusable(#[source] UnusablePolicy),
    /// The channel configuration has no policy at the path.
    #[error("the channel configuration has no such policy")]
    NotFound,
}

/// One clause of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Clause {
    /// How many clauses it is below the first one.
    pub depth: usize,
    /// Whether it holds. What a clause that holds has taken is free again where the gate around it
    /// fails.
    pub holds: bool,
    /// Where it is a child group's policy: the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What it demands.
    #[serde(flatten)]
    pub kind: ClauseKind,
}

/// What a clause demands, and how far that is met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "clause", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClauseKind {
    /// At least `n` of the clauses below must hold.
    NOutOf {
        /// How many; 0 or less always holds.
        n: i32,
        /// How many clauses there are directly below.
        rules: usize,
        /// How many of them hold.
        satisfied: usize,
    },
    /// A signer that no clause before has taken must satisfy a principal.
    SignedBy {
        /// The principal.
        principal: String,
        /// Who was taken, by the place among the signers.
        signer: Option<usize>,
        /// Who was not, and why; those of other organizations are left out.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        rejected: Vec<RejectedSigner>,
    },
    /// So many of the child groups' policies of one name must hold.
    ImplicitMeta {
        /// The name.
        sub_policy: String,
        /// The rule.
        rule: ImplicitMetaRule,
        /// How many must hold.
        threshold: usize,
        /// How many child groups there are.
        groups: usize,
        /// How many of their policies hold.
        satisfied: usize,
    },
    /// A child group has no policy of that name.
    Missing,
}

/// A signer that a clause did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedSigner {
    /// The place among the signers.
    pub signer: usize,
    /// Why.
    pub why: Rejected,
}

/// Why a clause did not take a signer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rejected {
    /// An earlier clause has taken the signer.
    #[error("counted for an earlier clause already")]
    Taken,
    /// The signer does not satisfy the principal.
    #[error(transparent)]
    Unsatisfied(Unsatisfied),
}

impl CompiledApplicationPolicy {
    /// How [`CompiledApplicationPolicy::evaluate`] comes to its verdict.
    #[must_use]
    pub fn trace(&self, tree: &PolicyTree, signers: &[Arc<Identity>]) -> PolicyTrace {
        let mut clauses = Clauses::default();
        let (holds, path, problem) = match self {
            Self::Signature(policy) => {
                let satisfies = identities(policy, signers);
                let place = Place::TOP;
                let holds = clauses.signature(policy, place, signers.len(), satisfies);
                (holds, None, None)
            }
            Self::ChannelReference(id) => match tree.policy(id) {
                Some(policy) => {
                    let holds = clauses.policy(policy, Place::TOP, signers);
                    (holds, Some(id.clone()), None)
                }
                None => (false, Some(id.clone()), Some(PolicyProblem::NotFound)),
            },
            Self::Unusable(why) => (false, None, Some(PolicyProblem::Unusable(*why))),
        };
        PolicyTrace {
            holds,
            path,
            problem,
            clauses: clauses.kept,
            clauses_left_out: clauses.left_out,
        }
    }
}

/// Where a clause stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    depth: usize,
    group: Option<&'a str>,
}

impl Place<'_> {
    const TOP: Self = Self {
        depth: 0,
        group: None,
    };
}

/// The clauses noted so far.
#[derive(Default)]
pub(super) struct Clauses {
    kept: Vec<Clause>,
    left_out: usize,
}

/// Why signer and principal, by their numbers, do not fit.
type Satisfies<'a> = Box<dyn Fn(usize, usize) -> Result<(), Unsatisfied> + 'a>;

fn identities<'a>(policy: &'a SignaturePolicy, signers: &'a [Arc<Identity>]) -> Satisfies<'a> {
    let principals = policy.principals();
    Box::new(
        move |signer, principal| match (signers.get(signer), principals.get(principal)) {
            (Some(signer), Some(principal)) => signer.satisfies(principal),
            _ => Err(Unsatisfied::OtherIdentity),
        },
    )
}

impl Clauses {
    /// Notes a clause whose verdict is not known yet; `None` where there are too many.
    fn begin(&mut self, place: Place<'_>, kind: ClauseKind) -> Option<usize> {
        if self.kept.len() >= limits::EXPLAINED_CLAUSES_MAX {
            self.left_out += 1;
            return None;
        }
        self.kept.push(Clause {
            depth: place.depth,
            holds: false,
            group: place.group.map(str::to_owned),
            kind,
        });
        Some(self.kept.len() - 1)
    }

    fn end(&mut self, clause: Option<usize>, holds: bool, count: usize) {
        let Some(clause) = clause.and_then(|clause| self.kept.get_mut(clause)) else {
            return;
        };
        clause.holds = holds;
        match &mut clause.kind {
            ClauseKind::NOutOf { satisfied, .. } | ClauseKind::ImplicitMeta { satisfied, .. } => {
                *satisfied = count;
            }
            ClauseKind::SignedBy { .. } | ClauseKind::Missing => {}
        }
    }

    /// A policy of the channel configuration. Recurses as deep as groups nest, which is bounded.
    fn policy(&mut self, policy: &Policy, place: Place<'_>, signers: &[Arc<Identity>]) -> bool {
        match policy {
            Policy::Signature(policy) => {
                let satisfies = identities(policy, signers);
                self.signature(policy, place, signers.len(), satisfies)
            }
            Policy::ImplicitMeta(policy) => self.implicit(policy, place, signers),
            Policy::Reject => {
                self.begin(place, ClauseKind::Missing);
                false
            }
        }
    }

    /// Evaluates all children, also where the verdict is clear before: they are independent.
    fn implicit(
        &mut self,
        policy: &ImplicitMetaPolicy,
        place: Place<'_>,
        signers: &[Arc<Identity>],
    ) -> bool {
        let kind = ClauseKind::ImplicitMeta {
            sub_policy: policy.sub_policy().to_owned(),
            rule: policy.rule(),
            threshold: policy.threshold(),
            groups: policy.sub_policies().len(),
            satisfied: 0,
        };
        let clause = self.begin(place, kind);
        let mut satisfied = 0;
        for child in policy.sub_policies() {
            let place = Place {
                depth: place.depth + 1,
                group: Some(child.group()),
            };
            satisfied += usize::from(self.policy(child.policy(), place, signers));
        }
        // Fabric: a countdown from 0 (no child, or an unknown rule) must stay there.
        let holds = match policy.threshold() {
            0 => satisfied == 0,
            threshold => satisfied >= threshold,
        };
        self.end(clause, holds, satisfied);
        holds
    }

    fn signature(
        &mut self,
        policy: &SignaturePolicy,
        place: Place<'_>,
        signers: usize,
        satisfies: Satisfies<'_>,
    ) -> bool {
        let principals = policy.principals();
        let name = |principal: usize| principals.get(principal).map(Principal::to_string);
        self.rules(policy.nodes(), place, signers, &name, &satisfies)
    }

    fn signed_by(
        &mut self,
        place: Place<'_>,
        principal: Option<String>,
        (signer, rejected): (Option<usize>, Vec<RejectedSigner>),
    ) {
        let kind = ClauseKind::SignedBy {
            principal: principal.unwrap_or_default(),
            signer,
            rejected,
        };
        let clause = self.begin(place, kind);
        self.end(clause, signer.is_some(), 0);
    }

    /// Flat rules over signers and principals given by their numbers.
    fn rules(
        &mut self,
        nodes: &[Node],
        place: Place<'_>,
        signers: usize,
        name: &dyn Fn(usize) -> Option<String>,
        satisfies: &dyn Fn(usize, usize) -> Result<(), Unsatisfied>,
    ) -> bool {
        let mut open: Vec<OpenGate> = Vec::new();
        let mut taken: Vec<usize> = Vec::new();
        let mut next = 0;
        loop {
            let place = Place {
                depth: place.depth + open.len(),
                group: place.group.filter(|_| open.is_empty()),
            };
            let mut satisfied = match nodes.get(next) {
                Some(&Node::SignedBy(principal)) => {
                    let chosen = choose(signers, &taken, &|s| satisfies(s, principal));
                    let signer = chosen.0;
                    self.signed_by(place, name(principal), chosen);
                    taken.extend(signer);
                    signer.is_some()
                }
                Some(&Node::Gate { n, end }) => {
                    let rules = children(nodes, next, end);
                    let kind = ClauseKind::NOutOf {
                        n,
                        rules,
                        satisfied: 0,
                    };
                    let clause = self.begin(place, kind);
                    if rules > 0 {
                        open.push(OpenGate {
                            clause,
                            n,
                            end,
                            satisfied: 0,
                            before_rule: taken.len(),
                        });
                        next += 1;
                        continue;
                    }
                    self.end(clause, n <= 0, 0);
                    n <= 0
                }
                None => false,
            };
            next += 1;
            loop {
                let Some(gate) = open.last_mut() else {
                    return satisfied;
                };
                if satisfied {
                    gate.satisfied += 1;
                    gate.before_rule = taken.len();
                } else {
                    taken.truncate(gate.before_rule);
                }
                if next < gate.end {
                    break;
                }
                let (clause, count) = (gate.clause, gate.satisfied);
                satisfied = usize::try_from(gate.n).map_or(true, |n| count >= n);
                self.end(clause, satisfied, count);
                open.pop();
            }
        }
    }
}

/// A gate under evaluation.
struct OpenGate {
    clause: Option<usize>,
    n: i32,
    end: usize,
    satisfied: usize,
    /// How many signers were taken when the current rule began.
    before_rule: usize,
}

/// How many rules a gate has directly below it.
fn children(nodes: &[Node], gate: usize, end: usize) -> usize {
    let mut count = 0;
    let mut next = gate + 1;
    while next < end {
        count += 1;
        next = match nodes.get(next) {
            Some(&Node::Gate { end, .. }) => end,
            Some(Node::SignedBy(_)) | None => next + 1,
        };
    }
    count
}

/// The first free signer that satisfies a principal, or why each of its organization does not.
fn choose(
    signers: usize,
    taken: &[usize],
    satisfies: &dyn Fn(usize) -> Result<(), Unsatisfied>,
) -> (Option<usize>, Vec<RejectedSigner>) {
    let mut rejected = Vec::new();
    for signer in 0..signers {
        let why = match satisfies(signer) {
            Ok(()) if !taken.contains(&signer) => return (Some(signer), Vec::new()),
            Ok(()) => Rejected::Taken,
            Err(Unsatisfied::OtherMsp) => continue,
            Err(why) => Rejected::Unsatisfied(why),
        };
        if rejected.len() < limits::EXPLAINED_SIGNERS_MAX {
            rejected.push(RejectedSigner { signer, why });
        }
    }
    (None, rejected)
}

#[cfg(test)]
pub(super) fn trace_rules(
    nodes: &[Node],
    signers: usize,
    satisfies: &dyn Fn(usize, usize) -> bool,
) -> (bool, Vec<Clause>) {
    let mut clauses = Clauses::default();
    let satisfies = |signer: usize, principal: usize| {
        let fits = satisfies(signer, principal);
        if fits {
            Ok(())
        } else {
            Err(Unsatisfied::OtherIdentity)
        }
    };
    let name = |principal: usize| Some(principal.to_string());
    let holds = clauses.rules(nodes, Place::TOP, signers, &name, &satisfies);
    (holds, clauses.kept)
}
