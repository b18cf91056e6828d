//! The backend for CPUs with AVX-512 and its multiplier of 52 bits (IFMA): eight signatures side by
//! side, one in each lane.
//!
//! ```text
//!  sums --> grouped by size of table --> groups of eight, the last one filled up
//!                                             |
//!              per comb: eight entries --> transposed into lanes (load) --> added (point, field)
//!                                             |
//!                             r zz = x ? zz = 0 ? one answer per lane
//! ```
//!
//! All lanes of a group do the same at the same time: which combs are added, and when sums are doubled,
//! depends on the size of the tables alone. A group takes as long for one signature as for eight.

mod field;
mod load;
mod point;

#[cfg(test)]
mod tests;

use super::portable;
use super::prepare::{Answer, Sum};
use super::table::{Entry, Table};
use crate::crypto::combs::{BLOCK_ENTRIES, COMBS, Size, entry_of};
use crate::crypto::lanes::{LANES, Lanes, Row, prefetch, row};
use crate::crypto::table_cache::KeyTable as _;
use field::Factor;
use point::{Comparison, Entries, Points};

/// Answers in the order of the sums.
#[expect(unsafe_code, reason = "instructions that not every CPU has")]
pub(super) fn answer_all(_: Lanes, sums: &[Sum<'_>], generator: &Table) -> Vec<Answer> {
    // A group takes as long for one as for eight, and longer than the portable code for one.
    if let [alone] = sums {
        return portable::answer_all(std::slice::from_ref(alone), generator);
    }
    // SAFETY: who has a `Lanes` found the CPU to have what the function needs.
    unsafe { answer_groups(sums, generator) }
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn answer_groups(sums: &[Sum<'_>], generator: &Table) -> Vec<Answer> {
    let mut answers = vec![Answer::Unsure; sums.len()];
    let mut order: Vec<(usize, &Sum<'_>)> = sums.iter().enumerate().collect();
    order.sort_by_key(|(_, sum)| sum.table.size());
    for same_size in order.chunk_by(|(_, a), (_, b)| a.table.size() == b.table.size()) {
        for some in same_size.chunks(LANES) {
            let Some(group) = Group::new(some) else {
                continue;
            };
            let Some(comparison) = group.add_up(generator) else {
                continue;
            };
            for (lane, (at, sum)) in some.iter().enumerate() {
                if let Some(answer) = answers.get_mut(*at) {
                    *answer = answer_of(lane, sum, comparison);
                }
            }
        }
    }
    answers
}

fn answer_of(lane: usize, sum: &Sum<'_>, comparison: Comparison) -> Answer {
    let is_set = |mask: u8| mask >> lane & 1 == 1;
    if is_set(comparison.broken) {
        Answer::Unsure
    } else if is_set(comparison.equal) {
        Answer::Good
    } else {
        sum.other_x()
    }
}

/// Up to eight sums whose tables have one size.
struct Group<'a> {
    sums: [&'a Sum<'a>; LANES],
    size: Size,
}

impl<'a> Group<'a> {
    /// Lanes that nobody needs do what the first one does.
    fn new(some: &[(usize, &'a Sum<'a>)]) -> Option<Self> {
        let (_, first) = some.first()?;
        let mut sums = [*first; LANES];
        for (lane, (_, sum)) in sums.iter_mut().zip(some) {
            *lane = sum;
        }
        Some(Self {
            sums,
            size: first.table.size(),
        })
    }

    /// `None` would be a table without the block that is asked for.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn add_up(&self, generator: &Table) -> Option<Comparison> {
        // All entries are called for first, so that none is waited for.
        let of_keys = self.of_keys()?;
        let of_generator = self.of_generator(generator)?;
        let mut points: Option<Points> = None;
        for round in (0..self.size.rounds()).rev() {
            if let Some(points) = &mut points {
                *points = points.double();
            }
            for step in of_keys.iter().skip(round).step_by(self.size.rounds()) {
                let entries = step.load();
                points = Some(match points {
                    Some(points) => points.plus(&entries),
                    None => Points::new(&entries),
                });
            }
        }
        let mut points = points?;
        for step in &of_generator {
            points = points.plus(&step.load());
        }
        Some(points.compare(self.expected()))
    }

    fn of_keys(&self) -> Option<[Step<'a>; COMBS]> {
        let mut steps = [Step::NOTHING; COMBS];
        for (lane, sum) in self.sums.into_iter().enumerate() {
            for (comb, (step, &byte)) in steps.iter_mut().zip(&sum.of_key).enumerate() {
                let block = sum.table.block(self.size, comb / self.size.rounds())?;
                step.set(lane, block, byte)?;
            }
        }
        Some(steps)
    }

    fn of_generator<'t>(&self, generator: &'t Table) -> Option<[Step<'t>; COMBS]> {
        let mut steps = [Step::NOTHING; COMBS];
        for (comb, step) in steps.iter_mut().enumerate() {
            let block = generator.block(Size::Full, comb)?;
            for (lane, sum) in self.sums.into_iter().enumerate() {
                step.set(lane, block, *sum.of_generator.get(comb)?)?;
            }
        }
        Some(steps)
    }

    /// What x must be.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn expected(&self) -> Factor {
        let mut words = [[0; LANES]; 4];
        for (lane, sum) in self.sums.iter().enumerate() {
            for (row, limb) in words.iter_mut().zip(sum.r.0) {
                if let Some(word) = row.get_mut(lane) {
                    *word = limb;
                }
            }
        }
        let [w0, w1, w2, w3] = &words;
        Factor::from_words([row(w0), row(w1), row(w2), row(w3)])
    }
}

/// What is added in one go: an entry for each lane.
#[derive(Clone, Copy)]
struct Step<'a> {
    rows: [&'a Row; LANES],
    negative: u8,
}

impl<'a> Step<'a> {
    const NOTHING: Self = Self {
        rows: [&[0; 8]; LANES],
        negative: 0,
    };

    /// Which entry of a block a comb's byte names.
    fn set(&mut self, lane: usize, block: &'a [Entry; BLOCK_ENTRIES], byte: u8) -> Option<()> {
        let (index, is_negative) = entry_of(byte);
        let row = &block.get(index)?.0;
        prefetch(row);
        *self.rows.get_mut(lane)? = row;
        self.negative |= u8::from(is_negative) << lane;
        Some(())
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn load(&self) -> Entries {
        load::entries(self.rows, self.negative)
    }
}
