//! Whether the counterpart of a handshake is believed.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};

use super::error::PeerCertificateError;
use crate::x509::{CertPool, Certificate, Purpose, chains_for};

/// Believes servers whose certificate leads to an authority and is for the host.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    pub(super) authorities: CertPool,
    /// The name that is looked for in place of the host that is connected to.
    pub(super) host_override: Option<String>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

/// Believes clients as the peer's settings say.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    /// Whether clients have to have a certificate that leads to an authority.
    pub(super) required: bool,
    pub(super) authorities: ArcSwap<CertPool>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

/// Believes peers whose certificate leads to an authority, whatever its name.
#[derive(Debug)]
pub(super) struct PeerVerifier {
    pub(super) authorities: ArcSwap<CertPool>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl PeerVerifier {
    /// Whether this is the certificate of a server, which a peer shows as a client too: clients of
    /// applications have the same authorities, and other certificates.
    pub(super) fn check(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let chain = Shown::parse(leaf, intermediates).map_err(refusal)?;
        let authorities = self.authorities.load();
        chain
            .leads_to(&authorities, Purpose::Server, now)
            .map_err(refusal)
    }
}

/// The methods of both verifiers' traits that look at handshakes' signatures, with `self.algorithms`.
macro_rules! handshake_signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, certificate, signature, &self.algorithms)
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
    };
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let connected_to = server_name.to_str();
        let host = self.host_override.as_deref().unwrap_or(&connected_to);
        let chain = Shown::parse(leaf, intermediates).map_err(refusal)?;
        chain
            .leads_to(&self.authorities, Purpose::Server, now)
            .and_then(|()| chain.is_for(host))
            .map_err(refusal)?;
        Ok(ServerCertVerified::assertion())
    }

    handshake_signatures!();
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    /// None: authorities change while the server runs, and every client has one certificate.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain = Shown::parse(leaf, intermediates).map_err(refusal)?;
        if self.required {
            let authorities = self.authorities.load();
            chain
                .leads_to(&authorities, Purpose::Client, now)
                .map_err(refusal)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    handshake_signatures!();
}

pub(super) fn algorithms(provider: &CryptoProvider) -> WebPkiSupportedAlgorithms {
    provider.signature_verification_algorithms
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

    handshake_signatures!();
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

    handshake_signatures!();
}

/// With the key only, so that the certificate is parsed by our rules and no others. TLS 1.2 has no such
/// function.
fn verify_tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let leaf = Shown::parse(certificate, &[]).map_err(refusal)?.leaf;
    let key = SubjectPublicKeyInfoDer::from(leaf.raw_public_key_info());
    verify_tls13_signature_with_raw_key(message, &key, signature, algorithms)
}

fn refusal(error: PeerCertificateError) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(error))))
}

/// The certificates that a counterpart shows.
struct Shown {
    leaf: Certificate,
    intermediates: CertPool,
}

impl Shown {
    fn parse(
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<Self, PeerCertificateError> {
        let parse = |position: usize, der: &CertificateDer<'_>| {
            Certificate::parse(der)
                .map_err(|source| PeerCertificateError::Malformed { position, source })
        };
        let mut pool = CertPool::new();
        for (index, der) in intermediates.iter().enumerate() {
            pool.add(parse(index + 2, der)?);
        }
        Ok(Self {
            leaf: parse(1, leaf)?,
            intermediates: pool,
        })
    }

    fn leads_to(
        &self,
        authorities: &CertPool,
        purpose: Purpose,
        now: UnixTime,
    ) -> Result<(), PeerCertificateError> {
        let at = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let subject = || self.leaf.common_name().to_owned();
        let chains = chains_for(purpose, &self.leaf, authorities, &self.intermediates, at);
        if !chains.is_empty() {
            Ok(())
        } else if at > self.leaf.not_after() {
            Err(PeerCertificateError::Expired {
                subject: subject(),
                not_after: self.leaf.not_after(),
            })
        } else if at < self.leaf.not_before() {
            Err(PeerCertificateError::NotYetValid {
                subject: subject(),
                not_before: self.leaf.not_before(),
            })
        } else {
            Err(PeerCertificateError::Untrusted {
                subject: subject(),
                authorities: authorities.len(),
                purpose: match purpose {
                    Purpose::Server => "TLS servers",
                    Purpose::Client => "TLS clients",
                },
            })
        }
    }

    fn is_for(&self, host: &str) -> Result<(), PeerCertificateError> {
        if self.leaf.is_for_host(host) {
            Ok(())
        } else {
            Err(PeerCertificateError::WrongHost {
                subject: self.leaf.common_name().to_owned(),
                host: host.to_owned(),
            })
        }
    }
}
