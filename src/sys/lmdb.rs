//! LMDB environments: opening one, reading through it, writing to it, letting it grow.
//!
//! Opening an environment is something LMDB puts duties on that its binding does not enforce. They are
//! met here, once:
//! - *An environment is open at most once in a process, and no foreign process writes to it.* [`Env::open`]
//!   takes an `flock` on a lock file of ours, which also excludes a second handle in this process.
//! - *No transaction is active while the map is resized.* Every read transaction holds a ticket of the
//!   environment's gate; [`Writer::grow`] closes the gate and waits until all tickets are back. Write
//!   transactions borrow the environment mutably through the one [`Writer`] that also grows it.
//! - *A transaction stays on one thread at a time.* `NO_TLS` ties a read transaction to its object instead
//!   of to its thread, so it may move; [`ReadTxn`] is `Send` but not `Sync`. Write transactions do not
//!   leave their thread.
//! - *Long readers pin old pages.* Nothing here bounds their age; who hands them out must.
//! - *The files are on a local disk and nobody cuts them.* The map is read-only (no `WRITEMAP`), so a full
//!   disk is an error of a write, not a signal.
//!
//! Durability: `NO_META_SYNC`. A commit syncs its data pages, then writes the meta page without waiting
//! for it. After a power cut either the last or the one before last commit is what the file holds, whole:
//! LMDB writes into no page that either of these two uses. What is lost so must be replayable from
//! elsewhere.
#![expect(
    unsafe_code,
    reason = "LMDB's read transactions may move between threads with NO_TLS"
)]

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lmdb::{
    Cursor, DatabaseFlags, Environment, EnvironmentFlags, RoCursor, RoTransaction, RwCursor,
    RwTransaction, Transaction, WriteFlags,
};

use super::storage::lock_file;

pub use lmdb::{Database as Table, Error as LmdbError};

const PAGE_BYTES: usize = 4096;

/// An environment could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Somebody has it open.
    #[error("the environment is open already")]
    Locked,
    /// The directory or the lock file is not usable.
    #[error("the environment's directory is not usable")]
    Io(#[from] io::Error),
    /// LMDB refuses the files.
    #[error("lmdb refuses the environment")]
    Lmdb(#[from] LmdbError),
}

/// How to open an environment.
#[derive(Debug, Clone, Copy)]
pub struct EnvOptions {
    /// The map's size to start with; it grows from there.
    pub map_bytes: usize,
    /// Read transactions that may be open at the same time.
    pub readers_max: u32,
    /// Tables that may exist.
    pub tables_max: u32,
}

/// An open environment.
#[derive(Debug)]
pub struct Env {
    environment: Environment,
    gate: Gate,
    path: PathBuf,
    /// Held for as long as the environment is open; declared last, so it is dropped last.
    _lock: File,
}

impl Env {
    /// Opens the environment in directory `path`, made where it does not exist, and its one writer.
    ///
    /// # Errors
    /// It is open already, or not usable.
    pub fn open(path: &Path, options: &EnvOptions) -> Result<(Arc<Self>, Writer), OpenError> {
        std::fs::create_dir_all(path)?;
        let lock = lock_file(&path.join("heddle.lock"))?.ok_or(OpenError::Locked)?;
        let file_len = match std::fs::metadata(path.join("data.mdb")) {
            Ok(metadata) => usize::try_from(metadata.len()).unwrap_or(usize::MAX),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error.into()),
        };
        // Room beside what is used, or the first write would have to grow the map.
        let map_bytes = options.map_bytes.max(file_len.saturating_add(file_len / 4));
        let map_bytes = map_bytes.next_multiple_of(PAGE_BYTES);
        let environment = Environment::new()
            .set_flags(EnvironmentFlags::NO_TLS | EnvironmentFlags::NO_META_SYNC)
            .set_max_readers(options.readers_max)
            .set_max_dbs(options.tables_max)
            .set_map_size(map_bytes)
            .open(path)?;
        let env = Arc::new(Self {
            environment,
            gate: Gate::default(),
            path: path.to_owned(),
            _lock: lock,
        });
        let writer = Writer {
            env: Arc::clone(&env),
            map_bytes,
        };
        Ok((env, writer))
    }

    /// Where the environment is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a read transaction: the last committed state, until it is dropped. Waits while the map
    /// grows.
    ///
    /// # Errors
    /// `ReadersFull`, or what LMDB says.
    pub fn read(self: &Arc<Self>) -> Result<ReadTxn, LmdbError> {
        self.gate.enter(1);
        begin(Ticket {
            env: Arc::clone(self),
        })
    }

    /// Begins `count` read transactions, which may show different states. All pass the gate together:
    /// one that waited for it while others of the same caller are inside would wait for ever.
    ///
    /// # Errors
    /// As [`Env::read`].
    pub fn read_many(self: &Arc<Self>, count: usize) -> Result<Vec<ReadTxn>, LmdbError> {
        self.gate.enter(count);
        let tickets: Vec<Ticket> = (0..count)
            .map(|_| Ticket {
                env: Arc::clone(self),
            })
            .collect();
        tickets.into_iter().map(begin).collect()
    }
}

