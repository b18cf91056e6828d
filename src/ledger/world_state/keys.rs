//! How keys of the tables are written.
//!
//! LMDB takes keys of at most 511 bytes. A key of the state that is longer than [`PREFIX_BYTES`] is
//! stored as its prefix of that length and the hash of the whole; the whole stands in the row's value.
//!
//! Why the order of the rows is (nearly) that of the keys: a stored key is long exactly if it has more
//! than [`PREFIX_BYTES`] bytes, so any two stored keys differ within the prefix, or one of them is a
//! prefix of the other, unless both are long with the same prefix. Only rows of such a group stand in
//! the order of their hashes, and they stand together; readers sort them.

use crate::crypto::sha256_parts;
use crate::types::Version;

/// A namespace's number in the state database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NamespaceId(pub(crate) u32);

/// How much of a long key is stored as it is.
pub(crate) const PREFIX_BYTES: usize = 471;

/// A key of the history or of the expiry index that is longer is hashed: their order does not matter.
const PLAIN_BYTES_MAX: usize = 400;

const HASH_BYTES: usize = 32;
const NAMESPACE_BYTES: usize = 4;
const SEGMENT_BYTES: usize = 4;
const KEY_BYTES_MAX: usize = 511;

const _: () = {
    // Behind the number of a run.
    assert!(SEGMENT_BYTES + NAMESPACE_BYTES + PREFIX_BYTES + HASH_BYTES == KEY_BYTES_MAX);
    // Number, namespace, tag; and segment, namespace, length, version of the history.
    assert!(8 + NAMESPACE_BYTES + 1 + PLAIN_BYTES_MAX <= KEY_BYTES_MAX);
    assert!(SEGMENT_BYTES + NAMESPACE_BYTES + 4 + PLAIN_BYTES_MAX + VERSION_BYTES <= KEY_BYTES_MAX);
};

/// Whether a key of the state is stored with its hash.
pub(crate) fn is_long(key: &[u8]) -> bool {
    key.len() > PREFIX_BYTES
}

/// Writes the key of a state row.
pub(crate) fn state_key(out: &mut Vec<u8>, namespace: NamespaceId, key: &[u8]) {
    state_seek(out, namespace, key);
    if is_long(key) {
        out.extend_from_slice(sha256_parts(&[key]).as_ref());
    }
}

/// Writes a key that is not behind the row of `key`, nor behind that of any key greater than it.
pub(crate) fn state_seek(out: &mut Vec<u8>, namespace: NamespaceId, key: &[u8]) {
    out.clear();
    out.extend_from_slice(&namespace.0.to_be_bytes());
    out.extend_from_slice(key.get(..PREFIX_BYTES).unwrap_or(key));
}

/// The key part of a state row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowKey<'a> {
    /// The key itself.
    Plain(&'a [u8]),
    /// The prefix of a key that stands in the value.
    Long(&'a [u8]),
}

/// Reads the key of a state row; `None` where it is not of this namespace.
pub(crate) fn parse_state_key(row: &[u8], namespace: NamespaceId) -> Option<RowKey<'_>> {
    let (found, key) = row.split_first_chunk()?;
    if u32::from_be_bytes(*found) != namespace.0 {
        return None;
    }
    Some(if is_long(key) {
        RowKey::Long(key.get(..PREFIX_BYTES)?)
    } else {
        RowKey::Plain(key)
    })
}

/// Begins a key of a table that is cut by time, so that later segments, or runs, come behind.
pub(crate) fn put_segment(out: &mut Vec<u8>, segment: u32) {
    out.clear();
    out.extend_from_slice(&segment.to_be_bytes());
}

/// What stands behind the segment in a key of such a table.
pub(crate) fn without_segment(row: &[u8]) -> &[u8] {
    row.get(SEGMENT_BYTES..).unwrap_or_default()
}

