//! heddle: a peer for Hyperledger Fabric networks.

pub mod limits;

pub mod crypto;
pub mod metrics;
pub mod proto;
pub mod queue;
pub mod sys;
pub mod types;

pub mod channel;
pub mod msp;
pub mod policy;

pub mod ledger;
pub mod lifecycle;

pub mod commit;
pub mod decode;
pub mod endorsement;
pub mod ingress;
pub mod mvcc;
pub mod notify;
pub mod pipeline;
pub mod verify;

pub mod cli;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;
