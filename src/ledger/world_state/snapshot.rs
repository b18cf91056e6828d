//! One committed state of the database, for readers on any thread.
//!
//! Invariants: all read transactions of a snapshot show the same savepoint; one thread at a time uses
//! each; a snapshot that is older than its age allows can be ended from outside, and then refuses.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::keys::{self, NamespaceId};
use super::namespaces::Namespaces;
use super::range::{Chunk, RangeQuery, read_chunk};
use super::rows::{self, StateRow, Tip};
use super::runs::StateRows;
use super::{StateStore, read_progress};
use crate::ledger::batch::{Expiry, StateValue};
use crate::ledger::block_store::BlockLocation;
use crate::ledger::error::Error;
use crate::ledger::tx_key::TxKey;
use crate::limits::VIEW_AGE_MAX;
use crate::sys::clock::Instant;
use crate::sys::lmdb::{LmdbError, ReadTxn};
use crate::types::{BlockNumber, Digest, Namespace, NamespaceRef, TxIndex, Version};

/// One state of the database.
#[derive(Debug)]
pub(crate) struct Snapshot {
    store: Arc<StateStore>,
    namespaces: Arc<Namespaces>,
    tip: Option<Tip>,
    rows: StateRows,
    opened: Instant,
    /// The namespaces with metadata, read when first asked for; `None` where that failed.
    with_metadata: OnceLock<Option<Vec<Namespace>>>,
    /// A read transaction for each thread that reads at the same time; `None` where it was ended.
    slots: Box<[Mutex<Option<ReadTxn>>]>,
    /// Spreads the threads over the slots.
    next: AtomicUsize,
}

impl StateStore {
    /// The last committed state, for `readers` threads at the same time.
    pub(crate) fn snapshot(self: &Arc<Self>, readers: usize) -> Result<Arc<Snapshot>, Error> {
        let Agreed { tip, rows, txns } = loop {
            if let Some(agreed) = self.same_state(readers.max(1))? {
                break agreed;
            }
        };
        let snapshot = Arc::new(Snapshot {
            store: Arc::clone(self),
            // Read after the transactions began, so it has every namespace that they show.
            namespaces: self.namespaces.load_full(),
            tip,
            rows,
            opened: self.options.clock.now(),
            with_metadata: OnceLock::new(),
            slots: txns.into_iter().map(|txn| Mutex::new(Some(txn))).collect(),
            next: AtomicUsize::new(0),
        });
        let mut snapshots = self.lock_snapshots();
        snapshots.retain(|snapshot| snapshot.strong_count() > 0);
        snapshots.push(Arc::downgrade(&snapshot));
        Ok(snapshot)
    }

    /// Read transactions that all show one state; `None` where a commit came in between.
    fn same_state(self: &Arc<Self>, readers: usize) -> Result<Option<Agreed>, Error> {
        let txns = self.env.read_many(readers).map_err(self.failed("read"))?;
        let mut first = None;
        for txn in &txns {
            let tip = self.tip_in(txn)?;
            if *first.get_or_insert(tip) != tip {
                return Ok(None);
            }
        }
        let Some(txn) = txns.first() else {
            return Ok(None);
        };
        let progress = read_progress(txn, self.tables.meta).map_err(self.failed("read"))?;
        // A commit is visible a moment before its generations are, and a transaction may have begun before.
        let rows = StateRows::of(self.tables.state.tree, &self.generations.load(), &progress);
        Ok(rows.map(|rows| Agreed {
            tip: first.flatten(),
            rows,
            txns,
        }))
    }

    /// Ends the snapshots that are older than they may be.
    pub(super) fn end_old_snapshots(&self) {
        let now = self.options.clock.now();
        let alive: Vec<Arc<Snapshot>> = self
            .lock_snapshots()
            .iter()
            .filter_map(std::sync::Weak::upgrade)
            .collect();
        for snapshot in alive
            .iter()
            .filter(|snapshot| now.since(snapshot.opened) >= VIEW_AGE_MAX)
        {
            snapshot
                .slots
                .iter()
                .for_each(|slot| drop(lock(slot).take()));
        }
    }
}

