//! The orderer client: where a channel's blocks come from.
//!
//! ```text
//!  orderer --Deliver--> stream (task) --+
//!  orderer --headers--> stream (task) --+--> buffer --> OrdererSource --> pipeline
//!                            ^                           |  core: whom to ask
//!                            +------ open, close --------+  door: is it the next block?
//! ```
//!
//! [`core`] decides; it knows no sockets, threads or clocks. [`OrdererSource`] runs it on the thread that
//! asks for the next block. Streams are tasks of a runtime that all channels share; they know nothing of
//! blocks but their bytes.
//!
//! What is trusted: the channel's configuration, for TLS authorities and for who signs blocks. A source
//! that sends anything that does not follow from it is dropped and named in the log and in
//! [`OrdererStatus`].

mod answer;
mod buffer;
pub mod core;
mod door;
mod endpoints;
mod messages;
mod options;
mod source;
mod status;
mod stream;

#[cfg(test)]
mod tests;

pub use door::Door;
pub use endpoints::{AddressOverride, endpoints, is_bft};
pub use options::OrdererOptions;
pub use source::OrdererSource;
pub use status::{OrdererReading, OrdererStatus};
