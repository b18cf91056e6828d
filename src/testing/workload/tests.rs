//! The workload library: the same bytes again, and the codes that the labels promise.

use std::collections::BTreeMap;

use super::{Fault, Kind, MadeBlock, Workload, WorkloadSpec};
use crate::testing::kit::KeyKind;
use crate::testing::sequential::SequentialChannel;
use crate::types::ChannelId;

/// A bit of everything.
fn everything() -> WorkloadSpec {
    WorkloadSpec {
        blocks: 12,
        txs: 40,
        clients: 2,
        keys: 40,
        fill: true,
        reads: 2,
        writes: 2,
        value_bytes: 20,
        deletes: 0.2,
        hot_keys: 3,
        hot_share: 0.1,
        system_reads: true,
        conflicts: 0.05,
        raw_ranges: 0.1,
        merkle_ranges: 0.1,
        key_policies: 0.15,
        private: 0.15,
        block_to_live: 2,
        config_every: 3,
        invalid: 0.2,
        ..WorkloadSpec::default()
    }
}

fn made(spec: &WorkloadSpec) -> Vec<MadeBlock> {
    Workload::new(spec.clone()).unwrap().collect()
}

/// How often each kind got each code.
type Outcome = BTreeMap<(Kind, u8), usize>;

/// Commits a workload and compares the codes with the labels.
#[track_caller]
fn check(spec: &WorkloadSpec) -> Outcome {
    let mut channel = SequentialChannel::new(ChannelId::new(&spec.channel).unwrap());
    let mut outcome = Outcome::new();
    for (number, block) in (0..).zip(made(spec)) {
        assert_eq!(block.number, number);
        let validated = channel.commit(block.bytes).unwrap();
        assert_eq!(validated.codes().len(), block.labels.len());
        for (tx, (code, label)) in validated.codes().iter().zip(&block.labels).enumerate() {
            if let Some(expected) = label.code {
                assert_eq!(
                    *code, expected,
                    "block {number}, transaction {tx}: {label:?}"
                );
            }
            *outcome.entry((label.kind, code.number())).or_default() += 1;
        }
    }
    outcome
}

#[test]
fn every_label_tells_the_code() {
    let outcome = check(&everything());
    for (kind, codes) in [
        (Kind::Plain, &[0, 11][..]),
        (Kind::Conflict, &[11]),
        (Kind::RawRange, &[0, 12]),
        (Kind::MerkleRange, &[0, 12]),
        (Kind::KeyPolicy, &[0, 10]),
        (Kind::Private, &[0, 11]),
        (Kind::Config, &[0]),
    ] {
        for code in codes {
            assert!(
                outcome.contains_key(&(kind, *code)),
                "{kind:?} {code}: {outcome:?}"
            );
        }
    }
}

#[test]
fn every_fault_earns_its_code() {
    let spec = WorkloadSpec {
        blocks: 6,
        txs: 80,
        clients: 1,
        conflicts: 0.05,
        invalid: 0.9,
        ..WorkloadSpec::default()
    };
    let outcome = check(&spec);
    for fault in Fault::ALL {
        let code = spec.code_of(*fault);
        let Some(code) = code.filter(|_| spec.can_make(*fault)) else {
            continue;
        };
        let key = (Kind::Invalid(*fault), code.number());
        assert!(outcome.contains_key(&key), "{fault:?}: {outcome:?}");
    }
}

#[test]
fn mutations_commit_and_keep_to_themselves() {
    let spec = WorkloadSpec {
        invalid: 0.5,
        invalid_kinds: vec![Fault::Mutation],
        ..everything()
    };
    let outcome = check(&WorkloadSpec {
        conflicts: 0.0,
        ..spec
    });
    let mutated = outcome
        .keys()
        .filter(|(kind, _)| *kind == Kind::Invalid(Fault::Mutation));
    assert!(mutated.count() > 5, "{outcome:?}");
}

