//! The delta of an update: what changes, and who must agree.

use std::sync::Arc;

use crate::limits::CONFIG_GROUP_DEPTH_MAX;
use crate::msp::Identity;
use crate::policy::PolicyTree;
use crate::proto::config::{ConfigGroup, ConfigPolicy, ConfigUpdate, ConfigValue};

use crate::channel::error::{Element, ElementKind, UpdateError};
use crate::channel::ids;

/// What groups, values and policies have in common.
pub(super) trait Versioned {
    fn version(&self) -> u64;
    fn mod_policy(&self) -> &str;
}

macro_rules! versioned {
    ($($name:ident),*) => { $(
        impl Versioned for $name<'_> {
            fn version(&self) -> u64 {
                self.version
            }
            fn mod_policy(&self) -> &str {
                self.mod_policy
            }
        }
    )* };
}

versioned!(ConfigGroup, ConfigValue, ConfigPolicy);

/// Whether an element of the write set is in the delta.
///
/// Fabric: `common/configtx/update.go:computeDeltaSet`.
pub(super) fn is_delta<E: Versioned>(write: &E, read: Option<&E>) -> bool {
    read.is_none_or(|read| read.version() != write.version())
}

/// Checks read set and delta against the current configuration.
///
/// Fabric: `common/configtx/update.go:verifyReadSet`, `verifyDeltaSet`. That every element of the
/// write set is in the result (`verifyFullProposedConfig`) always holds after these.
pub(super) fn check(
    policies: &PolicyTree,
    current: &ConfigGroup<'_>,
    update: &ConfigUpdate<'_>,
    signers: &[Arc<Identity>],
) -> Result<(), UpdateError> {
    if let Some(read) = &update.read_set {
        check_read(read, current, "/Channel")?;
    }
    let Some(write) = &update.write_set else {
        return Err(UpdateError::Empty);
    };
    let mut walk = Walk {
        policies,
        signers,
        paths: Vec::new(),
        changes: 0,
    };
    walk.check_write(write, update.read_set.as_ref(), current)?;
    if walk.changes == 0 {
        Err(UpdateError::Empty)
    } else {
        Ok(())
    }
}

/// Recursion ends where the current configuration ends. Keys need no check: illegal ones are not
/// in the current configuration.
fn check_read(
    read: &ConfigGroup<'_>,
    current: &ConfigGroup<'_>,
    path: &str,
) -> Result<(), UpdateError> {
    check_read_element(|| Element::group(path), read, Some(current))?;
    for (key, value) in &read.values {
        check_read_element(|| Element::value(path, key), value, current.values.get(key))?;
    }
    for (key, policy) in &read.policies {
        check_read_element(
            || Element::policy(path, key),
            policy,
            current.policies.get(key),
        )?;
    }
    for (key, group) in &read.groups {
        let path = format!("{path}/{key}");
        match current.groups.get(key) {
            Some(current) => check_read(group, current, &path)?,
            None => {
                return Err(UpdateError::ReadAbsent {
                    element: Element::group(&path),
                });
            }
        }
    }
    Ok(())
}

fn check_read_element<E: Versioned>(
    element: impl Fn() -> Element,
    read: &E,
    current: Option<&E>,
) -> Result<(), UpdateError> {
    match current {
        None => Err(UpdateError::ReadAbsent { element: element() }),
        Some(current) if current.version() != read.version() => Err(UpdateError::ReadVersion {
            element: element(),
            current: current.version(),
            found: read.version(),
        }),
        Some(_) => Ok(()),
    }
}

/// The walk over a write set, which may be as deep as its decoder allows: a list of what is still
/// to be visited instead of recursion, and paths only made where they are needed.
struct Walk<'w> {
    policies: &'w PolicyTree,
    signers: &'w [Arc<Identity>],
    /// The groups met so far: parent's index and key.
    paths: Vec<(Option<usize>, &'w str)>,
    changes: usize,
}

/// A group of the write set beside its like in the read set and in the current configuration.
struct Visit<'w, 'a> {
    path: usize,
    write: &'w ConfigGroup<'a>,
    read: Option<&'w ConfigGroup<'a>>,
    current: Option<&'w ConfigGroup<'a>>,
}

/// An element's place: the group's index and, but for the group itself, the element's key.
#[derive(Clone, Copy)]
struct Place<'w> {
    kind: ElementKind,
    group: usize,
    key: &'w str,
}

