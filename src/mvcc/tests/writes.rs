//! Write sets: what operations on a key add up to.

use super::*;

const ABSENT: MemoryState = MemoryState {
    namespaces: BTreeMap::new(),
    expiries: Vec::new(),
};

fn present() -> MemoryState {
    state([("k", "old", "m0", (3, 1))])
}

/// One transaction's operations on `k`: `p`ut (values 1, 2 ...), `d`elete, `u`pdate metadata (to
/// m1, m2 ...), `r`emove metadata.
fn operations(spec: &str) -> RwSet<'static> {
    const VALUES: [&str; 4] = ["1", "2", "3", "4"];
    const METADATA: [&str; 4] = ["m1", "m2", "m3", "m4"];
    let mut namespace = NsRwSet::default();
    let (mut puts, mut updates) = (0, 0);
    for operation in spec.chars() {
        match operation {
            'p' => {
                namespace.writes.push(put("k", VALUES[puts.min(3)]));
                puts += 1;
            }
            'd' => namespace.writes.push(delete("k")),
            'u' => {
                namespace
                    .metadata_writes
                    .push(new_metadata("k", METADATA[updates.min(3)]));
                updates += 1;
            }
            _ => namespace.metadata_writes.push(new_metadata("k", "")),
        }
    }
    cc(namespace)
}

/// As [`operations`], on the hashed side.
fn hashed_operations(spec: &str) -> RwSet<'static> {
    let mut set = operations(spec);
    let namespace = &mut set.namespaces[0];
    let hashed_writes = namespace
        .writes
        .drain(..)
        .map(|write| KvWriteHash {
            key_hash: write.key.as_bytes(),
            value_hash: write.value,
            is_delete: write.is_delete,
            is_purge: false,
        })
        .collect();
    let metadata_writes = namespace
        .metadata_writes
        .drain(..)
        .map(|write| KvMetadataWriteHash {
            key_hash: write.key.as_bytes(),
            entries: write.entries,
        })
        .collect();
    let found = CollectionRwSet {
        hashed_writes,
        metadata_writes,
        ..CollectionRwSet::default()
    };
    coll(found)
}

type Put = Option<(&'static str, &'static str)>;

/// The effect of operations on `k`, where it is `old` with metadata `m0`, and where it is absent.
/// The outer `None` is no effect, the inner one a delete.
#[track_caller]
fn check_operations(spec: &str, when_present: Option<Put>, when_absent: Option<Put>) {
    let at = |put: Option<Put>| put.map(|put| (0, put));
    let txs = [operations(spec)];
    check_effect(&check(&present(), &txs, &[0]), CC, "k", at(when_present));
    check_effect(&check(&ABSENT, &txs, &[0]), CC, "k", at(when_absent));
    let txs = [hashed_operations(spec)];
    let hashed = hashed_state([("k", "old", "m0", (3, 1))]);
    check_effect(&check(&hashed, &txs, &[0]), COLL, "k", at(when_present));
    check_effect(&check(&ABSENT, &txs, &[0]), COLL, "k", at(when_absent));
}

#[test]
fn single_operations_do_what_they_say() {
    check_operations("p", Some(Some(("1", "m0"))), Some(Some(("1", ""))));
    check_operations("d", Some(None), Some(None));
    check_operations("u", Some(Some(("old", "m1"))), None);
    check_operations("r", Some(Some(("old", ""))), None);
    check_operations("pu", Some(Some(("1", "m1"))), Some(Some(("1", "m1"))));
    check_operations("pr", Some(Some(("1", ""))), Some(Some(("1", ""))));
}

#[test]
fn f19_several_operations_on_one_key_add_up() {
    check_operations("pp", Some(Some(("old", ""))), None); // 2: a metadata update
    check_operations("ppp", Some(Some(("3", ""))), Some(Some(("3", "")))); // 3
    check_operations("pppp", Some(Some(("old", ""))), None); // 4: a metadata delete
    check_operations("ppppp", Some(Some(("4", ""))), Some(Some(("4", "")))); // 5
    check_operations("pppppp", Some(Some(("old", ""))), None); // 6
    check_operations(&"p".repeat(8), Some(None), Some(None)); // 8: a delete
    check_operations("dd", Some(Some(("old", ""))), None); // 16
    check_operations("ddd", Some(None), Some(None)); // 24
    check_operations("pd", Some(None), Some(None));
    check_operations("dp", Some(None), Some(None));
    check_operations("du", Some(None), Some(None));
    check_operations("ppu", Some(Some(("old", "m1"))), None); // 4
    check_operations("ur", Some(Some(("old", "m1"))), None); // 6: what was updated stays
    check_operations("ru", Some(Some(("old", "m1"))), None);
    check_operations("pur", Some(Some(("1", "m1"))), Some(Some(("1", "m1"))));
    check_operations("uu", Some(Some(("old", "m2"))), None); // 4
    check_operations("rr", Some(None), Some(None)); // 8
    check_operations("uuuu", Some(None), Some(None)); // 8
    check_operations("ddp", Some(Some(("old", ""))), None); // 17: neither a put nor a delete
}

