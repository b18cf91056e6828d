//! The ledger: appending blocks, bringing them into the state, opening views.
//!
//! A block's way, and who hears of it when:
//!
//! ```text
//! append: block file -> fdatasync -> overlay published   = durable and visible: clients are told
//! apply:             LMDB write transaction -> overlay without these blocks
//! ```
//!
//! The two run on different threads; neither waits for the other unless the overlay is full.
//!
//! Invariants:
//! - height(state) <= height(block file) = height(overlay);
//! - what is visible is durable;
//! - after a failure nothing is written any more until the ledger is opened again; reading goes on.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;

use super::block_store::{BlockReader, BlockStore, RecordToAppend};
use super::error::Error;
use super::overlay::{CommittedBlock, Overlay};
use super::pending::PendingBatch;
use super::tx_key::TxKey;
use super::view::View;
use super::world_state::{StateStore, Tip};
use crate::limits::{OVERLAY_BLOCKS_MAX, OVERLAY_BYTES_MAX};
use crate::sys::failpoint;
use crate::types::{BlockNumber, ChannelId, Digest};

/// A validated block, to be committed.
#[derive(Debug, Clone)]
pub struct CommitBlock {
    /// Its number.
    pub number: BlockNumber,
    /// Its header's hash.
    pub header_hash: Digest,
    /// The header hash of the block before, as it names it; `None` for a genesis block.
    pub previous_hash: Option<Digest>,
    /// The serialized `common.Block` with codes and commit hash, in parts: header, data, metadata.
    pub payload: Vec<Bytes>,
    /// The ids of its transactions in their order, valid or not.
    pub tx_ids: Vec<TxKey>,
    /// What it does to the state.
    pub batch: PendingBatch,
    /// Its commit hash, if it has one.
    pub commit_hash: Option<Digest>,
    /// Whether it is a config block.
    pub is_config: bool,
}

impl CommitBlock {
    /// What the overlay has of the block, once it is known where it is stored.
    pub(crate) fn committed(
        &self,
        location: super::BlockLocation,
        before: Option<&Tip>,
    ) -> CommittedBlock {
        let last_config = if self.is_config {
            self.number
        } else {
            before.map_or(self.number, |tip| tip.last_config)
        };
        let tip = Tip {
            number: self.number,
            location,
            header_hash: self.header_hash,
            commit_hash: self.commit_hash,
            last_config,
        };
        CommittedBlock::new(tip, self.batch.clone(), self.tx_ids.iter().copied())
    }
}

/// What a ledger says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerInfo {
    /// Whose it is.
    pub channel: ChannelId,
    /// How many blocks are durable.
    pub height: u64,
    /// How many of them are in the state database.
    pub state_height: u64,
    /// The last block's header hash, `None` in an empty ledger.
    pub header_hash: Option<Digest>,
    /// The last block's commit hash, if it has one.
    pub commit_hash: Option<Digest>,
    /// The last config block, `None` in an empty ledger.
    pub last_config: Option<BlockNumber>,
}

/// The ledger of one channel. Share it between threads; all methods take `&self`.
pub struct Ledger {
    channel: ChannelId,
    dir: PathBuf,
    blocks: Mutex<BlockStore>,
    reader: Arc<BlockReader>,
    state: Arc<StateStore>,
    overlay: ArcSwap<Overlay>,
    /// Held while the overlay is replaced, never for long.
    publishing: Mutex<()>,
    /// Held while blocks are brought into the state.
    applying: Mutex<()>,
    /// Notified when blocks are published.
    published: Condvar,
    stopped: AtomicBool,
    durable_syncs: AtomicU64,
    /// The height before blocks were taken off, where the ledger has not been as high again.
    reset_from: Option<u64>,
    /// Keeps other processes away. Declared last, so that everything else is closed before.
    _lock: File,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

/// The parts of an open ledger.
pub(super) struct Parts {
    pub(super) channel: ChannelId,
    pub(super) dir: PathBuf,
    pub(super) blocks: BlockStore,
    pub(super) state: Arc<StateStore>,
    pub(super) reset_from: Option<u64>,
    pub(super) lock: File,
}

impl Ledger {
    /// A ledger whose state has all its blocks.
    pub(super) fn new(parts: Parts) -> Result<Self, Error> {
        let Parts {
            channel,
            dir,
            blocks,
            state,
            reset_from,
            lock,
        } = parts;
        let overlay = ArcSwap::from_pointee(Overlay::empty(state.tip()?));
        Ok(Self {
            channel,
            dir,
            reader: Arc::clone(blocks.reader()),
            blocks: Mutex::new(blocks),
            state,
            overlay,
            publishing: Mutex::default(),
            applying: Mutex::default(),
            published: Condvar::new(),
            stopped: AtomicBool::new(false),
            durable_syncs: AtomicU64::new(0),
            reset_from,
            _lock: lock,
        })
    }

