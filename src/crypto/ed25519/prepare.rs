//! From a signature to the entries of the tables that are to be summed.
//!
//! A signature (R, S) over M is good where S < L and the canonical form of S B - k A is R, byte by byte,
//! with k = SHA-512(R || A || M) modulo L and all three in the bytes that came. B and A have order L here
//! (see [`key_point`]), so multiples may be exchanged for others that are equal modulo L.

use curve25519_dalek::Scalar;
use curve25519_dalek::traits::IsIdentity as _;
use ed25519_dalek::VerifyingKey;

use super::point::Affine;
use super::table::Table;
use crate::crypto::combs::{COMBS, comb_bytes};
#[cfg(target_arch = "x86_64")]
use crate::crypto::lanes::Lanes;
use crate::crypto::limbs::Limbs;
#[cfg(target_arch = "x86_64")]
use crate::crypto::sha512::sha512_all;
use crate::crypto::sha512::{Digest512, Pieces, sha512};

/// The order of the generator: 2^252 + 27742317777372353535851937790883648493.
pub(super) const ORDER: Limbs = Limbs([
    0x5812_631a_5cf5_d3ed,
    0x14de_f9de_a2f7_9cd6,
    0,
    0x1000_0000_0000_0000,
]);

/// A signature to check.
#[derive(Debug, Clone, Copy)]
pub(in crate::crypto) struct Check<'a> {
    /// The table of -A.
    table: &'a Table,
    /// A, as it came.
    key: &'a [u8; 32],
    message: [&'a [u8]; 2],
    /// R, as it came.
    r: [u8; 32],
    /// Below L.
    s: Limbs,
}

impl<'a> Check<'a> {
    /// `None` where the signature is not of two parts of 32 bytes, or S not below L: it is not good.
    pub(super) fn new(
        table: &'a Table,
        key: &'a [u8; 32],
        message: [&'a [u8]; 2],
        signature: &[u8],
    ) -> Option<Self> {
        let (r, s) = signature.split_first_chunk::<32>()?;
        let s = Limbs::from_le_bytes(s.try_into().ok()?);
        s.less(ORDER).then_some(Self {
            table,
            key,
            message,
            r: *r,
            s,
        })
    }

    /// What is hashed.
    fn pieces(&self) -> Pieces<'_> {
        let [head, tail] = self.message;
        [&self.r, self.key, head, tail]
    }
}

/// A check as the backends take it.
#[derive(Debug, Clone)]
pub(super) struct Sum<'a> {
    /// The table of -A.
    pub(super) table: &'a Table,
    /// Which entries of the generator's table, by comb.
    pub(super) of_generator: [u8; COMBS],
    /// Which entries of the key's table, by comb.
    pub(super) of_key: [u8; COMBS],
    /// What the sum's canonical form must be: R.
    pub(super) r: Limbs,
}

impl<'a> Sum<'a> {
    fn new(check: &Check<'a>, digest: &Digest512) -> Self {
        let k = Scalar::from_bytes_mod_order_wide(digest);
        Self {
            table: check.table,
            of_generator: combs(check.s),
            of_key: combs(Limbs::from_le_bytes(k.as_bytes())),
            r: Limbs::from_le_bytes(&check.r),
        }
    }
}

/// Prepares a batch, one signature after the other.
pub(super) fn prepare<'a>(checks: &[Check<'a>]) -> Vec<Sum<'a>> {
    checks
        .iter()
        .map(|check| Sum::new(check, &sha512(&check.pieces())))
        .collect()
}

/// Prepares a batch, and hashes in lanes.
#[cfg(target_arch = "x86_64")]
pub(super) fn prepare_in_lanes<'a>(lanes: Lanes, checks: &[Check<'a>]) -> Vec<Sum<'a>> {
    let messages: Vec<Pieces<'_>> = checks.iter().map(Check::pieces).collect();
    let digests = sha512_all(lanes, &messages);
    let sums = checks.iter().zip(&digests);
    sums.map(|(check, digest)| Sum::new(check, digest))
        .collect()
}

/// The combs of a number below L.
///
/// All digits are 1 or -1, so what they sum up to is odd: an even number gives way to itself plus L,
/// below 2^254. The digits of an odd u are the bits of (u + 2^256 - 1) / 2 = 2^255 + (u - 1) / 2.
pub(super) fn combs(number: Limbs) -> [u8; COMBS] {
    let [lowest, ..] = number.0;
    let odd = if lowest & 1 == 1 {
        number
    } else {
        number.plus(ORDER).0
    };
    let [w0, w1, w2, w3] = odd.0;
    comb_bytes(Limbs([
        w0 >> 1 | w1 << 63,
        w1 >> 1 | w2 << 63,
        w2 >> 1 | w3 << 63,
        w3 >> 1 | 1 << 63,
    ]))
}

/// -A, for a key that may have a table: one in the group that the generator makes, without the neutral
/// point. Honest keys are all of this kind. Others have a part of small order, on which a multiple by
/// k and one by k + L differ; the library verifies those.
pub(super) fn key_point(key: &VerifyingKey) -> Option<Affine> {
    let point = key.to_edwards();
    if point.is_identity() || !point.is_torsion_free() {
        return None;
    }
    Some(Affine::from_canonical(point.compress().as_bytes())?.negated())
}
