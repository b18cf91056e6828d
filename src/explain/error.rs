//! Why a transaction cannot be explained.

use crate::types::{BlockNumber, TxIndex};
use crate::{channel, decode, endorsement, ledger, mvcc, verify};

/// There is no explanation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// There is no such block.
    #[error("there is no block {number}: the ledger's height is {height}")]
    NoBlock {
        /// What was asked for.
        number: BlockNumber,
        /// The ledger's height.
        height: u64,
    },
    /// There is no such transaction.
    #[error("block {block} has no transaction {tx}: it has {count}, counted from 0")]
    NoTransaction {
        /// The block.
        block: BlockNumber,
        /// What was asked for.
        tx: TxIndex,
        /// How many it has.
        count: usize,
    },
    /// The state before the block has no channel configuration.
    #[error(
        "the state before block {block} has no channel configuration; run 'heddle ledger verify'"
    )]
    NoConfig {
        /// The block.
        block: BlockNumber,
    },
    /// The configuration of that time is not one that this version can use.
    #[error("the channel configuration of that time cannot be used")]
    Config(#[from] channel::ConfigError),
    /// The stored block does not decode.
    #[error("the stored block is refused; run 'heddle ledger verify'")]
    Decode(#[from] decode::Rejection),
    /// The stored block is not one that the channel would take.
    #[error("the stored block is refused; run 'heddle ledger verify'")]
    Verify(#[from] verify::Refusal),
    /// The channel would stop at the stored block.
    #[error("the stored block cannot be endorsed again")]
    Endorsement(#[from] endorsement::Fault),
    /// The channel would stop at the stored block.
    #[error("the stored block cannot be validated again")]
    Mvcc(#[from] mvcc::Fault),
    /// The workers could not be started.
    #[error("cannot start the workers")]
    Workers(#[from] rayon::ThreadPoolBuildError),
}
