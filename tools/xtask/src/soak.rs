//! `cargo xtask soak-ingest`: runs the soak test of the block-ingest socket, built for release.

use std::env;
use std::process::{Command, ExitCode};

use super::{USAGE, root, say};

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

/// Runs the soak with these arguments.
pub(super) fn run(arguments: &[String]) -> ExitCode {
    let Some(variables) = variables(arguments) else {
        say(&format!("xtask: soak-ingest: wrong arguments\n\n{USAGE}"));
        return ExitCode::from(2);
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(TEST)
        .envs(variables)
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

/// The arguments as the test's variables; `None` where they are wrong.
fn variables(arguments: &[String]) -> Option<Vec<(&'static str, String)>> {
    let mut seconds = "60".to_owned();
    let (mut chain, mut channel) = (None, None);
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        let value = arguments.next()?.clone();
        match name.as_str() {
            "--seconds" => {
                value.parse::<u64>().ok()?;
                seconds = value;
            }
            "--chain" => chain = Some(absolute(&value)?),
            "--channel" => channel = Some(value),
            _ => return None,
        }
    }
    let mut variables = vec![("HEDDLE_SOAK_SECONDS", seconds)];
    match (chain, channel) {
        (None, None) => {}
        (Some(chain), Some(channel)) => {
            variables.push(("HEDDLE_SOAK_CHAIN", chain));
            variables.push(("HEDDLE_SOAK_CHANNEL", channel));
        }
        _ => return None,
    }
    Some(variables)
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
        variables(&arguments).map(|list| list.into_iter().map(|(name, _)| name).collect())
    }

    #[test]
    fn arguments_become_variables() {
        assert_eq!(names(&[]), Some(vec!["HEDDLE_SOAK_SECONDS"]));
        assert_eq!(
            names(&["--seconds", "5"]),
            Some(vec!["HEDDLE_SOAK_SECONDS"])
        );
        assert_eq!(
            names(&["--chain", "x.pb", "--channel", "bench"]).map(|list| list.len()),
            Some(3)
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