#[test]
fn f19_the_sum_is_one_byte() {
    check_operations(
        &"p".repeat(256),
        Some(Some(("4", "m0"))),
        Some(Some(("4", ""))),
    ); // 0
    check_operations(
        &"p".repeat(257),
        Some(Some(("4", "m0"))),
        Some(Some(("4", ""))),
    ); // 1
    check_operations(&"p".repeat(258), Some(Some(("old", ""))), None); // 2
    let wrapped = format!("p{}", "u".repeat(128));
    check_operations(&wrapped, Some(Some(("1", "m0"))), Some(Some(("1", "")))); // 1
}

#[test]
fn sums_that_wrap_to_nothing_without_a_value_do_nothing() {
    check_operations(&"d".repeat(32), None, None);
    check_operations(&"u".repeat(128), None, None);
    check_operations(&"r".repeat(64), None, None);
}

#[test]
fn operations_meet_across_repeated_collections() {
    let part = |hashed_writes, metadata_writes| CollectionRwSet {
        name: "coll",
        hashed_writes,
        metadata_writes,
        ..CollectionRwSet::default()
    };
    let collections = vec![
        part(vec![hashed_put("k", "1")], vec![]),
        part(vec![hashed_put("k", "2")], vec![]),
    ];
    let twice = cc(NsRwSet {
        collections,
        ..NsRwSet::default()
    });
    let state = hashed_state([("k", "old", "m0", (3, 1))]);
    check_effect(
        &check(&state, &[twice], &[0]),
        COLL,
        "k",
        Some((0, Some(("old", "")))),
    );
    let collections = vec![
        part(vec![], vec![hashed_metadata("k", "m")]),
        part(vec![hashed_put("k", "1")], vec![]),
    ];
    let both = cc(NsRwSet {
        collections,
        ..NsRwSet::default()
    });
    check_effect(
        &check(&state, &[both], &[0]),
        COLL,
        "k",
        Some((0, Some(("1", "m")))),
    );
}

#[test]
fn e35_empty_values_delete() {
    let batch = check(&present(), &[writes([put("k", "")])], &[0]);
    check_effect(&batch, CC, "k", Some((0, None)));
    let nothing = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"");
    let hash: &'static [u8] = Box::leak(nothing.as_ref().into());
    let write = KvWriteHash {
        key_hash: b"k",
        value_hash: hash,
        ..KvWriteHash::default()
    };
    let batch = check(&ABSENT, &[hashed_writes([write])], &[0]);
    check_effect(&batch, COLL, "k", Some((0, None)));
}

#[test]
fn later_transactions_build_on_earlier_ones() {
    let check_last = |specs: &[&str], expected| {
        let txs: Vec<_> = specs.iter().map(|spec| operations(spec)).collect();
        let batch = check(&present(), &txs, &vec![0; txs.len()]);
        check_effect(&batch, CC, "k", expected);
    };
    check_last(&["p", "u"], Some((1, Some(("1", "m1")))));
    check_last(&["u", "p"], Some((1, Some(("1", "m1")))));
    check_last(&["pu", "p"], Some((1, Some(("1", "m1")))));
    check_last(&["u", "r"], Some((1, Some(("old", "")))));
    check_last(&["p", "pp"], Some((1, Some(("1", "")))));
    check_last(&["p", "d"], Some((1, None)));
    check_last(&["d", "p", "p"], Some((2, Some(("1", "")))));
}

#[test]
fn f20_and_e16_a_delete_takes_the_metadata_with_it() {
    let batch = check(&present(), &[operations("d"), operations("p")], &[0, 0]);
    check_effect(&batch, CC, "k", Some((1, Some(("1", "")))));
    let batch = check(&present(), &[operations("p")], &[0]);
    check_effect(&batch, CC, "k", Some((0, Some(("1", "m0")))));
    // In a later block, too.
    let mut state = present();
    state.apply(&check(&state, &[operations("d")], &[0]));
    let batch = check(&state, &[operations("p")], &[0]);
    check_effect(&batch, CC, "k", Some((0, Some(("1", "")))));
}

#[test]
fn metadata_after_a_delete_in_the_block_do_nothing() {
    for spec in ["u", "r", "pp", "dd"] {
        let batch = check(&present(), &[operations("d"), operations(spec)], &[0, 0]);
        check_effect(&batch, CC, "k", Some((0, None)));
        let batch = check(&ABSENT, &[operations("d"), operations(spec)], &[0, 0]);
        check_effect(&batch, CC, "k", Some((0, None)));
    }
}

