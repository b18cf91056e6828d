//! Decode: from a block's bytes to everything that can be said of it without keys or state.
//!
//! Total: a bad block is a [`Rejection`], a bad envelope gets a validation code, nothing panics. The
//! block's bytes are one allocation; what decode emits borrows from it. Each envelope is walked once.
//!
//! Knows nothing of channels, identities, policies or state. Invariant: a [`DecodedBlock`] has a
//! header whose data hash is that of its data, and (the genesis block aside) at least five metadata
//! slots and well-formed envelopes.

pub mod block;
pub mod error;
mod flaw;
pub mod transaction;

pub use block::{BlockContents, DecodedBlock, decode_block, is_config};
pub use error::Rejection;
pub use flaw::{ClaimedHash, TxFlaw, TxPart};
pub use transaction::{
    ActionParse, ChaincodeCall, Creator, DecodedTx, EndorserTx, EventCheck, SignedKind, TxBody,
    decode_transaction, decode_transactions,
};
