//! The ledger by itself: making blocks durable, bringing them into the state, reading the state.
//!
//! Blocks write keys of their own and rewrite some of the others, as transactions with one write each.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput};
use heddle::crypto::sha256;
use heddle::ledger::{
    CommitBlock, Effect, HistoryEntry, KeyUpdate, Ledger, NamespaceUpdates, PendingBatch,
    StateReader, TxKey, UpdateBatch,
};
use heddle::sys::clock::{Clock, SystemClock};
use heddle::types::{BlockNumber, ChannelId, Digest, NamespaceRef, Version};
use support::{hash_of, new_ledger, size, slow_group, tell};

const VALUE_BYTES: usize = 128;
const TX_BYTES: usize = 3500;
const NAMESPACE: &str = "bench";

fn txs() -> u64 {
    size(500, 10)
}

fn blocks() -> u64 {
    size(40, 4)
}

/// A key of a transaction: spread over the key space as real keys are.
fn key(number: u64) -> Box<[u8]> {
    header_hash(number).0.into()
}

fn header_hash(number: u64) -> Digest {
    sha256(&number.to_le_bytes())
}

fn block(number: u64) -> CommitBlock {
    let numbers = || number * txs()..(number + 1) * txs();
    let version = |tx: u64| Version {
        block: number,
        tx: tx % txs(),
    };
    let mut updates: Vec<_> = numbers()
        .map(|tx| KeyUpdate {
            key: key(tx),
            version: version(tx),
            effect: Effect::Put {
                value: vec![1; VALUE_BYTES].into(),
                metadata: Box::default(),
            },
        })
        .collect();
    updates.sort_by(|one, other| one.key.cmp(&other.key));
    let batch = UpdateBatch {
        block: BlockNumber(number),
        namespaces: vec![NamespaceUpdates {
            namespace: NamespaceRef::public(NAMESPACE).to_owned(),
            updates,
        }],
        expiries: Vec::new(),
        history: numbers()
            .map(|tx| HistoryEntry {
                name: NAMESPACE.into(),
                key: key(tx),
                version: version(tx),
            })
            .collect(),
    };
    CommitBlock {
        number: BlockNumber(number),
        header_hash: header_hash(number),
        previous_hash: number.checked_sub(1).map(header_hash),
        payload: vec![Bytes::from(vec![
            7;
            TX_BYTES
                * usize::try_from(txs()).expect("few")
        ])],
        tx_ids: numbers()
            .map(|tx| TxKey::of(&header_hash(tx).to_string()))
            .collect(),
        batch: PendingBatch::new(Arc::new(batch)),
        commit_hash: None,
        is_config: number == 0,
    }
}

struct Opened {
    ledger: Ledger,
    /// Gone when the ledger is.
    _dir: tempfile::TempDir,
}

fn open() -> Opened {
    let channel = ChannelId::new("bench").expect("a channel name");
    let (_dir, ledger) = new_ledger(&channel);
    Opened { ledger, _dir }
}

fn timed(work: impl FnOnce()) -> Duration {
    let clock = SystemClock::new();
    let start = clock.now();
    work();
    clock.now().since(start)
}

fn append(criterion: &mut Criterion, made: &[CommitBlock]) {
    let mut group = slow_group(criterion, "ledger append", blocks() * txs());
    for group_blocks in [1, 10] {
        let name = format!("{group_blocks} blocks a sync");
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|passes| {
                let once = |_| {
                    let opened = open();
                    timed(|| {
                        for group in made.chunks(group_blocks) {
                            opened.ledger.append(group).expect("the disk works");
                        }
                    })
                };
                (0..passes).map(once).sum()
            });
        });
    }
    group.finish();
}

fn apply(criterion: &mut Criterion, made: &[CommitBlock]) {
    let mut group = slow_group(criterion, "ledger apply", blocks() * txs());
    for group_blocks in [1, 40] {
        let name = format!("{group_blocks} blocks a transaction");
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|passes| {
                let once = |_| {
                    let opened = open();
                    let chunk = |group: &[CommitBlock]| {
                        opened.ledger.append(group).expect("the disk works");
                        timed(|| {
                            opened.ledger.apply().expect("the database works");
                        })
                    };
                    made.chunks(group_blocks).map(chunk).sum::<Duration>()
                };
                (0..passes).map(once).sum()
            });
        });
    }
    group.finish();
}

/// A ledger with all blocks, in the state database.
fn full(made: &[CommitBlock]) -> Opened {
    let opened = open();
    opened.ledger.append(made).expect("the disk works");
    opened.ledger.apply().expect("the database works");
    opened
}

fn reads(criterion: &mut Criterion, made: &[CommitBlock]) {
    let opened = full(made);
    let keys: Vec<_> = (0..blocks() * txs()).step_by(7).map(key).collect();
    let view = || opened.ledger.view().expect("a view");
    let namespace = NamespaceRef::public(NAMESPACE);
    let read_all = || {
        let view = view();
        let version = |key: &[u8]| view.version(namespace, key).expect("a state");
        keys.iter()
            .filter_map(|key| version(key))
            .map(|version| version.tx)
            .sum::<u64>()
    };
    let scan = || {
        let (view, mut found) = (view(), 0_u64);
        let count = &mut |_: &[u8], _: &_| {
            found += 1;
            true
        };
        view.range(namespace, b"", None, count).expect("a state");
        found
    };
    tell("ledger reads", read_all());
    let mut group = criterion.benchmark_group("ledger read");
    group.throughput(Throughput::Elements(keys.len() as u64));
    group.bench_function("points", |bencher| bencher.iter(read_all));
    group.throughput(Throughput::Elements(scan()));
    group.bench_function("range", |bencher| bencher.iter(scan));
    group.throughput(Throughput::Elements(1));
    group.bench_function("open a view", |bencher| {
        bencher.iter_batched(|| (), |()| view(), BatchSize::PerIteration);
    });
    group.finish();
}

fn ledger(criterion: &mut Criterion) {
    let made: Vec<_> = (0..blocks()).map(block).collect();
    let hashes = made.iter().map(|block| &block.header_hash.0[..]);
    tell("ledger", hash_of(hashes));
    append(criterion, &made);
    apply(criterion, &made);
    reads(criterion, &made);
}

fn main() {
    support::run(&[ledger]);
}
