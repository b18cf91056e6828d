//! What tests, benches and tools need to make and play a channel without a disk. Not part of a peer.

pub mod gossip;
pub mod kit;
pub mod memory;
pub mod play;
pub mod sequential;
pub mod workload;

#[cfg(test)]
mod tests;