    /// Whose ledger this is.
    #[must_use]
    pub fn channel(&self) -> &ChannelId {
        &self.channel
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &std::path::Path {
        &self.dir
    }

    /// How many blocks are durable.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.overlay.load().height()
    }

    /// The height that the ledger had before blocks were taken off, while it has not reached it again.
    #[must_use]
    pub fn catching_up_to(&self) -> Option<u64> {
        self.reset_from.filter(|height| self.height() < *height)
    }

    /// What the ledger says of itself.
    ///
    /// # Errors
    /// The state database failed.
    pub fn info(&self) -> Result<LedgerInfo, Error> {
        let tip = self.overlay.load().tip;
        Ok(LedgerInfo {
            channel: self.channel.clone(),
            height: tip.map_or(0, |tip| tip.height()),
            state_height: self.state.tip()?.map_or(0, |tip| tip.height()),
            header_hash: tip.map(|tip| tip.header_hash),
            commit_hash: tip.and_then(|tip| tip.commit_hash),
            last_config: tip.map(|tip| tip.last_config),
        })
    }

    /// Opens a view of what is durable now, for one reading thread at a time.
    ///
    /// # Errors
    /// There are too many views, or the store failed.
    pub fn view(&self) -> Result<View, Error> {
        self.view_for(1)
    }

    /// Opens a view that `readers` threads can read at the same time without waiting for each other.
    ///
    /// # Errors
    /// As [`Ledger::view`].
    pub fn view_for(&self, readers: usize) -> Result<View, Error> {
        View::open(
            || self.overlay.load_full(),
            &self.state,
            &self.reader,
            readers,
        )
    }

    /// Makes a group of blocks durable with one sync, and visible. When this returns they are committed.
    ///
    /// Where the overlay is full, brings blocks into the state first, or waits for the thread that does.
    ///
    /// # Errors
    /// The blocks do not continue the ledger: nothing happened. The disk failed: the ledger stops; what
    /// was acknowledged before is safe, of this group any number of blocks may be there after a restart.
    pub fn append(&self, group: &[CommitBlock]) -> Result<(), Error> {
        self.check_running()?;
        if group.is_empty() {
            return Ok(());
        }
        self.make_room(group)?;
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let tip = self.overlay.load().tip;
        check_chain(group, tip.as_ref())?;
        let result = append_blocks(&mut blocks, group, tip);
        let committed = result.inspect_err(|error| self.stop_unless_refused(error))?;
        // Ordering: statistics.
        self.durable_syncs.fetch_add(1, Ordering::Relaxed);
        self.state.expect_txs(&committed);
        self.publish(|overlay| overlay.with(&committed));
        Ok(())
    }

    /// Brings all blocks that are durable into the state database. Returns the height of the state.
    /// Meant for a thread of its own, see [`Ledger::wait_for_group`].
    ///
    /// # Errors
    /// The disk or the database failed: the ledger stops.
    pub fn apply(&self) -> Result<u64, Error> {
        let _applying = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_running()?;
        let overlay = self.overlay.load_full();
        if !overlay.blocks.is_empty() {
            let applied = self.state.apply(&overlay.blocks);
            applied.inspect_err(|error| self.stop_unless_refused(error))?;
            self.publish(|newer| newer.without(overlay.height()));
        }
        Ok(overlay.height())
    }

