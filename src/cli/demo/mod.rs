//! `heddle demo`: a fresh ledger and a mixed workload, run through the whole pipeline before the
//! reader's eyes, and three of the refusals explained.
//!
//! Nothing in it is staged: the ledger is a real one, the transactions are signed and validated, and
//! the explanations are those of `heddle ledger explain`.

mod maker;
mod refusals;
mod report;
mod view;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use clap::Args;

use self::maker::{blocks_ahead, make};
use self::refusals::Listener;
use self::report::Report;
use self::view::View;
use super::LedgerArgs;
use super::error::CliError;
use super::open::{Missing, clock, open};
use crate::pipeline::{Pipeline, PipelineOptions};
use crate::testing::workload::{Workload, WorkloadSpec};

/// The demo's channel.
const CHANNEL: &str = "demo";

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Keep the ledger in this folder, which must be new or empty [default: a temporary one, removed
    /// at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Blocks of the workload
    #[arg(long, value_name = "N", default_value_t = 100)]
    blocks: u64,
    /// Transactions in each of them
    #[arg(long, value_name = "N", default_value_t = 500)]
    txs: usize,
    /// Where all chance comes from: the same seed gives the same blocks and verdicts
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl DemoArgs {
    /// Mostly sound transactions on keys that they share, and some of everything that goes wrong on a
    /// real channel.
    fn spec(&self) -> WorkloadSpec {
        WorkloadSpec {
            channel: CHANNEL.to_owned(),
            seed: self.seed,
            blocks: self.blocks,
            txs: self.txs,
            keys: 20_000,
            fill: true,
            hot_keys: 20,
            hot_share: 0.002,
            system_reads: true,
            conflicts: 0.01,
            raw_ranges: 0.02,
            merkle_ranges: 0.01,
            key_policies: 0.02,
            private: 0.02,
            config_every: 25,
            invalid: 0.02,
            ..WorkloadSpec::default()
        }
    }
}

/// Makes a channel, commits it, and says what became of it.
pub(super) fn demo(args: &DemoArgs) -> Result<ExitCode, CliError> {
    let workload = Workload::new(args.spec())?;
    let folder = Folder::of(args.data.as_deref())?;
    let mut out = std::io::stdout().lock();
    report::write_introduction(&mut out, &args.spec(), workload.blocks(), folder.path())
        .and_then(|()| out.flush())
        .map_err(CliError::stdout)?;
    let ledger_args = LedgerArgs {
        data: folder.path().to_owned(),
        channel: CHANNEL.to_owned(),
    };
    let ledger = open(&ledger_args, Missing::Create, true)?;
    let clock = clock();
    let options = PipelineOptions {
        workers: thread::available_parallelism().map_or(1, usize::from),
        ..PipelineOptions::default()
    };
    let stopped = |stop| CliError::Stopped {
        what: "demo",
        height: ledger.height(),
        stop: Box::new(stop),
    };
    let mut pipeline = Pipeline::new(&ledger, &clock, options).map_err(stopped)?;
    let gauges = pipeline.gauges().clone();
    let start = clock.now();
    let blocks = workload.blocks();
    let (outbox, mut source) = blocks_ahead();
    let mut listener = Listener::default();
    let view = View::new(gauges.clone(), &clock, blocks, options.workers);
    thread::scope(|scope| {
        let start_thread = |name: &str| thread::Builder::new().name(name.to_owned());
        let maker = move || make(workload, &outbox);
        start_thread("make")
            .spawn_scoped(scope, maker)
            .map_err(CliError::Thread)?;
        // The view ends when its door is shut.
        let (door, watched) = view::door();
        start_thread("view")
            .spawn_scoped(scope, move || view.show(&watched))
            .map_err(CliError::Thread)?;
        let outcome = pipeline.run(&mut source, &mut listener);
        drop((source, door));
        outcome.map_err(stopped)
    })?;
    let report = Report {
        listener: &listener,
        wall: clock.now().since(start),
        gauges: gauges.read(),
        height: ledger.height(),
    };
    report.write(&mut out).map_err(CliError::stdout)?;
    let explained = listener.explain(&ledger)?;
    report::write_refusals(&mut out, &explained)
        .and_then(|()| report::write_next_steps(&mut out, args, &explained))
        .and_then(|()| out.flush())
        .map_err(CliError::stdout)?;
    Ok(ExitCode::SUCCESS)
}

/// Where the ledger is.
enum Folder {
    /// Removed when it is dropped.
    Temporary(tempfile::TempDir),
    Kept(PathBuf),
}

impl Folder {
    fn of(data: Option<&Path>) -> Result<Self, CliError> {
        let Some(path) = data else {
            let folder = tempfile::Builder::new().prefix("heddle-demo-").tempdir();
            let unusable = |source| CliError::DemoFolderUnusable {
                path: std::env::temp_dir(),
                source,
            };
            return folder.map(Self::Temporary).map_err(unusable);
        };
        let path = path.to_owned();
        let entries = fs::create_dir_all(&path).and_then(|()| fs::read_dir(&path));
        match entries.map(|mut entries| entries.next().is_some()) {
            Ok(false) => Ok(Self::Kept(path)),
            Ok(true) => Err(CliError::DemoFolder { path }),
            Err(source) => Err(CliError::DemoFolderUnusable { path, source }),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }
}
