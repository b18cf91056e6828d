//! The state of one channel in LMDB: world state, history, indexes and the savepoint.
//!
//! Invariants:
//! - one write transaction moves all tables together from one height to the next;
//! - the savepoint names the last block whose effects the tables have;
//! - the tables say nothing that could not be made again from the block file.
//!
//! The block file is the log, so a commit here need not be durable when it returns: see `sys::lmdb` for
//! what a power cut leaves (this height, or the one of the commit before). What is missing then is
//! replayed when the ledger is opened.

mod history;
pub(crate) mod keys;
mod merged;
mod namespaces;
mod range;
pub(crate) mod rows;
mod run_index;
mod runs;
mod segments;
mod snapshot;
mod tx_filter;
mod tx_ids;
mod write;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwap;

pub(crate) use range::RangeQuery;
pub(crate) use rows::Tip;
pub(crate) use snapshot::Snapshot;

use history::HistoryIndex;
use namespaces::Namespaces;
use runs::{Generations, Progress, StateTables};
use segments::{Kind, OpenSegment, Segmented};
use tx_filter::{Filling, TxFilter};
use tx_ids::TxIdIndex;

use super::error::Error;
use crate::limits::{STATE_READERS_MAX, TX_FILTER_BYTES_MAX, TX_FILTER_ROWS_PER_COMMIT};
use crate::sys::clock::Clock;
use crate::sys::lmdb::{Env, EnvOptions, LmdbError, OpenError, ReadTxn, Table, Writer};
use crate::types::ChannelId;

const FORMAT: u32 = 2;
const META_FORMAT: &[u8] = b"format";
const META_CHANNEL: &[u8] = b"channel";
const META_SAVEPOINT: &[u8] = b"savepoint";
const META_SEGMENT: &[u8] = b"segment";
const META_RUNS: &[u8] = b"runs";

/// What the state store needs to know when it is opened.
#[derive(Debug, Clone)]
pub(crate) struct StateOptions {
    /// The map's size to start with.
    pub(crate) map_bytes: usize,
    /// Whether to keep the history of keys.
    pub(crate) history: bool,
    /// Rows of history and transaction ids after which a segment of them is closed.
    pub(crate) segment_rows: u64,
    /// Rows of the state that are gathered before they are merged into its tree.
    pub(crate) recent_rows: u64,
    /// What time it is, for the age of views.
    pub(crate) clock: Arc<dyn Clock>,
}

/// The state database of one channel.
#[derive(Debug)]
pub(crate) struct StateStore {
    env: Arc<Env>,
    tables: Tables,
    namespaces: ArcSwap<Namespaces>,
    generations: ArcSwap<Generations>,
    tx_filter: TxFilter,
    filling: Mutex<Filling>,
    write: Mutex<WriteSide>,
    /// Snapshots that may be in use, to end those that are too old.
    snapshots: Mutex<Vec<Weak<Snapshot>>>,
    options: StateOptions,
}

#[derive(Debug)]
struct WriteSide {
    writer: Writer,
    /// How many namespaces the table on disk has.
    namespaces_stored: usize,
    segment: OpenSegment,
    runs: Progress,
}

#[derive(Debug, Clone, Copy)]
struct Tables {
    state: StateTables,
    /// Number: namespace.
    namespaces: Table,
    /// Segment, namespace, key, version (newest first): nothing.
    history: HistoryIndex,
    /// Segment, transaction id: where the first one of the segment is.
    tx_ids: TxIdIndex,
    /// Block number: where it is stored.
    blocks: Table,
    /// Header hash: block number.
    block_hashes: Table,
    /// Block, namespace, key hash that expires with it: the block that wrote it, and the key where it is
    /// long.
    expiry: Table,
    /// Format, channel, savepoint, open segment, how the runs stand.
    meta: Table,
}

impl StateStore {
    /// Opens the state in directory `path`, made where there is none.
    ///
    /// # Errors
    /// It is another channel's, of another format, in use, or LMDB refuses it.
    pub(crate) fn open(
        path: &Path,
        channel: &ChannelId,
        options: StateOptions,
    ) -> Result<Arc<Self>, Error> {
        let env_options = EnvOptions {
            map_bytes: options.map_bytes,
            readers_max: STATE_READERS_MAX,
            tables_max: 11,
        };
        let (env, mut writer) = Env::open(path, &env_options).map_err(|error| match error {
            OpenError::Locked => Error::Locked {
                path: path.to_owned(),
            },
            OpenError::Io(source) => Error::io("open", path, source),
            OpenError::Lmdb(source) => Error::state("open", path, source),
        })?;
        let failed = |source| Error::state("open", path, source);
        let meta = writer.create_table("meta").map_err(failed)?;
        check_owner(&mut writer, meta, path, channel)?;
        let tables = Tables::create(&mut writer, meta).map_err(failed)?;
        let txn = env.read().map_err(failed)?;
        let namespaces = read_namespaces(&txn, tables.namespaces).map_err(failed)?;
        let segment = read_segment(&txn, meta).map_err(failed)?;
        let runs = read_progress(&txn, meta).map_err(failed)?;
        let generations = tables.state.load(&txn, &runs).map_err(failed)?;
        let mut filling = Filling::default();
        let tx_filter = read_tx_filter(&txn, tables.tx_ids, segment, &mut filling);
        let tx_filter = tx_filter.map_err(failed)?;
        drop(txn);
        let namespaces_stored = namespaces.len();
        Ok(Arc::new(Self {
            env,
            tables,
            namespaces: ArcSwap::from_pointee(namespaces),
            generations: ArcSwap::from_pointee(generations),
            tx_filter,
            filling: Mutex::new(filling),
            write: Mutex::new(WriteSide {
                writer,
                namespaces_stored,
                segment,
                runs,
            }),
            snapshots: Mutex::default(),
            options,
        }))
    }

