//! Verdicts of signature policies against an obviously correct twin, and of trees against the
//! rules.

mod signers;
mod trees;

use proptest::prelude::*;

use super::signature::{evaluate, flatten};
use super::*;
use crate::limits;
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
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 2000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn flat_evaluation_agrees_with_the_twin(
        rule in arbitrary_rule(),
        table in prop::collection::vec(prop::collection::vec(any::<bool>(), 4), 0..6),
        padding in prop::sample::select(vec![0_usize, 70]),
    ) {
        // Padding signers satisfy nothing, but bring the evaluation to many signers.
        let signers = table.len() + padding;
        let satisfies = |signer: usize, principal: usize| {
            table.get(signer).is_some_and(|row| row[principal])
        };
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
    let identities = [role_principal("Org1MSP", 3), role_principal("Org2MSP", 1)];
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
