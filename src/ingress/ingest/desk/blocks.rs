//! What becomes of a feeder's bytes: the desk's decisions on blocks, and on who must go.

use bytes::Bytes;

use super::{Desk, FeederId, other_block};
use crate::ingress::ingest::feeder::{Feeder, Phase};
use crate::ingress::ingest::intake::{BlockStart, Step};
use crate::ingress::ingest::refusal::IngestRefusal;
use crate::limits;
use crate::sys::clock::Instant;

impl Desk {
    /// Takes a feeder's blocks as far as its bytes and the room for them reach.
    pub(super) fn advance(&mut self, id: FeederId, now: Instant) {
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
    pub(super) fn check_known(&mut self, start: &BlockStart) -> Result<(), IngestRefusal> {
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
    pub(super) fn unpark(&mut self, now: Instant) {
        let parked = |(id, feeder): (&FeederId, &Feeder)| {
            matches!(feeder.phase, Phase::Parked(_)).then_some(*id)
        };
        for id in self.feeders.iter().filter_map(parked).collect::<Vec<_>>() {
            self.advance(id, now);
        }
    }

    /// Tells a feeder why, and forgets what it sent.
    pub(super) fn cut_off(&mut self, id: FeederId, refusal: &IngestRefusal, now: Instant) {
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
    pub(super) fn dismiss_finished(&mut self, now: Instant) {
        for (id, feeder) in &mut self.feeders {
            if feeder.phase == Phase::Finished && !self.window.has_any(*id) {
                feeder.tell_height(self.height);
                feeder.leave(now);
            }
        }
    }
}
