//! What a Fabric network needs before it starts, from one small YAML file: the program `netgen`.
//!
//! Keys, certificates and MSP folders as cryptogen makes them, genesis blocks as configtxgen makes
//! them, and config updates, which take configtxlator and jq otherwise. Everything that is written was
//! read back by the peer's own parsers. What goes wrong is one line on standard error, and exit code 1.

mod args;
mod certificates;
mod edits;
mod genesis;
mod groups;
mod material;
mod policy;
mod spec;
mod tree;
mod update;
mod values;
mod yaml;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;
use heddle::sys::clock::{Clock as _, SystemClock};
use heddle::sys::random;
use heddle::testing::kit::Seed;
use time::OffsetDateTime;

use crate::args::{Args, Command, NetworkArgs, UpdateArgs};
use crate::genesis::GenesisError;
use crate::spec::Network;
use crate::tree::{FolderError, NewFolder, Tree, WriteError};
use crate::update::UpdateFailure;
use crate::yaml::YamlError;

/// How long before now certificates begin, for machines whose clocks are behind.
const BACKDATE_S: u64 = 5 * 60;

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Yaml(#[from] YamlError),
    #[error("a certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    #[error(transparent)]
    Update(#[from] UpdateFailure),
    #[error("no randomness for keys: {0}")]
    Random(#[source] io::Error),
    #[error("the clock is out of range: give the time")]
    Clock(#[from] time::error::ComponentRange),
    #[error("--config and --out are needed")]
    Arguments,
    #[error("standard output: {0}")]
    Print(#[source] io::Error),
}

/// Runs the program with these arguments, its name first. What it says goes to the standard streams.
pub fn run<A: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = A>) -> ExitCode {
    let args = match Args::try_parse_from(arguments) {
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
    let done = match &args.command {
        Some(Command::Update(update)) => make_update(update),
        None => make_network(&args.network),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "netgen: {}", chain(&failure));
            ExitCode::FAILURE
        }
    }
}

/// An error with what it came from, where its own text does not say that already.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let reason = error.to_string();
        if !text.contains(&reason) {
            text.push_str(": ");
            text.push_str(&reason);
        }
        source = error.source();
    }
    text
}

fn make_network(args: &NetworkArgs) -> Result<(), Failure> {
    let (Some(config), Some(out)) = (&args.config, &args.out) else {
        return Err(Failure::Arguments);
    };
    let network = yaml::load(config, Network::check)?;
    let not_before = match args.not_before {
        Some(time) => time,
        None => {
            let minute = (now_s() + 30) / 60 * 60;
            OffsetDateTime::from_unix_timestamp(minute.saturating_sub(BACKDATE_S).cast_signed())?
        }
    };
    let seed = seed(args.seed)?;
    let folder = NewFolder::begin(out)?;
    write_network(&network, folder.path(), not_before, &seed)?;
    folder.finish()?;
    report(&network, out)
}

/// Everything below `root`.
fn write_network(
    network: &Network,
    root: &Path,
    not_before: OffsetDateTime,
    seed: &Seed,
) -> Result<(), Failure> {
    let mut tree = Tree::default();
    for org in &network.orgs {
        material::make(&mut tree, network, org, not_before, seed)?;
    }
    tree.write(root)?;
    let timestamp = not_before.unix_timestamp().cast_unsigned() + BACKDATE_S;
    let mut blocks = Tree::default();
    for channel in &network.channels {
        let block = genesis::block(network, channel, root, timestamp, seed)?;
        blocks.file(block_file(channel), block);
    }
    blocks.write(root)?;
    Ok(())
}

fn block_file(channel: &spec::Channel) -> PathBuf {
    PathBuf::from(format!("{}.block", channel.name))
}

fn report(network: &Network, out: &Path) -> Result<(), Failure> {
    let mut text = String::new();
    for org in &network.orgs {
        let folder = out.join(material::org_folder(org));
        text.push_str(&format!("{}: {}\n", org.name, folder.display()));
    }
    for channel in &network.channels {
        let file = out.join(block_file(channel));
        text.push_str(&format!("channel {}: {}\n", channel.name, file.display()));
    }
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(Failure::Print)
}

fn make_update(args: &UpdateArgs) -> Result<(), Failure> {
    let timestamp = args
        .at
        .map_or_else(now_s, |time| time.unix_timestamp().cast_unsigned());
    let made = update::make(args, timestamp, &seed(args.seed)?)?;
    tree::write_file(&args.out, made.envelope)?;
    if let Some(lacking) = made.lacking {
        let _ = writeln!(
            io::stderr(),
            "netgen: note: an orderer would not take it yet: {}",
            chain(&lacking)
        );
    }
    Ok(())
}

fn now_s() -> u64 {
    SystemClock::new().unix_micros() / 1_000_000
}

/// Where all keys and nonces come from.
fn seed(number: Option<u64>) -> Result<Seed, Failure> {
    match number {
        Some(number) => Ok(Seed::new(number).child("netgen")),
        None => random::bytes()
            .map(Seed::from_bytes)
            .map_err(Failure::Random),
    }
}
