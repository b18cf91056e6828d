//! The keys that ranges are read over: what is there, before the block and so far in it.

use std::collections::BTreeMap;

use super::place::{Key, Place, Space};
use super::random::Random;
use super::recipe::{RangeRead, Step};

/// Numbers that a key can have. Every second one exists at first.
const NUMBERS: u64 = 1024;

/// Numbers that a short range spans: about half of them exist, fewer than a Merkle summary needs.
const SHORT: u64 = 24;

/// Numbers that a long range spans: enough for a summary even where many keys were deleted.
const LONG: u64 = 300;

type Height = (u64, u64);

/// Keys in order, with their versions.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    versions: BTreeMap<u64, Height>,
    /// What valid transactions of this block have changed: `None` for deleted.
    pending: BTreeMap<u64, Option<Height>>,
}

impl Ranges {
    /// What the transaction does that writes the first keys.
    pub(super) fn set_up(&mut self, place: Place) -> Vec<Step> {
        let numbers = (0..NUMBERS).step_by(2);
        self.versions = numbers.clone().map(|n| (n, place.height())).collect();
        numbers.map(|number| Step::Write(key(number))).collect()
    }

    /// Reads a range as it was before the block, and whether it is still like this.
    pub(super) fn read(&self, long: bool, random: &mut Random) -> (RangeRead, bool) {
        let width = if long { LONG } else { SHORT };
        let start = random.below(NUMBERS - width);
        let mut end = start + width;
        let mut found = self.found(start, end, false);
        // An iterator that was closed early has seen its end.
        let mut exhausted = true;
        if let Some((last, _)) = found.last().copied()
            && random.chance(0.25)
        {
            exhausted = false;
            end = last;
        }
        let beyond = if exhausted { end } else { end + 1 };
        found.retain(|(number, _)| *number < beyond);
        let holds = found == self.found(start, beyond, true);
        let read = RangeRead {
            space: Space::Range,
            start,
            end,
            exhausted,
            found,
        };
        (read, holds)
    }

    fn found(&self, start: u64, end: u64, with_pending: bool) -> Vec<(u64, Height)> {
        let mut found: BTreeMap<u64, Height> = self
            .versions
            .range(start..end)
            .map(|(number, height)| (*number, *height))
            .collect();
        if with_pending {
            for (number, height) in self.pending.range(start..end) {
                match height {
                    Some(height) => found.insert(*number, *height),
                    None => found.remove(number),
                };
            }
        }
        found.into_iter().collect()
    }

    /// A change of one key: it comes, goes, or gets another value.
    pub(super) fn change(&mut self, place: Place, valid: bool, random: &mut Random) -> Step {
        let number = random.below(NUMBERS);
        let exists = match self.pending.get(&number) {
            Some(height) => height.is_some(),
            None => self.versions.contains_key(&number),
        };
        let deletes = exists && random.chance(0.5);
        if valid {
            let height = (!deletes).then(|| place.height());
            self.pending.insert(number, height);
        }
        if deletes {
            Step::Delete(key(number))
        } else {
            Step::Write(key(number))
        }
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

fn key(number: u64) -> Key {
    Key {
        space: Space::Range,
        number,
    }
}
