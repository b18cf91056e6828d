//! The transaction-id index: exact, and the first occurrence counts.
//!
//! An id may stand in several segments of the table; the oldest row counts.

use super::keys;
use super::rows::{parse_tx_row, tx_row};
use super::segments::Segmented;
use crate::ledger::pending::{KeyFilter, KeyHash};
use crate::ledger::tx_key::TxKey;
use crate::sys::lmdb::{LmdbError, ReadTxn, WriteTxn};
use crate::types::{BlockNumber, TxIndex};

/// Where transactions are, by id.
#[derive(Debug, Clone, Copy)]
pub(super) struct TxIdIndex {
    table: Segmented,
}

impl TxIdIndex {
    /// The index in this table.
    pub(crate) fn new(table: Segmented) -> Self {
        Self { table }
    }

    /// Where the first transaction with this id is.
    pub(crate) fn find(
        &self,
        txn: &ReadTxn,
        key: &TxKey,
    ) -> Result<Option<(BlockNumber, TxIndex)>, LmdbError> {
        let mut row_key = Vec::new();
        for segment in self.table.candidates(txn, KeyHash::of_tx(key))? {
            put_row_key(&mut row_key, segment, key);
            if let Some(row) = txn.get(self.table.rows, &row_key)? {
                return parse_tx_row(row).map(Some).ok_or(LmdbError::Corrupted);
            }
        }
        Ok(None)
    }

    /// Whether there is a transaction with this id.
    pub(crate) fn contains(&self, txn: &ReadTxn, key: &TxKey) -> Result<bool, LmdbError> {
        Ok(self.find(txn, key)?.is_some())
    }

    /// The filters of the closed segments; `None` where they have more than `bytes_max` bytes.
    pub(super) fn closed_filters(
        &self,
        txn: &ReadTxn,
        bytes_max: usize,
    ) -> Result<Option<Vec<KeyFilter>>, LmdbError> {
        self.table.closed(txn, bytes_max)
    }

    /// Where the rows of a segment begin, for [`TxIdIndex::keys_behind`].
    pub(super) fn before(segment: u32) -> Vec<u8> {
        let mut key = Vec::new();
        keys::put_segment(&mut key, segment);
        key
    }

    /// The next keys behind `behind`, at most `count`, and the last of them as the table has it; `None`
    /// where they are the last ones.
    pub(crate) fn keys_behind(
        &self,
        txn: &ReadTxn,
        behind: &[u8],
        count: usize,
    ) -> Result<(Vec<TxKey>, Option<Vec<u8>>), LmdbError> {
        let mut keys = Vec::new();
        for row in txn.rows(self.table.rows, behind)? {
            let (key, _) = row?;
            if key == behind {
                continue;
            }
            keys.push(parse_row_key(key).ok_or(LmdbError::Corrupted)?);
            if keys.len() == count {
                return Ok((keys, Some(key.to_vec())));
            }
        }
        Ok((keys, None))
    }

    /// Adds transactions to a segment. Of equal ids the first stays. Returns how many there were.
    pub(crate) fn add(
        &self,
        txn: &mut WriteTxn<'_>,
        segment: u32,
        transactions: impl Iterator<Item = (TxKey, BlockNumber, TxIndex)>,
    ) -> Result<u64, LmdbError> {
        let mut sorted: Vec<_> = transactions.collect();
        // By block and index too: of equal ids the first is put first, and stays.
        sorted.sort_unstable();
        let count = sorted.len() as u64;
        let mut inserter = txn.inserter(self.table.rows)?;
        let mut row_key = Vec::new();
        for (key, block, index) in sorted {
            put_row_key(&mut row_key, segment, &key);
            inserter.put_new(&row_key, &tx_row(block, index))?;
        }
        Ok(count)
    }

    /// Closes a segment.
    pub(super) fn close(&self, txn: &mut WriteTxn<'_>, segment: u32) -> Result<(), LmdbError> {
        self.table.close(txn, segment, |row| {
            TxKey::decode(row).as_ref().map(KeyHash::of_tx)
        })
    }
}

fn put_row_key(out: &mut Vec<u8>, segment: u32, key: &TxKey) {
    keys::put_segment(out, segment);
    out.extend_from_slice(key.encode(&mut [0; TxKey::BYTES_MAX]));
}

fn parse_row_key(row: &[u8]) -> Option<TxKey> {
    TxKey::decode(keys::without_segment(row))
}

#[cfg(test)]
mod tests {
    //! The table read a few rows at a time.

    use super::TxIdIndex;
    use crate::crypto::sha256;
    use crate::ledger::tx_key::TxKey;
    use crate::ledger::world_state::segments::{Kind, Segmented};
    use crate::sys::lmdb::{Env, EnvOptions};
    use crate::types::{BlockNumber, TxIndex};

    #[test]
    fn every_key_is_read_once_however_few_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let options = EnvOptions {
            map_bytes: 1 << 20,
            readers_max: 8,
            tables_max: 2,
        };
        let (env, mut writer) = Env::open(dir.path(), &options).unwrap();
        let index = TxIdIndex::new(Segmented {
            rows: writer.create_table("tx_ids").unwrap(),
            filters: writer.create_table("filters").unwrap(),
            kind: Kind::TxIds,
        });
        let hashed = (0..10_u8).map(|number| TxKey::of(&sha256(&[number]).to_string()));
        let mut expected: Vec<TxKey> = hashed.chain([TxKey::of("odd"), TxKey::of("")]).collect();
        let mut txn = writer.begin().unwrap();
        let rows = expected
            .iter()
            .map(|key| (*key, BlockNumber(1), TxIndex(0)));
        index.add(&mut txn, 0, rows).unwrap();
        txn.commit().unwrap();
        expected.sort_unstable();
        for count in [1, 5, 12, 100] {
            let (mut found, mut behind) = (Vec::new(), Vec::new());
            loop {
                let txn = env.read().unwrap();
                let (keys, last) = index.keys_behind(&txn, &behind, count).unwrap();
                assert!(keys.len() <= count);
                found.extend(keys);
                let Some(last) = last else { break };
                behind = last;
            }
            found.sort_unstable();
            assert_eq!(found, expected, "{count} at a time");
        }
    }
}
