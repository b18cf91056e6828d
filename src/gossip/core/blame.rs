//! Who misbehaved how often, and what follows.
//!
//! Each offence has a weight. A peer whose weights add up to [`LIMIT`] is disconnected and stays out for a
//! while, longer each time. What is held against it halves every minute: honest peers have bad luck now
//! and then, and liars do not.
//!
//! Invariant: never more than [`limits::GOSSIP_OFFENDERS_MAX`] peers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::trust::PkiId;
use crate::limits;
use crate::sys::clock::Instant;

/// What is too much.
const LIMIT: u32 = 100;

/// How long it takes until half is forgiven.
const HALF: Duration = Duration::from_secs(60);

/// Bans after which they do not grow any more: an hour and four minutes.
const BAN_DOUBLINGS: u32 = 6;

/// What a peer can do wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offence {
    /// Bytes that are no message.
    Malformed,
    /// A message that is too large for its kind.
    Oversize,
    /// A message that says that it may travel where it may not.
    Tag,
    /// A signature that its author did not make.
    Signature,
    /// Something of a channel or an organization that it is not in.
    Outsider,
    /// A block that is not the channel's.
    Block,
    /// An answer that nobody asked for.
    Unasked,
    /// More messages than anybody needs.
    Flood,
}

impl Offence {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Malformed,
        Self::Oversize,
        Self::Tag,
        Self::Signature,
        Self::Outsider,
        Self::Block,
        Self::Unasked,
        Self::Flood,
    ];

    /// What a metric calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Oversize => "oversize",
            Self::Tag => "tag",
            Self::Signature => "signature",
            Self::Outsider => "outsider",
            Self::Block => "block",
            Self::Unasked => "unasked",
            Self::Flood => "flood",
        }
    }

    /// A block is proof enough: nobody passes one on that he has not verified. What may also be a matter
    /// of timing weighs little, and an outsider nothing: a peer whose organization has left a channel may
    /// not know it yet, and is a good one on others. It gets no answer.
    fn weight(self) -> u32 {
        match self {
            Self::Block => LIMIT,
            Self::Malformed | Self::Oversize | Self::Tag => 50,
            Self::Signature => 25,
            Self::Outsider => 0,
            Self::Unasked | Self::Flood => 1,
        }
    }
}

/// What is held against peers.
#[derive(Debug, Default)]
pub(super) struct Blame {
    offenders: BTreeMap<PkiId, Offender>,
    counts: BTreeMap<Offence, u64>,
}

#[derive(Debug, Clone, Copy)]
struct Offender {
    weight: u32,
    since: Instant,
    bans: u32,
    banned_until: Instant,
}

impl Blame {
    /// Notes an offence; whether the peer is banned now.
    pub(super) fn note(&mut self, now: Instant, peer: Option<PkiId>, offence: Offence) -> bool {
        *self.counts.entry(offence).or_default() += 1;
        let Some(peer) = peer else {
            return true;
        };
        self.make_room(now, peer);
        let offender = self.offenders.entry(peer).or_insert(Offender {
            weight: 0,
            since: now,
            bans: 0,
            banned_until: Instant::default(),
        });
        offender.forgive(now);
        offender.weight = offender.weight.saturating_add(offence.weight());
        if offender.weight < LIMIT {
            return false;
        }
        let doublings = offender.bans.min(BAN_DOUBLINGS);
        offender.bans = offender.bans.saturating_add(1);
        offender.weight = 0;
        offender.banned_until = now.plus(limits::GOSSIP_BAN.saturating_mul(1 << doublings));
        true
    }

    pub(super) fn is_banned(&self, now: Instant, peer: PkiId) -> bool {
        let offender = self.offenders.get(&peer);
        offender.is_some_and(|offender| now < offender.banned_until)
    }

    /// How often each offence was committed.
    pub(super) fn count(&self, offence: Offence) -> u64 {
        self.counts.get(&offence).copied().unwrap_or(0)
    }

    pub(super) fn len(&self) -> usize {
        self.offenders.len()
    }

    /// The least offender makes room, those who are banned last.
    fn make_room(&mut self, now: Instant, peer: PkiId) {
        let is_full = self.offenders.len() >= limits::GOSSIP_OFFENDERS_MAX;
        if !is_full || self.offenders.contains_key(&peer) {
            return;
        }
        let rank = |offender: &Offender| (now < offender.banned_until, offender.weight);
        let least = self
            .offenders
            .iter()
            .min_by_key(|(_, offender)| rank(offender));
        if let Some(least) = least.map(|(peer, _)| *peer) {
            self.offenders.remove(&least);
        }
    }
}

impl Offender {
    fn forgive(&mut self, now: Instant) {
        while self.weight > 0 && now.since(self.since) >= HALF {
            self.weight /= 2;
            self.since = self.since.plus(HALF);
        }
        if self.weight == 0 {
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_bad_block_is_enough_and_bans_grow() {
        let (mut blame, peer) = (Blame::default(), PkiId([1; 32]));
        assert!(blame.note(at(1), Some(peer), Offence::Block));
        assert!(blame.is_banned(at(60), peer));
        assert!(!blame.is_banned(at(61), peer));
        assert!(blame.note(at(70), Some(peer), Offence::Block));
        assert!(blame.is_banned(at(189), peer), "twice as long");
        assert!(!blame.is_banned(at(190), peer));
        assert_eq!(blame.count(Offence::Block), 2);
    }

    #[test]
    fn small_offences_add_up_and_are_forgiven() {
        let (mut blame, peer) = (Blame::default(), Some(PkiId([1; 32])));
        for _ in 0..3 {
            assert!(!blame.note(at(0), peer, Offence::Signature));
        }
        assert!(!blame.note(at(60), peer, Offence::Signature), "37 + 25");
        assert!(!blame.note(at(61), peer, Offence::Signature));
        assert!(blame.note(at(62), peer, Offence::Signature));
    }

    #[test]
    fn the_table_is_bounded_and_keeps_the_worst() {
        let mut blame = Blame::default();
        let peer = |number: usize| {
            let mut name = [0; 32];
            name[..8].copy_from_slice(&(number as u64).to_be_bytes());
            PkiId(name)
        };
        blame.note(at(0), Some(peer(0)), Offence::Block);
        for number in 1..2 * limits::GOSSIP_OFFENDERS_MAX {
            blame.note(at(0), Some(peer(number)), Offence::Unasked);
        }
        assert_eq!(blame.len(), limits::GOSSIP_OFFENDERS_MAX);
        assert!(blame.is_banned(at(1), peer(0)));
    }
}
