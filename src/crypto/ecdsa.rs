//! ECDSA: the range checks around the engines, and how a digest becomes their number.
//!
//! The engines are handed r and s in fixed length and a digest in the length that makes their own
//! truncation a no-op, so that all of them compute FIPS 186-5 section 6.4.2 on the same numbers.

use aws_lc_rs::digest;
use aws_lc_rs::signature::ParsedPublicKey;
use p224::ecdsa::signature::hazmat::PrehashVerifier as _;

use crate::crypto::ecdsa_der::{self, EcdsaSignature};
use crate::crypto::key::EcdsaEngine;
use crate::crypto::p256::Numbers;
use crate::crypto::{Curve, EcdsaKey};

const SCALAR_LENGTH_MAX: usize = 66;

/// An identity's signature over `digest`.
// Fabric: fabric-lib-go bccsp/sw/ecdsa.go:verifyECDSA.
pub(super) fn verify_identity(key: &EcdsaKey, digest: &[u8], signature: &[u8]) -> bool {
    ecdsa_der::parse_ecdsa_signature(signature)
        .filter(|signature| is_low_s(key.curve(), signature.s))
        .is_some_and(|signature| verify_numbers(key, digest, signature))
}

/// The numbers of an identity's P-256 signature; `None` for one that no digest makes good.
pub(super) fn p256_numbers(key: &EcdsaKey, signature: &[u8]) -> Option<Numbers> {
    if key.curve() != Curve::P256 {
        return None;
    }
    let signature = ecdsa_der::parse_ecdsa_signature(signature)
        .filter(|signature| is_low_s(Curve::P256, signature.s))?;
    let (mut r, mut s) = ([0; SCALAR_LENGTH_MAX], [0; SCALAR_LENGTH_MAX]);
    let r = fixed_length(signature.r, &mut r, 32)?;
    let s = fixed_length(signature.s, &mut s, 32)?;
    Numbers::new(r.try_into().ok()?, s.try_into().ok()?)
}

/// A certificate's signature over `digest`: high-S is as good as low-S.
pub(super) fn verify_strict(key: &EcdsaKey, digest: &[u8], signature: &[u8]) -> bool {
    ecdsa_der::parse_strict(signature)
        .is_some_and(|signature| verify_numbers(key, digest, signature))
}

/// Whether `s` (no leading zeros) is at most floor(n/2).
fn is_low_s(curve: Curve, s: &[u8]) -> bool {
    let order = curve.order();
    let mut fixed = [0; SCALAR_LENGTH_MAX];
    let Some(s) = fixed_length(s, &mut fixed, order.len()) else {
        return false;
    };
    // s <= floor(n/2) exactly where 2s < n, because n is odd.
    let next_bits = s.iter().skip(1).map(|byte| byte >> 7).chain([0]);
    let doubled = s.iter().zip(next_bits).map(|(byte, next)| byte << 1 | next);
    s.first().is_some_and(|top| *top < 0x80) && doubled.lt(order.iter().copied())
}

pub(super) fn verify_numbers(key: &EcdsaKey, digest: &[u8], signature: EcdsaSignature<'_>) -> bool {
    let length = key.curve().scalar_length();
    let (mut r, mut s) = ([0; SCALAR_LENGTH_MAX], [0; SCALAR_LENGTH_MAX]);
    let (Some(r), Some(s)) = (
        fixed_length(signature.r, &mut r, length),
        fixed_length(signature.s, &mut s, length),
    ) else {
        return false; // more bytes than the order has
    };
    let mut fixed = [0; 2 * SCALAR_LENGTH_MAX];
    for (to, from) in fixed.iter_mut().zip(r.iter().chain(s)) {
        *to = *from;
    }
    let Some(fixed) = fixed.get(..2 * length) else {
        return false;
    };
    match key.engine() {
        EcdsaEngine::AwsLc(engine) => verify_aws_lc(key.curve(), engine, digest, fixed),
        EcdsaEngine::P224(engine) => {
            let mut padded = [0; SCALAR_LENGTH_MAX];
            let digest = leftmost(digest, &mut padded, length);
            p224::ecdsa::Signature::from_slice(fixed)
                .is_ok_and(|signature| engine.verify_prehash(digest, &signature).is_ok())
        }
    }
}

fn verify_aws_lc(curve: Curve, engine: &ParsedPublicKey, digest: &[u8], fixed: &[u8]) -> bool {
    // The library couples each curve with one hash; a digest is only a number here, so a shorter one
    // is padded in front, which leaves the number as it is, and a longer one cut as FIPS says. The
    // order of P-521 has more bits than any of the digests: nothing is ever cut there.
    let (algorithm, length) = match curve {
        Curve::P224 => return false, // has its own engine
        Curve::P256 => (&digest::SHA256, 32),
        Curve::P384 => (&digest::SHA384, 48),
        Curve::P521 => (&digest::SHA512, 64),
    };
    let mut padded = [0; SCALAR_LENGTH_MAX];
    let digest = leftmost(digest, &mut padded, length);
    digest::Digest::import_less_safe(digest, algorithm)
        .is_ok_and(|digest| engine.verify_digest_sig(&digest, fixed).is_ok())
}

/// The leftmost `length` bytes of `digest`, or the same number in `length` bytes if it is shorter.
fn leftmost<'a>(
    digest: &'a [u8],
    buffer: &'a mut [u8; SCALAR_LENGTH_MAX],
    length: usize,
) -> &'a [u8] {
    match digest.get(..length) {
        Some(cut) => cut,
        None => fixed_length(digest, buffer, length).unwrap_or_default(),
    }
}

/// A number without leading zeros, in `length` bytes.
fn fixed_length<'a>(
    number: &[u8],
    buffer: &'a mut [u8; SCALAR_LENGTH_MAX],
    length: usize,
) -> Option<&'a [u8]> {
    let zeros = length.checked_sub(number.len())?;
    let fixed = buffer.get_mut(..length)?;
    fixed.get_mut(zeros..)?.copy_from_slice(number);
    Some(fixed)
}
