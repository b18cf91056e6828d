//! `cargo xtask p256-differential`: the P-256 engine beside the library, at length.
//!
//! Runs the test of the engine in release mode, with the numbers in the environment.

use std::env;
use std::process::Command;

const SIGNATURES_DEFAULT: u64 = 10_000_000;

/// A run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Differential {
    signatures: u64,
    seed: u64,
}

impl Differential {
    /// Reads `[--signatures N] [--seed S]`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut run = Self {
            signatures: SIGNATURES_DEFAULT,
            seed: 1,
        };
        for pair in arguments.chunks(2) {
            let [flag, value] = pair else {
                return Err("expected --signatures N and --seed S".to_owned());
            };
            let number = value
                .parse()
                .map_err(|_| format!("{flag}: expected a number, not {value}"))?;
            match flag.as_str() {
                "--signatures" => run.signatures = number,
                "--seed" => run.seed = number,
                other => return Err(format!("there is no flag {other}")),
            }
        }
        Ok(run)
    }

    /// The command.
    pub(crate) fn command(&self) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args(["test", "--release", "--package", "heddle", "--lib"])
            .args(["random_signatures_get_the_librarys_verdict", "--"])
            .arg("--nocapture")
            .env("HEDDLE_P256_SIGNATURES", self.signatures.to_string())
            .env("HEDDLE_P256_SEED", self.seed.to_string());
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(arguments: &[&str], expected: Result<(u64, u64), &str>) {
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        let expected = expected.map(|(signatures, seed)| Differential { signatures, seed });
        let expected = expected.map_err(str::to_owned);
        assert_eq!(Differential::parse(&arguments), expected);
    }

    #[test]
    fn flags_are_read() {
        check(&[], Ok((SIGNATURES_DEFAULT, 1)));
        check(&["--seed", "7", "--signatures", "5"], Ok((5, 7)));
        check(&["--seed"], Err("expected --signatures N and --seed S"));
        check(&["--speed", "1"], Err("there is no flag --speed"));
        check(&["--seed", "x"], Err("--seed: expected a number, not x"));
    }
}
