//! What health and metrics can see of a channel's orderer client, at any time and from any thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::buffer::Buffer;
use super::core::CoreState;

/// A handle; cheap to clone.
#[derive(Debug, Clone)]
pub struct OrdererStatus {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<CoreState>,
    tally: Tally,
    buffer: Arc<Buffer>,
}

/// Counters since the start.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) next: AtomicU64,
    pub(super) last_block_unix_micros: AtomicU64,
    pub(super) blocks: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) streams: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) offences: AtomicU64,
}

/// What a status says at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrdererReading {
    /// Sources, connection, failures. Times are on the source's own clock, which stands while the
    /// pipeline takes no blocks.
    pub state: CoreState,
    /// The next block that is needed: all before it were handed to the pipeline.
    pub next: u64,
    /// When the last block came, in microseconds since 1970; `None` before the first.
    pub last_block_unix_micros: Option<u64>,
    /// Blocks that were handed to the pipeline.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blocks that wait for the pipeline.
    pub buffered_blocks: usize,
    /// Streams that were opened.
    pub streams: u64,
    /// Streams that failed.
    pub failures: u64,
    /// Blocks, headers and sources that were refused.
    pub offences: u64,
}

impl OrdererStatus {
    pub(super) fn new(state: CoreState, buffer: Arc<Buffer>) -> Self {
        let tally = Tally::default();
        // Ordering: here and below, numbers for people; nothing else depends on them.
        tally.next.store(state.next.0, Ordering::Relaxed);
        let state = Mutex::new(state);
        Self {
            shared: Arc::new(Shared {
                state,
                tally,
                buffer,
            }),
        }
    }

    /// Everything.
    #[must_use]
    pub fn read(&self) -> OrdererReading {
        let tally = &self.shared.tally;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let state = self.shared.state.lock();
        let state = state.unwrap_or_else(PoisonError::into_inner).clone();
        let last = read(&tally.last_block_unix_micros);
        OrdererReading {
            state,
            next: read(&tally.next),
            last_block_unix_micros: (last > 0).then_some(last),
            blocks: read(&tally.blocks),
            bytes: read(&tally.bytes),
            buffered_blocks: self.shared.buffer.blocks(),
            streams: read(&tally.streams),
            failures: read(&tally.failures),
            offences: read(&tally.offences),
        }
    }

    /// What is wrong, for health: that no orderer gives the next block, and why. `None` while all is
    /// well.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.read().state.problem()
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.shared.tally
    }

    pub(super) fn publish(&self, state: CoreState) {
        self.tally().next.store(state.next.0, Ordering::Relaxed);
        let mut shown = self
            .shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *shown = state;
    }
}

impl Tally {
    pub(super) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}
