//! What can be wrong with a source of blocks.

use std::path::PathBuf;

use crate::ledger;
use crate::proto::wire::WireError;
use crate::types::{BlockNumber, Digest};

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
    /// Whoever brings the blocks has ended.
    #[error("nobody brings blocks any more")]
    Ended,
    /// The block-ingest socket cannot be served any more.
    #[error("the block-ingest socket failed")]
    Reactor(#[source] std::io::Error),
    /// A length prefix that no block can have.
    #[error(
        "{path} is not a file of length-delimited blocks: record {record} at byte {offset} claims \
         {length} bytes; a block has at most {max}"
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
        /// The most that a record may have.
        max: u64,
    },
    /// A folder without block files.
    #[error(
        "{path} is no chain folder of a Fabric peer: expected block files from 'blockfile_000000' on, as in \
         ledgersData/chains/chains/CHANNEL"
    )]
    NoBlockFiles {
        /// The folder.
        path: PathBuf,
    },
    /// A block file is not there.
    #[error(
        "{path} is missing: there are block files after it; get the whole chain folder and run the same \
         command again"
    )]
    MissingBlockFile {
        /// The file.
        path: PathBuf,
    },
    /// The folder's first block is not block 0.
    #[error(
        "{path} begins with block {found}, not with block 0: its peer joined the channel by a snapshot and \
         has no earlier blocks; use the chain folder of a peer that joined by the genesis block"
    )]
    NoGenesis {
        /// The first block file.
        path: PathBuf,
        /// Its first block.
        found: BlockNumber,
    },
    /// The last block file ends within a block.
    #[error(
        "{path} ends within block {number} at byte {offset}: {expected} bytes are needed, but only {found} are \
         there; a Fabric peer that is writing or was killed leaves such an end, the blocks before it are \
         complete; run the same command again once the peer has written the block"
    )]
    TornTail {
        /// The file.
        path: PathBuf,
        /// The block that is not whole.
        number: BlockNumber,
        /// Where its length prefix stands.
        offset: u64,
        /// Bytes that are needed from there on.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// A record is not a block as Fabric stores it.
    #[error(
        "{path} is not a Fabric block file: the record at byte {offset} is no block: {problem}"
    )]
    NotAStoredBlock {
        /// The file.
        path: PathBuf,
        /// Where the record's length prefix stands.
        offset: u64,
        /// What is wrong.
        problem: StoredBlockProblem,
    },
    /// The blocks of a folder do not follow one another.
    #[error("{path} is damaged: expected block {expected} at byte {offset}, found block {found}")]
    BlockOrder {
        /// The file.
        path: PathBuf,
        /// Where the record's length prefix stands.
        offset: u64,
        /// The block after the last one.
        expected: BlockNumber,
        /// What is there.
        found: BlockNumber,
    },
}

/// What makes a record no block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoredBlockProblem {
    /// A number or a length is no varint.
    #[error("{what} is not a number ({error})")]
    Number {
        /// Which part of the block.
        what: &'static str,
        /// What is wrong with the bytes.
        error: WireError,
    },
    /// A part goes past the record's end.
    #[error("{what} should have {expected} bytes, but only {found} are left in the record")]
    Short {
        /// Which part of the block.
        what: &'static str,
        /// Bytes that the part's length announces.
        expected: u64,
        /// Bytes that are left.
        found: u64,
    },
    /// Bytes after the last part.
    #[error("{count} bytes are left over after its last part")]
    LeftOver {
        /// How many.
        count: usize,
    },
}
