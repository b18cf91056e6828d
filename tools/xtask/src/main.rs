//! What developers and CI run: `cargo xtask ci`.
//!
//! Knows nothing of the peer; it only starts other programs.

mod bench;
mod catch_up;
mod differential;
mod fuzz;
mod scaling;
mod scaling_model;
mod simulation;
mod soak;
mod svg;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use differential::{Differential, Engine};

const USAGE: &str = "usage: cargo xtask <command>

commands:
  ci      everything that a change must pass: format, lints, tests
  fmt     the format alone
  clippy  the lints alone
  test    the tests alone
  bench   what a transaction costs, stage by stage: [--txs N] [--json] [--svg FILE]
  catch-up
          a peer that joins and gets its blocks, beside import of the same blocks:
          [--from orderer|peers] [--blocks N] [--txs N] [--rounds N] [--profile NAME]
  scaling what more cores would give, simulated: [--figures FILE]... [--cores N,N...]
          [--svg FILE]; without files it imports chains of three block sizes
  fuzz    fuzz targets, all or some, for so long each: [--minutes N] [TARGET...]
  p256-differential
          random P-256 signatures, at every backend and by the library: [--signatures N] [--seed S]
  ed25519-differential
          the same for Ed25519
  soak-ingest
          four feeders, one of them hostile, at the block-ingest socket: [--seconds N]
          [--chain FILE --channel NAME]
  help    this text";

/// One command of a run.
struct Step {
    name: &'static str,
    arguments: &'static [&'static str],
}

// Lints and tests share the dev profile, so that build scripts and C code are built once.
const FMT: Step = Step {
    name: "fmt",
    arguments: &["fmt", "--all", "--check"],
};
const CLIPPY: Step = Step {
    name: "clippy",
    arguments: &[
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ],
};
const TEST: Step = Step {
    name: "test",
    arguments: &["test", "--workspace"],
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match task(&arguments) {
        Ok(Task::Steps(steps)) => run(steps),
        Ok(Task::Bench(options)) => bench::run(&options),
        Ok(Task::CatchUp(options)) => catch_up::run(&options),
        Ok(Task::Scaling(options)) => scaling::run(&options),
        Ok(Task::Fuzz(options)) => fuzz::run(&options),
        Ok(Task::Differential(options)) => run_differential(&options),
        Ok(Task::Soak(options)) => soak::run(options),
        Err(Usage::Asked) => {
            say(USAGE);
            ExitCode::SUCCESS
        }
        Err(Usage::Wrong(what)) => {
            say(&format!("xtask: {what}\n\n{USAGE}"));
            ExitCode::from(2)
        }
    }
}

