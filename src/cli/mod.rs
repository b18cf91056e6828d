//! The command line: arguments in, lines and exit codes out.
//!
//! Everything that goes wrong is one line on standard error that says what was expected and what to
//! do, and exit code 1; where the arguments themselves are wrong, and where `ledger compare` cannot tell,
//! it is 2. Results go to standard output, as text for people or, with `--json`, as JSON.
//!
//! Knows nothing of how things are done: each command is a call into the library.

mod channel;
mod compare;
mod compare_peer;
mod connection;
#[cfg(feature = "demo")]
mod demo;
mod error;
mod explain;
mod export;
mod feed;
mod folder;
mod gossip;
mod import;
mod inspect;
mod node;
mod open;
mod peer_difference;
mod progress;
mod run_meter;
mod serve_ingest;
mod summary;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use self::error::CliError;
use crate::crypto::{self, Backend};

/// The exit code where the arguments are wrong.
const USAGE: u8 = 2;

/// A peer for Hyperledger Fabric networks.
#[derive(Debug, Parser)]
#[command(name = "heddle", version, about, disable_help_subcommand = true)]
struct Heddle {
    /// What verifies P-256 and Ed25519 signatures: library, scalar or avx512ifma. The verdicts are the
    /// same; without this and without HEDDLE_CRYPTO_BACKEND it is the fastest that the CPU has
    #[arg(long, global = true, value_name = "NAME")]
    crypto_backend: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show heddle at work: a channel with a mixed workload, live, and three refusals explained
    #[cfg(feature = "demo")]
    Demo(demo::DemoArgs),
    /// Run a peer
    #[command(subcommand)]
    Node(node::NodeCommand),
    /// Ask a peer about channels, or have it join one
    #[command(subcommand)]
    Channel(channel::ChannelCommand),
    /// Ask a running peer how its gossip is
    #[command(subcommand)]
    Gossip(gossip::GossipCommand),
    /// Work on a channel's ledger, without a running peer
    #[command(subcommand)]
    Ledger(LedgerCommand),
}

#[derive(Debug, Subcommand)]
enum LedgerCommand {
    /// Validate and commit the blocks of a file or chain folder, going on where the ledger stands
    Import(import::ImportArgs),
    /// Validate and commit the blocks that feeders push over local sockets, until SIGTERM or ctrl-C
    ServeIngest(serve_ingest::ServeIngestArgs),
    /// Push the blocks of a file or chain folder to a running 'serve-ingest', until they are durable
    Feed(feed::FeedArgs),
    /// Write codes, state or blocks to a file or to standard output
    Export(export::ExportArgs),
    /// Compare with what another peer committed: exit code 0 where nothing differs, 1 where something
    /// does, 2 where it cannot be told
    Compare(compare_peer::CompareArgs),
    /// Check every stored block: checksum, number, hash chain, data hash
    Verify(inspect::VerifyArgs),
    /// Drop the state database and build it anew from the blocks
    RebuildState(inspect::RebuildArgs),
    /// Say how high the ledger is and how large
    Info(inspect::InfoArgs),
    /// Show one block and the verdicts on its transactions
    Block(inspect::BlockArgs),
    /// Show where a transaction is, what became of it, and why if it was refused
    Tx(explain::TxArgs),
    /// Explain the verdict on a transaction in full
    Explain(explain::ExplainArgs),
}

/// Which ledger.
#[derive(Debug, Clone, Args)]
pub(crate) struct LedgerArgs {
    /// Folder of all ledgers; each channel has a folder of its own in it
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The channel's name
    #[arg(long, value_name = "NAME")]
    pub(crate) channel: String,
}

/// Runs the command line `arguments` (the program's name first) and returns the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let heddle = match Heddle::try_parse_from(arguments) {
        Ok(heddle) => heddle,
        Err(usage) => {
            // Help and version are answers, not errors.
            let failed = usage.use_stderr();
            let _ = usage.print();
            return if failed {
                ExitCode::from(USAGE)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match choose_backend(heddle.crypto_backend).and_then(|()| dispatch(&heddle.command)) {
        Ok(code) => code,
        Err(CliError::OutputClosed) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "heddle: {}", error::one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// The flag goes before the variable.
fn choose_backend(flag: Option<String>) -> Result<(), CliError> {
    let variable = || {
        std::env::var_os(crypto::BACKEND_VARIABLE).map(|name| name.to_string_lossy().into_owned())
    };
    let name = flag.or_else(variable);
    Ok(Backend::choose_by_name(name.as_deref())?)
}

/// Writes a result to standard output.
fn print(text: &str) -> Result<ExitCode, CliError> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(CliError::stdout)?;
    Ok(ExitCode::SUCCESS)
}

fn dispatch(command: &Command) -> Result<ExitCode, CliError> {
    let command = match command {
        #[cfg(feature = "demo")]
        Command::Demo(args) => return demo::demo(args),
        Command::Node(command) => return node::node(command),
        Command::Channel(command) => return channel::channel(command),
        Command::Gossip(command) => return gossip::gossip(command),
        Command::Ledger(command) => command,
    };
    match command {
        LedgerCommand::Import(args) => import::import(args),
        LedgerCommand::ServeIngest(args) => serve_ingest::serve_ingest(args),
        LedgerCommand::Feed(args) => feed::feed(args),
        LedgerCommand::Export(args) => export::export(args),
        LedgerCommand::Compare(args) => Ok(compare_peer::compare(args)),
        LedgerCommand::Verify(args) => inspect::verify(args),
        LedgerCommand::RebuildState(args) => inspect::rebuild(args),
        LedgerCommand::Info(args) => inspect::info(args),
        LedgerCommand::Block(args) => inspect::block(args),
        LedgerCommand::Tx(args) => explain::tx(args),
        LedgerCommand::Explain(args) => explain::explain_tx(args),
    }
}
