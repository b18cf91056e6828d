//! The state of a past height, made again from all blocks before it with their stored codes: one pass
//! over the block file, and always right.
//!
//! It is held in memory, but only as far as the explanation can ask for it ([`Watched`]).

use super::past::{Removal, Removals};
use super::watched::Watched;
use crate::ledger::{Effect, Error, Ledger, MemoryState, Replay, UpdateBatch};
use crate::limits;
use crate::mvcc::StoredReplay;
use crate::types::{BlockNumber, Version};

/// The watched part of the state of a past height, and how keys of it went before.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    pub(super) state: MemoryState,
    /// Hashed keys that are gone.
    pub(super) removals: Removals,
}

impl Replayed {
    /// Replays the blocks before `before`.
    ///
    /// # Errors
    /// The ledger failed.
    pub(super) fn new(
        ledger: &Ledger,
        before: BlockNumber,
        watched: &Watched,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, Error> {
        let mut replayed = Self::default();
        let mut view = ledger.view()?;
        for number in (0..before.0).map(BlockNumber) {
            if number.0 % limits::REPLAY_GROUP_BLOCKS as u64 == 0 {
                // A view gets too old.
                view = ledger.view()?;
                progress(number.0);
            }
            let block = view.block(number)?;
            let block = block.ok_or(Error::DamagedRow { table: "blocks" })?;
            let mut batch = StoredReplay.replay(&block, &replayed.state)?.batch;
            watched.keep(&mut batch);
            replayed.apply(&batch);
        }
        progress(before.0);
        Ok(replayed)
    }

    /// Applies a block.
    pub(super) fn apply(&mut self, batch: &UpdateBatch) {
        self.note_removals(batch);
        self.state.apply(batch);
    }

    /// Notes how hashed keys go: they have no history.
    fn note_removals(&mut self, batch: &UpdateBatch) {
        let namespaces = batch.namespaces.iter();
        let hashed = namespaces.filter(|found| found.namespace.as_ref().collection.is_some());
        for (namespace, update) in hashed.flat_map(|found| {
            found
                .updates
                .iter()
                .map(|update| (&found.namespace, update))
        }) {
            let key = (namespace.clone(), update.key.to_vec());
            let (at, expired) = match update.effect {
                Effect::Put { .. } => {
                    self.removals.remove(&key);
                    continue;
                }
                Effect::Delete => (update.version, false),
                Effect::Expire => {
                    let (block, tx) = (batch.block.0, update.version.tx);
                    (Version { block, tx }, true)
                }
            };
            self.removals.insert(key, Removal { at, expired });
        }
    }
}
