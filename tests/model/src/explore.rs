//! Many scripts from one seed, each through the model and through pipelines; what differs is shrunk.

use std::cell::RefCell;
use std::collections::BTreeMap;

use heddle::types::ValidationCode;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::script::{Script, script};
use crate::{Built, Difference, Setting, build, check_pipeline};

/// How large a script is, and what it runs through.
#[derive(Debug, Clone)]
pub struct Effort {
    /// Blocks in a chain at most.
    pub blocks: usize,
    /// Transactions in a block at most.
    pub txs: usize,
    /// The pipelines' workers.
    pub workers: Vec<usize>,
    /// How often a failing script is made smaller at most.
    pub shrinks: u32,
}

/// What was compared.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Chains.
    pub chains: u64,
    /// Blocks that were committed.
    pub blocks: u64,
    /// Blocks that model and pipeline refuse or stop before.
    pub halts: u64,
    /// Transactions by code.
    pub codes: BTreeMap<ValidationCode, u64>,
}

impl Tally {
    /// Transactions with a code.
    #[must_use]
    pub fn transactions(&self) -> u64 {
        self.codes.values().sum()
    }

    /// Counts a chain.
    pub fn add(&mut self, built: &Built) {
        self.chains += 1;
        for verdict in &built.verdicts {
            match verdict {
                Err(_) => self.halts += 1,
                Ok(verdict) => {
                    self.blocks += 1;
                    for code in &verdict.codes {
                        *self.codes.entry(*code).or_default() += 1;
                    }
                }
            }
        }
    }
}

/// A script on which model and pipeline differ, as small as it could be made.
#[derive(Debug)]
pub struct Found {
    /// The script.
    pub script: Script,
    /// Its chain.
    pub built: Built,
    /// How they differ.
    pub difference: Difference,
}

/// Compares on the script that follows from `seed`.
///
/// # Errors
/// Where model and pipeline differ.
pub fn explore(seed: u64, effort: &Effort, tally: &mut Tally) -> Result<(), Box<Found>> {
    let config = Config {
        cases: 1,
        max_shrink_iters: effort.shrinks,
        failure_persistence: None,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(seed.to_le_bytes()) {
        *to = from;
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let tally = RefCell::new(tally);
    let run = runner.run(&script(effort.blocks, effort.txs), |script| {
        let built = build(&script);
        check(&built, seed, &effort.workers)
            .map_err(|difference| TestCaseError::fail(difference.to_string()))?;
        tally.borrow_mut().add(&built);
        Ok(())
    });
    match run {
        Ok(()) => Ok(()),
        Err(TestError::Fail(_, script)) => Err(Box::new(found(script, seed, effort))),
        // Nothing is rejected.
        Err(TestError::Abort(_)) => Ok(()),
    }
}

/// Compares a chain at every number of workers.
///
/// # Errors
/// The first difference.
pub fn check(built: &Built, seed: u64, workers: &[usize]) -> Result<(), Difference> {
    for workers in workers {
        let setting = Setting {
            workers: *workers,
            seed: seed ^ *workers as u64,
        };
        check_pipeline(&built.channel, &built.blocks, &built.verdicts, setting)?;
    }
    Ok(())
}

fn found(script: Script, seed: u64, effort: &Effort) -> Found {
    let built = build(&script);
    let difference = check(&built, seed, &effort.workers).err();
    let gone = || Difference {
        block: 0,
        tx: None,
        model: "agrees".to_owned(),
        heddle: "agrees when it runs again: the verdict depends on chance".to_owned(),
    };
    Found {
        difference: difference.unwrap_or_else(gone),
        script,
        built,
    }
}
