//! The ledger of one channel: block files, world state, indexes, recovery.

pub mod batch;
pub mod error;
pub mod hash;
pub mod state;

pub use batch::{Effect, Expiry, HistoryEntry, KeyUpdate, NamespaceUpdates, StateValue, UpdateBatch};
pub use error::Error;
pub use hash::header_hash;
pub use state::StateReader;
