//! The newest blocks of a channel, and pulls of them: what push did not bring, comes so.
//!
//! ```text
//!  we: Hello ------> it: Digest of what it has -----> we: Request of what we lack -----> it: Update
//! ```
//! Each side bounds what the other can make it do: a request is answered once for each hello, an update
//! is taken once for each request.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use super::trust::PkiId;
use crate::limits;
use crate::sys::clock::Instant;

/// The newest blocks, as messages, and the pulls under way.
#[derive(Debug, Default)]
pub(super) struct Recent {
    blocks: BTreeMap<u64, Bytes>,
    bytes: usize,
    /// Our pulls, by their nonce.
    pulls: BTreeMap<u64, Pull>,
    /// Hellos that were answered, by peer: the nonce.
    hellos: BTreeMap<PkiId, (u64, Instant)>,
}

#[derive(Debug)]
struct Pull {
    peer: PkiId,
    since: Instant,
    /// What was asked for; `None` until the digest has come.
    asked: Option<BTreeSet<u64>>,
}

impl Recent {
    /// A new block.
    pub(super) fn keep(&mut self, number: u64, message: Bytes, count: usize) {
        self.bytes += message.len();
        if let Some(before) = self.blocks.insert(number, message) {
            self.bytes -= before.len();
        }
        let count = count.clamp(1, limits::GOSSIP_RECENT_BLOCKS_MAX);
        while self.blocks.len() > count
            || (self.blocks.len() > 1 && self.bytes > limits::GOSSIP_RECENT_BYTES_MAX)
        {
            if let Some((_, oldest)) = self.blocks.pop_first() {
                self.bytes -= oldest.len();
            }
        }
    }

    /// Begins a pull with a peer.
    pub(super) fn pull(&mut self, now: Instant, nonce: u64, peer: PkiId, wait: Duration) {
        self.pulls.retain(|_, pull| now.since(pull.since) < wait);
        if self.pulls.len() < limits::GOSSIP_PULLS_MAX {
            let (since, asked) = (now, None);
            self.pulls.insert(nonce, Pull { peer, since, asked });
        }
    }

    /// A peer greets: the numbers of the blocks that it can have. `None` where it does so too often.
    pub(super) fn hello(
        &mut self,
        now: Instant,
        nonce: u64,
        peer: PkiId,
        wait: Duration,
    ) -> Option<Vec<u64>> {
        self.hellos.retain(|_, (_, since)| now.since(*since) < wait);
        let is_in_time = !self.hellos.contains_key(&peer);
        let has_room = self.hellos.len() < limits::GOSSIP_PULLS_MAX;
        (is_in_time && has_room).then(|| {
            self.hellos.insert(peer, (nonce, now));
            self.blocks.keys().copied().collect()
        })
    }

    /// What a peer has: which of it to ask for, given which are lacking.
    pub(super) fn digest(
        &mut self,
        nonce: u64,
        peer: PkiId,
        has: impl Iterator<Item = u64>,
        lacks: impl Fn(u64) -> bool,
    ) -> Option<Vec<u64>> {
        let others = self.pulls.values().filter_map(|pull| pull.asked.as_ref());
        let asked: BTreeSet<u64> = others.flatten().copied().collect();
        let pull = self.pulls.get_mut(&nonce)?;
        if pull.peer != peer || pull.asked.is_some() {
            return None;
        }
        let wanted = has.filter(|number| lacks(*number) && !asked.contains(number));
        let wanted: BTreeSet<u64> = wanted.take(limits::GOSSIP_RECENT_BLOCKS_MAX).collect();
        let list = wanted.iter().copied().collect();
        pull.asked = Some(wanted);
        Some(list)
    }

    /// A peer asks for blocks: those that are here. `None` where it did not greet.
    pub(super) fn request(
        &mut self,
        nonce: u64,
        peer: PkiId,
        numbers: impl Iterator<Item = u64>,
    ) -> Option<Vec<Bytes>> {
        let greeted = self.hellos.get_mut(&peer)?;
        if greeted.0 != nonce {
            return None;
        }
        // Never a nonce again: one request for each hello.
        greeted.0 = !nonce;
        let numbers: BTreeSet<u64> = numbers.take(limits::GOSSIP_RECENT_BLOCKS_MAX).collect();
        let found = numbers.iter().filter_map(|number| self.blocks.get(number));
        Some(found.cloned().collect())
    }

    /// Blocks came: which of them were asked for. `None` where none were.
    pub(super) fn update(&mut self, nonce: u64, peer: PkiId) -> Option<BTreeSet<u64>> {
        let pull = self.pulls.get(&nonce)?;
        if pull.peer != peer || pull.asked.is_none() {
            return None;
        }
        self.pulls.remove(&nonce)?.asked
    }

    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn pulls_len(&self) -> usize {
        self.pulls.len() + self.hellos.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: PkiId = PkiId([1; 32]);
    const OTHER: PkiId = PkiId([2; 32]);
    const WAIT: Duration = Duration::from_secs(2);

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn the_newest_are_kept() {
        let mut recent = Recent::default();
        for number in 0..20 {
            recent.keep(number, Bytes::from_static(b"block"), 3);
        }
        recent.keep(19, Bytes::from_static(b"again"), 3);
        assert_eq!((recent.len(), recent.bytes()), (3, 15));
        let large = Bytes::from(vec![0; limits::GOSSIP_RECENT_BYTES_MAX + 1]);
        recent.keep(20, large, 3);
        assert_eq!(recent.len(), 1);
    }

    #[test]
    fn each_step_answers_the_one_before() {
        let mut recent = Recent::default();
        recent.pull(at(0), 7, PEER, WAIT);
        recent.pull(at(0), 8, OTHER, WAIT);
        let lacks = |number| number >= 4;
        let digest = |recent: &mut Recent, nonce, peer, has: &[u64]| {
            recent.digest(nonce, peer, has.iter().copied(), lacks)
        };
        assert_eq!(digest(&mut recent, 7, OTHER, &[4]), None, "not its pull");
        assert_eq!(digest(&mut recent, 7, PEER, &[3, 4, 5]), Some(vec![4, 5]));
        assert_eq!(digest(&mut recent, 7, PEER, &[6]), None, "twice");
        assert_eq!(digest(&mut recent, 8, OTHER, &[5, 6]), Some(vec![6]));
        assert_eq!(recent.update(7, OTHER), None);
        assert_eq!(recent.update(7, PEER), Some(BTreeSet::from([4, 5])));
        assert_eq!(recent.update(7, PEER), None, "twice");
        recent.pull(at(2), 9, PEER, WAIT);
        assert_eq!(recent.update(8, OTHER), None, "too late");
    }

    #[test]
    fn who_asks_has_to_greet_and_not_too_often() {
        let mut recent = Recent::default();
        recent.keep(4, Bytes::from_static(b"four"), 3);
        assert_eq!(recent.request(1, PEER, [4].into_iter()), None);
        assert_eq!(recent.hello(at(0), 1, PEER, WAIT), Some(vec![4]));
        assert_eq!(recent.hello(at(1), 2, PEER, WAIT), None, "too soon");
        assert_eq!(recent.request(2, PEER, [4].into_iter()), None);
        let blocks = recent.request(1, PEER, [3, 4, 4].into_iter()).unwrap();
        assert_eq!(blocks.len(), 1);
        assert_eq!(recent.request(1, PEER, [4].into_iter()), None, "twice");
        assert_eq!(recent.hello(at(2), 3, PEER, WAIT), Some(vec![4]));
    }
}
