//! heddle: a peer for Hyperledger Fabric networks.
//!
//! ```text
//!  source -> ingress -> decode -> verify -> endorsement -> mvcc -> commit -> notify
//! ```
//!
//! Blocks in Fabric's format go in; validation codes, commit hashes and world state come out, exactly
//! those of a Fabric v3 peer, durably. [`manual`] explains how and why; the modules stand in the order
//! of the flow, and none imports from a later one.

pub mod limits;

// Foundation: the outside world, and the words.
pub mod sys;

pub mod queue;

pub mod metrics;

pub mod types;

pub mod proto;

pub mod crypto;

pub mod x509;

pub mod rwset;

// Trust: who may do what.
pub mod config;

pub mod tls;

pub mod msp;

pub mod policy;

pub mod channel;

// Storage: what a channel knows.
pub mod ledger;

pub mod lifecycle;

// What is asked of others over the network.
pub mod client;

// The stages, and their wiring.
pub mod stage;

pub mod ingress;

pub mod decode;

pub mod verify;

pub mod endorsement;

pub mod mvcc;

pub mod commit;

pub mod notify;

pub mod pipeline;

pub mod orderer;

// Services: what others ask of the peer, and it of them.
pub mod host;

pub mod deliver;

pub mod endorser;

pub mod peer;

pub mod ops;

pub mod gossip;

pub mod node;

// Why a verdict is what it is.
pub mod explain;

// What tests, benches and the demo make their channels with.
#[cfg(any(test, feature = "testing"))]
pub mod testing;

// The shell.
pub mod cli;

pub mod manual;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;
