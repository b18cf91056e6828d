//! The block and event services: `protos.Deliver`.
//!
//! ```text
//!  envelope --> request: well formed? known channel? who, and may they? from where to where?
//!                  |
//!                  v
//!  stream: wait for the height --> is it still allowed? --> block, filtered block, block with private data
//! ```
//!
//! A stream takes one request after another. Each block is sent only if the channel's configuration of
//! that moment still lets the client have it. A client that does not read holds up nobody but itself.
//!
//! Fabric: `common/deliver/deliver.go`, `core/peer/deliverevents.go`.

mod filtered;
mod request;
mod service;

#[cfg(test)]
mod tests;

pub use filtered::filtered_block;
pub use request::{Behavior, Seek, SeekError, SeekRequest};
pub use service::{DeliverLimits, DeliverMetrics, DeliverService};
