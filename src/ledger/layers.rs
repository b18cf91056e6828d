//! The state of one height: a snapshot of the database, and update batches on top of it.
//!
//! Invariants: the batches are in the order of their blocks without a gap, the first is the block after
//! the snapshot's last one; the newest effect on a key is its state.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::sync::Arc;

use super::batch::{Effect, Expiry, KeyUpdate, StateValue};
use super::error::Error;
use super::pending::{KeyHash, PendingBatch};
use super::state::StateReader;
use super::world_state::{RangeQuery, Snapshot};
use crate::limits::RANGE_CHUNK_KEYS_MAX;
use crate::types::{BlockNumber, Namespace, NamespaceRef, Version};

/// How many keys of a range are read first; it doubles, so that short ranges stay cheap.
const CHUNK_KEYS_FIRST: usize = 16;

/// The world state at one height, with batches that need not be durable. Cloning is cheap; it may be
/// read by several threads.
#[derive(Debug, Clone)]
pub struct LayeredState {
    snapshot: Arc<Snapshot>,
    /// Oldest first.
    layers: Vec<PendingBatch>,
    /// Whether some batch gives a key metadata.
    layers_have_metadata: bool,
    height: u64,
}

impl LayeredState {
    /// The state of the snapshot.
    pub(crate) fn of(snapshot: Arc<Snapshot>) -> Self {
        let height = snapshot.height();
        Self {
            snapshot,
            layers: Vec::new(),
            layers_have_metadata: false,
            height,
        }
    }

    /// How many blocks this state has.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.height
    }

    /// The state with the batches of the blocks that follow. Batches of blocks that it has already are
    /// passed over, so the caller need not know how far the ledger has got meanwhile.
    ///
    /// # Errors
    /// The batches, which are in the order of their blocks, do not continue this state.
    pub fn with_pending(&self, batches: &[PendingBatch]) -> Result<Self, Error> {
        let mut state = self.clone();
        for batch in batches.iter().filter(|batch| batch.block.0 >= self.height) {
            if batch.block.0 != state.height {
                let expected = BlockNumber(state.height);
                return Err(Error::PendingGap {
                    expected,
                    found: batch.block,
                });
            }
            state.layers_have_metadata |= batch.has_metadata();
            state.layers.push(batch.clone());
            state.height += 1;
        }
        Ok(state)
    }

    /// The snapshot below.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The batches on top of it, oldest first.
    pub(crate) fn layers(&self) -> &[PendingBatch] {
        &self.layers
    }

    /// Calls `visit` with everything in the state, in the order of namespaces and keys, until it returns
    /// `false`.
    pub(crate) fn visit_all(
        &self,
        visit: &mut dyn FnMut(NamespaceRef<'_>, &[u8], &StateValue) -> bool,
    ) -> Result<(), Error> {
        let stored = self
            .snapshot
            .namespaces()
            .numbered_from(0)
            .map(|(_, namespace)| namespace);
        let pending = self.layers.iter().flat_map(|layer| &layer.namespaces);
        let mut namespaces: Vec<&Namespace> = stored
            .chain(pending.map(|updates| &updates.namespace))
            .collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        for namespace in namespaces.into_iter().map(Namespace::as_ref) {
            let mut go_on = true;
            self.range(namespace, &[], None, &mut |key, state| {
                go_on = visit(namespace, key, state);
                go_on
            })?;
            if !go_on {
                break;
            }
        }
        Ok(())
    }

    /// The newest effect of the batches on a key, if there is any.
    fn pending(&self, namespace: NamespaceRef<'_>, key: &[u8]) -> Option<&KeyUpdate> {
        if self.layers.is_empty() {
            return None;
        }
        let hash = KeyHash::of_key(namespace, key);
        self.layers
            .iter()
            .rev()
            .find_map(|layer| layer.find(hash, namespace, key))
    }
}

impl StateReader for LayeredState {
    fn version(&self, namespace: NamespaceRef<'_>, key: &[u8]) -> Result<Option<Version>, Error> {
        match self.pending(namespace, key) {
            Some(KeyUpdate {
                effect: Effect::Put { .. },
                version,
                ..
            }) => Ok(Some(*version)),
            Some(KeyUpdate {
                effect: Effect::Delete | Effect::Expire,
                ..
            }) => Ok(None),
            None => self.snapshot.version(namespace, key),
        }
    }

    fn get(&self, namespace: NamespaceRef<'_>, key: &[u8]) -> Result<Option<StateValue>, Error> {
        match self.pending(namespace, key) {
            Some(update) => Ok(put_value(update)),
            None => self.snapshot.get(namespace, key),
        }
    }

