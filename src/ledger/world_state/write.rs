//! Bringing blocks into the state database: many at a time, in one write transaction.
//!
//! Of several effects on one key only the last is written; keys are written in their order.

use std::sync::{Arc, MutexGuard, PoisonError};

use super::keys::{self, NamespaceId};
use super::namespaces::Namespaces;
use super::rows::{self, StateRow, Tip};
use super::runs::{Generations, Progress, RunWriter};
use super::segments::OpenSegment;
use super::{Filling, META_RUNS, META_SAVEPOINT, META_SEGMENT, StateStore, WriteSide};
use crate::ledger::batch::{Effect, KeyUpdate};
use crate::ledger::error::Error;
use crate::ledger::overlay::CommittedBlock;
use crate::limits::TX_FILTER_ROWS_PER_COMMIT;
use crate::sys::failpoint;
use crate::sys::lmdb::{LmdbError, WriteTxn};
use crate::types::NamespaceRef;

impl StateStore {
    /// Brings the blocks into the state, oldest first; they continue its height. All of them or none.
    ///
    /// Waits for readers where the map has to grow: the caller must hold no snapshot.
    pub(crate) fn apply(&self, blocks: &[Arc<CommittedBlock>]) -> Result<(), Error> {
        let Some(last) = blocks.last() else {
            return Ok(());
        };
        self.end_old_snapshots();
        // Before the rows: the filter may have too many ids, never too few.
        self.expect_txs(blocks);
        let mut side = self.write.lock().unwrap_or_else(PoisonError::into_inner);
        let namespaces = self.name_namespaces(blocks)?;
        loop {
            match self.try_apply(&mut side, blocks, last.tip, &namespaces) {
                Ok(()) => return Ok(()),
                Err(LmdbError::MapFull) => {
                    let grown = side.writer.grow(&mut || self.end_old_snapshots());
                    grown.map_err(self.failed("grow"))?;
                }
                Err(error) => return Err(self.failed("write to")(error)),
            }
        }
    }

    /// Has the filter of ids know those of blocks that are about to be seen by readers, in the overlay or
    /// in the state. Blocks that it has seen are passed over.
    pub(crate) fn expect_txs(&self, blocks: &[Arc<CommittedBlock>]) {
        let mut filling = self.lock_filling();
        for block in blocks {
            if filling.is_new(block.number()) {
                let ids = block.txs().iter().map(|(key, _)| key);
                ids.for_each(|key| self.tx_filter.add(&mut filling, key));
            }
        }
    }

    fn lock_filling(&self) -> MutexGuard<'_, Filling> {
        self.filling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a number to each namespace that has none, visible to readers before its first row is.
    fn name_namespaces(&self, blocks: &[Arc<CommittedBlock>]) -> Result<Arc<Namespaces>, Error> {
        let known = self.namespaces.load_full();
        let mut extended: Option<Namespaces> = None;
        for namespace in blocks.iter().flat_map(|block| named(block)) {
            if extended.as_ref().unwrap_or(&known).id(namespace).is_none() {
                let to = extended.get_or_insert_with(|| Namespaces::clone(&known));
                to.add(namespace.to_owned())?;
            }
        }
        let Some(extended) = extended else {
            return Ok(known);
        };
        let extended = Arc::new(extended);
        self.namespaces.store(Arc::clone(&extended));
        Ok(extended)
    }

