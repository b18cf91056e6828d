//! `heddle node`: the running peer, and what is done to its ledgers while it does not run, with the arguments
//! of Fabric's `peer node`.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::error::{CliError, one_line};
use super::folder::FolderArgs;
use super::open::{clock, with_progress};
use super::print;
use crate::config::PeerConfig;
use crate::ledger::TakenBack;
use crate::node::{Logs, Node, NodeOptions};
use crate::peer::LedgerFolder;
use crate::types::{BlockNumber, ChannelId};

#[derive(Debug, Subcommand)]
pub(super) enum NodeCommand {
    /// Run a peer, configured by core.yaml in FABRIC_CFG_PATH and by CORE_* variables, until SIGTERM
    Start(StartArgs),
    /// Take every channel back to its genesis block; the blocks behind it are fetched and validated again.
    /// The peer must not be running
    Reset(FolderArgs),
    /// Take a channel back to a block; those behind it are fetched and validated again. The peer must not
    /// be running
    Rollback(RollbackArgs),
    /// Make state, history and indexes of every channel again from its blocks. The peer must not be running
    RebuildDbs(FolderArgs),
    /// Have the peer not open a channel when it starts. The peer must not be running
    Pause(ChannelArgs),
    /// Have the peer open a paused channel again when it starts. The peer must not be running
    Resume(ChannelArgs),
}

#[derive(Debug, Args)]
pub(super) struct StartArgs {
    /// Send a span for each block and each of its stages to OpenTelemetry's collector, over gRPC [default:
    /// OTEL_EXPORTER_OTLP_ENDPOINT, or none]
    #[arg(long, value_name = "http://HOST:PORT")]
    otlp_endpoint: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    #[command(flatten)]
    channel: ChannelArgs,
    /// The block that becomes the last one
    #[arg(short = 'b', long = "blockNumber", value_name = "N")]
    block: u64,
}

#[derive(Debug, Args)]
pub(super) struct ChannelArgs {
    /// The channel
    #[arg(short, long = "channelID", value_name = "NAME")]
    channel: String,
    #[command(flatten)]
    folder: FolderArgs,
}

pub(super) fn node(command: &NodeCommand) -> Result<ExitCode, CliError> {
    match command {
        NodeCommand::Start(args) => start(args),
        NodeCommand::Reset(folder) => each_channel(folder, reset),
        NodeCommand::Rollback(args) => roll_back(args),
        NodeCommand::RebuildDbs(folder) => each_channel(folder, rebuild),
        NodeCommand::Pause(args) => set_paused(args, true),
        NodeCommand::Resume(args) => set_paused(args, false),
    }
}

/// Works on one channel after the other; one that fails does not keep the others from it.
fn each_channel(
    folder: &FolderArgs,
    work: impl Fn(&LedgerFolder, &ChannelId) -> Result<String, CliError>,
) -> Result<ExitCode, CliError> {
    let folder = folder.take()?;
    let channels = folder.channels()?;
    let mut failed = 0;
    for channel in &channels {
        match work(&folder, channel) {
            Ok(done) => drop(print(&format!("channel {channel}: {done}\n"))?),
            Err(error) => {
                failed += 1;
                let line = one_line(&error);
                let _ = writeln!(std::io::stderr(), "heddle: channel {channel}: {line}");
            }
        }
    }
    if failed > 0 {
        let channels = channels.len();
        return Err(CliError::Channels { failed, channels });
    }
    Ok(ExitCode::SUCCESS)
}

fn reset(folder: &LedgerFolder, channel: &ChannelId) -> Result<String, CliError> {
    let Some(TakenBack { from, .. }) = folder.reset(channel)? else {
        return Ok("has its genesis block only".to_owned());
    };
    recover(folder, channel)?;
    Ok(format!(
        "taken back from height {from} to its genesis block"
    ))
}

fn roll_back(args: &RollbackArgs) -> Result<ExitCode, CliError> {
    let channel = ChannelId::new(&args.channel.channel)?;
    let folder = args.channel.folder.take()?;
    let TakenBack { from, to } = folder.roll_back(&channel, BlockNumber(args.block))?;
    recover(&folder, &channel)?;
    print(&format!(
        "channel {channel}: taken back from height {from} to {to}\n"
    ))
}

/// Makes the state that belongs to the blocks that are left. Where this is interrupted, the next start does
/// it.
fn recover(folder: &LedgerFolder, channel: &ChannelId) -> Result<u64, CliError> {
    with_progress("rebuilding", false, |progress| {
        folder.recover(channel, progress)
    })
}

fn rebuild(folder: &LedgerFolder, channel: &ChannelId) -> Result<String, CliError> {
    let height = with_progress("rebuilding", false, |progress| {
        folder.rebuild(channel, progress)
    })?;
    Ok(format!(
        "state, history and indexes of {height} blocks are made again"
    ))
}

fn set_paused(args: &ChannelArgs, paused: bool) -> Result<ExitCode, CliError> {
    let channel = ChannelId::new(&args.channel)?;
    args.folder.take()?.set_paused(&channel, paused)?;
    let what = if paused { "paused" } else { "resumed" };
    print(&format!("channel {channel}: {what}\n"))
}

fn start(args: &StartArgs) -> Result<ExitCode, CliError> {
    let loaded = PeerConfig::of_process()?;
    let logs = Arc::new(Logs::start(&loaded.config.logging));
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let of_environment = std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok();
    let of_environment = of_environment.filter(|endpoint| !endpoint.is_empty());
    let options = NodeOptions {
        otlp_endpoint: args.otlp_endpoint.clone().or(of_environment),
    };
    let node = Node::start(&loaded.config, &options, logs, &clock())?;
    let ending = node.ending();
    for signal in [SIGTERM, SIGINT] {
        // A second signal ends at once: what is durable stays so.
        flag::register_conditional_shutdown(signal, 1, Arc::clone(&ending))
            .and_then(|_| flag::register(signal, Arc::clone(&ending)))
            .map_err(CliError::Serve)?;
    }
    let (clients, operations) = node.addresses();
    let shown = |address: Option<std::net::SocketAddr>| {
        address.map_or_else(|| "nowhere".to_owned(), |address| address.to_string())
    };
    let channels = node.peer().host().channels().len();
    print(&format!(
        "peer {} of {}: {channels} channels, clients on {}, operations on {}\n",
        loaded.config.id,
        loaded.config.local_msp_id,
        shown(clients),
        shown(operations),
    ))?;
    node.wait();
    tracing::info!("ending");
    node.end();
    Ok(ExitCode::SUCCESS)
}
