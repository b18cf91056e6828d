//! Policies of a channel configuration: building, finding, counting children.

use super::*;
use crate::proto::config::ConfigGroup;

/// A signature policy that always or never holds.
fn signature(holds: bool) -> (u64, Vec<u8>) {
    let mut gate = Vec::new();
    put_uint(&mut gate, 1, u64::from(!holds));
    let mut rule = Vec::new();
    put_element(&mut rule, 2, &gate);
    let mut envelope = Vec::new();
    put_element(&mut envelope, 2, &rule);
    (1, envelope)
}

fn implicit(sub_policy: &str, rule: u64) -> (u64, Vec<u8>) {
    let mut bytes = Vec::new();
    put_bytes(&mut bytes, 1, sub_policy.as_bytes());
    put_uint(&mut bytes, 2, rule);
    (3, bytes)
}

const ANY: u64 = 0;
const ALL: u64 = 1;
const MAJORITY: u64 = 2;

type NamedGroup<'a> = (&'a str, Vec<u8>);

fn group(policies: &[(&str, (u64, Vec<u8>))], groups: &[NamedGroup<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, child) in groups {
        let mut entry = Vec::new();
        put_bytes(&mut entry, 1, name.as_bytes());
        put_element(&mut entry, 2, child);
        put_element(&mut bytes, 2, &entry);
    }
    for (name, (kind, value)) in policies {
        let mut policy = Vec::new();
        put_uint(&mut policy, 1, *kind);
        put_bytes(&mut policy, 2, value);
        let mut config_policy = Vec::new();
        put_element(&mut config_policy, 2, &policy);
        let mut entry = Vec::new();
        put_bytes(&mut entry, 1, name.as_bytes());
        put_element(&mut entry, 2, &config_policy);
        put_element(&mut bytes, 4, &entry);
    }
    bytes
}

fn tree(root: &[u8]) -> Result<PolicyTree, PolicyError> {
    PolicyTree::new(&ConfigGroup::decode(root).unwrap())
}

/// `Application` with the given orgs, each with policy `P` that holds or not, or without it
/// (`None`).
fn application(meta: (u64, Vec<u8>), orgs: &[Option<bool>]) -> bool {
    let names = ["Org1", "Org2", "Org3", "Org4", "Org5"];
    let orgs: Vec<NamedGroup<'_>> = orgs
        .iter()
        .zip(names)
        .map(|(holds, name)| {
            let policy = holds.map(|holds| ("P", signature(holds)));
            (name, group(policy.as_slice(), &[]))
        })
        .collect();
    let root = group(&[], &[("Application", group(&[("Meta", meta)], &orgs))]);
    tree(&root)
        .unwrap()
        .policy("/Channel/Application/Meta")
        .unwrap()
        .evaluate(&[])
}

#[test]
fn e8_implicit_meta_counts_children() {
    const YES: Option<bool> = Some(true);
    const NO: Option<bool> = Some(false);
    let table: &[(u64, &[Option<bool>], bool)] = &[
        (MAJORITY, &[YES, YES, YES, None], true),
        (MAJORITY, &[YES, YES, NO, None], false),
        (MAJORITY, &[YES, YES, NO, NO], false),
        (MAJORITY, &[YES, YES, NO], true),
        (MAJORITY, &[YES], true),
        (MAJORITY, &[], true),
        (ANY, &[NO, YES], true),
        (ANY, &[NO, None], false),
        (ANY, &[], true),
        (ALL, &[YES, YES], true),
        (ALL, &[YES, None], false),
        (ALL, &[], true),
        // An unknown rule: satisfied only where no child is.
        (7, &[NO, None], true),
        (7, &[NO, YES], false),
        (7, &[], true),
    ];
    for (rule, orgs, expected) in table {
        assert_eq!(
            application(implicit("P", *rule), orgs),
            *expected,
            "{rule} of {orgs:?}"
        );
    }
}

#[test]
fn sub_policies_may_be_paths() {
    assert!(!application(implicit("", ANY), &[Some(true)]));
    assert!(application(
        implicit("/Channel/Application/Org1/P", ANY),
        &[Some(true), Some(true)]
    ));
    assert!(!application(
        implicit("/Channel/Application/Org1/P", ALL),
        &[Some(true), Some(true)]
    ));
    assert!(!application(
        implicit("/Channel/Application/Org1", ANY),
        &[Some(true)]
    ));
    let orgs = [("Org1", group(&[("P", signature(true))], &[]))];
    let application = group(&[("Meta", implicit("P", ALL))], &orgs);
    let root = group(
        &[
            ("Deep", implicit("Org1/P", ALL)),
            ("Top", implicit("Meta", ALL)),
        ],
        &[("Application", application)],
    );
    let tree = tree(&root).unwrap();
    assert!(tree.policy("Deep").unwrap().evaluate(&[]));
    assert!(tree.policy("Top").unwrap().evaluate(&[]));
}

