//! The backend for CPUs with AVX-512 and its multiplier of 52 bits (IFMA): eight signatures side by
//! side, one in each lane.
//!
//! ```text
//!  checks --> sums (prepare) --> grouped by size of table --> groups of eight, the last one filled up
//!                                             |
//!              per comb: eight entries --> transposed into lanes (load) --> added (point, field)
//!                                             |
//!                             r zz = x ? zz = 0 ? one answer per lane
//! ```
//!
//! All lanes of a group do the same at the same time: which combs are added, and when sums are doubled,
//! depends on the size of the tables alone. A group takes as long for one signature as for eight.

mod build;
mod field;
mod load;
mod order;
mod point;
mod prepare;

#[cfg(test)]
mod tests;

use super::point::Affine;
use super::prepare::{Answer, Check, Sum};
use super::table::Entry;
use super::windows::{Cut, WINDOWS_MAX, Windows};
use crate::crypto::combs::COMBS;
use crate::crypto::lanes::{LANES, Lanes, Row};
use crate::crypto::table_cache::KeyTable as _;
use crate::sys::prefetch::prefetch;
use field::Factor;
use point::{Comparison, Entries, Points};

/// Answers in the order of the checks.
#[expect(unsafe_code, reason = "instructions that not every CPU has")]
pub(super) fn answer_all(_: Lanes, checks: &[Check<'_>], generator: &Windows) -> Vec<Answer> {
    // SAFETY: who has a `Lanes` found the CPU to have what the function needs.
    unsafe { answer_groups(checks, generator) }
}

/// The entries of a table of windows, from the point's doubles.
#[expect(unsafe_code, reason = "instructions that not every CPU has")]
pub(super) fn entries(_: Lanes, doubles: &[Affine], cut: Cut) -> Option<Vec<Entry>> {
    // SAFETY: who has a `Lanes` found the CPU to have what the function needs.
    unsafe { build::entries(doubles, cut) }
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn answer_groups(checks: &[Check<'_>], generator: &Windows) -> Vec<Answer> {
    let mut answers = vec![Answer::Unsure; checks.len()];
    let Some(sums) = prepare::prepare(checks) else {
        return answers;
    };
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
}

/// Entries that a sum has at most: the key's and the generator's.
const STEPS_MAX: usize = max(COMBS, WINDOWS_MAX) + WINDOWS_MAX;

/// Entries are called for so many steps before they are added: long enough for the memory, and few
/// enough for the CPU to wait for them all at once.
const STEPS_AHEAD: usize = 4;

const fn max(one: usize, other: usize) -> usize {
    if one < other { other } else { one }
}

impl<'a> Group<'a> {
    /// Lanes that nobody needs do what the first one does.
    fn new(some: &[(usize, &'a Sum<'a>)]) -> Option<Self> {
        let (_, first) = some.first()?;
        let mut sums = [*first; LANES];
        for (lane, (_, sum)) in sums.iter_mut().zip(some) {
            *lane = sum;
        }
        Some(Self { sums })
    }

    /// `None` would be a table without an entry that is asked for.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn add_up(&self, generator: &'a Windows) -> Option<Comparison> {
        let [first, ..] = self.sums;
        let between = first.between_doublings();
        let of_key = between * first.rounds();
        let mut steps = [Step::NOTHING; STEPS_MAX];
        let steps = steps.get_mut(..of_key + generator.cut().windows())?;
        self.fill(steps, of_key, generator)?;
        for step in steps.iter().take(STEPS_AHEAD) {
            step.prefetch();
        }
        let mut points = Points::new(&steps.first()?.load());
        for (at, step) in steps.iter().enumerate().skip(1) {
            if let Some(ahead) = steps.get(at - 1 + STEPS_AHEAD) {
                ahead.prefetch();
            }
            if at < of_key && at % between == 0 {
                points = points.double();
            }
            // The only call, so that it is compiled in place: points in memory cost a tenth more.
            points = points.plus(&step.load());
        }
        Some(points.compare(self.expected()))
    }

    /// The steps in their order: those of the keys, and the generator's.
    fn fill(&self, steps: &mut [Step<'a>], of_key: usize, generator: &'a Windows) -> Option<()> {
        for (lane, sum) in self.sums.into_iter().enumerate() {
            let mut to = steps.iter_mut();
            sum.key_entries(|entry, negative| to.next()?.set(lane, entry, negative))?;
        }
        let (_, steps) = steps.split_at_mut_checked(of_key)?;
        for (lane, sum) in self.sums.into_iter().enumerate() {
            for (step, entry) in steps.iter_mut().zip(generator.entries(&sum.of_generator)) {
                let (entry, negative) = entry?;
                step.set(lane, entry, negative)?;
            }
        }
        Some(())
    }

    /// What x must be.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn expected(&self) -> Factor {
        load::numbers(&self.sums.map(|sum| sum.r.0))
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

    #[inline]
    fn set(&mut self, lane: usize, entry: &'a Entry, is_negative: bool) -> Option<()> {
        *self.rows.get_mut(lane)? = &entry.0;
        self.negative |= u8::from(is_negative) << lane;
        Some(())
    }

    #[inline]
    fn prefetch(&self) {
        for row in self.rows {
            prefetch(row);
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn load(&self) -> Entries {
        load::entries(self.rows, self.negative)
    }
}
