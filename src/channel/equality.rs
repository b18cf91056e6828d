//! When two pieces of configuration are the same: Go's `proto.Equal`.
//!
//! The order of map entries does not matter, absent and default scalars are equal, absent and empty
//! messages are not. Unknown fields count: those of one number in their order, numbers in any order.

use std::collections::BTreeMap;

use crate::proto::config::{ConfigGroup, ConfigPolicy, ConfigValue, Policy, UnknownField};

use super::error::Element;

/// The first element in which the groups at `path` differ.
pub(super) fn group_difference(
    left: &ConfigGroup<'_>,
    right: &ConfigGroup<'_>,
    path: &str,
) -> Option<Element> {
    let alike = left.version == right.version
        && left.mod_policy == right.mod_policy
        && unknown_equal(&left.unknown, &right.unknown)
        && left.groups.keys().eq(right.groups.keys())
        && left.values.keys().eq(right.values.keys())
        && left.policies.keys().eq(right.policies.keys());
    if !alike {
        return Some(Element::group(path));
    }
    let values = left.values.iter().zip(right.values.values());
    if let Some((key, _)) = { values }.find(|((_, left), right)| !value_equal(left, right)) {
        return Some(Element::value(path, key.0));
    }
    let policies = left.policies.iter().zip(right.policies.values());
    if let Some((key, _)) = { policies }.find(|((_, left), right)| !policy_equal(left, right)) {
        return Some(Element::policy(path, key.0));
    }
    let groups = left.groups.iter().zip(right.groups.values());
    { groups }
        .find_map(|((key, left), right)| group_difference(left, right, &format!("{path}/{key}")))
}

fn value_equal(left: &ConfigValue<'_>, right: &ConfigValue<'_>) -> bool {
    left.version == right.version
        && left.value == right.value
        && left.mod_policy == right.mod_policy
        && unknown_equal(&left.unknown, &right.unknown)
}

fn policy_equal(left: &ConfigPolicy<'_>, right: &ConfigPolicy<'_>) -> bool {
    let inner = |left: &Policy<'_>, right: &Policy<'_>| {
        left.r#type == right.r#type
            && left.value == right.value
            && unknown_equal(&left.unknown, &right.unknown)
    };
    left.version == right.version
        && left.mod_policy == right.mod_policy
        && unknown_equal(&left.unknown, &right.unknown)
        && match (&left.policy, &right.policy) {
            (Some(left), Some(right)) => inner(left, right),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
}

/// Whether two messages have the same unknown fields, number by number.
///
/// Fabric: Go's `protoreflect/value_equal.go:equalUnknown`.
pub(super) fn unknown_equal(left: &[UnknownField<'_>], right: &[UnknownField<'_>]) -> bool {
    left == right || by_number(left) == by_number(right)
}

fn by_number<'a>(unknown: &[UnknownField<'a>]) -> BTreeMap<u32, Vec<(u8, &'a [u8])>> {
    let mut numbers = BTreeMap::<u32, Vec<_>>::new();
    for field in unknown {
        numbers
            .entry(field.number)
            .or_default()
            .push((field.wire_type, field.raw));
    }
    numbers
}
