//! What tests, benches and tools need to play a channel without a disk. Not part of a peer.

pub mod memory;
pub mod sequential;
