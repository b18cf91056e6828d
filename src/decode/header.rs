//! Hashes that link blocks: header hash and data hash (validation-spec 1.2 and 1.3).

use crate::crypto::{sha256, sha256_parts};
use crate::types::{BlockNumber, Digest};

/// The bytes that are hashed and signed of a block header: `SEQUENCE { INTEGER number, OCTET STRING
/// previous_hash, OCTET STRING data_hash }` in DER.
///
/// Fabric: `protoutil/blockutils.go:BlockHeaderBytes`.
#[must_use]
pub fn header_bytes(number: BlockNumber, previous_hash: &[u8], data_hash: &[u8]) -> Vec<u8> {
    let number = number.0.to_be_bytes();
    let significant = number.iter().position(|&byte| byte != 0).unwrap_or(number.len() - 1);
    let digits = number.get(significant..).unwrap_or_default();
    let mut integer = Vec::with_capacity(9);
    if digits.first().is_some_and(|&byte| byte >= 0x80) {
        integer.push(0);
    }
    integer.extend_from_slice(digits);

    let mut content = Vec::with_capacity(previous_hash.len() + data_hash.len() + 32);
    put_der(&mut content, 0x02, &integer);
    put_der(&mut content, 0x04, previous_hash);
    put_der(&mut content, 0x04, data_hash);
    let mut sequence = Vec::with_capacity(content.len() + 8);
    put_der(&mut sequence, 0x30, &content);
    sequence
}

fn put_der(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    let length = content.len().to_be_bytes();
    let significant = length.iter().position(|&byte| byte != 0).unwrap_or(length.len() - 1);
    let digits = length.get(significant..).unwrap_or_default();
    if content.len() >= 0x80 {
        // At most eight digits: a length is 64 bits.
        out.push(0x80 | digits.len().to_le_bytes()[0]);
    }
    out.extend_from_slice(digits);
    out.extend_from_slice(content);
}

/// The header hash: what the next block's `previous_hash` must be.
#[must_use]
pub fn header_hash(number: BlockNumber, previous_hash: &[u8], data_hash: &[u8]) -> Digest {
    sha256(&header_bytes(number, previous_hash, data_hash))
}

/// The data hash: SHA-256 over all envelopes, one after another.
#[must_use]
pub fn data_hash(envelopes: &[&[u8]]) -> Digest {
    sha256_parts(envelopes)
}