    fn try_apply(
        &self,
        side: &mut WriteSide,
        blocks: &[Arc<CommittedBlock>],
        tip: Tip,
        namespaces: &Namespaces,
    ) -> Result<(), LmdbError> {
        let mut txn = side.writer.begin()?;
        let mut segment = self.open_segment(&mut txn, side.segment)?;
        let mut runs = side.runs.clone();
        let mut generations = Generations::clone(&self.generations.load());
        let mut work = Work {
            store: self,
            namespaces,
            txn: &mut txn,
        };
        work.put_namespaces(side.namespaces_stored)?;
        work.put_state(blocks, &mut runs, &mut generations)?;
        if self.options.history {
            segment.rows += work.put_history(blocks, segment.number)?;
        }
        work.put_expiries(blocks, tip)?;
        work.put_blocks(blocks)?;
        let txs = blocks.iter().flat_map(|block| {
            block
                .txs()
                .iter()
                .map(|(key, index)| (*key, block.number(), *index))
        });
        segment.rows += self.tables.tx_ids.add(&mut txn, segment.number, txs)?;
        txn.put(self.tables.meta, META_SEGMENT, &segment.write())?;
        txn.put(self.tables.meta, META_RUNS, &runs.write())?;
        txn.put(self.tables.meta, META_SAVEPOINT, &tip.write())?;
        failpoint::pass("before_state_commit");
        txn.commit()?;
        side.namespaces_stored = namespaces.len();
        side.segment = segment;
        side.runs = runs;
        self.generations.store(Arc::new(generations));
        failpoint::pass("after_state_commit");
        self.fill_tx_filter()
    }

    /// The segment that the next rows go to: a new one, once the open one has its rows.
    pub(super) fn open_segment(
        &self,
        txn: &mut WriteTxn<'_>,
        open: OpenSegment,
    ) -> Result<OpenSegment, LmdbError> {
        // A ledger that has used up all numbers keeps its last segment open.
        let Some(next) = open.number.checked_add(1) else {
            return Ok(open);
        };
        if open.rows < self.options.segment_rows {
            return Ok(open);
        }
        self.tables.history.close(txn, open.number)?;
        self.tables.tx_ids.close(txn, open.number)?;
        Ok(OpenSegment {
            number: next,
            rows: 0,
        })
    }

    /// Adds some more rows of the index to its filter, where it has not got them all.
    fn fill_tx_filter(&self) -> Result<(), LmdbError> {
        let Some(behind) = self.tx_filter.wanted(&self.lock_filling()) else {
            return Ok(());
        };
        let txn = self.env.read()?;
        let (keys, last) =
            self.tables
                .tx_ids
                .keys_behind(&txn, &behind, TX_FILTER_ROWS_PER_COMMIT)?;
        let mut filling = self.lock_filling();
        keys.iter()
            .for_each(|key| self.tx_filter.add(&mut filling, key));
        self.tx_filter.filled(&mut filling, last);
        Ok(())
    }
}

/// Writes the row of a key as an update leaves it: nothing where it is deleted.
fn write_row(out: &mut Vec<u8>, update: &KeyUpdate) {
    match &update.effect {
        Effect::Put { value, metadata } => StateRow {
            version: update.version,
            metadata,
            value,
            long_key: keys::is_long(&update.key).then_some(&*update.key),
        }
        .write(out),
        Effect::Delete | Effect::Expire => out.clear(),
    }
}

/// The namespaces that a block's batch names.
fn named(block: &CommittedBlock) -> impl Iterator<Item = NamespaceRef<'_>> {
    let updates = block
        .batch
        .namespaces
        .iter()
        .map(|entry| entry.namespace.as_ref());
    let expiries = block
        .batch
        .expiries
        .iter()
        .map(|expiry| expiry.namespace.as_ref());
    let history = block
        .batch
        .history
        .iter()
        .map(|entry| NamespaceRef::public(&entry.name));
    updates.chain(expiries).chain(history)
}

/// A write transaction on its way.
struct Work<'a, 'env> {
    store: &'a StateStore,
    namespaces: &'a Namespaces,
    txn: &'a mut WriteTxn<'env>,
}

impl Work<'_, '_> {
    fn id(&self, namespace: NamespaceRef<'_>) -> Result<NamespaceId, LmdbError> {
        // Invariant: every namespace of the blocks was given a number before.
        self.namespaces.id(namespace).ok_or(LmdbError::Panic)
    }

    fn put_namespaces(&mut self, stored: usize) -> Result<(), LmdbError> {
        let mut value = Vec::new();
        for (id, namespace) in self.namespaces.numbered_from(stored) {
            rows::write_namespace(&mut value, namespace.as_ref());
            self.txn
                .put(self.store.tables.namespaces, &id.0.to_be_bytes(), &value)?;
        }
        Ok(())
    }

