//! One channel's thread: feed in, ledger out, again and again.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;

use super::error::PeerError;
use super::one_line;
use super::room::{Room, WithRoom};
use crate::commit::CommittedBlock;
use crate::decode::{SignedKind, TxBody};
use crate::host::{Channel, ChannelState};
use crate::ingress::{BlockSource, EndSource, SourceError};
use crate::limits::FEED_RETRY_WAIT;
use crate::metrics::{Counters, FamilyName};
use crate::notify::CommitListener;
use crate::pipeline::{Gauges, Pipeline, PipelineOptions, PipelineWorkers, Report, Stop};
use crate::stage::{InStage as _, TraceEntry};
use crate::sys::clock::Clock;
use crate::sys::storage::free_bytes;
use crate::types::{BlockNumber, ChannelId};
use crate::verify::ChainTip;

/// Where channels' blocks come from.
pub trait Feed: Send + Sync + fmt::Debug {
    /// A source of a channel's blocks from its height on.
    ///
    /// # Errors
    /// There is none now; it is tried again.
    fn open<'c>(&self, channel: &'c Arc<Channel>) -> Result<Box<dyn FeedSource + 'c>, SourceError>;
}

/// A source that goes on after one of its blocks was refused.
pub trait FeedSource: BlockSource {
    /// Ends the source for good, from another thread.
    fn stopper(&self) -> Arc<dyn EndSource>;

    /// The pipeline refused a block behind `tip`: another one is wanted, from somebody else.
    fn rejected(&mut self, tip: ChainTip, problem: String);
}

/// Hears of every block that has become durable, with who had it when.
pub trait BlockTracer: Send + Sync + fmt::Debug {
    /// A block of a channel, and its visits to the stages.
    fn block(&self, block: TracedBlock<'_>);
}

/// A durable block, and how it became one.
#[derive(Debug, Clone, Copy)]
pub struct TracedBlock<'a> {
    /// Whose block it is.
    pub channel: &'a ChannelId,
    /// Which one.
    pub number: BlockNumber,
    /// How many transactions it has.
    pub transactions: usize,
    /// How many of them are valid.
    pub valid: usize,
    /// Its visits to the stages, in the order in which they ended.
    pub visits: &'a [TraceEntry],
}

/// What a channel's pipeline counts.
#[derive(Debug, Clone)]
pub struct RunnerReport {
    /// The channel.
    pub channel: ChannelId,
    /// Its stages and queues as they are now; `None` before its thread runs.
    pub pipeline: Option<Report>,
    /// Transactions committed since the peer started.
    pub transactions: u64,
}

/// Transactions of all channels, by channel, type, chaincode and verdict.
#[must_use]
pub(super) fn transaction_counters() -> Counters {
    Counters::new(FamilyName {
        name: "ledger_transaction_count",
        help: "Number of transactions processed.",
        labels: &[
            "channel",
            "transaction_type",
            "chaincode",
            "validation_code",
        ],
    })
}

/// What a channel's pipeline is made of.
#[derive(Debug)]
pub(super) struct RunnerPipeline {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) workers: PipelineWorkers,
    pub(super) counters: Arc<Counters>,
    pub(super) tracer: Option<Arc<dyn BlockTracer>>,
    pub(super) options: PipelineOptions,
}

/// A channel at work.
pub(super) struct Runner {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

struct Shared {
    channel: Arc<Channel>,
    feed: Arc<dyn Feed>,
    pipeline: RunnerPipeline,
    ending: AtomicBool,
    /// Ends the source that is in use.
    ender: Mutex<Option<Arc<dyn EndSource>>>,
    /// Once the thread runs.
    gauges: OnceLock<Gauges>,
    transactions: AtomicU64,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Runner")
            .field(self.shared.channel.id())
            .finish()
    }
}

impl Runner {
    pub(super) fn start(
        channel: Arc<Channel>,
        feed: &Arc<dyn Feed>,
        pipeline: RunnerPipeline,
    ) -> Result<Self, PeerError> {
        let shared = Arc::new(Shared {
            channel,
            feed: Arc::clone(feed),
            pipeline,
            ending: AtomicBool::new(false),
            ender: Mutex::default(),
            gauges: OnceLock::new(),
            transactions: AtomicU64::new(0),
        });
        let thread = thread::Builder::new().name("channel".to_owned());
        let of_thread = Arc::clone(&shared);
        let thread = thread
            .spawn(move || of_thread.run())
            .map_err(PeerError::Thread)?;
        Ok(Self { shared, thread })
    }

    pub(super) fn report(&self) -> RunnerReport {
        let shared = &self.shared;
        RunnerReport {
            channel: shared.channel.id().clone(),
            pipeline: shared.gauges.get().map(Gauges::read),
            // Ordering: a count.
            transactions: shared.transactions.load(Ordering::Relaxed),
        }
    }

    pub(super) fn end(&self) {
        self.shared.end();
    }

    pub(super) fn join(self) {
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            self.shared.channel.set_state(ChannelState::Stopped {
                why: "its thread ended by a panic; this is a bug of heddle, please report it"
                    .to_owned(),
            });
        }
    }
}

