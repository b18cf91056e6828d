//! Gossip: how the peers of a channel keep each other current without loading the orderers.
//!
//! [`core`] decides; it knows no sockets, threads or clocks. What it is to be driven with stands there.

pub mod core;
