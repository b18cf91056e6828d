//! Verdicts of signature policies against an obviously correct twin, and of trees against the rules.

use proptest::prelude::*;

use super::signature::{evaluate, flatten};
use super::*;
use crate::limits;
use crate::proto::config::ConfigGroup;
use crate::proto::msp::{NOutOf, SignaturePolicy as WireRule, SignaturePolicyEnvelope};
use crate::proto::wire::{Message, put_bytes, put_element, put_uint};

/// Evaluates a rule the way it is specified: flags are copied for every rule of a gate.
fn twin(rule: &WireRule, used: &mut Vec<bool>, satisfies: &dyn Fn(usize, usize) -> bool) -> bool {
    match rule {
        WireRule::Unset => false,
        WireRule::SignedBy(principal) => {
            let principal = usize::try_from(*principal).unwrap();
            let found =
                (0..used.len()).find(|&signer| !used[signer] && satisfies(signer, principal));
            if let Some(signer) = found {
                used[signer] = true;
            }
            found.is_some()
        }
        WireRule::NOutOf(gate) => {
            let mut satisfied = 0_i32;
            for rule in &gate.rules {
                let mut copy = used.clone();
                if twin(rule, &mut copy, satisfies) {
                    satisfied += 1;
                    *used = copy;
                }
            }
            satisfied >= gate.n
        }
    }
}

fn flat(rule: &WireRule, principals: usize, signers: &[&str]) -> bool {
    let nodes = flatten(rule, principals).unwrap();
    evaluate(&nodes, principals, signers.len(), |signer, principal| {
        signers[signer].contains(char::from(b'A' + u8::try_from(principal).unwrap()))
    })
}

fn by(principal: char) -> WireRule {
    WireRule::SignedBy(i32::try_from(principal as u32 - 'A' as u32).unwrap())
}

fn out_of(n: i32, rules: impl Into<Vec<WireRule>>) -> WireRule {
    WireRule::NOutOf(Box::new(NOutOf {
        n,
        rules: rules.into(),
    }))
}

fn and(rules: impl Into<Vec<WireRule>>) -> WireRule {
    let rules = rules.into();
    out_of(i32::try_from(rules.len()).unwrap(), rules)
}

fn or(rules: impl Into<Vec<WireRule>>) -> WireRule {
    out_of(1, rules)
}

/// Each signer is written as the principals that it satisfies.
#[track_caller]
fn check(rule: &WireRule, signers: &[&str], expected: bool) {
    assert_eq!(
        flat(rule, 26, signers),
        expected,
        "{rule:?} with {signers:?}"
    );
    let satisfies = |signer: usize, principal: usize| {
        signers[signer].contains(char::from(b'A' + u8::try_from(principal).unwrap()))
    };
    assert_eq!(
        twin(rule, &mut vec![false; signers.len()], &satisfies),
        expected,
        "twin"
    );
}

#[test]
fn e1_a_satisfied_gate_goes_on_taking_signers() {
    let policy = and([or([by('A'), by('B')]), by('B')]);
    check(&policy, &["A", "B"], false);
    check(&policy, &["A", "B", "B"], true);
    check(&and([by('B'), or([by('A'), by('B')])]), &["A", "B"], true);
}

#[test]
fn e2_first_fit_without_backtracking() {
    // A is member, B is admin; an admin is a member too.
    let policy = and([by('A'), by('B')]);
    check(&policy, &["AB", "A"], false);
    check(&policy, &["A", "AB"], true);
}

#[test]
fn e3_a_failed_branch_frees_what_it_took() {
    check(&or([and([by('A'), by('X')]), by('A')]), &["A"], true);
    check(
        &and([or([and([by('A'), by('X')]), by('B')]), by('A')]),
        &["A", "B"],
        true,
    );
    // Nested: the outer rule fails after the inner one was adopted by its gate.
    let nested = and([and([or([by('A')]), by('X')]), by('A')]);
    check(&nested, &["A"], false);
    check(&or([and([or([by('A')]), by('X')]), by('A')]), &["A"], true);
}

#[test]
fn e6_thresholds_of_zero_and_less_hold() {
    for n in [0, -1, i32::MIN] {
        check(&out_of(n, []), &[], true);
        check(&out_of(n, [by('A')]), &[], true);
    }
    check(&out_of(1, []), &["A"], false);
    check(&out_of(2, [by('A')]), &["A", "A"], false);
    check(&out_of(i32::MAX, [by('A')]), &["A"], false);
    // Also a gate that always holds takes signers.
    check(&and([out_of(0, [by('A')]), by('A')]), &["A"], false);
}

#[test]
fn e6_an_index_out_of_range_anywhere_makes_the_policy_unusable() {
    let unreachable = or([by('A'), out_of(0, [by('C')])]);
    assert_eq!(
        flatten(&unreachable, 2).unwrap_err(),
        CompileError::IndexOutOfRange {
            index: 2,
            identities: 2
        }
    );
    assert_eq!(
        flatten(&WireRule::SignedBy(-1), 2).unwrap_err(),
        CompileError::IndexOutOfRange {
            index: -1,
            identities: 2
        }
    );
    assert_eq!(
        flatten(&or([by('A'), WireRule::Unset]), 2).unwrap_err(),
        CompileError::UnsetRule
    );
    let envelope = SignaturePolicyEnvelope::default();
    assert_eq!(
        SignaturePolicy::compile(&envelope).unwrap_err(),
        CompileError::NoRule
    );
}

#[test]
fn more_signers_than_flags_fit_in_a_word() {
    for count in [63, 64, 65, 200] {
        let signers = vec!["A"; count];
        let exactly = and(vec![by('A'); count]);
        check(&exactly, &signers, true);
        check(&exactly, &signers[1..], false);
        let after_failure = or([and([exactly.clone(), by('X')]), exactly]);
        check(&after_failure, &signers, true);
    }
}

