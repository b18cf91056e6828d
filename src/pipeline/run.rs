//! One run: threads up, blocks through, threads down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use super::error::Stop;
use super::frontier::PipelineFrontier;
use super::report::Gauges;
use super::start::Start;
use crate::commit::{CommittedBlock, commit_group, next_group};
use crate::decode::{DecodedBlock, Rejection, decode_block};
use crate::endorsement::{EndorsedBlock, EndorsementStage};
use crate::ingress::{self, BlockSource, EndSource, RawBlock};
use crate::ledger::Ledger;
use crate::limits::{self, COMMIT_QUEUE_BLOCKS, STAGE_QUEUE_BLOCKS};
use crate::metrics::StageMetrics;
use crate::mvcc::{MvccStage, ValidatedBlock};
use crate::notify::CommitListener;
use crate::queue::{Inbox, Outbox, Room, RoomSize, queue};
use crate::stage::{Disturbance, Ended, InStage, Overlapped, Stage, Trace, Workers};
use crate::sys::clock::Clock;
use crate::sys::process::CpuMeter;
use crate::types::BlockNumber;
use crate::verify::{BegunBlock, Chain, CheckedBlock, Refusal, VerifiedBlock, check_all};

/// How a pipeline runs. No verdict depends on it.
#[derive(Debug, Clone, Copy)]
pub struct PipelineOptions {
    /// Threads that decode, verify and evaluate, 1 to [`limits::WORKERS_MAX`].
    pub workers: usize,
    /// Whether to keep a trace of who was where when.
    pub trace: bool,
    /// Random delays and group sizes, for tests of this very claim.
    pub disturbance: Option<Disturbance>,
}

/// One worker, no trace, nothing disturbed.
impl Default for PipelineOptions {
    fn default() -> Self {
        Self {
            workers: 1,
            trace: false,
            disturbance: None,
        }
    }
}

/// The pipeline of one channel over its ledger.
#[derive(Debug)]
pub struct Pipeline<'l> {
    ledger: &'l Ledger,
    options: PipelineOptions,
    stages: Stages,
    gauges: Gauges,
}

/// The seven stages' surroundings, and the applier's.
#[derive(Debug)]
struct Stages {
    ingress: Stage,
    decode: Stage,
    verify: Stage,
    endorsement: Stage,
    mvcc: Stage,
    commit: Stage,
    apply: Stage,
    notify: Stage,
}

type Joined<'scope> = (&'static str, ScopedJoinHandle<'scope, Result<(), Stop>>);

impl<'l> Pipeline<'l> {
    /// A pipeline that starts at the ledger's height, with workers of its own.
    ///
    /// # Errors
    /// The workers cannot be started.
    pub fn new(
        ledger: &'l Ledger,
        clock: &Arc<dyn Clock>,
        options: PipelineOptions,
    ) -> Result<Self, Stop> {
        let workers = PipelineWorkers::start(options.workers)?;
        Ok(Self::with_workers(ledger, clock, options, &workers))
    }

    /// A pipeline that shares its workers with others: whose task came first is done first.
    #[must_use]
    pub fn with_workers(
        ledger: &'l Ledger,
        clock: &Arc<dyn Clock>,
        options: PipelineOptions,
        workers: &PipelineWorkers,
    ) -> Self {
        let PipelineWorkers { early, late } = workers;
        let trace = Arc::new(Trace::new(options.trace));
        let mut gauges = Gauges::new(Arc::clone(&trace));
        let mut stage = |name, workers: &Arc<rayon::ThreadPool>| {
            let metrics = Arc::new(StageMetrics::new(name));
            gauges.stages.push(Arc::clone(&metrics));
            let (trace, workers) = (Arc::clone(&trace), Arc::clone(workers));
            Stage {
                metrics,
                trace,
                workers,
                clock: Arc::clone(clock),
                disturbance: options.disturbance,
            }
        };
        let stages = Stages {
            ingress: stage("ingress", early),
            decode: stage("decode", early),
            verify: stage("verify", early),
            endorsement: stage("endorsement", late),
            mvcc: stage("mvcc", late),
            commit: stage("commit", late),
            apply: stage("apply", late),
            notify: stage("notify", late),
        };
        Self {
            ledger,
            options,
            stages,
            gauges,
        }
    }