impl Shared {
    fn end(&self) {
        // Ordering: with the lock, either the thread sees the flag, or this sees its source.
        self.ending.store(true, Ordering::SeqCst);
        let ender = self.ender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ender) = &*ender {
            ender.end();
        }
    }

    fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }

    /// Runs the pipeline until the peer ends, or the channel stops for a reason that trying again does
    /// not change.
    fn run(&self) {
        let ledger = Arc::clone(self.channel.ledger());
        let RunnerPipeline {
            clock,
            workers,
            options,
            ..
        } = &self.pipeline;
        let mut pipeline = Pipeline::with_workers(&ledger, clock, *options, workers);
        self.gauges.get_or_init(|| pipeline.gauges().clone());
        while !self.is_ending() {
            match self.feed.open(&self.channel) {
                Ok(mut source) => {
                    self.remember(source.stopper());
                    if let Err(stop) = self.run_source(&mut pipeline, &mut *source) {
                        return self.stopped(&stop);
                    }
                }
                Err(error) => self.log(&error),
            }
            self.wait();
        }
    }

    /// Runs the pipeline until the source has no more.
    ///
    /// # Errors
    /// The channel stops.
    fn run_source(
        &self,
        pipeline: &mut Pipeline<'_>,
        source: &mut (dyn FeedSource + '_),
    ) -> Result<(), Stop> {
        loop {
            let mut with_room = WithRoom::new(source, self);
            let outcome = pipeline.run(&mut with_room, &mut Listener(self));
            match outcome {
                Err(stop) if stop.blames_source() => {
                    self.log(&stop);
                    let info = self.channel.info()?;
                    let number = info.height.checked_sub(1).map(BlockNumber);
                    let Some((number, header_hash)) = number.zip(info.header_hash) else {
                        return Err(stop);
                    };
                    let tip = ChainTip {
                        number,
                        header_hash,
                    };
                    source.rejected(tip, one_line(&stop));
                }
                outcome => return outcome,
            }
        }
    }

    fn remember(&self, ender: Arc<dyn EndSource>) {
        let mut known = self.ender.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_ending() {
            ender.end();
        }
        *known = Some(ender);
    }

    fn wait(&self) {
        if !self.is_ending() {
            thread::park_timeout(FEED_RETRY_WAIT);
        }
    }

    fn log(&self, stop: &dyn std::error::Error) {
        let (channel, why) = (self.channel.id(), one_line(stop));
        tracing::warn!(%channel, %why, "a block was refused; its source is asked again");
    }

    fn stopped(&self, stop: &dyn std::error::Error) {
        let (channel, why) = (self.channel.id(), one_line(stop));
        tracing::error!(%channel, %why, "the channel stops");
        self.channel.set_state(ChannelState::Stopped { why });
    }
}

impl Room for Shared {
    fn free_bytes(&self) -> io::Result<u64> {
        free_bytes(self.channel.ledger().dir())
    }

    fn waits(&self, why: Option<String>) {
        let channel = self.channel.id();
        let is_waiting = matches!(self.channel.state(), ChannelState::Waiting { .. });
        match &why {
            Some(why) if !is_waiting => tracing::error!(%channel, %why, "the channel waits"),
            Some(_) => {}
            None => tracing::info!(%channel, "the channel goes on"),
        }
        let state = why.map_or(ChannelState::Running, |why| ChannelState::Waiting { why });
        self.channel.set_state(state);
    }

    fn is_ending(&self) -> bool {
        Self::is_ending(self)
    }
}

struct Listener<'s>(&'s Shared);

impl Listener<'_> {
    fn trace(&self, block: &CommittedBlock) {
        let shared = self.0;
        let (Some(tracer), Some(gauges)) = (&shared.pipeline.tracer, shared.gauges.get()) else {
            return;
        };
        let codes = block.validated().codes();
        let number = block.number();
        tracer.block(TracedBlock {
            channel: shared.channel.id(),
            number,
            transactions: codes.len(),
            valid: codes.iter().filter(|code| code.is_valid()).count(),
            visits: &gauges.take_trace(number),
        });
    }

    fn count(&self, block: &CommittedBlock) {
        let (validated, channel) = (block.validated(), self.0.channel.id().to_string());
        let transactions = &validated.decoded().contents().transactions;
        let mut counts = BTreeMap::new();
        for (transaction, code) in transactions.iter().zip(validated.codes()) {
            let (kind, chaincode) = match &transaction.body {
                TxBody::Signed {
                    kind: SignedKind::Endorser(endorser),
                    ..
                } => {
                    let call = endorser.action.as_ref().ok();
                    // Of what is refused the name may be anything.
                    let call = call.filter(|_| code.is_valid());
                    let name = call.map_or("unknown", |call| call.header_name);
                    ("ENDORSER_TRANSACTION", name)
                }
                TxBody::Signed {
                    kind: SignedKind::Config(_),
                    ..
                } => ("CONFIG", "unknown"),
                TxBody::Signed {
                    kind: SignedKind::Refused(_),
                    ..
                }
                | TxBody::Refused(_) => ("unknown", "unknown"),
            };
            *counts.entry([kind, chaincode, code.name()]).or_default() += 1;
        }
        for ([kind, chaincode, code], count) in counts {
            let labels = [&*channel, kind, chaincode, code];
            self.0.pipeline.counters.add(&labels, count);
        }
    }
}

impl CommitListener for Listener<'_> {
    fn committed(&mut self, block: &CommittedBlock) {
        self.count(block);
        self.trace(block);
        let transactions = block.validated().codes().len() as u64;
        // Ordering: a count.
        self.0
            .transactions
            .fetch_add(transactions, Ordering::Relaxed);
        if let Err(stop) = self.0.channel.committed(block) {
            self.0.log(&stop);
        }
    }
}

/// A source of one block.
#[derive(Debug)]
pub struct OneBlock(Option<Bytes>);

impl OneBlock {
    /// A source of this block.
    #[must_use]
    pub fn new(block: Bytes) -> Self {
        Self(Some(block))
    }
}

impl BlockSource for OneBlock {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        Ok(self.0.take())
    }
}