    /// The last block in the state, `None` where there is none.
    pub(crate) fn tip(&self) -> Result<Option<Tip>, Error> {
        let txn = self.env.read().map_err(self.failed("read"))?;
        self.tip_in(&txn)
    }

    fn tip_in(&self, txn: &ReadTxn) -> Result<Option<Tip>, Error> {
        let row = txn
            .get(self.tables.meta, META_SAVEPOINT)
            .map_err(self.failed("read"))?;
        row.map(|row| Tip::parse(row).ok_or(Error::DamagedRow { table: "meta" }))
            .transpose()
    }

    fn failed(&self, action: &'static str) -> impl Fn(LmdbError) -> Error {
        move |source| Error::state(action, self.env.path(), source)
    }

    fn lock_snapshots(&self) -> MutexGuard<'_, Vec<Weak<Snapshot>>> {
        self.snapshots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn create(writer: &mut Writer, meta: Table) -> Result<Self, LmdbError> {
        let filters = writer.create_table("filters")?;
        let mut segmented = |name, kind| {
            Ok(Segmented {
                rows: writer.create_table(name)?,
                filters,
                kind,
            })
        };
        let history = HistoryIndex::new(segmented("history", Kind::History)?);
        let tx_ids = TxIdIndex::new(segmented("tx_ids", Kind::TxIds)?);
        let state = StateTables {
            tree: writer.create_table("state")?,
            runs: [
                writer.create_table("runs_even")?,
                writer.create_table("runs_odd")?,
            ],
        };
        Ok(Self {
            state,
            namespaces: writer.create_table("namespaces")?,
            history,
            tx_ids,
            blocks: writer.create_table("blocks")?,
            block_hashes: writer.create_table("block_hashes")?,
            expiry: writer.create_table("expiry")?,
            meta,
        })
    }
}

/// Checks whose state this is; a new one becomes the channel's.
fn check_owner(
    writer: &mut Writer,
    meta: Table,
    path: &Path,
    channel: &ChannelId,
) -> Result<(), Error> {
    let failed = |source| Error::state("open", path, source);
    let mut txn = writer.begin().map_err(failed)?;
    let format = txn
        .get(meta, META_FORMAT)
        .map_err(failed)?
        .map(<[u8; 4]>::try_from);
    match format {
        None => {
            txn.put(meta, META_FORMAT, &FORMAT.to_le_bytes())
                .map_err(failed)?;
            txn.put(meta, META_CHANNEL, channel.as_str().as_bytes())
                .map_err(failed)?;
            return txn.commit().map_err(failed);
        }
        Some(Ok(found)) => check_format(u32::from_le_bytes(found), path)?,
        Some(Err(_)) => return Err(Error::DamagedRow { table: "meta" }),
    }
    let found = txn
        .get(meta, META_CHANNEL)
        .map_err(failed)?
        .unwrap_or_default();
    if found != channel.as_str().as_bytes() {
        return Err(Error::OtherChannel {
            path: path.to_owned(),
            expected: channel.clone(),
            found: String::from_utf8_lossy(found).into_owned(),
        });
    }
    Ok(())
}

fn check_format(found: u32, path: &Path) -> Result<(), Error> {
    let path = || path.to_owned();
    match found.cmp(&FORMAT) {
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(Error::FutureFormat {
            path: path(),
            found,
            supported: FORMAT,
        }),
        Ordering::Less => Err(Error::OldFormat {
            path: path(),
            found,
            needed: FORMAT,
        }),
    }
}

fn read_segment(txn: &ReadTxn, meta: Table) -> Result<OpenSegment, LmdbError> {
    match txn.get(meta, META_SEGMENT)? {
        Some(row) => OpenSegment::parse(row).ok_or(LmdbError::Corrupted),
        None => Ok(OpenSegment::default()),
    }
}

fn read_progress(txn: &ReadTxn, meta: Table) -> Result<Progress, LmdbError> {
    match txn.get(meta, META_RUNS)? {
        Some(row) => Progress::parse(row).ok_or(LmdbError::Corrupted),
        None => Ok(Progress::default()),
    }
}

/// The filter of ids as it can be had at once: the closed segments have filters, and the ids of the open
/// one are added.
fn read_tx_filter(
    txn: &ReadTxn,
    tx_ids: TxIdIndex,
    open: OpenSegment,
    filling: &mut Filling,
) -> Result<TxFilter, LmdbError> {
    let filter = TxFilter::new();
    let Some(closed) = tx_ids.closed_filters(txn, TX_FILTER_BYTES_MAX)? else {
        return Ok(filter);
    };
    let mut next = Some(TxIdIndex::before(open.number));
    while let Some(behind) = next {
        let (keys, last) = tx_ids.keys_behind(txn, &behind, TX_FILTER_ROWS_PER_COMMIT)?;
        keys.iter().for_each(|key| filter.add(filling, key));
        next = last;
    }
    if filling.has_all() {
        filter.answer_by(closed);
    }
    Ok(filter)
}

fn read_namespaces(txn: &ReadTxn, table: Table) -> Result<Namespaces, LmdbError> {
    let mut namespaces = Namespaces::default();
    for row in txn.rows(table, &[])? {
        let (key, value) = row?;
        let namespace = rows::parse_namespace(value).ok_or(LmdbError::Corrupted)?;
        let id = namespaces
            .add(namespace)
            .map_err(|_| LmdbError::Corrupted)?;
        if key != id.0.to_be_bytes() {
            return Err(LmdbError::Corrupted);
        }
    }
    Ok(namespaces)
}
