//! Blocks of a channel that wait for their turn: verified one after the other, in the order of their
//! numbers.
//!
//! Invariants: what leaves is the next block, one at a time; at most [`limits::GOSSIP_CANDIDATES_MAX`]
//! different blocks of one number, at most one of each giver; no number outside the window; the bytes
//! are bounded, except for the next block.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::trust::PkiId;
use crate::limits;

/// Where a block comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Giver {
    /// The orderer, whose client has checked it.
    Orderer,
    /// A peer that pushed it, or let it be pulled.
    Gossip(PkiId),
    /// A peer that was asked for a range.
    Transfer(PkiId),
}

impl Giver {
    pub(super) fn peer(self) -> Option<PkiId> {
        match self {
            Self::Orderer => None,
            Self::Gossip(peer) | Self::Transfer(peer) => Some(peer),
        }
    }
}

/// A block that may be the channel's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) giver: Giver,
    pub(super) block: Bytes,
}

/// What became of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// It waits.
    Taken,
    /// The channel has this number already, or the very same block waits.
    Known,
    /// There is no room for it, or it is too far ahead.
    Refused,
}

/// The waiting blocks.
#[derive(Debug)]
pub(super) struct Buffer {
    next: u64,
    window: u64,
    waiting: BTreeMap<u64, Vec<Candidate>>,
    bytes: usize,
    /// What a block has, as the last ones were; 0 before the first one.
    usual_bytes: usize,
    /// The giver and the block that are being verified.
    verifying: Option<Candidate>,
}

impl Buffer {
    pub(super) fn new(next: u64, window: u64) -> Self {
        Self {
            next,
            window: window.clamp(1, limits::GOSSIP_WINDOW_BLOCKS_MAX),
            waiting: BTreeMap::new(),
            bytes: 0,
            usual_bytes: 0,
            verifying: None,
        }
    }

    /// An empty one of the same size.
    pub(super) fn anew(&self, next: u64) -> Self {
        Self::new(next, self.window)
    }

    /// About how many blocks have so many bytes together; at least one.
    pub(super) fn blocks_in(&self, bytes: usize) -> u64 {
        let blocks = bytes.checked_div(self.usual_bytes);
        blocks.map_or(u64::MAX, |blocks| (blocks as u64).max(1))
    }

    /// The next number that is needed.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The first number that is too far ahead.
    pub(super) fn end(&self) -> u64 {
        self.next.saturating_add(self.window)
    }

    /// A block comes. `room`: bytes that all channels together may still take.
    pub(super) fn offer(&mut self, number: u64, candidate: Candidate, room: usize) -> Offer {
        if number < self.next {
            return Offer::Known;
        }
        let is_next = number == self.next;
        if is_next
            && let Some(verifying) = &self.verifying
            && verifying.block == candidate.block
        {
            return Offer::Known;
        }
        let bytes = candidate.block.len();
        let has_room =
            bytes <= room && self.bytes.saturating_add(bytes) <= limits::GOSSIP_BUFFER_BYTES_MAX;
        if number >= self.end() || (!is_next && !has_room) {
            return Offer::Refused;
        }
        let same = self.waiting.entry(number).or_default();
        if same.iter().any(|other| other.block == candidate.block) {
            return Offer::Known;
        }
        if candidate.giver == Giver::Orderer {
            // It has been checked: the others need not be looked at.
            self.bytes -= same.iter().map(|other| other.block.len()).sum::<usize>();
            same.clear();
        }
        let gave = |other: &Candidate| other.giver.peer() == candidate.giver.peer();
        if same.len() >= limits::GOSSIP_CANDIDATES_MAX || same.iter().any(gave) {
            return Offer::Refused;
        }
        self.bytes += bytes;
        self.usual_bytes = match self.usual_bytes {
            0 => bytes,
            usual => usual / 8 * 7 + bytes / 8,
        };
        same.push(candidate);
        Offer::Taken
    }

    /// The block that is to be verified now, if one is there and none is being verified.
    pub(super) fn verify(&mut self) -> Option<&Candidate> {
        if self.verifying.is_some() {
            return None;
        }
        let same = self.waiting.get_mut(&self.next)?;
        let candidate = same.remove(0);
        if same.is_empty() {
            self.waiting.remove(&self.next);
        }
        self.bytes -= candidate.block.len();
        Some(self.verifying.insert(candidate))
    }

    /// The block is good: it goes on with the next number. Returns it.
    pub(super) fn verified(&mut self, number: u64) -> Option<Candidate> {
        if number != self.next {
            return None;
        }
        let verified = self.verifying.take()?;
        self.advance(self.next.saturating_add(1));
        Some(verified)
    }

    /// The block is not the channel's. Returns it.
    pub(super) fn rejected(&mut self, number: u64) -> Option<Candidate> {
        (number == self.next)
            .then(|| self.verifying.take())
            .flatten()
    }

    /// The channel has everything below `next`, from wherever it may have come.
    pub(super) fn advance(&mut self, next: u64) {
        if next > self.next {
            self.next = next;
            self.verifying = None;
            let later = self.waiting.split_off(&next);
            let passed = std::mem::replace(&mut self.waiting, later);
            let passed = passed.values().flatten();
            self.bytes -= passed.map(|candidate| candidate.block.len()).sum::<usize>();
        }
    }

