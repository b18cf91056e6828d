//! The ledger of one channel: block files, world state, indexes, recovery.
//!
//! ```text
//! LEDGERS/CHANNEL/lock      taken by the one process that has the ledger open
//!                 blocks/   the block file: the log, and the truth
//!                 state/    LMDB: world state, history, indexes; can be made again from the blocks
//!                 paused, reset_from    notes of what was done while it was not open
//! ```
//!
//! - [`Ledger::open`] recovers; [`Ledger::rebuild`] makes the state anew; [`verify`] checks the blocks.
//! - [`Ledger::take_back`] takes blocks off a ledger that nobody has open, and [`Ledger::set_paused`] has a
//!   peer not open it.
//! - [`Ledger::append`] makes blocks durable and visible, [`Ledger::apply`] brings them into the state.
//! - [`Ledger::view`] is the ledger at one height, for queries; [`View::with_pending`] lays blocks on
//!   top that are validated and not durable yet.
//!
//! Knows nothing of policies, validation or networks: it is told what a block does to the state.

pub mod batch;
mod block_store;
mod channel_ledger;
pub mod error;
pub mod hash;
mod layers;
mod marks;
mod memory;
mod offline;
mod overlay;
mod pending;
mod recovery;
pub mod state;
mod stored_block;
mod tx_key;
mod verify;
mod view;
mod world_state;

#[cfg(test)]
mod tests;

pub use batch::{
    Effect, Expiry, HistoryEntry, KeyUpdate, NamespaceUpdates, StateValue, UpdateBatch,
};
#[cfg(feature = "fuzzing")]
pub(crate) use block_store::fuzz_segments;
pub use block_store::{BlockBytes, BlockLocation};
pub use channel_ledger::{CommitBlock, Ledger, LedgerInfo};
pub use error::{Damage, Error};
pub use hash::{data_hash, data_hash_and_payloads, header_bytes, header_hash};
pub use layers::LayeredState;
pub use memory::MemoryState;
pub use offline::TakenBack;
pub use pending::PendingBatch;
pub use recovery::{Applied, LedgerOptions, Progress, Replay};
pub use state::StateReader;
pub use tx_key::TxKey;
pub use verify::{Verified, verify};
pub use view::{TxLocation, View};

/// Every point at which a crash test can kill the process (see [`crate::sys::failpoint`]), in about the
/// order in which a ledger passes them.
pub const FAIL_POINTS: &[&str] = &[
    "after_segment_create",
    "before_block_append",
    "after_block_append",
    "after_block_sync",
    "before_segment_roll",
    "after_segment_sync",
    "after_segment_roll",
    "before_state_commit",
    "after_state_commit",
    "after_tail_repair",
    "during_recovery",
    "after_state_removed",
];

/// The points that [`Ledger::take_back`] passes.
pub const TAKE_BACK_FAIL_POINTS: &[&str] = &[
    "after_reset_noted",
    "after_state_removed",
    "during_rollback",
    "after_rollback",
];
