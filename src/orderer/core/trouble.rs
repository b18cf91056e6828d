//! What went wrong with a source.

use std::time::Duration;

use crate::types::BlockNumber;

/// Why a stream ended, or what its source is blamed for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// No connection.
    #[error("cannot connect: {reason}")]
    Connect {
        /// What the transport says.
        reason: String,
    },
    /// No connection in time.
    #[error("no connection after {wait:?}")]
    ConnectTimeout {
        /// How long it was waited for.
        wait: Duration,
    },
    /// The certificates for this orderer, or our own, cannot be used.
    #[error("cannot set up TLS: {reason}")]
    Tls {
        /// What is wrong.
        reason: String,
    },
    /// The request could not be signed or sent.
    #[error("cannot make the request: {reason}")]
    Request {
        /// Why not.
        reason: String,
    },
    /// The connection broke.
    #[error("the stream broke: {reason}")]
    Broken {
        /// What the transport says.
        reason: String,
    },
    /// The orderer ended the stream without a word.
    #[error("the orderer ended the stream")]
    Ended,
    /// The orderer ended the stream with a status.
    #[error("the orderer answers {name} ({code}){hint}", hint = hint(*code))]
    Status {
        /// Its number.
        code: i32,
        /// Its name in the protocol.
        name: &'static str,
    },
    /// Not what was asked for.
    #[error("the orderer sends {what} where {expected} was asked for")]
    Unasked {
        /// What came.
        what: String,
        /// What should have come.
        expected: String,
    },
    /// A block that is not the channel's next one.
    #[error("block {number} from the orderer is refused: {problem}")]
    BadBlock {
        /// The block that was due.
        number: BlockNumber,
        /// What is wrong with it.
        problem: String,
    },
    /// A header that orderers did not sign.
    #[error("the header of block {number} from the orderer is refused: {problem}")]
    BadHeader {
        /// The block.
        number: BlockNumber,
        /// What is wrong with it.
        problem: String,
    },
    /// A block exists that the source does not send.
    #[error("the orderer withholds block {number}: {by} proved {wait:?} ago that it exists")]
    Withheld {
        /// The block.
        number: BlockNumber,
        /// Who has it.
        by: String,
        /// How long it was waited for.
        wait: Duration,
    },
}

/// What the usual statuses mean to an operator.
fn hint(code: i32) -> &'static str {
    match code {
        200 => ": it has no more blocks, though the stream should not end",
        403 => ": it does not accept this peer's identity as a reader of the channel",
        404 => ": it does not serve this channel, or has not got as far as the block asked for",
        400 => ": it does not accept the request; is this peer's clock or TLS certificate right?",
        503 => ": it cannot reach its cluster",
        _ => "",
    }
}