fn begin(ticket: Ticket) -> Result<ReadTxn, LmdbError> {
    let cell = ReadCell::try_new(ticket, |ticket| {
        ticket.env.environment.begin_ro_txn().map(MovableTxn)
    })?;
    Ok(ReadTxn { cell })
}

/// The right to write to an environment.
#[derive(Debug)]
pub struct Writer {
    env: Arc<Env>,
    map_bytes: usize,
}

impl Writer {
    /// Opens a table, made where it does not exist.
    ///
    /// # Errors
    /// What LMDB says.
    pub fn create_table(&mut self, name: &str) -> Result<Table, LmdbError> {
        self.env
            .environment
            .create_db(Some(name), DatabaseFlags::empty())
    }

    /// Begins a write transaction; dropped without commit it has no effect.
    ///
    /// # Errors
    /// What LMDB says.
    pub fn begin(&mut self) -> Result<WriteTxn<'_>, LmdbError> {
        self.env
            .environment
            .begin_rw_txn()
            .map(|txn| WriteTxn { txn })
    }

    /// The map's size.
    #[must_use]
    pub fn map_bytes(&self) -> usize {
        self.map_bytes
    }

    /// Doubles the map. Waits until all read transactions have ended; new ones wait meanwhile. Calls
    /// `while_waiting` again and again, which may end them.
    ///
    /// # Errors
    /// What LMDB says.
    pub fn grow(&mut self, while_waiting: &mut dyn FnMut()) -> Result<(), LmdbError> {
        let doubled = self.map_bytes.checked_mul(2).ok_or(LmdbError::MapFull)?;
        let closed = self.env.gate.close();
        while !closed.wait_drained(Duration::from_millis(5)) {
            while_waiting();
        }
        self.env.environment.set_map_size(doubled)?;
        self.map_bytes = doubled;
        Ok(())
    }
}

/// A write transaction.
#[derive(Debug)]
pub struct WriteTxn<'env> {
    txn: RwTransaction<'env>,
}

impl WriteTxn<'_> {
    /// The value of a key.
    ///
    /// # Errors
    /// What LMDB says.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<&[u8]>, LmdbError> {
        found(self.txn.get(table, &key))
    }

    /// Sets a key.
    ///
    /// # Errors
    /// `MapFull`, or what LMDB says.
    pub fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), LmdbError> {
        self.txn.put(table, &key, &value, WriteFlags::empty())
    }

    /// Removes a key; nothing where it is not there.
    ///
    /// # Errors
    /// What LMDB says.
    pub fn delete(&mut self, table: Table, key: &[u8]) -> Result<(), LmdbError> {
        found(self.txn.del(table, &key, None)).map(|_| ())
    }

    /// A cursor for many keys in their order, which saves LMDB most of its searching.
    ///
    /// # Errors
    /// What LMDB says.
    pub fn inserter(&mut self, table: Table) -> Result<Inserter<'_>, LmdbError> {
        self.txn
            .open_rw_cursor(table)
            .map(|cursor| Inserter { cursor })
    }

    /// The rows of a table in the order of their keys, from `start` on.
    ///
    /// # Errors
    /// What LMDB says.
    pub fn rows(&self, table: Table, start: &[u8]) -> Result<Rows<'_>, LmdbError> {
        rows(&self.txn, table, start)
    }

    /// How many rows a table has.
    ///
    /// # Errors
    /// What LMDB says.
    pub fn count(&self, table: Table) -> Result<u64, LmdbError> {
        let mut stat = lmdb_sys::MDB_stat {
            ms_psize: 0,
            ms_depth: 0,
            ms_branch_pages: 0,
            ms_leaf_pages: 0,
            ms_overflow_pages: 0,
            ms_entries: 0,
        };
        // SAFETY: the transaction lives as long as `self` and is used by no other thread; LMDB checks the
        // table's handle, and writes into `stat` only.
        let code = unsafe { lmdb_sys::mdb_stat(self.txn.txn(), table.dbi(), &raw mut stat) };
        if code == 0 {
            Ok(stat.ms_entries as u64)
        } else {
            Err(LmdbError::from_err_code(code))
        }
    }

    /// Removes all rows of a table.
    ///
    /// # Errors
    /// What LMDB says.
    pub fn clear(&mut self, table: Table) -> Result<(), LmdbError> {
        self.txn.clear_db(table)
    }

    /// The first key of a table.
    ///
    /// # Errors
    /// What LMDB says.
    pub fn first_key(&self, table: Table) -> Result<Option<Vec<u8>>, LmdbError> {
        let mut cursor = self.txn.open_ro_cursor(table)?;
        let first = cursor.iter_start().next().transpose()?;
        Ok(first.map(|(key, _)| key.to_vec()))
    }

    /// Ends the transaction with effect.
    ///
    /// # Errors
    /// `MapFull`, or what LMDB or the disk says: it had no effect then.
    pub fn commit(self) -> Result<(), LmdbError> {
        self.txn.commit()
    }
}

