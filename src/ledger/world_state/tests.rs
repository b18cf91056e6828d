//! Tests of the state database: against an ordered map, with long keys, and while it grows.
#![expect(
    clippy::cast_possible_truncation,
    reason = "the tests' numbers are small"
)]

mod runs;
mod segments;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use proptest::prelude::*;

use super::keys::{NamespaceId, PREFIX_BYTES};
use super::rows::{StateRow, parse_namespace, write_namespace};
use super::*;
use crate::ledger::batch::{Effect, Expiry, KeyUpdate, NamespaceUpdates, StateValue, UpdateBatch};
use crate::ledger::block_store::BlockLocation;
use crate::ledger::layers::LayeredState;
use crate::ledger::overlay::CommittedBlock;
use crate::ledger::pending::PendingBatch;
use crate::ledger::state::StateReader;
use crate::ledger::tx_key::TxKey;
use crate::limits::{RANGE_CHUNK_KEYS_MAX, VIEW_AGE_MAX};
use crate::sys::clock::ManualClock;
use crate::types::{BlockNumber, Digest, Namespace, NamespaceRef, TxIndex, Version};

fn channel() -> ChannelId {
    ChannelId::new("ch").unwrap()
}

fn options(clock: &Arc<ManualClock>, map_bytes: usize) -> StateOptions {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    StateOptions {
        map_bytes,
        history: true,
        segment_rows: 5,
        recent_rows: 40,
        clock,
    }
}

fn open(dir: &Path) -> Arc<StateStore> {
    StateStore::open(dir, &channel(), options(&Arc::default(), 1 << 20)).unwrap()
}

fn tip(number: u64) -> Tip {
    let mut header_hash = [0; 32];
    header_hash[..8].copy_from_slice(&number.to_le_bytes());
    Tip {
        number: BlockNumber(number),
        location: BlockLocation {
            segment: 1,
            offset: number * 8,
            length: 77,
        },
        header_hash: Digest(header_hash),
        commit_hash: Some(Digest([number as u8; 32])),
        last_config: BlockNumber(number / 2),
    }
}

fn block_of(batch: UpdateBatch, ids: &[&str]) -> Arc<CommittedBlock> {
    let tip = tip(batch.block.0);
    let ids = ids.iter().map(|id| TxKey::of(id));
    Arc::new(CommittedBlock::new(
        tip,
        PendingBatch::new(Arc::new(batch)),
        ids,
    ))
}

/// A namespace by a letter: `a` is a chaincode, `A` its collection; space is the channel's own.
fn namespace(letter: char) -> Namespace {
    let name = if letter == ' ' {
        String::new()
    } else {
        letter.to_lowercase().to_string()
    };
    let collection = letter.is_uppercase().then(|| "coll".into());
    Namespace {
        name: name.into(),
        collection,
    }
}

type Writes = BTreeMap<(Namespace, Vec<u8>), Option<Vec<u8>>>;

/// The batch of a block with these writes; an empty value is one that expires.
fn batch(number: u64, writes: &Writes) -> UpdateBatch {
    let mut batch = UpdateBatch {
        block: BlockNumber(number),
        ..UpdateBatch::default()
    };
    for ((namespace, key), value) in writes {
        let effect = match value {
            Some(value) if value.is_empty() => Effect::Expire,
            Some(value) => Effect::Put {
                value: value[..].into(),
                metadata: key[..key.len().min(3)].into(),
            },
            None => Effect::Delete,
        };
        let version = Version {
            block: number,
            tx: key.len() as u64,
        };
        let update = KeyUpdate {
            key: key[..].into(),
            version,
            effect,
        };
        match batch
            .namespaces
            .last_mut()
            .filter(|last| last.namespace == *namespace)
        {
            Some(last) => last.updates.push(update),
            None => batch.namespaces.push(NamespaceUpdates {
                namespace: namespace.clone(),
                updates: vec![update],
            }),
        }
    }
    batch
}

