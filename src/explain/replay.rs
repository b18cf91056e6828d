//! The state of a past height, made again from all blocks before it: slow, and always right.
//!
//! It is held in memory, so it takes what the channel's state took then.

use std::collections::HashSet;

use super::past::{Removal, Removals};
use crate::ledger::{Effect, Error, Ledger, MemoryState, Replay, UpdateBatch};
use crate::limits;
use crate::mvcc::StoredReplay;
use crate::types::{BlockNumber, Namespace, Version};

/// A key.
type Key = (Namespace, Vec<u8>);

/// The state of a past height, and how some keys went before.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    pub(super) state: MemoryState,
    /// Those of the watched keys that are gone.
    pub(super) removals: Removals,
}

impl Replayed {
    /// Replays the blocks before `before`; of the `watched` keys, notes how they go.
    ///
    /// # Errors
    /// The ledger failed.
    pub(super) fn new(
        ledger: &Ledger,
        before: BlockNumber,
        watched: &HashSet<Key>,
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
            let applied = StoredReplay.replay(&block, &replayed.state)?;
            replayed.apply(&applied.batch, watched);
        }
        progress(before.0);
        Ok(replayed)
    }

    /// Applies a block.
    pub(super) fn apply(&mut self, batch: &UpdateBatch, watched: &HashSet<Key>) {
        self.note_removals(batch, |key| watched.contains(key));
        self.state.apply(batch);
    }

    /// Notes how the keys go that `watched` names.
    pub(super) fn note_removals(&mut self, batch: &UpdateBatch, watched: impl Fn(&Key) -> bool) {
        for namespace in &batch.namespaces {
            for update in &namespace.updates {
                let key = (namespace.namespace.clone(), update.key.to_vec());
                if !watched(&key) {
                    continue;
                }
                let (at, expired) = match update.effect {
                    Effect::Put { .. } => {
                        self.removals.remove(&key);
                        continue;
                    }
                    Effect::Delete => (update.version, false),
                    Effect::Expire => (
                        Version {
                            block: batch.block.0,
                            tx: update.version.tx,
                        },
                        true,
                    ),
                };
                self.removals.insert(key, Removal { at, expired });
            }
        }
    }
}
