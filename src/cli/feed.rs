//! `heddle ledger feed`: the blocks of a file or chain folder to a running `serve-ingest`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::error::{CliError, one_line};
use super::progress::Progress;
use crate::ingress::ingest::{FeedConnection, FeedError, Feeding, IngestAddress};
use crate::ingress::{self, BlockSource};
use crate::limits;

/// The wait before the first new attempt; each further one waits twice as long.
const RETRY_WAIT: Duration = Duration::from_millis(200);

/// Pushes the blocks of a file or chain folder to a running 'serve-ingest'.
///
/// Begins with the block that the server needs next, waits where the server has no room, and ends well
/// only when the server has said that the last block is durable. A connection that breaks is made anew
/// a few times.
#[derive(Debug, Args)]
pub(super) struct FeedArgs {
    /// Where the server listens: unix:PATH or tcp:HOST:PORT
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// Length-delimited common.Block messages, plain or compressed with zstd; or a Fabric peer's chain
    /// folder (ledgersData/chains/chains/CHANNEL), or one block file of it
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
    /// Begin with this block instead of the one that the server needs next
    #[arg(long, value_name = "NUMBER")]
    from: Option<u64>,
    /// Print the summary as JSON, and no progress
    #[arg(long)]
    json: bool,
}

/// Feeds the source to its end.
pub(super) fn feed(args: &FeedArgs) -> Result<ExitCode, CliError> {
    let address: IngestAddress = args.to.parse()?;
    // What is wrong with the source is known before anybody is bothered.
    ingress::open(&args.source)?;
    let bar = Progress::new("feeding", args.json);
    let durable = AtomicU64::new(0);
    let (mut attempt, mut reached) = (0, None);
    let result = loop {
        let error = match feed_once(args, &address, &bar, &durable) {
            Ok(feeding) => break Ok(feeding),
            Err(error) => error,
        };
        // Ordering: the thread that wrote it has been joined.
        let now = durable.load(Ordering::Relaxed);
        let connected = !matches!(error, FeedError::Connect { .. });
        if reached.is_none_or(|reached| now > reached) && (connected || reached.is_some()) {
            (attempt, reached) = (0, Some(now));
        }
        attempt += 1;
        if reached.is_none() || attempt > limits::FEED_ATTEMPTS_MAX || !error.may_retry() {
            break Err(error);
        }
        let wait = RETRY_WAIT * (1 << (attempt - 1).min(4));
        bar.line(&format!(
            "heddle: {}; attempt {attempt} of {} in {:.1} s",
            one_line(&error),
            limits::FEED_ATTEMPTS_MAX,
            wait.as_secs_f64()
        ));
        thread::sleep(wait);
    };
    bar.finish();
    let feeding = result?;
    let mut out = std::io::stdout().lock();
    let written = write_summary(&mut out, args, feeding);
    written
        .and_then(|()| out.flush())
        .map_err(CliError::stdout)?;
    Ok(ExitCode::SUCCESS)
}

/// One connection, to the source's end.
fn feed_once(
    args: &FeedArgs,
    address: &IngestAddress,
    bar: &Progress,
    durable: &AtomicU64,
) -> Result<Feeding, FeedError> {
    let connection = FeedConnection::open(address)?;
    let mut source = ingress::open(&args.source)?;
    let progress = source.progress();
    let mut heard = |height: u64| {
        // Ordering: read after this thread has been joined.
        durable.fetch_max(height, Ordering::Relaxed);
        bar.at(progress.share(), format!("{height} blocks durable"));
    };
    heard(connection.greeting().height);
    connection.feed(&mut source, args.from, &mut heard)
}

fn write_summary(out: &mut dyn Write, args: &FeedArgs, feeding: Feeding) -> std::io::Result<()> {
    let Feeding {
        sent,
        skipped,
        durable,
    } = feeding;
    if args.json {
        let line = json!({"sent": sent, "skipped": skipped, "durable": durable});
        return writeln!(out, "{line}");
    }
    writeln!(
        out,
        "fed to {}: {sent} blocks sent, {skipped} were not needed; every block below {durable} is durable",
        args.to
    )
}
