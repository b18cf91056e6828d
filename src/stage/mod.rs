//! What the stages share: the workers, the clock, metrics and the trace of who was where when.
//!
//! A stage is one thread that takes blocks from its inbox, one after another, and hands what comes of
//! them to its outbox; inside a block it spreads over the workers. Knows nothing of what stages do.

mod disturbance;
mod trace;

use std::collections::VecDeque;
use std::sync::Arc;

pub use disturbance::Disturbance;
pub use trace::{Trace, TraceEntry};

use crate::limits;
use crate::metrics::StageMetrics;
use crate::queue::{Inbox, Outbox, queue};
use crate::sys::clock::{Clock, Instant};
use crate::sys::process::{CpuMeter, thread_cpu_ns};
use crate::types::BlockNumber;

/// A block on its way, as far as a stage driver needs to know.
pub trait InStage {
    /// The block's number.
    fn number(&self) -> BlockNumber;
    /// How many transactions it has, 0 where that is not known yet.
    fn transactions(&self) -> usize;
}

/// What a stage does to blocks that are under way side by side.
pub trait Overlapped {
    /// What it takes.
    type Taken: InStage;
    /// A block with all that its work needs.
    type Begun: Send;
    /// What the work gives.
    type Worked: Send;
    /// What it hands on.
    type Given: InStage;
    /// Why it cannot go on.
    type Error: Send;

    /// How much there is to do in a block. Blocks that wait go through together until they have
    /// [`Overlapped::ENOUGH`] to do.
    fn weight(taken: &Self::Taken) -> usize;

    /// What is enough for a worker at a time.
    const ENOUGH: usize;

    /// In the order of the blocks, on the stage's own thread, while blocks before are under way.
    fn begin(&mut self, taken: Self::Taken) -> Self::Begun;

    /// On a worker, in any order; blocks that follow each other. `meter` counts what the workers spend.
    /// Gives one result for each.
    fn work(begun: Vec<Self::Begun>, meter: &CpuMeter) -> Vec<Self::Worked>;

    /// In the order of the blocks, on the stage's own thread.
    ///
    /// # Errors
    /// The stage ends with this block.
    fn finish(&mut self, worked: Self::Worked) -> Result<Self::Given, Self::Error>;
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
    /// Random delays and group sizes, in tests.
    pub disturbance: Option<Disturbance>,
}

/// The workers, for a stage that must not wait on one of them: it runs on its own thread and spreads
/// only what is parallel.
#[derive(Debug, Default)]
pub struct Workers {
    /// `None` for the calling thread's own pool.
    pool: Option<Arc<rayon::ThreadPool>>,
    /// What the workers spend.
    pub meter: CpuMeter,
}

