//! A block as a Fabric peer stores it, rebuilt as the `common.Block` that the peer had received.
//!
//! | part | form |
//! |---|---|
//! | number | varint |
//! | data hash | length, bytes |
//! | previous hash | length, bytes |
//! | number of transactions | varint |
//! | each transaction's envelope | length, bytes |
//! | number of metadata slots | varint |
//! | each metadata slot | length, bytes |
//!
//! Lengths are varints. Fabric: `common/ledger/blkstorage/block_serialization.go`.

use super::error::StoredBlockProblem;
use crate::proto::wire::{put_bytes, put_element, put_uint, put_varint, take_varint, varint_len};
use crate::types::BlockNumber;

/// Everything in a stored block, borrowed from its record.
#[derive(Debug)]
pub(super) struct StoredBlock<'a> {
    number: BlockNumber,
    data_hash: &'a [u8],
    previous_hash: &'a [u8],
    envelopes: Vec<&'a [u8]>,
    metadata: Vec<&'a [u8]>,
}

impl<'a> StoredBlock<'a> {
    /// Takes a record apart. It must be a block to its last byte.
    pub(super) fn parse(mut record: &'a [u8]) -> Result<Self, StoredBlockProblem> {
        let rest = &mut record;
        let block = Self {
            number: BlockNumber(number(rest, "the block number")?),
            data_hash: bytes(rest, "the data hash")?,
            previous_hash: bytes(rest, "the previous hash")?,
            envelopes: list(rest, "the number of transactions", "a transaction")?,
            metadata: list(rest, "the number of metadata slots", "a metadata slot")?,
        };
        match rest.len() {
            0 => Ok(block),
            count => Err(StoredBlockProblem::LeftOver { count }),
        }
    }

    /// The block's number.
    pub(super) fn number(&self) -> BlockNumber {
        self.number
    }

    /// The block as a message.
    pub(super) fn to_message(&self) -> Vec<u8> {
        let mut header = Vec::with_capacity(80);
        put_uint(&mut header, 1, self.number.0);
        put_bytes(&mut header, 2, self.previous_hash);
        put_bytes(&mut header, 3, self.data_hash);
        let room = 32 + header.len() + list_len(&self.envelopes) + list_len(&self.metadata);
        let mut block = Vec::with_capacity(room);
        put_element(&mut block, 1, &header);
        put_list(&mut block, 2, &self.envelopes);
        put_list(&mut block, 3, &self.metadata);
        block
    }
}

/// Writes a message with one repeated field of bytes, number 1, as the field `number`.
fn put_list(out: &mut Vec<u8>, number: u8, elements: &[&[u8]]) {
    out.push(number << 3 | 2);
    put_varint(out, list_len(elements) as u64);
    for element in elements {
        put_element(out, 1, element);
    }
}

fn list_len(elements: &[&[u8]]) -> usize {
    let element_len = |element: &&[u8]| 1 + varint_len(element.len() as u64) + element.len();
    elements.iter().map(element_len).sum()
}

fn number(rest: &mut &[u8], what: &'static str) -> Result<u64, StoredBlockProblem> {
    take_varint(rest).map_err(|error| StoredBlockProblem::Number { what, error })
}

fn bytes<'a>(rest: &mut &'a [u8], what: &'static str) -> Result<&'a [u8], StoredBlockProblem> {
    let length = number(rest, what)?;
    let split = usize::try_from(length)
        .ok()
        .and_then(|length| rest.split_at_checked(length));
    let Some((bytes, after)) = split else {
        return Err(StoredBlockProblem::Short {
            what,
            expected: length,
            found: rest.len() as u64,
        });
    };
    *rest = after;
    Ok(bytes)
}

/// A count and so many elements. The count is not trusted with memory: each element takes at least
/// the byte of its length.
fn list<'a>(
    rest: &mut &'a [u8],
    count: &'static str,
    element: &'static str,
) -> Result<Vec<&'a [u8]>, StoredBlockProblem> {
    let count = number(rest, count)?;
    let mut elements = Vec::new();
    for _ in 0..count {
        elements.push(bytes(rest, element)?);
    }
    Ok(elements)
}
