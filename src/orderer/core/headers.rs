//! BFT channels: headers from the sources that do not send blocks, and what they prove.
//!
//! Of each stream one header is held: the next is taken once its block has come. So a header is always
//! of the next block, or of an earlier one, and is judged by the configuration for that block. Its
//! signatures are checked only if the block lets itself be waited for.

use super::source::{Claim, Standing};
use super::{Action, Content, Core, StreamId, Trouble};
use crate::limits;
use crate::sys::clock::Instant;
use crate::types::BlockNumber;

impl Core {
    /// A header came, not checked yet.
    pub fn claimed(&mut self, now: Instant, stream: StreamId, number: BlockNumber) {
        let next = self.next;
        let Some(source) = self.find_mut(stream) else {
            return;
        };
        source.headers_failures = 0;
        let Some(open) = &mut source.stream else {
            return;
        };
        let due = open.due;
        if number != due {
            let trouble = Trouble::Unasked {
                what: format!("the header of block {number}"),
                expected: format!("that of block {due}"),
            };
            self.misbehaved(now, stream, trouble);
            return;
        }
        open.due = due.next();
        if number < next {
            self.actions.push_back(Action::Continue { stream });
            return;
        }
        open.claim = Some(Claim {
            number,
            since: now,
            standing: Standing::Unproved,
        });
        self.tick(now);
    }

    /// The header that the stream claimed with is signed as the channel demands.
    pub fn proved(&mut self, now: Instant, stream: StreamId) {
        let open = self
            .find_mut(stream)
            .and_then(|source| source.stream.as_mut());
        if let Some(claim) = open.and_then(|stream| stream.claim.as_mut()) {
            claim.standing = Standing::Proved;
        }
        self.tick(now);
    }

    /// A claim's age at which it is looked at.
    fn prove_after(&self) -> std::time::Duration {
        self.options.withheld_wait / 2
    }

    pub(super) fn headers_wake_at(&self) -> Option<Instant> {
        let claims = self.streams().filter_map(|stream| {
            let claim = stream.claim?;
            let wait = match claim.standing {
                Standing::Unproved => self.prove_after(),
                Standing::Proved => self.options.withheld_wait,
                Standing::Asked => return None,
            };
            let due = claim.since.plus(wait);
            // Nobody can be convicted while nobody serves.
            let serves = self.serving().and_then(|source| source.stream.as_ref());
            serves.map(|serves| due.max(serves.opened.plus(wait)))
        });
        let retries = self.sources.iter().filter(|source| source.stream.is_none());
        let retries = retries.map(|source| source.headers_retry_at);
        let wants_more =
            self.wants_headers() && self.header_streams() < limits::ORDERER_HEADER_STREAMS_MAX;
        let retries = wants_more.then(|| retries.min()).flatten();
        claims.chain(retries).min()
    }

    fn wants_headers(&self) -> bool {
        self.bft && self.serving().is_some()
    }

    fn header_streams(&self) -> usize {
        let headers = |stream: &&super::source::Stream| stream.content == Content::Headers;
        self.streams().filter(headers).count()
    }

    /// Claims of which the block has come.
    pub(super) fn headers_overtaken(&mut self) {
        let next = self.next;
        for source in &mut self.sources {
            let Some(stream) = &mut source.stream else {
                continue;
            };
            if stream.claim.is_some_and(|claim| claim.number < next) {
                stream.claim = None;
                self.actions
                    .push_back(Action::Continue { stream: stream.id });
            }
        }
    }

    /// Headers are asked for anew, from the next needed block on.
    pub(super) fn headers_restart(&mut self) {
        for source in &mut self.sources {
            if source.carries(Content::Headers)
                && let Some(stream) = source.stream.take()
            {
                self.actions.push_back(Action::Close { stream: stream.id });
            }
        }
    }

    /// Convicts the source of blocks if one of them was proved to exist long enough ago, and it has had
    /// as long to send it.
    pub(super) fn convict(&mut self, now: Instant) {
        let wait = self.options.withheld_wait;
        let Some(serving) = self.serving().and_then(|source| source.stream.as_ref()) else {
            return;
        };
        let (serving, opened) = (serving.id, serving.opened);
        let witness = self.sources.iter().find_map(|source| {
            let claim = source.stream.as_ref()?.claim?;
            let due = claim.since.max(opened).plus(wait);
            let convicts = claim.standing == Standing::Proved && now >= due;
            convicts.then(|| (claim.number, source.endpoint.address.clone()))
        });
        if let Some((number, by)) = witness {
            let trouble = Trouble::Withheld { number, by, wait };
            self.end(now, serving, trouble, true);
        }
    }

    /// Opens and closes streams of headers, and asks for proofs.
    pub(super) fn tend_headers(&mut self, now: Instant) {
        if !self.bft {
            self.headers_restart();
            return;
        }
        let prove_after = self.prove_after();
        let serves = self.serving().and_then(|source| source.stream.as_ref());
        if let Some(opened) = serves.map(|serves| serves.opened) {
            for source in &mut self.sources {
                let Some(stream) = &mut source.stream else {
                    continue;
                };
                let Some(claim) = &mut stream.claim else {
                    continue;
                };
                let due = claim.since.max(opened).plus(prove_after);
                if claim.standing == Standing::Unproved && now >= due {
                    claim.standing = Standing::Asked;
                    self.actions.push_back(Action::Prove { stream: stream.id });
                }
            }
        }
        if !self.wants_headers() {
            return;
        }
        let mut room = limits::ORDERER_HEADER_STREAMS_MAX.saturating_sub(self.header_streams());
        for place in 0..self.sources.len() {
            let due = self
                .sources
                .get(place)
                .is_some_and(|source| source.stream.is_none() && now >= source.headers_retry_at);
            if due && room > 0 {
                room -= 1;
                self.open(now, place, Content::Headers);
            }
        }
    }
}