    /// The run's counters, readable from any thread.
    #[must_use]
    pub fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// Takes the source's blocks through all stages. May be called again: stages count on, queues anew.
    /// Every block that reaches `listener` is durable; on return, whatever the outcome, every durable block is in the state database, too, if that
    /// still works.
    ///
    /// # Errors
    /// Why the run ended before the source did. Blocks before the one that is to blame are durable.
    pub fn run(
        &mut self,
        source: &mut dyn BlockSource,
        listener: &mut dyn CommitListener,
    ) -> Result<(), Stop> {
        let start = Start::of(self.ledger)?;
        let first = start.next;
        let ender = source.ender();
        let frontier = PipelineFrontier::new(self.ledger, self.options.workers);
        self.gauges.begin_run();
        let (to_decode, raw) = self.queue("ingress_decode", STAGE_QUEUE_BLOCKS);
        let (to_verify, decoded) = self.queue("decode_verify", STAGE_QUEUE_BLOCKS);
        let (to_endorsement, verified) = self.queue("verify_endorsement", STAGE_QUEUE_BLOCKS);
        let (to_mvcc, endorsed) = self.queue("endorsement_mvcc", STAGE_QUEUE_BLOCKS);
        let (to_commit, validated) = self.queue("mvcc_commit", COMMIT_QUEUE_BLOCKS);
        let (to_notify, committed) = self.queue("commit_notify", STAGE_QUEUE_BLOCKS);
        let (stages, ledger, frontier) = (&self.stages, self.ledger, &frontier);
        let committed_all = &AtomicBool::new(false);
        let committing = Committing {
            ledger,
            committed_all,
        };
        thread::scope(|scope| {
            let Start {
                chain,
                commit_hash,
                with_metadata,
                ..
            } = start;
            let threads = Threads { scope, ender };
            let threads = [
                threads.spawn("ingress", move || {
                    feed(source, first, &to_decode, &stages.ingress)
                }),
                threads.spawn("decode", move || {
                    let through = (&raw, &to_verify);
                    ended(stages.decode.run_overlapped(through, &mut Decode))
                }),
                threads.spawn("verify", move || {
                    let stage = &stages.verify;
                    let workers = stage.workers();
                    let mut verify = Verify {
                        chain,
                        stage,
                        workers,
                    };
                    let through = (&decoded, &to_endorsement);
                    ended(stage.run_overlapped(through, &mut verify))
                }),
                threads.spawn("endorsement", move || {
                    let stage = EndorsementStage::new(frontier, with_metadata);
                    endorse(&stages.endorsement, stage, &verified, &to_mvcc)
                }),
                threads.spawn("mvcc", move || {
                    let stage = MvccStage::new(frontier, commit_hash);
                    validate(&stages.mvcc, stage, frontier, &endorsed, &to_commit)
                }),
                threads.spawn("commit", move || {
                    let _committing = committing;
                    commit(&stages.commit, ledger, &validated, &to_notify)
                }),
                threads.spawn("apply", move || {
                    stages
                        .apply
                        .alone(|| apply(&stages.apply, ledger, committed_all))
                }),
                threads.spawn("notify", move || {
                    notify(&stages.notify, &committed, listener);
                    Ok(())
                }),
            ];
            join(threads, frontier)
        })
    }

    fn queue<T>(&mut self, name: &'static str, blocks: usize) -> (Outbox<T>, Inbox<T>) {
        let (outbox, inbox) = queue(name, blocks);
        self.gauges.add_queue(outbox.gauge());
        (outbox, inbox)
    }
}

/// The threads that stages spread their work over. Cloning is cheap, and shares them.
#[derive(Debug, Clone)]
pub struct PipelineWorkers {
    early: Arc<rayon::ThreadPool>,
    /// A worker takes what is in its own queue first, which decode and verify keep full. The stages behind
    /// them have little to do, and would wait for long: they have workers of their own.
    late: Arc<rayon::ThreadPool>,
}