/// What a plain map says after the writes of blocks.
#[derive(Default, Clone)]
struct Model {
    state: BTreeMap<Namespace, BTreeMap<Vec<u8>, StateValue>>,
}

impl Model {
    fn apply(&mut self, number: u64, writes: &Writes) {
        for ((namespace, key), value) in writes {
            let keys = self.state.entry(namespace.clone()).or_default();
            match value.as_ref().filter(|value| !value.is_empty()) {
                Some(value) => {
                    let version = Version {
                        block: number,
                        tx: key.len() as u64,
                    };
                    let metadata = key[..key.len().min(3)].to_vec();
                    keys.insert(
                        key.clone(),
                        StateValue {
                            version,
                            value: value.clone(),
                            metadata,
                        },
                    );
                }
                None => drop(keys.remove(key)),
            }
        }
    }

    fn range(
        &self,
        namespace: &Namespace,
        start: &[u8],
        end: Option<&[u8]>,
    ) -> Vec<(Vec<u8>, StateValue)> {
        let Some(keys) = self.state.get(namespace) else {
            return Vec::new();
        };
        let bound = end.map_or(Bound::Unbounded, |end| Bound::Excluded(end.to_vec()));
        if end.is_some_and(|end| end <= start) {
            return Vec::new();
        }
        let range = keys.range((Bound::Included(start.to_vec()), bound));
        range
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Compares a range with what the state says, and with a range that stops early.
    fn check_range(
        &self,
        state: &LayeredState,
        namespace: &Namespace,
        start: &[u8],
        end: Option<&[u8]>,
    ) {
        let expected = self.range(namespace, start, end);
        for stop_after in [usize::MAX, 3] {
            let mut found = Vec::new();
            let visit = &mut |key: &[u8], value: &StateValue| {
                found.push((key.to_vec(), value.clone()));
                found.len() < stop_after
            };
            state.range(namespace.as_ref(), start, end, visit).unwrap();
            assert_eq!(found, expected[..expected.len().min(stop_after)]);
        }
    }

    fn check_all(&self, state: &LayeredState) {
        let mut found = Vec::new();
        state
            .visit_all(&mut |namespace, key, value| {
                found.push((namespace.to_owned(), key.to_vec(), value.clone()));
                true
            })
            .unwrap();
        let expected: Vec<_> = self
            .state
            .iter()
            .flat_map(|(namespace, keys)| {
                keys.iter()
                    .map(|(key, value)| (namespace.clone(), key.clone(), value.clone()))
            })
            .collect();
        assert_eq!(found, expected);
    }
}

/// Keys around every limit: short ones, prefixes of each other, with the length of the prefix, longer
/// with the same prefix, longer with another.
fn any_key() -> impl Strategy<Value = Vec<u8>> {
    let same = vec![b'p'; PREFIX_BYTES];
    let ending = (0_u8..30).prop_map(|n| if n < 10 { vec![n] } else { vec![n, 255, n] });
    prop_oneof![
        2 => (0_u8..30).prop_map(|n| vec![n % 3; usize::from(n / 3)]),
        1 => (PREFIX_BYTES - 2..PREFIX_BYTES + 3).prop_map(|len| vec![b'p'; len]),
        5 => ending.prop_map(move |ending| [same.clone(), ending].concat()),
        1 => (0_u8..3).prop_map(|n| [vec![b'q'; PREFIX_BYTES - 1], vec![n; 40]].concat()),
    ]
}

fn any_writes() -> impl Strategy<Value = Writes> {
    let namespace = prop_oneof![Just(' '), Just('a'), Just('A'), Just('b')].prop_map(namespace);
    let value = prop_oneof![
        5 => prop::collection::vec(any::<u8>(), 1..20).prop_map(Some),
        1 => Just(Some(Vec::new())),
        1 => Just(None),
    ];
    prop::collection::btree_map((namespace, any_key()), value, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whatever is written, and however much of it is in the database already, the state reads like a
    /// map.
    #[test]
    fn state_reads_like_a_map(
        blocks in prop::collection::vec((any_writes(), any::<bool>()), 1..8),
        bounds in prop::collection::vec((any_key(), prop::option::of(any_key())), 6),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let mut model = Model::default();
        let mut pending = Vec::new();
        for (number, (writes, applied)) in (0..).zip(&blocks) {
            model.apply(number, writes);
            pending.push(block_of(batch(number, writes), &[]));
            if *applied {
                store.apply(&pending).unwrap();
                pending.clear();
            }
            let batches: Vec<_> = pending.iter().map(|block| block.batch.clone()).collect();
            let state = LayeredState::of(store.snapshot(1).unwrap());
            let state = state.with_pending(&batches).unwrap();
            prop_assert_eq!(state.height(), number + 1);
            for namespace in " aAb".chars().map(namespace) {
                for (start, end) in &bounds {
                    model.check_range(&state, &namespace, start, end.as_deref());
                    let expected = model.state.get(&namespace).and_then(|keys| keys.get(start));
                    let found = state.get(namespace.as_ref(), start).unwrap();
                    prop_assert_eq!(found.as_ref(), expected);
                    let version = state.version(namespace.as_ref(), start).unwrap();
                    prop_assert_eq!(version, expected.map(|value| value.version));
                }
                model.check_range(&state, &namespace, &[], None);
            }
            model.check_all(&state);
        }
    }

    #[test]
    fn rows_read_as_they_were_written(
        block: u64, tx: u64,
        metadata in prop::collection::vec(any::<u8>(), 0..200),
        value in prop::collection::vec(any::<u8>(), 0..200),
        long_key in prop::option::of(prop::collection::vec(any::<u8>(), 0..700)),
        cut in 0_usize..40,
    ) {
        let version = Version { block, tx };
        let row = StateRow { version, metadata: &metadata, value: &value, long_key: long_key.as_deref() };
        let mut bytes = Vec::new();
        row.write(&mut bytes);
        let read = StateRow::parse(&bytes, long_key.is_some()).unwrap();
        prop_assert_eq!(read.version, version);
        prop_assert_eq!((read.metadata, read.value), (&metadata[..], &value[..]));
        prop_assert_eq!(read.long_key, long_key.as_deref());
        // A damaged row is refused or read as another one, and never more than that.
        let _ = StateRow::parse(&bytes[..bytes.len().min(cut)], long_key.is_some());
        let _ = StateRow::parse(&bytes, long_key.is_none());
    }
}

/// Reads a range in chunks of at most `keys_max`; returns the keys and the size of the largest chunk.
fn read_in_chunks(snapshot: &Snapshot, keys_max: usize) -> (Vec<Vec<u8>>, usize) {
    let mut start = Vec::new();
    let (mut keys, mut largest) = (Vec::new(), 0);
    loop {
        let query = RangeQuery {
            namespace: NamespaceId(0),
            start: &start,
            end: None,
            keys_max,
        };
        let chunk = snapshot.chunk(&query).unwrap();
        largest = largest.max(chunk.rows.len());
        keys.extend(chunk.rows.into_iter().map(|(key, _)| key));
        if !chunk.more {
            return (keys, largest);
        }
        start = [keys.last().unwrap(), &[0][..]].concat();
    }
}

/// A group of long keys that is larger than a chunk is read in order, and not all at once.
#[test]
fn large_group_of_long_keys_is_read_in_bounded_parts() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let count = 2 * RANGE_CHUNK_KEYS_MAX + 17;
    let prefix = vec![b'x'; PREFIX_BYTES];
    let key = |n: usize| [&prefix[..], &n.to_be_bytes()].concat();
    let writes: Writes = (0..count)
        .map(|n| ((namespace('a'), key(n)), Some(vec![1])))
        .chain([((namespace('a'), prefix.clone()), Some(vec![1]))])
        .chain([(
            (namespace('a'), [&prefix[..PREFIX_BYTES - 1], b"y"].concat()),
            Some(vec![1]),
        )])
        .collect();
    store.apply(&[block_of(batch(0, &writes), &[])]).unwrap();
    let snapshot = store.snapshot(1).unwrap();
    let expected: Vec<Vec<u8>> = writes.into_keys().map(|(_, key)| key).collect();
    for keys_max in [7, RANGE_CHUNK_KEYS_MAX] {
        let (found, largest) = read_in_chunks(&snapshot, keys_max);
        assert!(found == expected, "in chunks of {keys_max}");
        assert_eq!(largest, keys_max);
    }
}

#[test]
fn values_that_are_large_are_read_a_few_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let prefix = vec![b'x'; PREFIX_BYTES];
    let keys = (0_u8..8).flat_map(|n| [vec![n], [&prefix[..], &[n]].concat()]);
    let writes: Writes = keys
        .map(|key| ((namespace('a'), key), Some(vec![1; 700 << 10])))
        .collect();
    store.apply(&[block_of(batch(0, &writes), &[])]).unwrap();
    let (found, largest) = read_in_chunks(&store.snapshot(1).unwrap(), 100);
    assert_eq!((found.len(), largest), (16, 2));
}

