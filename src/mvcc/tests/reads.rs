//! Point reads, public and hashed, and who comes first.

use super::*;

/// Folds `reads` after `before` on a state with `k` at (3, 1).
#[track_caller]
fn check_read(before: RwSet<'static>, key: &'static str, seen: Option<(u64, u64)>, code: u8) {
    let state = state([("k", "v", "", (3, 1))]);
    check(&state, &[before, reads([read(key, seen)])], &[0, code]);
}

#[test]
fn a_read_holds_where_the_committed_version_is_the_same() {
    let nothing = RwSet::default;
    check_read(nothing(), "k", Some((3, 1)), 0);
    check_read(nothing(), "k", Some((3, 2)), 11);
    check_read(nothing(), "k", Some((2, 1)), 11);
    check_read(nothing(), "k", None, 11);
    check_read(nothing(), "absent", None, 0);
    check_read(nothing(), "absent", Some((3, 1)), 11);
}

#[test]
fn f21_version_zero_is_not_absent() {
    check_read(RwSet::default(), "absent", Some((0, 0)), 11);
    let mut state = MemoryState::default();
    let config = NamespaceRef::public("");
    let key = "CHANNEL_CONFIG_ENV_BYTES";
    state.put_at(config, key.as_bytes(), b"config", b"", Version::default());
    let read_config = |version| {
        tx([NsRwSet {
            name: "",
            reads: vec![read(key, version)],
            ..NsRwSet::default()
        }])
    };
    check(
        &state,
        &[read_config(Some((0, 0))), read_config(None)],
        &[0, 11],
    );
}

#[test]
fn e30_a_read_of_what_the_block_wrote_conflicts() {
    check_read(writes([put("k", "v")]), "k", Some((3, 1)), 11); // the same value
    check_read(writes([put("k", "w")]), "k", Some((7, 0)), 11); // even at the new version
    check_read(writes([delete("k")]), "k", Some((3, 1)), 11);
    check_read(writes([put("other", "v")]), "k", Some((3, 1)), 0);
    let state = state([("k", "v", "", (3, 1))]);
    let invalid = cc(NsRwSet {
        reads: vec![read("k", None)],
        writes: vec![put("k", "w")],
        ..NsRwSet::default()
    });
    let batch = check(
        &state,
        &[invalid, reads([read("k", Some((3, 1)))])],
        &[11, 0],
    );
    assert_eq!(
        batch,
        UpdateBatch {
            block: BLOCK,
            ..UpdateBatch::default()
        }
    );
}

#[test]
fn f21_a_deleted_key_conflicts_even_with_a_nil_read_of_a_key_that_never_was() {
    check_read(writes([delete("k")]), "k", None, 11);
    check_read(writes([delete("absent")]), "absent", None, 11);
}

#[test]
fn e36_a_metadata_write_conflicts_with_later_reads() {
    check_read(metadata([new_metadata("k", "m")]), "k", Some((3, 1)), 11);
    check_read(metadata([new_metadata("absent", "m")]), "absent", None, 0); // it has no effect
    let mut state = state([("k", "v", "", (3, 1))]);
    let batch = check(
        &state,
        &[RwSet::default(), metadata([new_metadata("k", "m")])],
        &[0, 0],
    );
    check_effect(&batch, CC, "k", Some((1, Some(("v", "m")))));
    state.apply(&batch);
    check(
        &state,
        &[
            reads([read("k", Some((3, 1)))]),
            reads([read("k", Some((7, 1)))]),
        ],
        &[11, 0],
    );
}

#[test]
fn own_writes_and_blind_writes_never_conflict() {
    let both = cc(NsRwSet {
        reads: vec![read("k", Some((3, 1)))],
        writes: vec![put("k", "w")],
        ..NsRwSet::default()
    });
    let state = state([("k", "v", "", (3, 1))]);
    let batch = check(
        &state,
        &[both.clone(), writes([put("k", "x")]), both],
        &[0, 0, 11],
    );
    check_effect(&batch, CC, "k", Some((1, Some(("x", "")))));
}

#[test]
fn e31_a_definition_that_changes_in_the_block_conflicts_with_its_readers() {
    let key = "namespaces/fields/cc/Sequence";
    let mut state = MemoryState::default();
    state.put(
        NamespaceRef::public("_lifecycle"),
        key.as_bytes(),
        b"\x08\x01",
    );
    let lifecycle = |ns: NsRwSet<'static>| {
        tx([NsRwSet {
            name: "_lifecycle",
            ..ns
        }])
    };
    let define = lifecycle(NsRwSet {
        writes: vec![put(key, "\u{8}\u{2}")],
        ..NsRwSet::default()
    });
    let invoke = lifecycle(NsRwSet {
        reads: vec![read(key, Some((1, 0)))],
        ..NsRwSet::default()
    });
    check(&state, &[invoke.clone(), define, invoke], &[0, 0, 11]);
}

