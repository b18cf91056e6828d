//! The hashes that chain blocks: of a header, and of a block's data (validation-spec 1.2, 1.3).

use crate::crypto::{sha256, sha256_chain, sha256_parts};
use crate::types::{BlockNumber, Digest};

/// The bytes that are hashed and signed of a block header: `SEQUENCE { INTEGER number, OCTET STRING
/// previous_hash, OCTET STRING data_hash }` in DER.
///
/// Fabric: `protoutil/blockutils.go:BlockHeaderBytes`.
#[must_use]
pub fn header_bytes(number: BlockNumber, previous_hash: &[u8], data_hash: &[u8]) -> Vec<u8> {
    let mut fields = Vec::with_capacity(80);
    let number = number.0.to_be_bytes();
    // Minimal, and positive: a leading zero where the first bit would be read as a sign.
    let significant = number.iter().position(|byte| *byte != 0);
    let number = number
        .get(significant.unwrap_or(number.len() - 1)..)
        .unwrap_or_default();
    let negative = number.first().is_some_and(|byte| *byte >= 0x80);
    put_der(
        &mut fields,
        0x02,
        &[if negative { &[0][..] } else { &[] }, number],
    );
    put_der(&mut fields, 0x04, &[previous_hash]);
    put_der(&mut fields, 0x04, &[data_hash]);
    let mut header = Vec::with_capacity(fields.len() + 8);
    put_der(&mut header, 0x30, &[&fields]);
    header
}

/// A block header's hash: the next block's previous hash.
///
/// Fabric: `protoutil/blockutils.go:BlockHeaderHash`.
#[must_use]
pub fn header_hash(number: BlockNumber, previous_hash: &[u8], data_hash: &[u8]) -> Digest {
    sha256(&header_bytes(number, previous_hash, data_hash))
}

/// The hash of a block's data: over the envelopes as they stand, one after the other.
///
/// Fabric: `protoutil/blockutils.go:ComputeBlockDataHash`.
#[must_use]
pub fn data_hash(envelopes: &[&[u8]]) -> Digest {
    sha256_parts(envelopes)
}

/// [`data_hash`], and beside it the digests of the envelopes' payloads, which their creators sign: in their
/// order, or none where they cost as much as later.
#[must_use]
pub fn data_hash_and_payloads(
    envelopes: &[&[u8]],
    payloads: &[&[u8]],
) -> (Digest, Option<Vec<Digest>>) {
    sha256_chain(envelopes, payloads)
}

fn put_der(out: &mut Vec<u8>, tag: u8, parts: &[&[u8]]) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    out.push(tag);
    match u8::try_from(len) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = (len as u64).to_be_bytes();
            let significant = bytes.iter().skip_while(|byte| **byte == 0);
            // Invariant: at most 8 bytes.
            out.push(0x80 | u8::try_from(significant.clone().count()).unwrap_or(8));
            out.extend(significant);
        }
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
}