#[test]
fn namespaces_do_not_run_into_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let name = |name: &str, collection: Option<&str>| Namespace {
        name: name.into(),
        collection: collection.map(Into::into),
    };
    let names = [
        name("", None),
        name("a", None),
        name("a", Some("")),
        name("a", Some("b")),
        name("a$$hb", None),
        name("ab", None),
        name(&"long".repeat(300), Some(&"er".repeat(500))),
    ];
    for (number, namespace) in (0..).zip(&names) {
        let writes = Writes::from([(
            (namespace.clone(), b"k".to_vec()),
            Some(vec![number as u8 + 1]),
        )]);
        store
            .apply(&[block_of(batch(number, &writes), &[])])
            .unwrap();
    }
    drop(store);
    let store = open(dir.path());
    let state = LayeredState::of(store.snapshot(1).unwrap());
    for (number, namespace) in (0_u8..).zip(&names) {
        let found = state.get(namespace.as_ref(), b"k").unwrap().unwrap();
        assert_eq!(found.value, [number + 1], "{namespace:?}");
        let mut row = Vec::new();
        write_namespace(&mut row, namespace.as_ref());
        assert_eq!(parse_namespace(&row).as_ref(), Some(namespace));
    }
    assert_eq!(
        state.get(NamespaceRef::hashed("b", "a"), b"k").unwrap(),
        None
    );
}

