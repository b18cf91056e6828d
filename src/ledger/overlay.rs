//! Blocks that are durable in the block file and not yet in the state database.
//!
//! An overlay never changes; each append and each apply publishes a new one. Together with any state of
//! the database that is not behind its first block and not ahead of its last one, it shows one height.
//!
//! ```text
//!           state database            overlay
//!   0 ................... savepoint ............ tip
//!                         |  blocks (oldest first)  |
//! ```

use std::sync::Arc;

use super::block_store::BlockLocation;
use super::pending::{KeyFilter, KeyHash, PendingBatch};
use super::tx_key::TxKey;
use super::world_state::Tip;
use crate::limits::{APPLY_GROUP_BLOCKS, APPLY_GROUP_BYTES};
use crate::types::{BlockNumber, Digest, TxIndex};

/// A durable block with what the state database will get of it.
#[derive(Debug)]
pub(crate) struct CommittedBlock {
    /// The block, and what the next one continues.
    pub(crate) tip: Tip,
    /// What it does to the state.
    pub(crate) batch: PendingBatch,
    /// Its transactions' ids, sorted; of equal ones the first comes first.
    txs: Box<[(TxKey, TxIndex)]>,
    tx_filter: KeyFilter,
}

impl CommittedBlock {
    /// A block and its transactions' ids in their order.
    pub(crate) fn new(tip: Tip, batch: PendingBatch, ids: impl Iterator<Item = TxKey>) -> Self {
        let mut txs: Box<[_]> = ids.zip((0..).map(TxIndex)).collect();
        txs.sort_unstable();
        let mut tx_filter = KeyFilter::with_keys(txs.len());
        txs.iter()
            .for_each(|(key, _)| tx_filter.insert(KeyHash::of_tx(key)));
        Self {
            tip,
            batch,
            txs,
            tx_filter,
        }
    }

    /// Its number.
    pub(crate) fn number(&self) -> BlockNumber {
        self.tip.number
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.batch.bytes() + size_of_val(&*self.txs) + size_of::<Self>()
    }

    /// Its transactions' ids and places.
    pub(crate) fn txs(&self) -> &[(TxKey, TxIndex)] {
        &self.txs
    }

    fn find_tx(&self, hash: KeyHash, key: &TxKey) -> Option<TxIndex> {
        if !self.tx_filter.contains(hash) {
            return None;
        }
        let first = self.txs.partition_point(|(other, _)| other < key);
        let (found, index) = self.txs.get(first)?;
        (found == key).then_some(*index)
    }
}

/// The blocks between the state database and the end of the block file.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    /// Oldest first, without a gap.
    pub(crate) blocks: Vec<Arc<CommittedBlock>>,
    /// The last block, `None` in an empty ledger. It stays when the overlay is empty.
    pub(crate) tip: Option<Tip>,
    /// About how much memory the blocks take.
    pub(crate) bytes: usize,
}

impl Overlay {
    /// An overlay without blocks over a state that ends with `tip`.
    pub(crate) fn empty(tip: Option<Tip>) -> Self {
        Self {
            blocks: Vec::new(),
            tip,
            bytes: 0,
        }
    }

    /// Whether there is enough to bring into the state.
    pub(crate) fn is_group(&self) -> bool {
        self.blocks.len() >= APPLY_GROUP_BLOCKS || self.bytes >= APPLY_GROUP_BYTES
    }

    /// How many blocks there are up to the last one.
    pub(crate) fn height(&self) -> u64 {
        self.tip.map_or(0, |tip| tip.height())
    }

    /// The overlay with more blocks.
    pub(crate) fn with(&self, more: &[Arc<CommittedBlock>]) -> Self {
        let blocks: Vec<_> = self.blocks.iter().chain(more).cloned().collect();
        let tip = blocks.last().map_or(self.tip, |block| Some(block.tip));
        let bytes = blocks.iter().map(|block| block.bytes()).sum();
        Self { blocks, tip, bytes }
    }

    /// The overlay without the blocks below `height`, which the state database has.
    pub(crate) fn without(&self, height: u64) -> Self {
        let blocks: Vec<_> = self.since(height).to_vec();
        let bytes = blocks.iter().map(|block| block.bytes()).sum();
        Self {
            blocks,
            tip: self.tip,
            bytes,
        }
    }

    /// The blocks from this height on.
    pub(crate) fn since(&self, height: u64) -> &[Arc<CommittedBlock>] {
        let first = self
            .blocks
            .partition_point(|block| block.number().0 < height);
        self.blocks.get(first..).unwrap_or_default()
    }

    /// Where a block is stored, if it is one of these.
    pub(crate) fn location(&self, number: BlockNumber) -> Option<BlockLocation> {
        let block = self.since(number.0).first()?;
        (block.number() == number).then_some(block.tip.location)
    }

    /// The block with this header hash, if it is one of these.
    pub(crate) fn number_by_hash(&self, hash: &Digest) -> Option<BlockNumber> {
        let block = self
            .blocks
            .iter()
            .find(|block| block.tip.header_hash == *hash);
        block.map(|block| block.number())
    }

    /// The first transaction with this id in these blocks.
    pub(crate) fn find_tx(&self, key: &TxKey) -> Option<(BlockNumber, TxIndex)> {
        let hash = KeyHash::of_tx(key);
        self.blocks
            .iter()
            .find_map(|block| Some((block.number(), block.find_tx(hash, key)?)))
    }
}
