//! What a run tells of itself: counters of stages and queues.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::metrics::{StageMetrics, StageReading};
use crate::queue::{QueueGauge, QueueReading};
use crate::stage::{Trace, TraceEntry};
use crate::types::BlockNumber;

/// The counters of a run, readable while it goes.
#[derive(Debug, Clone)]
pub struct Gauges {
    pub(super) stages: Vec<Arc<StageMetrics>>,
    /// Made when a run begins, which may be after somebody has got these gauges.
    queues: Arc<Mutex<Vec<Arc<QueueGauge>>>>,
    trace: Arc<Trace>,
}

/// What a run has done.
#[derive(Debug, Clone)]
pub struct Report {
    /// One per stage, in the order of the flow.
    pub stages: Vec<StageReading>,
    /// One per queue, in the order of the flow.
    pub queues: Vec<QueueReading>,
    /// The most blocks that were in the pipeline at once.
    pub blocks_in_flight_max: usize,
    /// Who was where when, if that was wanted.
    pub trace: Vec<TraceEntry>,
}

impl Gauges {
    pub(super) fn new(trace: Arc<Trace>) -> Self {
        Self {
            stages: Vec::new(),
            queues: Arc::default(),
            trace,
        }
    }

    pub(super) fn add_queue(&self, gauge: Arc<QueueGauge>) {
        self.lock().push(gauge);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<QueueGauge>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queues of another run take the place of the last one's, and nothing is in flight.
    pub(super) fn begin_run(&self) {
        self.lock().clear();
        self.trace.begin_run();
    }

    /// Who had a block when, if that is noted; it is forgotten then.
    #[must_use]
    pub fn take_trace(&self, number: BlockNumber) -> Vec<TraceEntry> {
        self.trace.take(number)
    }

    /// The numbers now.
    #[must_use]
    pub fn read(&self) -> Report {
        Report {
            stages: self.stages.iter().map(|stage| stage.read()).collect(),
            queues: self.lock().iter().map(|queue| queue.read()).collect(),
            blocks_in_flight_max: self.trace.in_flight_max(),
            trace: self.trace.entries(),
        }
    }
}
