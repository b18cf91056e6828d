//! Ingress: the pipeline's one door.
//!
//! Takes serialized blocks from a [`BlockSource`], one after another, and hands them to decode. Knows
//! the number that a block claims, and nothing else of what is in it.

pub mod error;
pub mod file;
pub mod resume;
pub mod worker;


use bytes::Bytes;

pub use error::SourceError;
pub use file::BlockFile;
pub use resume::{KnownBlocks, Resuming};
pub use worker::feed;

use crate::stage::InStage;
use crate::types::BlockNumber;

/// One serialized `common.Block`, as it came.
#[derive(Debug, Clone)]
pub struct RawBlock {
    /// Its place in the source: what refusals are reported with.
    pub expected: BlockNumber,
    /// The message's bytes: one allocation that everything later borrows from.
    pub bytes: Bytes,
}

/// Where blocks come from: a file, a socket, an orderer, another peer.
pub trait BlockSource: Send {
    /// The next serialized block; `None` at the source's end.
    ///
    /// # Errors
    /// The source cannot be read, or what it holds is no sequence of blocks.
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError>;

    /// How much of the source has been read, from 0 to 1, where that is known.
    fn progress(&self) -> Option<f64> {
        None
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
