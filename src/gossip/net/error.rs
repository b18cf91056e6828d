//! Why there is no network, or no connection.

use std::io;

use crate::tls::TlsError;

/// Why gossip has no network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// The socket.
    #[error("the UDP socket cannot be used")]
    Socket(#[from] io::Error),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A bug: the provider is ours.
    #[error("the TLS provider has no cipher suite for QUIC")]
    Suite,
}

/// Why a connection came to nothing: for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("no answer in time")]
    Timeout,
    #[error("the name has no address")]
    NoAddress,
    #[error("the name is not found ({0})")]
    Name(#[source] io::Error),
    #[error(transparent)]
    Connect(#[from] quinn::ConnectError),
    #[error(transparent)]
    Lost(#[from] quinn::ConnectionError),
    #[error("no certificate was shown")]
    NoCertificate,
}
