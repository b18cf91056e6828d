//! Tables that are cut by time: history and transaction ids, whose keys come in no order.
//!
//! In a large tree each new row with such a key lands on a page of its own, which a commit then writes
//! whole. Here a row's key begins with the number of a segment, and new rows go to the open one, which is
//! small enough for many rows of a group to share a page. Once it has its rows it is closed: a filter of
//! its keys is stored, and look-ups pass over the segments that certainly do not have a key.
//!
//! Invariants:
//! - the rows of a segment are of later blocks than those of all segments before it;
//! - each closed segment has a filter, stored by the write transaction that closed it, and gets no more
//!   rows; the open segment, which has none, is the next number;
//! - a filter has no false negative, so what a look-up finds does not depend on it.

use super::keys::put_segment;
use crate::ledger::pending::{KeyFilter, KeyHash};
use crate::sys::lmdb::{LmdbError, ReadTxn, Table, WriteTxn};

/// The segment that new rows go to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct OpenSegment {
    /// Its number.
    pub(super) number: u32,
    /// How many rows it has, of all tables.
    pub(super) rows: u64,
}

impl OpenSegment {
    /// As it is stored.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = self.number.to_le_bytes().to_vec();
        out.extend_from_slice(&self.rows.to_le_bytes());
        out
    }

    /// Reads what was stored.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (number, rows) = bytes.split_first_chunk()?;
        Some(Self {
            number: u32::from_le_bytes(*number),
            rows: u64::from_le_bytes(rows.try_into().ok()?),
        })
    }
}

/// Which of the tables that share the table of filters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    History = 1,
    TxIds = 2,
}

/// A table that is cut by time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segmented {
    /// Segment, then what the table has for a key: its value.
    pub(super) rows: Table,
    /// Kind, segment: the filter of a closed segment.
    pub(super) filters: Table,
    pub(super) kind: Kind,
}

impl Segmented {
    /// The segments that may have a key, oldest first; the open one is always among them.
    pub(super) fn candidates(&self, txn: &ReadTxn, key: KeyHash) -> Result<Vec<u32>, LmdbError> {
        let mut open = 0;
        let mut found = Vec::new();
        for row in txn.rows(self.filters, &[self.kind as u8])? {
            let (row, filter) = row?;
            let Some((_, segment)) = row
                .split_first()
                .filter(|(kind, _)| **kind == self.kind as u8)
            else {
                break;
            };
            let segment = segment.try_into().map_err(|_| LmdbError::Corrupted)?;
            let segment = u32::from_be_bytes(segment);
            if KeyFilter::stored_contains(filter, key) {
                found.push(segment);
            }
            open = segment.checked_add(1).ok_or(LmdbError::Corrupted)?;
        }
        found.push(open);
        Ok(found)
    }

    /// The filters of all closed segments, copied; `None` where they have more than `bytes_max` bytes, or
    /// one is none.
    pub(super) fn closed(
        &self,
        txn: &ReadTxn,
        bytes_max: usize,
    ) -> Result<Option<Vec<KeyFilter>>, LmdbError> {
        let (mut filters, mut bytes) = (Vec::new(), 0);
        for row in txn.rows(self.filters, &[self.kind as u8])? {
            let (row, stored) = row?;
            if row.first() != Some(&(self.kind as u8)) {
                break;
            }
            bytes += stored.len();
            let filter = KeyFilter::of_stored(stored).filter(|_| bytes <= bytes_max);
            let Some(filter) = filter else {
                return Ok(None);
            };
            filters.push(filter);
        }
        Ok(Some(filters))
    }

    /// Stores the filter of a segment, which then is closed. `hash` says what stands for a row's key,
    /// given without its segment.
    pub(super) fn close(
        &self,
        txn: &mut WriteTxn<'_>,
        segment: u32,
        hash: impl Fn(&[u8]) -> Option<KeyHash>,
    ) -> Result<(), LmdbError> {
        let mut prefix = Vec::new();
        put_segment(&mut prefix, segment);
        let mut hashes = Vec::new();
        for row in txn.rows(self.rows, &prefix)? {
            let (row, _) = row?;
            let Some(key) = row.strip_prefix(prefix.as_slice()) else {
                break;
            };
            hashes.push(hash(key).ok_or(LmdbError::Corrupted)?);
        }
        let mut filter = KeyFilter::with_keys(hashes.len());
        hashes.into_iter().for_each(|hash| filter.insert(hash));
        let key = [&[self.kind as u8], prefix.as_slice()].concat();
        txn.put(self.filters, &key, &filter.to_bytes())
    }
}