/// Writes what the history rows of a key begin with in a segment.
pub(crate) fn history_prefix(out: &mut Vec<u8>, segment: u32, namespace: NamespaceId, key: &[u8]) {
    put_segment(out, segment);
    out.extend_from_slice(&namespace.0.to_be_bytes());
    // A hash has a length that no plain key has, so that one never stands for the other.
    let long = key.len() > PLAIN_BYTES_MAX;
    let length = if long {
        u32::MAX
    } else {
        u32::try_from(key.len()).unwrap_or(u32::MAX)
    };
    out.extend_from_slice(&length.to_be_bytes());
    put_plain_or_hash(out, key);
}

/// Bytes of a version in the key of a history row.
pub(crate) const VERSION_BYTES: usize = 16;

/// Ends the key of a history row. Newer versions come first.
pub(crate) fn put_version(out: &mut Vec<u8>, version: Version) {
    out.extend_from_slice(&(!version.block).to_be_bytes());
    out.extend_from_slice(&(!version.tx).to_be_bytes());
}

/// Reads the version from a history row's key, which begins with `prefix`.
pub(crate) fn parse_history_version(row: &[u8], prefix: &[u8]) -> Option<Version> {
    let (block, rest) = row.strip_prefix(prefix)?.split_first_chunk()?;
    let tx = rest.try_into().ok()?;
    Some(Version {
        block: !u64::from_be_bytes(*block),
        tx: !u64::from_be_bytes(tx),
    })
}

/// Writes the key of an expiry row; where it is hashed, the whole key is the row's value.
pub(crate) fn expiry_key(out: &mut Vec<u8>, at: u64, namespace: NamespaceId, key: &[u8]) {
    out.clear();
    out.extend_from_slice(&at.to_be_bytes());
    out.extend_from_slice(&namespace.0.to_be_bytes());
    out.push(u8::from(is_expiry_long(key)));
    put_plain_or_hash(out, key);
}

/// Writes the value of an expiry row: the block that wrote the key, then the key where it is hashed.
pub(crate) fn expiry_value(out: &mut Vec<u8>, written: u64, key: &[u8]) {
    out.clear();
    out.extend_from_slice(&written.to_be_bytes());
    if is_expiry_long(key) {
        out.extend_from_slice(key);
    }
}

/// How the keys of the notes begin that say in which namespaces keys have metadata.
pub(crate) const METADATA_NOTE: &[u8] = b"metadata:";

/// The key of the note that keys of a namespace have metadata.
pub(crate) fn metadata_note(namespace: NamespaceId) -> Vec<u8> {
    [METADATA_NOTE, &namespace.0.to_be_bytes()].concat()
}

/// Whether a key stands in the value of its expiry row.
pub(crate) fn is_expiry_long(key: &[u8]) -> bool {
    key.len() > PLAIN_BYTES_MAX
}

/// An expiry row, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExpiryRow<'a> {
    pub(crate) at: u64,
    pub(crate) written: u64,
    pub(crate) namespace: NamespaceId,
    pub(crate) key: &'a [u8],
}

/// Reads an expiry row.
pub(crate) fn parse_expiry<'a>(row: &'a [u8], value: &'a [u8]) -> Option<ExpiryRow<'a>> {
    let (at, rest) = row.split_first_chunk()?;
    let (namespace, rest) = rest.split_first_chunk()?;
    let (tag, plain) = rest.split_first()?;
    let (written, long) = value.split_first_chunk()?;
    Some(ExpiryRow {
        at: u64::from_be_bytes(*at),
        written: u64::from_be_bytes(*written),
        namespace: NamespaceId(u32::from_be_bytes(*namespace)),
        key: if *tag == 0 { plain } else { long },
    })
}

fn put_plain_or_hash(out: &mut Vec<u8>, key: &[u8]) {
    if key.len() > PLAIN_BYTES_MAX {
        out.extend_from_slice(sha256_parts(&[key]).as_ref());
    } else {
        out.extend_from_slice(key);
    }
}
