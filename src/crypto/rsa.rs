//! RSA signature verification with Go's accept set, for certificates of RSA certificate authorities.
//!
//! Written here because Go takes moduli (1024 bits and more, any length) and exponents (odd, 3 to
//! 2^31-1) that no single verification algorithm of our libraries takes. Public values only, so
//! nothing needs to be constant in time. Rare: once per identity, and only under an RSA authority.

use std::fmt;
use std::sync::Arc;

use crate::crypto::KeyError;
use crate::crypto::ecdsa_der::{parse_ecdsa_signature, strip_zeros};
use crate::crypto::hash::CertificateHash;
use crate::limits::RSA_MODULUS_BYTES_MAX;

/// An RSA public key. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct RsaKey(Arc<RsaKeyInner>);

#[derive(PartialEq, Eq)]
struct RsaKeyInner {
    /// Big-endian, no leading zeros, not empty.
    modulus: Box<[u8]>,
    exponent: u64,
}

impl RsaKey {
    /// Reads a PKCS #1 `RSAPublicKey`; what follows the exponent or the sequence is ignored.
    ///
    /// # Errors
    /// Where it is not a DER sequence of two minimal, positive integers, or where the exponent does not
    /// fit into 63 bits.
    ///
    // Fabric: Go's x509 parsePublicKey. Small, even or strange keys are read; they never verify.
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self, KeyError> {
        // An ECDSA signature and an RSA key have the same form: two positive integers in a sequence.
        let (modulus, exponent) = parse_ecdsa_signature(der)
            .map(|pair| (pair.r, pair.s))
            .ok_or(KeyError::Rsa)?;
        let exponent = exponent
            .iter()
            .try_fold(0_u64, |sum, &byte| {
                (sum < 1 << 55).then_some(sum << 8 | u64::from(byte))
            })
            .ok_or(KeyError::Rsa)?;
        Ok(Self(Arc::new(RsaKeyInner {
            modulus: modulus.into(),
            exponent,
        })))
    }

    /// The modulus, big-endian.
    #[must_use]
    pub fn modulus(&self) -> &[u8] {
        &self.0.modulus
    }

    /// The public exponent.
    #[must_use]
    pub fn exponent(&self) -> u64 {
        self.0.exponent
    }

    fn modulus_bits(&self) -> usize {
        let unused = self
            .0
            .modulus
            .first()
            .map_or(0, |byte| byte.leading_zeros());
        8 * self.0.modulus.len() - usize::try_from(unused).unwrap_or_default()
    }

    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2).
    pub(super) fn verify_pkcs1(
        &self,
        hash: CertificateHash,
        digest: &[u8],
        signature: &[u8],
    ) -> bool {
        let prefix = digest_info_prefix(hash);
        let Some(padding) = self
            .modulus()
            .len()
            .checked_sub(prefix.len() + digest.len() + 3)
        else {
            return false;
        };
        if padding < 8 {
            return false;
        }
        let mut expected = vec![0, 1];
        expected.resize(2 + padding, 0xff);
        expected.push(0);
        expected.extend_from_slice(prefix);
        expected.extend_from_slice(digest);
        self.recover(signature)
            .is_some_and(|encoded| encoded == expected)
    }

    /// RSASSA-PSS (RFC 8017 section 8.1.2) with a salt as long as the hash.
    pub(super) fn verify_pss(
        &self,
        hash: CertificateHash,
        digest: &[u8],
        signature: &[u8],
    ) -> bool {
        let Some(recovered) = self.recover(signature) else {
            return false;
        };
        let encoded_bits = self.modulus_bits() - 1;
        // One byte shorter than the modulus where that has 8k+1 bits.
        let encoded = if encoded_bits.is_multiple_of(8) {
            let [0, encoded @ ..] = recovered.as_slice() else {
                return false;
            };
            encoded
        } else {
            recovered.as_slice()
        };
        pss_consistent(encoded, encoded_bits, hash, digest).unwrap_or(false)
    }

    /// `signature` to the power of the exponent, in the modulus's length; `None` where Go refuses the
    /// key or the signature's range.
    fn recover(&self, signature: &[u8]) -> Option<Vec<u8>> {
        let (modulus, exponent) = (self.modulus(), self.exponent());
        let key_accepted = self.modulus_bits() >= 1024
            && modulus.len() <= RSA_MODULUS_BYTES_MAX
            && modulus.last().is_some_and(|byte| byte & 1 == 1)
            && exponent & 1 == 1
            && (3..1 << 31).contains(&exponent);
        if !key_accepted || signature.len() != modulus.len() || signature >= modulus {
            return None;
        }
        Montgomery::new(modulus)?.power(signature, exponent)
    }
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RsaKey({} bits, {})",
            self.modulus_bits(),
            self.exponent()
        )
    }
}

