//! `heddle ledger serve-ingest`: feeders' blocks through the whole pipeline, until a signal.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use clap::Args;
use mio::Waker;
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::register_conditional_shutdown;
use signal_hook::iterator::{Handle, Signals};

use super::LedgerArgs;
use super::error::{CliError, one_line};
use super::import::{Tally, workers};
use super::open::{Missing, clock, open};
use super::progress::Progress;
use super::run_meter::RunMeter;
use super::summary::Summary;
use crate::commit::CommittedBlock;
use crate::ingress::KnownBlocks;
use crate::ingress::ingest::{Desk, Hub, IngestAddress, IngestSource, Listeners, Reactor};
use crate::ledger::{self, Ledger};
use crate::notify::CommitListener;
use crate::pipeline::{IngestDoor, Pipeline, PipelineOptions, Stop};
use crate::types::{BlockNumber, Digest};

/// Validates and commits the blocks that feeders push over local sockets.
///
/// Blocks may come from several feeders at once, out of order and more than once; each is committed
/// once. A feeder that sends what is no block of this channel is cut off, the others go on. There is NO
/// AUTHENTICATION: whoever can connect can send blocks. They are verified like an orderer's, but the
/// genesis block of an empty ledger is taken from whoever sends it first; import that one from a file
/// where not every feeder is trusted.
#[derive(Debug, Args)]
pub(super) struct ServeIngestArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// Where to listen, unix:PATH or tcp:HOST:PORT; may be given several times [default:
    /// unix:DIR/NAME.ingest]
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// Listen on addresses that other machines can reach, too; there is no authentication
    #[arg(long)]
    allow_remote: bool,
    /// Threads that verify and evaluate [default: one per core]
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Print where the server listens and the summary as JSON, one object a line, and no progress
    #[arg(long)]
    json: bool,
}

