//! Merkle summaries: the specification's vectors, and ranges that were recorded as one.

use super::*;
use crate::mvcc::merkle::{Builder, Comparison, Summary};
use crate::proto::rwset::QueryReadsMerkleSummary;
use crate::types::Digest;

fn digest(hex: &str) -> Digest {
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    Digest(std::array::from_fn(byte))
}

/// The summary over `key1` to `keyN` with versions (1, 1) to (1, N).
fn summary(degree: u32, results: u64) -> Option<Summary> {
    let mut builder = Builder::new(degree);
    for number in 1..=results {
        builder.add(
            format!("key{number}").as_bytes(),
            Version {
                block: 1,
                tx: number,
            },
        );
    }
    builder.finish()
}

#[track_caller]
fn check_summary(degree: u32, results: u64, expected: Option<(usize, &[&str])>) {
    let expected = expected.map(|(level, hashes)| Summary {
        level,
        hashes: hashes.iter().map(|hash| digest(hash)).collect(),
    });
    assert_eq!(summary(degree, results), expected, "{degree} {results}");
}

#[test]
fn the_builder_gives_the_specifications_vectors() {
    check_summary(2, 2, None);
    check_summary(
        2,
        3,
        Some((
            1,
            &["d43ca46d5adacb357b3967344b82dcccb7ea221a0687175900849425dc8eee3d"],
        )),
    );
    check_summary(
        2,
        10,
        Some((
            2,
            &[
                "5666632e2e3a57b53a90ee4d4dadf5b8d486eebcda0a529fb6ed1b872de1ad97",
                "a9a3629ab46ebe17851e0b15a41f9c2e70de128f1cd038633b3dab39579a8183",
            ],
        )),
    );
    check_summary(
        3,
        10,
        Some((
            1,
            &[
                "ba24b6a0eb1e171fe3d0205a85a10420cefcf94008de6625c86baecc22b7dcb3",
                "ce8390a69c9935368935d75f329b99eedb8ca485ef3ab192e4a214a9bd946897",
                "433783f770aaeaa537bbe3a05fee381be1bce8666940fc4b8c1c42d50b27537a",
            ],
        )),
    );
}

#[test]
fn the_builder_agrees_with_the_twin_at_every_size() {
    for degree in [2, 3, 5] {
        for results in 0..200 {
            let all: Vec<_> = (1..=results)
                .map(|tx| (format!("key{tx}").into_bytes(), Version { block: 1, tx }))
                .collect();
            let expected = twin::merkle(degree as usize, &all).map(|(level, hashes)| {
                let hashes = hashes
                    .iter()
                    .map(|hash| Digest(hash[..].try_into().unwrap()));
                Summary {
                    level,
                    hashes: hashes.collect(),
                }
            });
            assert_eq!(summary(degree, results), expected, "{degree} {results}");
        }
    }
}

/// A state with `a000` to `a<count - 1>`, at versions (1, 0) to (1, count - 1).
fn many(count: u64) -> MemoryState {
    let mut state = MemoryState::default();
    for tx in 0..count {
        state.put_at(
            CC,
            format!("a{tx:03}").as_bytes(),
            b"v",
            b"",
            Version { block: 1, tx },
        );
    }
    state
}

/// The whole namespace as simulation on [`many`] records it.
fn recorded(degree: u32, count: u64) -> QueryReadsMerkleSummary<'static> {
    let mut builder = Builder::new(degree);
    for tx in 0..count {
        builder.add(format!("a{tx:03}").as_bytes(), Version { block: 1, tx });
    }
    let summary = builder.finish().unwrap();
    let leak = |hash: Digest| -> &'static [u8] { Box::leak(Box::new(hash.0)) };
    QueryReadsMerkleSummary {
        max_degree: degree,
        max_level: u32::try_from(summary.level).unwrap(),
        max_level_hashes: summary.hashes.into_iter().map(leak).collect(),
    }
}

fn range(summary: QueryReadsMerkleSummary<'static>) -> RwSet<'static> {
    let reads_info = ReadsInfo::Merkle(summary);
    ranges([RangeQueryInfo {
        itr_exhausted: true,
        reads_info,
        ..RangeQueryInfo::default()
    }])
}

#[test]
fn a_summary_holds_where_nothing_changed() {
    for count in [3, 4, 9, 10, 27, 50, 81] {
        let state = many(count);
        let good = || range(recorded(2, count));
        check(&state, &[good()], &[0]);
        check(&state, &[writes([put("b", "v")]), good()], &[0, 12]);
        check(&state, &[writes([delete("a000")]), good()], &[0, 12]);
        check(&state, &[writes([put("a001", "v")]), good()], &[0, 12]);
        check(&state, &[writes([delete("absent")]), good()], &[0, 0]);
    }
}

#[test]
fn every_part_of_a_summary_counts() {
    let state = many(10);
    let changed = |change: fn(&mut QueryReadsMerkleSummary<'static>)| {
        let mut summary = recorded(2, 10);
        change(&mut summary);
        check(&state, &[range(summary)], &[12]);
    };
    changed(|summary| summary.max_degree = 3);
    changed(|summary| summary.max_level = 1);
    changed(|summary| summary.max_level = 3);
    changed(|summary| summary.max_level = 0);
    changed(|summary| summary.max_level_hashes.swap(0, 1));
    changed(|summary| summary.max_level_hashes.truncate(1));
    changed(|summary| summary.max_level_hashes.push(b"more"));
    changed(|summary| summary.max_level_hashes.clear());
    changed(|summary| summary.max_level_hashes[1] = &[]);
}

#[test]
fn f22_a_summary_of_too_few_results_is_a_phantom() {
    let summary = recorded(2, 3);
    check(&many(2), &[range(summary.clone())], &[12]);
    check(&many(0), &[range(summary)], &[12]);
}

#[test]
fn a_full_top_level_that_then_collapses_is_a_phantom() {
    // Degree 2: six results fill level 1 with two hashes; Fabric panics at the collapse.
    let summary = recorded(2, 6);
    assert_eq!((summary.max_level, summary.max_level_hashes.len()), (1, 2));
    check(&many(6), &[range(summary.clone())], &[0]);
    for count in 7..40 {
        check(&many(count), &[range(summary.clone())], &[12]);
    }
}

#[test]
fn a_level_that_is_too_low_for_the_results_is_a_phantom() {
    let mut summary = recorded(2, 3);
    for count in [20, 50, 200] {
        check(&many(count), &[range(summary.clone())], &[12]);
    }
    summary.max_level_hashes.clear();
    check(&many(50), &[range(summary)], &[12]);
}

#[test]
fn a_comparison_ends_with_the_first_hash_that_differs() {
    let results_until_the_end = |summary: &QueryReadsMerkleSummary<'_>| {
        let mut comparison = Comparison::new(summary);
        let key = |tx: u64| format!("a{tx:03}");
        let same = |tx: &u64| comparison.result(key(*tx).as_bytes(), Version { block: 1, tx: *tx });
        (0..1000).take_while(same).count()
    };
    assert_eq!(
        results_until_the_end(&recorded(2, 6)),
        8,
        "the top level has risen"
    );
    let mut summary = recorded(2, 6);
    summary.max_level_hashes[0] = b"another";
    assert_eq!(results_until_the_end(&summary), 2, "the first leaf differs");
    summary.max_level = 0;
    assert_eq!(results_until_the_end(&summary), 2, "no tree is that low");
}
