//! The update that leads from a configuration to an edited one: what Fabric's configtxlator computes.
//!
//! The dual of the delta: whatever is computed here is accepted there, if enough sign it.

use std::collections::BTreeMap;

use crate::proto::messages::common::{ConfigGroup, ConfigPolicy, ConfigValue};

/// What leads from a configuration to an edited one.
#[derive(Debug, Clone, PartialEq)]
pub struct ComputedUpdate {
    /// What the change relies on, by version.
    pub read_set: ConfigGroup,
    /// What is changed, and its neighbours by version where some came or went.
    pub write_set: ConfigGroup,
    /// The edited channel group as it will be in force: versions raised where something changed.
    pub next: ConfigGroup,
}

/// The update from the channel group `current` to what was made of it; `None` where nothing differs.
/// Versions in `edited` do not matter.
///
/// Recurses along the groups, which a valid configuration has few levels of.
///
/// Fabric: `internal/configtxlator/update/update.go:Compute`.
#[must_use]
pub fn compute_update(current: &ConfigGroup, edited: &ConfigGroup) -> Option<ComputedUpdate> {
    let difference = difference(current, edited);
    difference.changed.then_some(ComputedUpdate {
        read_set: difference.read,
        write_set: difference.write,
        next: difference.next,
    })
}

/// What differs between two groups.
struct Difference {
    read: ConfigGroup,
    write: ConfigGroup,
    /// The new group with versions raised.
    next: ConfigGroup,
    changed: bool,
}

/// Fabric: `internal/configtxlator/update/update.go:computeGroupUpdate`.
fn difference(old: &ConfigGroup, new: &ConfigGroup) -> Difference {
    let values = members(&old.values, &new.values);
    let policies = members(&old.policies, &new.policies);
    let mut read = ConfigGroup {
        version: old.version,
        ..ConfigGroup::default()
    };
    let mut write = read.clone();
    let mut next = ConfigGroup {
        version: old.version,
        groups: BTreeMap::new(),
        values: values.next,
        policies: policies.next,
        mod_policy: new.mod_policy.clone(),
    };
    let mut same = BTreeMap::new();
    let mut own = values.membership || policies.membership || old.mod_policy != new.mod_policy;
    own |= old.groups.keys().any(|key| !new.groups.contains_key(key));
    for (key, group) in &new.groups {
        let known = old.groups.get(key);
        own |= known.is_none();
        let empty = ConfigGroup::default();
        let mut below = difference(known.unwrap_or(&empty), group);
        if known.is_none() {
            below.next.version = 0;
            below.write.version = 0;
            below.write.mod_policy.clone_from(&group.mod_policy);
            write.groups.insert(key.clone(), below.write);
        } else if below.changed {
            read.groups.insert(key.clone(), below.read);
            write.groups.insert(key.clone(), below.write);
        } else {
            same.insert(key.clone(), below.read);
        }
        next.groups.insert(key.clone(), below.next);
    }
    let changed = own
        || !write.groups.is_empty()
        || !values.written.is_empty()
        || !policies.written.is_empty();
    write.values = values.written;
    write.policies = policies.written;
    if own {
        read.groups.extend(same.clone());
        write.groups.extend(same);
        read.values.extend(values.same.clone());
        write.values.extend(values.same);
        read.policies.extend(policies.same.clone());
        write.policies.extend(policies.same);
        write.version += 1;
        write.mod_policy.clone_from(&new.mod_policy);
        next.version += 1;
    }
    Difference {
        read,
        write,
        next,
        changed,
    }
}

/// A value or a policy.
trait Element: Clone {
    fn version(&self) -> u64;
    fn set_version(&mut self, version: u64);
    fn says_the_same(&self, other: &Self) -> bool;
    fn reference(version: u64) -> Self;
}

impl Element for ConfigValue {
    fn version(&self) -> u64 {
        self.version
    }

    fn set_version(&mut self, version: u64) {
        self.version = version;
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.value == other.value && self.mod_policy == other.mod_policy
    }

    fn reference(version: u64) -> Self {
        Self {
            version,
            ..Self::default()
        }
    }
}

impl Element for ConfigPolicy {
    fn version(&self) -> u64 {
        self.version
    }

    fn set_version(&mut self, version: u64) {
        self.version = version;
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.policy == other.policy && self.mod_policy == other.mod_policy
    }

    fn reference(version: u64) -> Self {
        Self {
            version,
            ..Self::default()
        }
    }
}

/// What differs between the values or policies of two groups.
struct Members<T> {
    /// References to those that stayed.
    same: BTreeMap<String, T>,
    written: BTreeMap<String, T>,
    next: BTreeMap<String, T>,
    /// Whether some came or went.
    membership: bool,
}

fn members<T: Element>(old: &BTreeMap<String, T>, new: &BTreeMap<String, T>) -> Members<T> {
    let mut members = Members {
        same: BTreeMap::new(),
        written: BTreeMap::new(),
        next: BTreeMap::new(),
        membership: old.keys().any(|key| !new.contains_key(key)),
    };
    for (key, element) in new {
        let mut element = element.clone();
        match old.get(key) {
            Some(known) if known.says_the_same(&element) => {
                let reference = T::reference(known.version());
                members.same.insert(key.clone(), reference);
                element.set_version(known.version());
            }
            known => {
                members.membership |= known.is_none();
                element.set_version(known.map_or(0, |known| known.version() + 1));
                members.written.insert(key.clone(), element.clone());
            }
        }
        members.next.insert(key.clone(), element);
    }
    members
}
