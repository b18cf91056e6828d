//! Why bytes are not a key.

use crate::crypto::Curve;

/// The bytes are not a public key of the kind that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeyError {
    /// Not 0x04 and two coordinates of a point on the curve.
    #[error(
        "not an uncompressed point on {curve}: expected 0x04 and two coordinates that satisfy \
         the curve's equation"
    )]
    Point {
        /// The curve that was named beside the point.
        curve: Curve,
    },
    /// Not 32 bytes.
    #[error("an Ed25519 public key has 32 bytes, got {length}")]
    Ed25519Length {
        /// What was given.
        length: usize,
    },
    /// Not a DER sequence of a positive modulus and a positive exponent.
    #[error("not an RSA public key: expected a DER sequence of a positive modulus and exponent")]
    Rsa,
}

/// The bytes are not a private key that can sign here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateKeyError {
    /// Not a key in PKCS#8 or SEC 1 form.
    #[error("not a private key: expected PKCS#8 or, for ECDSA, SEC 1")]
    Undecodable,
    /// A key of another kind.
    #[error("a private key of algorithm {algorithm}: expected ECDSA on P-256 or P-384, or Ed25519")]
    Algorithm {
        /// Its object identifier.
        algorithm: String,
    },
}
