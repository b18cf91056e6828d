//! Signatures over certificates and revocation lists, by the rules of Go's `crypto/x509`.

use crate::crypto::hash::CertificateHash;
use crate::crypto::{PublicKey, ecdsa};

/// The signature algorithms that Go's `crypto/x509` tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// Anything else, or known with wrong parameters: never verifies.
    Unknown,
    /// Never verifies.
    Md5WithRsa,
    /// Verifies revocation lists only.
    Sha1WithRsa,
    /// RSA PKCS #1 v1.5.
    Sha256WithRsa,
    /// RSA PKCS #1 v1.5.
    Sha384WithRsa,
    /// RSA PKCS #1 v1.5.
    Sha512WithRsa,
    /// Never verifies.
    DsaWithSha1,
    /// Never verifies.
    DsaWithSha256,
    /// Verifies revocation lists only.
    EcdsaWithSha1,
    /// ECDSA.
    EcdsaWithSha256,
    /// ECDSA.
    EcdsaWithSha384,
    /// ECDSA.
    EcdsaWithSha512,
    /// RSA PSS, salt as long as the hash, MGF1 with the same hash.
    Sha256WithRsaPss,
    /// RSA PSS, salt as long as the hash, MGF1 with the same hash.
    Sha384WithRsaPss,
    /// RSA PSS, salt as long as the hash, MGF1 with the same hash.
    Sha512WithRsaPss,
    /// Ed25519 over the message itself.
    PureEd25519,
}

enum Scheme {
    Refused,
    Ecdsa(CertificateHash),
    Pkcs1(CertificateHash),
    Pss(CertificateHash),
    Ed25519,
}

impl SignatureAlgorithm {
    /// Whether Fabric re-encodes signatures of this algorithm with low S.
    // Fabric: msp/cert.go:isECDSASignedCert.
    #[must_use]
    pub fn is_ecdsa(self) -> bool {
        matches!(self.scheme(), Scheme::Ecdsa(_))
    }

    fn scheme(self) -> Scheme {
        match self {
            Self::Unknown | Self::Md5WithRsa | Self::DsaWithSha1 | Self::DsaWithSha256 => {
                Scheme::Refused
            }
            Self::Sha1WithRsa => Scheme::Pkcs1(CertificateHash::Sha1),
            Self::Sha256WithRsa => Scheme::Pkcs1(CertificateHash::Sha256),
            Self::Sha384WithRsa => Scheme::Pkcs1(CertificateHash::Sha384),
            Self::Sha512WithRsa => Scheme::Pkcs1(CertificateHash::Sha512),
            Self::EcdsaWithSha1 => Scheme::Ecdsa(CertificateHash::Sha1),
            Self::EcdsaWithSha256 => Scheme::Ecdsa(CertificateHash::Sha256),
            Self::EcdsaWithSha384 => Scheme::Ecdsa(CertificateHash::Sha384),
            Self::EcdsaWithSha512 => Scheme::Ecdsa(CertificateHash::Sha512),
            Self::Sha256WithRsaPss => Scheme::Pss(CertificateHash::Sha256),
            Self::Sha384WithRsaPss => Scheme::Pss(CertificateHash::Sha384),
            Self::Sha512WithRsaPss => Scheme::Pss(CertificateHash::Sha512),
            Self::PureEd25519 => Scheme::Ed25519,
        }
    }
}

/// Verifies a certificate's signature over `tbs`. MD5 and SHA-1 are refused, high-S is not.
// Fabric: Go's crypto/x509 checkSignature without allowSHA1.
#[must_use]
pub fn verify_certificate_signature(
    key: &PublicKey,
    algorithm: SignatureAlgorithm,
    tbs: &[u8],
    signature: &[u8],
) -> bool {
    let sha1 = matches!(
        algorithm.scheme(),
        Scheme::Ecdsa(CertificateHash::Sha1) | Scheme::Pkcs1(CertificateHash::Sha1)
    );
    !sha1 && verify_crl_signature(key, algorithm, tbs, signature)
}

/// Verifies a revocation list's signature over `tbs`: as for certificates, but SHA-1 is allowed.
// Fabric: Go's crypto/x509 Certificate.CheckCRLSignature.
#[must_use]
pub fn verify_crl_signature(
    key: &PublicKey,
    algorithm: SignatureAlgorithm,
    tbs: &[u8],
    signature: &[u8],
) -> bool {
    match (algorithm.scheme(), key) {
        (Scheme::Ecdsa(hash), PublicKey::Ecdsa(key)) => {
            ecdsa::verify_strict(key, &hash.hash(&[tbs]), signature)
        }
        (Scheme::Pkcs1(hash), PublicKey::Rsa(key)) => {
            key.verify_pkcs1(hash, &hash.hash(&[tbs]), signature)
        }
        (Scheme::Pss(hash), PublicKey::Rsa(key)) => {
            key.verify_pss(hash, &hash.hash(&[tbs]), signature)
        }
        (Scheme::Ed25519, PublicKey::Ed25519(key)) => key.verify(&[tbs], signature),
        (
            Scheme::Refused
            | Scheme::Ecdsa(_)
            | Scheme::Pkcs1(_)
            | Scheme::Pss(_)
            | Scheme::Ed25519,
            _,
        ) => false,
    }
}
