//! What a group of random updates costs on a large state: settings of LMDB, and layouts.
//!
//! Each line of the output is one arrangement: CPU and wall time for a row, what is safe after the
//! process was killed, and after power was lost. The block file is the log in all of them, so "lost"
//! means replayed; "corrupt" means that the whole state has to be made anew.
//!
//! `STORAGE_BENCH_KEYS` and `STORAGE_BENCH_ROWS` say how many keys there are and how many of them a
//! group updates; `TMPDIR` says on which disk.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

#[path = "storage/lmdb_trees.rs"]
mod lmdb_trees;
#[path = "storage/plain_files.rs"]
mod plain_files;
mod support;

use std::path::Path;
use std::time::Duration;

use criterion::Criterion;
use heddle::crypto::sha256;
use heddle::sys::clock::{Clock, SystemClock};
use heddle::sys::process::thread_cpu_ns;
use lmdb::EnvironmentFlags as Flags;
use lmdb_trees::{Runs, Shape, Syncs, Tree};
use plain_files::{Log, Slots};
use support::{size, slow_group, tell};

/// A row's key.
pub(crate) type Key = [u8; 32];

/// A value as long as the default workload's.
pub(crate) const VALUE: [u8; 128] = [7; 128];

/// Rows of a segment, about as the ledger closes them.
const SEGMENT_ROWS: usize = 240_000;

/// Groups that are merged together in the layout of runs.
const RUNS: u64 = 64;

/// Something that keeps rows.
pub(crate) trait Layout {
    /// Makes the updates of a group, in the order of their keys, as durable as the layout makes them.
    fn apply(&mut self, number: u64, group: &[(Key, u64)]);
}

type Build = fn(&Path, &[Key]) -> Box<dyn Layout>;

struct Case {
    name: &'static str,
    /// What remains after a kill, and after a power cut.
    durability: &'static str,
    build: Build,
}

fn state(dir: &Path, keys: &[Key], flags: Flags, syncs: Syncs) -> Box<dyn Layout> {
    Box::new(Tree::new(dir, keys, Shape::State, flags, syncs))
}

fn history(dir: &Path, keys: &[Key], shape: Shape) -> Box<dyn Layout> {
    let flags = Flags::NO_META_SYNC;
    Box::new(Tree::new(dir, keys, shape, flags, Syncs::EachGroup))
}

const CASES: [Case; 11] = [
    Case {
        name: "state, sync per group (NOMETASYNC)",
        durability: "kill: all; power: this group or the one before",
        build: |dir, keys| state(dir, keys, Flags::NO_META_SYNC, Syncs::EachGroup),
    },
    Case {
        name: "state, sync per group and meta page",
        durability: "kill: all; power: all",
        build: |dir, keys| state(dir, keys, Flags::empty(), Syncs::EachGroup),
    },
    Case {
        name: "state, NOSYNC, sync every 8 groups",
        durability: "kill: all; power: may be corrupt",
        build: |dir, keys| state(dir, keys, Flags::NO_SYNC, Syncs::Every(8)),
    },
    Case {
        name: "state, WRITEMAP, sync per group",
        durability: "kill: all, unless a stray write hit the map; power: this group or the one before",
        build: |dir, keys| {
            let flags = Flags::WRITE_MAP | Flags::NO_META_SYNC;
            state(dir, keys, flags, Syncs::EachGroup)
        },
    },
    Case {
        name: "state, WRITEMAP and MAPASYNC, sync every 8 groups",
        durability: "kill: all, unless a stray write hit the map; power: may be corrupt",
        build: |dir, keys| {
            let flags = Flags::WRITE_MAP | Flags::MAP_ASYNC;
            state(dir, keys, flags, Syncs::Every(8))
        },
    },
    Case {
        name: "state, NORDAHEAD",
        durability: "kill: all; power: this group or the one before",
        build: |dir, keys| {
            let flags = Flags::NO_META_SYNC | Flags::NO_READAHEAD;
            state(dir, keys, flags, Syncs::EachGroup)
        },
    },
    Case {
        name: "state, sorted runs merged 64 at a time",
        durability: "kill: all; power: this group or the one before",
        build: |dir, keys| Box::new(Runs::new(dir, keys, RUNS)),
    },
    Case {
        name: "state, log and index in memory",
        durability: "kill: all; power: all; a start reads the whole log, no order of keys, garbage grows",
        build: |dir, keys| Box::new(Log::new(dir, keys)),
    },
    Case {
        name: "versions only, slots in a file",
        durability: "kill: torn between groups; power: torn; no snapshots, no values",
        build: |dir, keys| Box::new(Slots::new(dir, keys)),
    },
    Case {
        name: "history, in the order of keys",
        durability: "kill: all; power: this group or the one before",
        build: |dir, keys| history(dir, keys, Shape::History),
    },
    Case {
        name: "history, in segments",
        durability: "kill: all; power: this group or the one before",
        build: |dir, keys| history(dir, keys, Shape::Segments(SEGMENT_ROWS)),
    },
];

