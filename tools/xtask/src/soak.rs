//! `cargo xtask soak-ingest`: runs the soak test of the block-ingest socket, built for release.

use std::env;
use std::process::{Command, ExitCode};

use crate::{Usage, root, say};

const TEST: [&str; 8] = [
    "test",
    "--release",
    "--test",
    "sources",
    "--",
    "--nocapture",
    "--exact",
    "soak::four_feeders_one_hostile",
];

/// What to run: the test's variables.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    variables: Vec<(&'static str, String)>,
}

impl Options {
    /// Reads `[--seconds N] [--chain FILE --channel NAME]`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Usage> {
        let wrong = |what: String| Err(Usage::Wrong(what));
        let mut variables = Vec::new();
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            let Some(value) = arguments.next() else {
                return wrong(format!("{name} expects a value"));
            };
            let (variable, value) = match name.as_str() {
                "--seconds" if value.parse::<u64>().is_ok() => ("SECONDS", Some(value.clone())),
                "--chain" => ("CHAIN", absolute(value)),
                "--channel" => ("CHANNEL", Some(value.clone())),
                _ => return wrong(format!("did not expect {name} {value}")),
            };
            variables.extend(value.map(|value| (variable, value)));
        }
        let has = |name| variables.iter().any(|(variable, _)| *variable == name);
        if has("CHAIN") != has("CHANNEL") {
            return wrong("--chain and --channel go together".to_owned());
        }
        if !has("SECONDS") {
            variables.push(("SECONDS", "60".to_owned()));
        }
        Ok(Self { variables })
    }
}

/// Runs the soak.
pub(crate) fn run(options: Options) -> ExitCode {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let variables = options.variables.into_iter();
    let status = Command::new(cargo)
        .args(TEST)
        .envs(variables.map(|(name, value)| (format!("HEDDLE_SOAK_{name}"), value)))
        .current_dir(root())
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("cargo does not start: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// The test runs in another folder.
fn absolute(path: &str) -> Option<String> {
    let path = std::path::absolute(path).ok()?;
    path.to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str]) -> Option<Vec<&'static str>> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let options = Options::parse(&arguments).ok()?;
        let names = options.variables.into_iter().map(|(name, _)| name);
        Some(names.collect())
    }

    #[test]
    fn arguments_become_variables() {
        assert_eq!(names(&[]), Some(vec!["SECONDS"]));
        assert_eq!(names(&["--seconds", "5"]), Some(vec!["SECONDS"]));
        assert_eq!(
            names(&["--chain", "x.pb", "--channel", "bench"]),
            Some(vec!["CHAIN", "CHANNEL", "SECONDS"])
        );
        for wrong in [
            &["--seconds"][..],
            &["--seconds", "soon"],
            &["--chain", "x.pb"],
            &["--loud", "1"],
        ] {
            assert_eq!(names(wrong), None, "{wrong:?}");
        }
    }
}
