//! The keys of ordinary transactions: which are drawn, and which versions they have.

use std::collections::HashMap;

use super::place::{Key, Place, Space};
use super::random::Random;
use super::spec::WorkloadSpec;

/// Tries to draw another key than those drawn before, until the next free one is taken.
const DRAWS: usize = 16;

/// A version in 8 bytes: the block above the transaction, 0 for a key that does not exist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Packed(u64);

const TX_BITS: u32 = 24;

impl Packed {
    fn of(place: Place) -> Self {
        Self(place.block << TX_BITS | u64::from(place.tx))
    }

    fn height(self) -> Option<(u64, u64)> {
        let tx = self.0 & ((1 << TX_BITS) - 1);
        (self.0 > 0).then_some((self.0 >> TX_BITS, tx))
    }
}

/// The keys from which transactions draw, as the last block left them, and what the block in the
/// making has changed.
#[derive(Debug)]
pub(super) struct Assets {
    /// One for each key; none where transactions have keys of their own.
    versions: Vec<Packed>,
    /// What valid transactions of this block have written.
    pending: HashMap<u64, Packed>,
    /// The same keys in order.
    written: Vec<Key>,
    /// The next key that nobody has.
    fresh: u64,
    /// How many keys were written before the workload.
    filled: usize,
    hot_keys: u64,
    hot_share: f64,
}

impl Assets {
    pub(super) fn new(spec: &WorkloadSpec) -> Self {
        let count = usize::try_from(spec.keys).unwrap_or(0);
        Self {
            versions: vec![Packed::default(); count],
            pending: HashMap::new(),
            written: Vec::new(),
            fresh: 0,
            filled: 0,
            hot_keys: spec.hot_keys,
            hot_share: spec.hot_share,
        }
    }

    /// So many different keys.
    pub(super) fn draw(&mut self, count: usize, random: &mut Random) -> Vec<Key> {
        if self.versions.is_empty() {
            let first = self.fresh;
            self.fresh += count as u64;
            return (first..self.fresh).map(main).collect();
        }
        let mut keys: Vec<Key> = Vec::with_capacity(count);
        for _ in 0..count {
            let mut key = self.draw_one(random);
            let mut draws = 0;
            while keys.contains(&key) {
                draws += 1;
                key = match draws {
                    ..DRAWS => self.draw_one(random),
                    _ => main((key.number + 1) % self.versions.len() as u64),
                };
            }
            keys.push(key);
        }
        keys
    }

    fn draw_one(&self, random: &mut Random) -> Key {
        let keys = self.versions.len() as u64;
        let number = if self.hot_keys == 0 {
            random.below(keys)
        } else if random.chance(self.hot_share) {
            random.below(self.hot_keys)
        } else {
            self.hot_keys + random.below(keys - self.hot_keys)
        };
        main(number)
    }

    /// The next keys that are not filled yet, at most `count`.
    pub(super) fn fill(&mut self, count: usize, place: Place) -> impl Iterator<Item = Key> {
        let first = self.filled;
        let rest = self.versions.get_mut(first..).unwrap_or_default();
        let count = count.min(rest.len());
        let versions = rest.iter_mut().take(count);
        versions.for_each(|version| *version = Packed::of(place));
        self.filled += count;
        (first..self.filled).map(|number| main(number as u64))
    }

    /// Whether all keys are filled.
    pub(super) fn is_filled(&self) -> bool {
        self.filled == self.versions.len()
    }

    /// The version before this block: what endorsers have seen.
    pub(super) fn version(&self, key: Key) -> Option<(u64, u64)> {
        let number = usize::try_from(key.number).ok()?;
        self.versions.get(number)?.height()
    }

    /// Whether an earlier transaction of this block changes the key.
    pub(super) fn is_pending(&self, key: Key) -> bool {
        self.pending.contains_key(&key.number)
    }

    /// A key that an earlier transaction of this block changes.
    pub(super) fn some_pending(&self, random: &mut Random) -> Option<Key> {
        random.pick(&self.written).copied()
    }

    /// A valid transaction writes the key, or deletes it.
    pub(super) fn write(&mut self, key: Key, place: Place, deletes: bool) {
        self.written.push(key);
        if !self.versions.is_empty() {
            let version = if deletes {
                Packed::default()
            } else {
                Packed::of(place)
            };
            self.pending.insert(key.number, version);
        }
    }

    /// The block is made.
    pub(super) fn end_block(&mut self) {
        for (number, version) in self.pending.drain() {
            let number = usize::try_from(number).unwrap_or(usize::MAX);
            if let Some(known) = self.versions.get_mut(number) {
                *known = version;
            }
        }
        self.written.clear();
    }
}

fn main(number: u64) -> Key {
    Key {
        space: Space::Main,
        number,
    }
}
