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

use std::collections::BTreeMap;

use bytes::Bytes;

use super::feeder::{Feeder, Phase};
use super::intake::{BlockStart, Step};
use super::protocol::Greeting;
use super::refusal::{IngestRefusal, RefusalKind, hex};
use super::window::Window;
use crate::ingress::KnownBlocks;
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

/// What becomes of a feeder's bytes.
impl Desk {
    /// Takes a feeder's blocks as far as its bytes and the room for them reach.
    fn advance(&mut self, id: FeederId, now: Instant) {
        let mut end = Ok(());
        while end.is_ok() {
            let Some(feeder) = self.feeders.get_mut(&id) else {
                return;
            };
            end = match feeder.intake.step() {
                Ok(Step::NeedMore) => {
                    feeder.began = feeder
                        .intake
                        .is_inside()
                        .then(|| feeder.began.unwrap_or(now));
                    return;
                }
                Ok(Step::Undecided(start)) => match self.decide(id, &start, now) {
                    Ok(true) => Ok(()),
                    Ok(false) => return,
                    Err(refusal) => Err(refusal),
                },
                Ok(Step::Block(start, bytes)) => {
                    feeder.began = None;
                    self.take(id, start, bytes, now)
                }
                Ok(Step::Skipped(_)) => {
                    feeder.began = None;
                    feeder.useful = now;
                    feeder.tell_height(self.height);
                    self.tally.received += 1;
                    self.tally.doubles += 1;
                    Ok(())
                }
                Err(refusal) => Err(refusal),
            };
        }
        if let Err(refusal) = end {
            self.cut_off(id, &refusal, now);
        }
    }

    /// Decides on a block that has begun; whether to go on.
    fn decide(
        &mut self,
        id: FeederId,
        start: &BlockStart,
        now: Instant,
    ) -> Result<bool, IngestRefusal> {
        let number = start.number.0;
        let known = number < self.height;
        if known {
            self.check_known(start)?;
        }
        let skipped = known || self.window.has(id, number);
        let room = skipped || self.has_room(id, start);
        let Some(feeder) = self.feeders.get_mut(&id) else {
            return Ok(false);
        };
        feeder.note_number(number);
        if !room {
            if !matches!(feeder.phase, Phase::Parked(_)) {
                feeder.phase = Phase::Parked(now);
            }
            feeder.began = None;
            return Ok(false);
        }
        if skipped {
            feeder.intake.skip();
        } else {
            feeder.intake.keep();
        }
        if feeder.phase != Phase::Finished {
            feeder.phase = Phase::Reading;
        }
        Ok(true)
    }

    fn has_room(&self, id: FeederId, start: &BlockStart) -> bool {
        let number = start.number.0;
        let is_next = number == self.next;
        if start.length > limits::INGEST_FEEDER_BYTES_MAX {
            let coming = self
                .feeders
                .values()
                .filter(|feeder| feeder.intake.is_large());
            return is_next
                && self.window.large() + coming.count() < limits::INGEST_LARGE_BLOCKS_MAX;
        }
        let near = number < self.height.saturating_add(limits::INGEST_WINDOW_BLOCKS);
        let charged = || self.window.charged(id) + start.length;
        is_next || (near && charged() <= limits::INGEST_FEEDER_BYTES_MAX)
    }

    /// A block that is committed already must be the very same.
    fn check_known(&mut self, start: &BlockStart) -> Result<(), IngestRefusal> {
        match self.known.header_hash(start.number) {
            Ok(Some(expected)) if expected != start.header_hash => {
                Err(other_block(start, expected))
            }
            Ok(_) => Ok(()),
            Err(fault) => {
                self.fault.get_or_insert(fault);
                Ok(())
            }
        }
    }

    /// Takes a whole block.
    fn take(
        &mut self,
        id: FeederId,
        start: BlockStart,
        bytes: Bytes,
        now: Instant,
    ) -> Result<(), IngestRefusal> {
        self.tally.received += 1;
        // Others may have been faster while its bytes came.
        let known = start.number.0 < self.height;
        if known {
            self.check_known(&start)?;
            if let Some(feeder) = self.feeders.get_mut(&id) {
                feeder.useful = now;
                feeder.tell_height(self.height);
            }
        }
        if known || self.window.add(id, start, bytes) {
            self.tally.doubles += 1;
        }
        Ok(())
    }

    /// There may be room for feeders that are parked.
    fn unpark(&mut self, now: Instant) {
        let parked = |(id, feeder): (&FeederId, &Feeder)| {
            matches!(feeder.phase, Phase::Parked(_)).then_some(*id)
        };
        for id in self.feeders.iter().filter_map(parked).collect::<Vec<_>>() {
            self.advance(id, now);
        }
    }

