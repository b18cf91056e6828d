//! Commit: serial. Makes validated blocks durable, then applies them to the state.
//!
//! Two threads. The first takes as many validated blocks as are waiting, appends them to the block
//! file with their codes and commit hashes, and makes the group durable with one sync: from then on
//! clients may be told. The second applies what is durable to the state database, as many blocks per
//! write transaction as have come meanwhile. What is durable but not applied yet is read from the
//! update batches themselves, so nobody waits for the second.
//!
//! Knows nothing of how a verdict came about. Invariant: a block is handed on only when it is durable.

pub mod group;
pub mod serialize;

pub use group::{CommittedBlock, commit_group, next_group};
pub use serialize::{BlockParts, serialize_block};