impl Workers {
    /// Runs `work` on the workers; parallel iterators inside it spread over them.
    pub fn spread<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
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
            self.delay(number.0);
            let (start, cpu) = (self.clock.now(), thread_cpu_ns());
            let result = work(item);
            let spent_ns = thread_cpu_ns().saturating_sub(cpu);
            self.metrics.add_serial_cpu_ns(spent_ns);
            match result {
                Err(error) => return Ended::Stopped(number, error),
                Ok(done) => {
                    self.count(&done, start, self.clock.now());
                    if outbox.send(done).is_err() {
                        return Ended::Drained;
                    }
                }
            }
        }
        Ended::Drained
    }

    /// As [`Stage::run`], with up to `limits::BLOCKS_TOGETHER` blocks under way on the workers: the next
    /// begins when one ends, so no worker waits for the last task of a block. They leave in their order.
    pub fn run_overlapped<S: Overlapped>(
        &self,
        (inbox, outbox): (&Inbox<S::Taken>, &Outbox<S::Given>),
        stages: &mut S,
    ) -> Ended<S::Error> {
        let meter = CpuMeter::default();
        let meter = &meter;
        let ended = self.workers.in_place_scope(|workers| {
            let mut under_way = VecDeque::with_capacity(limits::BLOCKS_TOGETHER);
            loop {
                while under_way.len() < limits::BLOCKS_TOGETHER
                    && let Some(taken) = next_blocks::<S>(inbox, under_way.is_empty())
                {
                    let numbers: Vec<_> = taken.iter().map(InStage::number).collect();
                    numbers
                        .first()
                        .into_iter()
                        .for_each(|first| self.delay(first.0));
                    let (done, result) = queue(self.metrics.name(), 1);
                    let begun = self.alone(|| {
                        let begun = taken.into_iter().map(|taken| stages.begin(taken));
                        begun.collect::<Vec<_>>()
                    });
                    under_way.push_back((numbers, self.clock.now(), result));
                    workers.spawn(move |_| {
                        // Nobody waits for it where an earlier block ended the stage.
                        let _ended = done.send(S::work(begun, meter));
                    });
                }
                // Nothing comes where the work panicked: the scope passes that on.
                let Some((numbers, start, worked)) = under_way
                    .pop_front()
                    .and_then(|(numbers, start, result)| Some((numbers, start, result.receive()?)))
                else {
                    return Ended::Drained;
                };
                self.metrics.add_cpu_ns(meter.take_ns());
                self.metrics.note_serial_ns(meter.take_serial_ns());
                for (number, worked) in numbers.into_iter().zip(worked) {
                    match self.alone(|| stages.finish(worked)) {
                        Err(error) => return Ended::Stopped(number, error),
                        Ok(given) => {
                            self.count(&given, start, self.clock.now());
                            if outbox.send(given).is_err() {
                                return Ended::Drained;
                            }
                        }
                    }
                }
            }
        });
        self.metrics.add_cpu_ns(meter.take_ns());
        ended
    }

    /// Where the stage is disturbed, waits a random while before item `number`.
    pub fn delay(&self, number: u64) {
        if let Some(disturbance) = self.disturbance {
            disturbance.delay(self.metrics.name(), number);
        }
    }

    /// How many blocks the stage's group with this number may have.
    #[must_use]
    pub fn group_blocks_max(&self, number: u64) -> usize {
        let disturbed = self.disturbance.map(|it| it.group_blocks_max(number));
        disturbed.unwrap_or(limits::COMMIT_GROUP_BLOCKS)
    }

    /// Runs `work` on the workers; parallel iterators inside it spread over them. What they count in
    /// `meter` is this stage's.
    pub fn spread<R: Send>(&self, meter: &CpuMeter, work: impl FnOnce() -> R + Send) -> R {
        let result = self.workers.install(work);
        self.metrics.add_cpu_ns(meter.take_ns());
        self.metrics.note_serial_ns(meter.take_serial_ns());
        result
    }

    /// The workers, with a meter of their own.
    #[must_use]
    pub fn workers(&self) -> Workers {
        Workers {
            pool: Some(Arc::clone(&self.workers)),
            meter: CpuMeter::default(),
        }
    }

    /// Runs `work` on the stage's own thread, and counts its CPU time.
    pub fn alone<R>(&self, work: impl FnOnce() -> R) -> R {
        let cpu = thread_cpu_ns();
        let result = work();
        let spent_ns = thread_cpu_ns().saturating_sub(cpu);
        self.metrics.add_serial_cpu_ns(spent_ns);
        result
    }

    /// Works on a group of blocks at once; each counts with the group's time.
    ///
    /// # Errors
    /// What `work` says.
    pub fn group<I: InStage, O: InStage, E>(
        &self,
        group: Vec<I>,
        work: impl FnOnce(Vec<I>) -> Result<Vec<O>, E>,
    ) -> Result<Vec<O>, E> {
        let start = self.clock.now();
        let done = self.alone(|| work(group))?;
        let end = self.clock.now();
        for block in &done {
            self.count(block, start, end);
        }
        Ok(done)
    }

    fn count<O: InStage>(&self, done: &O, start: Instant, end: Instant) {
        let wall_us = u64::try_from(end.since(start).as_micros()).unwrap_or(u64::MAX);
        self.metrics.block_done(done.transactions(), wall_us);
        let (stage, number) = (self.metrics.name(), done.number());
        self.trace.note(TraceEntry {
            stage,
            number,
            start,
            end,
        });
    }
}

/// The next blocks that go through a stage together: those that are there. Waits for the first where
/// `wait` says so; else there may be none.
fn next_blocks<S: Overlapped>(inbox: &Inbox<S::Taken>, wait: bool) -> Option<Vec<S::Taken>> {
    let first = if wait {
        inbox.receive()
    } else {
        inbox.try_receive()
    }?;
    let mut weight = S::weight(&first);
    let mut blocks = vec![first];
    while weight < S::ENOUGH
        && let Some(next) = inbox.try_receive()
    {
        weight += S::weight(&next);
        blocks.push(next);
    }
    Some(blocks)
}
