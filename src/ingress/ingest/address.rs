//! Where a server listens: `unix:PATH` or `tcp:HOST:PORT`.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IngestAddress {
    /// A Unix socket.
    Unix(PathBuf),
    /// An IP address and a port.
    Tcp(SocketAddr),
}

/// A text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It begins with neither kind.
    #[error("'{text}' is no address: expected unix:PATH or tcp:HOST:PORT")]
    Kind {
        /// The text.
        text: String,
    },
    /// No host, no port, or a host that does not resolve.
    #[error(
        "'{text}' is no address: expected an IP address or host name and a port, as in tcp:127.0.0.1:7150"
    )]
    Host {
        /// The text.
        text: String,
    },
}

impl IngestAddress {
    /// Whether only this machine can connect.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp(address) => address.ip().is_loopback(),
        }
    }
}

impl FromStr for IngestAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let host_error = || AddressError::Host {
            text: text.to_owned(),
        };
        match text.split_once(':') {
            Some(("unix", path)) if !path.is_empty() => Ok(Self::Unix(PathBuf::from(path))),
            Some(("tcp", host)) => {
                let mut addresses = host.to_socket_addrs().map_err(|_| host_error())?;
                addresses.next().map(Self::Tcp).ok_or_else(host_error)
            }
            _ => Err(AddressError::Kind {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for IngestAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}
