//! The peer as a TLS client of orderers and peers.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;

use super::error::TlsError;
use super::key_pair::KeyPair;
use super::verify::{ServerVerifier, algorithms};
use super::{Reloaded, Time, provider};
use crate::config::PeerTls;
use crate::sys::clock::Clock;
use crate::types::Digest;
use crate::x509::CertPool;

/// What the peer shows to servers, and how it judges them.
#[derive(Debug)]
pub struct ClientTls {
    key_pair: Option<Arc<KeyPair>>,
    host_override: Option<String>,
    time: Arc<Time>,
}

impl ClientTls {
    /// The peer as a client. It has a certificate where the peer's own server asks for one, or where one
    /// is configured: `clientCert` and `clientKey`, else those of the server.
    ///
    /// # Errors
    /// Where a file cannot be used, or one of the two is configured without the other.
    // Fabric: core/deliverservice/config.go, which has a certificate only with clientAuthRequired.
    pub fn new(tls: &PeerTls, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        let files = match (&tls.client_cert_file, &tls.client_key_file) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) if tls.server.client_auth_required => {
                Some((&tls.server.cert_file, &tls.server.key_file))
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(TlsError::HalfClientKeyPair),
        };
        let load = |(cert, key): (&std::path::PathBuf, &std::path::PathBuf)| {
            KeyPair::load(cert.clone(), key.clone()).map(Arc::new)
        };
        let key_pair = files.map(load).transpose()?;
        Ok(Self::with(
            key_pair,
            tls.server_host_override.clone(),
            clock,
        ))
    }

    /// A client that shows this certificate, if any, and to which servers show certificates for
    /// `host_override`, if any, in place of the name that it connects to.
    #[must_use]
    pub fn with(
        key_pair: Option<Arc<KeyPair>>,
        host_override: Option<String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            key_pair,
            host_override,
            time: Arc::new(Time(clock)),
        }
    }

    /// How to connect to servers of these authorities: an organization's, or those of an address
    /// override. Cheap enough to be made for each connection.
    ///
    /// # Errors
    /// None that depends on the arguments.
    pub fn config(&self, authorities: CertPool) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = provider();
        let verifier = ServerVerifier {
            authorities,
            host_override: self.host_override.clone(),
            algorithms: algorithms(&provider),
        };
        let time = Arc::clone(&self.time);
        let builder = ClientConfig::builder_with_details(provider, time)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.key_pair {
            Some(key_pair) => builder.with_client_cert_resolver(Arc::clone(key_pair) as _),
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }

    /// The client certificate with its key, where there is one.
    #[must_use]
    pub fn key_pair(&self) -> Option<&Arc<KeyPair>> {
        self.key_pair.as_ref()
    }

    /// What a signed request says in `tls_cert_hash`, where the client shows a certificate.
    #[must_use]
    pub fn certificate_hash(&self) -> Option<Digest> {
        self.key_pair().map(|pair| pair.certificate_hash())
    }

    /// Reads certificate and key again; new connections use them.
    pub fn reload(&self) -> Reloaded {
        match self.key_pair().map(|pair| pair.reload()) {
            None => Reloaded::default(),
            Some(Ok(changed)) => Reloaded {
                changed,
                errors: Vec::new(),
            },
            Some(Err(error)) => Reloaded {
                changed: false,
                errors: vec![error],
            },
        }
    }
}