#[test]
fn hashed_reads_follow_the_same_rules_apart_from_public_ones() {
    let hashed_read = |key, version| {
        let hashed_reads = vec![hashed_read(key, version)];
        coll(CollectionRwSet {
            hashed_reads,
            ..CollectionRwSet::default()
        })
    };
    let state = hashed_state([("k", "v", "", (3, 1))]);
    let good = || hashed_read("k", Some((3, 1)));
    check(&state, &[good(), hashed_read("k", None)], &[0, 11]);
    check(
        &state,
        &[hashed_writes([hashed_put("k", "v")]), good()],
        &[0, 11],
    );
    check(
        &state,
        &[hashed_writes([hashed_delete("k")]), good()],
        &[0, 11],
    );
    check(&state, &[writes([put("k", "v")]), good()], &[0, 0]);
    check(
        &state,
        &[
            hashed_writes([hashed_put("j", "v")]),
            reads([read("j", None)]),
        ],
        &[0, 0],
    );
    // Of a collection that nobody defined, too.
    let unknown = |version| {
        let hashed_reads = vec![super::hashed_read("k", version)];
        in_collection(
            "unknown",
            CollectionRwSet {
                hashed_reads,
                ..CollectionRwSet::default()
            },
        )
    };
    check(&state, &[unknown(None), unknown(Some((3, 1)))], &[0, 11]);
}

#[test]
fn e32_the_first_failure_in_namespace_order_is_the_code() {
    let bad_read = || vec![read("k", Some((9, 9)))];
    let bad_range = || vec![raw_range("a", "z", true, [read("gone", Some((1, 1)))])];
    let bad_hash = || {
        vec![CollectionRwSet {
            name: "coll",
            hashed_reads: vec![hashed_read("k", Some((9, 9)))],
            ..CollectionRwSet::default()
        }]
    };
    let ns = |name| NsRwSet {
        name,
        ..NsRwSet::default()
    };
    let state = MemoryState::default();
    let check_order = |namespaces, code| check(&state, &[RwSet { namespaces }], &[code]);
    check_order(
        vec![
            NsRwSet {
                range_queries: bad_range(),
                ..ns("a")
            },
            NsRwSet {
                reads: bad_read(),
                ..ns("b")
            },
        ],
        12,
    );
    check_order(
        vec![
            NsRwSet {
                reads: bad_read(),
                ..ns("b")
            },
            NsRwSet {
                range_queries: bad_range(),
                ..ns("a")
            },
        ],
        11,
    );
    check_order(
        vec![NsRwSet {
            reads: bad_read(),
            range_queries: bad_range(),
            ..ns("a")
        }],
        11,
    );
    check_order(
        vec![NsRwSet {
            range_queries: bad_range(),
            collections: bad_hash(),
            ..ns("a")
        }],
        12,
    );
    check_order(
        vec![
            NsRwSet {
                collections: bad_hash(),
                ..ns("a")
            },
            NsRwSet {
                range_queries: bad_range(),
                ..ns("b")
            },
        ],
        11,
    );
}

#[test]
fn a_namespace_that_nobody_may_write_is_read_all_the_same() {
    let ns = |name, key, version| {
        tx([NsRwSet {
            name,
            reads: vec![read(key, version)],
            ..NsRwSet::default()
        }])
    };
    check(
        &MemoryState::default(),
        &[ns("qscc", "k", None), ns("qscc", "k", Some((0, 0)))],
        &[0, 11],
    );
}

#[test]
fn a_read_that_names_another_namespaces_keys_finds_them_where_fabric_does() {
    let mut state = hashed_state([("k", "v", "", (3, 1))]);
    state.put_at(CC, b"a\0k", b"v", b"", Version { block: 4, tx: 2 });
    state.put_at(CC, b"a\x01", b"v", b"", Version { block: 4, tx: 3 });
    let ns = |name, version| {
        tx([NsRwSet {
            name,
            reads: vec![read("k", version)],
            ..NsRwSet::default()
        }])
    };
    // Twice each: a read never conflicts with a read.
    let txs = [
        ns("cc$$hcoll", Some((3, 1))),
        ns("cc$$hcoll", None),
        ns("cc\0a", Some((4, 2))),
        ns("cc\0a", None),
        ns("cc$$pcoll", None),
    ];
    let prefetched = prefetch(&inputs(&txs), &state).unwrap();
    let folded = fold_block(BLOCK, &inputs(&txs), &prefetched, &state, &lives()).unwrap();
    let codes: Vec<u8> = folded.codes.iter().map(|(_, code)| code.number()).collect();
    assert_eq!(codes, [0, 11, 0, 11, 0]);
    // Ranges deliver the whole key.
    let range = |name, results: Vec<KvRead<'static>>| {
        let reads_info = ReadsInfo::Raw(QueryReads { kv_reads: results });
        let query = RangeQueryInfo {
            itr_exhausted: true,
            reads_info,
            ..RangeQueryInfo::default()
        };
        tx([NsRwSet {
            name,
            range_queries: vec![query],
            ..NsRwSet::default()
        }])
    };
    let txs = [
        range("cc$$hcoll", vec![read("k", Some((3, 1)))]),
        range("cc\0a", vec![read("a\0k", Some((4, 2)))]),
        range("cc\0a", vec![read("k", Some((4, 2)))]),
        range("cc\0b", vec![]),
    ];
    let folded = fold_block(
        BLOCK,
        &inputs(&txs),
        &Prefetched::default(),
        &state,
        &lives(),
    )
    .unwrap();
    let codes: Vec<u8> = folded.codes.iter().map(|(_, code)| code.number()).collect();
    assert_eq!(codes, [0, 0, 12, 0]);
}
