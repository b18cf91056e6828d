//! Ingress: the pipeline's one door.
//!
//! Takes serialized blocks from a [`BlockSource`], one after another, and hands them to decode. Knows
//! the number that a block claims, and nothing else of what is in it.

mod buffers;
pub mod chain_folder;
pub mod door;
pub mod error;
pub mod file;
pub mod ingest;
mod records;
pub mod resume;
mod stored_block;
pub mod worker;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

pub use buffers::Buffers;
pub use chain_folder::ChainFolder;
pub use door::{Candidate, Objection, SignatureCheck, Signatures};
pub use error::{SourceError, StoredBlockProblem};
pub use file::BlockFile;
use resume::header;
pub use resume::{KnownBlocks, Resuming};
pub use worker::feed;

use crate::stage::InStage;
use crate::types::{BlockNumber, Digest};

/// One serialized `common.Block`, as it came.
#[derive(Debug, Clone)]
pub struct RawBlock {
    /// Its place in the source: what refusals are reported with.
    pub expected: BlockNumber,
    /// The message's bytes: one allocation that everything later borrows from.
    pub bytes: Bytes,
    /// What the source has found out about its data: it is not computed again.
    pub data: DataCheck,
}

/// What is known of a block's data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DataCheck {
    /// Nothing.
    #[default]
    Unknown,
    /// Their hash is the header's.
    Good {
        /// SHA-256 of each envelope's payload, where they were hashed on the way.
        payload_digests: Option<Vec<Digest>>,
    },
}

impl RawBlock {
    /// A block of which nothing is known yet.
    #[must_use]
    pub fn new(expected: BlockNumber, bytes: Bytes) -> Self {
        Self {
            expected,
            bytes,
            data: DataCheck::Unknown,
        }
    }
}

/// Where blocks come from: a file, a socket, an orderer, another peer.
pub trait BlockSource: Send {
    /// The next serialized block; `None` at the source's end.
    ///
    /// # Errors
    /// The source cannot be read, or what it holds is no sequence of blocks.
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError>;

    /// What it has found out about the data of the block that it gave last. Asked once for each block.
    fn take_data_check(&mut self) -> DataCheck {
        DataCheck::Unknown
    }

    /// What makes [`BlockSource::next_block`] return, which may be waiting for somebody else. `None` for
    /// a source that never waits.
    fn ender(&self) -> Option<Arc<dyn EndSource>> {
        None
    }

    /// How much of the source has been read: readable from other threads while the source is in use.
    fn progress(&self) -> SourceProgress {
        SourceProgress::default()
    }
}

/// Ends a source from another thread.
pub trait EndSource: Send + Sync {
    /// From now on the source has no next block.
    fn end(&self);
}

/// Opens blocks on disk: a Fabric peer's chain folder or one of its block files, or a file of
/// length-delimited blocks, plain or zstd.
///
/// # Errors
/// It cannot be read, or is a folder of something else.
pub fn open(path: &Path) -> Result<Box<dyn BlockSource>, SourceError> {
    if ChainFolder::is_one(path) {
        Ok(Box::new(ChainFolder::open(path)?))
    } else {
        Ok(Box::new(BlockFile::open(path)?))
    }
}

impl<S: BlockSource + ?Sized> BlockSource for Box<S> {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        (**self).next_block()
    }

    fn take_data_check(&mut self) -> DataCheck {
        (**self).take_data_check()
    }

    fn ender(&self) -> Option<Arc<dyn EndSource>> {
        (**self).ender()
    }

    fn progress(&self) -> SourceProgress {
        (**self).progress()
    }
}

/// How much of a source has been read.
#[derive(Debug, Clone, Default)]
pub struct SourceProgress {
    read: Arc<AtomicU64>,
    total: u64,
}

impl SourceProgress {
    /// Of `total` bytes, as many as `read` says.
    pub fn new(read: Arc<AtomicU64>, total: u64) -> Self {
        Self { read, total }
    }

    /// From 0 to 1; 0 where it is not known.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for a progress bar")]
    pub fn share(&self) -> f64 {
        // Ordering: for a progress bar.
        self.read.load(Ordering::Relaxed) as f64 / self.total.max(1) as f64
    }
}

impl InStage for RawBlock {
    fn number(&self) -> BlockNumber {
        self.expected
    }

    fn transactions(&self) -> usize {
        0
    }
}
