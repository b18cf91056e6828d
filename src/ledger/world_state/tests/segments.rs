//! The tables that are cut by time: against maps, with segments of a few rows.

use super::runs::Chance;
use super::*;
use crate::ledger::batch::HistoryEntry;
use crate::ledger::world_state::segments::OpenSegment;

#[test]
fn history_is_newest_first_and_exact() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let long = vec![b'k'; 600];
    let keys: [&[u8]; 5] = [b"", b"k", b"kk", &long, &[&long[..], b"k"].concat()];
    let version = |block, tx| Version { block, tx };
    for number in 0..3 {
        let history = keys
            .iter()
            .flat_map(|key| {
                [0, 300].map(|tx| HistoryEntry {
                    name: "cc".into(),
                    key: (*key).into(),
                    version: version(number, tx + key.len() as u64),
                })
            })
            .collect();
        let batch = UpdateBatch {
            block: BlockNumber(number),
            history,
            ..UpdateBatch::default()
        };
        store.apply(&[block_of(batch, &[])]).unwrap();
    }
    let snapshot = store.snapshot(1).unwrap();
    for key in keys {
        let len = key.len() as u64;
        let expected: Vec<_> = [2, 1, 0]
            .into_iter()
            .flat_map(|block| [300, 0].map(|tx| version(block, tx + len)))
            .collect();
        let chunk = |below| {
            snapshot
                .history_chunk(NamespaceRef::public("cc"), key, below)
                .unwrap()
        };
        assert_eq!(chunk(None), expected);
        assert_eq!(
            chunk(Some(expected[2])),
            expected[3..],
            "goes on behind a version"
        );
    }
    let none = snapshot
        .history_chunk(NamespaceRef::public("other"), b"k", None)
        .unwrap();
    assert_eq!(none, []);
}

#[derive(Default)]
struct Twin {
    history: BTreeMap<Vec<u8>, Vec<Version>>,
    txs: BTreeMap<String, (BlockNumber, TxIndex)>,
}

impl Twin {
    /// A block of some writes and ids, some of them seen before; noted here, too.
    fn block(&mut self, number: u64, chance: &mut Chance) -> Arc<CommittedBlock> {
        let (mut history, mut ids) = (Vec::new(), Vec::new());
        for tx in 0..chance.below(5) {
            let id = match chance.below(4) {
                0 => format!("odd {}", chance.below(30)),
                _ => crate::crypto::sha256(&chance.below(300).to_le_bytes()).to_string(),
            };
            let place = (BlockNumber(number), TxIndex(tx as u32));
            self.txs.entry(id.clone()).or_insert(place);
            ids.push(id);
            let length = [1, 2, 450][chance.below(3) as usize];
            let key = vec![chance.below(12) as u8; length];
            let version = Version { block: number, tx };
            self.history.entry(key.clone()).or_default().push(version);
            history.push(HistoryEntry {
                name: "cc".into(),
                key: key.into(),
                version,
            });
        }
        let batch = UpdateBatch {
            block: BlockNumber(number),
            history,
            ..UpdateBatch::default()
        };
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        block_of(batch, &ids)
    }

    fn check(&self, snapshot: &Snapshot) {
        for value in 0..12_u8 {
            for length in [1, 2, 450] {
                let key = vec![value; length];
                let known = self.history.get(&key);
                let expected: Vec<_> = known.into_iter().flatten().rev().copied().collect();
                let chunk = |below| {
                    let found = snapshot.history_chunk(NamespaceRef::public("cc"), &key, below);
                    found.unwrap()
                };
                assert_eq!(chunk(None), expected);
                for (nth, version) in expected.iter().enumerate() {
                    assert_eq!(chunk(Some(*version)), expected[nth + 1..]);
                }
            }
        }
        let hashed = (0..300_u64).map(|id| crate::crypto::sha256(&id.to_le_bytes()).to_string());
        for id in hashed.chain((0..30).map(|id| format!("odd {id}"))) {
            let (key, expected) = (TxKey::of(&id), self.txs.get(&id).copied());
            assert_eq!(snapshot.find_tx(&key).unwrap(), expected);
            assert_eq!(snapshot.contains_tx(&key).unwrap(), expected.is_some());
        }
    }
}

