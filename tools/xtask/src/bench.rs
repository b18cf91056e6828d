//! `cargo xtask bench`: what a transaction costs, stage by stage, on this machine.
//!
//! Builds in release, has `loadgen` make its default chain, imports it with the built `heddle`, and sets
//! the CPU time of each stage beside the budget. Knows of both programs what they print.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, thread};

use serde_json::{Value, json};

use crate::svg;
use crate::{Usage, root, say};

/// Transactions of a block.
const BLOCK_TXS: u64 = 500;

/// What the reference peer takes for a transaction of the same kind, in CPU-us.
pub(crate) const FABRIC_US: f64 = 300.0;

/// The budget of one transaction with three P-256 signatures, in CPU-us: what a stage does, and what
/// that may cost.
const BUDGET: [(&str, &str, f64); 8] = [
    ("ingress", "reading the source", 0.0),
    ("decode", "parse once, data hash", 2.4),
    ("verify", "3 signatures, their hashes", 8.0),
    ("endorsement", "policies, identities", 0.5),
    ("mvcc", "read versions, commit hash", 1.5),
    ("commit", "block file, sync", 1.5),
    ("apply", "LMDB state and indexes", 5.0),
    ("notify", "listeners", 0.0),
];

/// How often the chain is imported, each time into a new ledger; the median import is told. The first
/// one is dear where the system has not used its memory lately.
const IMPORTS: usize = 5;

/// What to measure and where to tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    txs: u64,
    json: bool,
    svg: Option<PathBuf>,
}

impl Options {
    /// Reads `[--txs N] [--json] [--svg FILE]`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Usage> {
        let mut options = Self {
            txs: 200 * BLOCK_TXS,
            json: false,
            svg: None,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => options.json = true,
                "--txs" => {
                    let value = arguments.next().and_then(|value| value.parse().ok());
                    let txs = value.filter(|txs| *txs >= BLOCK_TXS);
                    options.txs = txs.ok_or_else(|| {
                        Usage::Wrong(format!("--txs expects a number of at least {BLOCK_TXS}"))
                    })?;
                }
                "--svg" => {
                    let file = arguments.next().map(PathBuf::from);
                    let missing = || Usage::Wrong("--svg expects a file".to_owned());
                    options.svg = Some(file.ok_or_else(missing)?);
                }
                other => return Err(Usage::Wrong(format!("did not expect {other}"))),
            }
        }
        Ok(options)
    }
}

/// Measures and tells.
pub(crate) fn run(options: &Options) -> ExitCode {
    match measure(options.txs).and_then(|bench| report(&bench, options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say(&format!("xtask: {why}"));
            ExitCode::FAILURE
        }
    }
}

fn report(bench: &Bench, options: &Options) -> Result<(), String> {
    if let Some(path) = &options.svg {
        let failed = |error| format!("cannot write {}: {error}", path.display());
        fs::write(path, svg::drawing(bench)).map_err(failed)?;
    }
    say(&if options.json {
        bench.json().to_string()
    } else {
        bench.text()
    });
    Ok(())
}

/// A stage's share of a transaction, in CPU-us.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) stage: String,
    pub(crate) what: &'static str,
    pub(crate) us: f64,
    /// None for what has no place in the budget.
    pub(crate) budget_us: Option<f64>,
}

/// A measured import.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bench {
    transactions: u64,
    valid: u64,
    wall_s: f64,
    txs_per_s: f64,
    pub(crate) total_us: f64,
    /// CPU time by wall time.
    cores_busy: f64,
    cores: u32,
    workers: u64,
    peak_memory_bytes: u64,
    /// How busy the whole machine was, where that is known: its cores, and the disk.
    machine_busy: [Option<f64>; 2],
    /// What was at its limit: cores, disk or neither.
    limit: String,
    pub(crate) parts: Vec<Part>,
}

impl Bench {
    /// Reads the summary that `heddle ledger import --json` prints.
    fn of_summary(summary: &Value, cores: u32) -> Result<Self, String> {
        let number = |field: &str| {
            let value = summary.get(field).and_then(Value::as_f64);
            value.ok_or_else(|| format!("the import's summary has no number {field:?}"))
        };
        let count = |field: &str| {
            let value = summary.get(field).and_then(Value::as_u64);
            value.ok_or_else(|| format!("the import's summary has no count {field:?}"))
        };
        let total_us = number("cpu_us_per_transaction")?;
        let mut parts = Vec::new();
        let stages = summary.get("stages").and_then(Value::as_array);
        for stage in stages.into_iter().flatten() {
            let name = stage.get("stage").and_then(Value::as_str);
            let us = stage.get("cpu_us_per_transaction").and_then(Value::as_f64);
            let (Some(name), Some(us)) = (name, us) else {
                return Err("the import's summary has a stage without name or time".to_owned());
            };
            let budget = BUDGET.iter().find(|(stage, ..)| *stage == name);
            parts.push(Part {
                stage: name.to_owned(),
                what: budget.map_or("", |(_, what, _)| what),
                us,
                budget_us: budget.map(|(_, _, us)| *us),
            });
        }
        let attributed: f64 = parts.iter().map(|part| part.us).sum();
        parts.push(Part {
            stage: "rest".to_owned(),
            what: "not attributed: start, threads, allocator",
            us: total_us - attributed,
            budget_us: None,
        });
        let valid = summary.pointer("/codes/VALID").and_then(Value::as_u64);
        Ok(Self {
            transactions: count("transactions")?,
            valid: valid.unwrap_or(0),
            wall_s: number("wall_s")?,
            txs_per_s: number("transactions_per_s")?,
            total_us,
            cores_busy: number("cores_busy")?,
            cores,
            workers: count("workers")?,
            peak_memory_bytes: count("peak_memory_bytes")?,
            machine_busy: ["/machine/cores_busy", "/machine/disk_busy"]
                .map(|field| summary.pointer(field).and_then(Value::as_f64)),
            limit: summary
                .pointer("/machine/limit")
                .and_then(Value::as_str)
                .unwrap_or("unknown")
                .to_owned(),
            parts,
        })
    }

