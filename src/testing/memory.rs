//! A ledger in memory, as dumb as can be: a map of keys, a set of ids.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::endorsement::{Frontier, FrontierView};
use crate::ledger::{Effect, Error, Expiry, StateReader, StateValue, UpdateBatch};
use crate::types::{BlockNumber, Namespace, NamespaceRef};

/// The world state of one height.
#[derive(Debug, Clone, Default)]
pub struct MemoryState {
    /// Every key with its state.
    pub keys: BTreeMap<(Namespace, Vec<u8>), StateValue>,
    expiries: Vec<Expiry>,
}

impl MemoryState {
    /// Applies a block's updates.
    pub fn apply(&mut self, batch: &UpdateBatch) {
        for namespace in &batch.namespaces {
            for update in &namespace.updates {
                let key = (namespace.namespace.clone(), update.key.to_vec());
                match &update.effect {
                    Effect::Put { value, metadata } => {
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
        self.expiries.extend(batch.expiries.iter().cloned());
    }
}

impl StateReader for MemoryState {
    fn get(&self, namespace: NamespaceRef<'_>, key: &[u8]) -> Result<Option<StateValue>, Error> {
        Ok(self
            .keys
            .get(&(namespace.to_owned(), key.to_vec()))
            .cloned())
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
        Ok(self
            .expiries
            .iter()
            .filter(|expiry| expiry.at == block)
            .cloned()
            .collect())
    }
}

/// A frontier that is always where the last block left it.
#[derive(Debug, Clone, Default)]
pub struct MemoryFrontier(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    state: Arc<MemoryState>,
    ids: Arc<HashSet<String>>,
    last: Option<BlockNumber>,
}

impl MemoryFrontier {
    /// Applies a block.
    pub fn commit<'a>(&self, batch: &UpdateBatch, ids: impl Iterator<Item = &'a str>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut inner.state).apply(batch);
        Arc::make_mut(&mut inner.ids).extend(ids.map(str::to_owned));
        inner.last = Some(batch.block);
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> Arc<MemoryState> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner).state)
    }
}

/// The frontier at one moment.
#[derive(Debug)]
pub struct MemoryView {
    state: Arc<MemoryState>,
    ids: Arc<HashSet<String>>,
    last: Option<BlockNumber>,
}

impl StateReader for MemoryView {
    fn get(&self, namespace: NamespaceRef<'_>, key: &[u8]) -> Result<Option<StateValue>, Error> {
        self.state.get(namespace, key)
    }

    fn range(
        &self,
        namespace: NamespaceRef<'_>,
        start: &[u8],
        end: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &StateValue) -> bool,
    ) -> Result<(), Error> {
        self.state.range(namespace, start, end, visit)
    }

    fn expiring(&self, block: BlockNumber) -> Result<Vec<Expiry>, Error> {
        self.state.expiring(block)
    }
}

impl Frontier for MemoryFrontier {
    type View = MemoryView;

    fn wait_until_validated(&self, block: BlockNumber) -> bool {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.last.is_some_and(|last| last >= block)
    }

    fn view(&self) -> Result<MemoryView, Error> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, ids) = (Arc::clone(&inner.state), Arc::clone(&inner.ids));
        Ok(MemoryView {
            state,
            ids,
            last: inner.last,
        })
    }
}

impl FrontierView for MemoryView {
    fn contains_tx_id(&self, id: &str) -> Result<bool, Error> {
        Ok(self.ids.contains(id))
    }

    fn indexed(&self) -> Option<BlockNumber> {
        self.last
    }
}
