//! `cargo xtask catch-up`: how fast a peer that joins a channel gets its blocks, from an orderer over TLS or
//! from two neighbours by gossip, beside `heddle ledger import` of the same blocks.
//!
//! Everything runs on this machine, the orderer (`devorderer serve`) or the neighbours too: where all are busy
//! on few cores, the rate of the peer says less than what a transaction costs it, which is told as well.

mod bench;
mod programs;

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use bench::Bench;

use crate::{Usage, say};

/// What to measure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    blocks: u64,
    txs: u64,
    rounds: u32,
    from: From,
    /// The name of cargo's profile: `release`, or `dev` to try.
    profile: String,
}

/// Where the peer gets its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    /// From an orderer.
    Orderer,
    /// From two peers of its organization.
    Peers,
}

impl Options {
    /// Reads `[--from orderer|peers] [--blocks N] [--txs N] [--rounds N] [--profile NAME]`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Usage> {
        let wrong = |what: String| Usage::Wrong(what);
        let mut options = Self {
            blocks: 500,
            txs: 500,
            rounds: 5,
            from: From::Orderer,
            profile: "release".to_owned(),
        };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            let value = arguments
                .next()
                .ok_or_else(|| wrong(format!("{name} expects a value")))?;
            let number = || {
                let number = value.parse::<u32>().ok().filter(|number| *number > 0);
                number.ok_or_else(|| wrong(format!("{name} expects a number, not {value}")))
            };
            match name.as_str() {
                "--blocks" => options.blocks = number()?.into(),
                "--txs" => options.txs = number()?.into(),
                "--rounds" => options.rounds = number()?,
                "--from" => {
                    options.from = match value.as_str() {
                        "orderer" => From::Orderer,
                        "peers" => From::Peers,
                        other => {
                            let what = format!("--from expects orderer or peers, not {other}");
                            return Err(wrong(what));
                        }
                    }
                }
                "--profile" => options.profile.clone_from(value),
                _ => return Err(wrong(format!("did not expect {name}"))),
            }
        }
        Ok(options)
    }
}

/// Transactions a second, and CPU time for each in microseconds.
#[derive(Debug, Clone, Copy)]
struct Figures {
    rate: f64,
    cpu_us: f64,
}

/// A peer that got all blocks.
#[derive(Debug, Clone, Copy)]
struct Joined {
    /// From the start of its joining on.
    figures: Figures,
    /// The part of that time until it had a block.
    seconds_before: f64,
}

/// Measures.
pub(crate) fn run(options: &Options) -> ExitCode {
    let folder = env::temp_dir().join(format!("heddle-catch-up-{}", std::process::id()));
    let measured = measure(options, &folder);
    let _ = fs::remove_dir_all(&folder);
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("catch-up: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options, folder: &Path) -> io::Result<()> {
    let bench = Bench::prepare(options, folder)?;
    let (mut imports, mut joins) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        let (import, txs) = bench.import()?;
        let join = bench.join(txs)?;
        say(&format!(
            "round {round}: import {:.0} tx/s, {:.1} CPU-us/tx; catch-up {:.0} tx/s, {:.1} CPU-us/tx, \
             after {:.1} s without a block",
            import.rate, import.cpu_us, join.figures.rate, join.figures.cpu_us, join.seconds_before,
        ));
        imports.push(import);
        joins.push(join.figures);
    }
    // Round by round: what makes one slow makes the other slow, too.
    let rounds = || joins.iter().zip(&imports);
    let rate = median(rounds().map(|(join, import)| join.rate / import.rate));
    let cpu = median(rounds().map(|(join, import)| join.cpu_us / import.cpu_us));
    say(&format!(
        "median of {} rounds: a peer catches up at {:.0} % of the rate of import, with {cpu:.2} times its CPU time",
        options.rounds,
        rate * 100.0,
    ));
    Ok(())
}

/// The middle one, or the mean of the two in the middle.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    let count = values.len();
    f64::midpoint(at(count.saturating_sub(1) / 2), at(count / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() {
        let parse = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
            Options::parse(&arguments)
        };
        let options = parse(&["--blocks", "20", "--profile", "dev"]).unwrap();
        assert_eq!((options.blocks, options.txs), (20, 500));
        assert_eq!(options.profile, "dev");
        for wrong in [&["--blocks"][..], &["--txs", "0"], &["--loud", "1"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
