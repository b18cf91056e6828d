//! The stage: one block after another, in order, each against the state that the one before leaves.
//!
//! This is back edge 3: the state of block N-1 is the ledger's plus the batches in flight, which the
//! [`Frontier`] layers over it. The commit hash chain is kept here, too.

use std::sync::Arc;

use super::{
    BlockToLive, Fault, Folded, TxInput, TxWrites, commit_hash, fold_block, prefetch_parallel,
};
use crate::decode::DecodedBlock;
use crate::endorsement::{EndorsedBlock, Frontier, Lifetimes, Writes};
use crate::ledger::PendingBatch;
use crate::lifecycle;
use crate::stage::{InStage, Workers};
use crate::types::{BlockNumber, Digest, NamespaceRef, ValidationCode};

/// A block with its final verdicts and what it does to the state.
#[derive(Debug)]
pub struct ValidatedBlock {
    endorsed: EndorsedBlock,
    codes: Vec<ValidationCode>,
    batch: PendingBatch,
    commit_hash: Option<Digest>,
}

impl ValidatedBlock {
    /// The block.
    #[must_use]
    pub fn decoded(&self) -> &DecodedBlock {
        self.endorsed.verified().decoded()
    }

    /// Whether the block changes the channel's configuration.
    #[must_use]
    pub fn config_changed(&self) -> bool {
        self.endorsed.verified().config_changed()
    }

    /// One code per transaction.
    #[must_use]
    pub fn codes(&self) -> &[ValidationCode] {
        &self.codes
    }

    /// What the block does to the state.
    #[must_use]
    pub fn batch(&self) -> &PendingBatch {
        &self.batch
    }

    /// The commit hash; `None` for the genesis block, and where the ledger has none to continue.
    #[must_use]
    pub fn commit_hash(&self) -> Option<Digest> {
        self.commit_hash
    }
}

/// The mvcc stage of one channel.
#[derive(Debug)]
pub struct MvccStage<F> {
    frontier: F,
    /// The commit hash of the block before.
    commit_hash: Option<Digest>,
}

impl<F: Frontier> MvccStage<F> {
    /// A stage whose next block follows the state behind `frontier` and this commit hash.
    pub fn new(frontier: F, commit_hash: Option<Digest>) -> Self {
        Self {
            frontier,
            commit_hash,
        }
    }

    /// Validates the next block: `workers` read ahead, the rest is this thread's.
    ///
    /// # Errors
    /// The channel must stop before this block.
    pub fn validate(
        &mut self,
        endorsed: EndorsedBlock,
        workers: &Workers,
    ) -> Result<ValidatedBlock, Fault> {
        let number = endorsed.verified().decoded().number();
        let Folded {
            codes: folded,
            batch,
        } = self.fold(&endorsed, number, workers)?;
        let mut codes = endorsed.codes().to_vec();
        for (tx, code) in folded {
            if let Some(slot) = codes.get_mut(tx.0 as usize) {
                *slot = code;
            }
        }
        // Fabric: `kv_ledger.go:addBlockCommitHash`: from block 1 on, and only without a gap.
        let hash = (number == BlockNumber(1) || self.commit_hash.is_some()).then(|| {
            let filter: Vec<u8> = codes.iter().map(|code| code.number()).collect();
            commit_hash(self.commit_hash.as_ref(), &filter, &batch)
        });
        let hash = hash.filter(|_| number != BlockNumber(0));
        self.commit_hash = hash;
        Ok(ValidatedBlock {
            endorsed,
            codes,
            batch: PendingBatch::new(Arc::new(batch)),
            commit_hash: hash,
        })
    }

    fn fold(
        &self,
        endorsed: &EndorsedBlock,
        number: BlockNumber,
        workers: &Workers,
    ) -> Result<Folded, Fault> {
        let inputs: Vec<TxInput<'_>> = endorsed
            .writes()
            .map(|(tx, writes)| {
                let writes = match writes {
                    Writes::Endorser(rwset) => TxWrites::Endorser(rwset),
                    Writes::Config(config) => TxWrites::Config(config),
                };
                TxInput { tx, writes }
            })
            .collect();
        let view = self.frontier.view()?;
        let meter = &workers.meter;
        let prefetched = workers.spread(|| prefetch_parallel(&inputs, &view, meter))?;
        fold_block(number, &inputs, &prefetched, &view, endorsed.lifetimes())
    }
}

impl BlockToLive for Lifetimes {
    fn block_to_live(&self, name: &str, collection: &str) -> Result<u64, lifecycle::Fault> {
        Ok(self.of(NamespaceRef::hashed(name, collection)).unwrap_or(0))
    }
}

impl InStage for ValidatedBlock {
    fn number(&self) -> BlockNumber {
        self.decoded().number()
    }

    fn transactions(&self) -> usize {
        self.codes.len()
    }
}
