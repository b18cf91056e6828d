//! A world state in memory: one map of keys, nothing clever.
//!
//! For those who need the state of a past height (explanations), and for tests. Bounded by what is
//! applied to it: the state's size and that of its block-to-live schedule.

use std::collections::{BTreeMap, BTreeSet};

use super::batch::{Effect, Expiry, StateValue, UpdateBatch};
use super::error::Error;
use super::state::StateReader;
use crate::types::{BlockNumber, Namespace, NamespaceRef};

/// The world state of one height.
#[derive(Debug, Clone, Default)]
pub struct MemoryState {
    /// Every key with its state.
    pub keys: BTreeMap<(Namespace, Vec<u8>), StateValue>,
    expiries: BTreeMap<BlockNumber, Vec<Expiry>>,
    with_metadata: BTreeSet<Namespace>,
}

impl MemoryState {
    /// Applies a block's updates.
    pub fn apply(&mut self, batch: &UpdateBatch) {
        for namespace in &batch.namespaces {
            for update in &namespace.updates {
                let key = (namespace.namespace.clone(), update.key.to_vec());
                match &update.effect {
                    Effect::Put { value, metadata } => {
                        if !metadata.is_empty() {
                            self.with_metadata.insert(namespace.namespace.clone());
                        }
                        let state = StateValue {
                            version: update.version,
                            value: value.to_vec(),
                            metadata: metadata.to_vec(),
                        };
                        self.keys.insert(key, state);
                    }
                    Effect::Delete | Effect::Expire => {
                        self.keys.remove(&key);
                    }
                }
            }
        }
        self.expiries.remove(&batch.block);
        for expiry in &batch.expiries {
            let due = self.expiries.entry(expiry.at).or_default();
            due.push(expiry.clone());
        }
    }

    /// The namespaces in which a key has or had metadata.
    pub fn namespaces_with_metadata(&self) -> impl Iterator<Item = &Namespace> {
        self.with_metadata.iter()
    }
}

impl StateReader for MemoryState {
    fn get(&self, namespace: NamespaceRef<'_>, key: &[u8]) -> Result<Option<StateValue>, Error> {
        let found = self.keys.get(&(namespace.to_owned(), key.to_vec()));
        Ok(found.cloned())
    }

    fn range(
        &self,
        namespace: NamespaceRef<'_>,
        start: &[u8],
        end: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &StateValue) -> bool,
    ) -> Result<(), Error> {
        let namespace = namespace.to_owned();
        for ((found, key), state) in self.keys.range((namespace.clone(), start.to_vec())..) {
            let inside = *found == namespace && end.is_none_or(|end| key.as_slice() < end);
            if !inside || !visit(key, state) {
                break;
            }
        }
        Ok(())
    }

    fn expiring(&self, block: BlockNumber) -> Result<Vec<Expiry>, Error> {
        Ok(self.expiries.get(&block).cloned().unwrap_or_default())
    }
}
