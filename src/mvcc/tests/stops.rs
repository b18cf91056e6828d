//! What stops the channel, and what only looks as if it should.

use super::*;
use crate::proto::rwset::QueryReadsMerkleSummary;

/// Folds one transaction; the channel must stop.
#[track_caller]
fn check_stops(rwset: RwSet<'static>) -> Fault {
    let txs = [rwset];
    let inputs = inputs(&txs);
    let state = MemoryState::default();
    let prefetched = prefetch(&inputs, &state).unwrap();
    fold_block(BLOCK, &inputs, &prefetched, &state, &lives()).unwrap_err()
}

fn merkle_range(max_degree: u32, max_level: u32) -> RwSet<'static> {
    let summary = QueryReadsMerkleSummary {
        max_degree,
        max_level,
        max_level_hashes: Vec::new(),
    };
    ranges([RangeQueryInfo {
        reads_info: ReadsInfo::Merkle(summary),
        ..Default::default()
    }])
}

#[test]
fn merkle_degrees_below_two_stop() {
    for degree in [0, 1] {
        let fault = check_stops(merkle_range(degree, 1));
        assert!(matches!(fault, Fault::MerkleDegree { tx: TxIndex(0), degree: d } if d == degree));
    }
    for (degree, level) in [(2, 0), (2, 1), (u32::MAX, u32::MAX)] {
        check(
            &MemoryState::default(),
            &[merkle_range(degree, level)],
            &[12],
        );
    }
}

#[test]
fn a_read_that_fails_first_does_not_stop() {
    let mut stops = merkle_range(0, 1);
    stops.namespaces[0].reads.push(read("k", Some((1, 1))));
    check(&MemoryState::default(), &[stops], &[11]);
}

fn collection(name: &'static str, found: CollectionRwSet<'static>) -> RwSet<'static> {
    in_collection(name, found)
}

#[test]
fn writes_to_undefined_collections_stop_even_without_effect() {
    let hashed_writes = || vec![hashed_put("k", "v")];
    let metadata_writes = || vec![hashed_metadata("k", "m")];
    for name in ["unknown", ""] {
        let write = CollectionRwSet {
            hashed_writes: hashed_writes(),
            ..Default::default()
        };
        let metadata = CollectionRwSet {
            metadata_writes: metadata_writes(),
            ..Default::default()
        };
        for found in [write, metadata] {
            let fault = check_stops(collection(name, found));
            let expected = lifecycle::Fault::UndefinedCollection {
                namespace: "cc".into(),
                collection: name.into(),
            };
            assert_eq!(fault.to_string(), expected.to_string());
        }
    }
}

#[test]
fn reads_of_undefined_collections_and_invalid_transactions_do_not_stop() {
    let hashed_reads = vec![hashed_read("k", None)];
    let read = collection(
        "unknown",
        CollectionRwSet {
            hashed_reads,
            ..Default::default()
        },
    );
    let hashed_writes = vec![hashed_put("k", "v")];
    let mut invalid = collection(
        "unknown",
        CollectionRwSet {
            hashed_writes,
            ..Default::default()
        },
    );
    invalid.namespaces[0]
        .reads
        .push(super::read("k", Some((1, 1))));
    check(&MemoryState::default(), &[read, invalid], &[0, 11]);
}