#[test]
fn savepoint_and_indexes_move_together() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(store.tip().unwrap(), None);
    let before = store.snapshot(1).unwrap();
    let empty = |number| UpdateBatch {
        block: BlockNumber(number),
        ..UpdateBatch::default()
    };
    let id = "0f".repeat(32);
    store
        .apply(&[
            block_of(empty(0), &[&id, "odd", ""]),
            block_of(empty(1), &[&id]),
        ])
        .unwrap();
    store.apply(&[block_of(empty(2), &["odd", "new"])]).unwrap();
    assert_eq!(store.tip().unwrap(), Some(tip(2)));
    assert_eq!(
        before.location(BlockNumber(0)).unwrap(),
        None,
        "an older snapshot stays as it was"
    );
    drop((store, before));
    let store = open(dir.path());
    assert_eq!(store.tip().unwrap(), Some(tip(2)));
    let snapshot = store.snapshot(3).unwrap();
    let check = |id: &str, expected: Option<(u64, u32)>| {
        let expected = expected.map(|(block, index)| (BlockNumber(block), TxIndex(index)));
        assert_eq!(snapshot.find_tx(&TxKey::of(id)).unwrap(), expected, "{id}");
        assert_eq!(
            snapshot.contains_tx(&TxKey::of(id)).unwrap(),
            expected.is_some()
        );
    };
    check(&id, Some((0, 0)));
    check("odd", Some((0, 1)));
    check("", Some((0, 2)));
    check("new", Some((2, 1)));
    check(&"0F".repeat(32), None);
    for number in 0..3 {
        let (number, tip) = (BlockNumber(number), tip(number));
        assert_eq!(snapshot.location(number).unwrap(), Some(tip.location));
        assert_eq!(
            snapshot.number_by_hash(&tip.header_hash).unwrap(),
            Some(number)
        );
    }
    assert_eq!(snapshot.location(BlockNumber(3)).unwrap(), None);
}

