//! Cheap chance for bulk material. Where each stream begins follows from the workload's seed and the
//! transaction's place, so that no stream depends on who reads another one.

use super::place::Place;

/// A stream of numbers: SplitMix64.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

/// What 6 bits look like in a value.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Random {
    /// The stream of a transaction.
    pub(super) fn of(seed: u64, place: Place) -> Self {
        let block = Self(seed).then(place.block);
        Self(block.then(u64::from(place.tx)).0)
    }

    /// The stream of a part of something: `what` tells the parts apart.
    pub(super) fn part(seed: u64, what: u64) -> Self {
        Self(seed).then(what)
    }

    fn then(mut self, number: u64) -> Self {
        self.0 ^= number.wrapping_mul(0xd6e8_feb8_6659_fd93);
        let mixed = self.next();
        Self(mixed)
    }

    /// The next number, evenly spread.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, 0 where that is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// An index below `length`, 0 where that is 0.
    pub(super) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// One of these.
    pub(super) fn pick<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        let index = self.index(from.len());
        from.get(index)
    }

    /// True in `share` of the cases (0 to 1).
    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// From 0 up to 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// So many letters.
    pub(super) fn letters(&mut self, length: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(length + 8);
        while text.len() < length {
            let mut bits = self.next();
            for _ in 0..10 {
                let letter = usize::from(bits.to_le_bytes()[0] & 63);
                text.push(LETTERS.get(letter).copied().unwrap_or(b'A'));
                bits >>= 6;
            }
        }
        text.truncate(length);
        text
    }
}
