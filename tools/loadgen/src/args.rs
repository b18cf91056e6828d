//! The options, with the workload's own defaults.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Parser, ValueEnum};
use heddle::testing::kit::KeyKind;
use heddle::testing::workload::WorkloadSpec;

/// Make a chain in Hyperledger Fabric's format: genesis block, chaincode definition, and blocks of
/// signed transactions. The same options give the same bytes.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version, about)]
pub(crate) struct Args {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    size: SizeArgs,
    #[command(flatten)]
    network: NetworkArgs,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// Length-delimited common.Block messages; compressed where the name ends in .zst, - for standard
    /// output
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What each transaction tries and which code it gets, as JSON lines
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Threads that make transactions [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// No progress bar and no summary
    #[arg(long)]
    quiet: bool,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Size")]
struct SizeArgs {
    /// Where all chance comes from
    #[arg(long, value_name = "N", default_value_t = WorkloadSpec::default().seed)]
    seed: u64,
    /// Blocks of the workload; genesis, definitions and the like come on top
    #[arg(long, value_name = "N", default_value_t = WorkloadSpec::default().blocks)]
    blocks: u64,
    /// Transactions in each of them
    #[arg(long, value_name = "N", default_value_t = WorkloadSpec::default().txs)]
    txs: usize,
    /// Bytes of a written value
    #[arg(long, value_name = "N", default_value_t = WorkloadSpec::default().value_bytes)]
    value_bytes: usize,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Channel and identities")]
struct NetworkArgs {
    /// The channel's name
    #[arg(long, value_name = "NAME", default_value_t = WorkloadSpec::default().channel)]
    channel: String,
    /// Application organizations
    #[arg(long, value_name = "N", default_value_t = WorkloadSpec::default().orgs)]
    orgs: usize,
    /// Peers of each, who endorse
    #[arg(long, value_name = "N", default_value_t = WorkloadSpec::default().peers)]
    peers: usize,
    /// Clients of each, who submit
    #[arg(long, value_name = "N", default_value_t = WorkloadSpec::default().clients)]
    clients: usize,
    /// The kind of everybody's keys
    #[arg(long, value_enum, default_value_t = KeyKindArg::Ecdsa)]
    key_kind: KeyKindArg,
    /// Endorsements of each transaction
    #[arg(long, value_name = "N", default_value_t = WorkloadSpec::default().endorsements)]
    endorsements: usize,
}

/// A kind of keys.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum KeyKindArg {
    /// ECDSA on P-256
    Ecdsa,
    /// Ed25519, which makes the channel capability V3_0
    Ed25519,
}

impl Args {
    /// Where the blocks go.
    pub(crate) fn out(&self) -> &Path {
        &self.output.out
    }

    /// Where the labels go.
    pub(crate) fn labels(&self) -> Option<&Path> {
        self.output.labels.as_deref()
    }

    /// How many threads; 0 for one per core.
    pub(crate) fn threads(&self) -> usize {
        self.output.threads.map_or(0, usize::from)
    }

    /// Whether nothing is to be said.
    pub(crate) fn quiet(&self) -> bool {
        self.output.quiet
    }

    /// How many blocks there will be, about.
    pub(crate) fn blocks(&self) -> u64 {
        self.size.blocks.saturating_add(2)
    }

    /// What the workload is to be like.
    pub(crate) fn spec(&self) -> WorkloadSpec {
        let Self { size, network, .. } = self;
        WorkloadSpec {
            seed: size.seed,
            blocks: size.blocks,
            txs: size.txs,
            value_bytes: size.value_bytes,
            channel: network.channel.clone(),
            orgs: network.orgs,
            peers: network.peers,
            clients: network.clients,
            key_kind: match network.key_kind {
                KeyKindArg::Ecdsa => KeyKind::P256,
                KeyKindArg::Ed25519 => KeyKind::Ed25519,
            },
            endorsements: network.endorsements,
            ..WorkloadSpec::default()
        }
    }
}
