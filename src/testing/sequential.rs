//! The stages one after another, one block at a time, over a ledger in memory: no threads, no queues,
//! nothing in flight. What the pipeline is compared with.

use super::memory::MemoryFrontier;
use crate::decode::decode_block;
use crate::endorsement::EndorsementStage;
use crate::ingress::RawBlock;
use crate::mvcc::{MvccStage, ValidatedBlock};
use crate::stage::Workers;
use crate::sys::process::CpuMeter;
use crate::types::{BlockNumber, ChannelId};
use crate::verify::Chain;
use crate::{decode, endorsement, mvcc, verify};

/// A channel in memory.
#[derive(Debug)]
pub struct SequentialChannel {
    frontier: MemoryFrontier,
    chain: Chain,
    endorsement: EndorsementStage<MemoryFrontier>,
    mvcc: MvccStage<MemoryFrontier>,
    next: BlockNumber,
}

/// Why a block was not committed.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// Refused by decode.
    #[error(transparent)]
    Decode(#[from] decode::Rejection),
    /// Refused by verify, or a config block that stops the channel.
    #[error(transparent)]
    Verify(#[from] verify::Refusal),
    /// The channel stops.
    #[error(transparent)]
    Endorsement(#[from] endorsement::Fault),
    /// The channel stops.
    #[error(transparent)]
    Mvcc(#[from] mvcc::Fault),
}

impl SequentialChannel {
    /// A channel without blocks.
    #[must_use]
    pub fn new(channel: ChannelId) -> Self {
        let frontier = MemoryFrontier::default();
        Self {
            chain: Chain::founding(channel),
            endorsement: EndorsementStage::new(frontier.clone(), []),
            mvcc: MvccStage::new(frontier.clone(), None),
            frontier,
            next: BlockNumber(0),
        }
    }

    /// The state after the last block.
    #[must_use]
    pub fn frontier(&self) -> &MemoryFrontier {
        &self.frontier
    }

    /// Takes the next block through all stages.
    ///
    /// # Errors
    /// It is refused, or the channel stops. A refused block changes nothing.
    pub fn commit(&mut self, bytes: bytes::Bytes) -> Result<ValidatedBlock, Stop> {
        self.commit_observed(bytes, &mut |_| {})
    }

    /// As [`Self::commit`]; `through` hears the name of each stage that the block is through.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn commit_observed(
        &mut self,
        bytes: bytes::Bytes,
        through: &mut dyn FnMut(&'static str),
    ) -> Result<ValidatedBlock, Stop> {
        let meter = CpuMeter::default();
        through("ingress");
        let decoded = decode_block(RawBlock::new(self.next, bytes), &meter)?;
        through("decode");
        let verified = self.chain.verify(decoded, &meter)?;
        through("verify");
        let endorsed = self.endorsement.endorse(verified, &Workers::default())?;
        through("endorsement");
        let validated = self.mvcc.validate(endorsed, &Workers::default())?;
        through("mvcc");
        let transactions = &validated.decoded().contents().transactions;
        let ids = transactions.iter().map(|transaction| transaction.tx_key);
        self.frontier.commit(validated.batch(), ids);
        self.next = self.next.next();
        Ok(validated)
    }
}