/// Serves until SIGTERM or SIGINT, then drains and prints the summary. A second signal ends at once.
pub(super) fn serve_ingest(args: &ServeIngestArgs) -> Result<ExitCode, CliError> {
    let workers = workers(args.workers)?;
    let addresses = addresses(args)?;
    let clock = clock();
    let ledger = Arc::new(open(&args.ledger, Missing::Create, args.json)?);
    let reactor = Reactor::new(Listeners::open(&addresses)?).map_err(CliError::Serve)?;
    let stop = Arc::new(AtomicBool::new(false));
    let signals = watch_signals(&stop, reactor.waker()).map_err(CliError::Serve)?;
    let known = Box::new(LedgerBlocks(Arc::clone(&ledger)));
    let desk = Desk::new(ledger.channel().clone(), known, clock.now())?;
    let hub = Hub::new(desk, reactor.waker(), Arc::clone(&clock), stop);
    let hub = Arc::new(hub);
    announce(args, &ledger, reactor.listeners().addresses())?;

    let meter = RunMeter::start(&clock, ledger.dir());
    let options = PipelineOptions {
        workers,
        ..PipelineOptions::default()
    };
    let mut pipeline =
        Pipeline::new(&ledger, &clock, options).map_err(|stop| stopped(&ledger, stop))?;
    let mut listener = ServeListener {
        hub: &hub,
        tally: Tally::default(),
        bar: Progress::open_ended("serving", args.json),
    };
    let outcome = thread::scope(|scope| {
        let thread = thread::Builder::new().name("ingest".to_owned());
        let hub = &hub;
        thread
            .spawn_scoped(scope, move || reactor.run(hub))
            .map_err(CliError::Serve)?;
        let outcome = run(&ledger, &mut pipeline, hub, &mut listener);
        hub.close();
        outcome.map_err(|stop| stopped(&ledger, stop))
    });
    signals.close();
    let ServeListener { tally, bar, .. } = listener;
    bar.finish();
    let summary = Summary {
        channel: &args.ledger.channel,
        height: ledger.height(),
        skipped: 0,
        workers,
        tally: &tally,
        spent: meter.read(),
        report: &pipeline.gauges().read(),
        durable_syncs: ledger.durable_syncs(),
        compared: false,
        ingest: Some(&hub.tally()),
    };
    summary.print(args.json)?;
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Runs the pipeline until the source ends; again and again where a feeder's block ends it.
fn run(
    ledger: &Ledger,
    pipeline: &mut Pipeline<'_>,
    hub: &Arc<Hub>,
    listener: &mut ServeListener<'_>,
) -> Result<(), Stop> {
    loop {
        let mut source = IngestSource::new(Arc::clone(hub), IngestDoor::new(ledger));
        match pipeline.run(&mut source, listener) {
            Ok(()) => return Ok(()),
            Err(stop) if stop.blames_source() => {
                // Everything before the refused block is durable.
                if !hub.rejected(ledger.height(), one_line(&stop))? {
                    return Err(stop);
                }
            }
            Err(stop) => return Err(stop),
        }
    }
}

fn addresses(args: &ServeIngestArgs) -> Result<Vec<IngestAddress>, CliError> {
    if args.listen.is_empty() {
        let socket = format!("{}.ingest", args.ledger.channel);
        return Ok(vec![IngestAddress::Unix(args.ledger.data.join(socket))]);
    }
    let mut addresses = Vec::new();
    for text in &args.listen {
        let address: IngestAddress = text.parse()?;
        if !address.is_local() && !args.allow_remote {
            return Err(CliError::Remote { address });
        }
        addresses.push(address);
    }
    Ok(addresses)
}

/// Says where the server listens, so that whoever started it knows when it does.
fn announce(
    args: &ServeIngestArgs,
    ledger: &Ledger,
    addresses: &[IngestAddress],
) -> Result<(), CliError> {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let (channel, height) = (&args.ledger.channel, ledger.height());
    let mut out = std::io::stdout().lock();
    let written = if args.json {
        let line = json!({"channel": channel, "height": height, "listening": addresses});
        writeln!(out, "{line}")
    } else {
        let addresses = addresses.join(", ");
        writeln!(
            out,
            "channel {channel}: height {height}, listening on {addresses}"
        )
    };
    written.and_then(|()| out.flush()).map_err(CliError::stdout)
}

/// On SIGTERM or SIGINT sets `stop` and wakes the reactor.
fn watch_signals(stop: &Arc<AtomicBool>, waker: Arc<Waker>) -> std::io::Result<Handle> {
    for signal in [SIGTERM, SIGINT] {
        register_conditional_shutdown(signal, 1, Arc::clone(stop))?;
    }
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let handle = signals.handle();
    let stop = Arc::clone(stop);
    let watch = move || {
        for _ in signals.forever() {
            stop.store(true, Ordering::SeqCst);
            // The reactor may have ended.
            let _ = waker.wake();
        }
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(watch)?;
    Ok(handle)
}

fn stopped(ledger: &Ledger, stop: Stop) -> CliError {
    CliError::Stopped {
        what: "the server",
        height: ledger.height(),
        stop: Box::new(stop),
    }
}

/// What the ledger has, now.
struct LedgerBlocks(Arc<Ledger>);

impl KnownBlocks for LedgerBlocks {
    fn height(&self) -> BlockNumber {
        BlockNumber(self.0.height())
    }

    fn header_hash(&self, number: BlockNumber) -> Result<Option<Digest>, ledger::Error> {
        self.0.view()?.header_hash(number)
    }
}

struct ServeListener<'h> {
    hub: &'h Hub,
    tally: Tally,
    bar: Progress,
}

impl CommitListener for ServeListener<'_> {
    fn committed(&mut self, block: &CommittedBlock) {
        let validated = block.validated();
        let height = validated.decoded().number().next();
        self.hub.committed(height.0);
        self.tally.note(validated);
        let transactions = self.tally.transactions;
        self.bar.at(
            0.0,
            format!("height {height}, {transactions} transactions committed"),
        );
    }
}
