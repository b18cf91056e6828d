//! Public keys, parsed once and kept ready for verification.
//!
//! A key that exists is one that Go would have accepted in a certificate; whether an MSP accepts its
//! kind is not decided here.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ParsedPublicKey,
};

use crate::crypto::p256;
use crate::crypto::table_cache::Slot;
use crate::crypto::{Ed25519Key, KeyError, RsaKey};

/// The four curves of Go's `crypto/elliptic`, all of which Fabric accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Curve {
    /// secp224r1.
    P224,
    /// secp256r1, prime256v1.
    P256,
    /// secp384r1.
    P384,
    /// secp521r1.
    P521,
}

impl Curve {
    /// Bytes of a coordinate, and of a scalar.
    #[must_use]
    pub fn scalar_length(self) -> usize {
        match self {
            Self::P224 => 28,
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The group's order, big-endian, [`Curve::scalar_length`] bytes.
    #[must_use]
    pub fn order(self) -> &'static [u8] {
        match self {
            Self::P224 => &P224_ORDER,
            Self::P256 => &P256_ORDER,
            Self::P384 => &P384_ORDER,
            Self::P521 => &P521_ORDER,
        }
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P224 => "P-224",
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        })
    }
}

/// A public key of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// ECDSA on one of four curves.
    Ecdsa(EcdsaKey),
    /// Ed25519.
    Ed25519(Ed25519Key),
    /// RSA: signs certificates, never transactions.
    Rsa(RsaKey),
}

impl PublicKey {
    /// Go's name of the algorithm: `ECDSA`, `Ed25519` or `RSA`.
    #[must_use]
    pub fn algorithm_name(&self) -> &'static str {
        match self {
            Self::Ecdsa(_) => "ECDSA",
            Self::Ed25519(_) => "Ed25519",
            Self::Rsa(_) => "RSA",
        }
    }

    /// Tells that an MSP accepted an identity with this key, so that it may be worth preparing for many
    /// signatures. Changes no verdict.
    ///
    /// Call it for such keys only: what is prepared takes memory and time, which strangers must not be
    /// able to use up.
    pub fn expect_signatures(&self) {
        match self {
            Self::Ecdsa(key) if key.curve() == Curve::P256 => {
                key.0.table_slot.get_or_init(|| p256::slot(key.point()));
            }
            Self::Ed25519(key) => key.expect_signatures(),
            Self::Ecdsa(_) | Self::Rsa(_) => {}
        }
    }

    /// The same key with a table of so many bytes that it keeps: for tests and benches. `None` for other
    /// kinds of keys, and for sizes that tables do not have.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn with_table(&self, bytes: usize) -> Option<Self> {
        let key = match self {
            Self::Ecdsa(key) => key,
            Self::Ed25519(key) => return key.with_table(bytes).map(Self::Ed25519),
            Self::Rsa(_) => return None,
        };
        let slot = p256::pinned_slot(key.point(), bytes)?;
        let key = EcdsaKey::from_uncompressed_point(key.curve(), key.point()).ok()?;
        key.0.table_slot.set(Some(slot)).ok()?;
        Some(Self::Ecdsa(key))
    }

    /// Where the key's table is, if it is a P-256 key and may have one.
    pub(super) fn p256_slot(&self) -> Option<&Arc<Slot<p256::Table>>> {
        match self {
            Self::Ecdsa(key) => key.0.table_slot.get()?.as_ref(),
            Self::Ed25519(_) | Self::Rsa(_) => None,
        }
    }
}

/// An ECDSA public key. Cheap to clone.
#[derive(Clone)]
pub struct EcdsaKey(Arc<EcdsaKeyInner>);

struct EcdsaKeyInner {
    curve: Curve,
    point: Box<[u8]>,
    engine: EcdsaEngine,
    table_slot: OnceLock<Option<Arc<Slot<p256::Table>>>>,
}

/// Whatever verifies for this curve, prepared.
pub(super) enum EcdsaEngine {
    AwsLc(ParsedPublicKey),
    P224(Box<p224::ecdsa::VerifyingKey>),
}

impl EcdsaKey {
    /// Reads an uncompressed point.
    ///
    /// # Errors
    /// Where the bytes are not 0x04 and two reduced coordinates of a point on `curve`.
    ///
    // Fabric: a certificate's key is read by Go's ecdsa.ParseUncompressedPublicKey; compressed and
    // hybrid forms and the point at infinity are refused.
    pub fn from_uncompressed_point(curve: Curve, bytes: &[u8]) -> Result<Self, KeyError> {
        let refused = KeyError::Point { curve };
        if bytes.first() != Some(&4) || bytes.len() != 1 + 2 * curve.scalar_length() {
            return Err(refused);
        }
        let engine = match curve {
            Curve::P224 => p224::ecdsa::VerifyingKey::from_sec1_bytes(bytes)
                .map(|key| EcdsaEngine::P224(Box::new(key)))
                .map_err(|_| refused)?,
            Curve::P256 => aws_lc(&ECDSA_P256_SHA256_FIXED, bytes).ok_or(refused)?,
            Curve::P384 => aws_lc(&ECDSA_P384_SHA384_FIXED, bytes).ok_or(refused)?,
            Curve::P521 => aws_lc(&ECDSA_P521_SHA512_FIXED, bytes).ok_or(refused)?,
        };
        Ok(Self(Arc::new(EcdsaKeyInner {
            curve,
            point: bytes.into(),
            engine,
            table_slot: OnceLock::new(),
        })))
    }

    /// The curve.
    #[must_use]
    pub fn curve(&self) -> Curve {
        self.0.curve
    }

    /// The point as it was read: 0x04 and two coordinates.
    #[must_use]
    pub fn point(&self) -> &[u8] {
        &self.0.point
    }

    pub(super) fn engine(&self) -> &EcdsaEngine {
        &self.0.engine
    }
}

fn aws_lc(
    algorithm: &'static aws_lc_rs::signature::EcdsaVerificationAlgorithm,
    bytes: &[u8],
) -> Option<EcdsaEngine> {
    ParsedPublicKey::new(algorithm, bytes)
        .ok()
        .map(EcdsaEngine::AwsLc)
}

impl PartialEq for EcdsaKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.curve == other.0.curve && self.0.point == other.0.point
    }
}

impl Eq for EcdsaKey {}

impl fmt::Debug for EcdsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcdsaKey({}, ", self.0.curve)?;
        self.0
            .point
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

// SEC 2 version 2, sections 2.3.2, 2.4.2, 2.5.1 and 2.6.1.
const P224_ORDER: [u8; 28] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x16, 0xa2,
    0xe0, 0xb8, 0xf0, 0x3e, 0x13, 0xdd, 0x29, 0x45, 0x5c, 0x5c, 0x2a, 0x3d,
];
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
const P384_ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];
const P521_ORDER: [u8; 66] = [
    0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xfa, 0x51, 0x86, 0x87, 0x83, 0xbf, 0x2f, 0x96, 0x6b, 0x7f, 0xcc, 0x01, 0x48, 0xf7, 0x09,
    0xa5, 0xd0, 0x3b, 0xb5, 0xc9, 0xb8, 0x89, 0x9c, 0x47, 0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38,
    0x64, 0x09,
];
