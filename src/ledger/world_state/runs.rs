//! The newest rows of the state, in front of its tree.
//!
//! In a large tree each row of a group lies on a page of its own, which a commit would write whole for a
//! hundred bytes. So the rows of a group are written as a sorted run, behind each other. Runs make up a
//! generation; while one is filled, the one before is merged into the tree, in the order of the keys, some
//! with each group: by then so many rows have come that several share a page.
//!
//! ```text
//! a group's rows -> open run of the filling generation
//!                              runs of the merging generation, in their order -> tree
//! ```
//!
//! Invariants:
//! - what is newest counts: filling generation before merging one before tree; in a generation, later runs
//!   before earlier ones. A row without value is a deleted key;
//! - the merging generation keeps its rows until all of them are in the tree, and is emptied by the commit
//!   that brings the last ones there;
//! - all of this moves with the commits that it is part of; the index of runs is in memory only, and says
//!   where to look, not what there is.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;

use super::keys::{put_segment, without_segment};
use super::merged::{MergedRows, Source};
use super::run_index::RunIndex;
use crate::sys::lmdb::{LmdbError, ReadTxn, Rows, Table, WriteTxn};

/// Runs that a generation has, about.
const RUNS: u64 = 32;

/// A generation is as large as this part of the tree.
const TREE_PART: u64 = 5;

/// Longer rows count as several: they gain nothing here, and are not to take room without bounds.
const ROW_BYTES: u64 = 256;

/// How the runs stand, as the meta table has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The number of the generation that is filled.
    filling: u32,
    /// Its open run.
    run: u32,
    /// Rows that were put into that run.
    run_rows: u64,
    /// Rows that were put into the generation.
    rows: u64,
    /// The last run of the generation before.
    merging_run: u32,
    /// Rows that were put into it; 0 once it is merged.
    merging_rows: u64,
    /// The first key of it that may not be in the tree yet.
    resume: Vec<u8>,
}

impl Progress {
    /// As it is stored.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(36 + self.resume.len());
        for number in [self.filling, self.run, self.merging_run] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.run_rows, self.rows, self.merging_rows] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.resume);
        out
    }

    #[cfg(test)]
    pub(super) fn generation(&self) -> u32 {
        self.filling
    }

    #[cfg(test)]
    pub(super) fn is_merging(&self) -> bool {
        self.merging_rows > 0
    }

    /// Reads what was stored.
    pub(super) fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut small = || Some(u32::from_le_bytes(*bytes.split_off(..4)?.first_chunk()?));
        let (filling, run, merging_run) = (small()?, small()?, small()?);
        let mut large = || Some(u64::from_le_bytes(*bytes.split_off(..8)?.first_chunk()?));
        Some(Self {
            filling,
            run,
            merging_run,
            run_rows: large()?,
            rows: large()?,
            merging_rows: large()?,
            resume: bytes.to_vec(),
        })
    }
}

/// A generation of runs.
#[derive(Debug)]
struct Generation {
    number: u32,
    /// Run, key of the state: its row, or nothing where it is deleted.
    table: Table,
    index: RunIndex,
}

/// The generations that there are.
#[derive(Debug, Clone)]
pub(super) struct Generations {
    filling: Arc<Generation>,
    merging: Option<Arc<Generation>>,
    hasher: DefaultHashBuilder,
}

/// The tables of the state.
#[derive(Debug, Clone, Copy)]
pub(super) struct StateTables {
    /// Namespace and key: version, metadata, value.
    pub(super) tree: Table,
    /// Run, namespace, key: the same, or nothing. Generations use them in turns.
    pub(super) runs: [Table; 2],
}

impl StateTables {
    fn generation(&self, number: u32) -> Generation {
        let [even, odd] = self.runs;
        Generation {
            number,
            table: if number.is_multiple_of(2) { even } else { odd },
            index: RunIndex::new(),
        }
    }

    /// The generations as they stand in the tables.
    pub(super) fn load(
        &self,
        txn: &ReadTxn,
        progress: &Progress,
    ) -> Result<Generations, LmdbError> {
        let hasher = DefaultHashBuilder::default();
        let read = |number| {
            let generation = self.generation(number);
            for row in txn.rows(generation.table, &[])? {
                let (row, _) = row?;
                let run = row.first_chunk().ok_or(LmdbError::Corrupted)?;
                let hash = hasher.hash_one(without_segment(row));
                generation.index.insert(hash, u32::from_be_bytes(*run));
            }
            Ok(Arc::new(generation))
        };
        let merging = (progress.merging_rows > 0).then(|| read(progress.filling.wrapping_sub(1)));
        Ok(Generations {
            filling: read(progress.filling)?,
            merging: merging.transpose()?,
            hasher,
        })
    }
}

