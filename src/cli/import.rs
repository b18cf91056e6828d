//! `heddle ledger import`: a file or folder of blocks through the whole pipeline.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::LedgerArgs;
use super::compare::{Comparison, Difference};
use super::error::CliError;
use super::open::{Missing, clock, open};
use super::progress::Progress;
use super::run_meter::RunMeter;
use super::summary::{Summary, write_trace};
use crate::commit::CommittedBlock;
use crate::ingress::{self, BlockSource, KnownBlocks, Resuming, SourceProgress};
use crate::ledger::{self, Ledger, View};
use crate::limits;
use crate::mvcc::ValidatedBlock;
use crate::notify::CommitListener;
use crate::pipeline::{Pipeline, PipelineOptions, Stop};
use crate::sys::clock::{Clock, Instant};
use crate::sys::process::own_memory_bytes;
use crate::types::{BlockNumber, Digest, ValidationCode};

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// Length-delimited common.Block messages, plain or compressed with zstd; or a Fabric peer's chain
    /// folder (ledgersData/chains/chains/CHANNEL), or one block file of it
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
    /// Threads that verify and evaluate [default: one per core]
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Report every code and commit hash that differs from those in the source
    #[arg(long)]
    compare: bool,
    /// Print the summary as JSON, and no progress
    #[arg(long)]
    json: bool,
    /// Print the ledger's height on a line of its own each time a block has become durable
    #[arg(long)]
    heights: bool,
    /// Write to FILE which block was in which stage when, one JSON object a line
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

/// Validates and commits the source's blocks from the ledger's height on.
pub(super) fn import(args: &ImportArgs) -> Result<ExitCode, CliError> {
    let workers = workers(args.workers)?;
    let clock = clock();
    let source = ingress::open(&args.source)?;
    let ledger = open(&args.ledger, Missing::Create, args.json)?;
    let mut source = Resuming::new(source, Known::of(&ledger)?);
    let meter = RunMeter::start(&clock, ledger.dir());
    let options = PipelineOptions {
        workers,
        trace: args.trace.is_some(),
        ..PipelineOptions::default()
    };
    let mut pipeline =
        Pipeline::new(&ledger, &clock, options).map_err(|stop| stopped(&ledger, stop))?;
    let mut listener =
        ImportListener::new(args, Arc::clone(&clock), meter.started(), source.progress());
    let outcome = pipeline.run(&mut source, &mut listener);
    let spent = meter.read();
    let ImportListener { tally, bar, .. } = listener;
    bar.finish();
    let report = pipeline.gauges().read();
    if let Some(path) = &args.trace {
        write_trace(path, &report)?;
    }
    let summary = Summary {
        channel: &args.ledger.channel,
        height: ledger.height(),
        skipped: source.skipped(),
        workers,
        tally: &tally,
        spent,
        report: &report,
        durable_syncs: ledger.durable_syncs(),
        compared: args.compare,
        ingest: None,
    };
    summary.print(args.json)?;
    outcome.map_err(|stop| stopped(&ledger, stop))?;
    Ok(if tally.differences.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn stopped(ledger: &Ledger, stop: Stop) -> CliError {
    CliError::Stopped {
        what: "import",
        height: ledger.height(),
        stop: Box::new(stop),
    }
}

pub(super) fn workers(asked: Option<usize>) -> Result<usize, CliError> {
    match asked {
        Some(workers) if (1..=limits::WORKERS_MAX).contains(&workers) => Ok(workers),
        Some(workers) => Err(CliError::Workers { workers }),
        None => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
    }
}

/// The ledger's blocks at the time of the start.
struct Known {
    view: View,
    ledger_height: u64,
}

impl Known {
    fn of(ledger: &Ledger) -> Result<Self, ledger::Error> {
        let view = ledger.view()?;
        Ok(Self {
            ledger_height: view.height(),
            view,
        })
    }
}

impl KnownBlocks for Known {
    fn height(&self) -> BlockNumber {
        BlockNumber(self.ledger_height)
    }

    fn header_hash(&self, number: BlockNumber) -> Result<Option<Digest>, ledger::Error> {
        self.view.header_hash(number)
    }
}

/// What was committed so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) blocks: u64,
    pub(super) transactions: u64,
    pub(super) codes: BTreeMap<ValidationCode, u64>,
    pub(super) differences: Vec<Difference>,
    pub(super) differences_total: u64,
    /// The most memory of its own that the process was seen with.
    pub(super) own_memory_bytes_peak: Option<u64>,
}

/// Blocks from one look at the process's memory to the next.
const MEMORY_LOOK_BLOCKS: u64 = 16;

impl Tally {
    /// Counts a block.
    pub(super) fn note(&mut self, block: &ValidatedBlock) {
        if self.blocks.is_multiple_of(MEMORY_LOOK_BLOCKS) {
            self.own_memory_bytes_peak = self.own_memory_bytes_peak.max(own_memory_bytes());
        }
        self.blocks += 1;
        self.transactions += block.codes().len() as u64;
        for code in block.codes() {
            *self.codes.entry(*code).or_default() += 1;
        }
    }
}

struct ImportListener {
    tally: Tally,
    bar: Progress,
    compare: bool,
    json: bool,
    heights: bool,
    clock: Arc<dyn Clock>,
    start: Instant,
    source: SourceProgress,
}

impl ImportListener {
    fn new(
        args: &ImportArgs,
        clock: Arc<dyn Clock>,
        start: Instant,
        source: SourceProgress,
    ) -> Self {
        Self {
            tally: Tally::default(),
            bar: Progress::new("importing", args.json),
            compare: args.compare,
            json: args.json,
            heights: args.heights,
            clock,
            start,
            source,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "for a progress bar")]
    fn rate(&self) -> f64 {
        let seconds = self.clock.now().since(self.start).as_secs_f64();
        self.tally.transactions as f64 / seconds.max(1e-6)
    }
}

impl CommitListener for ImportListener {
    fn committed(&mut self, block: &CommittedBlock) {
        let validated = block.validated();
        self.tally.note(validated);
        if self.compare {
            for difference in Comparison::of(validated).differences() {
                self.tally.differences_total += 1;
                if !self.json {
                    self.bar.line(&difference.to_string());
                }
                if self.tally.differences.len() < limits::DIFFERENCES_KEPT_MAX {
                    self.tally.differences.push(difference);
                }
            }
        }
        if self.heights {
            // Whoever reads this may be gone; the blocks are committed all the same.
            let mut out = std::io::stdout().lock();
            let _ = writeln!(out, "{}", validated.decoded().number().next());
            let _ = out.flush();
        }
        let message = format!(
            "block {}, {:.0} tx/s",
            validated.decoded().number(),
            self.rate()
        );
        self.bar.at(self.source.share(), message);
    }
}
