//! SHA-256 everywhere, and the three other hashes that an MSP may ask for.
//!
//! Knows nothing of what is hashed.

use aws_lc_rs::digest;
use sha3::Digest as _;

use crate::crypto::{Backend, sha_lanes};
use crate::types::Digest;

/// SHA-256 of one string of bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest {
    to_digest(&digest::digest(&digest::SHA256, bytes))
}

/// SHA-256 of the concatenation of `parts`, which is never built.
#[must_use]
pub fn sha256_parts(parts: &[&[u8]]) -> Digest {
    if let [single] = parts {
        return sha256(single);
    }
    let mut state = Sha256::new();
    for part in parts {
        state.update(part);
    }
    state.finish()
}

/// SHA-256 of many messages of three pieces each, side by side where the backend in use has lanes; the
/// digests stand in the order of the messages.
#[must_use]
pub fn sha256_many(messages: &[[&[u8]; 3]]) -> Vec<Digest> {
    sha_lanes::digests(Backend::in_use(), messages)
}

/// SHA-256 of the concatenation of `chain`, and of messages of which each lies within a piece of it. The
/// latter cost next to nothing where the CPU has SHA instructions; else there are none, and
/// [`sha256_many`] is faster.
#[must_use]
pub fn sha256_chain(chain: &[&[u8]], messages: &[&[u8]]) -> (Digest, Option<Vec<Digest>>) {
    sha_lanes::chain_digests(Backend::in_use(), chain, messages)
}

/// SHA-256 of bytes that come piece by piece. A clone goes on from the same middle.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// The state before any byte.
    #[must_use]
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Appends `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything appended.
    #[must_use]
    pub fn finish(self) -> Digest {
        to_digest(&self.0.finish())
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha256(..)")
    }
}

fn to_digest(digest: &digest::Digest) -> Digest {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    Digest(bytes)
}

/// The hashes that an MSP can name for identity identifiers (`identity_identifier_hash_function`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HashFunction {
    /// `SHA256`.
    Sha256,
    /// `SHA384`.
    Sha384,
    /// `SHA3_256`.
    Sha3_256,
    /// `SHA3_384`.
    Sha3_384,
}

impl HashFunction {
    /// The digest of the concatenation of `parts`: 32 or 48 bytes.
    #[must_use]
    pub fn hash(self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha256 => sha256_parts(parts).0.to_vec(),
            Self::Sha384 => sha2_parts(&digest::SHA384, parts),
            Self::Sha3_256 => sha3_parts::<sha3::Sha3_256>(parts),
            Self::Sha3_384 => sha3_parts::<sha3::Sha3_384>(parts),
        }
    }
}

/// The hash under an ECDSA identity signature (an MSP's `signature_hash_family`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureHash {
    /// Family `SHA2`.
    Sha256,
    /// Family `SHA3`.
    Sha3_256,
}

fn sha2_parts(algorithm: &'static digest::Algorithm, parts: &[&[u8]]) -> Vec<u8> {
    let mut state = digest::Context::new(algorithm);
    for part in parts {
        state.update(part);
    }
    state.finish().as_ref().to_vec()
}

fn sha3_parts<H: sha3::Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut state = H::new();
    for part in parts {
        state.update(part);
    }
    state.finalize().to_vec()
}

/// SHA3-256 of the concatenation of `parts`.
pub(super) fn sha3_256_parts(parts: &[&[u8]]) -> Digest {
    let mut state = sha3::Sha3_256::new();
    for part in parts {
        state.update(part);
    }
    Digest(state.finalize().into())
}

/// What a certificate's signature algorithm hashes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CertificateHash {
    /// Only for revocation lists.
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl CertificateHash {
    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    /// The digest of the concatenation of `parts`.
    pub(super) fn hash(self, parts: &[&[u8]]) -> Vec<u8> {
        sha2_parts(self.algorithm(), parts)
    }

    /// The digest's length in bytes.
    pub(super) fn length(self) -> usize {
        self.algorithm().output_len()
    }
}