    /// Waits until it is worth bringing blocks into the state: so many have come, or so many bytes, or the
    /// first has waited for `wait`. Once `ended` says that no more come, returns at once whether there are
    /// any. Who changes what it says, calls [`Ledger::wake_applier`].
    ///
    /// Nobody waits for a block to be in the state, and many blocks at once cost far less.
    #[must_use]
    pub fn wait_for_group(&self, wait: Duration, ended: &dyn Fn() -> bool) -> bool {
        let mut publishing = self.lock_publishing();
        while self.overlay.load().blocks.is_empty() {
            if ended() {
                return false;
            }
            let waited = self.published.wait(publishing);
            publishing = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let is_small = |(): &mut ()| !ended() && !self.overlay.load().is_group();
        let waited = self
            .published
            .wait_timeout_while(publishing, wait, is_small);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        true
    }

    /// Has whoever is in [`Ledger::wait_for_group`] ask again whether more blocks come.
    pub fn wake_applier(&self) {
        let _publishing = self.lock_publishing();
        self.published.notify_all();
    }

    /// How many groups of blocks became durable, with one sync each, since the ledger was opened.
    #[must_use]
    pub fn durable_syncs(&self) -> u64 {
        // Ordering: statistics.
        self.durable_syncs.load(Ordering::Relaxed)
    }

    /// Whether an earlier failure has stopped the ledger.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        // Ordering: whoever must not write is kept from it by the stores themselves.
        self.stopped.load(Ordering::Relaxed)
    }

    fn check_running(&self) -> Result<(), Error> {
        if self.is_stopped() {
            Err(Error::Stopped)
        } else {
            Ok(())
        }
    }

    /// A refused block changes nothing; any other failure is the end.
    fn stop_unless_refused(&self, error: &Error) {
        let refused = matches!(
            error,
            Error::NotNext { .. } | Error::BrokenChain { .. } | Error::BlockTooLarge { .. }
        );
        if !refused {
            // Ordering: as in `is_stopped`.
            self.stopped.store(true, Ordering::Relaxed);
        }
    }

    fn make_room(&self, group: &[CommitBlock]) -> Result<(), Error> {
        let bytes: usize = group.iter().map(|block| block.batch.bytes()).sum();
        let overlay = self.overlay.load();
        let full = overlay.blocks.len() + group.len() > OVERLAY_BLOCKS_MAX
            || overlay.bytes + bytes > OVERLAY_BYTES_MAX;
        if full && !overlay.blocks.is_empty() {
            drop(overlay);
            self.apply()?;
        }
        Ok(())
    }

    fn publish(&self, change: impl Fn(&Overlay) -> Overlay) {
        let _publishing = self.lock_publishing();
        self.overlay.store(Arc::new(change(&self.overlay.load())));
        self.published.notify_all();
    }

    fn lock_publishing(&self) -> MutexGuard<'_, ()> {
        self.publishing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks that a group continues the ledger.
fn check_chain(group: &[CommitBlock], tip: Option<&Tip>) -> Result<(), Error> {
    let mut expected = tip.map_or(BlockNumber(0), |tip| tip.number.next());
    let mut previous = tip.map(|tip| tip.header_hash);
    for block in group {
        if block.number != expected {
            return Err(Error::NotNext {
                expected,
                found: block.number,
            });
        }
        if previous.is_some() && block.previous_hash != previous {
            return Err(Error::BrokenChain {
                block: block.number,
            });
        }
        expected = expected.next();
        previous = Some(block.header_hash);
    }
    Ok(())
}

fn append_blocks(
    blocks: &mut BlockStore,
    group: &[CommitBlock],
    mut tip: Option<Tip>,
) -> Result<Vec<Arc<CommittedBlock>>, Error> {
    let payloads: Vec<Vec<&[u8]>> = group
        .iter()
        .map(|block| block.payload.iter().map(|part| &**part).collect())
        .collect();
    let records: Vec<RecordToAppend<'_>> = group
        .iter()
        .zip(&payloads)
        .map(|(block, payload)| RecordToAppend {
            number: block.number,
            payload,
        })
        .collect();
    failpoint::pass("before_block_append");
    let locations = blocks.append(&records)?;
    failpoint::pass("after_block_append");
    blocks.sync()?;
    failpoint::pass("after_block_sync");
    let committed = group.iter().zip(locations).map(|(block, location)| {
        let block = block.committed(location, tip.as_ref());
        tip = Some(block.tip);
        Arc::new(block)
    });
    Ok(committed.collect())
}