    fn put_state(
        &mut self,
        blocks: &[Arc<CommittedBlock>],
        progress: &mut Progress,
        generations: &mut Generations,
    ) -> Result<(), LmdbError> {
        let updates = self.merge(blocks)?;
        let mut left = updates.iter();
        RunWriter {
            txn: self.txn,
            tables: self.store.tables.state,
            progress,
            generations,
            rows_max: self.store.options.recent_rows,
        }
        .put_all(&mut |key, row| {
            let next = left.next();
            if let Some((namespace, update)) = next {
                keys::state_key(key, *namespace, &update.key);
                write_row(row, update);
            }
            next.is_some()
        })?;
        self.note_metadata(&updates)
    }

    /// Notes the namespaces in which a key has metadata now, for ever.
    fn note_metadata(&mut self, updates: &[(NamespaceId, &KeyUpdate)]) -> Result<(), LmdbError> {
        let mut noted = None;
        for (namespace, update) in updates {
            let Effect::Put { metadata, .. } = &update.effect else {
                continue;
            };
            if !metadata.is_empty() && noted != Some(*namespace) {
                let key = keys::metadata_note(*namespace);
                self.txn.put(self.store.tables.meta, &key, &[])?;
                noted = Some(*namespace);
            }
        }
        Ok(())
    }

    /// The last effect on each key, in the order of the keys.
    fn merge<'b>(
        &self,
        blocks: &'b [Arc<CommittedBlock>],
    ) -> Result<Vec<(NamespaceId, &'b KeyUpdate)>, LmdbError> {
        let mut updates: Vec<(NamespaceId, &KeyUpdate)> = Vec::new();
        for namespace in blocks.iter().flat_map(|block| &block.batch.namespaces) {
            let id = self.id(namespace.namespace.as_ref())?;
            updates.extend(namespace.updates.iter().map(|update| (id, update)));
        }
        // Newest first; stable, so that of equal keys the newest stays first. The batches are sorted
        // runs (in reverse, too), which the sort makes use of.
        updates.reverse();
        updates.sort_by(|(a_id, a), (b_id, b)| (a_id, &a.key).cmp(&(b_id, &b.key)));
        updates.dedup_by(|(later_id, later), (id, kept)| later_id == id && later.key == kept.key);
        Ok(updates)
    }

    fn put_history(
        &mut self,
        blocks: &[Arc<CommittedBlock>],
        segment: u32,
    ) -> Result<u64, LmdbError> {
        let mut entries = Vec::new();
        for entry in blocks.iter().flat_map(|block| &block.batch.history) {
            entries.push((self.id(NamespaceRef::public(&entry.name))?, entry));
        }
        self.store.tables.history.add(self.txn, segment, entries)
    }

    /// Adds what expires later, and drops what has.
    fn put_expiries(&mut self, blocks: &[Arc<CommittedBlock>], tip: Tip) -> Result<(), LmdbError> {
        let table = self.store.tables.expiry;
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for expiry in blocks.iter().flat_map(|block| &block.batch.expiries) {
            if expiry.at > tip.number {
                let id = self.id(expiry.namespace.as_ref())?;
                keys::expiry_key(&mut key, expiry.at.0, id, &expiry.key);
                keys::expiry_value(&mut value, expiry.written.0, &expiry.key);
                self.txn.put(table, &key, &value)?;
            }
        }
        while let Some(first) = self.txn.first_key(table)? {
            let at = first.first_chunk().copied().map(u64::from_be_bytes);
            if at.is_some_and(|at| at > tip.number.0) {
                break;
            }
            self.txn.delete(table, &first)?;
        }
        Ok(())
    }

    fn put_blocks(&mut self, blocks: &[Arc<CommittedBlock>]) -> Result<(), LmdbError> {
        let mut value = Vec::new();
        for block in blocks {
            let tip = &block.tip;
            value.clear();
            rows::write_location(&mut value, tip.location);
            self.txn.put(
                self.store.tables.blocks,
                &tip.number.0.to_be_bytes(),
                &value,
            )?;
            let hash = tip.header_hash.as_ref();
            self.txn.put(
                self.store.tables.block_hashes,
                hash,
                &tip.number.0.to_le_bytes(),
            )?;
        }
        Ok(())
    }
}
