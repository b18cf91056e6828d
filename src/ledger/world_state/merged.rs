//! Rows of several tables or parts of tables in the order of their keys, of each key the newest.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::keys::put_segment;
use crate::sys::lmdb::{LmdbError, Rows};

/// One of them: rows in their order, all of which begin with a prefix.
#[derive(Debug)]
pub(super) struct Source<'txn> {
    rows: Rows<'txn>,
    prefix: Vec<u8>,
}

impl<'txn> Source<'txn> {
    /// All rows.
    pub(super) fn whole(rows: Rows<'txn>) -> Self {
        Self {
            rows,
            prefix: Vec::new(),
        }
    }

    /// The rows of a run.
    pub(super) fn run(rows: Rows<'txn>, run: u32) -> Self {
        let mut prefix = Vec::new();
        put_segment(&mut prefix, run);
        Self { rows, prefix }
    }

    fn next(&mut self) -> Result<Option<Row<'txn>>, LmdbError> {
        let Some((row, value)) = self.rows.next().transpose()? else {
            return Ok(None);
        };
        let key = row.strip_prefix(self.prefix.as_slice());
        Ok(key.map(|key| (key, value)))
    }
}

/// Key, without the prefix, and value.
type Row<'txn> = (&'txn [u8], &'txn [u8]);

/// What stands next in a source: its key, then which one, the newest first.
type Head<'txn> = Reverse<(&'txn [u8], usize, &'txn [u8])>;

/// The rows of all sources. A row without value says that its key is deleted.
#[derive(Debug)]
pub(super) struct MergedRows<'txn> {
    /// The newest first.
    sources: Vec<Source<'txn>>,
    heads: BinaryHeap<Head<'txn>>,
    /// Whether deleted keys are told of.
    with_deleted: bool,
}

impl<'txn> MergedRows<'txn> {
    /// Merges sources, the newest first.
    pub(super) fn new(sources: Vec<Source<'txn>>, with_deleted: bool) -> Result<Self, LmdbError> {
        let mut merged = Self {
            heads: BinaryHeap::with_capacity(sources.len()),
            sources,
            with_deleted,
        };
        for at in 0..merged.sources.len() {
            merged.advance(at)?;
        }
        Ok(merged)
    }

    fn advance(&mut self, at: usize) -> Result<(), LmdbError> {
        if let Some(source) = self.sources.get_mut(at)
            && let Some((key, value)) = source.next()?
        {
            self.heads.push(Reverse((key, at, value)));
        }
        Ok(())
    }

    fn next_row(&mut self) -> Result<Option<Row<'txn>>, LmdbError> {
        while let Some(Reverse((key, at, value))) = self.heads.pop() {
            self.advance(at)?;
            // Older rows of the key.
            while let Some(Reverse((other, at, _))) = self.heads.peek()
                && *other == key
            {
                let at = *at;
                self.heads.pop();
                self.advance(at)?;
            }
            if self.with_deleted || !value.is_empty() {
                return Ok(Some((key, value)));
            }
        }
        Ok(None)
    }
}

impl<'txn> Iterator for MergedRows<'txn> {
    type Item = Result<Row<'txn>, LmdbError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_row().transpose()
    }
}