    pub(crate) fn budget_us(&self) -> f64 {
        let budgets = self.parts.iter().filter_map(|part| part.budget_us);
        budgets.sum()
    }

    fn busy_percent(&self) -> f64 {
        self.cores_busy * 100.0 / f64::from(self.cores.max(1))
    }

    fn text(&self) -> String {
        let mut lines = vec![format!(
            "{:<12} {:>10} {:>8}  {}",
            "stage", "CPU-us/tx", "budget", "what"
        )];
        for part in &self.parts {
            let budget = part.budget_us.filter(|budget| *budget > 0.0);
            let budget = budget.map_or_else(String::new, |budget| format!("{budget:.1}"));
            let line = format!(
                "{:<12} {:>10.2} {budget:>8}  {}",
                part.stage, part.us, part.what
            );
            lines.push(line);
        }
        let (total, budget) = (self.total_us, self.budget_us());
        lines.push(format!("{:<12} {total:>10.2} {budget:>8.1}", "sum"));
        lines.push(format!(
            "{:<12} {FABRIC_US:>10.0} {:>8}  {:.1} times as much",
            "Fabric peer",
            "",
            FABRIC_US / total.max(1e-9)
        ));
        lines.push(format!(
            "{} transactions, {} of them valid, in {:.2} s: {:.0} tx/s",
            self.transactions, self.valid, self.wall_s, self.txs_per_s
        ));
        lines.push(format!(
            "{:.0} % of {} cores busy, {} workers, peak memory {} MB",
            self.busy_percent(),
            self.cores,
            self.workers,
            self.peak_memory_bytes >> 20
        ));
        let percent = |share: Option<f64>| {
            share.map_or_else(|| "?".to_owned(), |share| format!("{:.1} %", share * 100.0))
        };
        let [cores, disk] = self.machine_busy.map(percent);
        lines.push(format!(
            "the whole machine: cores busy {cores}, disk busy {disk}; at its limit: {}",
            self.limit
        ));
        lines.join("\n")
    }

    fn json(&self) -> Value {
        let stages = self.parts.iter().map(|part| {
            json!({
                "stage": part.stage,
                "cpu_us_per_transaction": part.us,
                "budget_us": part.budget_us,
            })
        });
        json!({
            "transactions": self.transactions,
            "valid": self.valid,
            "wall_s": self.wall_s,
            "transactions_per_s": self.txs_per_s,
            "cpu_us_per_transaction": self.total_us,
            "budget_us": self.budget_us(),
            "fabric_us": FABRIC_US,
            "cores_busy": self.cores_busy,
            "cores": self.cores,
            "workers": self.workers,
            "peak_memory_bytes": self.peak_memory_bytes,
            "machine_cores_busy": self.machine_busy[0],
            "machine_disk_busy": self.machine_busy[1],
            "limit": self.limit,
            "stages": stages.collect::<Vec<Value>>(),
        })
    }
}

/// Makes the chain, imports it, and reads what the import says of itself.
fn measure(txs: u64) -> Result<Bench, String> {
    build()?;
    let chain = Chain::made(BLOCK_TXS, txs / BLOCK_TXS)?;
    let cores = u32::try_from(cores()).unwrap_or(u32::MAX);
    Bench::of_summary(&chain.import(None)?, cores)
}

/// How many cores this process may use.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Builds in release what a [`Chain`] runs.
pub(crate) fn build() -> Result<(), String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = ["build", "--release", "--locked"];
    let packages = ["--package", "heddle", "--package", "loadgen"];
    succeed(Command::new(cargo).args(build).args(packages))?;
    Ok(())
}

/// A chain of loadgen's, in a folder of its own.
pub(crate) struct Chain {
    folder: Folder,
    programs: PathBuf,
}

impl Chain {
    /// Has loadgen make it.
    pub(crate) fn made(block_txs: u64, blocks: u64) -> Result<Self, String> {
        let programs = target_folder().join("release");
        let folder = Folder::new()?;
        let (blocks, block) = (blocks.to_string(), block_txs.to_string());
        let mut loadgen = Command::new(programs.join("loadgen"));
        let loadgen = loadgen.args(["--blocks", &blocks, "--txs", &block, "--quiet", "--out"]);
        succeed(loadgen.arg(folder.0.join("chain.pb")))?;
        Ok(Self { folder, programs })
    }

