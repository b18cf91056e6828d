//! Upgrades and what they do to the transactions around them.

use super::lscc::Invocation;
use super::*;

fn upgrade(version: &'static str, id: &'static str) -> Tx {
    Invocation::upgrade("cc", version)
        .tx()
        .with(|tx| tx.id = id)
}

fn invocation(id: &'static str) -> Tx {
    Tx::of("cc").writes("cc").with(|tx| tx.id = id)
}

/// The codes of a block, first without the rule against duplicate ids.
fn check(transactions: impl Fn() -> Vec<Tx>, without: &[i32], with: &[i32]) {
    for capability in CAPABILITIES {
        let forbids = !matches!(capability, "" | "V1_1_PVTDATA_EXPERIMENTAL");
        let expected = if forbids { with } else { without };
        assert_eq!(
            World::at(capability).codes(&transactions()),
            expected,
            "{capability:?}"
        );
    }
}

#[test]
fn an_upgraded_chaincode_is_not_invoked_in_the_same_block() {
    let block = || vec![invocation("a"), upgrade("2.0", "b"), invocation("c")];
    check(block, &[18, 0, 18], &[18, 0, 18]);
    // Written by another one it may be; and others are not affected.
    let block = || {
        let qscc = Tx::of("qscc").writes("cc").with(|tx| tx.id = "a");
        vec![upgrade("2.0", "b"), qscc, invocation("c").endorsed(&[])]
    };
    check(block, &[0, 0, 10], &[0, 0, 10]);
    // An upgrade that fails upgrades nothing.
    let block = || vec![invocation("a"), upgrade("1.0", "b")];
    check(block, &[0, 10], &[0, 10]);
}

#[test]
fn the_last_upgrade_of_a_block_counts() {
    let block = || {
        vec![
            upgrade("2.0", "a"),
            upgrade("3.0", "b"),
            upgrade("4.0", "c"),
        ]
    };
    check(block, &[18, 18, 0], &[18, 18, 0]);
    let block = || vec![upgrade("2.0", "a"), upgrade("3.0", "b").endorsed(&[])];
    check(block, &[0, 10], &[0, 10]);
}

#[test]
fn upgrades_are_counted_before_duplicates() {
    let block = || vec![upgrade("2.0", "a"), upgrade("3.0", "a")];
    check(block, &[18, 0], &[18, 9]);
    let block = || vec![invocation("a"), upgrade("2.0", "a"), invocation("b")];
    check(block, &[18, 0, 18], &[18, 9, 18]);
    let block = || vec![upgrade("2.0", "b"), invocation("a"), invocation("a")];
    check(block, &[0, 18, 18], &[0, 18, 9]);
}

#[test]
fn duplicate_ids_count_from_v1_1_on() {
    check(|| vec![invocation("a"), invocation("a")], &[0, 0], &[0, 9]);
    check(
        || vec![invocation("a").endorsed(&[]), invocation("a")],
        &[10, 0],
        &[10, 0],
    );
}

#[test]
fn packages_of_other_languages_are_overlooked() {
    for language in [2, 3, 4] {
        let upgrade = || {
            let upgrade = Invocation {
                language,
                ..Invocation::upgrade("cc", "2.0")
            };
            upgrade.tx().with(|tx| tx.id = "b")
        };
        let block = || vec![invocation("a"), upgrade(), upgrade().with(|tx| tx.id = "c")];
        check(block, &[0, 0, 0], &[0, 0, 0]);
    }
}

#[test]
fn a_deployment_is_no_upgrade() {
    let deploy = |id| Invocation::deploy("new", "1.0").tx().with(|tx| tx.id = id);
    check(|| vec![deploy("a"), deploy("b")], &[0, 0], &[0, 0]);
}
