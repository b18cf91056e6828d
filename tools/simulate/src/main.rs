//! Runs gossip in a simulated network: `--seeds N --first-seed S`, or `--measure`.
//!
//! A seed that fails is printed with the command that replays it, and the run goes on with the others.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use indicatif::{ParallelProgressIterator, ProgressBar, ProgressStyle};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use sim::measure::{Setting, measure};
use sim::{Failure, Report, Sabotage, SimOptions};

/// Gossip under faults and liars, on a virtual clock.
#[derive(Debug, Parser)]
#[command(name = "simulate", version)]
struct Args {
    /// How many runs.
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// The first run's seed; the others follow.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// So many peers in each run, instead of 3 to 50.
    #[arg(long)]
    peers: Option<usize>,
    /// Prints how long blocks take to all of 8 peers, and what they cost, instead.
    #[arg(long)]
    measure: bool,
}

/// Failures that are shown; the others are counted.
const SHOWN_MAX: usize = 10;

fn main() -> ExitCode {
    let args = Args::parse();
    let mut out = io::stdout().lock();
    let done = if args.measure {
        print_figures(&mut out)
    } else {
        print_runs(&mut out, &args)
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn print_runs(out: &mut impl Write, args: &Args) -> io::Result<bool> {
    let bar = ProgressBar::new(args.seeds);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {eta} left") {
        bar.set_style(style);
    }
    let options = SimOptions {
        peers: args.peers,
        sabotage: Sabotage::None,
    };
    let last = args.first_seed.saturating_add(args.seeds);
    let runs: Vec<(u64, Result<Report, Failure>)> = (args.first_seed..last)
        .into_par_iter()
        .progress_with(bar.clone())
        .map(|seed| (seed, sim::run(seed, options)))
        .collect();
    bar.finish_and_clear();
    let failures: Vec<&Failure> = runs
        .iter()
        .filter_map(|(_, run)| run.as_ref().err())
        .collect();
    for failure in failures.iter().take(SHOWN_MAX) {
        writeln!(out, "{failure}\n  replay: {}", failure.replay())?;
    }
    summary(out, &runs, failures.len())?;
    Ok(failures.is_empty())
}

fn summary(
    out: &mut impl Write,
    runs: &[(u64, Result<Report, Failure>)],
    failures: usize,
) -> io::Result<()> {
    let reports: Vec<&Report> = runs
        .iter()
        .filter_map(|(_, run)| run.as_ref().ok())
        .collect();
    let sum = |what: fn(&Report) -> u64| reports.iter().map(|report| what(report)).sum::<u64>();
    // Runs may end in any order; their hash does not depend on it.
    let trace = sum_wrapping(reports.iter().map(|report| report.trace));
    let mut times: Vec<Duration> = reports.iter().map(|report| report.convergence).collect();
    times.sort_unstable();
    let time = |part: usize| {
        let at = (times.len() * part / 100).min(times.len().saturating_sub(1));
        times.get(at).copied().unwrap_or_default()
    };
    writeln!(out, "{} seeds, {failures} failed", runs.len())?;
    writeln!(
        out,
        "{} peers, of which {} lied; {} events, {} messages",
        sum(|report| report.peers as u64),
        sum(|report| report.liars as u64),
        sum(|report| report.events),
        sum(|report| report.messages),
    )?;
    writeln!(
        out,
        "{} bans, {} blocks refused",
        sum(|report| report.bans),
        sum(|report| report.rejected)
    )?;
    writeln!(
        out,
        "convergence after the faults: median {:.1?}, 99 % within {:.1?}, all within {:.1?}",
        time(50),
        time(99),
        time(100)
    )?;
    writeln!(out, "trace {trace:016x}")
}

fn sum_wrapping(traces: impl Iterator<Item = u64>) -> u64 {
    traces.fold(0, u64::wrapping_add)
}

fn print_figures(out: &mut impl Write) -> io::Result<bool> {
    writeln!(
        out,
        "8 peers of one organization, lines of 1 Gbit/s, 1 ms one way, 20 blocks\n\
         block bytes  way                      median     worst  sent/peer  busiest  orderer"
    )?;
    let mut is_good = true;
    for block_bytes in [10_000, 100_000, 1_000_000] {
        for fan_out in [3, 0] {
            let setting = Setting {
                peers: 8,
                fan_out,
                block_bytes,
                blocks: 20,
                bandwidth: 125_000_000,
                delay: Duration::from_millis(1),
            };
            let way = match fan_out {
                0 => "every peer pulls".to_owned(),
                count => format!("one pulls, fan-out {count}"),
            };
            match measure(setting) {
                Ok(figures) => writeln!(
                    out,
                    "{block_bytes:>11}  {way:<22} {:>8.1?}  {:>8.1?}  {:>8.2}x {:>7.2}x {:>7.2}x",
                    figures.median,
                    figures.worst,
                    figures.sent_by_peers,
                    figures.sent_by_busiest,
                    figures.sent_by_orderer
                )?,
                Err(problem) => {
                    is_good = false;
                    writeln!(out, "{block_bytes:>11}  {way:<22} {problem}")?;
                }
            }
        }
    }
    writeln!(
        out,
        "Time: from the orderers' block to it being stored by all. Sent: bytes for each byte of blocks."
    )?;
    Ok(is_good)
}
