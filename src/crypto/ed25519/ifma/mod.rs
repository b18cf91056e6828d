//! The backend for CPUs with AVX-512 and its multiplier of 52 bits (IFMA): eight signatures side by
//! side, one in each lane.
//!
//! ```text
//!  sums --> grouped by size of table --> groups of eight, the last one filled up
//!                                               |
//!                per comb: eight entries --> transposed into lanes (load) --> added (point, field)
//!                                               |
//!   X, Y, Z of all groups --> Z inverted, one inversion for the batch --> y and the sign of x = R ?
//! ```
//!
//! All lanes of a group do the same at the same time: which combs are added, and when sums are doubled,
//! depends on the size of the tables alone. A group takes as long for one signature as for eight.

mod field;
mod load;
mod point;

#[cfg(test)]
mod tests;

use super::field::{Fe, invert_all};
use super::portable;
use super::prepare::Sum;
use super::table::{Entry, Table};
use crate::crypto::combs::{BLOCK_ENTRIES, COMBS, Size, entry_of};
use crate::crypto::lanes::{LANES, Lanes, Row, row, to_row};
use crate::crypto::limbs::Limbs;
use crate::crypto::table_cache::KeyTable as _;
use crate::sys::prefetch::prefetch;
use field::Factor;
use point::{Entries, Fractions, Points};

/// Whether each sum is what it must be, in their order.
#[expect(unsafe_code, reason = "instructions that not every CPU has")]
pub(super) fn good_ones(_: Lanes, sums: &[Sum<'_>], generator: &Table) -> Vec<bool> {
    // A group takes as long for one as for eight, and longer than the portable code for one.
    if let [alone] = sums {
        return portable::good_ones(std::slice::from_ref(alone), generator);
    }
    // SAFETY: who has a `Lanes` found the CPU to have what the function needs.
    unsafe { good_groups(sums, generator) }
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn good_groups(sums: &[Sum<'_>], generator: &Table) -> Vec<bool> {
    let mut order: Vec<(usize, &Sum<'_>)> = sums.iter().enumerate().collect();
    order.sort_by_key(|(_, sum)| sum.table.size());
    let mut groups = Vec::with_capacity(sums.len().div_ceil(LANES) + Size::COUNT);
    let mut points = Vec::with_capacity(groups.capacity());
    for same_size in order.chunk_by(|(_, a), (_, b)| a.table.size() == b.table.size()) {
        for some in same_size.chunks(LANES) {
            let Some(group) = Group::new(some) else {
                continue;
            };
            let Some(sum) = group.add_up(generator) else {
                continue;
            };
            groups.push((some, group));
            points.push(sum.fractions());
        }
    }
    let mut good = vec![false; sums.len()];
    for ((some, group), (point, inverse)) in groups.iter().zip(points.iter().zip(inverses(&points)))
    {
        let x = point.x.times(inverse).factor();
        let y = point.y.times(inverse).factor();
        let equal = Factor::encodes(x, y, group.expected());
        for (lane, (at, _)) in some.iter().enumerate() {
            if let Some(good) = good.get_mut(*at) {
                *good = equal >> lane & 1 == 1;
            }
        }
    }
    good
}

/// 1/Z of every point, with one inversion. No Z is zero: the formulas are complete.
#[target_feature(enable = "avx512f,avx512ifma")]
fn inverses(points: &[Fractions]) -> Vec<Factor> {
    let mut product = Factor::splat([1, 0, 0, 0, 0]);
    let mut inverses: Vec<Factor> = Vec::with_capacity(points.len());
    for point in points {
        inverses.push(product);
        product = product.times(point.z).factor();
    }
    let mut inverse = inverse_of_each_lane(product);
    for (before, point) in inverses.iter_mut().zip(points).rev() {
        *before = before.times(inverse).factor();
        inverse = inverse.times(point.z).factor();
    }
    inverses
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn inverse_of_each_lane(number: Factor) -> Factor {
    let mut rows = number.to_words().map(|words| to_row(words));
    let mut lanes = [Fe::ZERO; LANES];
    for (at, lane) in lanes.iter_mut().enumerate() {
        *lane = Fe::from_limbs(Limbs(
            rows.each_ref()
                .map(|row| row.get(at).copied().unwrap_or_default()),
        ));
    }
    invert_all(&mut lanes);
    for (at, lane) in lanes.iter().enumerate() {
        set_lane(&mut rows, at, lane.to_limbs());
    }
    from_rows(&rows)
}

fn set_lane(rows: &mut [Row; 4], lane: usize, number: Limbs) {
    for (row, limb) in rows.iter_mut().zip(number.0) {
        if let Some(word) = row.get_mut(lane) {
            *word = limb;
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn from_rows(rows: &[Row; 4]) -> Factor {
    Factor::from_words(rows.each_ref().map(|words| row(words)))
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
    fn add_up(&self, generator: &Table) -> Option<Points> {
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
        Some(points)
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

    /// R of every lane.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn expected(&self) -> Factor {
        let mut rows = [[0; LANES]; 4];
        for (lane, sum) in self.sums.iter().enumerate() {
            set_lane(&mut rows, lane, sum.r);
        }
        from_rows(&rows)
    }
}

/// What is added in one go: an entry for each lane.
#[derive(Clone, Copy)]
struct Step<'a> {
    entries: [&'a Entry; LANES],
    negative: u8,
}

impl<'a> Step<'a> {
    const NOTHING: Self = Self {
        entries: [&Entry::NOTHING; LANES],
        negative: 0,
    };

    /// Which entry of a block a comb's byte names.
    fn set(&mut self, lane: usize, block: &'a [Entry; BLOCK_ENTRIES], byte: u8) -> Option<()> {
        let (index, is_negative) = entry_of(byte);
        let entry = block.get(index)?;
        prefetch(&entry.sum_and_difference);
        prefetch(&entry.product);
        *self.entries.get_mut(lane)? = entry;
        self.negative |= u8::from(is_negative) << lane;
        Some(())
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn load(&self) -> Entries {
        load::entries(self.entries, self.negative)
    }
}
