//! The real pipeline over a ledger on disk, disturbed from a seed, against given verdicts.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use heddle::commit::CommittedBlock;
use heddle::crypto::sha256;
use heddle::ingress::{BlockSource, SourceError};
use heddle::ledger::{Ledger, LedgerOptions};
use heddle::mvcc::StoredReplay;
use heddle::notify::CommitListener;
use heddle::pipeline::{Pipeline, PipelineOptions};
use heddle::stage::Disturbance;
use heddle::sys::clock::{Clock, SystemClock};
use heddle::types::{ChannelId, Digest};

use crate::{Difference, Halt, Verdict, compare, verdict_of};

/// How a pipeline runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Workers.
    pub workers: usize,
    /// Of its delays and group sizes.
    pub seed: u64,
}

impl Setting {
    /// What follows from a seed.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let disturbance = Disturbance { seed };
        Self {
            workers: 1 + disturbance.group_blocks_max(seed) % 16,
            seed,
        }
    }
}

/// What a run of the pipeline led to.
#[derive(Debug)]
pub struct Outcome {
    /// One per committed block.
    pub verdicts: Vec<Verdict>,
    /// Why it stopped before the end.
    pub stopped: Option<String>,
    /// Of the whole world state.
    pub state_hash: Digest,
}

impl Outcome {
    /// In what this run differs from another one.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        for (number, (one, first)) in (0..).zip(self.verdicts.iter().zip(&other.verdicts)) {
            if let Err(difference) = compare(number, &Ok(first.clone()), &Ok(one.clone())) {
                return Some(difference.to_string());
            }
        }
        if self.verdicts.len() != other.verdicts.len() || self.stopped != other.stopped {
            return Some("it ended elsewhere".to_owned());
        }
        (self.state_hash != other.state_hash).then(|| "the final state".to_owned())
    }
}

struct Blocks(VecDeque<Bytes>);

impl BlockSource for Blocks {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        Ok(self.0.pop_front())
    }
}

#[derive(Default)]
struct Listener(Vec<Verdict>);

impl CommitListener for Listener {
    fn committed(&mut self, block: &CommittedBlock) {
        self.0.push(verdict_of(block.validated()));
    }
}

/// Takes a chain through a pipeline with a new ledger in a temporary folder.
///
/// # Errors
/// The ledger cannot be made, read or worked on.
pub fn run_pipeline(
    channel: &ChannelId,
    blocks: &[Bytes],
    setting: Setting,
) -> Result<Outcome, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let options = LedgerOptions::default();
    let ledger = Ledger::open(dir.path(), channel, &options, &StoredReplay, &mut |_| {});
    let ledger = ledger.map_err(|error| error.to_string())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let options = PipelineOptions {
        workers: setting.workers,
        disturbance: Some(Disturbance { seed: setting.seed }),
        ..PipelineOptions::default()
    };
    let pipeline = Pipeline::new(&ledger, &clock, options);
    let mut pipeline = pipeline.map_err(|stop| stop.to_string())?;
    let mut source = Blocks(blocks.iter().cloned().collect());
    let mut listener = Listener::default();
    let run = pipeline.run(&mut source, &mut listener);
    let mut state = Vec::new();
    let view = ledger.view().map_err(|error| error.to_string())?;
    let visited = view.visit_state(&mut |namespace, key, value| {
        state.extend_from_slice(format!("{namespace} {key:?} {value:?}\n").as_bytes());
        true
    });
    visited.map_err(|error| error.to_string())?;
    Ok(Outcome {
        verdicts: listener.0,
        stopped: run.err().map(|stop| stop.to_string()),
        state_hash: sha256(&state),
    })
}

/// Compares a pipeline's run with the model's verdicts.
///
/// # Errors
/// The first difference.
pub fn check_pipeline(
    channel: &ChannelId,
    blocks: &[Bytes],
    verdicts: &[Result<Verdict, Halt>],
    setting: Setting,
) -> Result<(), Difference> {
    let failed = |why: String| Difference {
        block: 0,
        tx: None,
        model: "runs".to_owned(),
        heddle: why,
    };
    let outcome = run_pipeline(channel, blocks, setting).map_err(failed)?;
    let stopped = outcome.stopped.unwrap_or_else(|| "ended".to_owned());
    let mut found = outcome.verdicts.into_iter();
    for (number, model) in (0..).zip(verdicts) {
        let said = found.next().ok_or_else(|| stopped.clone());
        compare(number, model, &said)?;
    }
    Ok(())
}