impl<'w> Walk<'w> {
    fn check_write<'a>(
        &mut self,
        write: &'w ConfigGroup<'a>,
        read: Option<&'w ConfigGroup<'a>>,
        current: &'w ConfigGroup<'a>,
    ) -> Result<(), UpdateError> {
        self.paths.push((None, "Channel"));
        let mut open = vec![Visit {
            path: 0,
            write,
            read,
            current: Some(current),
        }];
        while let Some(visit) = open.pop() {
            self.check_group(&visit)?;
            for (key, write) in &visit.write.groups {
                open.push(Visit {
                    path: self.paths.len(),
                    write,
                    read: visit.read.and_then(|read| read.groups.get(key)),
                    current: visit.current.and_then(|current| current.groups.get(key)),
                });
                self.paths.push((Some(visit.path), key));
            }
        }
        Ok(())
    }

    /// Checks a group, its values and its policies.
    fn check_group(&mut self, visit: &Visit<'w, '_>) -> Result<(), UpdateError> {
        let group = visit.path;
        let key = self.paths.get(group).map_or("", |&(_, key)| key);
        let place = Place {
            kind: ElementKind::Group,
            group,
            key,
        };
        self.check_element(place, visit.write, visit.read, visit.current)?;
        for (key, value) in &visit.write.values {
            self.check_element(
                Place {
                    kind: ElementKind::Value,
                    group,
                    key,
                },
                value,
                visit.read.and_then(|read| read.values.get(key)),
                visit.current.and_then(|current| current.values.get(key)),
            )?;
        }
        for (key, policy) in &visit.write.policies {
            self.check_element(
                Place {
                    kind: ElementKind::Policy,
                    group,
                    key,
                },
                policy,
                visit.read.and_then(|read| read.policies.get(key)),
                visit.current.and_then(|current| current.policies.get(key)),
            )?;
        }
        Ok(())
    }

    fn check_element<E: Versioned>(
        &mut self,
        place: Place<'_>,
        write: &E,
        read: Option<&E>,
        current: Option<&E>,
    ) -> Result<(), UpdateError> {
        if !ids::is_legal(place.key) {
            return Err(UpdateError::IllegalKey {
                element: self.element(place),
            });
        }
        if !is_delta(write, read) {
            return Ok(());
        }
        self.changes += 1;
        if !ids::is_legal_mod_policy(write.mod_policy()) {
            return Err(UpdateError::ModPolicy {
                element: self.element(place),
                mod_policy: write.mod_policy().to_owned(),
            });
        }
        let found = write.version();
        let Some(current) = current else {
            return match found {
                0 => Ok(()),
                _ => Err(UpdateError::NewVersion {
                    element: self.element(place),
                    found,
                }),
            };
        };
        let expected = current.version().wrapping_add(1);
        if found != expected {
            let element = self.element(place);
            return Err(UpdateError::NextVersion {
                element,
                expected,
                found,
            });
        }
        self.check_authorized(place, current.mod_policy())
    }

    /// Evaluates the mod_policy that guards an existing element now.
    ///
    /// Fabric: `common/configtx/update.go:policyForItem`. Relative names start at the element's
    /// group, for a group at itself.
    fn check_authorized(&self, place: Place<'_>, mod_policy: &str) -> Result<(), UpdateError> {
        let keys = self.keys(place.group);
        let group = keys.get(1..).unwrap_or_default();
        let policy = self.policies.policy_for(group, mod_policy);
        let Some(policy) = policy else {
            return Err(UpdateError::NoSuchPolicy {
                element: self.element(place),
                mod_policy: mod_policy.to_owned(),
            });
        };
        if !policy.evaluate(self.signers) {
            return Err(UpdateError::NotAuthorized {
                element: self.element(place),
                mod_policy: mod_policy.to_owned(),
                signers: self.signers.len(),
            });
        }
        Ok(())
    }

    fn element(&self, place: Place<'_>) -> Element {
        let path = self.path(place.group);
        match place.kind {
            ElementKind::Group => Element::group(&path),
            ElementKind::Value => Element::value(&path, place.key),
            ElementKind::Policy => Element::policy(&path, place.key),
        }
    }

    /// The group's path. That of a deep group, which only an error can name, is cut off.
    fn path(&self, group: usize) -> String {
        let mut keys = self.keys(group);
        if keys.len() > CONFIG_GROUP_DEPTH_MAX {
            keys.truncate(CONFIG_GROUP_DEPTH_MAX);
            keys.push("...");
        }
        format!("/{}", keys.join("/"))
    }

    /// The keys on the way to a group, the root group's first.
    fn keys(&self, group: usize) -> Vec<&'w str> {
        let parent = |&index: &usize| self.paths.get(index).and_then(|&(parent, _)| parent);
        let mut keys: Vec<_> = std::iter::successors(Some(group), parent)
            .filter_map(|index| self.paths.get(index).map(|&(_, key)| key))
            .collect();
        keys.reverse();
        keys
    }
}
