//! A ledger in memory, as dumb as can be: a map of keys, a set of ids.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::endorsement::{Frontier, FrontierView};
pub use crate::ledger::MemoryState;
use crate::ledger::{Error, Expiry, StateReader, StateValue, TxKey, UpdateBatch};
use crate::types::{BlockNumber, NamespaceRef};

/// A frontier that is always where the last block left it.
#[derive(Debug, Clone, Default)]
pub struct MemoryFrontier(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    state: Arc<MemoryState>,
    ids: Arc<HashSet<TxKey>>,
    last: Option<BlockNumber>,
}

impl MemoryFrontier {
    /// Applies a block.
    pub fn commit(&self, batch: &UpdateBatch, ids: impl Iterator<Item = TxKey>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut inner.state).apply(batch);
        Arc::make_mut(&mut inner.ids).extend(ids);
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
    ids: Arc<HashSet<TxKey>>,
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
    fn contains_tx(&self, id: &TxKey) -> Result<bool, Error> {
        Ok(self.ids.contains(id))
    }

    fn indexed(&self) -> Option<BlockNumber> {
        self.last
    }
}
