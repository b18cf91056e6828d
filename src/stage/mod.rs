//! What the stages share: the workers, the clock, metrics and the trace of who was where when.
//!
//! A stage is one thread that takes blocks from its inbox, one after another, and hands what comes of
//! them to its outbox; inside a block it spreads over the workers. Knows nothing of what stages do.

mod trace;

use std::sync::Arc;

pub use trace::{Trace, TraceEntry};

use crate::metrics::StageMetrics;
use crate::queue::{Inbox, Outbox};
use crate::sys::clock::Clock;
use crate::sys::process::thread_cpu_ns;
use crate::types::BlockNumber;

/// A block on its way, as far as a stage driver needs to know.
pub trait InStage {
    /// The block's number.
    fn number(&self) -> BlockNumber;
    /// How many transactions it has, 0 where that is not known yet.
    fn transactions(&self) -> usize;
}

/// One stage's surroundings.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The stage's counters.
    pub metrics: Arc<StageMetrics>,
    /// Who was where when.
    pub trace: Arc<Trace>,
    /// The workers, shared by all stages.
    pub workers: Arc<rayon::ThreadPool>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// How a stage ended.
#[derive(Debug)]
pub enum Ended<E> {
    /// There is nothing more to do, or the next stage has gone.
    Drained,
    /// It cannot go on past this block.
    Stopped(BlockNumber, E),
}

impl Stage {
    /// Takes blocks from `inbox` until it ends, works on each, and hands the result to `outbox`.
    pub fn run<I: InStage, O: InStage, E>(
        &self,
        inbox: &Inbox<I>,
        outbox: &Outbox<O>,
        mut work: impl FnMut(I) -> Result<O, E>,
    ) -> Ended<E> {
        while let Some(item) = inbox.receive() {
            let number = item.number();
            match self.timed(number, || work(item)) {
                Err(error) => return Ended::Stopped(number, error),
                Ok(done) => {
                    if outbox.send(done).is_err() {
                        return Ended::Drained;
                    }
                }
            }
        }
        Ended::Drained
    }

    /// Works on one block, and counts it where that succeeds.
    fn timed<O: InStage, E>(
        &self,
        number: BlockNumber,
        work: impl FnOnce() -> Result<O, E>,
    ) -> Result<O, E> {
        let (start, cpu) = (self.clock.now(), thread_cpu_ns());
        let done = work()?;
        let end = self.clock.now();
        let wall_us = end.since(start).as_micros();
        self.metrics.add_cpu_ns(thread_cpu_ns().saturating_sub(cpu));
        self.metrics.block_done(done.transactions(), u64::try_from(wall_us).unwrap_or(u64::MAX));
        self.trace.note(TraceEntry { stage: self.metrics.name(), number, start, end });
        Ok(done)
    }

    /// Runs `work` on the workers; parallel iterators inside it spread over them.
    ///
    /// CPU time of the workers is counted by [`Stage::counted`].
    pub fn spread<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.workers.install(work)
    }
}
