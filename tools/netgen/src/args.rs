//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Makes a Hyperledger Fabric network from one YAML file: certificates, MSP folders, genesis blocks.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a config update from a config block and a YAML file of edits, signed by administrators.
    Update(UpdateArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NetworkArgs {
    /// The network: organizations, orderers, channels.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) config: Option<PathBuf>,

    /// A folder that is made: crypto-config, and CHANNEL.block for each channel.
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) out: Option<PathBuf>,

    /// Makes all keys from a number: the same bytes again, and keys that are no secret.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,

    /// From when on certificates are valid, as 2026-01-31T12:00:00Z [default: five minutes ago].
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) not_before: Option<OffsetDateTime>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct UpdateArgs {
    /// The channel's newest config block: a genesis block, or what 'peer channel fetch config' wrote.
    #[arg(long, value_name = "FILE")]
    pub(crate) block: PathBuf,

    /// The edits.
    #[arg(long, value_name = "FILE")]
    pub(crate) edit: PathBuf,

    /// The transaction that is made, for 'peer channel update -f'.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,

    /// Who agrees: an administrator's MSP id and MSP folder; as often as needed.
    #[arg(long, value_name = "MSPID=FOLDER", value_parser = parse_signer)]
    pub(crate) sign: Vec<Signer>,

    /// Who submits it [default: the first who signs].
    #[arg(long, value_name = "MSPID=FOLDER", value_parser = parse_signer)]
    pub(crate) submit: Option<Signer>,

    /// Makes nonces from a number: the same bytes again.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,

    /// When it is made, as 2026-01-31T12:00:00Z [default: now].
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) at: Option<OffsetDateTime>,
}

/// Somebody's MSP id and MSP folder.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    pub(crate) msp_id: String,
    pub(crate) folder: PathBuf,
}

fn parse_signer(text: &str) -> Result<Signer, String> {
    match text.split_once('=') {
        Some((msp_id, folder)) if !msp_id.is_empty() && !folder.is_empty() => Ok(Signer {
            msp_id: msp_id.to_owned(),
            folder: folder.into(),
        }),
        _ => Err("expected MSPID=FOLDER, such as Org1MSP=users/Admin@org1.example.com/msp".into()),
    }
}

fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok();
    // What certificates, whose time ends with the year 9999, can say ten years later.
    time.filter(|time| (1970..9980).contains(&time.year()))
        .ok_or_else(|| "expected a time such as 2026-01-31T12:00:00Z".to_owned())
}
