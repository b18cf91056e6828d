//! Why a block is refused as a whole before its signatures are looked at.

use crate::proto::wire::WireError;
use crate::types::{BlockNumber, Digest};

/// A block that is not a block: its source is to blame.
///
/// Fabric: `common/deliverclient/block_verification.go:VerifyBlock` and
/// `protoutil/blockutils.go:VerifyTransactionsAreWellFormed`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The bytes are not a `common.Block`.
    #[error("block {expected} does not decode: {error}")]
    Undecodable {
        /// Its place in the source.
        expected: BlockNumber,
        /// What is wrong with the bytes.
        error: WireError,
    },
    /// There is no header.
    #[error("block {expected} has no header")]
    NoHeader {
        /// Its place in the source.
        expected: BlockNumber,
    },
    /// Fewer metadata slots than a block has.
    #[error("block {number} has {found} metadata slots, expected at least 5")]
    TooFewMetadata {
        /// The block.
        number: BlockNumber,
        /// How many there are.
        found: usize,
    },
    /// There are no transactions.
    #[error("block {number} has no transactions, expected at least one")]
    Empty {
        /// The block.
        number: BlockNumber,
    },
    /// More transactions than an index can number.
    #[error("block {number} has {found} transactions, more than can be numbered")]
    TooManyTransactions {
        /// The block.
        number: BlockNumber,
        /// How many there are.
        found: usize,
    },
    /// An envelope that is not in canonical form.
    #[error("transaction {tx} of block {number} is not well-formed: {problem}")]
    NotWellFormed {
        /// The block.
        number: BlockNumber,
        /// The first such transaction.
        tx: usize,
        /// What is wrong.
        problem: EnvelopeProblem,
    },
    /// The header is not that of the data.
    #[error("the data hash of block {number} is {found}, but its header says {expected}")]
    DataHash {
        /// The block.
        number: BlockNumber,
        /// What the header says, in hex.
        expected: String,
        /// The hash of the data.
        found: Digest,
    },
}

/// What makes an envelope not well-formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeProblem {
    /// It does not decode.
    #[error("it does not decode ({0})")]
    Undecodable(WireError),
    /// The payload is empty.
    #[error("it has no payload")]
    NoPayload,
    /// The signature is empty.
    #[error("it has no signature")]
    NoSignature,
    /// Writing it again gives other bytes.
    #[error("its bytes are not in canonical form")]
    NotCanonical,
}
