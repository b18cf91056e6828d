//! Random blocks, rich in conflicts, phantoms, doubled writes and expiries: the fold in all its ways
//! agrees with the twin.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::ledger::{Expiry, StateReader};
use crate::proto::rwset::QueryReadsMerkleSummary;

const KEYS: [&str; 7] = ["", "a", "aa", "b", "c", "d", "e"];
const VALUES: [&str; 3] = ["", "v", "w"];
const METADATA: [&str; 3] = ["", "m", "n"];
const CHAINCODES: [&str; 2] = ["cc", "dd"];
const COLLECTIONS: [&str; 2] = ["brief", "coll"];

/// What a transaction of the random block does, before it is simulated on the state.
#[derive(Debug, Clone, Copy)]
enum Action {
    Read {
        namespace: usize,
        key: usize,
        seen: Seen,
    },
    Range {
        namespace: usize,
        start: usize,
        end: usize,
        exhausted: bool,
        degree: u32,
        spoil: bool,
    },
    Put {
        namespace: usize,
        key: usize,
        value: usize,
    },
    Delete {
        namespace: usize,
        key: usize,
    },
    Metadata {
        namespace: usize,
        key: usize,
        value: usize,
    },
}

/// Which version a read records.
#[derive(Debug, Clone, Copy)]
enum Seen {
    Committed,
    Absent,
    Other,
}

/// Two chaincodes' public keys, then their collections.
fn namespace(number: usize) -> NamespaceRef<'static> {
    let name = CHAINCODES[number % 2];
    match number / 2 {
        0 => NamespaceRef::public(name),
        collection => NamespaceRef::hashed(name, COLLECTIONS[collection - 1]),
    }
}

fn all_lives() -> Lives {
    [
        (("cc", "brief"), 2),
        (("cc", "coll"), 0),
        (("dd", "brief"), 1),
        (("dd", "coll"), 3),
    ]
    .into()
}

fn action() -> impl Strategy<Value = Action> {
    let key = || 0..KEYS.len();
    let seen = prop_oneof![
        12 => Just(Seen::Committed),
        1 => Just(Seen::Absent),
        1 => Just(Seen::Other),
    ];
    prop_oneof![
        4 => (0..6_usize, key(), seen)
            .prop_map(|(namespace, key, seen)| Action::Read { namespace, key, seen }),
        2 => (0..2_usize, key(), key(), any::<bool>(), 0..5_u32, prop::bool::weighted(0.1)).prop_map(
            |(namespace, start, end, exhausted, degree, spoil)| {
                Action::Range { namespace, start, end, exhausted, degree, spoil }
            }
        ),
        6 => (0..6_usize, key(), 0..VALUES.len())
            .prop_map(|(namespace, key, value)| Action::Put { namespace, key, value }),
        2 => (0..6_usize, key()).prop_map(|(namespace, key)| Action::Delete { namespace, key }),
        3 => (0..6_usize, key(), 0..METADATA.len())
            .prop_map(|(namespace, key, value)| Action::Metadata { namespace, key, value }),
    ]
}

fn any_state() -> impl Strategy<Value = MemoryState> {
    let key = (
        0..6_usize,
        select(&KEYS[..]),
        select(&METADATA[..]),
        2..7_u64,
        0..3_u64,
    );
    let candidate = (2..6_usize, select(&KEYS[..]), 2..7_u64);
    let all = (
        prop::collection::vec(key, 0..30),
        prop::collection::vec(candidate, 0..6),
    );
    all.prop_map(|(keys, candidates)| {
        let mut state = MemoryState::default();
        for (number, key, metadata, block, tx) in keys {
            let version = Version { block, tx };
            state.put_at(
                namespace(number),
                key.as_bytes(),
                b"old",
                &stored(metadata),
                version,
            );
        }
        for (number, key, written) in candidates {
            let namespace = namespace(number).to_owned();
            state.expiries.push(Expiry {
                at: BLOCK,
                written: BlockNumber(written),
                namespace,
                key: key.as_bytes().into(),
            });
        }
        state
    })
}

/// The read-write set that simulating the actions on the state gives.
fn simulate(actions: &[Action], state: &MemoryState) -> RwSet<'static> {
    let mut set = RwSet::default();
    for action in actions {
        match *action {
            Action::Read {
                namespace,
                key,
                seen,
            } => {
                record_read(&mut set, namespace, KEYS[key], seen, state);
            }
            Action::Range {
                namespace,
                start,
                end,
                exhausted,
                degree,
                spoil,
            } => {
                let query = RangeQueryInfo {
                    start_key: KEYS[start],
                    end_key: KEYS[end],
                    itr_exhausted: exhausted,
                    reads_info: ReadsInfo::Unset,
                };
                let name = CHAINCODES[namespace];
                let query = record_range(query, name, state, degree, spoil);
                part(&mut set, name).range_queries.push(query);
            }
            Action::Put {
                namespace,
                key,
                value,
            } => {
                write(&mut set, namespace, put(KEYS[key], VALUES[value]));
            }
            Action::Delete { namespace, key } => write(&mut set, namespace, delete(KEYS[key])),
            Action::Metadata {
                namespace,
                key,
                value,
            } => {
                write_metadata(
                    &mut set,
                    namespace,
                    new_metadata(KEYS[key], METADATA[value]),
                );
            }
        }
    }
    set
}

