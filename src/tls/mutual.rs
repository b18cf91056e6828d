//! TLS between peers: both sides show a certificate, always.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};

use super::error::TlsError;
use super::key_pair::KeyPair;
use super::verify::{PeerVerifier, verify_tls13};
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

/// Never asked for: only TLS 1.3 is spoken.
fn no_tls12() -> Error {
    Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(leaf, intermediates, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for PeerVerifier {
    /// None: authorities change while the peer runs, and every peer has one certificate.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(leaf, intermediates, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
