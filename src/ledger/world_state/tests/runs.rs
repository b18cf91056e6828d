//! The runs in front of the state's tree: against a map, through many generations of a few rows.

use super::*;

/// Numbers by a fixed rule.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

/// The writes of a block: a few of a hundred keys, one in five of them deleted.
fn writes(chance: &mut Chance) -> Writes {
    let mut writes = Writes::new();
    for _ in 0..chance.below(14) {
        let long = vec![b'p'; PREFIX_BYTES];
        let mut key = vec![chance.below(25) as u8; 2];
        if chance.below(4) == 0 {
            key = [long, key].concat();
        }
        let namespace = namespace(['a', 'A'][chance.below(2) as usize]);
        let value = (chance.below(5) > 0).then(|| chance.0.to_le_bytes().to_vec());
        writes.insert((namespace, key), value);
    }
    writes
}

fn check(model: &Model, snapshot: &Arc<Snapshot>) {
    let state = LayeredState::of(Arc::clone(snapshot));
    model.check_all(&state);
    for namespace in [namespace('a'), namespace('A')] {
        for key in (0..25).map(|key| vec![key; 2]) {
            for key in [key.clone(), [vec![b'p'; PREFIX_BYTES], key].concat()] {
                let expected = model.state.get(&namespace).and_then(|keys| keys.get(&key));
                let found = snapshot.get(namespace.as_ref(), &key).unwrap();
                assert_eq!(found.as_ref(), expected);
            }
        }
    }
}

/// New snapshots say what the map says; older ones what it said then, whatever was merged meanwhile.
#[test]
fn generations_read_like_a_map() {
    let dir = tempfile::tempdir().unwrap();
    // Large enough that no snapshot is waited for.
    let roomy = || {
        let options = options(&Arc::default(), 64 << 20);
        StateStore::open(dir.path(), &channel(), options).unwrap()
    };
    let mut store = roomy();
    let (mut model, mut chance) = (Model::default(), Chance(3));
    let mut old: Vec<(Arc<Snapshot>, Model)> = Vec::new();
    let mut merging = 0;
    for number in 0..150 {
        let written = writes(&mut chance);
        model.apply(number, &written);
        store
            .apply(&[block_of(batch(number, &written), &[])])
            .unwrap();
        let snapshot = store.snapshot(1).unwrap();
        check(&model, &snapshot);
        old.push((snapshot, model.clone()));
        if old.len() > 12 {
            let (snapshot, model) = old.remove(0);
            check(&model, &snapshot);
        }
        merging += usize::from(store.write.lock().unwrap().runs.is_merging());
        if number % 41 == 40 {
            old.clear();
            drop(store);
            store = roomy();
            check(&model, &store.snapshot(1).unwrap());
        }
    }
    let runs = store.write.lock().unwrap().runs.clone();
    assert!(runs.generation() > 20, "{runs:?}");
    assert!(
        (20..140).contains(&merging),
        "merged in parts, and to the end: {merging}"
    );
}

/// A write transaction that had no effect leaves nothing behind, in memory either.
#[test]
fn what_was_not_committed_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    // So small that it has to grow many times, each time in the middle of a group.
    let options = StateOptions {
        recent_rows: 10,
        ..options(&Arc::default(), 64 << 10)
    };
    let store = StateStore::open(dir.path(), &channel(), options).unwrap();
    let (mut model, mut chance) = (Model::default(), Chance(5));
    let before = store.write.lock().unwrap().writer.map_bytes();
    for number in 0..60 {
        let mut written = writes(&mut chance);
        let large = (namespace('a'), vec![number as u8; 9]);
        written.insert(large, Some(vec![1; 20_000]));
        model.apply(number, &written);
        store
            .apply(&[block_of(batch(number, &written), &[])])
            .unwrap();
        check(&model, &store.snapshot(1).unwrap());
    }
    assert!(store.write.lock().unwrap().writer.map_bytes() >= 16 * before);
}
