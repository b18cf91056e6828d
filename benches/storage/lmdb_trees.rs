//! LMDB with several settings, and several ways to lay rows out in it.

use std::path::Path;

use lmdb::{
    Cursor, Database, DatabaseFlags, Environment, EnvironmentFlags, RwTransaction, Transaction,
    WriteFlags,
};

use crate::{Key, Layout, VALUE};

/// Address space for the map; the file is as large as it needs to be.
const MAP_BYTES: usize = 256 << 30;

/// Rows of one write transaction while the tables are filled.
const FILL_ROWS: usize = 100_000;

/// When a sync is asked for beside what the flags say.
#[derive(Clone, Copy)]
pub(crate) enum Syncs {
    EachGroup,
    Every(u64),
}

/// What the rows are.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// Key: value.
    State,
    /// Key, version: nothing.
    History,
    /// Segment of so many rows, key, version: nothing.
    Segments(usize),
}

fn open(dir: &Path, flags: EnvironmentFlags) -> Environment {
    let mut builder = Environment::new();
    builder
        .set_flags(flags)
        .set_max_dbs(3)
        .set_map_size(MAP_BYTES);
    builder.open(dir).expect("an environment")
}

fn table(env: &Environment, name: &str) -> Database {
    let table = env.create_db(Some(name), DatabaseFlags::empty());
    table.expect("a table")
}

fn begin(env: &Environment) -> RwTransaction<'_> {
    env.begin_rw_txn().expect("a write transaction")
}

/// One table.
pub(crate) struct Tree {
    env: Environment,
    table: Database,
    shape: Shape,
    syncs: Syncs,
    rows: usize,
}

impl Tree {
    pub(crate) fn new(
        dir: &Path,
        keys: &[Key],
        shape: Shape,
        flags: EnvironmentFlags,
        syncs: Syncs,
    ) -> Self {
        let env = open(dir, flags);
        let table = table(&env, "rows");
        let mut tree = Self {
            env,
            table,
            shape,
            syncs,
            rows: 0,
        };
        let time_ordered = match shape {
            Shape::Segments(rows) => rows,
            Shape::State | Shape::History => keys.len(),
        };
        for segment in keys.chunks(time_ordered) {
            let mut sorted: Vec<_> = segment.iter().map(|key| (*key, 0)).collect();
            sorted.sort_unstable();
            for rows in sorted.chunks(FILL_ROWS) {
                tree.put(0, rows);
            }
        }
        tree
    }

    fn put(&mut self, number: u64, group: &[(Key, u64)]) {
        let mut txn = begin(&self.env);
        let mut cursor = txn.open_rw_cursor(self.table).expect("a cursor");
        let mut row = Vec::new();
        for (key, _) in group {
            row.clear();
            if let Shape::Segments(rows) = self.shape {
                let segment = u32::try_from(self.rows / rows).expect("few segments");
                row.extend_from_slice(&segment.to_be_bytes());
            }
            row.extend_from_slice(key);
            let value: &[u8] = if let Shape::State = self.shape {
                &VALUE
            } else {
                row.extend_from_slice(&[0; 8]);
                row.extend_from_slice(&(!number).to_be_bytes());
                &[]
            };
            let put = cursor.put(&row, &value, WriteFlags::empty());
            put.expect("puts");
        }
        drop(cursor);
        txn.commit().expect("commits");
        self.rows += group.len();
    }
}

impl Layout for Tree {
    fn apply(&mut self, number: u64, group: &[(Key, u64)]) {
        self.put(number, group);
        if let Syncs::Every(groups) = self.syncs
            && number % groups == groups - 1
        {
            self.env.sync(true).expect("syncs");
        }
    }
}

/// A tree, and in front of it each group as a sorted run. While a generation of runs is filled, the one
/// before is merged into the tree, a slice of the keys with each group; so many rows meet in a page.
/// Look-ups, which would need to know which run has a key, are not part of it.
pub(crate) struct Runs {
    env: Environment,
    tree: Database,
    filling: Database,
    merging: Database,
    runs: u64,
}

impl Runs {
    pub(crate) fn new(dir: &Path, keys: &[Key], runs: u64) -> Self {
        let flags = EnvironmentFlags::NO_META_SYNC;
        let syncs = Syncs::EachGroup;
        let Tree {
            env, table: tree, ..
        } = Tree::new(dir, keys, Shape::State, flags, syncs);
        let (filling, merging) = (table(&env, "one"), table(&env, "other"));
        Self {
            env,
            tree,
            filling,
            merging,
            runs,
        }
    }
}

/// The rows of all runs whose keys are in a slice of the key space, the newest of each key.
fn slice(txn: &RwTransaction<'_>, runs: Database, nth: u64, of: u64) -> Vec<(Key, u64, Vec<u8>)> {
    let bound = |nth: u64| u64::try_from((u128::from(nth) << 64) / u128::from(of));
    // No end behind the last slice.
    let (start, end) = (bound(nth).unwrap_or(u64::MAX), bound(nth + 1).ok());
    let mut rows = Vec::new();
    let mut cursor = txn.open_ro_cursor(runs).expect("a cursor");
    let mut run = cursor
        .iter_start()
        .next()
        .map(|row| run_of(row.expect("reads").0));
    while let Some(number) = run {
        run = None;
        let seek = [number.to_be_bytes(), start.to_be_bytes()].concat();
        for row in cursor.iter_from(seek) {
            let (row, value) = row.expect("reads");
            if run_of(row) != number {
                break;
            }
            let key: Key = row
                .get(8..)
                .and_then(|key| key.try_into().ok())
                .expect("a key");
            let head = key
                .first_chunk()
                .map_or(0, |head| u64::from_be_bytes(*head));
            if end.is_some_and(|end| head >= end) {
                break;
            }
            rows.push((key, !number, value.to_vec()));
        }
        let next = cursor.iter_from((number + 1).to_be_bytes()).next();
        if let Some(row) = next {
            run = Some(run_of(row.expect("reads").0));
        }
    }
    rows.sort_unstable();
    rows.dedup_by_key(|(key, ..)| *key);
    rows
}

fn run_of(row: &[u8]) -> u64 {
    row.first_chunk().map_or(0, |run| u64::from_be_bytes(*run))
}

impl Layout for Runs {
    fn apply(&mut self, number: u64, group: &[(Key, u64)]) {
        let nth = number % self.runs;
        let mut txn = begin(&self.env);
        if nth == 0 {
            std::mem::swap(&mut self.filling, &mut self.merging);
            txn.clear_db(self.filling).expect("clears");
        }
        let mut cursor = txn.open_rw_cursor(self.filling).expect("a cursor");
        for (key, _) in group {
            let row = [&number.to_be_bytes(), key.as_slice()].concat();
            let put = cursor.put(&row, &VALUE, WriteFlags::APPEND);
            put.expect("appends");
        }
        drop(cursor);
        let rows = slice(&txn, self.merging, nth, self.runs);
        let mut cursor = txn.open_rw_cursor(self.tree).expect("a cursor");
        for (key, _, value) in rows {
            let put = cursor.put(&key, &value, WriteFlags::empty());
            put.expect("puts");
        }
        drop(cursor);
        txn.commit().expect("commits");
    }
}