/// Sets keys of one table, best in their order.
#[derive(Debug)]
pub struct Inserter<'txn> {
    cursor: RwCursor<'txn>,
}

impl Inserter<'_> {
    /// Sets a key.
    ///
    /// # Errors
    /// `MapFull`, or what LMDB says.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), LmdbError> {
        self.cursor.put(&key, &value, WriteFlags::empty())
    }

    /// Sets a key behind all others, so that pages are filled; returns `false`, and does nothing, where it
    /// does not stand behind them.
    ///
    /// # Errors
    /// `MapFull`, or what LMDB says.
    pub fn append(&mut self, key: &[u8], value: &[u8]) -> Result<bool, LmdbError> {
        match self.cursor.put(&key, &value, WriteFlags::APPEND) {
            Ok(()) => Ok(true),
            Err(LmdbError::KeyExist) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sets a key that is not there; returns `false` where it is.
    ///
    /// # Errors
    /// `MapFull`, or what LMDB says.
    pub fn put_new(&mut self, key: &[u8], value: &[u8]) -> Result<bool, LmdbError> {
        match self.cursor.put(&key, &value, WriteFlags::NO_OVERWRITE) {
            Ok(()) => Ok(true),
            Err(LmdbError::KeyExist) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A read transaction: one committed state. Keeps its environment open.
pub struct ReadTxn {
    cell: ReadCell,
}

impl std::fmt::Debug for ReadTxn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadTxn").finish_non_exhaustive()
    }
}

impl ReadTxn {
    /// The value of a key.
    ///
    /// # Errors
    /// What LMDB says.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<&[u8]>, LmdbError> {
        found(self.cell.borrow_dependent().0.get(table, &key))
    }

    /// The rows of a table in the order of their keys, from `start` on.
    ///
    /// # Errors
    /// What LMDB says.
    pub fn rows(&self, table: Table, start: &[u8]) -> Result<Rows<'_>, LmdbError> {
        rows(&self.cell.borrow_dependent().0, table, start)
    }
}

fn rows<'txn>(
    txn: &'txn impl Transaction,
    table: Table,
    start: &[u8],
) -> Result<Rows<'txn>, LmdbError> {
    let mut cursor = txn.open_ro_cursor(table)?;
    // LMDB knows no empty key.
    let rows = if start.is_empty() {
        cursor.iter_start()
    } else {
        cursor.iter_from(start)
    };
    Ok(Rows {
        rows,
        _cursor: cursor,
    })
}

/// Rows of a table: key and value.
#[derive(Debug)]
pub struct Rows<'txn> {
    rows: lmdb::Iter<'txn>,
    /// `rows` uses it through a raw pointer.
    _cursor: RoCursor<'txn>,
}

impl<'txn> Iterator for Rows<'txn> {
    type Item = Result<(&'txn [u8], &'txn [u8]), LmdbError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next()
    }
}

fn found<T>(result: Result<T, LmdbError>) -> Result<Option<T>, LmdbError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(LmdbError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

struct MovableTxn<'env>(RoTransaction<'env>);

// SAFETY: with NO_TLS a read transaction belongs to its object, not to the thread that began it. LMDB asks
// that only one thread at a time uses it, which `Send` without `Sync` enforces. The slices that it hands out
// borrow it and are plain bytes.
unsafe impl Send for MovableTxn<'_> {}

self_cell::self_cell! {
    /// The transaction is dropped before its ticket.
    struct ReadCell {
        owner: Ticket,
        #[covariant]
        dependent: MovableTxn,
    }
}

/// One read transaction's pass through the gate.
struct Ticket {
    env: Arc<Env>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.env.gate.leave();
    }
}

/// Counts the read transactions, and keeps new ones out while the map is resized.
#[derive(Debug, Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    readers: usize,
    closed: bool,
}

impl Gate {
    /// A panic elsewhere cannot leave the counters half changed.
    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the gate is open and lets `count` readers in, all at once.
    fn enter(&self, count: usize) {
        let mut state = self.lock();
        while state.closed {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.readers += count;
    }

    fn leave(&self) {
        let mut state = self.lock();
        state.readers -= 1;
        if state.closed && state.readers == 0 {
            self.changed.notify_all();
        }
    }

    fn close(&self) -> Closed<'_> {
        self.lock().closed = true;
        Closed { gate: self }
    }
}

/// A closed gate; opens when dropped.
struct Closed<'gate> {
    gate: &'gate Gate,
}

impl Closed<'_> {
    /// Waits until no reader is left, at most for `timeout`; returns whether that is so.
    fn wait_drained(&self, timeout: Duration) -> bool {
        let state = self.gate.lock();
        let (state, _) = self
            .gate
            .changed
            .wait_timeout_while(state, timeout, |state| state.readers > 0)
            .unwrap_or_else(PoisonError::into_inner);
        state.readers == 0
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.gate.lock().closed = false;
        self.gate.changed.notify_all();
    }
}
