//! The state ahead of the ledger: batches that mvcc has made and that are not in the database yet.
//!
//! Written by the mvcc thread, read by endorsement (back edge 2) and by mvcc itself (back edge 3).
//! Invariant: the batches reach, without a gap, from at most the database's height up to the last
//! validated block, so a view over both is the state of that block.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::endorsement;
use crate::ledger::{self, LayeredState, Ledger, PendingBatch};
use crate::types::BlockNumber;

/// The frontier of one channel.
#[derive(Debug)]
pub struct PipelineFrontier<'l> {
    ledger: &'l Ledger,
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// In order.
    pending: Vec<PendingBatch>,
    validated: Option<BlockNumber>,
    ended: bool,
}

impl<'l> PipelineFrontier<'l> {
    /// The frontier of a pipeline that starts at the ledger's height.
    pub fn new(ledger: &'l Ledger) -> Self {
        let validated = ledger.height().0.checked_sub(1).map(BlockNumber);
        let state = Mutex::new(State { validated, ..State::default() });
        Self { ledger, state, moved: Condvar::new() }
    }

    /// Publishes what block `number` does to the state.
    pub fn publish(&self, number: BlockNumber, batch: PendingBatch) {
        let applied = self.ledger.applied_height();
        let mut state = self.lock();
        state.pending.retain(|pending| pending.block >= applied);
        state.pending.push(batch);
        state.validated = Some(number);
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

impl endorsement::Frontier for Arc<PipelineFrontier<'_>> {
    type View = LayeredState;

    fn wait_until_validated(&self, block: BlockNumber) -> bool {
        let mut state = self.lock();
        while state.validated < Some(block) {
            if state.ended {
                return false;
            }
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    fn view(&self) -> Result<LayeredState, ledger::Error> {
        // The batches are taken first: the database can only have moved closer to them since.
        let pending = self.lock().pending.clone();
        self.ledger.layered(pending)
    }

    fn contains_tx_id(&self, id: &str) -> Result<bool, ledger::Error> {
        self.ledger.contains_tx_id(id)
    }

    fn indexed(&self) -> Option<BlockNumber> {
        self.ledger.height().0.checked_sub(1).map(BlockNumber)
    }
}
