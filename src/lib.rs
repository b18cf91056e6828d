//! heddle: a peer for Hyperledger Fabric networks.

pub mod limits;

pub mod crypto;
pub mod metrics;
pub mod proto;
pub mod queue;
pub mod rwset;
pub mod sys;
pub mod types;
pub mod x509;

pub mod channel;
pub mod msp;
pub mod policy;

pub mod ledger;
pub mod lifecycle;

pub mod cli;
pub mod commit;
pub mod decode;
pub mod endorsement;
pub mod ingress;
pub mod mvcc;
pub mod notify;
pub mod pipeline;
pub mod stage;
pub mod verify;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
