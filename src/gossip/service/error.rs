//! Why gossip does not begin.

use std::io;

use crate::gossip::core::NoIdentity;
use crate::gossip::net::NetError;

/// Why gossip does not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GossipError {
    /// No randomness.
    #[error("the system gives no random bytes")]
    Random(#[from] io::Error),
    /// The peer's identity.
    #[error(transparent)]
    Identity(#[from] NoIdentity),
    /// The network.
    #[error(transparent)]
    Net(#[from] NetError),
}
