//! What explanations ask of the channel's past beside the state: where ids are, who wrote a version,
//! who removed a key.

use std::collections::HashMap;

use super::reason::{Removed, TxRef, Writer};
use crate::decode::decode_transaction;
use crate::ledger::{self, Ledger, TxKey, TxLocation};
use crate::proto::common::Block;
use crate::proto::wire::Message;
use crate::types::{BlockNumber, Namespace, NamespaceRef, Version};

/// The past of a channel.
pub(super) trait Past: Sync {
    /// The first transaction with an id, anywhere in the ledger.
    ///
    /// # Errors
    /// The ledger failed.
    fn locate(&self, id: &TxKey) -> Result<Option<TxLocation>, ledger::Error>;

    /// The id of the transaction at a height; `None` where there is none.
    ///
    /// # Errors
    /// The ledger failed.
    fn tx_id(&self, at: Version) -> Result<Option<String>, ledger::Error>;

    /// How a key that was there went before a block; `None` where nobody knows.
    ///
    /// # Errors
    /// The ledger failed.
    fn removal(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
        before: BlockNumber,
    ) -> Result<Option<Removal>, ledger::Error>;
}

/// How a key went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Removal {
    /// The block and the transaction that removed it.
    pub(super) at: Version,
    /// Whether its time to live was over.
    pub(super) expired: bool,
}

impl dyn Past + '_ {
    /// The transaction at a height.
    pub(super) fn tx(&self, at: Version) -> Result<TxRef, ledger::Error> {
        Ok(TxRef {
            block: at.block,
            tx: at.tx,
            txid: self.tx_id(at)?,
        })
    }

    /// Who gave a key its version, or who removed it.
    pub(super) fn writer(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
        found: Option<Version>,
        before: BlockNumber,
    ) -> Result<Writer, ledger::Error> {
        if let Some(found) = found {
            return Ok(Writer::Wrote(self.tx(found)?));
        }
        Ok(match self.removal(namespace, key, before)? {
            None => Writer::Nobody,
            Some(Removal { at, expired: true }) => {
                Writer::Removed(Removed::Expired { block: at.block })
            }
            Some(Removal { at, expired: false }) => Writer::Removed(Removed::By(self.tx(at)?)),
        })
    }
}

/// Keys that are gone, with how they went.
pub(super) type Removals = HashMap<(Namespace, Vec<u8>), Removal>;

/// The past as the ledger has it.
pub(super) struct LedgerPast<'l> {
    pub(super) ledger: &'l Ledger,
    /// Removals of hashed keys, which have no history; what a replay has seen of them.
    pub(super) removals: Removals,
}

impl Past for LedgerPast<'_> {
    fn locate(&self, id: &TxKey) -> Result<Option<TxLocation>, ledger::Error> {
        self.ledger.view()?.tx(id)
    }

    fn tx_id(&self, at: Version) -> Result<Option<String>, ledger::Error> {
        let block = self.ledger.view()?.block(BlockNumber(at.block))?;
        Ok(block.and_then(|block| tx_id(block.as_ref(), at.tx)))
    }

    fn removal(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
        before: BlockNumber,
    ) -> Result<Option<Removal>, ledger::Error> {
        if namespace.collection.is_some() {
            let key = (namespace.to_owned(), key.to_vec());
            return Ok(self.removals.get(&key).copied());
        }
        let at = last_change(&self.ledger.view()?, namespace.name, key, before)?;
        Ok(at.map(|at| Removal { at, expired: false }))
    }
}

/// The last version that a public key had before a block, a delete included.
///
/// # Errors
/// The ledger failed.
pub(super) fn last_change(
    view: &ledger::View,
    chaincode: &str,
    key: &[u8],
    before: BlockNumber,
) -> Result<Option<Version>, ledger::Error> {
    let mut found = None;
    view.history(chaincode, key, &mut |version| {
        found = (version.block < before.0).then_some(version);
        found.is_none()
    })?;
    Ok(found)
}

/// The id that a stored transaction claims.
pub(super) fn tx_id(block: &[u8], tx: u64) -> Option<String> {
    let block = Block::decode(block).ok()?;
    let data = block.data?;
    let envelope = data.data.get(usize::try_from(tx).ok()?)?;
    let id = decode_transaction(envelope).index_id.as_str().to_owned();
    (!id.is_empty()).then_some(id)
}
