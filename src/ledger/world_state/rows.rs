//! How values of the tables are written.
//!
//! ```text
//! state       varint block, varint tx, varint length of the metadata,
//!             [varint length of the key, key: only where the key is long],
//!             metadata, value
//! namespaces  1 byte: whether it is a collection; varint length of the name, name; collection
//! blocks      4 segment, 8 offset, 4 length
//! tx ids      8 block, 4 transaction
//! savepoint   8 height, 16 location of the last block, 32 its header's hash, 1 whether there is a
//!             commit hash, 32 commit hash, 8 last config block
//! ```
//!
//! Fixed numbers are little-endian. What a reader here returns `None` for is a damaged row.

use crate::ledger::batch::StateValue;
use crate::ledger::block_store::{BlockLocation, Savepoint};
use crate::proto::wire::{put_varint, take_varint};
use crate::types::{BlockNumber, Digest, Namespace, NamespaceRef, TxIndex, Version};

/// A row of the state, read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StateRow<'a> {
    pub(crate) version: Version,
    pub(crate) metadata: &'a [u8],
    pub(crate) value: &'a [u8],
    /// The key, where it is long.
    pub(crate) long_key: Option<&'a [u8]>,
}

impl<'a> StateRow<'a> {
    /// Reads a row, of a long key or not.
    pub(crate) fn parse(mut bytes: &'a [u8], long: bool) -> Option<Self> {
        let block = take_varint(&mut bytes).ok()?;
        let tx = take_varint(&mut bytes).ok()?;
        let metadata_len = take_len(&mut bytes)?;
        let long_key = if long {
            let len = take_len(&mut bytes)?;
            Some(bytes.split_off(..len)?)
        } else {
            None
        };
        let metadata = bytes.split_off(..metadata_len)?;
        Some(Self {
            version: Version { block, tx },
            metadata,
            value: bytes,
            long_key,
        })
    }

    /// Writes the row.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.clear();
        put_varint(out, self.version.block);
        put_varint(out, self.version.tx);
        put_varint(out, self.metadata.len() as u64);
        if let Some(key) = self.long_key {
            put_varint(out, key.len() as u64);
            out.extend_from_slice(key);
        }
        out.extend_from_slice(self.metadata);
        out.extend_from_slice(self.value);
    }

    /// The state that it says.
    pub(crate) fn to_value(self) -> StateValue {
        StateValue {
            version: self.version,
            value: self.value.to_vec(),
            metadata: self.metadata.to_vec(),
        }
    }
}

/// Writes a namespace.
pub(crate) fn write_namespace(out: &mut Vec<u8>, namespace: NamespaceRef<'_>) {
    out.clear();
    out.push(u8::from(namespace.collection.is_some()));
    put_varint(out, namespace.name.len() as u64);
    out.extend_from_slice(namespace.name.as_bytes());
    out.extend_from_slice(namespace.collection.unwrap_or_default().as_bytes());
}

/// Reads a namespace.
pub(crate) fn parse_namespace(mut bytes: &[u8]) -> Option<Namespace> {
    let hashed = *bytes.split_off_first()?;
    let len = take_len(&mut bytes)?;
    let name = std::str::from_utf8(bytes.split_off(..len)?).ok()?;
    let collection = std::str::from_utf8(bytes).ok()?;
    Some(Namespace {
        name: name.into(),
        collection: (hashed == 1).then(|| collection.into()),
    })
}

/// Writes where a block is.
pub(crate) fn write_location(out: &mut Vec<u8>, location: BlockLocation) {
    out.extend_from_slice(&location.segment.to_le_bytes());
    out.extend_from_slice(&location.offset.to_le_bytes());
    out.extend_from_slice(&location.length.to_le_bytes());
}

/// Reads where a block is.
pub(crate) fn parse_location(bytes: &[u8]) -> Option<BlockLocation> {
    let (segment, rest) = bytes.split_first_chunk()?;
    let (offset, rest) = rest.split_first_chunk()?;
    Some(BlockLocation {
        segment: u32::from_le_bytes(*segment),
        offset: u64::from_le_bytes(*offset),
        length: u32::from_le_bytes(rest.try_into().ok()?),
    })
}

/// Writes where a transaction is.
pub(crate) fn tx_row(block: BlockNumber, index: TxIndex) -> [u8; 12] {
    let mut row = [0; 12];
    let bytes = block
        .0
        .to_le_bytes()
        .into_iter()
        .chain(index.0.to_le_bytes());
    for (to, from) in row.iter_mut().zip(bytes) {
        *to = from;
    }
    row
}

/// Reads where a transaction is.
pub(crate) fn parse_tx_row(bytes: &[u8]) -> Option<(BlockNumber, TxIndex)> {
    let (block, rest) = bytes.split_first_chunk()?;
    let index = u32::from_le_bytes(rest.try_into().ok()?);
    Some((BlockNumber(u64::from_le_bytes(*block)), TxIndex(index)))
}

/// Reads a number.
pub(crate) fn parse_number(bytes: &[u8]) -> Option<BlockNumber> {
    Some(BlockNumber(u64::from_le_bytes(bytes.try_into().ok()?)))
}

/// The last block of a height, and what the next one continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tip {
    /// Its number.
    pub(crate) number: BlockNumber,
    /// Where it is stored.
    pub(crate) location: BlockLocation,
    /// Its header's hash.
    pub(crate) header_hash: Digest,
    /// Its commit hash, if it has one.
    pub(crate) commit_hash: Option<Digest>,
    /// The last config block up to it.
    pub(crate) last_config: BlockNumber,
}

impl Tip {
    /// How many blocks there are up to it.
    pub(crate) fn height(&self) -> u64 {
        self.number.0 + 1
    }

    /// The same for the block store.
    pub(crate) fn savepoint(&self) -> Savepoint {
        Savepoint {
            height: self.height(),
            last: self.location,
        }
    }

    /// Writes the savepoint.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(97);
        out.extend_from_slice(&self.height().to_le_bytes());
        write_location(&mut out, self.location);
        out.extend_from_slice(self.header_hash.as_ref());
        out.push(u8::from(self.commit_hash.is_some()));
        out.extend_from_slice(self.commit_hash.unwrap_or_default().as_ref());
        out.extend_from_slice(&self.last_config.0.to_le_bytes());
        out
    }

    /// Reads the savepoint.
    pub(crate) fn parse(mut bytes: &[u8]) -> Option<Self> {
        let height = u64::from_le_bytes(bytes.split_off(..8)?.try_into().ok()?);
        let location = parse_location(bytes.split_off(..16)?)?;
        let header_hash = Digest(bytes.split_off(..32)?.try_into().ok()?);
        let has_commit_hash = *bytes.split_off_first()? == 1;
        let commit_hash = Digest(bytes.split_off(..32)?.try_into().ok()?);
        Some(Self {
            number: BlockNumber(height.checked_sub(1)?),
            location,
            header_hash,
            commit_hash: has_commit_hash.then_some(commit_hash),
            last_config: parse_number(bytes)?,
        })
    }
}

fn take_len(bytes: &mut &[u8]) -> Option<usize> {
    usize::try_from(take_varint(bytes).ok()?).ok()
}
