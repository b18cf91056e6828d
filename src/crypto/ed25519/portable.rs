//! The backend for any CPU: sums one after the other, and one inversion for all of them.

use super::field::invert_all;
use super::point::{Addend, Point, canonical};
use super::prepare::Check;
use super::table::{Entry, Table};
use crate::crypto::combs::{BLOCK_ENTRIES, Size, entry_of};
use crate::crypto::table_cache::KeyTable as _;

/// Whether each signature is good, in the order of the checks.
pub(super) fn good_ones(checks: &[Check<'_>], generator: &Table) -> Vec<bool> {
    let sums: Vec<_> = checks
        .iter()
        .map(|check| add_up(check, generator).map(|sum| sum.fractions()))
        .collect();
    // No denominator is zero: the formulas are complete.
    let mut inverses: Vec<_> = sums.iter().flatten().map(|&(_, _, z)| z).collect();
    invert_all(&mut inverses);
    let mut inverses = inverses.into_iter();
    checks
        .iter()
        .zip(sums)
        .map(|(check, sum)| {
            let (Some((x, y, _)), Some(inverse)) = (sum, inverses.next()) else {
                return false;
            };
            canonical(x.times(inverse).is_odd(), y.times(inverse)) == check.r
        })
        .collect()
}

/// The sum of all entries; `None` would be a table without the block that is asked for.
fn add_up(check: &Check<'_>, generator: &Table) -> Option<Point> {
    let size = check.table.size();
    let mut sum = Point::NEUTRAL;
    for round in (0..size.rounds()).rev() {
        // The first time this is the neutral point.
        sum = sum.double();
        let combs = check.of_key.iter().skip(round).step_by(size.rounds());
        for (block, &byte) in combs.enumerate() {
            sum.add(check.table.block(size, block)?, byte)?;
        }
    }
    for (block, &byte) in check.of_generator.iter().enumerate() {
        sum.add(generator.block(Size::Full, block)?, byte)?;
    }
    Some(sum)
}

impl Point {
    /// Adds the entry of a block that a comb's byte names.
    #[inline]
    fn add(&mut self, block: &[Entry; BLOCK_ENTRIES], byte: u8) -> Option<()> {
        let (index, negative) = entry_of(byte);
        let addend = Addend::from(block.get(index)?);
        *self = self.plus(&addend.negated_if(negative));
        Some(())
    }
}
