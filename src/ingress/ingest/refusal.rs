//! Why a feeder is cut off.

use crate::limits;
use crate::types::{BlockNumber, Digest};

/// The reason, with its facts: what the feeder is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IngestRefusal {
    /// There are enough feeders.
    #[error(
        "there are {max} feeders already; try again later",
        max = limits::INGEST_FEEDERS_MAX
    )]
    Busy,
    /// The server ends.
    #[error("the server is stopping; connect again when it runs")]
    Stopping,
    /// Another feeder wants the place.
    #[error("another feeder takes the place of this one, which sent nothing of use for a while")]
    Idle,
    /// A length that no block can have.
    #[error("a block of {length} bytes was announced; a block has at most {max}", max = limits::BLOCK_BYTES_MAX)]
    Oversize {
        /// What was announced.
        length: u64,
    },
    /// The bytes are no block.
    #[error("expected length-delimited common.Block messages: {problem}")]
    NotABlock {
        /// What is wrong.
        problem: &'static str,
    },
    /// Another block is committed, or another chain goes on from the ledger's last block.
    #[error(
        "block {number} is not of this channel's chain: {what} is {found}, the ledger has {expected}"
    )]
    Fork {
        /// The block.
        number: BlockNumber,
        /// Which hash.
        what: &'static str,
        /// What the ledger has.
        expected: Digest,
        /// What came, in hex.
        found: String,
    },
    /// The block is not what its header says, or not signed as the channel demands.
    #[error("block {number} is refused: {problem}")]
    Forged {
        /// The block.
        number: BlockNumber,
        /// Why.
        problem: String,
    },
    /// The pipeline refused the block.
    #[error("block {number} is refused by validation: {problem}")]
    Rejected {
        /// The block.
        number: BlockNumber,
        /// Why.
        problem: String,
    },
    /// A block took too long.
    #[error(
        "a block was not complete after {} s; send blocks without a pause inside",
        limits::INGEST_BLOCK_WAIT.as_secs()
    )]
    Slow,
    /// The feeder's order keeps everybody waiting.
    #[error(
        "block {needed} is needed, but too many later ones were sent before it; send blocks in order"
    )]
    OutOfOrder {
        /// The next needed block.
        needed: BlockNumber,
    },
}

/// The reason's number on the wire. Those up to 3 are no fault of the feeder: it may come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum RefusalKind {
    /// [`IngestRefusal::Busy`]
    Busy = 1,
    /// [`IngestRefusal::Stopping`]
    Stopping = 2,
    /// [`IngestRefusal::Idle`]
    Idle = 3,
    /// [`IngestRefusal::Oversize`]
    Oversize = 4,
    /// [`IngestRefusal::NotABlock`]
    NotABlock = 5,
    /// [`IngestRefusal::Fork`]
    Fork = 6,
    /// [`IngestRefusal::Forged`]
    Forged = 7,
    /// [`IngestRefusal::Rejected`]
    Rejected = 8,
    /// [`IngestRefusal::Slow`]
    Slow = 9,
    /// [`IngestRefusal::OutOfOrder`]
    OutOfOrder = 10,
}

impl RefusalKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Busy,
        Self::Stopping,
        Self::Idle,
        Self::Oversize,
        Self::NotABlock,
        Self::Fork,
        Self::Forged,
        Self::Rejected,
        Self::Slow,
        Self::OutOfOrder,
    ];

    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// A word for summaries.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Stopping => "stopping",
            Self::Idle => "idle",
            Self::Oversize => "oversize",
            Self::NotABlock => "not-a-block",
            Self::Fork => "fork",
            Self::Forged => "forged",
            Self::Rejected => "rejected",
            Self::Slow => "slow",
            Self::OutOfOrder => "out-of-order",
        }
    }

    /// Whether a refusal with this number on the wire leaves the feeder a reason to come again.
    #[must_use]
    pub fn may_retry(number: u8) -> bool {
        (Self::Busy.number()..=Self::Idle.number()).contains(&number)
    }
}

impl IngestRefusal {
    /// Which one.
    #[must_use]
    pub fn kind(&self) -> RefusalKind {
        match self {
            Self::Busy => RefusalKind::Busy,
            Self::Stopping => RefusalKind::Stopping,
            Self::Idle => RefusalKind::Idle,
            Self::Oversize { .. } => RefusalKind::Oversize,
            Self::NotABlock { .. } => RefusalKind::NotABlock,
            Self::Fork { .. } => RefusalKind::Fork,
            Self::Forged { .. } => RefusalKind::Forged,
            Self::Rejected { .. } => RefusalKind::Rejected,
            Self::Slow => RefusalKind::Slow,
            Self::OutOfOrder { .. } => RefusalKind::OutOfOrder,
        }
    }
}
