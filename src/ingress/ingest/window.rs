//! The blocks that wait for their turn or are on their way through the pipeline, by number.
//!
//! Invariant: of one number there are at most as many as there are feeders, no two with the same
//! bytes, and at most one of them is in the pipeline.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::desk::FeederId;
use super::intake::BlockStart;
use crate::limits;

/// One block, as one or more feeders sent it.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) id: u64,
    pub(super) start: BlockStart,
    pub(super) bytes: Bytes,
    /// Who sent it and is still there.
    pub(super) feeders: Vec<FeederId>,
    /// Whether it is in the pipeline.
    pub(super) admitted: bool,
    /// Whether it does not follow the block before, which may itself be the wrong one.
    pub(super) unclear: bool,
}

/// The window.
#[derive(Debug, Default)]
pub(super) struct Window {
    slots: BTreeMap<u64, Vec<Candidate>>,
    last_id: u64,
}

impl Window {
    /// Takes a block in; whether it is one that others sent, too.
    pub(super) fn add(&mut self, feeder: FeederId, start: BlockStart, bytes: Bytes) -> bool {
        let slot = self.slots.entry(start.number.0).or_default();
        if let Some(same) = slot.iter_mut().find(|other| other.bytes == bytes) {
            same.feeders.push(feeder);
            return true;
        }
        self.last_id += 1;
        slot.push(Candidate {
            id: self.last_id,
            start,
            bytes,
            feeders: vec![feeder],
            admitted: false,
            unclear: false,
        });
        false
    }

    /// The candidates of a number, in the order in which they came.
    pub(super) fn slot(&self, number: u64) -> &[Candidate] {
        self.slots.get(&number).map_or(&[], Vec::as_slice)
    }

    pub(super) fn find(&mut self, number: u64, id: u64) -> Option<&mut Candidate> {
        let slot = self.slots.get_mut(&number)?;
        slot.iter_mut().find(|candidate| candidate.id == id)
    }

    pub(super) fn remove(&mut self, number: u64, id: u64) -> Option<Candidate> {
        let slot = self.slots.get_mut(&number)?;
        let at = slot.iter().position(|candidate| candidate.id == id)?;
        let candidate = slot.remove(at);
        if slot.is_empty() {
            self.slots.remove(&number);
        }
        Some(candidate)
    }

    /// Takes out the lowest number, if it is below `height`.
    pub(super) fn pop_below(&mut self, height: u64) -> Option<Vec<Candidate>> {
        let first = self.slots.first_entry()?;
        (*first.key() < height).then(|| first.remove())
    }

    /// Whether the feeder has sent a block of this number.
    pub(super) fn has(&self, feeder: FeederId, number: u64) -> bool {
        let slot = self.slot(number);
        slot.iter().any(|other| other.feeders.contains(&feeder))
    }

    /// Whether any block of the feeder is here.
    pub(super) fn has_any(&self, feeder: FeederId) -> bool {
        self.all().any(|block| block.feeders.contains(&feeder))
    }

    /// Bytes of the feeder's blocks that wait for their turn.
    pub(super) fn charged(&self, feeder: FeederId) -> usize {
        let waiting = self.all().filter(|block| !block.admitted);
        let own = waiting.filter(|block| block.feeders.contains(&feeder));
        own.map(|block| block.bytes.len()).sum()
    }

    /// Blocks that are larger than a feeder's budget.
    pub(super) fn large(&self) -> usize {
        let large = |block: &&Candidate| block.bytes.len() > limits::INGEST_FEEDER_BYTES_MAX;
        self.all().filter(large).count()
    }

    /// Bytes of the blocks in the pipeline.
    pub(super) fn in_flight(&self) -> usize {
        let admitted = self.all().filter(|block| block.admitted);
        admitted.map(|block| block.bytes.len()).sum()
    }

    /// Forgets a feeder, and the blocks that wait and that only it sent.
    pub(super) fn forget(&mut self, feeder: FeederId) {
        self.each_slot(|slot| {
            for block in slot.iter_mut() {
                block.feeders.retain(|other| *other != feeder);
            }
            slot.retain(|block| block.admitted || !block.feeders.is_empty());
        });
    }

    /// Nothing is in the pipeline any more: what somebody still stands for waits for its turn again.
    pub(super) fn recall(&mut self) {
        self.each_slot(|slot| {
            slot.retain(|block| !block.feeders.is_empty());
            for block in slot.iter_mut() {
                block.admitted = false;
                block.unclear = false;
            }
        });
    }

    /// The block before may be another one now.
    pub(super) fn clear_doubts(&mut self) {
        self.each_slot(|slot| slot.iter_mut().for_each(|block| block.unclear = false));
    }

    fn each_slot(&mut self, mut work: impl FnMut(&mut Vec<Candidate>)) {
        self.slots.values_mut().for_each(&mut work);
        self.slots.retain(|_, slot| !slot.is_empty());
    }

    fn all(&self) -> impl Iterator<Item = &Candidate> {
        self.slots.values().flatten()
    }
}
