//! `cargo xtask scaling`: what more cores would give, by a simulation of the pipeline with measured CPU time.
//!
//! Figures are measured where the command runs, at whatever number of cores; the simulation then says what
//! the same work takes on others, and is checked against imports on one core and on two.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::Value;

use crate::bench::{Chain, build, cores};
use crate::scaling_model::{Figures, LAYOUTS, TODAY};
use crate::{Usage, say, svg};

/// Chains that are made: transactions of a block, and blocks.
const CHAINS: [(u64, u64); 3] = [(10, 3000), (100, 500), (500, 200)];

/// Blocks that a simulation passes through the pipeline.
const BLOCKS: usize = 2000;

/// What to simulate and where to tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    figures: Vec<PathBuf>,
    cores: Vec<usize>,
    svg: Option<PathBuf>,
}

impl Options {
    /// Reads `[--figures FILE]... [--cores N,N...] [--svg FILE]`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Usage> {
        let mut options = Self {
            figures: Vec::new(),
            cores: vec![1, 2, 4, 8, 16, 64],
            svg: None,
        };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            let value = arguments.next();
            let value = value.ok_or_else(|| Usage::Wrong(format!("{name} expects a value")))?;
            match name.as_str() {
                "--figures" => options.figures.push(value.into()),
                "--svg" => options.svg = Some(value.into()),
                "--cores" => {
                    let cores = value.split(',').map(|cores| cores.parse().ok());
                    let cores: Option<Vec<usize>> = cores.collect();
                    let cores = cores.filter(|cores| cores.iter().all(|n| (1..=1024).contains(n)));
                    options.cores = cores.ok_or_else(|| {
                        Usage::Wrong("--cores expects numbers from 1 to 1024".to_owned())
                    })?;
                }
                _ => return Err(Usage::Wrong(format!("did not expect {name}"))),
            }
        }
        Ok(options)
    }
}

/// Measures or reads, simulates, and tells.
pub(crate) fn run(options: &Options) -> ExitCode {
    match figures(options).and_then(|figures| report(&figures, options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say(&format!("xtask: {why}"));
            ExitCode::FAILURE
        }
    }
}

fn figures(options: &Options) -> Result<Vec<Figures>, String> {
    if options.figures.is_empty() {
        return measure();
    }
    let read = |path: &PathBuf| {
        let failed = |what: String| format!("cannot read {}: {what}", path.display());
        let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let value: Value =
            serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
        Figures::of_summary(&value)
    };
    options.figures.iter().map(read).collect()
}

/// Imports a chain of each block size, on one core and on two; the figures are those of one core, where
/// no stage waits for a worker that another has.
fn measure() -> Result<Vec<Figures>, String> {
    build()?;
    let mut all = Vec::new();
    for (txs, blocks) in CHAINS {
        let chain = Chain::made(txs, blocks)?;
        let one = Figures::of_summary(&chain.import(Some(1))?)?;
        say(&check(&one, &one, 1));
        if cores() >= 2 {
            let two = Figures::of_summary(&chain.import(Some(2))?)?;
            say(&check(&one, &two, 2));
        }
        all.push(one);
    }
    Ok(all)
}

/// A simulation beside an import on so many cores: transactions per second, and per second of a busy core,
/// which is what can be compared where others have the cores, too.
fn check(figures: &Figures, measured: &Figures, cores: usize) -> String {
    let simulated = figures.simulate(TODAY, cores, measured.blocks);
    let per_core = simulated.txs_per_s / simulated.cores_busy.max(1e-9);
    let measured_per_core = measured.txs_per_s / measured.cores_busy.max(1e-9);
    format!(
        "check: blocks of {:>3}, {cores} cores: simulated {:>7.0} tx/s on {:.2} busy cores, \
         measured {:>7.0} on {:.2}; per busy core {:+.0} %",
        figures.block_txs,
        simulated.txs_per_s,
        simulated.cores_busy,
        measured.txs_per_s,
        measured.cores_busy,
        (per_core / measured_per_core.max(1e-9) - 1.0) * 100.0
    )
}

fn report(all: &[Figures], options: &Options) -> Result<(), String> {
    for figures in all {
        say(&text(figures, &options.cores));
    }
    if let Some(path) = &options.svg {
        let failed = |error| format!("cannot write {}: {error}", path.display());
        fs::write(path, drawing(all, &options.cores)).map_err(failed)?;
    }
    Ok(())
}

fn text(figures: &Figures, cores: &[usize]) -> String {
    let txs = figures.block_txs;
    let mut lines = vec![format!(
        "\nblocks of {txs}: CPU-us of a transaction, of which serial"
    )];
    for (name, cpu, serial) in figures.per_transaction() {
        lines.push(format!("  {name:<12} {cpu:>7.2} {serial:>7.2}"));
    }
    for layout in LAYOUTS {
        lines.push(format!("blocks of {txs}, {}", layout.name));
        for &cores in cores {
            let found = figures.simulate(layout, cores, BLOCKS);
            lines.push(format!(
                "  {cores:>4} cores {:>9.0} tx/s {:>6.1} cores busy, limit: {}",
                found.txs_per_s, found.cores_busy, found.limit
            ));
        }
    }
    lines.join("\n")
}

/// A bar for each number of cores: blue as it is, grey with all changes.
fn drawing(all: &[Figures], cores: &[usize]) -> String {
    let changed = LAYOUTS.last().copied().unwrap_or(TODAY);
    let charts = all.iter().map(|figures| {
        let bars = cores.iter().map(|&cores| {
            let of = |layout| figures.simulate(layout, cores, BLOCKS).txs_per_s / 1000.0;
            svg::Bar {
                label: format!("{cores} cores"),
                value: of(TODAY),
                behind: of(changed),
            }
        });
        let txs = figures.block_txs;
        svg::Chart {
            heading: format!("Blocks of {txs} transactions (grey: with the changes)"),
            bars: bars.collect(),
        }
    });
    svg::charts(&charts.collect::<Vec<_>>(), "thousand tx/s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scaling_model::tests::summary;

    fn parsed(arguments: &[&str]) -> Result<Options, Usage> {
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        Options::parse(&arguments)
    }

    #[test]
    fn options_are_read() {
        let expected = Options {
            figures: vec!["a.json".into(), "b.json".into()],
            cores: vec![1, 8],
            svg: Some("c.svg".into()),
        };
        let arguments = [
            "--figures",
            "a.json",
            "--figures",
            "b.json",
            "--cores",
            "1,8",
            "--svg",
            "c.svg",
        ];
        assert_eq!(parsed(&arguments), Ok(expected));
        for wrong in [
            &["--cores", "0"][..],
            &["--cores", "two"],
            &["--svg"],
            &["--x", "1"],
        ] {
            assert!(matches!(parsed(wrong), Err(Usage::Wrong(_))), "{wrong:?}");
        }
    }

    #[test]
    fn report_has_a_line_and_a_bar_for_each_number_of_cores() {
        let figures = Figures::of_summary(&summary()).expect("figures");
        let text = text(&figures, &[1, 2]);
        assert_eq!(text.matches("limit:").count(), 2 * LAYOUTS.len(), "{text}");
        let drawing = drawing(&[figures], &[1, 2]);
        assert_eq!(drawing.matches("<rect").count(), 1 + 2 * 2);
    }
}