/// RFC 8017 section 9.1.2 from step 3 on; `None` where a length does not fit.
fn pss_consistent(
    encoded: &[u8],
    encoded_bits: usize,
    hash: CertificateHash,
    digest: &[u8],
) -> Option<bool> {
    let (masked, [seed @ .., 0xbc]) =
        encoded.split_at_checked(encoded.len().checked_sub(hash.length() + 1)?)?
    else {
        return Some(false);
    };
    let zeros = masked.len().checked_sub(hash.length() + 1)?;
    let top_mask = 0xff_u8 >> (8 * encoded.len() - encoded_bits);
    if masked.first()? & !top_mask != 0 {
        return Some(false);
    }
    let mut block: Vec<u8> = masked.to_vec();
    for (counter, chunk) in (0_u32..).zip(block.chunks_mut(hash.length())) {
        for (byte, mask) in chunk
            .iter_mut()
            .zip(hash.hash(&[seed, &counter.to_be_bytes()]))
        {
            *byte ^= mask;
        }
    }
    *block.first_mut()? &= top_mask;
    let (padding, [1, salt @ ..]) = block.split_at_checked(zeros)? else {
        return Some(false);
    };
    let expected = hash.hash(&[&[0; 8], digest, salt]);
    Some(padding.iter().all(|&byte| byte == 0) && expected == seed)
}

/// DER of `DigestInfo` up to the digest (RFC 8017 section 9.2, note 1).
fn digest_info_prefix(hash: CertificateHash) -> &'static [u8] {
    match hash {
        CertificateHash::Sha1 => &[
            0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04,
            0x14,
        ],
        CertificateHash::Sha256 => &[
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x01, 0x05, 0x00, 0x04, 0x20,
        ],
        CertificateHash::Sha384 => &[
            0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x02, 0x05, 0x00, 0x04, 0x30,
        ],
        CertificateHash::Sha512 => &[
            0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x03, 0x05, 0x00, 0x04, 0x40,
        ],
    }
}

/// Arithmetic modulo an odd number, in Montgomery form. Limbs stand least significant first.
struct Montgomery {
    modulus: Vec<u64>,
    modulus_length: usize,
    /// -1/modulus modulo 2^64.
    negative_inverse: u64,
}

impl Montgomery {
    fn new(modulus: &[u8]) -> Option<Self> {
        let limbs = to_limbs(modulus, modulus.len().div_ceil(8));
        let lowest = *limbs.first()?;
        // Newton: each step doubles the number of correct bits, from 3 of any odd number.
        let inverse = (0..5).fold(lowest, |inverse, _| {
            inverse.wrapping_mul(2_u64.wrapping_sub(lowest.wrapping_mul(inverse)))
        });
        Some(Self {
            modulus: limbs,
            modulus_length: modulus.len(),
            negative_inverse: inverse.wrapping_neg(),
        })
    }

