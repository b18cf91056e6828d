//! The transaction-id index: exact, and the first occurrence counts.
//!
//! A table with random keys, and so the dearest one. It is a type of its own, since it is what one
//! would replace first.

use super::rows::{parse_tx_row, tx_row};
use crate::ledger::tx_key::TxKey;
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

    /// The next keys behind `behind`, at most `count`, and the last of them as the table has it; `None`
    /// where they are the last ones.
    pub(crate) fn keys_behind(
        &self,
        txn: &ReadTxn,
        behind: &[u8],
        count: usize,
    ) -> Result<(Vec<TxKey>, Option<Vec<u8>>), LmdbError> {
        let mut keys = Vec::new();
        for row in txn.rows(self.table, behind)? {
            let (key, _) = row?;
            if key == behind {
                continue;
            }
            keys.push(TxKey::decode(key).ok_or(LmdbError::Corrupted)?);
            if keys.len() == count {
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

#[cfg(test)]
mod tests {
    //! The table read a few rows at a time.

    use super::TxIdIndex;
    use crate::crypto::sha256;
    use crate::ledger::tx_key::TxKey;
    use crate::sys::lmdb::{Env, EnvOptions};
    use crate::types::{BlockNumber, TxIndex};

    #[test]
    fn every_key_is_read_once_however_few_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let options = EnvOptions {
            map_bytes: 1 << 20,
            readers_max: 8,
            tables_max: 1,
        };
        let (env, mut writer) = Env::open(dir.path(), &options).unwrap();
        let index = TxIdIndex::new(writer.create_table("tx_ids").unwrap());
        let hashed = (0..10_u8).map(|number| TxKey::of(&sha256(&[number]).to_string()));
        let mut expected: Vec<TxKey> = hashed.chain([TxKey::of("odd"), TxKey::of("")]).collect();
        let mut txn = writer.begin().unwrap();
        let rows = expected
            .iter()
            .map(|key| (*key, BlockNumber(1), TxIndex(0)));
        index.add(&mut txn, rows).unwrap();
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