impl PipelineWorkers {
    /// Starts the threads: as many for decode and verify as for the stages behind them, 1 to
    /// [`limits::WORKERS_MAX`] each.
    ///
    /// # Errors
    /// They cannot be started.
    pub fn start(workers: usize) -> Result<Self, Stop> {
        let start = |name: &'static str| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(workers.clamp(1, limits::WORKERS_MAX))
                .stack_size(limits::WORKER_STACK_BYTES)
                .thread_name(move |index| format!("{name}-{index}"))
                .build()?;
            Ok::<_, Stop>(Arc::new(pool))
        };
        Ok(Self {
            early: start("worker")?,
            late: start("late-worker")?,
        })
    }
}

/// Starts the threads of a run.
struct Threads<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    ender: Option<Arc<dyn EndSource>>,
}

impl<'scope> Threads<'scope, '_> {
    fn spawn(
        &self,
        name: &'static str,
        work: impl FnOnce() -> Result<(), Stop> + Send + 'scope,
    ) -> Result<Joined<'scope>, Stop> {
        let builder = thread::Builder::new().name(name.to_owned());
        let ended = EndOnDrop(self.ender.clone());
        let work = move || {
            let _ended = ended;
            work()
        };
        let handle = builder
            .stack_size(limits::WORKER_STACK_BYTES)
            .spawn_scoped(self.scope, work);
        handle.map(|handle| (name, handle)).map_err(Stop::Thread)
    }
}

/// Ends the source when any thread ends: ingress may wait there for a block that nobody would take.
struct EndOnDrop(Option<Arc<dyn EndSource>>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        if let Some(ender) = &self.0 {
            ender.end();
        }
    }
}

/// Goes with the thread that commits, or that could not be started; dropped when no more blocks come.
struct Committing<'env> {
    ledger: &'env Ledger,
    committed_all: &'env AtomicBool,
}

impl Drop for Committing<'_> {
    fn drop(&mut self) {
        // Ordering: the applier must see every block that was appended before.
        self.committed_all.store(true, Ordering::SeqCst);
        self.ledger.wake_applier();
    }
}

/// Waits for all threads. Of several that stopped, the one furthest down the flow counts: its block is
/// the earliest.
fn join<const N: usize>(
    threads: [Result<Joined<'_>, Stop>; N],
    frontier: &PipelineFrontier<'_>,
) -> Result<(), Stop> {
    if threads.iter().any(Result::is_err) {
        // Some threads never began: those that wait for them by other means than queues must end.
        frontier.end();
    }
    let mut outcome = Ok(());
    for thread in threads {
        let result = thread
            .and_then(|(stage, handle)| handle.join().unwrap_or(Err(Stop::Panicked { stage })));
        if result.is_err() {
            outcome = result;
        }
    }
    outcome
}

fn ended<E: Into<Stop>>(ended: Ended<E>) -> Result<(), Stop> {
    match ended {
        Ended::Drained => Ok(()),
        Ended::Stopped(_, error) => Err(error.into()),
    }
}

fn feed(
    source: &mut dyn BlockSource,
    first: BlockNumber,
    outbox: &Outbox<RawBlock>,
    stage: &Stage,
) -> Result<(), Stop> {
    let for_workers = stage.workers.current_num_threads() * limits::PIPELINE_BYTES_PER_WORKER;
    let room = Room::new(RoomSize {
        bytes_enough: for_workers.min(limits::PIPELINE_BYTES_ENOUGH),
        items_always: limits::PIPELINE_LARGE_BLOCKS,
        bytes_max: limits::PIPELINE_BYTES_MAX,
    });
    Ok(stage.alone(|| ingress::feed(source, first, outbox, &room, &stage.trace))?)
}

/// Decodes blocks side by side.
struct Decode;

impl Overlapped for Decode {
    type Taken = RawBlock;
    type Begun = RawBlock;
    type Worked = Result<DecodedBlock, Rejection>;
    type Given = DecodedBlock;
    type Error = Rejection;

    const ENOUGH: usize = limits::DECODE_BYTES_TOGETHER;

    fn weight(taken: &RawBlock) -> usize {
        taken.bytes.len()
    }

    fn begin(&mut self, taken: RawBlock) -> RawBlock {
        taken
    }

    fn work(begun: Vec<RawBlock>, meter: &CpuMeter) -> Vec<Self::Worked> {
        let decoded = begun.into_iter().map(|raw| decode_block(raw, meter));
        decoded.collect()
    }

    fn finish(&mut self, worked: Self::Worked) -> Self::Worked {
        worked
    }
}

/// Verifies blocks side by side: where one turns out to change the configuration, those that were begun
/// behind it are checked anew.
struct Verify<'env> {
    chain: Chain,
    stage: &'env Stage,
    workers: Workers,
}