    /// Tells a feeder why, and forgets what it sent.
    fn cut_off(&mut self, id: FeederId, refusal: &IngestRefusal, now: Instant) {
        let Some(feeder) = self
            .feeders
            .get_mut(&id)
            .filter(|feeder| !feeder.is_leaving())
        else {
            return;
        };
        feeder.dismiss(refusal, now);
        *self.tally.refusals.entry(refusal.kind()).or_default() += 1;
        self.window.forget(id);
        self.unpark(now);
    }

    /// Feeders that send nothing more leave once their blocks are durable.
    fn dismiss_finished(&mut self, now: Instant) {
        for (id, feeder) in &mut self.feeders {
            if feeder.phase == Phase::Finished && !self.window.has_any(*id) {
                feeder.tell_height(self.height);
                feeder.leave(now);
            }
        }
    }
}

/// The calls of the pipeline's source, and of who hears of commits.
impl Desk {
    /// The block whose turn it is, if it is there and the pipeline may have it.
    pub(super) fn next(&self) -> Option<Pick> {
        let slot = self.window.slot(self.next);
        let candidate = slot.iter().find(|candidate| !candidate.unclear)?;
        let in_flight = self.window.in_flight();
        let fits = in_flight + candidate.bytes.len() <= limits::INGEST_IN_FLIGHT_BYTES_MAX;
        (fits || in_flight == 0).then(|| Pick {
            id: candidate.id,
            start: candidate.start.clone(),
            bytes: candidate.bytes.clone(),
            tip: self.tip,
            tip_durable: self.next == self.height,
        })
    }

    /// The ledger's fault, once.
    pub(super) fn take_fault(&mut self) -> Option<ledger::Error> {
        self.fault.take()
    }

    /// The pipeline gets this block. `false` where its feeders have gone meanwhile, and the block
    /// with them: the pipeline must not get it.
    pub(super) fn admit(&mut self, pick: &Pick, now: Instant) -> bool {
        let Some(candidate) = self.window.find(pick.start.number.0, pick.id) else {
            return false;
        };
        candidate.admitted = true;
        self.next = pick.start.number.next().0;
        self.tip = Some(pick.start.header_hash);
        self.unpark(now);
        true
    }

    /// This block is not the channel's next: who sent it must go.
    pub(super) fn refuse(&mut self, pick: &Pick, refusal: &IngestRefusal, now: Instant) {
        self.blame(pick.start.number.0, pick.id, refusal, now);
    }

    /// This block does not follow one that is not committed yet: one of the two is wrong.
    pub(super) fn doubt(&mut self, pick: &Pick) {
        if let Some(candidate) = self.window.find(pick.start.number.0, pick.id) {
            candidate.unclear = true;
        }
    }

    fn blame(&mut self, number: u64, id: u64, refusal: &IngestRefusal, now: Instant) {
        if let Some(candidate) = self.window.remove(number, id) {
            for feeder in candidate.feeders {
                self.cut_off(feeder, refusal, now);
            }
        }
    }

    /// Every block below `height` is durable.
    pub(super) fn committed(&mut self, height: u64, now: Instant) {
        if height <= self.height {
            return;
        }
        self.height = height;
        self.next = self.next.max(height);
        self.grew = now;
        while let Some(slot) = self.window.pop_below(height) {
            self.settle(slot, now);
        }
        self.window.clear_doubts();
        for feeder in self.feeders.values_mut() {
            feeder.tell_height(height);
        }
        self.unpark(now);
        self.dismiss_finished(now);
    }

    /// One of a number's blocks is committed: who sent another one is on a fork.
    fn settle(&mut self, slot: Vec<super::window::Candidate>, now: Instant) {
        let committed = slot.iter().find(|candidate| candidate.admitted);
        let Some(expected) = committed.map(|candidate| candidate.start.header_hash) else {
            return;
        };
        for candidate in slot {
            for id in candidate.feeders {
                if candidate.start.header_hash != expected {
                    self.cut_off(id, &other_block(&candidate.start, expected), now);
                } else if let Some(feeder) = self.feeders.get_mut(&id) {
                    feeder.useful = now;
                }
            }
        }
    }

    /// The pipeline refused the block at the ledger's height and has ended; it begins anew there.
    /// `false` where no feeder is to blame for that block, so that trying again is of no use.
    ///
    /// # Errors
    /// The ledger cannot be asked for its last block.
    pub(super) fn rejected(
        &mut self,
        problem: String,
        now: Instant,
    ) -> Result<bool, ledger::Error> {
        let number = BlockNumber(self.height);
        let slot = self.window.slot(self.height);
        let Some(id) = slot
            .iter()
            .find(|block| block.admitted)
            .map(|block| block.id)
        else {
            return Ok(false);
        };
        self.tally.restarts += 1;
        self.next = self.height;
        self.tip = self.tip_at(self.height)?;
        self.blame(
            self.height,
            id,
            &IngestRefusal::Rejected { number, problem },
            now,
        );
        self.window.recall();
        self.unpark(now);
        Ok(true)
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