#[test]
fn other_networks() {
    let small = WorkloadSpec {
        blocks: 3,
        txs: 10,
        clients: 1,
        config_every: 1,
        invalid: 0.3,
        key_policies: 0.2,
        ..WorkloadSpec::default()
    };
    let bft = WorkloadSpec {
        consenters: 4,
        ..small.clone()
    };
    let ed25519 = WorkloadSpec {
        key_kind: KeyKind::Ed25519,
        endorsements: 4,
        required: Some(3),
        ..small.clone()
    };
    let plain = WorkloadSpec {
        node_ous: false,
        orgs: 1,
        endorsements: 1,
        ..small.clone()
    };
    for spec in [bft, ed25519, plain] {
        check(&spec);
    }
}

#[test]
fn channels_below_v2_0() {
    for capability in ["V1_1", "V1_2", "V1_3", "V1_4_2"] {
        let spec = WorkloadSpec {
            blocks: 3,
            txs: 60,
            clients: 1,
            application_capability: capability.to_owned(),
            conflicts: 0.05,
            raw_ranges: 0.1,
            config_every: 2,
            invalid: 0.5,
            ..WorkloadSpec::default()
        };
        let key_policies = if capability < "V1_3" { 0.0 } else { 0.1 };
        let outcome = check(&WorkloadSpec {
            key_policies,
            ..spec
        });
        let expired = (Kind::Invalid(Fault::ExpiredVersion), 17);
        assert!(outcome.contains_key(&expired), "{capability}: {outcome:?}");
    }
}

#[test]
fn wishes_that_contradict_each_other_are_named() {
    type Edit = fn(&mut WorkloadSpec);
    let cases: [(Edit, &str); 12] = [
        (|spec| spec.txs = 0, "--txs 0: expected 1 to 100000"),
        (|spec| spec.channel = "A".to_owned(), "--channel: "),
        (
            |spec| spec.private = -0.1,
            "--private -0.1: expected a share from 0 to 1",
        ),
        (
            |spec| (spec.invalid, spec.conflicts) = (0.6, 0.6),
            "add up to 1.2",
        ),
        (
            |spec| spec.application_capability = "V9".to_owned(),
            "--capability V9: expected one of V1_1, V1_2",
        ),
        (
            |spec| {
                spec.key_kind = KeyKind::Ed25519;
                spec.channel_capability = Some("V2_0".to_owned());
            },
            "--key-kind ed25519 needs V3_0",
        ),
        (
            |spec| {
                spec.application_capability = "V1_4_2".to_owned();
                spec.private = 0.1;
            },
            "--private needs V2_0 or later",
        ),
        (
            |spec| spec.endorsements = 7,
            "--endorsements 7: expected 0 to 6",
        ),
        (
            |spec| spec.required = Some(3),
            "--required 3: expected 0 to 2",
        ),
        (|spec| spec.fill = true, "--fill needs --keys N"),
        (
            |spec| (spec.txs, spec.value_bytes) = (1000, 1 << 20),
            "--txs 1000: a block would have about",
        ),
        (
            |spec| {
                spec.endorsements = 1;
                spec.invalid_kinds = vec![Fault::SameEndorser];
            },
            "--invalid-kinds same-endorser: cannot be made here",
        ),
    ];
    for (edit, expected) in cases {
        let mut spec = WorkloadSpec::default();
        edit(&mut spec);
        let error = Workload::new(spec).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn the_same_specification_gives_the_same_bytes() {
    let once = made(&everything());
    for threads in [1, 2] {
        let workers = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let workers = workers.build().unwrap();
        assert_eq!(once, workers.install(|| made(&everything())));
    }
    let other = made(&WorkloadSpec {
        seed: 2,
        ..everything()
    });
    assert!(
        once.iter()
            .zip(&other)
            .all(|(one, two)| one.bytes != two.bytes)
    );
}
