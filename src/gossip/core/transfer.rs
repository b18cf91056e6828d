//! Ranges of blocks that are missing, asked of several peers side by side.
//!
//! The cheapest peer gets the next range: its rank (own leader, own organization, anchor peers of others,
//! others), more for each request that it has open, more for each failure. One that does not answer, has
//! nothing or lies is left alone for a while, and its range goes to another.
//!
//! Invariants: no number is asked for twice at the same time; requests are bounded, in all and by peer;
//! an answer counts once, from whom it was asked of.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::random::Random;
use super::trust::PkiId;
use crate::limits;
use crate::sys::clock::Instant;

/// Failures after which the wait for a peer does not grow any more.
const FAILURE_DOUBLINGS: u32 = 5;

/// A peer that may have what is missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    pub(super) peer: PkiId,
    /// How many blocks it says that it has.
    pub(super) height: u64,
    /// The lower, the sooner it is asked.
    pub(super) rank: u32,
}

/// A range that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) peer: PkiId,
    pub(super) range: RangeInclusive<u64>,
    deadline: Instant,
}

/// The requests of one channel.
#[derive(Debug, Default)]
pub(super) struct Transfer {
    requests: BTreeMap<u64, Request>,
    failures: BTreeMap<PkiId, (u32, Instant)>,
}

/// What is to be asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) now: Instant,
    /// Blocks of one request.
    pub(super) batch: u64,
    /// Blocks that may be under way at all.
    pub(super) blocks: u64,
    /// How long an answer may take.
    pub(super) wait: Duration,
}

impl Transfer {
    /// Asks for those of `missing` numbers, in their order, that are not asked for yet. Returns the new
    /// requests by their nonces.
    pub(super) fn ask(
        &mut self,
        plan: Plan,
        missing: impl Iterator<Item = u64>,
        sources: &[Source],
        random: &mut Random,
    ) -> Vec<(u64, Request)> {
        let batch = plan.batch.clamp(1, limits::GOSSIP_RANGE_BLOCKS_MAX);
        let room = plan.blocks.saturating_sub(self.blocks_under_way());
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let missing = missing.filter(|number| !self.is_asked(*number));
        let missing: Vec<u64> = missing.take(room).collect();
        let mut made = Vec::new();
        let mut rest = missing.as_slice();
        while let Some(first) = rest.first().copied()
            && self.requests.len() < limits::GOSSIP_REQUESTS_MAX
        {
            let Some(source) = self.cheapest(plan.now, first, sources, random) else {
                break;
            };
            let is_run = |(number, expected): (&u64, u64)| {
                *number == expected && *number < source.height && expected - first < batch
            };
            let run = rest
                .iter()
                .zip(first..)
                .take_while(|pair| is_run((pair.0, pair.1)));
            let count = run.count();
            rest = rest.get(count..).unwrap_or_default();
            let request = Request {
                peer: source.peer,
                range: first..=first.saturating_add(count as u64).saturating_sub(1),
                deadline: plan.now.plus(plan.wait),
            };
            let nonce = random.any();
            self.requests.insert(nonce, request.clone());
            made.push((nonce, request));
        }
        made
    }

    fn cheapest(
        &self,
        now: Instant,
        number: u64,
        sources: &[Source],
        random: &mut Random,
    ) -> Option<Source> {
        let can = sources.iter().filter(|source| {
            let rests = self.failures.get(&source.peer);
            source.height > number
                && self.open_with(source.peer) < limits::GOSSIP_REQUESTS_PER_PEER_MAX
                && rests.is_none_or(|(_, until)| now >= *until)
        });
        let cost = |source: &Source| {
            let failures = self
                .failures
                .get(&source.peer)
                .map_or(0, |(count, _)| *count);
            let open = u32::try_from(self.open_with(source.peer)).unwrap_or(u32::MAX);
            source
                .rank
                .saturating_add(2 * open)
                .saturating_add(failures)
        };
        let priced = can.map(|source| (cost(source), random.any(), *source));
        let cheapest = priced.min_by_key(|(cost, chance, _)| (*cost, *chance));
        cheapest.map(|(_, _, source)| source)
    }

    fn open_with(&self, peer: PkiId) -> usize {
        self.requests
            .values()
            .filter(|open| open.peer == peer)
            .count()
    }

    fn blocks_under_way(&self) -> u64 {
        let lengths = self.requests.values().map(|open| &open.range);
        lengths.map(|range| range.end() - range.start() + 1).sum()
    }

    fn is_asked(&self, number: u64) -> bool {
        let mut open = self.requests.values();
        open.any(|request| request.range.contains(&number))
    }

    /// An answer; what had been asked for, if anything was.
    pub(super) fn answered(&mut self, nonce: u64, peer: PkiId) -> Option<Request> {
        if self.requests.get(&nonce)?.peer != peer {
            return None;
        }
        self.requests.remove(&nonce)
    }

    /// Blocks came that were of use.
    pub(super) fn succeeded(&mut self, peer: PkiId) {
        self.failures.remove(&peer);
    }

    /// The peer did not answer, has nothing, or lies: others come first for a while.
    pub(super) fn failed(&mut self, now: Instant, peer: PkiId, wait: Duration) {
        let (count, until) = self.failures.entry(peer).or_default();
        *until = now.plus(wait.saturating_mul(1 << (*count).min(FAILURE_DOUBLINGS)));
        *count = count.saturating_add(1);
    }