    /// Forgets what a peer gave that is not being verified.
    pub(super) fn forget(&mut self, peer: PkiId) {
        let mut bytes = 0;
        self.waiting.retain(|_, same| {
            same.retain(|candidate| candidate.giver.peer() != Some(peer));
            bytes += same.iter().map(|other| other.block.len()).sum::<usize>();
            !same.is_empty()
        });
        self.bytes = bytes;
    }

    /// Whether a block of this number is there, or being verified.
    pub(super) fn has(&self, number: u64) -> bool {
        self.waiting.contains_key(&number) || (number == self.next && self.verifying.is_some())
    }

    /// Whether a block of this number is of use.
    pub(super) fn lacks(&self, number: u64) -> bool {
        (self.next..self.end()).contains(&number) && !self.has(number)
    }

    /// The lowest number that waits in vain, as the next one is missing.
    pub(super) fn waits_in_vain(&self) -> Option<u64> {
        let first = *self.waiting.keys().next()?;
        (first > self.next && self.verifying.is_none()).then_some(first)
    }

    pub(super) fn is_verifying(&self) -> bool {
        self.verifying.is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.values().map(Vec::len).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: usize = usize::MAX;

    fn from(peer: u8, block: &'static str) -> Candidate {
        Candidate {
            giver: Giver::Gossip(PkiId([peer; 32])),
            block: Bytes::from_static(block.as_bytes()),
        }
    }

    #[test]
    fn blocks_leave_in_order_each_once() {
        let mut buffer = Buffer::new(5, 4);
        assert_eq!(buffer.offer(6, from(1, "six"), ALL), Offer::Taken);
        assert_eq!(buffer.offer(4, from(1, "four"), ALL), Offer::Known);
        assert_eq!(buffer.offer(9, from(1, "nine"), ALL), Offer::Refused);
        assert_eq!(buffer.verify(), None);
        assert_eq!(buffer.waits_in_vain(), Some(6));
        assert_eq!(buffer.offer(5, from(2, "five"), ALL), Offer::Taken);
        assert_eq!(buffer.verify(), Some(&from(2, "five")));
        assert_eq!(buffer.verify(), None, "one at a time");
        assert_eq!(buffer.offer(5, from(3, "five"), ALL), Offer::Known);
        assert_eq!(buffer.verified(6), None, "it is not that one's turn");
        assert_eq!(buffer.verified(5), Some(from(2, "five")));
        assert_eq!(buffer.verify(), Some(&from(1, "six")));
        assert_eq!(buffer.bytes(), 0);
    }

    #[test]
    fn a_forged_block_does_not_keep_the_good_one_out() {
        let mut buffer = Buffer::new(5, 4);
        assert_eq!(buffer.offer(5, from(1, "forged"), ALL), Offer::Taken);
        assert_eq!(buffer.offer(5, from(1, "forged too"), ALL), Offer::Refused);
        assert_eq!(buffer.offer(5, from(2, "good"), ALL), Offer::Taken);
        assert_eq!(buffer.offer(5, from(3, "good"), ALL), Offer::Known);
        buffer.verify();
        assert_eq!(buffer.rejected(5), Some(from(1, "forged")));
        assert_eq!(buffer.verify(), Some(&from(2, "good")));
        buffer.verified(5);
        assert_eq!((buffer.next(), buffer.len(), buffer.bytes()), (6, 0, 0));
    }

    #[test]
    fn a_liars_blocks_go_with_it_and_the_orderers_word_is_enough() {
        let mut buffer = Buffer::new(5, 9);
        buffer.offer(6, from(1, "a"), ALL);
        buffer.offer(6, from(2, "b"), ALL);
        buffer.offer(7, from(1, "c"), ALL);
        buffer.forget(PkiId([1; 32]));
        assert_eq!((buffer.len(), buffer.bytes()), (1, 1));
        let orderers = Candidate {
            giver: Giver::Orderer,
            block: Bytes::from_static(b"ordered"),
        };
        assert_eq!(buffer.offer(6, orderers, ALL), Offer::Taken);
        assert_eq!((buffer.len(), buffer.bytes()), (1, 7));
        buffer.advance(8);
        assert_eq!((buffer.next(), buffer.len(), buffer.bytes()), (8, 0, 0));
    }

    #[test]
    fn bytes_are_bounded_but_for_the_next_block() {
        let mut buffer = Buffer::new(5, 9);
        let large = |size: usize| Candidate {
            giver: Giver::Gossip(PkiId([1; 32])),
            block: vec![0; size].into(),
        };
        assert_eq!(buffer.offer(6, large(11), 10), Offer::Refused);
        assert_eq!(buffer.offer(5, large(11), 10), Offer::Taken);
        let too_large = large(limits::GOSSIP_BUFFER_BYTES_MAX);
        assert_eq!(buffer.offer(6, too_large, ALL), Offer::Refused);
    }
}