    /// Imports it into a new ledger, some times, and returns the summary with the median CPU time; with
    /// `only_cores`, on the first so many cores and with as many workers.
    pub(crate) fn import(&self, only_cores: Option<usize>) -> Result<Value, String> {
        let mut summaries = Vec::new();
        for _ in 0..IMPORTS {
            let summary: Value = serde_json::from_str(&self.import_once(only_cores)?)
                .map_err(|error| format!("the import's summary is not JSON: {error}"))?;
            let cpu_us = summary.get("cpu_us_per_transaction");
            summaries.push((cpu_us.and_then(Value::as_f64).unwrap_or(0.0), summary));
        }
        summaries.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        Ok(summaries.swap_remove(IMPORTS / 2).1)
    }

    fn import_once(&self, only_cores: Option<usize>) -> Result<String, String> {
        let (chain, data) = (self.folder.0.join("chain.pb"), self.folder.0.join("data"));
        let heddle = self.programs.join("heddle");
        let mut command = only_cores.map_or_else(
            || Command::new(&heddle),
            |cores| {
                let mut command = Command::new("taskset");
                let last = cores.max(1) - 1;
                command.args(["-c", &format!("0-{last}")]).arg(&heddle);
                command
            },
        );
        command.args(["ledger", "import", "--channel", "bench", "--json", "--data"]);
        command.arg(&data).arg(&chain);
        if let Some(cores) = only_cores {
            command.args(["--workers", &cores.to_string()]);
        }
        let summary = succeed(&mut command)?;
        let removed = fs::remove_dir_all(&data);
        removed.map_err(|error| format!("cannot remove {}: {error}", data.display()))?;
        Ok(summary)
    }
}

/// Runs a program to its end and returns what it printed.
fn succeed(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .current_dir(root())
        .stderr(std::process::Stdio::inherit());
    let output = command
        .output()
        .map_err(|error| format!("{name} does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name} failed: {}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn target_folder() -> PathBuf {
    let folder = env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    root().join(folder)
}

/// A folder for the chain and the ledger, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        let path = env::temp_dir().join(format!("heddle-bench-{}", std::process::id()));
        let made = fs::create_dir_all(&path);
        made.map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let removed = fs::remove_dir_all(&self.0);
        if let Err(error) = removed {
            say(&format!(
                "cannot remove {}: {error}",
                Path::display(&self.0)
            ));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[track_caller]
    fn parsed(arguments: &[&str]) -> Result<Options, Usage> {
        let arguments: Vec<_> = arguments.iter().map(|word| (*word).to_owned()).collect();
        Options::parse(&arguments)
    }

    /// A summary with two stages.
    pub(crate) fn bench() -> Bench {
        let summary = json!({
            "transactions": 1000, "codes": { "VALID": 990, "MVCC_READ_CONFLICT": 10 },
            "workers": 2, "wall_s": 0.05, "transactions_per_s": 20_000.0,
            "cpu_us_per_transaction": 100.0, "cores_busy": 1.9, "peak_memory_bytes": 200 << 20,
            "machine": { "cores_busy": 0.97, "disk_busy": null, "limit": "cores" },
            "stages": [
                { "stage": "decode", "cpu_us_per_transaction": 12.5 },
                { "stage": "verify", "cpu_us_per_transaction": 70.0 },
            ],
        });
        Bench::of_summary(&summary, 2).expect("a summary")
    }

    #[test]
    fn options_are_read() {
        let expected = Options {
            txs: 1000,
            json: true,
            svg: Some("a.svg".into()),
        };
        let arguments = ["--txs", "1000", "--json", "--svg", "a.svg"];
        assert_eq!(parsed(&arguments), Ok(expected));
        for wrong in [&["--txs"][..], &["--txs", "3"], &["--svg"], &["more"]] {
            assert!(matches!(parsed(wrong), Err(Usage::Wrong(_))), "{wrong:?}");
        }
    }

    #[test]
    fn what_no_stage_accounts_for_is_the_rest() {
        let bench = bench();
        let rest = bench.parts.last().map(|part| (&*part.stage, part.us));
        assert_eq!(rest, Some(("rest", 17.5)));
        assert!((bench.budget_us() - 10.4).abs() < 1e-9);
    }

    #[test]
    fn text_sets_stages_beside_the_budget() {
        let text = bench().text();
        for line in [
            "verify            70.00      8.0  3 signatures, their hashes",
            "sum              100.00     10.4",
            "Fabric peer         300           3.0 times as much",
            "1000 transactions, 990 of them valid, in 0.05 s: 20000 tx/s",
            "95 % of 2 cores busy, 2 workers, peak memory 200 MB",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line:?} in\n{text}"
            );
        }
    }

    #[test]
    fn a_summary_without_numbers_is_refused() {
        let found = Bench::of_summary(&json!({ "stages": [] }), 2);
        assert!(found.is_err(), "{found:?}");
    }
}