/// Read transactions that show the same state.
struct Agreed {
    tip: Option<Tip>,
    rows: StateRows,
    txns: Vec<ReadTxn>,
}

impl Snapshot {
    /// How many blocks this state has.
    pub(crate) fn height(&self) -> u64 {
        self.tip.map_or(0, |tip| tip.height())
    }

    /// The namespaces of this state, and perhaps newer ones.
    pub(crate) fn namespaces(&self) -> &Namespaces {
        &self.namespaces
    }

    /// The state of a key.
    pub(crate) fn get(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
    ) -> Result<Option<StateValue>, Error> {
        self.row(namespace, key, |row| row.to_value())
    }

    /// The version of a key.
    pub(crate) fn version(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
    ) -> Result<Option<Version>, Error> {
        self.row(namespace, key, |row| row.version)
    }

    /// Some keys of a range.
    pub(crate) fn chunk(&self, query: &RangeQuery<'_>) -> Result<Chunk, Error> {
        let failed = self.store.failed("read");
        self.read(|txn| {
            read_chunk(txn, &self.rows, query).map_err(|error| error.into_error(&failed))
        })
    }

    /// What expires with block `at`.
    pub(crate) fn expiring(&self, at: BlockNumber) -> Result<Vec<Expiry>, Error> {
        const DAMAGED: Error = Error::DamagedRow { table: "expiry" };
        self.read(|txn| {
            let mut expiring = Vec::new();
            let rows = txn.rows(self.store.tables.expiry, &at.0.to_be_bytes());
            for row in rows.map_err(self.failed())? {
                let (key, value) = row.map_err(self.failed())?;
                let row = keys::parse_expiry(key, value).ok_or(DAMAGED)?;
                if row.at != at.0 {
                    break;
                }
                let namespace = self.namespaces.name(row.namespace).ok_or(DAMAGED)?.clone();
                expiring.push(Expiry {
                    at,
                    written: BlockNumber(row.written),
                    namespace,
                    key: row.key.into(),
                });
            }
            Ok(expiring)
        })
    }

    /// The namespaces in which a key has or had metadata.
    pub(crate) fn with_metadata(&self) -> Result<Vec<Namespace>, Error> {
        const DAMAGED: Error = Error::DamagedRow { table: "meta" };
        self.read(|txn| {
            let mut namespaces = Vec::new();
            let rows = txn.rows(self.store.tables.meta, keys::METADATA_NOTE);
            for row in rows.map_err(self.failed())? {
                let (key, _) = row.map_err(self.failed())?;
                let Some(id) = key.strip_prefix(keys::METADATA_NOTE) else {
                    break;
                };
                let id = id.try_into().map(u32::from_be_bytes).map_err(|_| DAMAGED)?;
                namespaces.push(
                    self.namespaces
                        .name(NamespaceId(id))
                        .ok_or(DAMAGED)?
                        .clone(),
                );
            }
            Ok(namespaces)
        })
    }

    /// Whether a key of this namespace may have metadata: `false` only where certainly none has.
    pub(crate) fn may_have_metadata(&self, namespace: NamespaceRef<'_>) -> bool {
        let known = self.with_metadata.get_or_init(|| self.with_metadata().ok());
        known
            .as_ref()
            .is_none_or(|known| known.iter().any(|known| known.as_ref() == namespace))
    }

    /// Versions of a key below `below`, newest first, some at a time.
    pub(crate) fn history_chunk(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
        below: Option<Version>,
    ) -> Result<Vec<Version>, Error> {
        let Some(id) = self.namespaces.id(namespace) else {
            return Ok(Vec::new());
        };
        self.read(|txn| {
            let history = &self.store.tables.history;
            history.chunk(txn, id, key, below).map_err(self.failed())
        })
    }