#[test]
fn lookup_follows_the_reference() {
    let org = group(&[("Admins", signature(true))], &[]);
    let application = group(&[("Admins", signature(false))], &[("Org1", org)]);
    let root = group(
        &[("Admins", signature(false))],
        &[("Application", application)],
    );
    let tree = tree(&root).unwrap();
    let found = |id: &str| tree.policy(id).map(|policy| policy.evaluate(&[]));
    let table = [
        ("Admins", Some(false)),
        ("/Channel/Admins", Some(false)),
        ("/Channel/Application/Org1/Admins", Some(true)),
        ("Application/Org1/Admins", Some(true)),
        ("Application/Admins", Some(false)),
        // One byte after the root's path is not looked at.
        ("/ChannelXApplication/Org1/Admins", Some(true)),
        ("/Channel\u{e9}Admins", None),
        ("", None),
        ("/", None),
        ("/Channel", None),
        ("/Channel/", None),
        ("/Chann", None),
        ("Channel/Admins", None),
        ("/Channel/Application", None),
        ("/Channel/Application/", None),
        ("/Channel//Admins", None),
        ("/Application/Org1/Admins", None),
        ("Readers", None),
    ];
    for (id, expected) in table {
        assert_eq!(found(id), expected, "{id}");
    }
}

#[test]
fn mod_policies_are_relative_to_their_group() {
    let org = group(&[("Admins", signature(true))], &[]);
    let application = group(&[("Readers", signature(true))], &[("Org1", org)]);
    let root = group(
        &[("Admins", signature(false))],
        &[("Application", application)],
    );
    let tree = tree(&root).unwrap();
    let found = |path: &[&str], id: &str| tree.policy_for(path, id).map(|p| p.evaluate(&[]));
    assert_eq!(found(&[], "Admins"), Some(false));
    assert_eq!(found(&["Application", "Org1"], "Admins"), Some(true));
    assert_eq!(found(&["Application"], "Admins"), None);
    assert_eq!(found(&["Application"], "Org1/Admins"), Some(true));
    assert_eq!(
        found(&["Application", "Org1"], "/Channel/Admins"),
        Some(false)
    );
    assert_eq!(found(&["Nowhere"], "/Channel/Admins"), Some(false));
    assert_eq!(found(&["Nowhere"], "Admins"), None);
    assert_eq!(found(&["Application"], ""), None);
}

#[test]
fn broken_policies_refuse_the_configuration() {
    let fault = |kind: u64, value: &[u8]| {
        let org = group(&[("P", (kind, value.to_vec()))], &[]);
        let error = tree(&group(&[], &[("Application", org)])).unwrap_err();
        assert_eq!(
            (error.group.as_str(), error.policy.as_str()),
            ("Channel/Application", "P")
        );
        error.fault
    };
    assert_eq!(fault(0, &[]), PolicyFault::UnknownType { found: 0 });
    assert_eq!(fault(2, &[]), PolicyFault::UnknownType { found: 2 });
    assert_eq!(fault(1, &[]), PolicyFault::Compile(CompileError::NoRule));
    assert!(matches!(fault(1, &[0xff]), PolicyFault::Undecodable(_)));
    assert!(matches!(fault(3, &[0xff]), PolicyFault::Undecodable(_)));
    // E7: the version counts here.
    let (_, mut versioned) = signature(true);
    versioned.extend([0x08, 0x01]);
    assert_eq!(fault(1, &versioned), PolicyFault::Version { found: 1 });
    // A ConfigPolicy without its policy.
    let mut entry = Vec::new();
    put_bytes(&mut entry, 1, b"P");
    let mut root = Vec::new();
    put_element(&mut root, 4, &entry);
    assert_eq!(tree(&root).unwrap_err().fault, PolicyFault::Missing);
}

#[test]
fn e7_application_policies_ignore_the_version() {
    let tree = tree(&group(
        &[("Yes", signature(true)), ("No", signature(false))],
        &[],
    ))
    .unwrap();
    let by_value = |holds: bool, version: bool| {
        let (_, mut envelope) = signature(holds);
        if version {
            envelope.extend([0x08, 0x01]);
        }
        let mut bytes = Vec::new();
        put_element(&mut bytes, 1, &envelope);
        evaluate_application_policy(&bytes, &tree, &[])
    };
    assert!(by_value(true, false) && by_value(true, true));
    assert!(!by_value(false, false));
    let by_name = |name: &str| {
        let mut bytes = Vec::new();
        put_element(&mut bytes, 2, name.as_bytes());
        evaluate_application_policy(&bytes, &tree, &[])
    };
    assert!(by_name("/Channel/Yes") && by_name("Yes"));
    assert!(!by_name("/Channel/No") && !by_name("/Channel/Other") && !by_name("/Channel"));
    assert!(!by_name(""));
    let unusable = |bytes: &[u8]| match CompiledApplicationPolicy::new(bytes) {
        CompiledApplicationPolicy::Unusable(reason) => reason,
        usable @ (CompiledApplicationPolicy::Signature(_)
        | CompiledApplicationPolicy::ChannelReference(_)) => panic!("{usable:?}"),
    };
    assert_eq!(unusable(&[]), UnusablePolicy::Unset);
    assert!(matches!(unusable(&[0xff]), UnusablePolicy::Undecodable(_)));
    assert_eq!(
        unusable(&[0x0a, 0x00]),
        UnusablePolicy::Compile(CompileError::NoRule)
    );
}

#[test]
fn groups_may_nest_deep() {
    let worker = std::thread::Builder::new().stack_size(limits::WORKER_STACK_BYTES);
    let tree = worker
        .spawn(|| {
            let mut bytes = group(&[("P", signature(true))], &[]);
            for _ in 0..3_000 {
                bytes = group(&[("P", implicit("P", ALL))], &[("g", bytes)]);
            }
            tree(&bytes).unwrap()
        })
        .unwrap()
        .join()
        .unwrap();
    on_small_stack(move || {
        assert!(tree.policy("P").unwrap().evaluate(&[]));
        drop(tree);
    });
}