    fn power(&self, base: &[u8], exponent: u64) -> Option<Vec<u8>> {
        let base = self.multiply(&to_limbs(base, self.modulus.len()), &self.radix_squared());
        let below_top = exponent.checked_ilog2()?;
        let result = (0..below_top).rev().fold(base.clone(), |result, bit| {
            let squared = self.multiply(&result, &result);
            if exponent >> bit & 1 == 1 {
                self.multiply(&squared, &base)
            } else {
                squared
            }
        });
        let mut one = vec![0; self.modulus.len()];
        *one.first_mut()? = 1;
        let plain = self.multiply(&result, &one);
        let bytes: Vec<u8> = plain
            .iter()
            .rev()
            .flat_map(|limb| limb.to_be_bytes())
            .collect();
        let zeros = bytes.len().checked_sub(self.modulus_length)?;
        bytes.get(zeros..).map(<[u8]>::to_vec)
    }

    /// 2^(128 k) modulo the modulus of k limbs: 1, doubled that often.
    fn radix_squared(&self) -> Vec<u64> {
        let mut value = vec![0; self.modulus.len()];
        if let Some(lowest) = value.first_mut() {
            *lowest = 1;
        }
        for _ in 0..128 * self.modulus.len() {
            let carry = value.iter_mut().fold(0, |carry, limb| {
                let top = *limb >> 63;
                *limb = *limb << 1 | carry;
                top
            });
            self.reduce_once(&mut value, carry);
        }
        value
    }

    /// `one * other / 2^(64 k)` modulo the modulus.
    fn multiply(&self, one: &[u64], other: &[u64]) -> Vec<u64> {
        let mut sum = vec![0_u64; self.modulus.len()];
        let mut above = 0;
        for &limb in other {
            let (top, overflow) = carrying(above, add_product(&mut sum, one, limb));
            let factor = sum
                .first()
                .map_or(0, |low| low.wrapping_mul(self.negative_inverse));
            let (top, overflow_again) = carrying(top, add_product(&mut sum, &self.modulus, factor));
            // The lowest limb is zero now: drop it.
            sum.rotate_left(1);
            if let Some(last) = sum.last_mut() {
                *last = top;
            }
            above = overflow + overflow_again;
        }
        self.reduce_once(&mut sum, above);
        sum
    }

    /// Subtracts the modulus where `value`, with `above` on top, is not below it.
    fn reduce_once(&self, value: &mut [u64], above: u64) {
        if above == 0 && value.iter().rev().lt(self.modulus.iter().rev()) {
            return;
        }
        let mut borrow = false;
        for (limb, modulus) in value.iter_mut().zip(&self.modulus) {
            let (difference, under) = limb.overflowing_sub(*modulus);
            let (difference, under_again) = difference.overflowing_sub(u64::from(borrow));
            *limb = difference;
            borrow = under || under_again;
        }
    }
}

/// `sum += product * limb`; returns the carry.
fn add_product(sum: &mut [u64], product: &[u64], limb: u64) -> u64 {
    sum.iter_mut().zip(product).fold(0, |carry, (to, from)| {
        let wide = u128::from(*from) * u128::from(limb) + u128::from(*to) + u128::from(carry);
        let (high, low) = split(wide);
        *to = low;
        high
    })
}

fn carrying(one: u64, other: u64) -> (u64, u64) {
    let (sum, overflow) = one.overflowing_add(other);
    (sum, u64::from(overflow))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "splits a number into its two halves"
)]
fn split(wide: u128) -> (u64, u64) {
    ((wide >> 64) as u64, wide as u64)
}

fn to_limbs(big_endian: &[u8], count: usize) -> Vec<u64> {
    let mut limbs: Vec<u64> = strip_zeros(big_endian)
        .rchunks(8)
        .map(|chunk| {
            chunk
                .iter()
                .fold(0, |limb, &byte| limb << 8 | u64::from(byte))
        })
        .collect();
    limbs.resize(count, 0);
    limbs
}