impl Overlapped for Verify<'_> {
    type Taken = DecodedBlock;
    type Begun = BegunBlock;
    type Worked = CheckedBlock;
    type Given = VerifiedBlock;
    type Error = Refusal;

    const ENOUGH: usize = limits::VERIFY_TRANSACTIONS_TOGETHER;

    fn weight(taken: &DecodedBlock) -> usize {
        taken.transactions()
    }

    fn begin(&mut self, taken: DecodedBlock) -> BegunBlock {
        self.chain.begin(taken)
    }

    fn work(begun: Vec<BegunBlock>, meter: &CpuMeter) -> Vec<CheckedBlock> {
        check_all(begun, meter)
    }

    fn finish(&mut self, worked: CheckedBlock) -> Result<VerifiedBlock, Refusal> {
        let verified = self.chain.finish(worked, &self.workers);
        self.stage.metrics.add_cpu_ns(self.workers.meter.take_ns());
        verified
    }
}

fn endorse(
    stage: &Stage,
    mut endorsement: EndorsementStage<&PipelineFrontier<'_>>,
    inbox: &Inbox<VerifiedBlock>,
    outbox: &Outbox<EndorsedBlock>,
) -> Result<(), Stop> {
    // On the stage's own thread: it may wait for mvcc, which needs workers to read ahead.
    let workers = stage.workers();
    let endorse = |block| {
        let endorsed = endorsement.endorse(block, &workers);
        stage.metrics.add_cpu_ns(workers.meter.take_ns());
        endorsed
    };
    ended(stage.run(inbox, outbox, endorse))
}

fn validate(
    stage: &Stage,
    mut mvcc: MvccStage<&PipelineFrontier<'_>>,
    frontier: &PipelineFrontier<'_>,
    inbox: &Inbox<EndorsedBlock>,
    outbox: &Outbox<ValidatedBlock>,
) -> Result<(), Stop> {
    // On the stage's own thread: it is one chain over all blocks, and must not queue up for a worker.
    let workers = stage.workers();
    let validate = |block| {
        let validated = mvcc.validate(block, &workers);
        stage.metrics.add_cpu_ns(workers.meter.take_ns());
        let validated = validated?;
        frontier.publish(validated.batch().clone());
        Ok(validated)
    };
    let outcome = match stage.run(inbox, outbox, validate) {
        Ended::Drained => Ok(()),
        Ended::Stopped(block, fault) => Err(Stop::Mvcc { block, fault }),
    };
    frontier.end();
    outcome
}

fn commit(
    stage: &Stage,
    ledger: &Ledger,
    inbox: &Inbox<ValidatedBlock>,
    outbox: &Outbox<CommittedBlock>,
) -> Result<(), Stop> {
    let mut groups = 0;
    while let Some(group) = next_group(inbox, stage.group_blocks_max(groups)) {
        groups += 1;
        stage.delay(groups);
        for block in stage.group(group, |group| commit_group(ledger, group))? {
            if outbox.send(block).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Brings durable blocks into the state, many at a time; those that are there where the stage is disturbed.
fn apply(stage: &Stage, ledger: &Ledger, committed_all: &AtomicBool) -> Result<(), Stop> {
    let wait = match stage.disturbance {
        None => limits::APPLY_GROUP_WAIT,
        Some(_) => Duration::ZERO,
    };
    // Ordering: as in `Committing`.
    while ledger.wait_for_group(wait, &|| committed_all.load(Ordering::SeqCst)) {
        stage.delay(ledger.height());
        ledger.apply()?;
    }
    Ok(())
}

fn notify(stage: &Stage, inbox: &Inbox<CommittedBlock>, listener: &mut dyn CommitListener) {
    while let Some(block) = inbox.receive() {
        stage.delay(block.number().0);
        stage.alone(|| listener.committed(&block));
        stage.trace.left();
    }
}
