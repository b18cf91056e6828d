//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

/// A single-node ordering service for development. Production uses Fabric's raft or BFT orderers.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Orders transactions of one or more channels.
    Start(StartArgs),
    /// Serves a prepared chain over Deliver to whoever asks: nothing is ordered.
    Serve(ServeArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct StartArgs {
    /// Where the channels are: a folder each, made when needed.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,

    /// A channel's genesis block, for channels that are new; as often as needed.
    #[arg(long, value_name = "FILE")]
    pub(crate) genesis: Vec<PathBuf>,

    /// The orderer's MSP folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) msp: PathBuf,

    /// The orderer's MSP id.
    #[arg(long, value_name = "ID", default_value = "OrdererMSP")]
    pub(crate) msp_id: String,

    #[command(flatten)]
    pub(crate) listen: ListenArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServeArgs {
    /// The chain: length-delimited blocks from block 0 on, plain or zstd; as often as needed, one channel
    /// each.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) blocks: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) listen: ListenArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ListenArgs {
    /// Where to listen; port 0 takes a free one, which is printed.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7050")]
    pub(crate) listen: SocketAddr,

    /// The TLS certificate in PEM; without it, connections are plain.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Its private key in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Who issues clients' TLS certificates, in PEM: clients need one then, and their requests to read must
    /// name its hash. As often as needed.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) client_ca: Vec<PathBuf>,

    /// Broadcast and Deliver streams that may be open at once.
    #[arg(long, value_name = "N", default_value_t = 2500)]
    pub(crate) streams_max: usize,
}
