//! What can go wrong with a ledger: our environment, never a transaction.

use std::io;
use std::path::{Path, PathBuf};

use crate::proto::wire::WireError;
use crate::sys::lmdb::LmdbError;
use crate::sys::storage::free_bytes;
use crate::types::{BlockNumber, ChannelId};

/// The ledger cannot go on. The channel stops; the next start recovers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call failed.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried, such as `append to`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is no space left. Nothing that was acknowledged is lost.
    #[error(
        "the disk of {path} is full: free some space and start the peer again, it goes on where it \
         stopped"
    )]
    DiskFull {
        /// What could not grow.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The state database failed.
    #[error("cannot {action} the state database in {path}; if this persists, rebuild the state")]
    State {
        /// What was tried, such as `read`.
        action: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What LMDB said.
        #[source]
        source: LmdbError,
    },
    /// A row of the state database does not make sense.
    #[error(
        "the state database holds a damaged row in table '{table}': rebuild the state from the blocks"
    )]
    DamagedRow {
        /// In which table.
        table: &'static str,
    },
    /// Another process, or another part of this one, has the ledger open.
    #[error("the ledger in {path} is in use by another process: stop that one first")]
    Locked {
        /// The ledger's directory.
        path: PathBuf,
    },
    /// The directory belongs to another channel.
    #[error(
        "{path} belongs to channel '{found}', expected '{expected}': give each channel its own"
    )]
    OtherChannel {
        /// The file or directory.
        path: PathBuf,
        /// Which channel was asked for.
        expected: ChannelId,
        /// Whose it is.
        found: String,
    },
    /// A newer heddle has written this.
    #[error(
        "{path} has format {found}, this program knows up to {supported}: use a newer heddle, or the \
         one that wrote it"
    )]
    FutureFormat {
        /// The file or directory.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest that we know.
        supported: u32,
    },
    /// The state was written by an older version, in another format.
    #[error(
        "{path} has format {found}, this program needs {needed}: make the state anew from the blocks \
         with `heddle ledger rebuild-state`"
    )]
    OldFormat {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// Ours.
        needed: u32,
    },
    /// A block that was durable cannot be read any more.
    #[error(
        "{path} is damaged at offset {offset} (block {block}): {damage}; restore the file from a \
         backup, or remove the ledger and let the peer fetch the channel again"
    )]
    Corrupt {
        /// The segment.
        path: PathBuf,
        /// Where the damaged record begins.
        offset: u64,
        /// Which block it should hold.
        block: BlockNumber,
        /// What is wrong with it.
        damage: Damage,
    },
    /// A segment in the middle is not there.
    #[error("{path} is missing, later block files exist: restore it from a backup")]
    MissingSegment {
        /// The segment.
        path: PathBuf,
    },
    /// The state has blocks that the block files do not have.
    #[error(
        "the state in {path} is at height {state}, the block files end at {blocks}: restore the \
         block files, or remove {path} to rebuild the state from the blocks that are left"
    )]
    StateAhead {
        /// The state's directory.
        path: PathBuf,
        /// Its height.
        state: u64,
        /// The block files' height.
        blocks: u64,
    },
    /// The state was made from other blocks.
    #[error(
        "the state in {path} does not belong to the block files beside it (block {block} has another \
         hash): remove {path} to rebuild it"
    )]
    OtherBlocks {
        /// The state's directory.
        path: PathBuf,
        /// The block at which both should agree.
        block: BlockNumber,
    },
    /// A stored block does not decode.
    #[error("block {block} is stored, but its {part} does not decode")]
    UnreadableBlock {
        /// Which block.
        block: BlockNumber,
        /// What of it.
        part: &'static str,
        /// Why not.
        #[source]
        source: WireError,
    },
    /// A block was appended that does not follow the last one.
    #[error("block {found} was appended, expected block {expected}")]
    NotNext {
        /// The block that comes next.
        expected: BlockNumber,
        /// The block that was given.
        found: BlockNumber,
    },
    /// A block was appended that names another predecessor.
    #[error("block {block} does not follow the last block: it names another previous hash")]
    BrokenChain {
        /// Which block.
        block: BlockNumber,
    },
    /// A block is larger than the format allows.
    #[error("block {block} has {bytes} bytes, at most {bytes_max} can be stored")]
    BlockTooLarge {
        /// Which block.
        block: BlockNumber,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// There are more namespaces than the ledger keeps.
    #[error("the channel has more than {namespaces_max} namespaces")]
    TooManyNamespaces {
        /// The limit.
        namespaces_max: usize,
    },
    /// Pending batches do not continue the view that they were laid upon.
    #[error("the pending batches begin at block {found}, the view needs block {expected}")]
    PendingGap {
        /// The first block that is missing.
        expected: BlockNumber,
        /// The block that was given instead.
        found: BlockNumber,
    },
    /// A stored block cannot be replayed. The reason belongs to a layer that the ledger does not know.
    #[error("cannot replay stored block {block}")]
    Replay {
        /// The block.
        block: BlockNumber,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A view was kept longer than its age allows. Open a new one.
    #[error("the view of height {height} is too old to be read: open a new one")]
    ViewExpired {
        /// The view's height.
        height: u64,
    },
    /// An operation failed before; only opening the ledger again helps.
    #[error("the ledger stopped after an earlier failure: restart the channel")]
    Stopped,
    /// There are no blocks to be taken off.
    #[error(
        "target block number [{block}] should be less than the biggest block number [{}]",
        height.saturating_sub(1)
    )]
    NothingBehind {
        /// The block that was to be the last one.
        block: BlockNumber,
        /// How many blocks there are.
        height: u64,
    },
    /// The folder has no ledger.
    #[error("{path} has no ledger of this channel")]
    NoLedger {
        /// Where it was looked for.
        path: PathBuf,
    },
}

/// What is wrong with a stored record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The file ends within it, or before it.
    #[error("the file ends too early")]
    Missing,
    /// Its header is not one.
    #[error("there is no record")]
    Header,
    /// It holds another block than its place says.
    #[error("the record is that of another block")]
    Number,
    /// Its bytes are not those that were written.
    #[error("the checksum does not match")]
    Checksum,
    /// The stored block does not decode.
    #[error("the block does not decode")]
    Undecodable,
    /// The block's header names another number than the record.
    #[error("the block's header has another number")]
    HeaderNumber,
    /// The block does not name its predecessor's hash.
    #[error("the previous hash is not that of the block before")]
    PreviousHash,
    /// The block's data is not what its header says.
    #[error("the data hash does not match the block's data")]
    DataHash,
}

impl Error {
    /// A failed system call.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => Self::DiskFull { path, source },
            _ => Self::Io {
                action,
                path,
                source,
            },
        }
    }

    /// A failed operation of the state database.
    pub(crate) fn state(action: &'static str, path: &Path, source: LmdbError) -> Self {
        let path = path.to_owned();
        if let LmdbError::Other(errno) = source
            && is_full(errno, &path)
        {
            return Self::DiskFull {
                path,
                source: io::Error::from_raw_os_error(errno),
            };
        }
        Self::State {
            action,
            path,
            source,
        }
    }
}

/// Whether a write of LMDB failed for want of space. A write that got only part of its bytes onto the
/// disk, which is how a full one begins, is `EIO` for LMDB.
fn is_full(errno: i32, path: &Path) -> bool {
    const LEFT_BYTES_MAX: u64 = 1 << 20;
    match errno {
        libc::ENOSPC | libc::EDQUOT => true,
        libc::EIO => free_bytes(path).is_ok_and(|free| free < LEFT_BYTES_MAX),
        _ => false,
    }
}
