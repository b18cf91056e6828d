//! heddle: a peer for Hyperledger Fabric networks.

pub mod limits;

pub mod sys;
pub mod queue;
pub mod metrics;
pub mod types;
pub mod proto;
pub mod crypto;
pub mod x509;
pub mod rwset;

pub mod msp;
pub mod policy;
pub mod channel;

pub mod ledger;
pub mod lifecycle;

pub mod stage;
pub mod ingress;
pub mod decode;
pub mod verify;
pub mod endorsement;
pub mod mvcc;
pub mod commit;
pub mod notify;
pub mod pipeline;
pub mod cli;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;
