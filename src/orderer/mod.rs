//! The orderer client: where a channel's blocks come from.

pub mod core;
