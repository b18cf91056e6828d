//! The policies of a channel configuration, found by name or path.
//!
//! Groups lie in one list, a group before its children, so that nothing here recurses: children are
//! compiled by walking the list backwards, and dropping it front to back frees a policy always
//! before those that it refers to.
//!
//! Names that contain a `/` cannot be found. The configuration's own rules forbid them.
//!
//! Fabric: `common/policies/policy.go:NewManagerImpl`, `GetPolicy`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::{PolicyError, PolicyFault};
use super::{ImplicitMetaPolicy, Policy, SignaturePolicy};
use crate::proto::config::{ConfigGroup, ConfigPolicy, ImplicitMetaPolicy as WireImplicitMeta};
use crate::proto::msp::SignaturePolicyEnvelope;
use crate::proto::wire::Message;

/// Name of the root group.
const ROOT: &str = "Channel";

/// The policies of one channel configuration.
#[derive(Debug)]
pub struct PolicyTree {
    /// The root first, every group before its children.
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    name: Box<str>,
    parent: usize,
    children: BTreeMap<Box<str>, usize>,
    policies: BTreeMap<Box<str>, Arc<Policy>>,
}

impl PolicyTree {
    /// Compiles the policies of a configuration's root group.
    ///
    /// # Errors
    /// A policy without content, of another type than signature or implicit meta, or that does not
    /// decode or compile: the whole configuration is invalid.
    pub fn new(channel_group: &ConfigGroup<'_>) -> Result<Self, PolicyError> {
        let mut sources = vec![channel_group];
        let mut tree = Self {
            groups: vec![Group::new(ROOT, 0)],
        };
        let mut parent = 0;
        while let Some(&source) = sources.get(parent) {
            for (name, child) in &source.groups {
                let index = tree.groups.len();
                tree.groups.push(Group::new(name, parent));
                sources.push(child);
                if let Some(group) = tree.groups.get_mut(parent) {
                    group.children.insert((*name).into(), index);
                }
            }
            parent += 1;
        }
        for (index, source) in sources.iter().enumerate().rev() {
            let policies = tree.compile_group(index, source)?;
            if let Some(group) = tree.groups.get_mut(index) {
                group.policies = policies;
            }
        }
        Ok(tree)
    }

    /// The policy with the given id, looked up from the root: a path below the root, or an absolute
    /// path that begins with `/Channel/`. `None` where there is none.
    #[must_use]
    pub fn policy(&self, id: &str) -> Option<&Policy> {
        self.find(0, id).map(|policy| &**policy)
    }

    /// The policy that an element of the configuration means by `id` as its `mod_policy`: relative
    /// to the group at `group_path` (names below the root; empty for the root itself), or absolute.
    ///
    /// Fabric: `common/configtx/update.go:policyForItem`.
    #[must_use]
    pub fn policy_for(&self, group_path: &[&str], id: &str) -> Option<&Policy> {
        let group = if id.starts_with('/') {
            0
        } else {
            self.group_at(group_path)?
        };
        self.find(group, id).map(|policy| &**policy)
    }

    fn group_at(&self, path: &[&str]) -> Option<usize> {
        path.iter().try_fold(0, |group, &name| {
            self.groups.get(group)?.children.get(name).copied()
        })
    }

    /// What the policy manager of one group finds under an id.
    fn find(&self, group: usize, id: &str) -> Option<&Arc<Policy>> {
        let relative = if id.starts_with('/') {
            let path = self.path(group);
            let rest = id.strip_prefix('/')?.strip_prefix(path.as_str())?;
            // Fabric strips one more byte after the group's path without looking at it. Where there
            // is none (`/Channel`), it crashes; here there is no such policy.
            rest.get(1..)?
        } else {
            id
        };
        let mut names = relative.rsplit('/');
        let name = names.next()?;
        let group = names.rev().try_fold(group, |group, child| {
            self.groups.get(group)?.children.get(child).copied()
        })?;
        self.groups.get(group)?.policies.get(name)
    }

    /// A group's path from the root, without a slash in front.
    fn path(&self, group: usize) -> String {
        let mut names = Vec::new();
        let mut index = group;
        while let Some(group) = self.groups.get(index) {
            names.push(&*group.name);
            if index == 0 {
                break;
            }
            index = group.parent;
        }
        names.reverse();
        names.join("/")
    }

    /// Compiles the policies of one group, whose children are compiled already.
    fn compile_group(
        &self,
        group: usize,
        source: &ConfigGroup<'_>,
    ) -> Result<BTreeMap<Box<str>, Arc<Policy>>, PolicyError> {
        let mut policies = BTreeMap::new();
        for (name, policy) in &source.policies {
            let policy = self.compile(group, policy).map_err(|fault| PolicyError {
                group: self.path(group),
                policy: (*name).to_owned(),
                fault,
            })?;
            policies.insert((*name).into(), Arc::new(policy));
        }
        Ok(policies)
    }

    fn compile(&self, group: usize, policy: &ConfigPolicy<'_>) -> Result<Policy, PolicyFault> {
        let policy = policy.policy.as_ref().ok_or(PolicyFault::Missing)?;
        match policy.r#type {
            1 => {
                let envelope = SignaturePolicyEnvelope::decode(policy.value)
                    .map_err(PolicyFault::Undecodable)?;
                if envelope.version != 0 {
                    return Err(PolicyFault::Version {
                        found: envelope.version,
                    });
                }
                let policy = SignaturePolicy::compile(&envelope).map_err(PolicyFault::Compile)?;
                Ok(Policy::Signature(policy))
            }
            3 => {
                let definition =
                    WireImplicitMeta::decode(policy.value).map_err(PolicyFault::Undecodable)?;
                Ok(Policy::ImplicitMeta(self.implicit_meta(group, &definition)))
            }
            found => Err(PolicyFault::UnknownType { found }),
        }
    }

    fn implicit_meta(&self, group: usize, definition: &WireImplicitMeta<'_>) -> ImplicitMetaPolicy {
        let children = self
            .groups
            .get(group)
            .map(|group| &group.children)
            .into_iter()
            .flatten();
        let sub_policies = children.map(|(name, &child)| {
            let found = self.find(child, definition.sub_policy).map(Arc::clone);
            (
                name.clone(),
                found.unwrap_or_else(|| Arc::new(Policy::Reject)),
            )
        });
        ImplicitMetaPolicy::new(definition.sub_policy, definition.rule, sub_policies)
    }
}

impl Group {
    fn new(name: &str, parent: usize) -> Self {
        Self {
            name: name.into(),
            parent,
            children: BTreeMap::new(),
            policies: BTreeMap::new(),
        }
    }
}
