//! Why a channel stops in the fold. Never a verdict on a transaction.

use crate::types::TxIndex;
use crate::{ledger, lifecycle};

/// The block cannot be committed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The world state could not be read.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// A definition that the fold needs is broken or missing.
    #[error(transparent)]
    Lifecycle(#[from] lifecycle::Fault),
    /// A Merkle summary that no peer makes and on which every Fabric peer panics.
    #[error(
        "transaction {tx} sums up a range read in a Merkle tree of degree {degree}, expected at \
         least 2: Fabric peers stop at this block, too"
    )]
    MerkleDegree {
        /// The transaction.
        tx: TxIndex,
        /// The degree that it recorded.
        degree: u32,
    },
}
