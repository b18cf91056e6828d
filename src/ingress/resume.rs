//! A source from which the blocks that the ledger has already are taken out.
//!
//! Each of them must be the very block that the ledger has: another header hash is a fork, or another
//! channel's chain.

use std::sync::Arc;

use bytes::Bytes;

use super::{BlockSource, EndSource, SourceError, SourceProgress};
use crate::proto::common::BlockHeader;
use crate::proto::wire::{Fields, MESSAGE_DEPTH_MAX, Message, Value};
use crate::types::{BlockNumber, Digest};

/// What the ledger says of its blocks.
pub trait KnownBlocks: Send {
    /// The next block's number.
    fn height(&self) -> BlockNumber;

    /// The header hash of a block, `None` where the ledger does not have it.
    ///
    /// # Errors
    /// The ledger failed.
    fn header_hash(&self, number: BlockNumber) -> Result<Option<Digest>, crate::ledger::Error>;
}

/// Skips what the ledger has.
#[derive(Debug)]
pub struct Resuming<S, K> {
    source: S,
    /// Let go of once a block is new: views must not grow old.
    known: Option<K>,
    skipped: u64,
}

impl<S: BlockSource, K: KnownBlocks> Resuming<S, K> {
    /// Takes the blocks below `known.height()` out of `source`.
    pub fn new(source: S, known: K) -> Self {
        Self {
            source,
            known: Some(known),
            skipped: 0,
        }
    }

    /// How many blocks were skipped.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Whether the block is one that the ledger has.
    fn is_known(&self, bytes: &[u8]) -> Result<bool, SourceError> {
        // What does not decode is for decode to refuse.
        let (Some(header), Some(known)) = (header(bytes), &self.known) else {
            return Ok(false);
        };
        let number = BlockNumber(header.number);
        if number >= known.height() {
            return Ok(false);
        }
        let expected = known.header_hash(number).map_err(SourceError::Ledger)?;
        let found = crate::ledger::header_hash(number, header.previous_hash, header.data_hash);
        match expected {
            None => Ok(false),
            Some(expected) if found == expected => Ok(true),
            Some(expected) => Err(SourceError::Fork {
                number,
                expected,
                found,
            }),
        }
    }
}

impl<S: BlockSource, K: KnownBlocks> BlockSource for Resuming<S, K> {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        while let Some(bytes) = self.source.next_block()? {
            if !self.is_known(&bytes)? {
                self.known = None;
                return Ok(Some(bytes));
            }
            self.skipped += 1;
        }
        Ok(None)
    }

    fn ender(&self) -> Option<Arc<dyn EndSource>> {
        self.source.ender()
    }

    fn progress(&self) -> SourceProgress {
        self.source.progress()
    }
}

/// A block's header alone.
pub(super) fn header(block: &[u8]) -> Option<BlockHeader<'_>> {
    let mut header = None;
    let mut fields = Fields::new(block);
    while let Some(field) = fields.next_field().ok()? {
        if let (1, Value::Bytes(bytes)) = (field.number, field.value) {
            let header = header.get_or_insert_with(BlockHeader::default);
            header.merge(bytes, MESSAGE_DEPTH_MAX).ok()?;
        }
    }
    header
}
