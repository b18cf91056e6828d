//! What a run tells of itself: counters of stages and queues.

use std::sync::Arc;

use crate::metrics::StageReading;
use crate::queue::{QueueGauge, QueueReading};
use crate::stage::{Stage, TraceEntry};

/// The counters of a run, readable while it goes.
#[derive(Debug, Clone)]
pub struct Gauges {
    pub(super) stages: Vec<Stage>,
    pub(super) queues: Vec<Arc<QueueGauge>>,
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
    /// The numbers now.
    #[must_use]
    pub fn read(&self) -> Report {
        let trace = self.stages.first().map(|stage| &stage.trace);
        Report {
            stages: self.stages.iter().map(|stage| stage.metrics.read()).collect(),
            queues: self.queues.iter().map(|queue| queue.read()).collect(),
            blocks_in_flight_max: trace.map_or(0, |trace| trace.in_flight_max()),
            trace: trace.map(|trace| trace.entries()).unwrap_or_default(),
        }
    }
}
