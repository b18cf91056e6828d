//! What the blocks in flight touch: the bookkeeping of back edge 2.
//!
//! A block is in flight from the moment it leaves endorsement until its transaction ids are in the
//! ledger. Of each, the stage remembers its ids, whether it may change a definition, and which keys
//! it writes in namespaces with key-level policies.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::error::Fault;
use crate::ledger::{self, StateReader, TxKey};
use crate::types::{BlockNumber, Namespace, NamespaceRef};

/// The state ahead of the ledger, as mvcc leaves it: what endorsement reads.
pub trait Frontier: Sync {
    /// What it looks like at one moment.
    type View: FrontierView;

    /// Waits until mvcc has validated `block`; `false` where it never will.
    fn wait_until_validated(&self, block: BlockNumber) -> bool;

    /// The frontier now, with the state after every block that mvcc has validated so far.
    ///
    /// # Errors
    /// The store failed.
    fn view(&self) -> Result<Self::View, ledger::Error>;
}

/// The frontier at one moment.
pub trait FrontierView: StateReader + Sync {
    /// Whether one of the blocks up to [`FrontierView::indexed`] has a transaction with this id.
    ///
    /// # Errors
    /// The store failed.
    fn contains_tx(&self, id: &TxKey) -> Result<bool, ledger::Error>;

    /// The last block whose transaction ids the view knows; `None` before the first.
    fn indexed(&self) -> Option<BlockNumber>;
}

/// The blocks that have left endorsement and are not in the ledger yet.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    /// Transaction ids by block, for forgetting them.
    ids_by_block: BTreeMap<BlockNumber, Vec<TxKey>>,
    /// How often blocks in flight have the id.
    ids: hashbrown::HashMap<TxKey, u32>,
    /// The last block that may have changed a definition since definitions were read.
    definitions_changed: Option<BlockNumber>,
    /// Namespaces in which some key has, had or may get metadata.
    with_metadata: HashSet<Namespace>,
    /// The last block in flight that writes a key, for the namespaces above.
    keys: HashMap<Namespace, HashMap<Box<[u8]>, BlockNumber>>,
}

impl InFlight {
    /// Starts with the namespaces in which keys have metadata already.
    pub(super) fn new(with_metadata: impl IntoIterator<Item = Namespace>) -> Self {
        Self {
            with_metadata: with_metadata.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Forgets the blocks whose ids are in the ledger.
    pub(super) fn forget_through(&mut self, indexed: Option<BlockNumber>) {
        let Some(indexed) = indexed else {
            return;
        };
        while let Some(entry) = self.ids_by_block.first_entry() {
            if *entry.key() > indexed {
                break;
            }
            for id in entry.remove() {
                if let Some(count) = self.ids.get_mut(&id) {
                    *count -= 1;
                    if *count == 0 {
                        self.ids.remove(&id);
                    }
                }
            }
        }
        for keys in self.keys.values_mut() {
            keys.retain(|_, block| *block > indexed);
        }
    }

    /// Whether a block in flight has this id.
    pub(super) fn contains_id(&self, id: &TxKey) -> bool {
        self.ids.contains_key(id)
    }

    /// Remembers the ids of a block, of all its transactions.
    pub(super) fn remember_ids(&mut self, block: BlockNumber, ids: impl Iterator<Item = TxKey>) {
        let ids: Vec<TxKey> = ids.collect();
        for id in &ids {
            *self.ids.entry(*id).or_default() += 1;
        }
        self.ids_by_block.insert(block, ids);
    }

    /// Notes that a block may change a definition.
    pub(super) fn note_definition_change(&mut self, block: BlockNumber) {
        self.definitions_changed = Some(block);
    }

    /// The block for which to wait before definitions are read again, if any changed.
    pub(super) fn take_definition_change(&mut self) -> Option<BlockNumber> {
        self.definitions_changed.take()
    }

    /// Whether a key of this namespace may have metadata.
    pub(super) fn may_have_metadata(&self, namespace: NamespaceRef<'_>) -> bool {
        // A set of owned names cannot be asked with borrowed ones; it has few entries.
        self.with_metadata
            .iter()
            .any(|known| known.as_ref() == namespace)
    }

    /// Whether any namespace has keys with metadata.
    pub(super) fn any_metadata(&self) -> bool {
        !self.with_metadata.is_empty()
    }

    /// From now on, keys of this namespace may have metadata.
    pub(super) fn note_metadata(&mut self, namespace: NamespaceRef<'_>) {
        if !self.may_have_metadata(namespace) {
            self.with_metadata.insert(namespace.to_owned());
        }
    }

    /// Notes that a block writes a key, if the key may have metadata.
    pub(super) fn note_key(&mut self, namespace: NamespaceRef<'_>, key: &[u8], block: BlockNumber) {
        if self.may_have_metadata(namespace) {
            let keys = self.keys.entry(namespace.to_owned()).or_default();
            keys.insert(key.into(), block);
        }
    }

    /// The last block in flight that writes the key.
    pub(super) fn last_writer(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
    ) -> Option<BlockNumber> {
        let (_, keys) = self
            .keys
            .iter()
            .find(|(known, _)| known.as_ref() == namespace)?;
        keys.get(key).copied()
    }
}

/// Waits until mvcc is through with `block`.
pub(super) fn wait<F: Frontier>(
    frontier: &F,
    block: BlockNumber,
    waiting: BlockNumber,
) -> Result<(), Fault> {
    if frontier.wait_until_validated(block) {
        Ok(())
    } else {
        Err(Fault::Interrupted { block: waiting })
    }
}
