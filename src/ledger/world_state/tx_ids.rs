//! The transaction-id index: exact, and the first occurrence counts.
//!
//! A table with random keys, and so the dearest one. It is a type of its own, since it is what one
//! would replace first.

use super::rows::{parse_tx_row, tx_row};
use crate::ledger::tx_key::TxKey;
use crate::limits::TX_FILTER_ROWS_PER_COMMIT;
use crate::sys::lmdb::{LmdbError, ReadTxn, Table, WriteTxn};
use crate::types::{BlockNumber, TxIndex};

/// Where transactions are, by id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TxIdIndex {
    table: Table,
}

impl TxIdIndex {
    /// The index in this table.
    pub(crate) fn new(table: Table) -> Self {
        Self { table }
    }

    /// Where the first transaction with this id is.
    pub(crate) fn find(
        &self,
        txn: &ReadTxn,
        key: &TxKey,
    ) -> Result<Option<(BlockNumber, TxIndex)>, LmdbError> {
        let mut buffer = [0; TxKey::BYTES_MAX];
        let row = txn.get(self.table, key.encode(&mut buffer))?;
        row.map(|row| parse_tx_row(row).ok_or(LmdbError::Corrupted))
            .transpose()
    }

    /// Whether there is a transaction with this id.
    pub(crate) fn contains(&self, txn: &ReadTxn, key: &TxKey) -> Result<bool, LmdbError> {
        let mut buffer = [0; TxKey::BYTES_MAX];
        Ok(txn.get(self.table, key.encode(&mut buffer))?.is_some())
    }

    /// The next keys behind `behind`, at most so many as a filter takes at once, and the last of them as
    /// the table has it; `None` where they are the last ones.
    pub(crate) fn keys_behind(
        &self,
        txn: &ReadTxn,
        behind: &[u8],
    ) -> Result<(Vec<TxKey>, Option<Vec<u8>>), LmdbError> {
        let mut keys = Vec::new();
        for row in txn.rows(self.table, behind)? {
            let (key, _) = row?;
            if key == behind {
                continue;
            }
            keys.push(TxKey::decode(key).ok_or(LmdbError::Corrupted)?);
            if keys.len() == TX_FILTER_ROWS_PER_COMMIT {
                return Ok((keys, Some(key.to_vec())));
            }
        }
        Ok((keys, None))
    }

    /// Adds transactions, earlier ones first where ids are equal. Ids that are there already stay.
    pub(crate) fn add(
        &self,
        txn: &mut WriteTxn<'_>,
        transactions: impl Iterator<Item = (TxKey, BlockNumber, TxIndex)>,
    ) -> Result<(), LmdbError> {
        let mut sorted: Vec<_> = transactions.collect();
        // By block and index too: of equal ids the first is put first, and stays.
        sorted.sort_unstable();
        let mut inserter = txn.inserter(self.table)?;
        let mut buffer = [0; TxKey::BYTES_MAX];
        for (key, block, index) in sorted {
            inserter.put_new(key.encode(&mut buffer), &tx_row(block, index))?;
        }
        Ok(())
    }
}
