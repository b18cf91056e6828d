//! Private keys: what a node or an administrator signs with.
//!
//! Signatures are deterministic (RFC 6979 for ECDSA, Ed25519 by itself) and low-S, as Fabric wants them.
//! Keys are read from and written to PKCS#8, as Fabric's key stores hold them.
//!
//! Knows nothing of certificates, and prints no key.

use std::fmt;

use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, PrivateKeyInfoRef};

use super::error::PrivateKeyError;
use super::{Curve, EcdsaKey, Ed25519Key, KeyError, PublicKey};
use super::{encode_ecdsa_signature, sha256, sha256_parts};

/// Object identifier of Ed25519 keys.
const ED25519: &str = "1.3.101.112";

/// Before the 32 bytes of an Ed25519 key in PKCS#8: version 0, the algorithm, two octet strings.
const ED25519_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A private key of a kind that Fabric's identities have.
#[derive(Clone)]
pub struct PrivateKey(Kind);

#[derive(Clone)]
enum Kind {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

impl PrivateKey {
    /// The ECDSA key on P-256 of these bytes. One in 2^32 texts of 32 bytes is no scalar: then it is that
    /// of their hash.
    #[must_use]
    pub fn p256_from(bytes: [u8; 32]) -> Self {
        let mut bytes = bytes;
        loop {
            if let Ok(key) = p256::ecdsa::SigningKey::from_slice(&bytes) {
                return Self(Kind::P256(key));
            }
            bytes = sha256(&bytes).0;
        }
    }

    /// The Ed25519 key of these bytes.
    #[must_use]
    pub fn ed25519_from(bytes: &[u8; 32]) -> Self {
        Self(Kind::Ed25519(Box::new(
            ed25519_dalek::SigningKey::from_bytes(bytes),
        )))
    }

    /// Reads a key in PKCS#8, or an ECDSA key in SEC 1 form, both in DER.
    ///
    /// # Errors
    /// Where it is neither, or of a kind that no identity of Fabric's has or that nobody signs with here.
    pub fn from_der(der: &[u8]) -> Result<Self, PrivateKeyError> {
        if let Ok(key) = p256::SecretKey::from_pkcs8_der(der) {
            return Ok(Self(Kind::P256(key.into())));
        }
        if let Ok(key) = p384::SecretKey::from_pkcs8_der(der) {
            return Ok(Self(Kind::P384(key.into())));
        }
        if let Ok(info) = PrivateKeyInfoRef::try_from(der) {
            return Self::ed25519_of(&info);
        }
        if let Ok(key) = p256::SecretKey::from_sec1_der(der) {
            return Ok(Self(Kind::P256(key.into())));
        }
        if let Ok(key) = p384::SecretKey::from_sec1_der(der) {
            return Ok(Self(Kind::P384(key.into())));
        }
        Err(PrivateKeyError::Undecodable)
    }

    fn ed25519_of(info: &PrivateKeyInfoRef<'_>) -> Result<Self, PrivateKeyError> {
        let algorithm = info.algorithm.oid.to_string();
        match info.private_key.as_bytes() {
            [0x04, 0x20, key @ ..] if algorithm == ED25519 => key
                .try_into()
                .map(Self::ed25519_from)
                .map_err(|_| PrivateKeyError::Undecodable),
            _ => Err(PrivateKeyError::Algorithm { algorithm }),
        }
    }

    /// The key in PKCS#8, in DER, as Go writes it. Empty where the encoder fails, which it has no reason to.
    #[must_use]
    pub fn to_pkcs8_der(&self) -> Vec<u8> {
        let encoded = match &self.0 {
            Kind::P256(key) => key.to_pkcs8_der(),
            Kind::P384(key) => key.to_pkcs8_der(),
            Kind::Ed25519(key) => return [&ED25519_PREFIX[..], key.as_bytes()].concat(),
        };
        encoded
            .map(|der| der.as_bytes().to_vec())
            .unwrap_or_default()
    }

    /// The uncompressed point, or the 32 bytes of an Ed25519 key.
    #[must_use]
    pub fn public_bytes(&self) -> Vec<u8> {
        match &self.0 {
            Kind::P256(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Kind::P384(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Kind::Ed25519(key) => key.verifying_key().to_bytes().to_vec(),
        }
    }

    /// The public key.
    ///
    /// # Errors
    /// Not for keys that were read or made here.
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        let bytes = self.public_bytes();
        let ecdsa = |curve| EcdsaKey::from_uncompressed_point(curve, &bytes).map(PublicKey::Ecdsa);
        match &self.0 {
            Kind::P256(_) => ecdsa(Curve::P256),
            Kind::P384(_) => ecdsa(Curve::P384),
            Kind::Ed25519(_) => Ed25519Key::from_bytes(&bytes).map(PublicKey::Ed25519),
        }
    }

    /// Signs the concatenation of `message` as Fabric's identities do: ECDSA over its SHA-256 hash,
    /// Ed25519 over itself.
    #[must_use]
    pub fn sign(&self, message: &[&[u8]]) -> Vec<u8> {
        match &self.0 {
            Kind::P256(key) => {
                let signature: Result<p256::ecdsa::Signature, _> =
                    key.sign_prehash(&sha256_parts(message).0);
                signature.map_or_else(
                    |_| Vec::new(),
                    |signature| {
                        let (r, s) = signature.normalize_s().split_bytes();
                        encode_ecdsa_signature(&r, &s)
                    },
                )
            }
            Kind::P384(key) => {
                let signature: Result<p384::ecdsa::Signature, _> =
                    key.sign_prehash(&sha256_parts(message).0);
                signature.map_or_else(
                    |_| Vec::new(),
                    |signature| {
                        let (r, s) = signature.normalize_s().split_bytes();
                        encode_ecdsa_signature(&r, &s)
                    },
                )
            }
            Kind::Ed25519(key) => key.sign(&message.concat()).to_bytes().to_vec(),
        }
    }
}
