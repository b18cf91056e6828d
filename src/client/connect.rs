//! The connection to a peer or an orderer.

use std::io;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use tonic::transport::Channel;

use crate::sys::clock::Clock;
use crate::tls::{
    ClientTls, Connector, KeyPair, TlsError, causes, endpoint, read_authorities,
    refused_certificate,
};
use crate::types::Digest;
use crate::x509::CertPool;

/// The files for TLS.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// Who may have issued the server's certificate, in PEM.
    pub root: PathBuf,
    /// The client's certificate and key in PEM, where the server wants one.
    pub client: Option<(PathBuf, PathBuf)>,
    /// The name that the server's certificate is for, where it is not the address's.
    pub server_name: Option<String>,
}

/// A connection, with TLS or without.
pub trait Stream: io::Read + io::Write {}

impl<S: io::Read + io::Write> Stream for S {}

/// Whom to connect to, and how.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `HOST:PORT`.
    pub address: String,
    /// With TLS, or without.
    pub tls: Option<TlsFiles>,
    /// How long the connection may take.
    pub timeout: Duration,
    /// By which certificates are judged.
    pub clock: Arc<dyn Clock>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The files for TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Not an address.
    #[error("'{address}' is no address: expected HOST:PORT")]
    Address {
        /// What was given.
        address: String,
    },
    /// Nobody is there, or not with this TLS.
    #[error("no connection to {address}: {why}")]
    Connect {
        /// Where to.
        address: String,
        /// What went wrong.
        why: String,
    },
    /// The server's certificate is not believed.
    #[error(
        "no connection to {address}: its TLS certificate is refused: {why} (believed is who the TLS \
         authorities of {} vouch for)",
        root.display()
    )]
    Refused {
        /// Where to.
        address: String,
        /// What is wrong with the certificate.
        why: String,
        /// The file with the authorities.
        root: PathBuf,
    },
}

impl Endpoint {
    /// Connects.
    ///
    /// # Errors
    /// There is no connection.
    pub async fn connect(&self) -> Result<Channel, ConnectError> {
        let address = &self.address;
        let endpoint = endpoint(address, self.tls.is_some());
        let endpoint = endpoint.map_err(|_| ConnectError::Address {
            address: address.clone(),
        })?;
        let endpoint = endpoint.connect_timeout(self.timeout);
        let Some(files) = &self.tls else {
            let connected = endpoint.connect().await;
            return connected.map_err(|error| self.failed(&error));
        };
        let config = self.tls_config(files)?;
        let connected = endpoint.connect_with_connector(Connector::new(config));
        let connected = connected.await;
        connected.map_err(|error| match refused_certificate(&error) {
            None => self.failed(&error),
            Some(why) => ConnectError::Refused {
                address: address.clone(),
                why,
                root: files.root.clone(),
            },
        })
    }

    /// The hash of the client's TLS certificate, if it shows one.
    ///
    /// # Errors
    /// The certificate cannot be read.
    pub fn tls_cert_hash(&self) -> Result<Option<Digest>, ConnectError> {
        let client = self.tls.as_ref().map(|files| self.client(files));
        Ok(client.transpose()?.and_then(|tls| tls.certificate_hash()))
    }

    /// How to speak gRPC over TLS with these files.
    fn tls_config(&self, files: &TlsFiles) -> Result<Arc<ClientConfig>, TlsError> {
        let mut authorities = CertPool::new();
        authorities.extend(read_authorities(std::slice::from_ref(&files.root))?);
        self.client(files)?.config(authorities)
    }

    /// A connection for HTTP 1.1, as an operations service speaks it, for callers that wait. Each read and
    /// write may take as long as the connection.
    ///
    /// # Errors
    /// There is no connection. That a server's certificate is refused shows with the first use.
    pub fn open(&self) -> Result<Box<dyn Stream>, ConnectError> {
        let failed = |error: io::Error| ConnectError::Connect {
            address: self.address.clone(),
            why: error.to_string(),
        };
        let no_address = || ConnectError::Address {
            address: self.address.clone(),
        };
        let (host, _) = self.address.rsplit_once(':').ok_or_else(no_address)?;
        let mut addresses = self.address.to_socket_addrs().map_err(failed)?;
        let to = addresses.next().ok_or_else(no_address)?;
        let stream = TcpStream::connect_timeout(&to, self.timeout).map_err(failed)?;
        stream
            .set_read_timeout(Some(self.timeout))
            .map_err(failed)?;
        stream
            .set_write_timeout(Some(self.timeout))
            .map_err(failed)?;
        let Some(files) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let mut config = ClientConfig::clone(&*self.tls_config(files)?);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name).map_err(|_| no_address())?;
        let connection = ClientConnection::new(Arc::new(config), name).map_err(TlsError::from)?;
        Ok(Box::new(StreamOwned::new(connection, stream)))
    }

    fn client(&self, files: &TlsFiles) -> Result<ClientTls, TlsError> {
        let pair = files.client.clone();
        let pair = pair.map(|(certificate, key)| KeyPair::load(certificate, key).map(Arc::new));
        let clock = Arc::clone(&self.clock);
        Ok(ClientTls::with(
            pair.transpose()?,
            files.server_name.clone(),
            clock,
        ))
    }

    fn failed(&self, error: &tonic::transport::Error) -> ConnectError {
        ConnectError::Connect {
            address: self.address.clone(),
            why: causes(error),
        }
    }
}
