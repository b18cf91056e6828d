//! What can be wrong with a source of blocks.

use std::path::PathBuf;

use crate::types::{BlockNumber, Digest};
use crate::{ledger, limits};

/// The source cannot give the next block.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The file could not be opened or read.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file ends within a block.
    #[error(
        "{path} is cut off: block record {record} at byte {offset} should have {expected} bytes, \
         but only {found} are there; get the whole file and run the same command again"
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The record's place in the file, from 0.
        record: u64,
        /// Where the record's length prefix stands.
        offset: u64,
        /// Bytes that the prefix announces.
        expected: u64,
        /// Bytes that follow.
        found: u64,
    },
    /// A block that the ledger has is another one in the source.
    #[error(
        "block {number} of the source is not the ledger's: its header hash is {found}, the ledger has \
         {expected}; the source holds another channel or a fork of this one"
    )]
    Fork {
        /// The block.
        number: BlockNumber,
        /// Header hash in the ledger.
        expected: Digest,
        /// Header hash in the source.
        found: Digest,
    },
    /// The ledger could not be asked what it has.
    #[error("cannot compare the source with the ledger")]
    Ledger(#[source] ledger::Error),
    /// A length prefix that no block can have.
    #[error(
        "{path} is not a file of length-delimited blocks: record {record} at byte {offset} claims \
         {length} bytes; a block has at most {max}", max = limits::BLOCK_BYTES_MAX
    )]
    BadLength {
        /// The file.
        path: PathBuf,
        /// The record's place in the file, from 0.
        record: u64,
        /// Where the prefix stands.
        offset: u64,
        /// What it claims.
        length: u64,
    },
}
