//! The keys of the private data collection, as far as they are not expired.

use std::collections::BTreeMap;

use super::place::{Key, Place, Space};
use super::random::Random;
use super::recipe::Step;

/// How many keys there are.
const KEYS: u64 = 64;

type Height = (u64, u64);

/// Keys with the versions of their hashes.
#[derive(Debug)]
pub(super) struct Secrets {
    block_to_live: u64,
    versions: BTreeMap<u64, Height>,
    /// What valid transactions of this block have changed: `None` for deleted.
    pending: BTreeMap<u64, Option<Height>>,
}

impl Secrets {
    /// Keys that live for so many blocks, 0 for ever.
    pub(super) fn new(block_to_live: u64) -> Self {
        Self {
            block_to_live,
            versions: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }

    /// Reads a key and writes it, or deletes it; and whether the read holds.
    pub(super) fn access(&mut self, place: Place, random: &mut Random) -> (Vec<Step>, bool) {
        let number = random.below(KEYS);
        let key = Key {
            space: Space::Private,
            number,
        };
        let version = self.version(number, place.block);
        let valid = !self.pending.contains_key(&number);
        let deletes = version.is_some() && random.chance(0.1);
        if valid {
            let height = (!deletes).then(|| place.height());
            self.pending.insert(number, height);
        }
        let write = if deletes {
            Step::PrivateDelete(key)
        } else {
            Step::PrivateWrite(key)
        };
        (vec![Step::PrivateRead(key, version), write], valid)
    }

    /// What is written in a block goes with the block that is one more than the time to live later,
    /// after that block's transactions have been validated.
    fn version(&self, number: u64, block: u64) -> Option<Height> {
        let height = self.versions.get(&number).copied()?;
        let expiry = height.0 + self.block_to_live + 1;
        (self.block_to_live == 0 || block <= expiry).then_some(height)
    }

    /// The block is made.
    pub(super) fn end_block(&mut self) {
        for (number, height) in std::mem::take(&mut self.pending) {
            match height {
                Some(height) => self.versions.insert(number, height),
                None => self.versions.remove(&number),
            };
        }
    }
}
