//! Why a node does not start.

use std::io;
use std::path::PathBuf;

use crate::gossip::service::GossipError;
use crate::host::LocalAccessError;
use crate::msp::LocalMspError;
use crate::peer::PeerError;
use crate::tls::TlsError;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The organization's definition.
    #[error("peer.mspConfigPath")]
    Msp(#[from] LocalAccessError),
    /// The peer's own identity.
    #[error("peer.mspConfigPath")]
    Identity(#[from] LocalMspError),
    /// A file for TLS.
    #[error("peer.tls")]
    Tls(#[from] TlsError),
    /// Gossip.
    #[error("peer.gossip")]
    Gossip(#[from] GossipError),
    /// A file that the configuration names.
    #[error("{}: cannot be read", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The ledgers' folder.
    #[error("peer.fileSystemPath")]
    Peer(#[from] PeerError),
    /// An address.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which one.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// OpenTelemetry's collector.
    #[error("cannot send spans to {endpoint} (expected http://HOST:PORT): {why}")]
    Collector {
        /// Where it should be.
        endpoint: String,
        /// What is wrong.
        why: String,
    },
    /// No threads for the network.
    #[error("cannot start the network's threads")]
    Runtime(#[source] io::Error),
}