    /// The connection with a peer is gone; its ranges are free again.
    pub(super) fn lost(&mut self, peer: PkiId) {
        self.requests.retain(|_, request| request.peer != peer);
    }

    /// The peer is no source any more.
    pub(super) fn forget(&mut self, peer: PkiId) {
        self.lost(peer);
        self.failures.remove(&peer);
    }

    /// Requests that took too long, which are given up.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<PkiId> {
        let mut late = Vec::new();
        self.requests.retain(|_, request| {
            let is_late = request.deadline <= now;
            if is_late {
                late.push(request.peer);
            }
            !is_late
        });
        late
    }

    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.requests.values().map(|request| request.deadline).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    fn plan(seconds: u64) -> Plan {
        Plan {
            now: at(seconds),
            batch: 10,
            blocks: u64::MAX,
            wait: Duration::from_secs(3),
        }
    }

    fn source(peer: u8, height: u64, rank: u32) -> Source {
        Source {
            peer: PkiId([peer; 32]),
            height,
            rank,
        }
    }

    fn asked(made: &[(u64, Request)]) -> Vec<(u8, RangeInclusive<u64>)> {
        made.iter()
            .map(|(_, request)| (request.peer.0[0], request.range.clone()))
            .collect()
    }

    #[test]
    fn ranges_are_spread_over_peers_by_rank() {
        let (mut transfer, mut random) = (Transfer::default(), Random::new(1));
        let sources = [source(1, 100, 0), source(2, 100, 1), source(3, 25, 1)];
        let made = transfer.ask(plan(0), 5..45, &sources, &mut random);
        let made = asked(&made);
        assert_eq!(made[0], (1, 5..=14), "the leader first");
        assert_eq!(made.len(), 4);
        assert_eq!(made[1].1, 15..=24);
        assert!(
            made.iter()
                .all(|(peer, range)| *peer != 3 || *range.end() < 25)
        );
        let again = transfer.ask(plan(0), 5..45, &sources, &mut random);
        assert_eq!(again, [], "all is asked for");
    }

    #[test]
    fn no_more_is_under_way_than_there_is_room_for() {
        let (mut transfer, mut random) = (Transfer::default(), Random::new(1));
        let sources = [source(1, 100, 0), source(2, 100, 0)];
        let plan = Plan {
            blocks: 15,
            ..plan(0)
        };
        let made = transfer.ask(plan, 5..45, &sources, &mut random);
        let ranges: Vec<_> = asked(&made).into_iter().map(|(_, range)| range).collect();
        assert_eq!(ranges, [5..=14, 15..=19]);
        assert_eq!(transfer.ask(plan, 5..45, &sources, &mut random), []);
        let (nonce, request) = &made[0];
        assert!(transfer.answered(*nonce, request.peer).is_some());
        let made = transfer.ask(plan, 20..45, &sources, &mut random);
        assert_eq!(made[0].1.range, 20..=29);
    }

    #[test]
    fn holes_are_filled_and_nothing_is_asked_twice() {
        let (mut transfer, mut random) = (Transfer::default(), Random::new(1));
        let missing = [5, 6, 8, 9, 12].into_iter();
        let sources = [source(1, 10, 0), source(2, 99, 9)];
        let made = transfer.ask(plan(0), missing, &sources, &mut random);
        assert_eq!(asked(&made), [(1, 5..=6), (1, 8..=9), (2, 12..=12)]);
    }

    #[test]
    fn who_fails_is_left_alone_for_a_while() {
        let (mut transfer, mut random) = (Transfer::default(), Random::new(1));
        let sources = [source(1, 100, 0), source(2, 100, 3)];
        let made = transfer.ask(plan(0), 5..6, &sources, &mut random);
        assert_eq!(asked(&made), [(1, 5..=5)]);
        assert_eq!(transfer.overdue(at(2)), []);
        assert_eq!(transfer.wake_at(), Some(at(3)));
        assert_eq!(transfer.overdue(at(3)), [PkiId([1; 32])]);
        transfer.failed(at(3), PkiId([1; 32]), Duration::from_secs(3));
        let made = transfer.ask(plan(3), 5..6, &sources, &mut random);
        assert_eq!(asked(&made), [(2, 5..=5)], "its range goes to another");
        let nonce = made[0].0;
        assert_eq!(transfer.answered(nonce, PkiId([1; 32])), None);
        assert!(transfer.answered(nonce, PkiId([2; 32])).is_some());
        assert_eq!(transfer.answered(nonce, PkiId([2; 32])), None, "once");
        let made = transfer.ask(plan(6), 5..6, &sources, &mut random);
        assert_eq!(asked(&made), [(1, 5..=5)], "it has another chance");
    }

    #[test]
    fn requests_are_bounded() {
        let (mut transfer, mut random) = (Transfer::default(), Random::new(1));
        let sources: Vec<Source> = (0..9).map(|peer| source(peer, 9999, 0)).collect();
        transfer.ask(plan(0), 0..9999, &sources, &mut random);
        assert_eq!(transfer.len(), limits::GOSSIP_REQUESTS_MAX);
        for peer in 0..9 {
            transfer.lost(PkiId([peer; 32]));
        }
        assert_eq!(transfer.len(), 0);
        transfer.ask(plan(0), 0..9999, &sources[..1], &mut random);
        assert_eq!(transfer.len(), limits::GOSSIP_REQUESTS_PER_PEER_MAX);
    }
}
