//! Hashes, keys and signatures with Fabric's accept sets, behind one seam that takes batches.
//!
//! Two families of signatures pass through here, with different rules:
//! - *identity* signatures ([`verify_batch`], [`verify`]): over envelopes, endorsements and blocks;
//!   ECDSA with low-S and a lenient DER reader, Ed25519, never RSA;
//! - *certificate* signatures ([`verify_certificate_signature`]): as Go's `crypto/x509` checks them;
//!   strict DER, high-S allowed, RSA too.
//!
//! Invariants:
//! - a verdict depends on the bytes only: not on the batch, the CPU or the number of threads;
//! - hostile bytes give `false` or an error, never a panic.
//!
//! Knows nothing of certificates or transactions.

mod backend;
mod batch;
mod certificate;
mod combs;
mod ecdsa;
mod ecdsa_der;
mod ed25519;
mod error;
mod hash;
mod inverse;
mod key;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod limbs;
mod p256;
mod rsa;
mod sha512;
mod sha_lanes;
mod signing;
mod table_cache;

#[cfg(test)]
mod tests;

pub use backend::{BACKEND_VARIABLE, Backend, BackendError};
pub use batch::{SignatureJob, SignedMessage, verify, verify_batch, verify_batch_with};
pub use certificate::{SignatureAlgorithm, verify_certificate_signature, verify_crl_signature};
pub use ecdsa_der::{EcdsaSignature, encode_ecdsa_signature, parse_ecdsa_signature};
pub use ed25519::Ed25519Key;
#[cfg(feature = "fuzzing")]
pub(crate) use ed25519::fuzz::{FuzzSignature, check_ed25519_backends};
pub use error::{KeyError, PrivateKeyError};
pub use hash::{
    HashFunction, Sha256, SignatureHash, sha256, sha256_chain, sha256_many, sha256_parts,
};
pub use key::{Curve, EcdsaKey, PublicKey};
#[cfg(feature = "fuzzing")]
pub(crate) use p256::fuzz::{FuzzCheck, FuzzKey, check_backends};
pub use rsa::RsaKey;
pub use signing::PrivateKey;
