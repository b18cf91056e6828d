//! The two readers of ECDSA signatures: Fabric's lenient one and Go's strict one.
//!
//! Both want minimal DER lengths and integers. They differ in what may follow: the lenient reader
//! stops after `s`, so that bytes inside the sequence after `s` and bytes after the sequence are
//! ignored without being looked at; the strict one wants exactly two integers.

/// `r` and `s` as big-endian bytes without leading zeros, both greater than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EcdsaSignature<'a> {
    /// Never empty.
    pub r: &'a [u8],
    /// Never empty.
    pub s: &'a [u8],
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// Reads a signature as Fabric does.
///
// Fabric: fabric-lib-go bccsp/utils/ecdsa.go:UnmarshalECDSASignature over Go's encoding/asn1, which
// stops at the last field of a struct and hands trailing bytes back to a caller that drops them.
#[must_use]
pub fn parse_ecdsa_signature(signature: &[u8]) -> Option<EcdsaSignature<'_>> {
    let (sequence, _ignored) = element(signature, SEQUENCE)?;
    let (r, rest) = positive_integer(sequence)?;
    let (s, _ignored) = positive_integer(rest)?;
    Some(EcdsaSignature { r, s })
}

/// Reads a signature as Go's `ecdsa.VerifyASN1` does: nothing may follow.
pub(super) fn parse_strict(signature: &[u8]) -> Option<EcdsaSignature<'_>> {
    let (sequence, []) = element(signature, SEQUENCE)? else {
        return None;
    };
    let (r, rest) = positive_integer(sequence)?;
    let (s, []) = positive_integer(rest)? else {
        return None;
    };
    Some(EcdsaSignature { r, s })
}

/// Writes `r` and `s`, big-endian, leading zeros allowed, as a DER signature.
#[must_use]
pub fn encode_ecdsa_signature(r: &[u8], s: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(r.len() + s.len() + 8);
    for number in [r, s] {
        let number = strip_zeros(number);
        let pad = number.first().is_none_or(|&byte| byte >= 0x80);
        content.push(INTEGER);
        push_length(&mut content, number.len() + usize::from(pad));
        if pad {
            content.push(0);
        }
        content.extend_from_slice(number);
    }
    let mut signature = Vec::with_capacity(content.len() + 4);
    signature.push(SEQUENCE);
    push_length(&mut signature, content.len());
    signature.extend_from_slice(&content);
    signature
}

fn push_length(to: &mut Vec<u8>, length: usize) {
    let bytes = length.to_be_bytes();
    if length < 0x80 {
        to.extend(bytes.last());
        return;
    }
    let significant = strip_zeros(&bytes);
    to.extend(u8::try_from(significant.len()).map(|count| 0x80 | count));
    to.extend_from_slice(significant);
}

pub(super) fn strip_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The magnitude of a minimally encoded integer that is greater than zero, and what follows.
fn positive_integer(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (content, rest) = element(bytes, INTEGER)?;
    match content {
        [] | [0] | [0x80..=0xff, ..] | [0, 0..=0x7f, ..] => None,
        [0, magnitude @ ..] => Some((magnitude, rest)),
        magnitude => Some((magnitude, rest)),
    }
}

/// The content of an element with the identifier `tag`, and what follows.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[identifier, first], rest) = bytes.split_first_chunk::<2>()?;
    if identifier != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x80 => return None,
        _ => long_length(rest, usize::from(first & 0x7f))?,
    };
    rest.split_at_checked(length)
}

/// A length in `count` bytes: no leading zero, and not one that fits the short form.
fn long_length(bytes: &[u8], count: usize) -> Option<(usize, &[u8])> {
    // Go stops at 2^31; no signature is near that.
    if count > 4 {
        return None;
    }
    let (digits, rest) = bytes.split_at_checked(count)?;
    if digits.first() == Some(&0) {
        return None;
    }
    let length = digits
        .iter()
        .fold(0_usize, |sum, &digit| sum << 8 | usize::from(digit));
    (length >= 0x80).then_some((length, rest))
}