fn run_differential(options: &Differential) -> ExitCode {
    if finishes(&mut options.command()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Why there is nothing to run.
#[derive(Debug, PartialEq, Eq)]
enum Usage {
    Asked,
    Wrong(String),
}

/// What to do.
enum Task {
    Steps(&'static [Step]),
    Bench(bench::Options),
    CatchUp(catch_up::Options),
    Scaling(scaling::Options),
    Fuzz(fuzz::Options),
    Differential(Differential),
    Soak(soak::Options),
}

fn task(arguments: &[String]) -> Result<Task, Usage> {
    let Some((command, options)) = arguments.split_first() else {
        return Err(Usage::Wrong("expected a command".to_owned()));
    };
    let steps: &[Step] = match command.as_str() {
        "bench" => return bench::Options::parse(options).map(Task::Bench),
        "catch-up" => return catch_up::Options::parse(options).map(Task::CatchUp),
        "scaling" => return scaling::Options::parse(options).map(Task::Scaling),
        "fuzz" => return fuzz::Options::parse(options).map(Task::Fuzz),
        "p256-differential" => return differential(Engine::P256, options),
        "ed25519-differential" => return differential(Engine::Ed25519, options),
        "soak-ingest" => return soak::Options::parse(options).map(Task::Soak),
        "ci" => &[FMT, CLIPPY, TEST],
        "fmt" => &[FMT],
        "clippy" => &[CLIPPY],
        "test" => &[TEST],
        "help" | "--help" | "-h" => return Err(Usage::Asked),
        other => return Err(Usage::Wrong(format!("there is no command {other}"))),
    };
    match options.first() {
        None => Ok(Task::Steps(steps)),
        Some(extra) => Err(Usage::Wrong(format!("did not expect {extra}"))),
    }
}

fn differential(engine: Engine, options: &[String]) -> Result<Task, Usage> {
    Differential::parse(engine, options)
        .map(Task::Differential)
        .map_err(Usage::Wrong)
}

/// Runs the steps in their order up to the first that fails, and tells how long each took.
fn run(steps: &[Step]) -> ExitCode {
    let mut times = Vec::new();
    let mut failed = None;
    for step in steps {
        say(&format!(
            "== {}: cargo {}",
            step.name,
            step.arguments.join(" ")
        ));
        let (passed, time) = timed(|| succeeds(step));
        times.push((step.name, time));
        if !passed {
            failed = Some(step.name);
            break;
        }
    }
    say(&summary(&times, failed));
    failed.map_or(ExitCode::SUCCESS, |_| ExitCode::FAILURE)
}

fn succeeds(step: &Step) -> bool {
    // cargo tells its subcommands which cargo it is.
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    finishes(Command::new(cargo).args(step.arguments))
}

fn finishes(command: &mut Command) -> bool {
    match command.current_dir(root()).status() {
        Ok(status) => status.success(),
        Err(error) => {
            say(&format!("cargo does not start: {error}"));
            false
        }
    }
}

/// The workspace: two levels above this package.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_owned()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a tool that measures its own steps"
)]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

fn summary(times: &[(&str, Duration)], failed: Option<&str>) -> String {
    let mut lines = vec!["== summary".to_owned()];
    for (name, time) in times {
        let result = if failed == Some(*name) {
            "FAILED"
        } else {
            "ok"
        };
        lines.push(format!("{name:<8} {:>7.1} s  {result}", time.as_secs_f64()));
    }
    lines.join("\n")
}

#[expect(clippy::print_stdout, reason = "a command-line tool talks to its user")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(arguments: &[&str], expected: Result<&[&str], Usage>) {
        let arguments: Vec<_> = arguments
            .iter()
            .map(|argument| (*argument).to_owned())
            .collect();
        let names = task(&arguments).map(|task| match task {
            Task::Steps(steps) => steps.iter().map(|step| step.name).collect(),
            Task::Bench(_) => vec!["bench"],
            Task::CatchUp(_) => vec!["catch-up"],
            Task::Scaling(_) => vec!["scaling"],
            Task::Differential(_) => vec!["differential"],
            Task::Soak(_) => vec!["soak-ingest"],
            Task::Fuzz(_) => vec!["fuzz"],
        });
        assert_eq!(names, expected.map(<[&str]>::to_vec));
    }

    #[test]
    fn commands_choose_steps() {
        check(&["ci"], Ok(&["fmt", "clippy", "test"]));
        check(&["clippy"], Ok(&["clippy"]));
        check(&["bench", "--json"], Ok(&["bench"]));
        check(&["catch-up", "--blocks", "9"], Ok(&["catch-up"]));
        check(&["scaling", "--cores", "1,2"], Ok(&["scaling"]));
        check(&["fuzz", "block"], Ok(&["fuzz"]));
        check(&["p256-differential"], Ok(&["differential"]));
        check(&["ed25519-differential"], Ok(&["differential"]));
        check(&["help"], Err(Usage::Asked));
        check(&[], Err(Usage::Wrong("expected a command".to_owned())));
        check(
            &["dance"],
            Err(Usage::Wrong("there is no command dance".to_owned())),
        );
        check(
            &["ci", "now"],
            Err(Usage::Wrong("did not expect now".to_owned())),
        );
    }

    #[test]
    fn summary_tells_times_and_the_failure() {
        let times = [
            ("fmt", Duration::from_millis(1500)),
            ("clippy", Duration::from_secs(61)),
        ];
        let text = summary(&times, Some("clippy"));
        assert_eq!(
            text,
            "== summary\nfmt          1.5 s  ok\nclippy      61.0 s  FAILED"
        );
    }

    #[test]
    fn root_is_the_workspace() {
        assert!(root().join("tools/xtask/src/main.rs").is_file());
    }
}