    fn range(
        &self,
        namespace: NamespaceRef<'_>,
        start: &[u8],
        end: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &StateValue) -> bool,
    ) -> Result<(), Error> {
        let mut stored = StoredRange::new(&self.snapshot, namespace, start, end);
        let mut pending = PendingRange::new(&self.layers, namespace, start, end).peekable();
        while let Some((key, state)) = next_of_both(&mut stored, &mut pending)? {
            if !visit(&key, &state) {
                break;
            }
        }
        Ok(())
    }

    fn may_have_metadata(&self, namespace: NamespaceRef<'_>) -> bool {
        self.layers_have_metadata || self.snapshot.may_have_metadata(namespace)
    }

    fn expiring(&self, block: BlockNumber) -> Result<Vec<Expiry>, Error> {
        let mut expiring = self.snapshot.expiring(block)?;
        let pending = self.layers.iter().flat_map(|layer| &layer.expiries);
        expiring.extend(pending.filter(|expiry| expiry.at == block).cloned());
        Ok(expiring)
    }
}

/// The next key that exists, from the database or the batches; what the batches say counts.
fn next_of_both(
    stored: &mut StoredRange<'_>,
    pending: &mut Peekable<PendingRange<'_>>,
) -> Result<Option<(Vec<u8>, StateValue)>, Error> {
    loop {
        let stored_key = stored.peek()?;
        let Some(update) =
            pending.next_if(|update| stored_key.is_none_or(|key| *update.key <= *key))
        else {
            return Ok(stored.pop());
        };
        if stored_key == Some(&*update.key) {
            stored.pop();
        }
        if let Some(state) = put_value(update) {
            return Ok(Some((update.key.to_vec(), state)));
        }
    }
}

fn put_value(update: &KeyUpdate) -> Option<StateValue> {
    match &update.effect {
        Effect::Put { value, metadata } => Some(StateValue {
            version: update.version,
            value: value.to_vec(),
            metadata: metadata.to_vec(),
        }),
        Effect::Delete | Effect::Expire => None,
    }
}

/// A range of the database, read ahead a little. Between reads no lock is held, so that even a slow
/// visitor does not keep the database from growing.
struct StoredRange<'a> {
    snapshot: &'a Snapshot,
    namespace: NamespaceRef<'a>,
    start: Vec<u8>,
    end: Option<&'a [u8]>,
    read: VecDeque<(Vec<u8>, StateValue)>,
    keys_max: usize,
    more: bool,
}

impl<'a> StoredRange<'a> {
    fn new(
        snapshot: &'a Snapshot,
        namespace: NamespaceRef<'a>,
        start: &[u8],
        end: Option<&'a [u8]>,
    ) -> Self {
        Self {
            snapshot,
            namespace,
            start: start.to_vec(),
            end,
            read: VecDeque::new(),
            keys_max: CHUNK_KEYS_FIRST,
            more: true,
        }
    }

    fn peek(&mut self) -> Result<Option<&[u8]>, Error> {
        while self.read.is_empty() && self.more {
            self.read_more()?;
        }
        Ok(self.read.front().map(|(key, _)| key.as_slice()))
    }

    fn pop(&mut self) -> Option<(Vec<u8>, StateValue)> {
        self.read.pop_front()
    }

    fn read_more(&mut self) -> Result<(), Error> {
        let Some(namespace) = self.snapshot.namespaces().id(self.namespace) else {
            self.more = false;
            return Ok(());
        };
        let Self {
            start,
            end,
            keys_max,
            ..
        } = self;
        let query = RangeQuery {
            namespace,
            start,
            end: *end,
            keys_max: *keys_max,
        };
        let chunk = self.snapshot.chunk(&query)?;
        if let Some((last, _)) = chunk.rows.last() {
            // The smallest key behind the last one.
            self.start.clone_from(last);
            self.start.push(0);
        }
        self.more = chunk.more;
        self.read = chunk.rows.into();
        self.keys_max = (self.keys_max * 2).min(RANGE_CHUNK_KEYS_MAX);
        Ok(())
    }
}

/// The newest effect of the batches on each key of a range, in the order of the keys.
struct PendingRange<'a> {
    /// What is left of each batch, newest first.
    rest: Vec<&'a [KeyUpdate]>,
}

impl<'a> PendingRange<'a> {
    fn new(
        layers: &'a [PendingBatch],
        namespace: NamespaceRef<'_>,
        start: &[u8],
        end: Option<&[u8]>,
    ) -> Self {
        let of_layer = |layer: &'a PendingBatch| {
            let updates = layer.namespace(namespace)?.updates.as_slice();
            let first = updates.partition_point(|update| *update.key < *start);
            let updates = updates.get(first..)?;
            let count = end.map_or(updates.len(), |end| {
                updates.partition_point(|update| *update.key < *end)
            });
            updates.get(..count).filter(|updates| !updates.is_empty())
        };
        Self {
            rest: layers.iter().rev().filter_map(of_layer).collect(),
        }
    }
}

impl<'a> Iterator for PendingRange<'a> {
    type Item = &'a KeyUpdate;

    fn next(&mut self) -> Option<&'a KeyUpdate> {
        let heads = self.rest.iter().filter_map(|updates| updates.first());
        // Of equal keys the first, which is the newest.
        let next = heads.min_by(|a, b| a.key.cmp(&b.key))?;
        for updates in &mut self.rest {
            if let Some((head, rest)) = updates.split_first()
                && head.key == next.key
            {
                *updates = rest;
            }
        }
        Some(next)
    }
}