fn arbitrary_rule() -> impl Strategy<Value = WireRule> {
    let leaf = (0..4_i32).prop_map(WireRule::SignedBy);
    leaf.prop_recursive(4, 40, 5, |inner| {
        (-1..5_i32, prop::collection::vec(inner, 0..5)).prop_map(|(n, rules)| out_of(n, rules))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..Default::default() })]

    #[test]
    fn flat_evaluation_agrees_with_the_twin(
        rule in arbitrary_rule(),
        table in prop::collection::vec(prop::collection::vec(any::<bool>(), 4), 0..6),
        padding in prop::sample::select(vec![0_usize, 70]),
    ) {
        // Padding signers satisfy nothing, but bring the evaluation to many signers.
        let signers = table.len() + padding;
        let satisfies = |signer: usize, principal: usize| table.get(signer).is_some_and(|row| row[principal]);
        let nodes = flatten(&rule, 4).unwrap();
        let expected = twin(&rule, &mut vec![false; signers], &satisfies);
        prop_assert_eq!(evaluate(&nodes, 4, signers, satisfies), expected);
        // Enough rules to remember checks: repetitions beside the rule, which decide nothing.
        let mut rules = vec![out_of(9, vec![by('A'); 5]); limits::POLICY_RULES_UNMEMOIZED / 5];
        rules.push(rule);
        let nodes = flatten(&out_of(1, rules), 4).unwrap();
        prop_assert_eq!(evaluate(&nodes, 4, signers, satisfies), expected);
    }
}

/// Runs a test on a stack as small as the ones that other threads of the peer have.
fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(test)
        .unwrap()
        .join()
        .unwrap();
}

/// `depth` gates around one rule, without recursion in building or dropping what is returned.
fn deep_envelope(depth: usize) -> Vec<u8> {
    let mut rule = vec![0x08, 0x00];
    for _ in 0..depth {
        let mut gate = Vec::new();
        put_uint(&mut gate, 1, 1);
        put_element(&mut gate, 2, &rule);
        rule.clear();
        put_element(&mut rule, 2, &gate);
    }
    let mut envelope = Vec::new();
    put_element(&mut envelope, 2, &rule);
    put_element(&mut envelope, 3, &[]);
    envelope
}

#[test]
fn policies_nest_as_deep_as_messages_can() {
    // The reader recurses and needs the stack of a worker; compiled policies need none.
    let reader = std::thread::Builder::new().stack_size(limits::WORKER_STACK_BYTES);
    let policy = reader
        .spawn(|| {
            let too_deep = deep_envelope(5_000);
            assert!(SignaturePolicyEnvelope::decode(&too_deep).is_err());
            let bytes = deep_envelope(4_998);
            let envelope = SignaturePolicyEnvelope::decode(&bytes).unwrap();
            SignaturePolicy::compile(&envelope).unwrap()
        })
        .unwrap()
        .join()
        .unwrap();
    on_small_stack(move || {
        assert!(!policy.evaluate(&[]));
        drop(policy);
    });
}

#[test]
fn huge_policies_take_linear_time() {
    let mut rule = by('A');
    for _ in 0..2_000 {
        rule = or([rule, by('B'), by('B'), by('B')]);
    }
    let wide = and([rule, out_of(1, vec![by('B'); 100_000])]);
    let signers = vec!["C"; 300];
    let nodes = flatten(&wide, 3).unwrap();
    let mut checks = 0;
    assert!(!evaluate(&nodes, 3, signers.len(), |_, _| {
        checks += 1;
        false
    }));
    assert_eq!(checks, 2 * signers.len(), "each pair is checked once");
    drop_deep(wide);
}

/// Takes a deep rule apart; the reader's own types drop recursively.
fn drop_deep(rule: WireRule) {
    let mut open = vec![rule];
    while let Some(rule) = open.pop() {
        if let WireRule::NOutOf(gate) = rule {
            open.extend(gate.rules);
        }
    }
}

#[test]
fn rules_can_be_walked_for_explanations() {
    let rule = out_of(2, [by('A'), or([by('B'), by('A')]), by('B')]);
    let identities = vec![role_principal("Org1MSP", 3), role_principal("Org2MSP", 1)];
    let decoded: Vec<_> = identities
        .iter()
        .map(|bytes| crate::proto::msp::MspPrincipal::decode(bytes).unwrap())
        .collect();
    let envelope = SignaturePolicyEnvelope {
        version: 0,
        rule: Some(rule),
        identities: decoded,
    };
    let policy = SignaturePolicy::compile(&envelope).unwrap();
    assert_eq!(
        describe(policy.rule().unwrap()),
        "2 of (Org1MSP.peer, 1 of (Org2MSP.admin, Org1MSP.peer), Org2MSP.admin)"
    );
}

fn describe(rule: Rule<'_>) -> String {
    match rule {
        Rule::SignedBy(principal) => principal.to_string(),
        Rule::NOutOf { n, rules } => {
            let rules: Vec<String> = rules.map(describe).collect();
            format!("{n} of ({})", rules.join(", "))
        }
    }
}

fn role_principal(msp_id: &str, role: u64) -> Vec<u8> {
    let mut inner = Vec::new();
    put_bytes(&mut inner, 1, msp_id.as_bytes());
    put_uint(&mut inner, 2, role);
    let mut principal = Vec::new();
    put_bytes(&mut principal, 2, &inner);
    principal
}

// --- trees ---------------------------------------------------------------------------------------

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

/// `Application` with the given orgs, each with policy `P` that holds or not, or without it (`None`).
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
        usable => panic!("{usable:?}"),
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
