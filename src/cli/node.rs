//! `heddle node`: the running peer.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::error::CliError;
use super::open::clock;
use super::print;
use crate::config::PeerConfig;
use crate::node::{Logs, Node};

#[derive(Debug, Subcommand)]
pub(super) enum NodeCommand {
    /// Run a peer, configured by core.yaml in FABRIC_CFG_PATH and by CORE_* variables, until SIGTERM
    Start,
}

pub(super) fn node(command: &NodeCommand) -> Result<ExitCode, CliError> {
    match command {
        NodeCommand::Start => start(),
    }
}

fn start() -> Result<ExitCode, CliError> {
    let loaded = PeerConfig::of_process()?;
    let logs = Arc::new(Logs::start(&loaded.config.logging));
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let node = Node::start(&loaded.config, logs, &clock())?;
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
