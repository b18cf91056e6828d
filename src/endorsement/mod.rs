//! Endorsement: is this transaction new, and was it endorsed as its chaincodes demand?
//!
//! Checks duplicate ids, namespaces, and the endorsement policy of every written namespace,
//! collection and key, with definitions, policies and key metadata as of the block before.
//!
//! This is back edge 2: what block N-1 and earlier ones in flight write may change how block N is
//! endorsed. The stage keeps what the blocks in flight touch ([`in_flight`]) and waits for mvcc only
//! where one of them touches what it needs:
//! - a definition: any earlier block in flight with a valid-so-far write to `_lifecycle` or `lscc`;
//! - a key's policy: an earlier block in flight that writes the same key, and only in namespaces in
//!   which a key ever had metadata;
//! - a key hash's policy, since hashes also expire: the block before, under the same condition;
//! - a transaction id: never; the ids in flight are kept here.
//!
//! Knows nothing of versions: a transaction that is valid here may still conflict. Invariant: the
//! verdict does not depend on how far mvcc is.

mod block;
mod candidate;
mod collections;
mod decisions;
mod definitions;
mod endorsed;
mod error;
mod facts;
mod in_flight;
mod key_level;
mod legacy;
mod namespace;
mod transaction;

pub use block::EndorsementStage;
pub use endorsed::{EndorsedBlock, Lifetimes, Writes};
pub use error::Fault;
pub use in_flight::{Frontier, FrontierView};
pub use legacy::{Refusal as LsccRefusal, lscc_refusal, upgraded_chaincode};
