//! The proposed configuration: the delta overlaid on the current configuration.

use std::collections::BTreeMap;

use crate::channel::error::{ConfigError, Element, UpdateError};
use crate::limits::CONFIG_GROUP_DEPTH_MAX;
use crate::proto::config::{ConfigGroup, ConfigUpdate};

use super::delta::{Versioned, is_delta};

/// What an empty mod_policy becomes.
const ADMINS: &str = "Admins";

/// One element as the write set, the read set and the current configuration have it.
struct Versions<'w, E> {
    write: Option<&'w E>,
    read: Option<&'w E>,
    current: Option<&'w E>,
}

impl<'w, E: Versioned> Versions<'w, E> {
    /// The overlay's: the write set's if it is in the delta.
    fn overlaid(&self) -> Option<&'w E> {
        self.write
            .filter(|write| is_delta(*write, self.read))
            .or(self.current)
    }
}

impl<'w, 'a> Versions<'w, ConfigGroup<'a>> {
    fn child<E>(
        &self,
        children: impl Fn(&'w ConfigGroup<'a>) -> &'w BTreeMap<&'a str, E>,
        key: &str,
    ) -> Versions<'w, E> {
        let find = |group: Option<&'w ConfigGroup<'a>>| group.and_then(|g| children(g).get(key));
        Versions {
            write: find(self.write),
            read: find(self.read),
            current: find(self.current),
        }
    }
}

/// Overlays the delta, which was checked, and follows each group's own list of children.
///
/// Fabric: `common/configtx/configmap.go:configMapToConfig`.
pub(super) fn rebuild<'a>(
    current: &ConfigGroup<'a>,
    update: &ConfigUpdate<'a>,
) -> Result<ConfigGroup<'a>, ConfigError> {
    let root = Versions {
        write: update.write_set.as_ref(),
        read: update.read_set.as_ref(),
        current: Some(current),
    };
    let mut rebuilt = rebuild_group(&root, "/Channel", CONFIG_GROUP_DEPTH_MAX)?;
    // Channels made with v1.0's tools have empty mod_policies, which could never be changed again.
    if [root.write, root.current]
        .into_iter()
        .flatten()
        .any(has_orderer_capabilities)
    {
        fill_mod_policies(&mut rebuilt);
    }
    Ok(rebuilt)
}

/// No valid configuration is as deep as the limit, so what is deeper may be refused here.
fn rebuild_group<'a>(
    versions: &Versions<'_, ConfigGroup<'a>>,
    path: &str,
    depth: usize,
) -> Result<ConfigGroup<'a>, ConfigError> {
    let depth = depth.checked_sub(1).ok_or(ConfigError::GroupsTooDeep {
        max: CONFIG_GROUP_DEPTH_MAX,
    })?;
    let missing = |element| ConfigError::Update(UpdateError::Missing { element });
    let group = versions
        .overlaid()
        .ok_or_else(|| missing(Element::group(path)))?;
    let mut rebuilt = ConfigGroup {
        version: group.version,
        mod_policy: group.mod_policy,
        unknown: group.unknown.clone(),
        ..ConfigGroup::default()
    };
    for &key in group.groups.keys() {
        let child = versions.child(|group| &group.groups, key);
        rebuilt
            .groups
            .insert(key, rebuild_group(&child, &format!("{path}/{key}"), depth)?);
    }
    for &key in group.values.keys() {
        let value = versions.child(|group| &group.values, key).overlaid();
        let value = value.ok_or_else(|| missing(Element::value(path, key)))?;
        rebuilt.values.insert(key, value.clone());
    }
    for &key in group.policies.keys() {
        let policy = versions.child(|group| &group.policies, key).overlaid();
        let policy = policy.ok_or_else(|| missing(Element::policy(path, key)))?;
        rebuilt.policies.insert(key, policy.clone());
    }
    Ok(rebuilt)
}

/// Whether the overlay has this value, no matter whether the rebuilt configuration has it: an
/// element of the write set that is not in the delta is in the current configuration.
fn has_orderer_capabilities(root: &ConfigGroup<'_>) -> bool {
    root.groups
        .get("Orderer")
        .is_some_and(|group| group.values.contains_key("Capabilities"))
}

fn fill_mod_policies(group: &mut ConfigGroup<'_>) {
    let fill = |mod_policy: &mut &str| {
        if mod_policy.is_empty() {
            *mod_policy = ADMINS;
        }
    };
    fill(&mut group.mod_policy);
    group
        .values
        .values_mut()
        .for_each(|value| fill(&mut value.mod_policy));
    group
        .policies
        .values_mut()
        .for_each(|policy| fill(&mut policy.mod_policy));
    group.groups.values_mut().for_each(fill_mod_policies);
}
