//! `cargo xtask fuzz`: runs fuzz targets for some time each, and tells what that cost and reached.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use crate::{Usage, root, say};

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    minutes: u32,
    /// All where none is named.
    targets: Vec<String>,
}

impl Options {
    /// Reads `[--minutes N] [TARGET...]`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Usage> {
        let mut options = Self {
            minutes: 30,
            targets: Vec::new(),
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--minutes" => {
                    let value = arguments.next().and_then(|value| value.parse().ok());
                    let minutes = value.filter(|minutes| *minutes > 0);
                    options.minutes = minutes
                        .ok_or_else(|| Usage::Wrong("--minutes expects a number".to_owned()))?;
                }
                option if option.starts_with('-') => {
                    return Err(Usage::Wrong(format!("did not expect {option}")));
                }
                target => options.targets.push(target.to_owned()),
            }
        }
        Ok(options)
    }
}

/// What a target has done.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    target: String,
    cpu_seconds: u64,
    executions: u64,
    coverage: u64,
    passed: bool,
}

/// Runs the targets one after the other.
pub(crate) fn run(options: &Options) -> ExitCode {
    let known = known_targets(&root().join("fuzz/fuzz_targets"));
    let unknown = options.targets.iter().find(|name| !known.contains(name));
    if let Some(unknown) = unknown {
        say(&format!(
            "xtask: there is no fuzz target {unknown}; there are {}",
            known.join(", ")
        ));
        return ExitCode::from(2);
    }
    let targets = if options.targets.is_empty() {
        &known
    } else {
        &options.targets
    };
    let mut outcomes = Vec::new();
    for target in targets {
        say(&format!("== {target}: {} minutes", options.minutes));
        match fuzz(target, options.minutes) {
            Ok(outcome) => outcomes.push(outcome),
            Err(why) => {
                say(&format!("xtask: {why}"));
                return ExitCode::FAILURE;
            }
        }
    }
    say(&table(&outcomes));
    if outcomes.iter().all(|outcome| outcome.passed) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The targets that there are, by name.
fn known_targets(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| {
        let path = entry.path();
        Some(path.file_stem()?.to_string_lossy().into_owned())
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn fuzz(target: &str, minutes: u32) -> Result<Outcome, String> {
    let built = cargo_fuzz("build").arg(target).status();
    let built = built.map_err(|error| format!("cargo does not start: {error}"))?;
    if !built.success() {
        return Err(format!(
            "{target} was not built, see above; it needs a nightly toolchain (rustup toolchain install nightly) \
             and cargo-fuzz (cargo install cargo-fuzz)"
        ));
    }
    let corpus = format!("fuzz/corpus/{target}");
    fs::create_dir_all(root().join(&corpus)).map_err(|error| format!("{corpus}: {error}"))?;
    let before = children_cpu_seconds();
    let output = cargo_fuzz("run")
        .args([target, &corpus, &format!("fuzz/seeds/{target}"), "--"])
        .args([
            &format!("-max_total_time={}", u64::from(minutes) * 60),
            "-print_final_stats=1",
        ])
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let passed = output.status.success();
    if !passed {
        // The panic and the input that led to it stand at the end.
        let tail = text.lines().rev().take(60).collect::<Vec<_>>();
        say(&tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
    }
    Ok(Outcome {
        target: target.to_owned(),
        cpu_seconds: children_cpu_seconds().saturating_sub(before),
        executions: number_behind(&text, "stat::number_of_executed_units:"),
        coverage: number_behind(&text, " cov:"),
        passed,
    })
}

/// `cargo fuzz` on nightly. Who sets `RUSTC_BOOTSTRAP` has the toolchain in use taken for one.
fn cargo_fuzz(command: &str) -> Command {
    let mut cargo = Command::new("cargo");
    if std::env::var_os("RUSTC_BOOTSTRAP").is_none() {
        cargo.arg("+nightly");
    }
    cargo.args(["fuzz", command]).current_dir(root());
    cargo
}

/// The number behind the last `label` of libFuzzer's output.
fn number_behind(text: &str, label: &str) -> u64 {
    let last = text.rmatch_indices(label).next();
    let word = last.and_then(|(at, _)| text.get(at + label.len()..)?.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// The CPU time of all child processes that have ended, as Linux tells it: 0 elsewhere.
fn children_cpu_seconds() -> u64 {
    const TICKS_PER_SECOND: u64 = 100;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the program's name, which may have spaces, user and system time are fields 13 and 14.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(13).take(2);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}

fn table(outcomes: &[Outcome]) -> String {
    let mut lines = vec![format!(
        "{:<20} {:>9} {:>13} {:>9}  result",
        "target", "CPU min", "executions", "coverage"
    )];
    for outcome in outcomes {
        lines.push(format!(
            "{:<20} {:>6}:{:02} {:>13} {:>9}  {}",
            outcome.target,
            outcome.cpu_seconds / 60,
            outcome.cpu_seconds % 60,
            outcome.executions,
            outcome.coverage,
            if outcome.passed { "ok" } else { "FAILED" }
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, Usage> {
        let arguments: Vec<_> = arguments.iter().map(|word| (*word).to_owned()).collect();
        Options::parse(&arguments)
    }

    #[test]
    fn options_are_minutes_and_targets() {
        let options = parse(&["block", "--minutes", "2", "rwset"]);
        let targets = ["block", "rwset"].map(str::to_owned).to_vec();
        let minutes = 2;
        assert_eq!(options, Ok(Options { minutes, targets }));
        for wrong in [&["--minutes"][..], &["--minutes", "0"], &["--hours", "2"]] {
            assert!(matches!(parse(wrong), Err(Usage::Wrong(_))), "{wrong:?}");
        }
    }

    #[test]
    fn output_of_a_run_is_read() {
        let text = "#2 INITED cov: 10 ft: 11\n#900\tREDUCE cov: 3409 ft: 6736 corp: 657\n\
                    stat::number_of_executed_units: 901\n";
        assert_eq!(number_behind(text, " cov:"), 3409);
        assert_eq!(number_behind(text, "stat::number_of_executed_units:"), 901);
        assert_eq!(number_behind("nothing", " cov:"), 0);
    }

    #[test]
    fn table_has_a_line_per_target() {
        let outcome = Outcome {
            target: "block".to_owned(),
            cpu_seconds: 125,
            executions: 7,
            coverage: 8,
            passed: false,
        };
        let text = table(&[outcome]);
        assert!(
            text.ends_with("2:05             7         8  FAILED"),
            "{text}"
        );
    }

    #[test]
    fn targets_are_found() {
        let known = known_targets(&root().join("fuzz/fuzz_targets"));
        assert!(known.contains(&"block".to_owned()), "{known:?}");
    }
}
