//! Compares heddle's pipeline with the model, and a chain's verdicts at many settings.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bytes::Bytes;
use clap::{Args, Parser, Subcommand};
use heddle::ingress;
use model::{
    Effort, Found, Setting, Tally, build_workload, channel_of, check, explore, join_blocks,
    run_pipeline,
};

/// The sequential model of heddle's validation
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Generated and mutated chains through the model and through pipelines on disk
    Compare(CompareArgs),
    /// One chain through pipelines at random settings: every verdict and the final state must be the same
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
struct CompareArgs {
    /// Transactions to compare at least
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    txs: u64,
    /// Of the first chain; the next ones count on from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Workers of the second pipeline that each chain runs through; the first has one
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers_max: u16,
    /// Where the blocks of a difference are written
    #[arg(long, value_name = "FILE", default_value = "difference.pb")]
    output: PathBuf,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    /// Length-delimited common.Block messages, plain or compressed with zstd, or a chain folder
    #[arg(value_name = "CHAIN")]
    chain: PathBuf,
    /// How often it runs
    #[arg(long, value_name = "N", default_value_t = 20)]
    runs: u64,
    /// Of the settings
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Compare(args) => run_compare(&args),
        Command::Replay(args) => run_replay(&args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody may be listening; the exit code says it, too.
            let _ = writeln!(io::stderr(), "model: {error}");
            ExitCode::FAILURE
        }
    }
}

fn say(line: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    written.map_err(|error| format!("cannot write to standard output: {error}"))
}

/// Every fourth chain is a workload as load generators make them, the others are scripts.
fn run_compare(args: &CompareArgs) -> Result<bool, String> {
    let workers = vec![1, usize::from(args.workers_max)];
    let effort = Effort {
        blocks: 24,
        txs: 80,
        workers,
        shrinks: 2_000,
    };
    let mut tally = Tally::default();
    let (mut seed, mut told) = (args.seed, 0);
    while tally.transactions() < args.txs {
        if seed.is_multiple_of(4) {
            let built = build_workload(seed).map_err(|error| error.to_string())?;
            if let Err(difference) = check(&built, seed, &effort.workers) {
                say(&format!("seed {seed} (workload): {difference}"))?;
                return tell_difference(args, seed, &built.blocks);
            }
            tally.add(&built);
        } else if let Err(found) = explore(seed, &effort, &mut tally) {
            let Found {
                script,
                built,
                difference,
            } = *found;
            say(&format!("seed {seed}: {difference}\n{script:#?}"))?;
            return tell_difference(args, seed, &built.blocks);
        }
        seed += 1;
        if tally.transactions() / 5_000 > told {
            told = tally.transactions() / 5_000;
            say(&format!(
                "{} transactions in {} chains agree",
                tally.transactions(),
                tally.chains
            ))?;
        }
    }
    tell_tally(args, &tally)
}

fn tell_difference(args: &CompareArgs, seed: u64, blocks: &[Bytes]) -> Result<bool, String> {
    write_file(&args.output, &join_blocks(blocks))?;
    let workers = args.workers_max;
    say(&format!(
        "blocks written to {}; again: cargo run --release -p model -- compare --txs 1 --seed {seed} \
         --workers-max {workers}",
        args.output.display()
    ))?;
    Ok(false)
}

fn tell_tally(args: &CompareArgs, tally: &Tally) -> Result<bool, String> {
    let codes: BTreeMap<&str, u64> = tally.codes.iter().map(|it| (it.0.name(), *it.1)).collect();
    say(&format!(
        "no difference: {} transactions, {} blocks, {} chains, {} of which end with a block that \
         both refuse, each at 1 and {} workers; codes {codes:?}",
        tally.transactions(),
        tally.blocks,
        tally.chains,
        tally.halts,
        args.workers_max,
    ))?;
    Ok(true)
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn run_replay(args: &ReplayArgs) -> Result<bool, String> {
    let mut source = ingress::open(&args.chain).map_err(|error| chained(&error))?;
    let mut blocks = Vec::new();
    while let Some(block) = source.next_block().map_err(|error| chained(&error))? {
        blocks.push(block);
    }
    let channel = blocks.first().and_then(|block| channel_of(block));
    let channel = channel.ok_or_else(|| {
        let path = args.chain.display();
        format!("{path} does not begin with a genesis block, expected block 0 of a channel")
    })?;
    let mut expected = None;
    for run in 0..args.runs {
        let setting = Setting::random(args.seed.wrapping_add(run));
        let outcome = run_pipeline(&channel, &blocks, setting)?;
        say(&format!(
            "run {run}: {} workers, seed {}: {} blocks, {}, state {}",
            setting.workers,
            setting.seed,
            outcome.verdicts.len(),
            outcome.stopped.as_deref().unwrap_or("to the end"),
            outcome.state_hash,
        ))?;
        let Some(first) = &expected else {
            expected = Some(outcome);
            continue;
        };
        if let Some(difference) = outcome.difference(first) {
            say(&format!("run {run} differs from run 0: {difference}"))?;
            return Ok(false);
        }
    }
    say("every run gave the same codes, batches, commit hashes and state")?;
    Ok(true)
}

/// An error with what led to it.
fn chained(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
