//! The protocol as a state machine: feeders' bytes in, blocks in order and answers out.
//!
//! Knows nothing of sockets or threads; time is an argument. Three parties call it, in any order:
//!
//! - the reactor: [`Desk::join`], [`Desk::received`], [`Desk::ended`], [`Desk::tick`], and to know what
//!   to do next [`Desk::wants_read`], [`Desk::output`], [`Desk::is_done`], [`Desk::deadline`];
//! - the pipeline's source: [`Desk::next`], then [`Desk::admit`], [`Desk::refuse`] or [`Desk::doubt`];
//! - who hears of commits: [`Desk::committed`], [`Desk::rejected`].
//!
//! Invariants: `height <= next`; the pipeline has the numbers from `height` up to `next`, and `tip` is
//! the header hash of the block before `next`; what a feeder takes of memory is bounded by
//! [`limits::INGEST_FEEDER_BYTES_MAX`] and one block of the next number.

mod blocks;
mod turns;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::feeder::{Feeder, Phase};
use super::intake::BlockStart;
use super::protocol::Greeting;
use super::refusal::{IngestRefusal, RefusalKind};
use super::window::Window;
use crate::ingress::KnownBlocks;
use crate::ingress::door::hex;
use crate::sys::clock::Instant;
use crate::types::{BlockNumber, ChannelId, Digest};
use crate::{ledger, limits};

/// A connection, never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeederId(pub u64);

/// What happened so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IngestTally {
    /// Connections that were taken.
    pub feeders: u64,
    /// Blocks that came whole.
    pub received: u64,
    /// Blocks that were of no use: another feeder was first, or they were committed already.
    pub doubles: u64,
    /// Times that the pipeline had to begin anew after a block that only it could refuse.
    pub restarts: u64,
    /// Feeders that were cut off, by reason.
    pub refusals: BTreeMap<RefusalKind, u64>,
}

/// A block whose turn it is.
#[derive(Debug, Clone)]
pub(super) struct Pick {
    pub(super) id: u64,
    pub(super) start: BlockStart,
    pub(super) bytes: Bytes,
    /// Header hash of the block before, `None` for the genesis block.
    pub(super) tip: Option<Digest>,
    /// Whether the block before is committed.
    pub(super) tip_durable: bool,
}

/// The state machine.
pub struct Desk {
    channel: ChannelId,
    known: Box<dyn KnownBlocks>,
    height: u64,
    next: u64,
    tip: Option<Digest>,
    window: Window,
    feeders: BTreeMap<FeederId, Feeder>,
    last_id: u64,
    /// When the ledger last grew.
    grew: Instant,
    tally: IngestTally,
    /// The ledger could not be asked what it has.
    fault: Option<ledger::Error>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk")
            .field("height", &self.height)
            .field("next", &self.next)
            .field("feeders", &self.feeders.len())
            .finish_non_exhaustive()
    }
}

impl Desk {
    /// A desk for a ledger that has the blocks `known`.
    ///
    /// # Errors
    /// The ledger cannot be asked for its last block.
    pub fn new(
        channel: ChannelId,
        known: Box<dyn KnownBlocks>,
        now: Instant,
    ) -> Result<Self, ledger::Error> {
        let height = known.height().0;
        let mut desk = Self {
            channel,
            known,
            height,
            next: height,
            tip: None,
            window: Window::default(),
            feeders: BTreeMap::new(),
            last_id: 0,
            grew: now,
            tally: IngestTally::default(),
            fault: None,
        };
        desk.tip = desk.tip_at(height)?;
        Ok(desk)
    }

    /// What happened so far.
    #[must_use]
    pub fn tally(&self) -> &IngestTally {
        &self.tally
    }

    fn tip_at(&self, height: u64) -> Result<Option<Digest>, ledger::Error> {
        match height.checked_sub(1) {
            Some(last) => self.known.header_hash(BlockNumber(last)),
            None => Ok(None),
        }
    }
}

/// The reactor's calls.
impl Desk {
    /// A feeder has connected. `None` where there is no room even to tell it so.
    pub fn join(&mut self, now: Instant) -> Option<FeederId> {
        if self.feeders.len() >= 2 * limits::INGEST_FEEDERS_MAX {
            return None;
        }
        let staying = self.feeders.values().filter(|other| !other.is_leaving());
        let refusal = if staying.count() < limits::INGEST_FEEDERS_MAX {
            None
        } else if let Some(idle) = self.most_idle(now) {
            self.cut_off(idle, &IngestRefusal::Idle, now);
            None
        } else {
            Some(IngestRefusal::Busy)
        };
        self.last_id += 1;
        let id = FeederId(self.last_id);
        let greeting = Greeting {
            height: self.height,
            channel: self.channel.clone(),
        };
        self.feeders
            .insert(id, Feeder::new(greeting.to_bytes(), now));
        match refusal {
            Some(refusal) => self.cut_off(id, &refusal, now),
            None => self.tally.feeders += 1,
        }
        Some(id)
    }

