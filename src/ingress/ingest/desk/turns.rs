//! Whose turn it is: the calls of the pipeline's source, and of who hears of commits.

use super::{Desk, Pick, other_block};
use crate::ingress::ingest::refusal::IngestRefusal;
use crate::ingress::ingest::window::Candidate;
use crate::sys::clock::Instant;
use crate::types::BlockNumber;
use crate::{ledger, limits};

impl Desk {
    /// The block whose turn it is, if it is there and the pipeline may have it.
    pub(in crate::ingress::ingest) fn next(&self) -> Option<Pick> {
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
    pub(in crate::ingress::ingest) fn take_fault(&mut self) -> Option<ledger::Error> {
        self.fault.take()
    }

    /// The pipeline gets this block. `false` where its feeders have gone meanwhile, and the block
    /// with them: the pipeline must not get it.
    pub(in crate::ingress::ingest) fn admit(&mut self, pick: &Pick, now: Instant) -> bool {
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
    pub(in crate::ingress::ingest) fn refuse(
        &mut self,
        pick: &Pick,
        refusal: &IngestRefusal,
        now: Instant,
    ) {
        self.blame(pick.start.number.0, pick.id, refusal, now);
    }

    /// This block does not follow one that is not committed yet: one of the two is wrong.
    pub(in crate::ingress::ingest) fn doubt(&mut self, pick: &Pick) {
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
    pub(in crate::ingress::ingest) fn committed(&mut self, height: u64, now: Instant) {
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
    fn settle(&mut self, slot: Vec<Candidate>, now: Instant) {
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
    pub(in crate::ingress::ingest) fn rejected(
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
