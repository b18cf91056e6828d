//! Opening a ledger: everything that a crash may have left is mended before anything is served.
//!
//! 1. Take the lock, open the state, survey the block file.
//! 2. Refuse what cannot be mended: another channel, a newer format, damage in the middle of the block
//!    file, a state that is ahead of the block file or was made from other blocks.
//! 3. Cut a torn tail of the block file, make durable what may only be in memory.
//! 4. Replay the blocks that the state does not have.
//!
//! Each step may be interrupted at any point and is then done again by the next start.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::batch::UpdateBatch;
use super::block_store::{BlockBytes, BlockReader, BlockStore, Position, Survey};
use super::channel_ledger::{CommitBlock, Ledger, Parts};
use super::error::{Damage, Error};
use super::layers::LayeredState;
use super::marks::Marks;
use super::offline::remove_state;
use super::overlay::CommittedBlock;
use super::pending::PendingBatch;
use super::state::StateReader;
use super::stored_block::StoredBlock;
use super::tx_key::TxKey;
use super::world_state::{StateOptions, StateStore, Tip};
use crate::limits::{
    INDEX_SEGMENT_ROWS, OVERLAY_BYTES_MAX, RECENT_ROWS_MAX, REPLAY_GROUP_BLOCKS, SEGMENT_BYTES_MAX,
    STATE_MAP_BYTES_INITIAL,
};
use crate::sys::clock::{Clock, SystemClock};
use crate::sys::failpoint;
use crate::sys::storage::{Disk, Storage, lock_file};
use crate::types::{ChannelId, Digest};

/// What a ledger needs to know when it is opened.
#[derive(Debug, Clone)]
pub struct LedgerOptions {
    /// The disk for the block file. LMDB goes to the disk by itself.
    pub storage: Arc<dyn Storage>,
    /// What time it is, for the age of views.
    pub clock: Arc<dyn Clock>,
    /// Whether to make a ledger where there is none.
    pub create: bool,
    /// Whether to keep the history of keys.
    pub history: bool,
    /// How long a segment of the block file becomes.
    pub segment_bytes: u64,
    /// How large the state database's map is at first.
    pub state_map_bytes: usize,
    /// Rows of history and transaction ids after which a segment of these indexes is closed.
    pub index_segment_rows: u64,
    /// Rows of a large state that are gathered before they are merged into its tree.
    pub recent_rows: u64,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            storage: Arc::new(Disk),
            clock: Arc::new(SystemClock::new()),
            create: true,
            history: true,
            segment_bytes: SEGMENT_BYTES_MAX,
            state_map_bytes: STATE_MAP_BYTES_INITIAL,
            index_segment_rows: INDEX_SEGMENT_ROWS,
            recent_rows: RECENT_ROWS_MAX,
        }
    }
}

/// What replaying a stored block gives: what its commit gave to the state.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// The ids of its transactions in their order, valid or not.
    pub tx_ids: Vec<TxKey>,
    /// What it does to the state.
    pub batch: UpdateBatch,
    /// Whether it is a config block.
    pub is_config: bool,
}

/// Makes the update batch of a stored block again. It trusts the stored codes (validation-spec 5.9).
pub trait Replay {
    /// Replays `block`; `state` is the state before it.
    ///
    /// # Errors
    /// The stored block does not decode, or the store failed.
    fn replay(&self, block: &BlockBytes, state: &dyn StateReader) -> Result<Applied, Error>;
}

impl<F> Replay for F
where
    F: Fn(&BlockBytes, &dyn StateReader) -> Result<Applied, Error>,
{
    fn replay(&self, block: &BlockBytes, state: &dyn StateReader) -> Result<Applied, Error> {
        self(block, state)
    }
}

/// How far a replay or a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Blocks that are done.
    pub done: u64,
    /// Blocks that there are.
    pub total: u64,
}

/// The places of a channel's ledger.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) dir: PathBuf,
    pub(super) blocks: PathBuf,
    pub(super) state: PathBuf,
}

impl Places {
    pub(super) fn of(ledgers: &Path, channel: &ChannelId) -> Self {
        let dir = ledgers.join(channel.as_str());
        Self {
            blocks: dir.join("blocks"),
            state: dir.join("state"),
            dir,
        }
    }

    /// Takes the channel's lock.
    pub(super) fn lock(&self) -> Result<File, Error> {
        let path = self.dir.join("lock");
        let lock = lock_file(&path).map_err(|source| Error::io("lock", &path, source))?;
        lock.ok_or_else(|| Error::Locked {
            path: self.dir.clone(),
        })
    }
}

