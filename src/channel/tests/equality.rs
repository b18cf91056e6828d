//! When two pieces of configuration are the same in Go's eyes.

use super::kit::*;
use crate::channel::equality::{group_difference, unknown_equal};
use crate::proto::config::{Policy, UnknownField};

fn field(number: u32, raw: &'static [u8]) -> UnknownField<'static> {
    UnknownField {
        number,
        wire_type: 0,
        raw,
    }
}

/// Where the genesis configuration and an edit of it differ.
fn check(edit: impl Fn(&mut Group), expected: Option<&str>) {
    let left = root();
    let mut right = root();
    edit(&mut right);
    let both = [
        group_difference(&left, &right, "/Channel"),
        group_difference(&right, &left, "/Channel"),
    ];
    for difference in both {
        assert_eq!(
            difference.map(|element| element.to_string()).as_deref(),
            expected
        );
    }
}

#[test]
fn groups() {
    check(|_| {}, None);
    check(
        |root| at(root, "Orderer").version = 1,
        Some("group /Channel/Orderer"),
    );
    check(|root| root.mod_policy = "", Some("group /Channel"));
    check(
        |root| root.unknown.push(field(9, b"\x01")),
        Some("group /Channel"),
    );
    check(
        |root| drop(root.groups.remove("Orderer")),
        Some("group /Channel"),
    );
    check(
        |root| drop(root.groups.insert("X", Group::default())),
        Some("group /Channel"),
    );
    check(
        |root| drop(at(root, "Application").values.remove("Capabilities")),
        Some("group /Channel/Application"),
    );
    check(
        |root| {
            let values = &mut at(root, "Application").values;
            let value = values.remove("Capabilities").unwrap();
            values.insert("Other", value);
        },
        Some("group /Channel/Application"),
    );
}

#[test]
fn values_and_policies() {
    let at_value = Some("value /Channel/HashingAlgorithm");
    let at_policy = Some("policy /Channel/Admins");
    fn value(root: &mut Group) -> &mut crate::proto::config::ConfigValue<'static> {
        root.values.get_mut("HashingAlgorithm").unwrap()
    }
    fn policy(root: &mut Group) -> &mut crate::proto::config::ConfigPolicy<'static> {
        root.policies.get_mut("Admins").unwrap()
    }
    check(|root| value(root).version = 1, at_value);
    check(|root| value(root).value = b"", at_value);
    check(|root| value(root).mod_policy = "x", at_value);
    check(|root| value(root).unknown.push(field(9, b"\x01")), at_value);
    check(|root| policy(root).version = 1, at_policy);
    check(|root| policy(root).mod_policy = "x", at_policy);
    check(
        |root| policy(root).unknown.push(field(9, b"\x01")),
        at_policy,
    );
    check(|root| policy(root).policy = None, at_policy);
    check(
        |root| policy(root).policy = Some(Policy::default()),
        at_policy,
    );
    check(
        |root| policy(root).policy.as_mut().unwrap().r#type = 1,
        at_policy,
    );
    check(
        |root| policy(root).policy.as_mut().unwrap().value = b"",
        at_policy,
    );
    check(
        |root| {
            policy(root)
                .policy
                .as_mut()
                .unwrap()
                .unknown
                .push(field(9, b"\x01"))
        },
        at_policy,
    );
}

#[test]
fn unknown_fields() {
    let (a, b, c) = (field(7, b"\x01"), field(7, b"\x02"), field(8, b"\x01"));
    let bytes = UnknownField {
        number: 7,
        wire_type: 2,
        raw: b"\x01",
    };
    for (left, right, expected) in [
        (&[][..], &[][..], true),
        (&[a], &[a], true),
        (&[a, b], &[b, a], false),
        (&[a, c], &[c, a], true),
        (&[a, c, b], &[c, a, b], true),
        (&[a, c, b], &[b, c, a], false),
        (&[a], &[a, a], false),
        (&[a], &[], false),
        (&[a], &[c], false),
        (&[a], &[bytes], false),
    ] {
        assert_eq!(unknown_equal(left, right), expected, "{left:?} {right:?}");
    }
}
