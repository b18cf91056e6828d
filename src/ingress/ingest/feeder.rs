//! One feeder, as the desk sees it.

use super::intake::Intake;
use super::protocol::ServerFrame;
use super::refusal::IngestRefusal;
use crate::limits;
use crate::sys::clock::Instant;

/// What a feeder has sent and is still to hear.
#[derive(Debug)]
pub(super) struct Feeder {
    pub(super) intake: Intake,
    /// What is to be written. Bounded: the greeting, one height, one refusal.
    outbox: Vec<u8>,
    /// A height that is not in the outbox yet: later ones take the place of earlier ones.
    height_due: Option<u64>,
    pub(super) phase: Phase,
    /// When the block was begun that is not complete.
    pub(super) began: Option<Instant>,
    /// When a block of this feeder was last of use.
    pub(super) useful: Instant,
    /// The highest number that came.
    pub(super) number_max: Option<u64>,
    /// Whether a lower number came after a higher one.
    pub(super) disordered: bool,
}

/// ```text
///            no room              room
///   Reading --------> Parked ------------> Reading
///      | no more blocks                       | refused
///      v                  last one durable    v
///   Finished ----------------------------> Leaving
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its bytes are read.
    Reading,
    /// They are not, since then: there is no room for the block that it has begun.
    Parked(Instant),
    /// It has shut down its sending half, and waits for its blocks to become durable.
    Finished,
    /// It has been told why it must go; what it still sends is thrown away, at most until then.
    Leaving(Instant),
}

impl Feeder {
    /// One that has just come, and first hears `greeting`.
    pub(super) fn new(greeting: Vec<u8>, now: Instant) -> Self {
        Self {
            intake: Intake::default(),
            outbox: greeting,
            height_due: None,
            phase: Phase::Reading,
            began: None,
            useful: now,
            number_max: None,
            disordered: false,
        }
    }

    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Leaving(_))
    }

    /// The feeder will hear of this height.
    pub(super) fn tell_height(&mut self, height: u64) {
        if !self.is_leaving() {
            self.height_due = self.height_due.max(Some(height));
        }
    }

    /// The feeder will hear why it must go.
    pub(super) fn dismiss(&mut self, refusal: &IngestRefusal, now: Instant) {
        self.flush_height();
        self.outbox.extend(ServerFrame::refusal(refusal).to_bytes());
        self.leave(now);
    }

    /// Nothing more is read from the feeder.
    pub(super) fn leave(&mut self, now: Instant) {
        self.flush_height();
        self.phase = Phase::Leaving(now.plus(limits::INGEST_LINGER));
        self.intake = Intake::default();
        self.began = None;
    }

    /// What is to be written now.
    pub(super) fn output(&mut self) -> &[u8] {
        if self.outbox.is_empty() {
            self.flush_height();
        }
        &self.outbox
    }

    /// Whether there is nothing to write.
    pub(super) fn is_silent(&self) -> bool {
        self.outbox.is_empty() && self.height_due.is_none()
    }

    /// So much of it was written.
    pub(super) fn wrote(&mut self, count: usize) {
        self.outbox.drain(..count.min(self.outbox.len()));
    }

    fn flush_height(&mut self) {
        if let Some(height) = self.height_due.take() {
            self.outbox.extend(ServerFrame::Durable(height).to_bytes());
        }
    }

    /// When something must happen though nothing comes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Leaving(until) => Some(until),
            Phase::Parked(since) if self.disordered => Some(since.plus(limits::INGEST_ORDER_WAIT)),
            Phase::Reading => self
                .began
                .map(|began| began.plus(limits::INGEST_BLOCK_WAIT)),
            Phase::Parked(_) | Phase::Finished => None,
        }
    }

    /// A block of this number has begun.
    pub(super) fn note_number(&mut self, number: u64) {
        self.disordered |= self.number_max.is_some_and(|max| number < max);
        self.number_max = self.number_max.max(Some(number));
    }
}
