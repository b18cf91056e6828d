//! The state ahead of the ledger: batches that mvcc has made and that are not durable yet.
//!
//! Written by the mvcc thread, read by endorsement (back edge 2) and by mvcc itself (back edge 3).
//! Invariant: the batches reach, without a gap, from at most the ledger's height up to the last
//! validated block, so a view over both is the state of that block.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::endorsement::{Frontier, FrontierView};
use crate::ledger::{
    self, Expiry, LayeredState, Ledger, PendingBatch, StateReader, StateValue, TxKey, View,
};
use crate::types::{BlockNumber, NamespaceRef, Version};

/// The frontier of one channel.
#[derive(Debug)]
pub struct PipelineFrontier<'l> {
    ledger: &'l Ledger,
    /// Threads that read one view at the same time.
    readers: usize,
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// In order.
    pending: VecDeque<PendingBatch>,
    validated: Option<BlockNumber>,
    ended: bool,
}

impl<'l> PipelineFrontier<'l> {
    /// The frontier of a pipeline that starts at the ledger's height.
    pub fn new(ledger: &'l Ledger, readers: usize) -> Self {
        let validated = ledger.height().checked_sub(1).map(BlockNumber);
        let state = Mutex::new(State {
            validated,
            ..State::default()
        });
        Self {
            ledger,
            readers,
            state,
            moved: Condvar::new(),
        }
    }

    /// Publishes what the next block does to the state.
    pub fn publish(&self, batch: PendingBatch) {
        let height = self.ledger.height();
        let mut state = self.lock();
        while state
            .pending
            .front()
            .is_some_and(|first| first.block.0 < height)
        {
            state.pending.pop_front();
        }
        state.validated = Some(batch.block);
        state.pending.push_back(batch);
        drop(state);
        self.moved.notify_all();
    }

    /// No block will be validated any more.
    pub fn end(&self) {
        self.lock().ended = true;
        self.moved.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panicked while it held the lock ends the pipeline anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Frontier for &PipelineFrontier<'_> {
    type View = PipelineView;

    fn wait_until_validated(&self, block: BlockNumber) -> bool {
        let mut state = self.lock();
        while state.validated < Some(block) {
            if state.ended {
                return false;
            }
            state = self
                .moved
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    fn view(&self) -> Result<PipelineView, ledger::Error> {
        // The batches first: the ledger can only have taken over some of them since.
        let pending: Vec<PendingBatch> = self.lock().pending.iter().cloned().collect();
        let durable = self.ledger.view_for(self.readers)?;
        let state = durable.with_pending(&pending)?;
        Ok(PipelineView { durable, state })
    }
}

/// The frontier at one moment.
#[derive(Debug)]
pub struct PipelineView {
    durable: View,
    state: LayeredState,
}

impl FrontierView for PipelineView {
    fn contains_tx(&self, id: &TxKey) -> Result<bool, ledger::Error> {
        self.durable.contains_tx(id)
    }

    fn indexed(&self) -> Option<BlockNumber> {
        self.durable.height().checked_sub(1).map(BlockNumber)
    }
}

impl StateReader for PipelineView {
    fn version(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
    ) -> Result<Option<Version>, ledger::Error> {
        self.state.version(namespace, key)
    }

    fn get(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
    ) -> Result<Option<StateValue>, ledger::Error> {
        self.state.get(namespace, key)
    }

    fn range(
        &self,
        namespace: NamespaceRef<'_>,
        start: &[u8],
        end: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &StateValue) -> bool,
    ) -> Result<(), ledger::Error> {
        self.state.range(namespace, start, end, visit)
    }

    fn may_have_metadata(&self, namespace: NamespaceRef<'_>) -> bool {
        self.state.may_have_metadata(namespace)
    }

    fn expiring(&self, block: BlockNumber) -> Result<Vec<Expiry>, ledger::Error> {
        self.state.expiring(block)
    }
}
