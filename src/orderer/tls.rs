//! How an orderer's TLS is checked, and how this peer shows who it is.

use std::sync::Arc;

use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::core::Endpoint;
use crate::crypto::sha256;
use crate::types::Digest;
use crate::x509::pem;

/// TLS towards orderers.
#[derive(Debug, Clone, Default)]
pub struct OrdererTls {
    /// Who this peer is, for orderers that ask; none where only the orderer has a certificate.
    pub client: Option<Arc<TlsClient>>,
}

/// This peer's TLS client certificate.
pub struct TlsClient {
    /// The certificate and those up to its authority, PEM.
    pub certificates: Vec<u8>,
    /// Its private key, PEM.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsClient").finish_non_exhaustive()
    }
}

impl OrdererTls {
    /// For a connection with this orderer: nobody's certificate is taken but what the channel's
    /// configuration vouches for.
    pub(super) fn client_config(&self, endpoint: &Endpoint) -> ClientTlsConfig {
        let roots = endpoint.tls_roots.iter().map(Certificate::from_pem);
        let config = ClientTlsConfig::new()
            .ca_certificates(roots)
            .assume_http2(true);
        match &self.client {
            Some(client) => config.identity(Identity::from_pem(&client.certificates, &client.key)),
            None => config,
        }
    }

    /// What binds a request to the connection: SHA-256 of this peer's certificate in DER.
    pub(super) fn cert_hash(&self) -> Option<Digest> {
        let client = self.client.as_ref()?;
        pem::first_block(&client.certificates).map(|block| sha256(&block.bytes))
    }
}
