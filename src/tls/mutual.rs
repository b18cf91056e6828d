//! TLS between peers: both sides show a certificate, always.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};

use super::error::TlsError;
use super::key_pair::KeyPair;
use super::verify::PeerVerifier;
use super::{Time, provider};
use crate::sys::clock::Clock;
use crate::x509::{CertPool, Certificate};

/// A peer among peers. It shows one certificate, whichever side began the connection, and believes what
/// leads to its authorities, whatever name stands in it: who the other side is, it says inside.
///
/// TLS 1.3 only, without resumption, so without early data.
// Fabric: gossip/comm/crypto.go and comm_impl.go, where the certificate is not looked at: the handshake of
// gossip alone decides. Here a stranger does not come that far.
#[derive(Debug)]
pub struct MutualTls {
    key_pair: Arc<KeyPair>,
    verifier: Arc<PeerVerifier>,
    time: Arc<Time>,
    protocol: &'static [u8],
}

impl MutualTls {
    /// Shows this certificate, speaks this protocol (ALPN), and believes nobody yet.
    #[must_use]
    pub fn new(key_pair: Arc<KeyPair>, protocol: &'static [u8], clock: Arc<dyn Clock>) -> Self {
        Self {
            key_pair,
            verifier: Arc::new(PeerVerifier {
                authorities: ArcSwap::default(),
                algorithms: super::verify::algorithms(&provider()),
            }),
            time: Arc::new(Time(clock)),
            protocol,
        }
    }

    /// The certificate with its key.
    #[must_use]
    pub fn key_pair(&self) -> &Arc<KeyPair> {
        &self.key_pair
    }

    /// Whom to believe from now on. Connections that stand go on.
    pub fn set_authorities(&self, authorities: impl IntoIterator<Item = Certificate>) {
        let pool: CertPool = authorities.into_iter().collect();
        self.verifier.authorities.store(Arc::new(pool));
    }

    /// The side that is connected to. Stays good when authorities change.
    ///
    /// # Errors
    /// None that depends on the arguments.
    pub fn server(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let time = Arc::clone(&self.time);
        let mut config = ServerConfig::builder_with_details(provider(), time)
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(Arc::clone(&self.verifier) as _)
            .with_cert_resolver(Arc::clone(&self.key_pair) as _);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        config.alpn_protocols = vec![self.protocol.to_vec()];
        Ok(Arc::new(config))
    }

    /// The side that connects. Stays good when authorities change.
    ///
    /// # Errors
    /// None that depends on the arguments.
    pub fn client(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let time = Arc::clone(&self.time);
        let mut config = ClientConfig::builder_with_details(provider(), time)
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&self.verifier) as _)
            .with_client_cert_resolver(Arc::clone(&self.key_pair) as _);
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        config.alpn_protocols = vec![self.protocol.to_vec()];
        Ok(Arc::new(config))
    }
}

/// The other side's own certificate, of those that it showed.
#[must_use]
pub fn leaf_hash(shown: &[CertificateDer<'_>]) -> Option<crate::types::Digest> {
    shown.first().map(|leaf| super::tls_cert_hash(leaf))
}