#[test]
fn segments_say_what_maps_say() {
    let dir = tempfile::tempdir().unwrap();
    let (mut twin, mut chance) = (Twin::default(), Chance(7));
    // Large enough that no snapshot is waited for.
    let roomy = || {
        let options = options(&Arc::default(), 16 << 20);
        StateStore::open(dir.path(), &channel(), options).unwrap()
    };
    let mut store = roomy();
    let mut old = Vec::new();
    for number in 0..40 {
        let blocks = [2 * number, 2 * number + 1].map(|number| twin.block(number, &mut chance));
        store.apply(&blocks).unwrap();
        if number % 8 == 7 {
            let snapshot = store.snapshot(1).unwrap();
            twin.check(&snapshot);
            old.push((snapshot, twin.txs.len()));
        }
        if number == 20 {
            old.clear();
            drop(store);
            store = roomy();
            twin.check(&store.snapshot(1).unwrap());
        }
    }
    assert!(store.write.lock().unwrap().segment.number > 20);
    // A snapshot shows the segments that there were.
    for (snapshot, expected) in old {
        let is_there = |id: &&String| snapshot.find_tx(&TxKey::of(id)).unwrap().is_some();
        assert_eq!(twin.txs.keys().filter(is_there).count(), expected);
    }
}

#[test]
fn a_segment_is_closed_only_with_the_commit() {
    let dir = tempfile::tempdir().unwrap();
    let (mut twin, mut chance) = (Twin::default(), Chance(9));
    let store = open(dir.path());
    let mut blocks = Vec::new();
    while twin.txs.len() < 5 {
        blocks.push(twin.block(blocks.len() as u64, &mut chance));
    }
    store.apply(&blocks).unwrap();
    let open_now = || store.write.lock().unwrap().segment;
    let stored = || {
        let txn = store.env.read().unwrap();
        read_segment(&txn, store.tables.meta).unwrap()
    };
    let before = open_now();
    assert!(before.number == 0 && before.rows >= 5, "{before:?}");
    assert_eq!(stored(), before);
    {
        let mut side = store.write.lock().unwrap();
        let mut txn = side.writer.begin().unwrap();
        let next = store.open_segment(&mut txn, before).unwrap();
        assert_eq!(next, OpenSegment { number: 1, rows: 0 });
    }
    assert_eq!(
        (open_now(), stored()),
        (before, before),
        "it was not committed"
    );
    twin.check(&store.snapshot(1).unwrap());
    store
        .apply(&[twin.block(blocks.len() as u64, &mut chance)])
        .unwrap();
    assert_eq!(stored(), open_now());
    assert_eq!(open_now().number, 1);
    twin.check(&store.snapshot(1).unwrap());
}

#[test]
fn other_formats_are_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let reopen = || StateStore::open(dir.path(), &channel(), options(&Arc::default(), 1 << 20));
    let set_format = |format: u32| {
        let (_env, mut writer) = Env::open(
            dir.path(),
            &EnvOptions {
                map_bytes: 1 << 20,
                readers_max: 8,
                tables_max: 11,
            },
        )
        .unwrap();
        let meta = writer.create_table("meta").unwrap();
        let mut txn = writer.begin().unwrap();
        txn.put(meta, META_FORMAT, &format.to_le_bytes()).unwrap();
        txn.commit().unwrap();
    };
    drop(reopen().unwrap());
    for (found, advice) in [
        (FORMAT + 1, "newer heddle"),
        (FORMAT - 1, "heddle ledger rebuild-state"),
    ] {
        set_format(found);
        let error = reopen().unwrap_err().to_string();
        assert!(error.contains(&format!("format {found}")), "{error}");
        assert!(error.contains(advice), "{error}");
    }
    set_format(FORMAT);
    reopen().unwrap();
}