/// A number from the environment.
fn setting(name: &str, default: usize) -> usize {
    let set = std::env::var(name).ok().filter(|_| support::is_measured());
    set.map_or(default, |text| text.parse().expect("a number"))
}

pub(crate) fn key(number: u64) -> Key {
    sha256(&number.to_le_bytes()).0
}

/// The rows of a group: keys at random, and their numbers, in the order of the keys.
fn group(number: u64, rows: usize, keys: usize) -> Vec<(Key, u64)> {
    let mut chance = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut group: Vec<_> = (0..rows)
        .map(|_| {
            chance = chance
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let number = (chance >> 20) % keys as u64;
            (key(number), number)
        })
        .collect();
    group.sort_unstable();
    group.dedup();
    group
}

/// A layout with its rows.
struct Built {
    layout: Box<dyn Layout>,
    keys: usize,
    rows: usize,
    /// The next group's number.
    next: u64,
    _dir: tempfile::TempDir,
}

impl Built {
    /// Fills a layout, applies groups until it is as it will stay, and tells what some more of them cost.
    fn new(case: &Case, keys: &[Key], rows: usize) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut built = Self {
            layout: (case.build)(dir.path(), keys),
            keys: keys.len(),
            rows,
            next: 0,
            _dir: dir,
        };
        let groups = size(RUNS, 3);
        built.apply(groups);
        let (cpu, wall) = built.apply(groups);
        let for_a_row = |time: Duration| time.as_secs_f64() * 1e6 / (groups * rows as u64) as f64;
        let (cpu, wall) = (for_a_row(cpu), for_a_row(wall));
        let figures = format!("{cpu:.2} CPU-us, {wall:.2} us a row; {}", case.durability);
        tell(&format!("storage/{}", case.name), figures);
        built
    }

    /// Applies groups; returns CPU time and wall time.
    fn apply(&mut self, groups: u64) -> (Duration, Duration) {
        let clock = SystemClock::new();
        let (mut cpu, mut wall) = (Duration::ZERO, Duration::ZERO);
        for number in self.next..self.next + groups {
            let group = group(number, self.rows, self.keys);
            let (start, cpu_start) = (clock.now(), thread_cpu_ns());
            self.layout.apply(number, &group);
            cpu += Duration::from_nanos(thread_cpu_ns() - cpu_start);
            wall += clock.now().since(start);
        }
        self.next += groups;
        (cpu, wall)
    }
}

fn storage(criterion: &mut Criterion) {
    let count = setting("STORAGE_BENCH_KEYS", size(1_000_000, 300));
    let rows = setting("STORAGE_BENCH_ROWS", size(16_000, 20));
    let keys: Vec<Key> = (0..count as u64).map(key).collect();
    let mut criterion_group = slow_group(criterion, "storage", rows as u64);
    for case in CASES {
        // Filled only where it is asked for.
        let mut built = None;
        criterion_group.bench_function(case.name, |bencher| {
            let built = built.get_or_insert_with(|| Built::new(&case, &keys, rows));
            bencher.iter_custom(|passes| built.apply(passes).1);
        });
    }
    criterion_group.finish();
}

fn main() {
    support::run(&[storage]);
}
