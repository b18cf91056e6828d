//! Which run of a generation has the newest row of a key: a table of hashes, in memory.
//!
//! One writer adds, any number of readers look, nobody waits. What it says is a hint that costs nothing
//! but time where it is wrong: two keys may share a hash, and a reader of an older state may be told of a
//! run that it does not see; both then ask all runs. But a key that is not here is in no run that a
//! reader sees, since it is added before its row is committed and never removed.

use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

/// Slots of a new index, a power of two as all sizes.
const FIRST_SLOTS: usize = 1 << 10;

/// How much of a slot says which run: the number and one, so that no used slot is 0.
const RUN_BITS: u32 = 16;

/// The newest run of each key's hash.
#[derive(Debug)]
pub(super) struct RunIndex {
    slots: ArcSwap<Vec<AtomicU64>>,
    /// How many are in use.
    used: AtomicU64,
}

impl RunIndex {
    pub(super) fn new() -> Self {
        Self {
            slots: ArcSwap::from_pointee(empty(FIRST_SLOTS)),
            used: AtomicU64::new(0),
        }
    }

    /// The newest run that may have a key with this hash.
    pub(super) fn newest(&self, hash: u64) -> Option<u32> {
        let slots = self.slots.load();
        let found = places(&slots, hash).find_map(|slot| {
            // Ordering: the row's commit, which a reader has seen, comes behind the store.
            let value = slot.load(Ordering::Acquire);
            (value == 0 || value >> RUN_BITS == hash >> RUN_BITS).then_some(value)
        });
        let run = found? & ((1 << RUN_BITS) - 1);
        u32::try_from(run.checked_sub(1)?).ok()
    }

    /// Notes that a run has the newest row of a key. For the one writer.
    pub(super) fn insert(&self, hash: u64, run: u32) {
        // A run without a number here is found by asking all.
        let run = u64::from(run.min((1 << RUN_BITS) - 2)) + 1;
        let mut slots = self.slots.load_full();
        // Ordering: only the one writer uses it.
        let used = self.used.load(Ordering::Relaxed);
        if (used + 1) * 4 > slots.len() as u64 * 3 {
            let larger = empty(slots.len() * 2);
            for slot in slots.iter() {
                let value = slot.load(Ordering::Relaxed);
                if value != 0 {
                    put(&larger, value);
                }
            }
            slots = std::sync::Arc::new(larger);
            self.slots.store(std::sync::Arc::clone(&slots));
        }
        if put(&slots, hash >> RUN_BITS << RUN_BITS | run) {
            self.used.store(used + 1, Ordering::Relaxed);
        }
    }
}

fn empty(slots: usize) -> Vec<AtomicU64> {
    (0..slots).map(|_| AtomicU64::new(0)).collect()
}

/// The slots where a hash may stand, in the order in which they are tried.
fn places(slots: &[AtomicU64], hash: u64) -> impl Iterator<Item = &AtomicU64> {
    let first = (hash >> RUN_BITS) as usize & (slots.len() - 1);
    let (before, after) = slots.split_at(first);
    after.iter().chain(before)
}

/// Sets the slot of a hash; returns whether it was not there.
fn put(slots: &[AtomicU64], value: u64) -> bool {
    for slot in places(slots, value) {
        let before = slot.load(Ordering::Relaxed);
        if before == 0 || before >> RUN_BITS == value >> RUN_BITS {
            // Ordering: as in `newest`.
            slot.store(value, Ordering::Release);
            return before == 0;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    //! Against a map, also while it grows.

    use std::collections::HashMap;

    use super::{FIRST_SLOTS, RunIndex};

    #[test]
    fn it_says_what_a_map_says() {
        let (index, mut map) = (RunIndex::new(), HashMap::new());
        let mut hash = 1_u64;
        for step in 0..FIRST_SLOTS as u64 * 3 {
            hash = hash.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Hashes that meet at a place, and some again.
            let hash = (hash >> 40 << 30 | (step % 7) << 16) % (1 << 60);
            assert_eq!(index.newest(hash), map.get(&hash).copied());
            let run = u32::try_from(step % 99).unwrap();
            index.insert(hash, run);
            map.insert(hash, run);
            assert_eq!(index.newest(hash), Some(run));
        }
        assert!(map.len() > FIRST_SLOTS);
        for (hash, run) in map {
            assert_eq!(index.newest(hash), Some(run));
        }
        assert_eq!(index.newest(u64::MAX), None);
    }
}