impl Ledger {
    /// Opens the ledger of `channel` below the directory `ledgers`, and recovers it.
    ///
    /// `progress` hears of a longer replay.
    ///
    /// # Errors
    /// The ledger cannot be used as it is, or the disk failed. The message says what to do.
    pub fn open(
        ledgers: &Path,
        channel: &ChannelId,
        options: &LedgerOptions,
        replay: &dyn Replay,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, Error> {
        let places = prepare(ledgers, channel, options)?;
        let lock = places.lock()?;
        recover(places, lock, channel, options, replay, progress)
    }

    /// Opens the ledger after throwing its state away, which is made again from the blocks.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn rebuild(
        ledgers: &Path,
        channel: &ChannelId,
        options: &LedgerOptions,
        replay: &dyn Replay,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, Error> {
        let places = prepare(ledgers, channel, options)?;
        let lock = places.lock()?;
        // The block file is surveyed first: where it is damaged, the state is all there is.
        Survey::of(&*options.storage, &places.blocks, channel, None)?;
        remove_state(&*options.storage, &places)?;
        recover(places, lock, channel, options, replay, progress)
    }
}

fn prepare(ledgers: &Path, channel: &ChannelId, options: &LedgerOptions) -> Result<Places, Error> {
    let places = Places::of(ledgers, channel);
    if !options.create && !places.blocks.is_dir() {
        return Err(Error::NoLedger { path: places.dir });
    }
    let storage = &options.storage;
    storage
        .create_dir(&places.blocks)
        .map_err(|source| Error::io("create", &places.blocks, source))?;
    for dir in [ledgers, &places.dir] {
        storage
            .sync_dir(dir)
            .map_err(|source| Error::io("sync", dir, source))?;
    }
    Ok(places)
}

fn recover(
    places: Places,
    lock: File,
    channel: &ChannelId,
    options: &LedgerOptions,
    replay: &dyn Replay,
    progress: &mut dyn FnMut(Progress),
) -> Result<Ledger, Error> {
    let state_options = StateOptions {
        map_bytes: options.state_map_bytes,
        history: options.history,
        segment_rows: options.index_segment_rows,
        recent_rows: options.recent_rows,
        clock: Arc::clone(&options.clock),
    };
    let state = StateStore::open(&places.state, channel, state_options)?;
    let tip = state.tip()?;
    let savepoint = tip.map(|tip| tip.savepoint());
    let survey = Survey::of(&*options.storage, &places.blocks, channel, savepoint)?;
    if let Some(savepoint) = savepoint {
        survey.check_savepoint(savepoint, &places.state)?;
    }
    let storage = Arc::clone(&options.storage);
    let segment_bytes = options.segment_bytes;
    let blocks = BlockStore::open(storage, &places.blocks, channel, segment_bytes, survey)?;
    if let Some(tip) = tip {
        check_same_blocks(blocks.reader(), &tip, &places.state)?;
    }
    let mut gap = Gap {
        reader: Arc::clone(blocks.reader()),
        state: Arc::clone(&state),
        position: tip.map_or(Position::START, |tip| {
            Position::after(tip.location, tip.number)
        }),
        tip,
        height: blocks.height(),
    };
    gap.close(replay, progress)?;
    let marks = Marks {
        storage: &*options.storage,
        places: &places,
    };
    let mut reset_from = marks.reset_from()?;
    if reset_from.is_some_and(|height| height <= blocks.height()) {
        marks.clear_reset_from()?;
        reset_from = None;
    }
    Ledger::new(Parts {
        channel: channel.clone(),
        dir: places.dir,
        blocks,
        state,
        reset_from,
        lock,
    })
}

/// Checks that the state was made from these blocks.
fn check_same_blocks(reader: &BlockReader, tip: &Tip, state: &Path) -> Result<(), Error> {
    let block = reader.read(tip.location, tip.number)?;
    if StoredBlock::read(&block, tip.number)?.header_hash() == tip.header_hash {
        return Ok(());
    }
    Err(Error::OtherBlocks {
        path: state.to_owned(),
        block: tip.number,
    })
}

/// The blocks that the state does not have.
struct Gap {
    reader: Arc<BlockReader>,
    state: Arc<StateStore>,
    position: Position,
    tip: Option<Tip>,
    height: u64,
}

impl Gap {
    fn close(
        &mut self,
        replay: &dyn Replay,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), Error> {
        let first = self.position.next.0;
        let total = self.height - first;
        while self.position.next.0 < self.height {
            let group = self.replay_group(replay)?;
            self.state.apply(&group)?;
            failpoint::pass("during_recovery");
            progress(Progress {
                done: self.position.next.0 - first,
                total,
            });
        }
        Ok(())
    }

    /// Replays some blocks. Holds no view of the state when it returns.
    fn replay_group(&mut self, replay: &dyn Replay) -> Result<Vec<Arc<CommittedBlock>>, Error> {
        let mut state = LayeredState::of(self.state.snapshot(1)?);
        let mut group = Vec::new();
        let mut bytes = 0;
        while self.position.next.0 < self.height
            && group.len() < REPLAY_GROUP_BLOCKS
            && bytes < OVERLAY_BYTES_MAX
        {
            let block = self.replay_next(replay, &state)?;
            state = state.with_pending(std::slice::from_ref(&block.batch))?;
            self.tip = Some(block.tip);
            bytes += block.bytes();
            group.push(Arc::new(block));
        }
        Ok(group)
    }

    fn replay_next(
        &mut self,
        replay: &dyn Replay,
        state: &dyn StateReader,
    ) -> Result<CommittedBlock, Error> {
        let number = self.position.next;
        let (location, bytes) = self.reader.read_next(&mut self.position)?;
        let corrupt = |damage| {
            self.reader
                .corrupt(location.segment, location.offset, number, damage)
        };
        let stored = StoredBlock::read(&bytes, number)?;
        if stored.header.number != number.0 {
            return Err(corrupt(Damage::HeaderNumber));
        }
        let previous_hash = stored.header.previous_hash.try_into().ok().map(Digest);
        if self
            .tip
            .is_some_and(|tip| previous_hash != Some(tip.header_hash))
        {
            return Err(corrupt(Damage::PreviousHash));
        }
        let commit_hash = stored
            .commit_hash()
            .map_err(|source| Error::UnreadableBlock {
                block: number,
                part: "commit hash",
                source,
            })?;
        let Applied {
            tx_ids,
            mut batch,
            is_config,
        } = replay.replay(&bytes, state)?;
        batch.block = number;
        let block = CommitBlock {
            number,
            header_hash: stored.header_hash(),
            previous_hash,
            payload: Vec::new(),
            tx_ids,
            batch: PendingBatch::new(Arc::new(batch)),
            commit_hash,
            is_config,
        };
        Ok(block.committed(location, self.tip.as_ref()))
    }
}
