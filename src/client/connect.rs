//! The connection to a peer or an orderer.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

use crate::crypto::sha256;
use crate::x509::pem;

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

/// Whom to connect to, and how.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `HOST:PORT`.
    pub address: String,
    /// With TLS, or without.
    pub tls: Option<TlsFiles>,
    /// How long the connection may take.
    pub timeout: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A file cannot be read.
    #[error("{}: cannot be read", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Not an address.
    #[error("'{address}' is no address: expected HOST:PORT")]
    Address {
        /// What was given.
        address: String,
    },
    /// Nobody is there, or not with this TLS.
    #[error("no connection to {address}")]
    Connect {
        /// Where to.
        address: String,
        /// What went wrong.
        #[source]
        source: tonic::transport::Error,
    },
}

impl Endpoint {
    /// Connects.
    ///
    /// # Errors
    /// There is no connection.
    pub async fn connect(&self) -> Result<Channel, ConnectError> {
        let address = &self.address;
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let endpoint = Channel::from_shared(format!("{scheme}://{address}"));
        let no_address = || ConnectError::Address {
            address: address.clone(),
        };
        let mut endpoint = endpoint
            .map_err(|_| no_address())?
            .connect_timeout(self.timeout);
        let failed = |source| ConnectError::Connect {
            address: address.clone(),
            source,
        };
        if let Some(tls) = &self.tls {
            endpoint = endpoint.tls_config(tls.config()?).map_err(failed)?;
        }
        endpoint.connect().await.map_err(failed)
    }

    /// The hash of the client's TLS certificate, if it shows one.
    ///
    /// # Errors
    /// The certificate cannot be read.
    pub fn tls_cert_hash(&self) -> Result<Option<[u8; 32]>, ConnectError> {
        let client = self.tls.as_ref().and_then(|tls| tls.client.as_ref());
        let certificate = client
            .map(|(certificate, _)| read(certificate))
            .transpose()?;
        let block = certificate.and_then(|pem| pem::first_block(&pem).map(|block| block.bytes));
        Ok(block.map(|der| sha256(&der).0))
    }
}

impl TlsFiles {
    fn config(&self) -> Result<ClientTlsConfig, ConnectError> {
        let root = Certificate::from_pem(read(&self.root)?);
        let mut config = ClientTlsConfig::new().ca_certificate(root);
        if let Some((certificate, key)) = &self.client {
            config = config.identity(Identity::from_pem(read(certificate)?, read(key)?));
        }
        if let Some(name) = &self.server_name {
            config = config.domain_name(name);
        }
        Ok(config)
    }
}

fn read(path: &PathBuf) -> Result<Vec<u8>, ConnectError> {
    fs::read(path).map_err(|source| ConnectError::File {
        path: path.clone(),
        source,
    })
}
