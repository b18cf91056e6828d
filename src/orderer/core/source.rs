//! One orderer, as the core sees it.

use std::sync::Arc;
use std::time::Duration;

use super::{Content, CoreOptions, Endpoint, StreamId, Trouble};
use crate::limits;
use crate::sys::clock::Instant;
use crate::types::BlockNumber;

/// A penalised source counts as one that has failed so often: the others have their turns first.
const PENALTY_TURNS: u32 = 3;

/// Offences after which a penalty does not grow any more.
const PENALTY_DOUBLINGS: u32 = 6;

/// An orderer and what is known of it.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) endpoint: Arc<Endpoint>,
    /// Its streams of blocks that failed since the last accepted block of any source.
    pub(super) failed: u32,
    pub(super) offences: u32,
    pub(super) penalised_until: Option<Instant>,
    pub(super) trouble: Option<(Instant, Trouble)>,
    pub(super) stream: Option<Stream>,
    /// Streams of headers that failed in a row.
    pub(super) headers_failures: u32,
    /// No stream of headers is opened before.
    pub(super) headers_retry_at: Instant,
}

/// A stream that is open.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) content: Content,
    pub(super) opened: Instant,
    pub(super) connected: bool,
    /// When the connection stood.
    pub(super) opened_wide: Instant,
    /// Of blocks: it has stood for a while without having been refused. An orderer that has no new block
    /// says nothing at all.
    pub(super) settled: bool,
    /// Of headers: the next one.
    pub(super) due: BlockNumber,
    /// Of headers: the last one, until it is overtaken.
    pub(super) claim: Option<Claim>,
}

/// A header that came before its block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) number: BlockNumber,
    pub(super) since: Instant,
    pub(super) standing: Standing,
}

/// ```text
/// Unproved -- waits for a while --> Asked -- signatures are good --> Proved -- waits on --> conviction
///    |                                |                                |
///    +----------------------- the block comes: gone -------------------+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Unproved,
    Asked,
    Proved,
}

impl Source {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint: Arc::new(endpoint),
            failed: 0,
            offences: 0,
            penalised_until: None,
            trouble: None,
            stream: None,
            headers_failures: 0,
            headers_retry_at: Instant::default(),
        }
    }

    pub(super) fn has(&self, stream: StreamId) -> bool {
        self.stream.as_ref().is_some_and(|open| open.id == stream)
    }

    pub(super) fn carries(&self, content: Content) -> bool {
        self.stream
            .as_ref()
            .is_some_and(|open| open.content == content)
    }

    /// Whether a stream of its has failed, with no good block or header since.
    pub(super) fn is_failing(&self) -> bool {
        self.failed > 0 || self.headers_failures > 0
    }

    pub(super) fn is_penalised(&self, now: Instant) -> bool {
        self.penalised_until.is_some_and(|until| now < until)
    }

    /// The lower, the sooner it is asked.
    pub(super) fn rank(&self, now: Instant) -> u32 {
        let penalty = if self.is_penalised(now) {
            PENALTY_TURNS
        } else {
            0
        };
        self.failed.saturating_add(penalty)
    }

    /// Opens a stream; returns the one that it takes the place of.
    pub(super) fn open(
        &mut self,
        now: Instant,
        id: StreamId,
        content: Content,
        from: BlockNumber,
    ) -> Option<StreamId> {
        let before = self.stream.replace(Stream {
            id,
            content,
            opened: now,
            connected: false,
            opened_wide: now,
            settled: false,
            due: from,
            claim: None,
        });
        before.map(|stream| stream.id)
    }

    pub(super) fn note(&mut self, now: Instant, trouble: Trouble) {
        self.trouble = Some((now, trouble));
    }

    pub(super) fn blame(&mut self, now: Instant, trouble: Trouble, penalty: Duration) {
        let doublings = self.offences.min(PENALTY_DOUBLINGS);
        self.offences = self.offences.saturating_add(1);
        let penalty = penalty.saturating_mul(1 << doublings);
        self.penalised_until = Some(now.plus(penalty));
        self.note(now, trouble);
    }

    pub(super) fn headers_failed(&mut self, now: Instant, options: &CoreOptions, offence: bool) {
        self.headers_failures = self.headers_failures.saturating_add(1);
        let wait = options.retry_wait(self.headers_failures);
        let wait = wait.min(limits::ORDERER_HEADERS_RETRY_WAIT_MAX);
        self.headers_retry_at = match self.penalised_until {
            Some(until) if offence => until,
            _ => now.plus(wait),
        };
    }
}
