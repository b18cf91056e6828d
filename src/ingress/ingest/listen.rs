//! The sockets that a server listens on.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};

use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::address::IngestAddress;

/// Listening does not work.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another server listens there.
    #[error("unix:{path} is in use: another server listens there")]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something else has that name.
    #[error("{path} exists and is no socket; name another path")]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot listen on {address}")]
    Bind {
        /// Where.
        address: IngestAddress,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Open listening sockets. Those in the file system are removed when this is dropped.
#[derive(Debug, Default)]
pub struct Listeners {
    pub(super) open: Vec<Listener>,
    addresses: Vec<IngestAddress>,
}

#[derive(Debug)]
pub(super) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

#[derive(Debug)]
pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Listeners {
    /// Listens on all of `addresses`.
    ///
    /// # Errors
    /// One of them is in use, is no place for a socket, or the system refuses.
    pub fn open(addresses: &[IngestAddress]) -> Result<Self, ListenError> {
        let mut listeners = Self::default();
        for address in addresses {
            let bind = |source| ListenError::Bind {
                address: address.clone(),
                source,
            };
            match address {
                IngestAddress::Unix(path) => {
                    let listener = listen_unix(path, address)?;
                    listeners.open.push(Listener::Unix(listener));
                    listeners.addresses.push(address.clone());
                }
                IngestAddress::Tcp(wanted) => {
                    let listener = TcpListener::bind(*wanted).map_err(bind)?;
                    // Port 0 is any port: say which it is.
                    let local = listener.local_addr().map_err(bind)?;
                    listeners.open.push(Listener::Tcp(listener));
                    listeners.addresses.push(IngestAddress::Tcp(local));
                }
            }
        }
        Ok(listeners)
    }

    /// Where they listen.
    #[must_use]
    pub fn addresses(&self) -> &[IngestAddress] {
        &self.addresses
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        for address in &self.addresses {
            if let IngestAddress::Unix(path) = address {
                // Somebody else may have removed it; a stale one does no harm either.
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

/// Binds a Unix socket. One that nobody listens on any more, as a killed server leaves it, is replaced.
fn listen_unix(path: &Path, address: &IngestAddress) -> Result<UnixListener, ListenError> {
    let bind = |source| ListenError::Bind {
        address: address.clone(),
        source,
    };
    if let Ok(metadata) = std::fs::symlink_metadata(path) {
        if !metadata.file_type().is_socket() {
            return Err(ListenError::NotASocket {
                path: path.to_owned(),
            });
        }
        match StdUnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path).map_err(bind)?;
            }
            Ok(_) | Err(_) => {
                return Err(ListenError::InUse {
                    path: path.to_owned(),
                });
            }
        }
    }
    UnixListener::bind(path).map_err(bind)
}
