//! One run: threads up, blocks through, threads down.

use std::sync::Arc;
use std::thread::{self, Scope, ScopedJoinHandle};

use super::error::Stop;
use super::frontier::PipelineFrontier;
use super::report::{Gauges, Report};
use crate::channel::Bundle;
use crate::commit::{CommittedBlock, Committer};
use crate::decode::{self, DecodedBlock};
use crate::endorsement::{EndorsedBlock, EndorsementStage};
use crate::ingress::{self, BlockSource, RawBlock};
use crate::ledger::{Ledger, PendingBatch};
use crate::limits;
use crate::metrics::StageMetrics;
use crate::mvcc::{MvccStage, ValidatedBlock};
use crate::notify::CommitListener;
use crate::queue::{Inbox, Outbox, QueueGauge, queue};
use crate::stage::{Ended, InStage, Stage, Trace};
use crate::sys::clock::Clock;
use crate::sys::process::CpuMeter;
use crate::types::{BlockNumber, ChannelId};
use crate::verify::{Chain, ChainTip, VerifiedBlock};

/// How a pipeline runs. No verdict depends on it.
#[derive(Debug, Clone, Copy)]
pub struct PipelineOptions {
    /// Threads that decode, verify and evaluate, 1 to [`limits::WORKERS_MAX`].
    pub workers: usize,
    /// Whether to keep a trace of who was where when.
    pub trace: bool,
}

/// The pipeline of one channel over its ledger.
#[derive(Debug)]
pub struct Pipeline<'l> {
    ledger: &'l Ledger,
    channel: ChannelId,
    workers: Arc<rayon::ThreadPool>,
    clock: Arc<dyn Clock>,
    trace: bool,
}

/// The stages' names, in the order of the flow.
const STAGES: [&str; 6] = ["decode", "verify", "endorsement", "mvcc", "commit", "notify"];

impl<'l> Pipeline<'l> {
    /// A pipeline that starts at the ledger's height.
    ///
    /// # Errors
    /// The workers cannot be started.
    pub fn new(
        ledger: &'l Ledger,
        channel: ChannelId,
        clock: Arc<dyn Clock>,
        options: PipelineOptions,
    ) -> Result<Self, Stop> {
        let workers = rayon::ThreadPoolBuilder::new()
            .num_threads(options.workers.clamp(1, limits::WORKERS_MAX))
            .stack_size(limits::WORKER_STACK_BYTES)
            .thread_name(|index| format!("worker-{index}"))
            .build()?;
        Ok(Self { ledger, channel, workers: Arc::new(workers), clock, trace: options.trace })
    }

    /// Takes the source's blocks through all stages. Every block that reaches `listener` is durable;
    /// on return, whatever the outcome, every durable block is in the state database, too.
    ///
    /// # Errors
    /// Why the run ended before the source did.
    pub fn run(
        &self,
        source: &mut dyn BlockSource,
        listener: &mut dyn CommitListener,
    ) -> (Report, Result<(), Stop>) {
        let trace = Arc::new(Trace::new(self.trace));
        let stage = |name| Stage {
            metrics: Arc::new(StageMetrics::new(name)),
            trace: Arc::clone(&trace),
            workers: Arc::clone(&self.workers),
            clock: Arc::clone(&self.clock),
        };
        let gauges = Gauges { stages: STAGES.iter().copied().map(stage).collect(), queues: Vec::new() };
        let mut run = match Run::prepare(self, gauges) {
            Ok(run) => run,
            Err(stop) => {
                let none = Gauges { stages: Vec::new(), queues: Vec::new() };
                return (none.read(), Err(stop));
            }
        };
        let outcome = run.go(source, listener);
        (run.gauges.read(), outcome)
    }
}
