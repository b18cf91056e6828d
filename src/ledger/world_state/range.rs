//! Reading keys of a namespace in their order, some at a time.

use std::collections::BTreeMap;
use std::iter::Peekable;

use super::keys::{NamespaceId, RowKey, parse_state_key, state_seek};
use super::merged::MergedRows;
use super::rows::StateRow;
use super::runs::StateRows;
use crate::ledger::batch::StateValue;
use crate::ledger::error::Error;
use crate::limits::RANGE_CHUNK_BYTES_MAX;
use crate::sys::lmdb::{LmdbError, ReadTxn};

/// What to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RangeQuery<'a> {
    pub(crate) namespace: NamespaceId,
    /// The first key.
    pub(crate) start: &'a [u8],
    /// The key before which it ends, if there is a bound.
    pub(crate) end: Option<&'a [u8]>,
    /// How many keys at most, at least one.
    pub(crate) keys_max: usize,
}

/// Keys in their order.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// Key and state.
    pub(crate) rows: Vec<(Vec<u8>, StateValue)>,
    /// Whether there may be more keys behind the last one.
    pub(crate) more: bool,
}

/// Why reading a chunk failed.
#[derive(Debug)]
pub(crate) enum ChunkError {
    Lmdb(LmdbError),
    Damaged,
}

impl From<LmdbError> for ChunkError {
    fn from(error: LmdbError) -> Self {
        Self::Lmdb(error)
    }
}

impl ChunkError {
    /// As an error of the ledger.
    pub(crate) fn into_error(self, failed: impl Fn(LmdbError) -> Error) -> Error {
        match self {
            Self::Lmdb(error) => failed(error),
            Self::Damaged => Error::DamagedRow { table: "state" },
        }
    }
}

/// Reads the first keys of a range. Memory is bounded: of a group of long keys with one prefix, which
/// is stored in another order, only those that fit are kept at a time.
pub(super) fn read_chunk(
    txn: &ReadTxn,
    state: &StateRows,
    query: &RangeQuery<'_>,
) -> Result<Chunk, ChunkError> {
    let mut seek = Vec::new();
    state_seek(&mut seek, query.namespace, query.start);
    let mut rows = state.rows(txn, &seek)?.peekable();
    let mut chunk = Builder {
        query,
        rows: Vec::new(),
        bytes: 0,
    };
    while let Some(row) = rows.next() {
        let (row_key, row_value) = row?;
        let more = match parse_state_key(row_key, query.namespace) {
            None => More::No,
            Some(RowKey::Plain(key)) => {
                let row = StateRow::parse(row_value, false).ok_or(ChunkError::Damaged)?;
                chunk.plain(key, row)
            }
            Some(RowKey::Long(prefix)) => chunk.group(prefix, row_value, &mut rows)?,
        };
        match more {
            More::Yes => {}
            More::No => {
                return Ok(Chunk {
                    rows: chunk.rows,
                    more: false,
                });
            }
            More::Later => {
                return Ok(Chunk {
                    rows: chunk.rows,
                    more: true,
                });
            }
        }
    }
    Ok(Chunk {
        rows: chunk.rows,
        more: false,
    })
}

/// Whether to go on.
enum More {
    /// There is room for more.
    Yes,
    /// The range is at its end.
    No,
    /// The chunk is full.
    Later,
}

struct Builder<'a> {
    query: &'a RangeQuery<'a>,
    rows: Vec<(Vec<u8>, StateValue)>,
    bytes: usize,
}

impl Builder<'_> {
    fn plain(&mut self, key: &[u8], row: StateRow<'_>) -> More {
        if self.is_behind(key) {
            return More::No;
        }
        if key >= self.query.start {
            self.push(key, row);
        }
        self.room()
    }

    /// Takes a group of long keys with one prefix, the first of which is `first`.
    fn group<'txn>(
        &mut self,
        prefix: &[u8],
        first: &'txn [u8],
        rows: &mut Peekable<MergedRows<'txn>>,
    ) -> Result<More, ChunkError> {
        let mut group = BTreeMap::new();
        let (mut bytes, mut past_end, mut dropped) = (0, false, false);
        let mut value = Some(first);
        while let Some(row) = value {
            let row = StateRow::parse(row, true).ok_or(ChunkError::Damaged)?;
            let key = row.long_key.ok_or(ChunkError::Damaged)?;
            if self.is_behind(key) {
                past_end = true;
            } else if key >= self.query.start {
                bytes += row_bytes(key, &row);
                group.insert(key, row);
                while group.len() > 1
                    && self.is_full(group.len() - 1, bytes)
                    && let Some((key, row)) = group.pop_last()
                {
                    bytes -= row_bytes(key, &row);
                    dropped = true;
                }
            }
            value = next_of_group(prefix, self.query.namespace, rows)?;
        }
        for (key, row) in group {
            self.push(key, row);
        }
        // Behind the group are only keys with a greater prefix.
        Ok(if dropped {
            More::Later
        } else if past_end {
            More::No
        } else {
            self.room()
        })
    }

    fn push(&mut self, key: &[u8], row: StateRow<'_>) {
        self.bytes += row_bytes(key, &row);
        self.rows.push((key.to_vec(), row.to_value()));
    }

    fn is_behind(&self, key: &[u8]) -> bool {
        self.query.end.is_some_and(|end| key >= end)
    }

    fn room(&self) -> More {
        if self.is_full(0, 0) {
            More::Later
        } else {
            More::Yes
        }
    }

    fn is_full(&self, more_rows: usize, more_bytes: usize) -> bool {
        self.rows.len() + more_rows >= self.query.keys_max
            || self.bytes + more_bytes >= RANGE_CHUNK_BYTES_MAX
    }
}

/// The value of the next row, if it is of the same group.
fn next_of_group<'txn>(
    prefix: &[u8],
    namespace: NamespaceId,
    rows: &mut Peekable<MergedRows<'txn>>,
) -> Result<Option<&'txn [u8]>, ChunkError> {
    let same = |row: &Result<(&[u8], &[u8]), LmdbError>| match row {
        Ok((key, _)) => parse_state_key(key, namespace) == Some(RowKey::Long(prefix)),
        Err(_) => true,
    };
    match rows.next_if(same) {
        Some(row) => Ok(Some(row?.1)),
        None => Ok(None),
    }
}

fn row_bytes(key: &[u8], row: &StateRow<'_>) -> usize {
    key.len() + row.metadata.len() + row.value.len()
}
