//! Read conflicts, phantoms and the update batch: what is left to decide once a transaction's
//! endorsements are good, and what its block then does to the world state.
//!
//! 1. [`prefetch`] compares what transactions read with the committed state. It needs no order, so
//!    it runs beside everything else, on as many cores as there are.
//! 2. [`fold_block`] goes through the block in order: reads against the earlier valid transactions,
//!    ranges against both, then the writes.
//! 3. [`commit_hash`] binds the codes and the batch to the block before.
//!
//! Knows nothing of signatures, policies, files or threads; of definitions only [`BlockToLive`].
//!
//! Invariants:
//! - the state that is passed in is that of the block before, and nothing else;
//! - transactions come in the order of their block, and only those that are valid so far;
//! - the result depends on nothing but block and state: prefetched or not, it is the same;
//! - [`replay_block`] with the codes of [`fold_block`] gives the batch of [`fold_block`].
//!
//! Fabric: `core/ledger/kvledger/txmgmt/validation`.

mod commit_hash;
mod error;
mod expiry;
mod fold;
mod merkle;
mod overlay;
mod place;
mod range;
mod reads;
mod replay;
mod stage;
#[cfg(test)]
mod tests;
mod write_set;

pub use commit_hash::commit_hash;
pub use error::Fault;
pub use expiry::{BlockToLive, DefinedBlockToLive};
pub use fold::{Folded, TxInput, TxWrites, fold_block, replay_block};
pub use reads::{Prefetched, prefetch, prefetch_parallel};
pub use replay::StoredReplay;
pub use stage::{MvccStage, ValidatedBlock};
