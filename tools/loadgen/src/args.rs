//! The options, with the workload's own defaults.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Parser, ValueEnum};
use heddle::testing::kit::KeyKind;
use heddle::testing::workload::{Fault, UnknownFault, WorkloadSpec};

/// Make a chain in Hyperledger Fabric's format: genesis block, chaincode definition, and blocks of
/// signed transactions. The same options give the same bytes.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version, about, after_long_help = kinds())]
pub(crate) struct Args {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    size: SizeArgs,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    mix: MixArgs,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// Length-delimited common.Block messages; compressed where the name ends in .zst, - for standard
    /// output
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What each transaction tries and which code it gets, as JSON lines; null where nobody knows
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// MSP folders of the peers and administrators, ORG/NAME/msp, for real peers that are to join the channel: the
    /// keys follow from the seed, and are no secret
    #[arg(long, value_name = "FOLDER")]
    msp: Option<PathBuf>,
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
    /// Blocks of the workload; genesis, definition, filling and config updates come on top
    #[arg(long, value_name = "N", default_value_t = WorkloadSpec::default().blocks)]
    blocks: u64,
    /// Transactions in each of them
    #[arg(long, value_name = "N", default_value_t = WorkloadSpec::default().txs)]
    txs: usize,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Channel and identities")]
struct NetworkArgs {
    /// The channel's name
    #[arg(long, value_name = "NAME", default_value_t = WorkloadSpec::default().channel)]
    channel: String,
    /// The application capability; below V2_0 the old lifecycle and its rules
    #[arg(long, value_name = "NAME", default_value_t = WorkloadSpec::default().application_capability)]
    capability: String,
    /// The channel capability [default: the lowest one that does, V2_0 or V3_0]
    #[arg(long, value_name = "NAME")]
    channel_capability: Option<String>,
    /// Ordering nodes of a BFT cluster that signs the blocks; 0 for raft
    #[arg(long, value_name = "N", default_value_t = WorkloadSpec::default().consenters)]
    bft: usize,
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
    /// Certificates do not tell their holder's role
    #[arg(long)]
    no_node_ous: bool,
    /// Endorsements of each transaction
    #[arg(long, value_name = "N", default_value_t = WorkloadSpec::default().endorsements)]
    endorsements: usize,
    /// Organizations whose peers must endorse [default: 2, or 1 with one endorsement]
    #[arg(long, value_name = "N")]
    required: Option<usize>,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Keys and values")]
struct AccessArgs {
    /// From how many keys transactions draw; 0 for keys of their own
    #[arg(long, value_name = "N", default_value_t = WorkloadSpec::default().keys)]
    keys: u64,
    /// Write all these keys first, in few large transactions
    #[arg(long)]
    fill: bool,
    /// Keys that a transaction reads
    #[arg(long, value_name = "N", default_value_t = WorkloadSpec::default().reads)]
    reads: usize,
    /// Keys that a transaction writes: the same ones, as far as there are as many
    #[arg(long, value_name = "N", default_value_t = WorkloadSpec::default().writes)]
    writes: usize,
    /// Bytes of a written value; the default makes envelopes of about 3.5 KB
    #[arg(long, value_name = "N", default_value_t = WorkloadSpec::default().value_bytes)]
    value_bytes: usize,
    /// Share of the writes that delete
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    deletes: f64,
    /// How many keys are hot
    #[arg(long, value_name = "N", default_value_t = 0)]
    hot_keys: u64,
    /// Share of the accesses that go to them
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    hot_share: f64,
    /// Read the chaincode's sequence in each transaction, as every real endorsement does
    #[arg(long)]
    system_reads: bool,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Mix (shares of all transactions, the rest is plain)")]
struct MixArgs {
    /// Read what an earlier transaction of the block changes
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    conflicts: f64,
    /// Read a short range, key by key
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    raw_ranges: f64,
    /// Read a long range, as a Merkle summary
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    merkle_ranges: f64,
    /// Write keys that have policies of their own, or change these policies
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    key_policies: f64,
    /// Read and write hashes of private data; a real peer of the last organization would wait for the
    /// data themselves
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    private: f64,
    /// Blocks that private data live; 0 for ever
    #[arg(long, value_name = "N", default_value_t = 0)]
    block_to_live: u64,
    /// A config update after each N blocks: batch size, timeout, or an organization that joins; 0 for
    /// none
    #[arg(long, value_name = "N", default_value_t = 0)]
    config_every: u64,
    /// Be wrong on purpose
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    invalid: f64,
    /// In which ways: names, validation codes, or all [default: all but mutation, which changes valid
    /// transactions at protobuf level and may stop a real peer]
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = faults)]
    invalid_kinds: Vec<Faults>,
}

/// The kinds of faults, with the codes that they earn.
fn kinds() -> String {
    let mut text = "Kinds for --invalid-kinds, with their validation codes:".to_owned();
    for fault in Fault::ALL {
        let code = fault
            .code()
            .map_or("any".to_owned(), |code| code.number().to_string());
        text.push_str(&format!("\n  {code:>5}  {}", fault.name()));
    }
    text
}

/// What one word of `--invalid-kinds` stands for.
#[derive(Debug, Clone)]
struct Faults(Vec<Fault>);

fn faults(word: &str) -> Result<Faults, UnknownFault> {
    Fault::named(word).map(Faults)
}

/// A kind of keys.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum KeyKindArg {
    /// ECDSA on P-256
    Ecdsa,
    /// Ed25519, which needs the channel capability V3_0
    Ed25519,
}

