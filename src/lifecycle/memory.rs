//! A world state in memory, for tests: sorted maps, nothing clever.

use std::collections::BTreeMap;

use crate::ledger::{Effect, Error, Expiry, StateReader, StateValue, UpdateBatch};
use crate::types::{BlockNumber, Namespace, NamespaceRef, Version};

/// A world state in sorted maps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MemoryState {
    pub(crate) namespaces: BTreeMap<Namespace, BTreeMap<Vec<u8>, StateValue>>,
    pub(crate) expiries: Vec<Expiry>,
}

impl MemoryState {
    /// Sets a key, at version (1, 0) and without metadata.
    pub(crate) fn put(&mut self, namespace: NamespaceRef<'_>, key: &[u8], value: &[u8]) {
        self.put_at(namespace, key, value, b"", Version { block: 1, tx: 0 });
    }

    /// Sets a key.
    pub(crate) fn put_at(
        &mut self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
        value: &[u8],
        metadata: &[u8],
        version: Version,
    ) {
        let state = StateValue {
            version,
            value: value.to_vec(),
            metadata: metadata.to_vec(),
        };
        self.namespaces
            .entry(namespace.to_owned())
            .or_default()
            .insert(key.to_vec(), state);
    }

    /// Does what committing a block does.
    pub(crate) fn apply(&mut self, batch: &UpdateBatch) {
        for updates in &batch.namespaces {
            let keys = self
                .namespaces
                .entry(updates.namespace.clone())
                .or_default();
            for update in &updates.updates {
                match &update.effect {
                    Effect::Put { value, metadata } => {
                        let (value, metadata) = (value.to_vec(), metadata.to_vec());
                        let state = StateValue {
                            version: update.version,
                            value,
                            metadata,
                        };
                        keys.insert(update.key.to_vec(), state);
                    }
                    Effect::Delete | Effect::Expire => drop(keys.remove(&*update.key)),
                }
            }
        }
        self.namespaces.retain(|_, keys| !keys.is_empty());
        self.expiries.extend(batch.expiries.iter().cloned());
    }
}

impl StateReader for MemoryState {
    fn get(&self, namespace: NamespaceRef<'_>, key: &[u8]) -> Result<Option<StateValue>, Error> {
        let keys = self.namespaces.get(&namespace.to_owned());
        Ok(keys.and_then(|keys| keys.get(key)).cloned())
    }

    fn range(
        &self,
        namespace: NamespaceRef<'_>,
        start: &[u8],
        end: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &StateValue) -> bool,
    ) -> Result<(), Error> {
        for (key, state) in self
            .namespaces
            .get(&namespace.to_owned())
            .into_iter()
            .flatten()
        {
            let inside = &**key >= start && end.is_none_or(|end| &**key < end);
            if inside && !visit(key, state) {
                break;
            }
        }
        Ok(())
    }

    fn expiring(&self, block: BlockNumber) -> Result<Vec<Expiry>, Error> {
        Ok(self
            .expiries
            .iter()
            .filter(|expiry| expiry.at == block)
            .cloned()
            .collect())
    }
}
