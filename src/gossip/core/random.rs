//! Chance from a seed.

/// SplitMix64: good enough to choose among peers, and always the same from one seed. Nonces that come
/// of it tell answers apart; nothing is kept secret with them.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Chance from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.any().checked_rem(bound).unwrap_or(0)
    }

    /// `count` of the items, or all there are, in any order.
    pub fn some<T>(&mut self, mut items: Vec<T>, count: usize) -> Vec<T> {
        let count = count.min(items.len());
        for place in 0..count {
            let left = (items.len() - place) as u64;
            let other = place + usize::try_from(self.below(left)).unwrap_or(0);
            items.swap(place, other);
        }
        items.truncate(count);
        items
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn some_are_different_ones_and_every_one_has_its_turn() {
        let mut random = Random::new(7);
        let mut seen = [0; 10];
        for _ in 0..1000 {
            let mut some = random.some((0..10).collect(), 3);
            some.iter().for_each(|place: &usize| seen[*place] += 1);
            some.sort_unstable();
            some.dedup();
            assert_eq!(some.len(), 3);
        }
        assert!(
            seen.iter().all(|count| (200..400).contains(count)),
            "{seen:?}"
        );
        assert_eq!(random.some(vec![1, 2], 3).len(), 2);
        assert_eq!(random.below(0), 0);
    }
}