impl From<KeyKindArg> for KeyKind {
    fn from(kind: KeyKindArg) -> Self {
        match kind {
            KeyKindArg::Ecdsa => Self::P256,
            KeyKindArg::Ed25519 => Self::Ed25519,
        }
    }
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

    /// Where MSP folders go.
    pub(crate) fn msp(&self) -> Option<&Path> {
        self.output.msp.as_deref()
    }

    /// How many threads; 0 for one per core.
    pub(crate) fn threads(&self) -> usize {
        self.output.threads.map_or(0, usize::from)
    }

    /// Whether nothing is to be said.
    pub(crate) fn quiet(&self) -> bool {
        self.output.quiet
    }

    /// What the workload is to be like.
    pub(crate) fn spec(&self) -> WorkloadSpec {
        let Self {
            size,
            network,
            access,
            mix,
            ..
        } = self;
        let mut spec = WorkloadSpec {
            seed: size.seed,
            blocks: size.blocks,
            txs: size.txs,
            channel: network.channel.clone(),
            application_capability: network.capability.clone(),
            channel_capability: network.channel_capability.clone(),
            consenters: network.bft,
            orgs: network.orgs,
            peers: network.peers,
            clients: network.clients,
            key_kind: network.key_kind.into(),
            node_ous: !network.no_node_ous,
            endorsements: network.endorsements,
            required: network.required,
            keys: access.keys,
            fill: access.fill,
            reads: access.reads,
            writes: access.writes,
            value_bytes: access.value_bytes,
            deletes: access.deletes,
            hot_keys: access.hot_keys,
            hot_share: access.hot_share,
            system_reads: access.system_reads,
            conflicts: mix.conflicts,
            raw_ranges: mix.raw_ranges,
            merkle_ranges: mix.merkle_ranges,
            key_policies: mix.key_policies,
            private: mix.private,
            block_to_live: mix.block_to_live,
            config_every: mix.config_every,
            invalid: mix.invalid,
            invalid_kinds: Vec::new(),
        };
        let words = mix.invalid_kinds.iter();
        let kinds = words.flat_map(|Faults(named)| match &**named {
            // Who names one kind wants it, or wants to know why not.
            [one] => vec![*one],
            several => {
                let possible = several.iter().filter(|fault| spec.can_make(**fault));
                possible.copied().collect()
            }
        });
        spec.invalid_kinds = kinds.collect();
        spec
    }
}
