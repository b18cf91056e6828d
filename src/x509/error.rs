//! Why bytes are not a certificate or a revocation list, and why a certificate has no chain.

use crate::crypto::KeyError;

/// The bytes are not what Go's `crypto/x509` would have parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Error {
    /// There is no PEM block.
    #[error("no PEM block: expected a line '-----BEGIN ...-----', base64 and '-----END ...-----'")]
    Pem,
    /// A part is not the DER that its definition asks for.
    #[error("malformed {part}: expected DER as in RFC 5280")]
    Malformed {
        /// Which part.
        part: &'static str,
    },
    /// Bytes follow where there must be none.
    #[error("bytes follow the {part}: expected nothing after it")]
    Trailing {
        /// After which part.
        part: &'static str,
    },
    /// Not version 1, 2 or 3.
    #[error("certificate version {version} does not exist: expected 0 to 2 on the wire")]
    Version {
        /// As on the wire.
        version: i64,
    },
    /// Go refuses negative serial numbers since 1.23.
    #[error("serial number is negative")]
    NegativeSerial,
    /// The algorithm inside the signed part is not the one beside the signature.
    #[error("signature algorithm inside the signed part differs from the one beside the signature")]
    AlgorithmMismatch,
    /// The same extension stands twice.
    #[error("extension stands twice")]
    DuplicateExtension,
    /// An extension that must not be critical is.
    #[error("{extension} is marked critical: RFC 5280 forbids it")]
    CriticalExtension {
        /// Which extension.
        extension: &'static str,
    },
    /// The key's curve is not P-224, P-256, P-384 or P-521.
    #[error("elliptic curve is not supported: expected P-224, P-256, P-384 or P-521")]
    Curve,
    /// The key's algorithm has parameters that it must not have, or lacks those it must have.
    #[error("algorithm parameters of the {algorithm} key are wrong")]
    KeyParameters {
        /// Go's name of the algorithm.
        algorithm: &'static str,
    },
    /// The key's bytes are wrong.
    #[error("public key is wrong")]
    Key(#[from] KeyError),
    /// A signature that should be re-encoded with low S is under a key that is not ECDSA.
    #[error("signature is ECDSA, but the issuer's key is not")]
    IssuerKey,
}

/// There is not exactly one acceptable chain from a certificate to the roots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChainError {
    /// No chain.
    #[error("no valid chain from the certificate to a root of the MSP")]
    None,
    /// An MSP supports a single chain; several would leave open who owns the identity.
    #[error("{count} valid chains from the certificate to the roots of the MSP: expected one")]
    Ambiguous {
        /// How many.
        count: usize,
    },
    /// An authority has name constraints, and the leaf has a host name in its common name only.
    #[error(
        "authority has name constraints, and the certificate names its host in the common name"
    )]
    NameConstraintsWithoutSan,
}

/// A closure-free way to say which part is malformed.
pub(super) trait OrMalformed<T> {
    fn or_malformed(self, part: &'static str) -> Result<T, Error>;
}

impl<T> OrMalformed<T> for Option<T> {
    fn or_malformed(self, part: &'static str) -> Result<T, Error> {
        self.ok_or(Error::Malformed { part })
    }
}
