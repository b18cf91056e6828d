//! Which orderer a channel's blocks come from, from which block on, and when it is another's turn.
//!
//! A state machine without sockets, threads, a clock or randomness of its own. Whoever drives it tells
//! it what happened, does the [`Action`]s that it asks for, and calls [`Core::tick`] at
//! [`Core::wake_at`].
//!
//! - One stream of blocks at a time. It begins at the next needed block, whichever source it comes from.
//! - A stream that fails is tried again after a wait that grows with each failure in a row, from a source
//!   that has failed least since the last good block; among these in shuffled order.
//! - A source that misbehaves (a forged, forked, repeated or oversized block, garbage, a block withheld) is
//!   put behind the others for a while, longer each time. It is asked again once they have failed, too:
//!   a channel with one orderer left goes on as soon as that one does.
//! - In a BFT channel every other source is asked for headers with signatures. A header that has proved
//!   that a block exists which the source of blocks does not send convicts that source of withholding it.
//!
//! Invariants:
//! - blocks are accepted in the order of their numbers, each once;
//! - at most one stream of blocks, at most one stream with each source;
//! - nothing is asked of a stream that was closed, and what still comes of it changes nothing.
//!
//! Fabric: `internal/pkg/peer/blocksprovider` (`deliverer.go`, `bft_deliverer.go`,
//! `bft_censorship_monitor.go`). Different: a changed list of endpoints leaves streams with those that
//! are still in it alone, and misbehaviour is remembered.

mod headers;
mod shuffle;
mod source;
mod state;
mod trouble;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub use state::{CoreState, SourceState};
pub use trouble::Trouble;

use crate::limits;
use crate::sys::clock::Instant;
use crate::types::BlockNumber;
use shuffle::Shuffle;
use source::Source;

/// Where an orderer listens, and which certificates prove that it is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// `host:port`.
    pub address: String,
    /// Certificates of TLS authorities, PEM.
    pub tls_roots: Vec<Vec<u8>>,
    /// Where these come from, for people: an organization or a file.
    pub vouched_by: String,
}

/// One stream with one orderer. Numbers are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Whole blocks.
    Blocks,
    /// Headers with the orderers' signatures.
    Headers,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Connect and ask for blocks or headers.
    Open {
        /// The stream's name from now on.
        stream: StreamId,
        /// With whom.
        endpoint: Arc<Endpoint>,
        /// The first block.
        from: BlockNumber,
        /// Of what.
        content: Content,
    },
    /// Drop the connection.
    Close {
        /// Which one.
        stream: StreamId,
    },
    /// Take the next header from this stream: the last one has been overtaken by its block.
    Continue {
        /// Which one.
        stream: StreamId,
    },
    /// Check the signatures of the header that this stream claimed with, and report by [`Core::proved`]
    /// or [`Core::misbehaved`].
    Prove {
        /// Which one.
        stream: StreamId,
    },
}

/// How long things take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoreOptions {
    /// The wait after the first failure, times 1.2.
    pub retry_wait_min: Duration,
    /// The longest wait after a failure, also after a long outage.
    pub retry_wait_max: Duration,
    /// How long connecting may take.
    pub connect_wait: Duration,
    /// How long a block may be missing that a header has proved to exist.
    pub withheld_wait: Duration,
    /// How long a source is put behind the others at its first offence; doubles with each.
    pub penalty: Duration,
}

/// The state of one channel.
#[derive(Debug)]
pub struct Core {
    options: CoreOptions,
    shuffle: Shuffle,
    sources: Vec<Source>,
    bft: bool,
    next: BlockNumber,
    /// Failures of streams of blocks since the last accepted block.
    failures: u32,
    /// No stream of blocks is opened before.
    retry_at: Instant,
    last_stream: u64,
    last_block: Option<Instant>,
    actions: VecDeque<Action>,
}

impl Core {
    /// A channel whose next block is `next`; no source is known yet.
    #[must_use]
    pub fn new(next: BlockNumber, options: CoreOptions, seed: u64) -> Self {
        Self {
            options,
            shuffle: Shuffle::new(seed),
            sources: Vec::new(),
            bft: false,
            next,
            failures: 0,
            retry_at: Instant::default(),
            last_stream: 0,
            last_block: None,
            actions: VecDeque::new(),
        }
    }

    // Output.

