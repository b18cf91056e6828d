//! Signatures of identities: over envelopes, proposal responses and blocks.
//!
//! A load generator signs three times per transaction, which is most of its work. [`FastSigner`] makes
//! ECDSA signatures with nonces from a small table that all keys share: two multiplications each,
//! always the same signature for the same message, and a private key for everybody who sees two
//! signatures. Verifying them costs what it costs with any other.

use std::fmt;
use std::sync::{Arc, OnceLock};

use ed25519_dalek::Signer as _;
use p256::elliptic_curve::PrimeField;
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::scalar::IsHigh;
use p256::{FieldBytes, ProjectivePoint, Scalar};

use super::seed::Seed;
use crate::crypto::{
    Curve, SignatureHash, encode_ecdsa_signature, parse_ecdsa_signature, sha256_parts,
};

/// Signs messages as an identity does. The same message gives the same signature.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The signature over the concatenation of `message`.
    fn sign(&self, message: &[&[u8]]) -> Vec<u8>;
}

/// Nonces in the table: a power of two.
const NONCES: usize = 256;

/// A nonce, ready for use.
struct Nonce {
    /// The x coordinate of the nonce times the generator.
    r: Scalar,
    inverse: Scalar,
}

fn nonces() -> &'static [Nonce] {
    static TABLE: OnceLock<Vec<Nonce>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let seed = Seed::new(0).child("nonces");
        let seeds = (0..).map(|number| seed.numbered(number));
        seeds.filter_map(|seed| nonce(&seed)).take(NONCES).collect()
    })
}

fn nonce(seed: &Seed) -> Option<Nonce> {
    let k = <Scalar as Reduce<FieldBytes>>::reduce(&(*seed.bytes()).into());
    let point = (ProjectivePoint::GENERATOR * k).to_affine();
    let r = <Scalar as Reduce<FieldBytes>>::reduce(&point.x());
    let inverse = Option::<Scalar>::from(k.invert())?;
    (r != Scalar::ZERO).then_some(Nonce { r, inverse })
}

/// ECDSA on P-256 with nonces from a table. For throw-away keys only.
#[derive(Clone)]
pub struct FastSigner {
    secret: Scalar,
    hash: SignatureHash,
}

impl fmt::Debug for FastSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FastSigner(..)")
    }
}

impl FastSigner {
    /// A signer of this key.
    #[must_use]
    pub fn new(key: &p256::ecdsa::SigningKey, hash: SignatureHash) -> Self {
        Self {
            secret: **key.as_nonzero_scalar(),
            hash,
        }
    }
}

impl Signer for FastSigner {
    fn sign(&self, message: &[&[u8]]) -> Vec<u8> {
        let digest = digest(self.hash, message);
        let z = <Scalar as Reduce<FieldBytes>>::reduce(&digest.into());
        // From the message, so that a signature does not depend on what was signed before.
        let first = usize::from(digest[31]);
        let table = nonces();
        for offset in 0..table.len() {
            let Some(nonce) = table.get((first + offset) % NONCES) else {
                continue;
            };
            let s = nonce.inverse * (z + nonce.r * self.secret);
            if s != Scalar::ZERO {
                let low = if bool::from(s.is_high()) { -s } else { s };
                return encode_ecdsa_signature(&nonce.r.to_repr(), &low.to_repr());
            }
        }
        // One nonce at most makes s zero.
        Vec::new()
    }
}

fn digest(hash: SignatureHash, message: &[&[u8]]) -> [u8; 32] {
    match hash {
        SignatureHash::Sha256 => sha256_parts(message).0,
        SignatureHash::Sha3_256 => {
            use sha3::Digest as _;
            let mut state = sha3::Sha3_256::new();
            for part in message {
                state.update(part);
            }
            state.finalize().into()
        }
    }
}

/// ECDSA on P-256 with the nonces of RFC 6979, low-S: slow, and gives nothing away.
#[derive(Debug, Clone)]
pub struct Rfc6979Signer {
    key: p256::ecdsa::SigningKey,
    hash: SignatureHash,
}

impl Rfc6979Signer {
    /// A signer of this key.
    #[must_use]
    pub fn new(key: p256::ecdsa::SigningKey, hash: SignatureHash) -> Self {
        Self { key, hash }
    }
}

impl Signer for Rfc6979Signer {
    fn sign(&self, message: &[&[u8]]) -> Vec<u8> {
        use p256::ecdsa::signature::hazmat::PrehashSigner as _;
        let digest = digest(self.hash, message);
        let signature: Result<p256::ecdsa::Signature, _> = self.key.sign_prehash(&digest);
        signature.map_or_else(
            |_| Vec::new(),
            |signature| {
                let (r, s) = signature.normalize_s().split_bytes();
                encode_ecdsa_signature(&r, &s)
            },
        )
    }
}

/// Ed25519 over the message itself.
#[derive(Debug, Clone)]
pub(super) struct Ed25519Signer {
    key: ed25519_dalek::SigningKey,
}

impl Ed25519Signer {
    pub(super) fn new(key: ed25519_dalek::SigningKey) -> Self {
        Self { key }
    }
}

impl Signer for Ed25519Signer {
    fn sign(&self, message: &[&[u8]]) -> Vec<u8> {
        self.key.sign(&message.concat()).to_bytes().to_vec()
    }
}

/// Signs something else than what it is given: well-formed signatures that are not good.
#[derive(Debug, Clone)]
pub struct WrongSigner(pub Arc<dyn Signer>);

impl Signer for WrongSigner {
    fn sign(&self, message: &[&[u8]]) -> Vec<u8> {
        self.0.sign(&[&message.concat(), b"and more"])
    }
}

/// The same P-256 signature with the other `s`, which Fabric refuses; `None` where it is none.
#[must_use]
pub fn high_s(signature: &[u8]) -> Option<Vec<u8>> {
    let parsed = parse_ecdsa_signature(signature)?;
    let length = Curve::P256.scalar_length();
    let zeros = length.checked_sub(parsed.s.len())?;
    let bytes: [u8; 32] = [&vec![0; zeros], parsed.s].concat().try_into().ok()?;
    let s = Option::<Scalar>::from(Scalar::from_repr(bytes.into()))?;
    Some(encode_ecdsa_signature(parsed.r, &(-s).to_repr()))
}
