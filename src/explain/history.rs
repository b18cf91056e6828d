//! The state of a past height, looked up key by key: the history index says which transaction wrote a
//! public key last before that height, and its block what.
//!
//! The clever path; [`super::replay`] is its dumb twin. It knows when it cannot answer: hashed keys
//! have no history, ranges would need all keys, metadata-only writes are not in the history, and what
//! a transaction that writes a key twice leaves depends on what was there. [`HistoricState::sufficed`]
//! then says no, and whatever was found out with it is void.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::past::last_change;
use crate::decode::{DecodedBlock, SignedKind, TxBody, decode_block};
use crate::ingress::RawBlock;
use crate::ledger::{Error, Expiry, StateReader, StateValue, View};
use crate::rwset::is_delete;
use crate::sys::process::CpuMeter;
use crate::types::{BlockNumber, Namespace, NamespaceRef, Version};

/// Decoded blocks that are kept: most keys that one transaction needs were written apart.
const BLOCKS_KEPT: usize = 16;

/// The state before a block.
pub(super) struct HistoricState {
    view: View,
    before: BlockNumber,
    /// Keys of these may have been changed by metadata-only writes.
    with_metadata: Vec<Namespace>,
    blocks: Mutex<HashMap<BlockNumber, Arc<DecodedBlock>>>,
    insufficient: AtomicBool,
}

/// What a block did to a key.
enum Written {
    Put(Vec<u8>),
    Deleted,
    /// Cannot be told from the transaction alone.
    Unclear,
}

impl HistoricState {
    /// The state before `before`.
    pub(super) fn new(view: View, before: BlockNumber, with_metadata: Vec<Namespace>) -> Self {
        Self {
            view,
            before,
            with_metadata,
            blocks: Mutex::default(),
            insufficient: AtomicBool::new(false),
        }
    }

    /// Whether every answer so far was right.
    pub(super) fn sufficed(&self) -> bool {
        // Ordering: asked after everything that may have set it, on the same thread.
        !self.insufficient.load(Ordering::Relaxed)
    }

    fn give_up<T: Default>(&self) -> Result<T, Error> {
        self.insufficient.store(true, Ordering::Relaxed);
        Ok(T::default())
    }

    /// What transaction `at` wrote to a public key.
    fn written(&self, name: &str, key: &[u8], at: Version) -> Result<Written, Error> {
        let Some(block) = self.block(BlockNumber(at.block))? else {
            return Ok(Written::Unclear);
        };
        let transactions = &block.contents().transactions;
        let transaction = usize::try_from(at.tx).map(|tx| transactions.get(tx));
        let Ok(Some(TxBody::Signed {
            kind: SignedKind::Endorser(endorser),
            ..
        })) = transaction.map(|found| found.map(|found| &found.body))
        else {
            return Ok(Written::Unclear);
        };
        let Ok(call) = &endorser.action else {
            return Ok(Written::Unclear);
        };
        let Some(ns) = call.rwset.namespace(name) else {
            return Ok(Written::Unclear);
        };
        let mut writes = ns.writes.iter().filter(|write| write.key.as_bytes() == key);
        // A collection without a name writes public keys, too.
        let odd = ns.collections.iter().any(|found| found.name.is_empty());
        Ok(match (writes.next(), writes.next()) {
            (Some(write), None) if !odd && is_delete(write) => Written::Deleted,
            (Some(write), None) if !odd => Written::Put(write.value.to_vec()),
            _ => Written::Unclear,
        })
    }

    fn block(&self, number: BlockNumber) -> Result<Option<Arc<DecodedBlock>>, Error> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = blocks.get(&number) {
            return Ok(Some(Arc::clone(block)));
        }
        let Some(bytes) = self.view.block(number)? else {
            return Ok(None);
        };
        let raw = RawBlock::new(number, Bytes::from_owner(bytes));
        let Ok(block) = decode_block(raw, &CpuMeter::default()).map(Arc::new) else {
            return Ok(None);
        };
        if blocks.len() >= BLOCKS_KEPT {
            blocks.clear();
        }
        blocks.insert(number, Arc::clone(&block));
        Ok(Some(block))
    }
}

impl StateReader for HistoricState {
    fn get(&self, namespace: NamespaceRef<'_>, key: &[u8]) -> Result<Option<StateValue>, Error> {
        let mut unclear = self.with_metadata.iter();
        let unclear = unclear.any(|known| known.as_ref() == namespace);
        if unclear || namespace.collection.is_some() || namespace.name.is_empty() {
            return self.give_up();
        }
        let Some(version) = last_change(&self.view, namespace.name, key, self.before)? else {
            // Where histories are not kept, a key can be there without one.
            let now = self.view.version(namespace, key)?;
            return match now {
                Some(now) if now.block < self.before.0 => self.give_up(),
                _ => Ok(None),
            };
        };
        match self.written(namespace.name, key, version)? {
            Written::Deleted => Ok(None),
            Written::Put(value) => Ok(Some(StateValue {
                version,
                value,
                metadata: Vec::new(),
            })),
            Written::Unclear => self.give_up(),
        }
    }

    fn range(
        &self,
        _namespace: NamespaceRef<'_>,
        _start: &[u8],
        _end: Option<&[u8]>,
        _visit: &mut dyn FnMut(&[u8], &StateValue) -> bool,
    ) -> Result<(), Error> {
        self.give_up()
    }

    /// None: keys expire at the end of a block, which no verdict in it depends on.
    fn expiring(&self, _block: BlockNumber) -> Result<Vec<Expiry>, Error> {
        Ok(Vec::new())
    }
}
