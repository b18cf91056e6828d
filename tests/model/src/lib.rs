//! The sequential model: a validator that is obviously correct, written from the rules in their order.
//!
//! One block after another, one transaction after another, over a map: no queues, no threads, no caches
//! and nothing clever, so that whoever knows the rules can check it by reading. heddle's pipeline is
//! compared with it: validation codes, update batch and commit hash of every block.
//!
//! It shares with heddle what has oracles of its own: the readers of the wire (Go's rules), X.509 and
//! MSPs, single signatures as the libraries verify them, and the channel configuration with its
//! updates. It knows nothing of decode, verify, endorsement, mvcc, ledger or their caches; from the
//! ledger it takes only the types in which a batch is written down.
//!
//! Not covered: channels below application capability V2_0, raw private data, and whether a block that
//! is not committed is to be blamed on its source or on the channel.

mod build;
mod compare;
mod definition;
mod endorsement;
mod explore;
mod frame;
mod mutate;
mod mvcc;
mod pipeline;
mod policy;
pub mod script;
pub mod state;
mod structure;
mod validate;
mod workload;

pub use build::{Built, build};
pub use compare::{
    Difference, Said, channel_of, check_blocks, compare, join_blocks, on_deep_stack, split_blocks,
    verdict_of,
};
pub use explore::{Effort, Found, Tally, check, explore};
pub use mutate::mutate;
pub use pipeline::{Outcome, Setting, check_pipeline, run_pipeline};
pub use validate::Model;
pub use workload::build_workload;

use heddle::ledger::UpdateBatch;
use heddle::types::{Digest, ValidationCode};

/// What the model says of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// One per transaction.
    pub codes: Vec<ValidationCode>,
    /// What the block does to the state.
    pub batch: UpdateBatch,
    /// None for the genesis block.
    pub commit_hash: Option<Digest>,
}

/// A block is not committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    /// It is not the channel's next block.
    Refused(String),
    /// The channel cannot go on; Fabric's peers stop, crash or hang.
    Stopped(String),
}

fn refused(why: impl Into<String>) -> Halt {
    Halt::Refused(why.into())
}

fn stopped(why: impl Into<String>) -> Halt {
    Halt::Stopped(why.into())
}
