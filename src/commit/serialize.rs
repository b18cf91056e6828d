//! A block as it is stored: canonical `common.Block`, with codes and commit hash in its metadata.
//!
//! The data, by far the largest part, is not copied where the block's own bytes are canonical already.

use std::ops::Range;

use bytes::Bytes;

use crate::decode::DecodedBlock;
use crate::proto::common::metadata_index;
use crate::proto::wire::{put_bytes, put_element, put_uint, put_varint, varint_len};
use crate::types::{BlockNumber, Digest, ValidationCode};

/// The stored form of a block, in up to three pieces.
#[derive(Debug)]
pub struct BlockParts {
    /// The header field, and tag and length of the data field.
    pub head: Vec<u8>,
    /// The elements of the data field.
    pub data: Bytes,
    /// The metadata field.
    pub tail: Vec<u8>,
}

impl BlockParts {
    /// The pieces in their order.
    #[must_use]
    pub fn pieces(&self) -> [&[u8]; 3] {
        [&self.head, &self.data, &self.tail]
    }
}

/// Serializes a block with its codes and its commit hash.
///
/// Fabric: `protoutil/blockutils.go:InitBlockMetadata` and `kv_ledger.go:addBlockCommitHash`.
#[must_use]
pub fn serialize_block(
    decoded: &DecodedBlock,
    codes: &[ValidationCode],
    commit_hash: Option<Digest>,
) -> BlockParts {
    let contents = decoded.contents();
    let mut header = Vec::with_capacity(96);
    put_uint(&mut header, 1, decoded.number().0);
    put_bytes(&mut header, 2, contents.previous_hash);
    put_bytes(&mut header, 3, contents.data_hash);
    let data = data_elements(&contents.envelopes, decoded.bytes());
    let mut head = Vec::with_capacity(header.len() + 16);
    put_element(&mut head, 1, &header);
    put_varint(&mut head, 2 << 3 | 2);
    put_varint(&mut head, data.len() as u64);
    let mut tail = Vec::new();
    put_element(&mut tail, 3, &metadata(decoded, codes, commit_hash));
    BlockParts { head, data, tail }
}

fn metadata(
    decoded: &DecodedBlock,
    codes: &[ValidationCode],
    commit_hash: Option<Digest>,
) -> Vec<u8> {
    let came = &decoded.contents().metadata;
    let filter: Vec<u8> = codes.iter().map(|code| code.number()).collect();
    let mut hash = Vec::with_capacity(34);
    put_bytes(
        &mut hash,
        1,
        commit_hash.as_ref().map_or(&[], |hash| hash.as_ref()),
    );
    // The genesis block never gets a commit hash, and keeps what came.
    let keeps_hash = decoded.number() == BlockNumber(0);
    let mut slots = Vec::new();
    for index in 0..came.len().max(metadata_index::SLOTS) {
        let slot = match index {
            metadata_index::TRANSACTIONS_FILTER => &filter,
            metadata_index::COMMIT_HASH if !keeps_hash && commit_hash.is_some() => &*hash,
            _ => came.get(index).copied().unwrap_or_default(),
        };
        put_element(&mut slots, 1, slot);
    }
    slots
}

/// The data field's elements: the block's own bytes where they are canonical, else written anew.
fn data_elements(envelopes: &[&[u8]], block: &Bytes) -> Bytes {
    if let Some(range) = contiguous(envelopes, block) {
        return block.slice(range);
    }
    let mut elements = Vec::new();
    for envelope in envelopes {
        put_element(&mut elements, 1, envelope);
    }
    elements.into()
}

/// Where the block has all envelopes, one after another with tags and lengths in the shortest form.
fn contiguous(envelopes: &[&[u8]], block: &[u8]) -> Option<Range<usize>> {
    let offset_of = |part: &[u8]| part.as_ptr().addr().checked_sub(block.as_ptr().addr());
    let prefix_len = |part: &[u8]| 1 + varint_len(part.len() as u64);
    let first = *envelopes.first()?;
    let start = offset_of(first)?.checked_sub(prefix_len(first))?;
    let mut at = start;
    for envelope in envelopes {
        let mut prefix = Vec::with_capacity(11);
        put_varint(&mut prefix, 1 << 3 | 2);
        put_varint(&mut prefix, envelope.len() as u64);
        let found = block.get(at..)?.strip_prefix(&*prefix)?;
        if offset_of(envelope)? != at + prefix.len() || found.len() < envelope.len() {
            return None;
        }
        at += prefix.len() + envelope.len();
    }
    Some(start..at)
}
