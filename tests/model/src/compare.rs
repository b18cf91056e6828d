//! The comparison: blocks through the model and through heddle, verdict by verdict.

use std::fmt;

use bytes::Bytes;
use heddle::channel::channel_id_of_config_block;
use heddle::ledger::{Effect, UpdateBatch};
use heddle::limits::WORKER_STACK_BYTES;
use heddle::mvcc::ValidatedBlock;
use heddle::proto::wire::{put_varint, take_varint};
use heddle::testing::sequential::SequentialChannel;
use heddle::types::ChannelId;

use crate::{Halt, Model, Verdict};

/// Model and heddle differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The block.
    pub block: u64,
    /// The transaction, where one has two codes.
    pub tx: Option<usize>,
    /// What the model says.
    pub model: String,
    /// What heddle says.
    pub heddle: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {}", self.block)?;
        if let Some(tx) = self.tx {
            write!(f, " transaction {tx}")?;
        }
        write!(f, ": model {}, heddle {}", self.model, self.heddle)
    }
}

/// What heddle says of a block, in the model's form.
#[must_use]
pub fn verdict_of(validated: &ValidatedBlock) -> Verdict {
    Verdict {
        codes: validated.codes().to_vec(),
        batch: normal(UpdateBatch::clone(validated.batch())),
        commit_hash: validated.commit_hash(),
    }
}

/// The same batch whatever the order of expiries and history: they are sets.
fn normal(mut batch: UpdateBatch) -> UpdateBatch {
    let expiry = |it: &heddle::ledger::Expiry| (it.namespace.clone(), it.key.clone(), it.at);
    batch.expiries.sort_by_key(expiry);
    let line = |it: &heddle::ledger::HistoryEntry| (it.name.clone(), it.key.clone(), it.version);
    batch.history.sort_by_key(line);
    for update in batch.namespaces.iter_mut().flat_map(|it| &mut it.updates) {
        if update.effect == Effect::Expire {
            // A key that goes has no version.
            update.version = Default::default();
        }
    }
    batch
}

/// What one side says of a block: its verdict, or why it is not committed.
pub type Said = Result<Verdict, String>;

/// The first thing in which two verdicts on a block differ.
///
/// # Errors
/// It.
pub fn compare(block: u64, model: &Result<Verdict, Halt>, heddle: &Said) -> Result<(), Difference> {
    let differ = |tx, model: String, heddle: String| {
        Err(Difference {
            block,
            tx,
            model,
            heddle,
        })
    };
    let (model, heddle) = match (model, heddle) {
        (Ok(model), Ok(heddle)) => (model, heddle),
        (Err(_), Err(_)) => return Ok(()),
        (Ok(_), Err(why)) => return differ(None, "commits".to_owned(), why.clone()),
        (Err(why), Ok(_)) => return differ(None, format!("{why:?}"), "commits".to_owned()),
    };
    for (tx, (one, other)) in model.codes.iter().zip(&heddle.codes).enumerate() {
        if one != other {
            return differ(Some(tx), one.to_string(), other.to_string());
        }
    }
    if model.codes.len() != heddle.codes.len() {
        let count = |verdict: &Verdict| format!("{} codes", verdict.codes.len());
        return differ(None, count(model), count(heddle));
    }
    let batch = normal(model.batch.clone());
    if batch != heddle.batch {
        let (one, other) = first_difference(&batch, &heddle.batch);
        return differ(None, one, other);
    }
    if model.commit_hash != heddle.commit_hash {
        let hash = |verdict: &Verdict| format!("commit hash {:?}", verdict.commit_hash);
        return differ(None, hash(model), hash(heddle));
    }
    Ok(())
}

/// The first lines in which two batches differ.
fn first_difference(one: &UpdateBatch, other: &UpdateBatch) -> (String, String) {
    let (one, other) = (format!("{one:#?}"), format!("{other:#?}"));
    let pairs = one.lines().zip(other.lines());
    let at = pairs.take_while(|(one, other)| one == other).count();
    let line = |text: &str| {
        let lines: Vec<&str> = text.lines().skip(at.saturating_sub(4)).take(9).collect();
        format!("batch\n{}\n", lines.join("\n"))
    };
    (line(&one), line(&other))
}

/// Takes a chain through the model and through heddle's stages one after another. The first block is a
/// genesis block; both end with the first block that is not committed.
///
/// # Errors
/// The first difference.
pub fn check_blocks(blocks: &[Bytes]) -> Result<(), Difference> {
    let Some(channel) = blocks.first().and_then(|block| channel_of(block)) else {
        return Ok(());
    };
    on_deep_stack(|| {
        let mut model = Model::new(channel.clone());
        let mut heddle = SequentialChannel::new(channel);
        for (number, block) in (0..).zip(blocks) {
            let said = model.commit(block);
            let committed = heddle.commit(block.clone());
            let verdict = committed.map(|validated| verdict_of(&validated));
            compare(number, &said, &verdict.map_err(|stop| stop.to_string()))?;
            if said.is_err() {
                break;
            }
        }
        Ok(())
    })
}

/// The channel that a genesis block founds.
#[must_use]
pub fn channel_of(genesis: &[u8]) -> Option<ChannelId> {
    channel_id_of_config_block(genesis).ok()
}

/// Runs `work` with a stack as deep as heddle's workers have: policies may nest thousands of levels.
///
/// # Panics
/// Where `work` does, or there is no thread to be had.
pub fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(WORKER_STACK_BYTES);
        let thread = builder.spawn_scoped(scope, work);
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(done)) => done,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => std::panic::resume_unwind(Box::new(error.to_string())),
        }
    })
}

/// The blocks of a file of length-delimited blocks; `None` where it is none.
#[must_use]
pub fn split_blocks(mut bytes: &[u8]) -> Option<Vec<Bytes>> {
    let mut blocks = Vec::new();
    while !bytes.is_empty() {
        let length = usize::try_from(take_varint(&mut bytes).ok()?).ok()?;
        let (block, rest) = bytes.split_at_checked(length)?;
        blocks.push(Bytes::copy_from_slice(block));
        bytes = rest;
    }
    Some(blocks)
}

/// A file of length-delimited blocks.
#[must_use]
pub fn join_blocks(blocks: &[Bytes]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for block in blocks {
        put_varint(&mut bytes, block.len() as u64);
        bytes.extend_from_slice(block);
    }
    bytes
}
