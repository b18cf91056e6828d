//! Random delays and group sizes, from a seed: to show that no verdict depends on them.
//!
//! Every decision follows from the seed, the stage and a number alone. Off, it costs a test per block.

use std::time::Duration;

use crate::limits;

/// The longest delay of a stage before a block.
const DELAY_US_MAX: u64 = 2_000;

/// How a pipeline is disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disturbance {
    /// Another seed, other delays.
    pub seed: u64,
}

impl Disturbance {
    /// Waits a random while, mostly not at all, before `stage` takes item `number`.
    pub fn delay(self, stage: &str, number: u64) {
        let random = self.random(stage, number);
        match random % 4 {
            0 => std::thread::sleep(Duration::from_micros((random >> 8) % DELAY_US_MAX)),
            1 => std::thread::yield_now(),
            _ => {}
        }
    }

    /// How many blocks the group with this number may have.
    #[must_use]
    pub fn group_blocks_max(self, number: u64) -> usize {
        let random = usize::try_from(self.random("group", number) >> 8).unwrap_or_default();
        1 + random % limits::COMMIT_GROUP_BLOCKS
    }

    /// A number that looks random (the mix of splitmix64).
    fn random(self, stage: &str, number: u64) -> u64 {
        let bytes = stage.bytes().map(u64::from).chain([number]);
        bytes.fold(self.seed, |state, next| {
            let mut mixed = (state ^ next).wrapping_add(0x9e37_79b9_7f4a_7c15);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Disturbance;

    #[test]
    fn seeds_and_numbers_give_different_groups() {
        let sizes = |seed| -> Vec<usize> {
            let disturbance = Disturbance { seed };
            (0..50)
                .map(|number| disturbance.group_blocks_max(number))
                .collect()
        };
        assert_eq!(sizes(1), sizes(1));
        assert_ne!(sizes(1), sizes(2));
        assert!(sizes(1).iter().all(|size| (1..=64).contains(size)));
        assert!(sizes(1).iter().any(|size| *size < 16) && sizes(1).iter().any(|size| *size > 48));
    }
}
