//! Key pairs from seeds.

use std::sync::Arc;

use ed25519_dalek::Signer as _;

use super::der::{bit_string, oid, pem, sequence};
use super::seed::Seed;
use super::signer::{Ed25519Signer, FastSigner, Rfc6979Signer, Signer};
use crate::crypto::{PrivateKey, SignatureHash};

const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Which kind of key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256, what Fabric networks have nearly everywhere.
    #[default]
    P256,
    /// Ed25519: only on channels with capability V3_0.
    Ed25519,
}

/// A private key.
#[derive(Debug, Clone)]
pub enum Key {
    /// ECDSA on P-256.
    P256(p256::ecdsa::SigningKey),
    /// Ed25519.
    Ed25519(ed25519_dalek::SigningKey),
}

impl Key {
    /// The key of a seed.
    #[must_use]
    pub fn derive(kind: KeyKind, seed: &Seed) -> Self {
        match kind {
            KeyKind::Ed25519 => Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(seed.bytes())),
            KeyKind::P256 => {
                let mut seed = *seed;
                // One seed in 2^32 is no scalar.
                loop {
                    if let Ok(key) = p256::ecdsa::SigningKey::from_slice(seed.bytes()) {
                        return Self::P256(key);
                    }
                    seed = seed.child("again");
                }
            }
        }
    }

    /// The public key as a certificate has it: `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn public_key_info(&self) -> Vec<u8> {
        sequence(&[self.algorithm(), bit_string(&self.public_bytes(), 0)])
    }

    /// The private key as an MSP folder's keystore has it: PKCS #8 in PEM.
    #[must_use]
    pub fn private_pem(&self) -> Vec<u8> {
        pem("PRIVATE KEY", &self.private().to_pkcs8_der())
    }

    /// The key as a peer's signing identity has it.
    #[must_use]
    pub fn private(&self) -> PrivateKey {
        match self {
            Self::P256(key) => PrivateKey::p256_from(key.to_bytes().into()),
            Self::Ed25519(key) => PrivateKey::ed25519_from(&key.to_bytes()),
        }
    }

    fn algorithm(&self) -> Vec<u8> {
        match self {
            Self::P256(_) => sequence(&[oid(EC_PUBLIC_KEY), oid(PRIME256V1)]),
            Self::Ed25519(_) => sequence(&[oid(ED25519)]),
        }
    }

    /// The uncompressed point, or the 32 bytes of an Ed25519 key.
    #[must_use]
    pub fn public_bytes(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::Ed25519(key) => key.verifying_key().to_bytes().to_vec(),
        }
    }

    /// The algorithm with which this key signs certificates.
    pub(super) fn signature_algorithm(&self) -> Vec<u8> {
        match self {
            Self::P256(_) => sequence(&[oid(ECDSA_WITH_SHA256)]),
            Self::Ed25519(_) => sequence(&[oid(ED25519)]),
        }
    }

    /// Signs a certificate or revocation list; low-S.
    pub(super) fn sign_certificate(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) => {
                Rfc6979Signer::new(key.clone(), SignatureHash::Sha256).sign(&[message])
            }
            Self::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
        }
    }

    /// The fastest signer of this key.
    #[must_use]
    pub fn signer(&self, hash: SignatureHash) -> Arc<dyn Signer> {
        match self {
            Self::P256(key) => Arc::new(FastSigner::new(key, hash)),
            Self::Ed25519(key) => Arc::new(Ed25519Signer::new(key.clone())),
        }
    }
}