/// Brings a group into the runs, and some of the older rows into the tree.
pub(super) struct RunWriter<'a, 'env> {
    pub(super) txn: &'a mut WriteTxn<'env>,
    pub(super) tables: StateTables,
    pub(super) progress: &'a mut Progress,
    pub(super) generations: &'a mut Generations,
    /// Rows of a generation at most, give or take a group.
    pub(super) rows_max: u64,
}

impl RunWriter<'_, '_> {
    /// Puts rows, best in the order of their keys: `next` writes key and row, and says whether there was
    /// one more. A row without bytes deletes.
    pub(super) fn put_all(
        &mut self,
        next: &mut dyn FnMut(&mut Vec<u8>, &mut Vec<u8>) -> bool,
    ) -> Result<(), LmdbError> {
        let tree_rows = self.txn.count(self.tables.tree)?;
        let limit = (tree_rows / TREE_PART).clamp(self.rows_max.div_ceil(RUNS), self.rows_max);
        self.make_room(limit)?;
        let Generation { table, index, .. } = &*self.generations.filling;
        let run = self.progress.run;
        let is_new = self.progress.run_rows == 0;
        let mut inserter = self.txn.inserter(*table)?;
        let (mut key, mut row_key, mut row) = (Vec::new(), Vec::new(), Vec::new());
        let mut count = 0;
        while next(&mut key, &mut row) {
            put_segment(&mut row_key, run);
            row_key.extend_from_slice(&key);
            // A new run stands behind all others, and so do its rows, one behind the other.
            if !is_new || !inserter.append(&row_key, &row)? {
                inserter.put(&row_key, &row)?;
            }
            index.insert(self.generations.hasher.hash_one(key.as_slice()), run);
            count += 1 + row.len() as u64 / ROW_BYTES;
        }
        drop(inserter);
        self.progress.run_rows += count;
        self.progress.rows += count;
        // A little faster than the filling generation fills.
        let part = u128::from(count) * u128::from(self.progress.merging_rows) * 5 / 4;
        let quota = part / u128::from(limit.max(1)) + u128::from(count.min(16));
        self.merge(usize::try_from(quota).unwrap_or(usize::MAX))
    }

    /// Begins a new generation where this one has its rows, or else a new run.
    fn make_room(&mut self, limit: u64) -> Result<(), LmdbError> {
        if self.progress.rows >= limit {
            self.merge(usize::MAX)?;
            let number = self.progress.filling.wrapping_add(1);
            let new = Arc::new(self.tables.generation(number));
            let full = std::mem::replace(&mut self.generations.filling, new);
            self.generations.merging = Some(full);
            *self.progress = Progress {
                filling: number,
                merging_run: self.progress.run,
                merging_rows: self.progress.rows,
                ..Progress::default()
            };
        } else if self.progress.run_rows >= limit.div_ceil(RUNS) {
            self.progress.run += 1;
            self.progress.run_rows = 0;
        }
        Ok(())
    }

    /// Brings the next keys of the merging generation into the tree.
    fn merge(&mut self, keys_max: usize) -> Result<(), LmdbError> {
        let Some(merging) = self.generations.merging.clone() else {
            return Ok(());
        };
        let mut left = keys_max;
        while left > 0 {
            let batch = left.min(MERGE_KEYS);
            left -= batch;
            if self.merge_batch(&merging, batch)? {
                self.txn.clear(merging.table)?;
                self.generations.merging = None;
                self.progress.merging_rows = 0;
                self.progress.resume.clear();
                break;
            }
        }
        Ok(())
    }

