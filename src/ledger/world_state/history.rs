//! The history of keys: which transactions wrote them.

use super::keys::{self, NamespaceId};
use super::segments::Segmented;
use crate::ledger::batch::HistoryEntry;
use crate::ledger::pending::KeyHash;
use crate::limits::RANGE_CHUNK_KEYS_MAX;
use crate::sys::lmdb::{LmdbError, ReadTxn, WriteTxn};
use crate::types::Version;

/// The versions that keys had, newest first.
#[derive(Debug, Clone, Copy)]
pub(super) struct HistoryIndex {
    table: Segmented,
}

impl HistoryIndex {
    /// The index in this table.
    pub(super) fn new(table: Segmented) -> Self {
        Self { table }
    }

    /// Versions of a key below `below`, newest first, some at a time.
    pub(super) fn chunk(
        &self,
        txn: &ReadTxn,
        namespace: NamespaceId,
        key: &[u8],
        below: Option<Version>,
    ) -> Result<Vec<Version>, LmdbError> {
        let (mut prefix, mut seek) = (Vec::new(), Vec::new());
        keys::history_prefix(&mut prefix, 0, namespace, key);
        let hash = hash_of_key(keys::without_segment(&prefix));
        let mut versions = Vec::new();
        for segment in self.table.candidates(txn, hash)?.into_iter().rev() {
            keys::history_prefix(&mut prefix, segment, namespace, key);
            seek.clone_from(&prefix);
            if let Some(version) = below {
                keys::put_version(&mut seek, version);
            }
            for row in txn.rows(self.table.rows, &seek)? {
                let (row, _) = row?;
                if !row.starts_with(&prefix) {
                    break;
                }
                if versions.len() == RANGE_CHUNK_KEYS_MAX {
                    return Ok(versions);
                }
                let version = keys::parse_history_version(row, &prefix);
                let version = version.ok_or(LmdbError::Corrupted)?;
                if Some(version) != below {
                    versions.push(version);
                }
            }
        }
        Ok(versions)
    }

    /// Adds versions to a segment. Returns how many.
    pub(super) fn add(
        &self,
        txn: &mut WriteTxn<'_>,
        segment: u32,
        mut entries: Vec<(NamespaceId, &HistoryEntry)>,
    ) -> Result<u64, LmdbError> {
        // Not quite the order of the rows, but near enough to find the page in the cache.
        entries.sort_by(|(a_id, a), (b_id, b)| {
            (a_id, a.key.len(), &a.key).cmp(&(b_id, b.key.len(), &b.key))
        });
        let count = entries.len() as u64;
        let mut key = Vec::new();
        let mut inserter = txn.inserter(self.table.rows)?;
        for (namespace, entry) in entries {
            keys::history_prefix(&mut key, segment, namespace, &entry.key);
            keys::put_version(&mut key, entry.version);
            inserter.put(&key, &[])?;
        }
        Ok(count)
    }

    /// Closes a segment.
    pub(super) fn close(&self, txn: &mut WriteTxn<'_>, segment: u32) -> Result<(), LmdbError> {
        self.table.close(txn, segment, |row| {
            let key = row.len().checked_sub(keys::VERSION_BYTES)?;
            Some(hash_of_key(row.get(..key)?))
        })
    }
}

/// What stands in filters for the namespace and key of a row.
fn hash_of_key(key: &[u8]) -> KeyHash {
    KeyHash::of_bytes(0, key)
}