    /// What is to be done next.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Core::tick`] is due.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let connecting = self.sources.iter().filter_map(|source| {
            let stream = source.stream.as_ref()?;
            (!stream.connected).then(|| stream.opened.plus(self.options.connect_wait))
        });
        let retry = (!self.sources.is_empty() && self.serving().is_none()).then_some(self.retry_at);
        let settling = self.settles_at();
        let others = retry.into_iter().chain(settling);
        connecting.chain(others).chain(self.headers_wake_at()).min()
    }

    /// The next needed block.
    #[must_use]
    pub fn next(&self) -> BlockNumber {
        self.next
    }

    /// Whether streams of blocks have failed since the last block.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// Whether this is what went wrong with the stream's source the last time, with no good block since.
    #[must_use]
    pub fn is_known(&self, stream: StreamId, trouble: &Trouble) -> bool {
        self.find(stream).is_some_and(|source| {
            let last = source.trouble.as_ref().map(|(_, last)| last);
            source.is_failing() && last == Some(trouble)
        })
    }

    /// Whether nothing has gone wrong with the stream's source since the last good block.
    #[must_use]
    pub fn is_sound(&self, stream: StreamId) -> bool {
        self.find(stream).is_some_and(|source| !source.is_failing())
    }

    /// What a stream carries, `None` where it is not open any more.
    #[must_use]
    pub fn content(&self, stream: StreamId) -> Option<Content> {
        self.find(stream)
            .and_then(|source| source.stream.as_ref())
            .map(|stream| stream.content)
    }

    // Input.

    /// The channel's orderers are these, and it is a BFT channel or not.
    pub fn set_endpoints(&mut self, now: Instant, endpoints: &[Endpoint], bft: bool) {
        self.bft = bft;
        let mut known = std::mem::take(&mut self.sources);
        for endpoint in endpoints {
            if self
                .sources
                .iter()
                .any(|source| *source.endpoint == *endpoint)
            {
                continue;
            }
            let found = known
                .iter()
                .position(|source| *source.endpoint == *endpoint);
            let source = match found {
                Some(at) => known.swap_remove(at),
                None => Source::new(endpoint.clone()),
            };
            self.sources.push(source);
        }
        for gone in known {
            if let Some(stream) = gone.stream {
                // Its source did nothing wrong: the next one is asked at once.
                self.actions.push_back(Action::Close { stream: stream.id });
            }
        }
        self.shuffle.apply(&mut self.sources);
        self.tick(now);
    }

    /// The connection stands.
    pub fn connected(&mut self, now: Instant, stream: StreamId) {
        if let Some(open) = self
            .find_mut(stream)
            .and_then(|source| source.stream.as_mut())
        {
            open.connected = true;
            open.opened_wide = now;
        }
        self.tick(now);
    }

    /// The stream brought the next block, which is verified.
    pub fn accepted(&mut self, now: Instant, stream: StreamId) {
        let is_open = self.content(stream) == Some(Content::Blocks);
        debug_assert!(is_open, "a block of a stream that is not open");
        if !is_open {
            return;
        }
        self.next = self.next.next();
        self.last_block = Some(now);
        self.failures = 0;
        for source in &mut self.sources {
            source.failed = 0;
        }
        self.headers_overtaken();
        self.tick(now);
    }

    /// The stream has ended, or could not be opened: nobody's fault.
    pub fn failed(&mut self, now: Instant, stream: StreamId, trouble: Trouble) {
        self.end(now, stream, trouble, false);
        self.tick(now);
    }

    /// The stream's source sent what no honest one sends. The stream is closed.
    pub fn misbehaved(&mut self, now: Instant, stream: StreamId, trouble: Trouble) {
        self.end(now, stream, trouble, true);
        self.tick(now);
    }

    /// A block that was accepted is refused later, and all behind it: `next` is needed again. The source
    /// of that block, where it is known, is to blame.
    pub fn rewind(&mut self, now: Instant, next: BlockNumber, blame: Option<(&str, Trouble)>) {
        self.next = next;
        let serving = self.serving_mut().and_then(|source| source.stream.take());
        if let Some(stream) = serving {
            self.actions.push_back(Action::Close { stream: stream.id });
        }
        self.headers_restart();
        if let Some((address, trouble)) = blame {
            let (penalty, options) = (self.options.penalty, self.options);
            for source in &mut self.sources {
                if source.endpoint.address == address {
                    source.blame(now, trouble.clone(), penalty);
                    source.failed = source.failed.saturating_add(1);
                }
            }
            self.failures = self.failures.saturating_add(1);
            self.retry_at = now.plus(options.retry_wait(self.failures));
        }
        self.tick(now);
    }

    /// Does what time alone brings about.
    pub fn tick(&mut self, now: Instant) {
        self.give_up_connecting(now);
        self.settle(now);
        self.convict(now);
        if self.serving().is_none() && now >= self.retry_at {
            self.open_blocks(now);
        }
        self.tend_headers(now);
    }

    fn give_up_connecting(&mut self, now: Instant) {
        let wait = self.options.connect_wait;
        let late: Vec<StreamId> = self
            .streams()
            .filter(|stream| !stream.connected && now >= stream.opened.plus(wait))
            .map(|stream| stream.id)
            .collect();
        for stream in late {
            self.end(now, stream, Trouble::ConnectTimeout { wait }, false);
        }
    }

    /// Ends a stream and sets when its kind is tried again.
    fn end(&mut self, now: Instant, stream: StreamId, trouble: Trouble, offence: bool) {
        let options = self.options;
        let Some(source) = self.find_mut(stream) else {
            return;
        };
        let Some(ended) = source.stream.take() else {
            return;
        };
        if offence {
            source.blame(now, trouble, options.penalty);
        } else {
            source.note(now, trouble);
        }
        match ended.content {
            Content::Blocks => {
                source.failed = source.failed.saturating_add(1);
                self.failures = self.failures.saturating_add(1);
                self.retry_at = now.plus(options.retry_wait(self.failures));
            }
            Content::Headers => source.headers_failed(now, &options, offence),
        }
        self.actions.push_back(Action::Close { stream });
    }

    /// When the stream of blocks will have stood long enough to be believed in.
    fn settles_at(&self) -> Option<Instant> {
        let stream = self.serving()?.stream.as_ref()?;
        let waits = stream.connected && !stream.settled;
        waits.then(|| stream.opened_wide.plus(limits::ORDERER_SETTLE_WAIT))
    }

    fn settle(&mut self, now: Instant) {
        if self.settles_at().is_some_and(|at| now >= at)
            && let Some(stream) = self.serving_mut().and_then(|source| source.stream.as_mut())
        {
            stream.settled = true;
        }
    }

    fn open_blocks(&mut self, now: Instant) {
        let ranks = self.sources.iter().map(|source| source.rank(now));
        let best = ranks
            .enumerate()
            .min_by_key(|(place, rank)| (*rank, *place));
        let Some((place, _)) = best else {
            return;
        };
        self.open(now, place, Content::Blocks);
    }

    fn open(&mut self, now: Instant, place: usize, content: Content) {
        self.last_stream += 1;
        let id = StreamId(self.last_stream);
        let from = self.next;
        let Some(source) = self.sources.get_mut(place) else {
            return;
        };
        if let Some(before) = source.open(now, id, content, from) {
            self.actions.push_back(Action::Close { stream: before });
        }
        self.actions.push_back(Action::Open {
            stream: id,
            endpoint: Arc::clone(&source.endpoint),
            from,
            content,
        });
    }

    fn streams(&self) -> impl Iterator<Item = &source::Stream> {
        self.sources
            .iter()
            .filter_map(|source| source.stream.as_ref())
    }

    fn find(&self, stream: StreamId) -> Option<&Source> {
        self.sources.iter().find(|source| source.has(stream))
    }

    fn find_mut(&mut self, stream: StreamId) -> Option<&mut Source> {
        self.sources.iter_mut().find(|source| source.has(stream))
    }

    /// The source of blocks.
    fn serving(&self) -> Option<&Source> {
        self.sources
            .iter()
            .find(|source| source.carries(Content::Blocks))
    }

    fn serving_mut(&mut self) -> Option<&mut Source> {
        let mut sources = self.sources.iter_mut();
        sources.find(|source| source.carries(Content::Blocks))
    }
}

impl CoreOptions {
    /// The wait after so many failures in a row.
    ///
    /// Fabric: `blocksprovider/util.go:backOffDuration`, base 1.2.
    fn retry_wait(&self, failures: u32) -> Duration {
        let mut wait = self.retry_wait_min;
        for _ in 0..failures {
            if wait >= self.retry_wait_max {
                break;
            }
            wait = wait.saturating_mul(6) / 5;
        }
        wait.min(self.retry_wait_max)
    }
}
