//! The endorser service: `protos.Endorser`.
//!
//! ```text
//!  signed proposal --> proposal: well formed, right ids, good signature?
//!                         |
//!                         v
//!                  cscc | qscc: who may?  --> answer --> response: signed, where it is of a channel
//! ```
//!
//! What a client did wrong before anything ran is a gRPC error, with no response; what a function
//! refuses is a response with status 500. So it is in Fabric, and clients rely on it.
//!
//! Only the peer's own functions run yet: those about channels (`cscc`) and ledgers (`qscc`).
//!
//! Fabric: `core/endorser/endorser.go`.

mod cscc;
mod proposal;
mod qscc;
mod response;
mod service;

pub use cscc::{JoinChannel, JoinError};
pub use proposal::{Proposal, ProposalError};
pub use service::{EndorserLimits, EndorserMetrics, EndorserService};
