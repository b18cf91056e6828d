//! Verify: who signed what.
//!
//! Checks a block's place in the chain and its orderers' signatures, then every creator's and
//! endorser's identity and signature. All signatures of a block go into one flat list of jobs, which
//! is spread over the workers.
//!
//! This is where a config block takes effect (back edge 1): blocks pass here in order, so the bundle
//! that a config block leads to is in force for the very next block, and no block waits for it.
//!
//! Knows nothing of state: not of duplicates, chaincode definitions or versions. Invariant: blocks
//! leave in the order of their numbers without gaps, each linked to the one before.

pub mod block_signature;
pub mod chain;
mod claims;
pub mod error;
pub mod transaction;

#[cfg(test)]
mod tests;

pub use block_signature::check_signatures;
pub use chain::{BegunBlock, Chain, ChainTip, CheckedBlock, VerifiedBlock, check_all};
pub use error::{Fault, Refusal, Rejection};
pub use transaction::TxVerdict;