#[test]
fn expiries_are_told_once_and_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let expiry = |at, key: &[u8]| Expiry {
        at: BlockNumber(at),
        written: BlockNumber(at / 2),
        namespace: namespace('A'),
        key: key.into(),
    };
    let long = vec![7; 600];
    let hash_of_long = crate::crypto::sha256(&long);
    let all = [
        expiry(3, b"x"),
        expiry(3, &long),
        expiry(3, hash_of_long.as_ref()),
        expiry(4, b"x"),
        expiry(u64::MAX, b""),
    ];
    let first = UpdateBatch {
        expiries: all.to_vec(),
        ..UpdateBatch::default()
    };
    store.apply(&[block_of(first, &[])]).unwrap();
    let check = |at: u64, expected: &[Expiry]| {
        let state = LayeredState::of(store.snapshot(1).unwrap());
        let mut found = state.expiring(BlockNumber(at)).unwrap();
        let mut expected = expected.to_vec();
        found.sort_by(|a, b| a.key.cmp(&b.key));
        expected.sort_by(|a, b| a.key.cmp(&b.key));
        assert_eq!(found, expected, "at {at}");
    };
    check(2, &[]);
    check(3, &all[..3]);
    check(4, &all[3..4]);
    check(u64::MAX, &all[4..]);
    let empty = |number| UpdateBatch {
        block: BlockNumber(number),
        ..UpdateBatch::default()
    };
    store
        .apply(&[
            block_of(empty(1), &[]),
            block_of(empty(2), &[]),
            block_of(empty(3), &[]),
        ])
        .unwrap();
    check(3, &[]);
    check(4, &all[3..4]);
    // Pending batches have expiries too.
    let pending = UpdateBatch {
        expiries: vec![expiry(9, b"y")],
        ..empty(4)
    };
    let state = LayeredState::of(store.snapshot(1).unwrap());
    let state = state
        .with_pending(&[PendingBatch::new(Arc::new(pending))])
        .unwrap();
    assert_eq!(state.expiring(BlockNumber(9)).unwrap(), [expiry(9, b"y")]);
}

#[test]
fn pending_batches_must_continue_the_state() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let batch_of = |number| batch(number, &Writes::new());
    store
        .apply(&[block_of(batch_of(0), &[]), block_of(batch_of(1), &[])])
        .unwrap();
    let state = LayeredState::of(store.snapshot(1).unwrap());
    let pending = |numbers: &[u64]| -> Vec<PendingBatch> {
        numbers
            .iter()
            .map(|number| PendingBatch::new(Arc::new(batch_of(*number))))
            .collect()
    };
    let height = |numbers: &[u64]| {
        state
            .with_pending(&pending(numbers))
            .map(|state| state.height())
    };
    assert_eq!(height(&[0, 1, 2, 3]).unwrap(), 4);
    assert_eq!(height(&[2]).unwrap(), 3);
    assert_eq!(height(&[]).unwrap(), 2);
    assert!(matches!(
        height(&[3]).unwrap_err(),
        Error::PendingGap {
            expected: BlockNumber(2),
            found: BlockNumber(3)
        }
    ));
    assert!(height(&[2, 4]).is_err());
}

fn many_writes(number: u64) -> Writes {
    (0..400_u64)
        .map(|n| {
            (
                (namespace('a'), (n * 7 + number).to_be_bytes().to_vec()),
                Some(vec![n as u8 | 1; 900]),
            )
        })
        .collect()
}