    /// Where the first transaction with this id is.
    pub(crate) fn find_tx(&self, key: &TxKey) -> Result<Option<(BlockNumber, TxIndex)>, Error> {
        self.read(|txn| {
            self.store
                .tables
                .tx_ids
                .find(txn, key)
                .map_err(self.failed())
        })
    }

    /// Whether a transaction with this id may be in the ledger, the overlay included: `false` only where
    /// there certainly is none.
    pub(crate) fn may_have_tx(&self, key: &TxKey) -> bool {
        self.store.tx_filter.may_contain(key)
    }

    /// Whether there is a transaction with this id.
    pub(crate) fn contains_tx(&self, key: &TxKey) -> Result<bool, Error> {
        if !self.may_have_tx(key) {
            return Ok(false);
        }
        self.read(|txn| {
            self.store
                .tables
                .tx_ids
                .contains(txn, key)
                .map_err(self.failed())
        })
    }

    /// Where a block is stored.
    pub(crate) fn location(&self, number: BlockNumber) -> Result<Option<BlockLocation>, Error> {
        self.read(|txn| {
            let row = txn.get(self.store.tables.blocks, &number.0.to_be_bytes());
            let Some(row) = row.map_err(self.failed())? else {
                return Ok(None);
            };
            rows::parse_location(row)
                .map(Some)
                .ok_or(Error::DamagedRow { table: "blocks" })
        })
    }

    /// The block with this header hash.
    pub(crate) fn number_by_hash(&self, hash: &Digest) -> Result<Option<BlockNumber>, Error> {
        self.read(|txn| {
            let row = txn.get(self.store.tables.block_hashes, hash.as_ref());
            let Some(row) = row.map_err(self.failed())? else {
                return Ok(None);
            };
            rows::parse_number(row).map(Some).ok_or(Error::DamagedRow {
                table: "block_hashes",
            })
        })
    }

    fn row<T>(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
        take: impl FnOnce(StateRow<'_>) -> T,
    ) -> Result<Option<T>, Error> {
        let Some(id) = self.namespaces.id(namespace) else {
            return Ok(None);
        };
        let mut row_key = Vec::with_capacity(key.len() + size_of::<NamespaceId>());
        keys::state_key(&mut row_key, id, key);
        self.read(|txn| {
            let row = self.rows.get(txn, &row_key).map_err(self.failed())?;
            let Some(row) = row else { return Ok(None) };
            let row = StateRow::parse(row, keys::is_long(key));
            row.map(|row| Some(take(row)))
                .ok_or(Error::DamagedRow { table: "state" })
        })
    }

    /// Reads through a transaction that no other thread uses at the moment.
    fn read<T>(&self, read: impl FnOnce(&ReadTxn) -> Result<T, Error>) -> Result<T, Error> {
        let slot = self.free_slot();
        match slot.as_deref().and_then(Option::as_ref) {
            Some(txn) => read(txn),
            None => Err(Error::ViewExpired {
                height: self.height(),
            }),
        }
    }

    fn free_slot(&self) -> Option<MutexGuard<'_, Option<ReadTxn>>> {
        let (first, others) = self.slots.split_first()?;
        if others.is_empty() {
            return Some(lock(first));
        }
        // Ordering: a counter of its own.
        let start = self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len();
        let (before, after) = self.slots.split_at_checked(start)?;
        let free = after
            .iter()
            .chain(before)
            .find_map(|slot| slot.try_lock().ok());
        free.or_else(|| after.first().map(lock))
    }

    fn failed(&self) -> impl Fn(LmdbError) -> Error {
        self.store.failed("read")
    }
}

/// A panic of a reader leaves its read transaction as good as before.
fn lock(slot: &Mutex<Option<ReadTxn>>) -> MutexGuard<'_, Option<ReadTxn>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