    /// Of the feeders that were of no use for a while, the one with the longest.
    fn most_idle(&self, now: Instant) -> Option<FeederId> {
        let staying = self
            .feeders
            .iter()
            .filter(|(_, feeder)| !feeder.is_leaving());
        let (id, feeder) = staying.min_by_key(|(_, feeder)| feeder.useful)?;
        (now.since(feeder.useful) >= limits::INGEST_IDLE_WAIT).then_some(*id)
    }

    /// Bytes of a feeder have come: at most [`limits::INGEST_READ_BYTES`], and only where
    /// [`Desk::wants_read`] says so.
    pub fn received(&mut self, id: FeederId, bytes: &[u8], now: Instant) {
        if let Some(feeder) = self.feeders.get_mut(&id)
            && feeder.phase == Phase::Reading
        {
            feeder.intake.push(bytes);
            self.advance(id, now);
        }
    }

    /// A feeder sends nothing more; where it is not `gone`, it still listens.
    pub fn ended(&mut self, id: FeederId, gone: bool, now: Instant) {
        let Some(feeder) = self.feeders.get_mut(&id) else {
            return;
        };
        if gone || feeder.is_leaving() {
            self.window.forget(id);
            self.feeders.remove(&id);
            self.unpark(now);
            return;
        }
        feeder.phase = Phase::Finished;
        feeder.began = None;
        self.dismiss_finished(now);
    }

    /// Whether bytes of this feeder are wanted now.
    #[must_use]
    pub fn wants_read(&self, id: FeederId) -> bool {
        let phase = self.feeders.get(&id).map(|feeder| feeder.phase);
        matches!(phase, Some(Phase::Reading | Phase::Leaving(_)))
    }

    /// What is to be written to a feeder now.
    pub fn output(&mut self, id: FeederId) -> &[u8] {
        self.feeders.get_mut(&id).map_or(&[], Feeder::output)
    }

    /// So many bytes of [`Desk::output`] were written.
    pub fn wrote(&mut self, id: FeederId, count: usize) {
        if let Some(feeder) = self.feeders.get_mut(&id) {
            feeder.wrote(count);
        }
    }

    /// Whether the feeder's connection is to be closed.
    #[must_use]
    pub fn is_done(&self, id: FeederId) -> bool {
        !self.feeders.contains_key(&id)
    }

    /// Whether a feeder is to be told nothing more: its connection's writing half can be shut down.
    #[must_use]
    pub fn is_told_all(&self, id: FeederId) -> bool {
        let feeder = self.feeders.get(&id);
        feeder.is_some_and(|feeder| feeder.is_leaving() && feeder.is_silent())
    }

    /// When [`Desk::tick`] must be called though nothing happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.feeders.values().filter_map(Feeder::deadline).min()
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) {
        let due = self.feeders.iter().filter_map(|(id, feeder)| {
            let due = feeder.deadline().is_some_and(|deadline| deadline <= now);
            due.then_some((*id, feeder.phase))
        });
        for (id, phase) in due.collect::<Vec<_>>() {
            match phase {
                Phase::Leaving(_) => {
                    self.feeders.remove(&id);
                }
                Phase::Reading => self.cut_off(id, &IngestRefusal::Slow, now),
                Phase::Parked(_) if self.is_starving(now) => {
                    let needed = BlockNumber(self.next);
                    self.cut_off(id, &IngestRefusal::OutOfOrder { needed }, now);
                }
                Phase::Parked(_) => {
                    if let Some(feeder) = self.feeders.get_mut(&id) {
                        feeder.phase = Phase::Parked(now);
                    }
                }
                Phase::Finished => {}
            }
        }
    }

    /// Whether nobody has brought the next block for a while.
    fn is_starving(&self, now: Instant) -> bool {
        self.height == self.next
            && self.window.slot(self.next).is_empty()
            && now.since(self.grew) >= limits::INGEST_ORDER_WAIT
    }

    /// The server ends: every feeder is told so.
    pub fn close(&mut self, now: Instant) {
        for id in self.feeders.keys().copied().collect::<Vec<_>>() {
            if self
                .feeders
                .get(&id)
                .is_some_and(|feeder| !feeder.is_leaving())
            {
                self.cut_off(id, &IngestRefusal::Stopping, now);
            }
        }
    }

    /// Whether no feeder is left.
    #[must_use]
    pub fn is_deserted(&self) -> bool {
        self.feeders.is_empty()
    }
}

fn other_block(start: &BlockStart, expected: Digest) -> IngestRefusal {
    IngestRefusal::Fork {
        number: start.number,
        what: "its header hash",
        expected,
        found: hex(start.header_hash.as_ref()),
    }
}
