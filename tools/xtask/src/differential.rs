//! `cargo xtask p256-differential` and `ed25519-differential`: an engine beside the library, at length.
//!
//! Runs the test of the engine in release mode, with the numbers in the environment.

use std::env;
use std::process::Command;

const SIGNATURES_DEFAULT: u64 = 10_000_000;

/// What is compared with its library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    P256,
    Ed25519,
}

impl Engine {
    fn test(self) -> &'static str {
        match self {
            Self::P256 => "random_signatures_get_the_librarys_verdict",
            Self::Ed25519 => "random_ed25519_signatures_get_the_librarys_verdict",
        }
    }

    fn variable(self, setting: &str) -> String {
        let engine = match self {
            Self::P256 => "P256",
            Self::Ed25519 => "ED25519",
        };
        format!("HEDDLE_{engine}_{setting}")
    }
}

/// A run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Differential {
    engine: Engine,
    signatures: u64,
    seed: u64,
}

impl Differential {
    /// Reads `[--signatures N] [--seed S]`.
    pub(crate) fn parse(engine: Engine, arguments: &[String]) -> Result<Self, String> {
        let mut run = Self {
            engine,
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
            .args([self.engine.test(), "--", "--nocapture"])
            .env(
                self.engine.variable("SIGNATURES"),
                self.signatures.to_string(),
            )
            .env(self.engine.variable("SEED"), self.seed.to_string());
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(arguments: &[&str], expected: Result<(u64, u64), &str>) {
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        let expected = expected.map(|(signatures, seed)| Differential {
            engine: Engine::P256,
            signatures,
            seed,
        });
        let expected = expected.map_err(str::to_owned);
        assert_eq!(Differential::parse(Engine::P256, &arguments), expected);
    }

    #[test]
    fn flags_are_read() {
        check(&[], Ok((SIGNATURES_DEFAULT, 1)));
        check(&["--seed", "7", "--signatures", "5"], Ok((5, 7)));
        check(&["--seed"], Err("expected --signatures N and --seed S"));
        check(&["--speed", "1"], Err("there is no flag --speed"));
        check(&["--seed", "x"], Err("--seed: expected a number, not x"));
    }

    #[test]
    fn the_engine_names_the_test_and_its_settings() {
        let run = Differential::parse(Engine::Ed25519, &[]).unwrap();
        let command = run.command();
        let test = "random_ed25519_signatures_get_the_librarys_verdict";
        assert!(command.get_args().any(|argument| argument == test));
        let mut settings = command.get_envs();
        assert!(settings.any(|(name, _)| name == "HEDDLE_ED25519_SEED"));
    }
}
