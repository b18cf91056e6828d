//! Stub, replaced by the policy part.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::msp::Identity;
use crate::proto::config::ConfigGroup;

/// Stub.
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct PolicyError;

/// Stub.
#[derive(Debug)]
pub struct Policy;

impl Policy {
    /// Stub.
    #[must_use]
    pub fn evaluate(&self, identities: &[Arc<Identity>]) -> bool {
        !identities.is_empty()
    }
}

/// Stub.
#[derive(Debug, Default)]
pub struct PolicyTree {
    ids: BTreeSet<String>,
}

impl PolicyTree {
    /// Stub.
    pub fn new(root: &ConfigGroup<'_>) -> Result<Self, PolicyError> {
        let mut tree = Self::default();
        tree.add("/Channel", root);
        Ok(tree)
    }

    fn add(&mut self, path: &str, group: &ConfigGroup<'_>) {
        for name in group.policies.keys() {
            self.ids.insert(format!("{path}/{name}"));
        }
        for (name, child) in &group.groups {
            self.add(&format!("{path}/{name}"), child);
        }
    }

    /// Stub.
    #[must_use]
    pub fn policy(&self, id: &str) -> Option<&Policy> {
        self.ids.contains(id).then_some(&Policy)
    }
}
