//! Certificate policies (RFC 5280 section 6.1 as amended by RFC 9618), with any policy acceptable.
//!
//! They matter only where an authority demands an explicit policy. The graph has one node per policy and
//! certificate, so it cannot grow exponentially.

use std::collections::{BTreeMap, BTreeSet};

use crate::x509::Certificate;
use crate::x509::extensions::Known;

const ANY_POLICY: &[u8] = &[0x55, 0x1d, 0x20, 0];

/// Whether the chain's policies are acceptable.
// Fabric: Go's x509 policiesValid with no policy asked for.
pub(super) fn are_valid(chain: &[Certificate]) -> bool {
    let [leaf, below_root @ .., _root] = chain else {
        return true; // a chain of one
    };
    let mut walk = Walk::new(chain.len() - 1);
    for authority in below_root.iter().rev() {
        if !walk.pass(authority, false) {
            return false;
        }
    }
    walk.pass(leaf, true) && walk.finish(&leaf.parsed().known)
}

/// The state between two certificates, on the way down from the root.
struct Walk<'a> {
    graph: Option<Graph<'a>>,
    /// How many more certificates may do without an explicit policy, map policies, use anyPolicy.
    explicit_policy: u64,
    policy_mapping: u64,
    inhibit_any_policy: u64,
}

impl<'a> Walk<'a> {
    fn new(below_root: usize) -> Self {
        let unlimited = u64::try_from(below_root)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        Self {
            graph: Some(Graph::new()),
            explicit_policy: unlimited,
            policy_mapping: unlimited,
            inhibit_any_policy: unlimited,
        }
    }

    /// Takes one more certificate; false where the chain is invalid for certain.
    fn pass(&mut self, certificate: &'a Certificate, is_leaf: bool) -> bool {
        let known = &certificate.parsed().known;
        if known.policies.is_empty() {
            self.graph = None;
        }
        if self.explicit_policy == 0 && self.graph.is_none() {
            return false;
        }
        let self_issued = certificate.is_self_issued();
        if let Some(graph) = &mut self.graph {
            let any_allowed = self.inhibit_any_policy > 0 || !is_leaf && self_issued;
            graph.descend(&known.policies, any_allowed);
            if !is_leaf && !graph.map(known, self.policy_mapping > 0) {
                return false;
            }
        }
        if !is_leaf {
            self.count(known, self_issued);
        }
        true
    }

    fn count(&mut self, known: &Known<'_>, self_issued: bool) {
        let counters = [
            (&mut self.explicit_policy, known.require_explicit_policy),
            (&mut self.policy_mapping, known.inhibit_policy_mapping),
            (&mut self.inhibit_any_policy, known.inhibit_any_policy),
        ];
        for (counter, limit) in counters {
            if !self_issued {
                *counter = counter.saturating_sub(1);
            }
            *counter = limit.map_or(*counter, |limit| limit.min(*counter));
        }
    }

    fn finish(self, leaf: &Known<'_>) -> bool {
        let required =
            self.explicit_policy.saturating_sub(1) == 0 || leaf.require_explicit_policy == Some(0);
        !required || self.graph.is_some_and(|graph| graph.has_valid_policy())
    }
}

/// A node's place in [`Graph::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct NodeId(usize);

#[derive(Default)]
struct Node<'a> {
    policy: &'a [u8],
    expected: Vec<&'a [u8]>,
    parents: BTreeSet<NodeId>,
    children: BTreeSet<NodeId>,
}

/// The valid policy graph: one stratum per certificate, the root's first.
struct Graph<'a> {
    nodes: Vec<Node<'a>>,
    above: Vec<BTreeMap<&'a [u8], NodeId>>,
    leaves: BTreeMap<&'a [u8], NodeId>,
}

impl<'a> Graph<'a> {
    fn new() -> Self {
        let mut graph = Self {
            nodes: Vec::new(),
            above: Vec::new(),
            leaves: BTreeMap::new(),
        };
        graph.insert(ANY_POLICY, vec![ANY_POLICY], Vec::new());
        graph
    }

