//! Gossip: how the peers of a channel keep each other current without loading the orderers.
//!
//! [`core`] decides; it knows no sockets, threads or clocks. What it is to be driven with stands there.
//! [`net`] brings its messages over QUIC. [`service`] is both at work in a peer.

pub mod core;
pub mod net;
pub mod service;
