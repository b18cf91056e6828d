//! `loadgen`: makes chains in Fabric's format, from a seed, of any size and mix.
//!
//! Everything that matters is in the library (`heddle::testing::workload`); here are its options, the
//! files, and the progress bar. What goes wrong is one line on standard error, and exit code 1.

mod args;
mod output;
mod progress;

use std::io::Write as _;
use std::process::ExitCode;
use std::thread;

use clap::Parser as _;
use heddle::queue::queue;
use heddle::testing::workload::{MadeBlock, SpecError, Workload};

use crate::args::Args;
use crate::output::{Output, OutputError, write_msps};
use crate::progress::Progress;

/// Blocks that are made and not yet written. When as many are waiting, making waits.
const BLOCKS_WAITING: usize = 8;

/// Why there is no chain.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The options make none.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A file.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The threads.
    #[error("--threads: the system gives no threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// A thread could not be started.
    #[error("the system gives no thread: {0}")]
    Thread(#[source] std::io::Error),
    /// A thread ended badly.
    #[error("the writer panicked: this is a bug")]
    Panicked,
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(usage) => {
            // Help and version are answers, not errors.
            let failed = usage.use_stderr();
            let _ = usage.print();
            return if failed {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match run(&args) {
        Ok(()) | Err(Failure::Output(OutputError::Closed)) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "loadgen: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let workers = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads())
        .build()?;
    let spec = args.spec();
    let has_node_ous = spec.node_ous;
    let mut workload = workers.install(|| Workload::new(spec))?;
    if let Some(folder) = args.msp() {
        write_msps(folder, &workload.credentials(), has_node_ous)?;
    }
    let mut output = Output::create(args)?;
    let mut progress = Progress::new(workload.blocks(), args.quiet());
    let (outbox, inbox) = queue::<MadeBlock>("make_write", BLOCKS_WAITING);
    thread::scope(|scope| {
        let writer = thread::Builder::new()
            .name("write".to_owned())
            .spawn_scoped(scope, move || -> Result<(), OutputError> {
                while let Some(block) = inbox.receive() {
                    output.write(&block)?;
                    progress.wrote(&block);
                }
                output.finish()?;
                progress.finish();
                Ok(())
            })
            .map_err(Failure::Thread)?;
        // A writer that has failed takes no more blocks.
        while let Some(block) = workers.install(|| workload.next()) {
            if outbox.send(block).is_err() {
                break;
            }
        }
        drop(outbox);
        writer.join().map_err(|_| Failure::Panicked)??;
        Ok(())
    })
}