    /// Merges up to `keys_max` keys; returns whether they were the last ones.
    fn merge_batch(&mut self, merging: &Generation, keys_max: usize) -> Result<bool, LmdbError> {
        let txn = &*self.txn;
        let rows = |start: &[u8]| txn.rows(merging.table, start);
        let mut sources = Vec::new();
        push_runs(
            &mut sources,
            self.progress.merging_run,
            &self.progress.resume,
            &rows,
        )?;
        let mut merged = MergedRows::new(sources, true)?;
        // Copied, since a write may move what was read.
        let mut batch = Vec::new();
        for row in merged.by_ref().take(keys_max) {
            let (key, value) = row?;
            batch.push((key.to_vec(), value.to_vec()));
        }
        let next = merged.next().transpose()?.map(|(key, _)| key.to_vec());
        drop(merged);
        let mut inserter = self.txn.inserter(self.tables.tree)?;
        for (key, value) in batch.iter().filter(|(_, value)| !value.is_empty()) {
            inserter.put(key, value)?;
        }
        drop(inserter);
        for (key, _) in batch.iter().filter(|(_, value)| value.is_empty()) {
            self.txn.delete(self.tables.tree, key)?;
        }
        let is_last = next.is_none();
        self.progress.resume = next.unwrap_or_default();
        Ok(is_last)
    }
}

/// Keys that are merged at a time, so that memory is bounded.
const MERGE_KEYS: usize = 16_384;

/// Adds the runs of a generation from a key on, the newest first.
fn push_runs<'txn>(
    sources: &mut Vec<Source<'txn>>,
    last: u32,
    start: &[u8],
    rows: &dyn Fn(&[u8]) -> Result<Rows<'txn>, LmdbError>,
) -> Result<(), LmdbError> {
    let mut seek = Vec::new();
    for run in (0..=last).rev() {
        put_segment(&mut seek, run);
        seek.extend_from_slice(start);
        sources.push(Source::run(rows(&seek)?, run));
    }
    Ok(())
}

/// The state of one height: its tree, and the runs in front of it.
#[derive(Debug)]
pub(super) struct StateRows {
    tree: Table,
    hasher: DefaultHashBuilder,
    /// Generations, the newest first, with the last run of each.
    generations: Vec<(Arc<Generation>, u32)>,
}

impl StateRows {
    /// What `progress` says, read from a transaction that shows that state; `None` where the generations
    /// are those of another one.
    pub(super) fn of(tree: Table, generations: &Generations, progress: &Progress) -> Option<Self> {
        let Generations {
            filling,
            merging,
            hasher,
        } = generations;
        if filling.number != progress.filling {
            return None;
        }
        let mut of_state = vec![(Arc::clone(filling), progress.run)];
        if progress.merging_rows > 0 {
            of_state.push((Arc::clone(merging.as_ref()?), progress.merging_run));
        }
        Some(Self {
            tree,
            hasher: hasher.clone(),
            generations: of_state,
        })
    }

    /// The row of a key.
    pub(super) fn get<'txn>(
        &self,
        txn: &'txn ReadTxn,
        key: &[u8],
    ) -> Result<Option<&'txn [u8]>, LmdbError> {
        let hash = self.hasher.hash_one(key);
        for (generation, last) in &self.generations {
            if let Some(newest) = generation.index.newest(hash)
                && let Some(row) = find(txn, generation.table, key, newest, *last)?
            {
                return Ok(Some(row).filter(|row| !row.is_empty()));
            }
        }
        txn.get(self.tree, key)
    }

    /// The rows from a key on, in the order of their keys.
    pub(super) fn rows<'txn>(
        &self,
        txn: &'txn ReadTxn,
        start: &[u8],
    ) -> Result<MergedRows<'txn>, LmdbError> {
        let mut sources = Vec::new();
        for (generation, last) in &self.generations {
            let rows = |start: &[u8]| txn.rows(generation.table, start);
            push_runs(&mut sources, *last, start, &rows)?;
        }
        sources.push(Source::whole(txn.rows(self.tree, start)?));
        MergedRows::new(sources, false)
    }
}

/// The newest row of a key in runs up to `last`, where `newest` is where the index says it is.
fn find<'txn>(
    txn: &'txn ReadTxn,
    table: Table,
    key: &[u8],
    newest: u32,
    last: u32,
) -> Result<Option<&'txn [u8]>, LmdbError> {
    let hint = (newest <= last).then_some(newest);
    let mut row_key = Vec::with_capacity(size_of::<u32>() + key.len());
    for run in hint.into_iter().chain((0..=last).rev()) {
        put_segment(&mut row_key, run);
        row_key.extend_from_slice(key);
        if let Some(row) = txn.get(table, &row_key)? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}