    /// RFC 5280 section 6.1.3 (d): a new stratum for a certificate with these policies.
    fn descend(&mut self, policies: &[&'a [u8]], any_allowed: bool) {
        let parents = std::mem::take(&mut self.leaves);
        let mut expecting: BTreeMap<&[u8], Vec<NodeId>> = BTreeMap::new();
        for &id in parents.values() {
            for policy in self
                .nodes
                .get(id.0)
                .map(|node| node.expected.clone())
                .unwrap_or_default()
            {
                expecting.entry(policy).or_default().push(id);
            }
        }
        let any_parent = parents.get(ANY_POLICY).copied();
        self.above.push(parents);
        for &policy in policies.iter().filter(|policy| **policy != ANY_POLICY) {
            let from = expecting
                .get(policy)
                .cloned()
                .or(any_parent.map(|any| vec![any]));
            if let Some(from) = from {
                self.insert(policy, vec![policy], from);
            }
        }
        if any_allowed && policies.contains(&ANY_POLICY) {
            for (policy, from) in expecting {
                if !self.leaves.contains_key(policy) {
                    self.insert(policy, vec![policy], from);
                }
            }
        }
        self.prune();
    }

    /// RFC 5280 section 6.1.4 (a) and (b); false where a mapping is invalid.
    fn map(&mut self, known: &Known<'a>, allowed: bool) -> bool {
        let mut mappings: BTreeMap<&[u8], Vec<&[u8]>> = BTreeMap::new();
        for mapping in &known.policy_mappings {
            if !allowed {
                self.delete_leaf(mapping.issuer);
            } else if mapping.issuer == ANY_POLICY || mapping.subject == ANY_POLICY {
                return false;
            } else {
                mappings
                    .entry(mapping.issuer)
                    .or_default()
                    .push(mapping.subject);
            }
        }
        if !known.policy_mappings.is_empty() {
            self.prune();
        }
        for (issuer, subjects) in mappings {
            let (leaf, any) = (
                self.leaves.get(issuer),
                self.leaves.get(ANY_POLICY).copied(),
            );
            if let Some(node) = leaf.and_then(|&id| self.nodes.get_mut(id.0)) {
                node.expected = subjects;
            } else if let Some(any) = any {
                self.insert(issuer, subjects, vec![any]);
            }
        }
        true
    }

    fn insert(&mut self, policy: &'a [u8], expected: Vec<&'a [u8]>, parents: Vec<NodeId>) {
        let id = NodeId(self.nodes.len());
        for &parent in &parents {
            if let Some(parent) = self.nodes.get_mut(parent.0) {
                parent.children.insert(id);
            }
        }
        let parents = parents.into_iter().collect();
        self.nodes.push(Node {
            policy,
            expected,
            parents,
            children: BTreeSet::new(),
        });
        self.leaves.insert(policy, id);
    }

    fn delete_leaf(&mut self, policy: &[u8]) {
        if let Some(id) = self.leaves.remove(policy) {
            self.detach(id);
        }
    }

    fn detach(&mut self, id: NodeId) {
        let parents = self
            .nodes
            .get(id.0)
            .map(|node| node.parents.clone())
            .unwrap_or_default();
        for parent in parents {
            if let Some(parent) = self.nodes.get_mut(parent.0) {
                parent.children.remove(&id);
            }
        }
    }

    /// Drops what has no children, from the bottom up; the leaves and the root stay.
    fn prune(&mut self) {
        for depth in (1..self.above.len()).rev() {
            let stratum = self.above.get(depth).cloned().unwrap_or_default();
            for (policy, id) in stratum {
                if self
                    .nodes
                    .get(id.0)
                    .is_some_and(|node| node.children.is_empty())
                {
                    self.detach(id);
                    if let Some(stratum) = self.above.get_mut(depth) {
                        stratum.remove(policy);
                    }
                }
            }
        }
    }

    /// RFC 5280 section 6.1.5 (g): whether any policy is left that the authorities vouch for.
    fn has_valid_policy(&self) -> bool {
        let strata = self.above.iter().chain([&self.leaves]);
        let from_any = |id: &NodeId| {
            let Some(node) = self
                .nodes
                .get(id.0)
                .filter(|node| node.policy != ANY_POLICY)
            else {
                return false;
            };
            let mut parents = node
                .parents
                .iter()
                .filter_map(|&parent| self.nodes.get(parent.0));
            matches!((parents.next(), parents.next()), (Some(only), None) if only.policy == ANY_POLICY)
        };
        self.leaves.contains_key(ANY_POLICY) || strata.flat_map(BTreeMap::values).any(from_any)
    }
}