fn record_read(
    set: &mut RwSet<'static>,
    number: usize,
    key: &'static str,
    seen: Seen,
    state: &MemoryState,
) {
    let at = namespace(number);
    let committed = state.version(at, key.as_bytes()).unwrap();
    let version = match seen {
        Seen::Committed => committed.map(|version| (version.block, version.tx)),
        Seen::Absent => None,
        Seen::Other => Some((0, 0)),
    };
    match at.collection {
        None => part(set, at.name).reads.push(read(key, version)),
        Some(name) => {
            collection(set, at.name, name)
                .hashed_reads
                .push(hashed_read(key, version));
        }
    }
}

fn write_metadata(set: &mut RwSet<'static>, number: usize, write: KvMetadataWrite<'static>) {
    let at = namespace(number);
    match at.collection {
        None => part(set, at.name).metadata_writes.push(write),
        Some(name) => {
            let write = KvMetadataWriteHash {
                key_hash: write.key.as_bytes(),
                entries: write.entries,
            };
            collection(set, at.name, name).metadata_writes.push(write);
        }
    }
}

fn write(set: &mut RwSet<'static>, number: usize, write: KvWrite<'static>) {
    let at = namespace(number);
    match at.collection {
        None => part(set, at.name).writes.push(write),
        Some(name) => collection(set, at.name, name)
            .hashed_writes
            .push(KvWriteHash {
                key_hash: write.key.as_bytes(),
                is_delete: write.is_delete,
                value_hash: write.value,
                is_purge: false,
            }),
    }
}

fn part<'s>(set: &'s mut RwSet<'static>, name: &'static str) -> &'s mut NsRwSet<'static> {
    if set.namespace(name).is_none() {
        set.namespaces.push(NsRwSet {
            name,
            ..NsRwSet::default()
        });
    }
    set.namespaces
        .iter_mut()
        .find(|found| found.name == name)
        .unwrap()
}

fn collection<'s>(
    set: &'s mut RwSet<'static>,
    name: &'static str,
    collection: &'static str,
) -> &'s mut CollectionRwSet<'static> {
    let collections = &mut part(set, name).collections;
    // Some collections stand there several times.
    if collections
        .last()
        .is_none_or(|last| last.name != collection)
    {
        collections.push(CollectionRwSet {
            name: collection,
            ..CollectionRwSet::default()
        });
    }
    collections.last_mut().unwrap()
}

/// The range with what it gives on the state: raw for degrees below 2 or where the results are few.
fn record_range(
    query: RangeQueryInfo<'static>,
    name: &str,
    state: &MemoryState,
    degree: u32,
    spoil: bool,
) -> RangeQueryInfo<'static> {
    let mut results = twin::range(name, &query, state, &BTreeMap::new());
    if spoil {
        results.pop();
    }
    let summary = (degree >= 2)
        .then(|| twin::merkle(degree as usize, &results))
        .flatten();
    let reads_info = match summary {
        Some((level, hashes)) => ReadsInfo::Merkle(QueryReadsMerkleSummary {
            max_degree: degree,
            max_level: u32::try_from(level).unwrap(),
            max_level_hashes: hashes.into_iter().map(|hash| &*hash.leak()).collect(),
        }),
        None => ReadsInfo::Raw(QueryReads {
            kv_reads: results
                .into_iter()
                .map(|(key, version)| {
                    let key = String::from_utf8(key).unwrap().leak();
                    read(key, Some((version.block, version.tx)))
                })
                .collect(),
        }),
    };
    RangeQueryInfo {
        reads_info,
        ..query
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_fold_agrees_with_the_twin(
        state in any_state(),
        block in prop::collection::vec(prop::collection::vec(action(), 0..8), 0..12),
    ) {
        let txs: Vec<_> = block.iter().map(|actions| simulate(actions, &state)).collect();
        let folded = fold(&state, &inputs(&txs), &all_lives()).unwrap();
        prop_assert_eq!(folded.codes.len(), txs.len());
    }

    #[test]
    fn operations_on_one_key_agree_with_the_twin(
        state in any_state(),
        block in prop::collection::vec(
            prop::collection::vec(
                prop_oneof![
                    (0..VALUES.len()).prop_map(|value| Action::Put { namespace: 0, key: 1, value }),
                    Just(Action::Delete { namespace: 0, key: 1 }),
                    (0..METADATA.len())
                        .prop_map(|value| Action::Metadata { namespace: 0, key: 1, value }),
                ],
                0..20,
            ),
            0..4,
        ),
        times in select(&[1, 2, 16, 32, 64, 128, 256][..]),
    ) {
        let txs: Vec<_> = block
            .iter()
            .map(|actions| simulate(&actions.repeat(times), &state))
            .collect();
        fold(&state, &inputs(&txs), &all_lives()).unwrap();
    }
}
