//! Stub, replaced by the policy part.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::msp::Identity;
use crate::proto::config::ConfigGroup;

/// Stub.
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct PolicyError;

/// Stub.
#[derive(Debug)]
pub struct Policy(Option<bool>);

impl Policy {
    /// Stub.
    #[must_use]
    pub fn evaluate(&self, identities: &[Arc<Identity>]) -> bool {
        self.0.unwrap_or(!identities.is_empty())
    }
}

/// Stub.
#[derive(Debug, Default)]
pub struct PolicyTree {
    ids: BTreeMap<String, Policy>,
}

impl PolicyTree {
    /// Stub.
    pub fn new(root: &ConfigGroup<'_>) -> Result<Self, PolicyError> {
        let mut tree = Self::default();
        tree.add("/Channel", root)?;
        Ok(tree)
    }

    fn add(&mut self, path: &str, group: &ConfigGroup<'_>) -> Result<(), PolicyError> {
        for (name, policy) in &group.policies {
            let policy = policy.policy.as_ref().ok_or(PolicyError)?;
            let fixed = match policy.value {
                b"\x12\x02\x12\x00" => Some(true),
                b"\x12\x04\x12\x02\x08\x01" => Some(false),
                _ => None,
            };
            self.ids.insert(format!("{path}/{name}"), Policy(fixed));
        }
        for (name, child) in &group.groups {
            self.add(&format!("{path}/{name}"), child)?;
        }
        Ok(())
    }

    /// Stub.
    #[must_use]
    pub fn policy(&self, id: &str) -> Option<&Policy> {
        self.ids.get(id)
    }
}
