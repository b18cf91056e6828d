//! A certificate with its key, from two files that may change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::authorities::{CERTIFICATE, read};
use super::error::TlsError;
use super::{provider, tls_cert_hash};
use crate::crypto::sha256_parts;
use crate::types::Digest;
use crate::x509::pem::PemBlock;
use crate::x509::{Certificate, pem};

/// A certificate chain and its private key, as two PEM files hold them.
///
/// Shown in every handshake that begins after they were read. Shared: one [`KeyPair::reload`] is seen
/// by all who hold it.
#[derive(Debug)]
pub struct KeyPair {
    cert_file: PathBuf,
    key_file: PathBuf,
    current: ArcSwap<Current>,
}

#[derive(Debug)]
struct Current {
    certified: Arc<CertifiedKey>,
    leaf: Certificate,
    /// Of both files.
    fingerprint: Digest,
}

impl KeyPair {
    /// Reads certificate chain and key.
    ///
    /// # Errors
    /// Where a file cannot be read, does not parse, or the two do not belong together.
    // Fabric: Go's tls.X509KeyPair. An expired certificate is taken.
    pub fn load(cert_file: PathBuf, key_file: PathBuf) -> Result<Self, TlsError> {
        let files = Files::read(&cert_file, &key_file)?;
        let current = ArcSwap::from_pointee(files.parse(&cert_file, &key_file)?);
        Ok(Self {
            cert_file,
            key_file,
            current,
        })
    }

    /// Reads both files again and uses them from now on, where they have changed and are good. Says
    /// whether they have changed.
    ///
    /// # Errors
    /// As [`KeyPair::load`]; the pair stays what it was.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let files = Files::read(&self.cert_file, &self.key_file)?;
        if files.fingerprint() == self.current.load().fingerprint {
            return Ok(false);
        }
        let fresh = files.parse(&self.cert_file, &self.key_file)?;
        self.current.store(Arc::new(fresh));
        Ok(true)
    }

    /// The certificate, without the rest of its chain.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        self.current.load().leaf.clone()
    }

    /// [`tls_cert_hash`] of the certificate.
    #[must_use]
    pub fn certificate_hash(&self) -> Digest {
        tls_cert_hash(self.current.load().leaf.raw())
    }

    fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.load().certified)
    }
}

impl ResolvesServerCert for KeyPair {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.certified())
    }
}

impl ResolvesClientCert for KeyPair {
    /// The pair, whatever authorities the server names: it decides.
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.certified())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The two files' bytes.
struct Files {
    certs: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    fn read(cert_file: &Path, key_file: &Path) -> Result<Self, TlsError> {
        Ok(Self {
            certs: read(cert_file)?,
            key: read(key_file)?,
        })
    }

    fn fingerprint(&self) -> Digest {
        sha256_parts(&[&self.certs, b"\0", &self.key])
    }

    fn parse(&self, cert_file: &Path, key_file: &Path) -> Result<Current, TlsError> {
        let mut chain = Vec::new();
        for block in pem::blocks(&self.certs).filter(|block| block.label == CERTIFICATE) {
            let certificate = Certificate::parse(&block.bytes);
            chain.push(certificate.map_err(|source| TlsError::Certificate {
                path: cert_file.to_owned(),
                position: chain.len() + 1,
                source,
            })?);
        }
        let Some(leaf) = chain.first().cloned() else {
            return Err(TlsError::NoCertificate {
                path: cert_file.to_owned(),
            });
        };
        let key = pem::blocks(&self.key).find_map(private_key);
        let key = key.ok_or_else(|| TlsError::NoKey {
            path: key_file.to_owned(),
        })?;
        let key = provider()
            .key_provider
            .load_private_key(key)
            .map_err(|source| TlsError::Key {
                path: key_file.to_owned(),
                source,
            })?;
        let belongs = key
            .public_key()
            .is_none_or(|info| info.as_ref() == leaf.raw_public_key_info());
        if !belongs {
            return Err(TlsError::KeyMismatch {
                cert_file: cert_file.to_owned(),
                key_file: key_file.to_owned(),
            });
        }
        let der = |certificate: &Certificate| CertificateDer::from(certificate.raw().to_vec());
        Ok(Current {
            certified: Arc::new(CertifiedKey::new(chain.iter().map(der).collect(), key)),
            leaf,
            fingerprint: self.fingerprint(),
        })
    }
}

fn private_key(block: PemBlock<'_>) -> Option<PrivateKeyDer<'static>> {
    match block.label {
        b"PRIVATE KEY" => Some(PrivatePkcs8KeyDer::from(block.bytes).into()),
        b"EC PRIVATE KEY" => Some(PrivateSec1KeyDer::from(block.bytes).into()),
        b"RSA PRIVATE KEY" => Some(PrivatePkcs1KeyDer::from(block.bytes).into()),
        _ => None,
    }
}
