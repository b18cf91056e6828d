//! The block-ingest socket: several feeders push a channel's blocks over Unix or TCP sockets.
//!
//! ```text
//!  feeder --+                      +--> IngestSource --> pipeline --+
//!  feeder --+--> Reactor --> Desk -+                                |
//!  feeder --+   (one thread, mio)  +<---- durable heights ----------+
//! ```
//!
//! [`Desk`] is the whole protocol as a state machine without sockets, threads or a clock of its own;
//! [`Hub`] puts it behind a lock between the reactor's thread and the pipeline's.
//!
//! # Wire protocol, version 1
//!
//! Numbers are big-endian unless they are protobuf varints. There is no authentication: who can
//! connect can feed. What keeps the ledger safe is that each block is verified as if it came from an
//! orderer. Only the genesis block has nothing that it could be checked against: an empty ledger takes
//! the first that founds the channel, so give it the genesis block by `heddle ledger import` where
//! feeders are not trusted.
//!
//! The server speaks first, with one greeting:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `HEDDLE/I` |
//! | 1 | the protocol's version, 1 |
//! | 8 | the ledger's height: the number of the next block that it needs |
//! | 1 | length of the channel's name |
//! | n | the channel's name |
//!
//! then with frames:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | 1: durable |
//! | 8 | the height: every block below it is durable |
//!
//! | bytes | what |
//! |---|---|
//! | 1 | 2: refusal, after which the server reads nothing more and closes |
//! | 1 | the reason's number, [`RefusalKind`] |
//! | 2 | length of the text |
//! | n | the reason as text, UTF-8 |
//!
//! The feeder sends blocks, best from the greeting's height on and in order:
//!
//! | bytes | what |
//! |---|---|
//! | 1 to 5 | length of the block, a protobuf varint, at most [`crate::limits::BLOCK_BYTES_MAX`] |
//! | n | a `common.Block` whose header is its first field, as every encoder writes it |
//!
//! A feeder stays until it has heard that its last block is durable. It may shut down its sending half
//! before.
//!
//! # Order, doubles, push-back
//!
//! Blocks may come out of order and more than once. Of each number the desk keeps what differs, and
//! hands one after another to the pipeline until one is committed: a forged block costs its feeder the
//! connection and nothing else. A block that is committed already is dropped and acknowledged.
//!
//! A feeder is not read from (it is *parked*) while its blocks that wait for their turn have
//! [`crate::limits::INGEST_FEEDER_BYTES_MAX`] bytes or its next block is too far ahead. Budgets are per
//! feeder, and the next needed number is taken beyond them. So a feeder that sends in order never
//! deadlocks: were it parked at a number above the next one, then it has sent the next one before, or
//! does not have it, and the feeder that has it is not parked at a later block. A feeder that sends out
//! of order by more than its budget may hold the next block where it is not read: it is cut off once
//! everybody has waited [`crate::limits::INGEST_ORDER_WAIT`] for that block.

mod address;
mod client;
mod desk;
mod door;
mod feeder;
mod hub;
mod intake;
mod listen;
mod protocol;
mod reactor;
mod refusal;
mod window;

pub use address::{AddressError, IngestAddress};
pub use client::{FeedConnection, FeedError, Feeding};
pub use desk::{Desk, FeederId, IngestTally};
pub use hub::{Hub, IngestSource};
pub use listen::{ListenError, Listeners};
pub use protocol::{Greeting, ServerFrame};
pub use reactor::Reactor;
pub use refusal::{IngestRefusal, RefusalKind};

#[cfg(test)]
mod tests;