#[test]
fn the_map_grows_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::default();
    // Room for the tables and not much more.
    let store = StateStore::open(dir.path(), &channel(), options(&clock, 256 << 10)).unwrap();
    let mut model = Model::default();
    for number in 0..10 {
        let writes = many_writes(number);
        model.apply(number, &writes);
        store
            .apply(&[block_of(batch(number, &writes), &[])])
            .unwrap();
    }
    let grown = store.write.lock().unwrap().writer.map_bytes();
    assert!(grown >= 2 << 20, "{grown}");
    model.check_all(&LayeredState::of(store.snapshot(1).unwrap()));
    drop(store);
    let store = StateStore::open(dir.path(), &channel(), options(&clock, 256 << 10)).unwrap();
    model.check_all(&LayeredState::of(store.snapshot(1).unwrap()));
}

#[test]
fn growing_waits_for_readers_and_ends_old_ones() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new());
    let store = StateStore::open(dir.path(), &channel(), options(&clock, 256 << 10)).unwrap();
    let small = Writes::from([((namespace('a'), b"k".to_vec()), Some(vec![1]))]);
    store.apply(&[block_of(batch(0, &small), &[])]).unwrap();
    let held = store.snapshot(2).unwrap();
    let writer = std::thread::spawn({
        let store = Arc::clone(&store);
        move || store.apply(&[block_of(batch(1, &many_writes(1)), &[])])
    });
    std::thread::sleep(Duration::from_millis(100));
    assert!(!writer.is_finished(), "did not wait for the reader");
    let key = || held.get(NamespaceRef::public("a"), b"k");
    assert!(key().unwrap().is_some(), "the reader goes on meanwhile");
    clock.advance(VIEW_AGE_MAX);
    writer.join().unwrap().unwrap();
    assert!(matches!(
        key().unwrap_err(),
        Error::ViewExpired { height: 1 }
    ));
    assert_eq!(store.snapshot(1).unwrap().height(), 2);
}

#[test]
fn old_snapshots_end_with_the_next_apply() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new());
    let store = StateStore::open(dir.path(), &channel(), options(&clock, 1 << 20)).unwrap();
    let old = store.snapshot(1).unwrap();
    clock.advance(VIEW_AGE_MAX / 2);
    let young = store.snapshot(1).unwrap();
    clock.advance(VIEW_AGE_MAX / 2);
    let readable = |snapshot: &Snapshot| snapshot.location(BlockNumber(0)).is_ok();
    assert!(readable(&old));
    store
        .apply(&[block_of(batch(0, &Writes::new()), &[])])
        .unwrap();
    assert!(!readable(&old));
    assert!(readable(&young));
}

#[test]
fn several_threads_read_one_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store
        .apply(&[block_of(batch(0, &many_writes(0)), &[])])
        .unwrap();
    let state = LayeredState::of(store.snapshot(3).unwrap());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for n in 0..400_u64 {
                    let key = (n * 7).to_be_bytes();
                    let value = state.get(NamespaceRef::public("a"), &key).unwrap().unwrap();
                    assert_eq!(value.value[0], n as u8 | 1);
                }
            });
        }
    });
}

#[test]
fn foreign_states_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let reopen = |name: &str| {
        let channel = ChannelId::new(name).unwrap();
        StateStore::open(dir.path(), &channel, options(&Arc::default(), 1 << 20))
    };
    let store = reopen("ch").unwrap();
    assert!(matches!(reopen("ch").unwrap_err(), Error::Locked { .. }));
    drop(store);
    let error = reopen("other").unwrap_err();
    assert!(
        matches!(&error, Error::OtherChannel { found, .. } if found == "ch"),
        "{error}"
    );
    std::fs::write(dir.path().join("data.mdb"), [7; 10_000]).unwrap();
    let error = reopen("ch").unwrap_err();
    assert!(matches!(error, Error::State { .. }), "{error}");
    assert!(error.to_string().contains("rebuild"), "{error}");
}
