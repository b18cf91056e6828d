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

use super::prepare::{Answer, Sum};
use super::table::{COMBS, Size, Table, entry_of};
use field::Factor;
use point::{Comparison, Points};

/// Signatures side by side.
const LANES: usize = 8;

/// Says that this CPU has the instructions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lanes(());

impl Lanes {
    /// `None` where the CPU lacks them.
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma"))
            .then_some(Self(()))
    }

    /// Answers in the order of the sums.
    #[expect(unsafe_code, reason = "instructions that not every CPU has")]
    pub(super) fn answer_all(self, sums: &[Sum<'_>], generator: &Table) -> Vec<Answer> {
        // SAFETY: `detect`, which alone makes a `Lanes`, found the CPU to have what the function needs.
        unsafe { answer_all(sums, generator) }
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn answer_all(sums: &[Sum<'_>], generator: &Table) -> Vec<Answer> {
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
        let mut points: Option<Points> = None;
        for round in (0..self.size.rounds()).rev() {
            if let Some(points) = &mut points {
                *points = points.double();
            }
            for block in 0..self.size.blocks() {
                let entries = self.of_keys(block, round)?;
                points = Some(match points {
                    Some(points) => points.plus(&entries),
                    None => Points::new(&entries),
                });
            }
        }
        let mut points = points?;
        for comb in 0..COMBS {
            points = points.plus(&self.of_generator(generator, comb)?);
        }
        Some(points.compare(self.expected()))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn of_keys(&self, block: usize, round: usize) -> Option<point::Entries> {
        let comb = block * self.size.rounds() + round;
        let mut rows = [&[0; 8]; LANES];
        let mut negative = 0;
        for (lane, (row, sum)) in rows.iter_mut().zip(self.sums).enumerate() {
            let (index, is_negative) = entry_of(*sum.of_key.get(comb)?);
            *row = &sum.table.block(self.size, block)?.get(index)?.0;
            negative |= u8::from(is_negative) << lane;
        }
        Some(load::entries(rows, negative))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn of_generator(&self, generator: &Table, comb: usize) -> Option<point::Entries> {
        let block = generator.block(Size::Full, comb)?;
        let mut rows = [&[0; 8]; LANES];
        let mut negative = 0;
        for (lane, (row, sum)) in rows.iter_mut().zip(self.sums).enumerate() {
            let (index, is_negative) = entry_of(*sum.of_generator.get(comb)?);
            *row = &block.get(index)?.0;
            negative |= u8::from(is_negative) << lane;
        }
        Some(load::entries(rows, negative))
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
        Factor::from_words([load::row(w0), load::row(w1), load::row(w2), load::row(w3)])
    }
}
