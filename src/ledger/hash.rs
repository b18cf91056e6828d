//! The hashes that chain blocks: of a header, and of a block's data (validation-spec 1.2, 1.3).

use aws_lc_rs::digest::{Context, SHA256, digest};

use crate::types::{BlockNumber, Digest};

/// A block header's hash: the next block's previous hash.
///
/// Fabric: `protoutil/blockutils.go:BlockHeaderHash`, SHA-256 over the header as DER.
#[must_use]
pub fn header_hash(number: BlockNumber, previous_hash: &[u8], data_hash: &[u8]) -> Digest {
    let mut fields = Vec::with_capacity(80);
    let number = number.0.to_be_bytes();
    // Minimal, and positive: a leading zero where the first bit would be read as a sign.
    let significant = number
        .iter()
        .position(|byte| *byte != 0)
        .unwrap_or(number.len() - 1);
    let number = number.get(significant..).unwrap_or_default();
    let sign = number.first().is_some_and(|byte| *byte >= 0x80);
    put_der(
        &mut fields,
        0x02,
        &[if sign { &[0][..] } else { &[] }, number],
    );
    put_der(&mut fields, 0x04, &[previous_hash]);
    put_der(&mut fields, 0x04, &[data_hash]);
    let mut header = Vec::with_capacity(fields.len() + 8);
    put_der(&mut header, 0x30, &[&fields]);
    sha256(&[&header])
}

/// The hash of a block's data: over the envelopes as they stand, one after the other.
///
/// Fabric: `protoutil/blockutils.go:ComputeBlockDataHash`.
#[must_use]
pub fn data_hash(envelopes: &[&[u8]]) -> Digest {
    sha256(envelopes)
}

/// SHA-256 over parts.
pub(crate) fn sha256(parts: &[&[u8]]) -> Digest {
    let digest = match parts {
        [part] => digest(&SHA256, part),
        parts => {
            let mut context = Context::new(&SHA256);
            parts.iter().for_each(|part| context.update(part));
            context.finish()
        }
    };
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    Digest(bytes)
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