#[test]
fn metadata_are_stored_canonically_with_all_entries() {
    let entry = |name, value, unknown: &[u8]| KvMetadataEntry {
        name,
        value,
        unknown: unknown.into(),
    };
    let entries = vec![
        entry("", b"", b""),
        entry("a", b"", b""),
        entry("a", b"b", b"\x18\x01"),
    ];
    let write = KvMetadataWrite { key: "k", entries };
    let batch = check(&present(), &[metadata([write])], &[0]);
    let expected = b"\x12\x00\x12\x03\x0a\x01a\x12\x08\x0a\x01a\x12\x01b\x18\x01";
    let effect = &batch.key(CC, b"k").unwrap().effect;
    assert_eq!(
        *effect,
        Effect::Put {
            value: (*b"old").into(),
            metadata: (*expected).into()
        }
    );
}

#[test]
fn a_collection_without_a_name_is_written_to_the_public_keys() {
    let set = in_collection(
        "",
        CollectionRwSet {
            hashed_writes: vec![hashed_put("k", "1")],
            ..CollectionRwSet::default()
        },
    );
    let txs = [set];
    let lives: Lives = [(("cc", ""), 0)].into();
    let batch = replay_block(BLOCK, &inputs(&txs), &present(), &lives).unwrap();
    check_effect(&batch, CC, "k", Some((0, Some(("1", "m0")))));
    assert_eq!((batch.namespaces.len(), batch.history.len()), (1, 0));
}

#[test]
fn the_configuration_is_a_key_without_chaincode_history_or_hash() {
    let inputs = [TxInput {
        tx: TxIndex(0),
        writes: TxWrites::Config(b"config"),
    }];
    let mut state = MemoryState::default();
    let folded = fold(&state, &inputs, &lives()).unwrap();
    let namespace = NamespaceRef::public("");
    check_effect(
        &folded.batch,
        namespace,
        "CHANNEL_CONFIG_ENV_BYTES",
        Some((0, Some(("config", "")))),
    );
    assert_eq!(folded.batch.history, []);
    let empty = UpdateBatch::default();
    assert_eq!(
        commit_hash(None, &[0], &folded.batch),
        commit_hash(None, &[0], &empty)
    );
    state.apply(&folded.batch);
    fold(&state, &inputs, &lives()).unwrap();
}

#[test]
fn the_history_has_each_public_write_of_a_valid_transaction_once() {
    let everything = cc(NsRwSet {
        writes: vec![
            put("a", "v"),
            delete("b"),
            put("c", "1"),
            put("c", "2"),
            put("k", "old"),
        ],
        metadata_writes: vec![new_metadata("m", "m"), new_metadata("a", "m")],
        collections: vec![CollectionRwSet {
            name: "coll",
            hashed_writes: vec![hashed_put("h", "v")],
            ..CollectionRwSet::default()
        }],
        ..NsRwSet::default()
    });
    let invalid = cc(NsRwSet {
        reads: vec![read("k", None)],
        writes: vec![put("i", "v")],
        ..NsRwSet::default()
    });
    let batch = check(
        &present(),
        &[invalid, everything, writes([put("a", "w")])],
        &[11, 0, 0],
    );
    let history: Vec<(&str, &str, u64)> = batch
        .history
        .iter()
        .map(|entry| {
            (
                &*entry.name,
                std::str::from_utf8(&entry.key).unwrap(),
                entry.version.tx,
            )
        })
        .collect();
    // `c` is there although two puts of an absent key do nothing.
    let expected = [("a", 1), ("b", 1), ("c", 1), ("k", 1), ("a", 2)];
    assert_eq!(history, expected.map(|(key, tx)| ("cc", key, tx)));
    check_effect(&batch, CC, "c", None);
}

#[test]
fn the_batch_is_sorted_by_namespace_collection_and_key() {
    let ns = |name, keys: [&'static str; 2]| NsRwSet {
        name,
        writes: keys.map(|key| put(key, "v")).into(),
        ..NsRwSet::default()
    };
    let mut private = ns("cc", ["b", "a"]);
    private.collections = ["coll", "brief"]
        .map(|name| CollectionRwSet {
            name,
            hashed_writes: vec![hashed_put("z", "v"), hashed_put("y", "v")],
            ..CollectionRwSet::default()
        })
        .into();
    let batch = check(
        &ABSENT,
        &[
            tx([ns("dd", ["d", "c"]), private]),
            tx([ns("c", ["x", "w"])]),
        ],
        &[0, 0],
    );
    let order: Vec<String> = batch
        .namespaces
        .iter()
        .flat_map(|found| {
            let name = found.namespace.as_ref().to_string();
            found
                .updates
                .iter()
                .map(move |update| format!("{name}/{}", update.key.escape_ascii()))
        })
        .collect();
    let expected = [
        "c/w",
        "c/x",
        "cc/a",
        "cc/b",
        "cc$$hbrief/y",
        "cc$$hbrief/z",
        "cc$$hcoll/y",
        "cc$$hcoll/z",
        "dd/c",
        "dd/d",
    ];
    assert_eq!(order, expected);
}
