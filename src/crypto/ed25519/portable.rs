//! The backend for any CPU: sums one after the other, and one inversion for all of them.

use super::field::invert_all;
use super::point::{Addend, Point, canonical};
use super::prepare::Sum;
use super::table::{Entry, Table};
use crate::crypto::combs::{BLOCK_ENTRIES, Size, entry_of};
use crate::crypto::table_cache::KeyTable as _;

/// Whether each sum is what it must be, in their order.
pub(super) fn good_ones(sums: &[Sum<'_>], generator: &Table) -> Vec<bool> {
    let points: Vec<_> = sums
        .iter()
        .map(|sum| add_up(sum, generator).map(|point| point.fractions()))
        .collect();
    // No denominator is zero: the formulas are complete.
    let mut inverses: Vec<_> = points.iter().flatten().map(|&(_, _, z)| z).collect();
    invert_all(&mut inverses);
    let mut inverses = inverses.into_iter();
    sums.iter()
        .zip(points)
        .map(|(sum, point)| {
            let (Some((x, y, _)), Some(inverse)) = (point, inverses.next()) else {
                return false;
            };
            canonical(x.times(inverse).is_odd(), y.times(inverse)) == sum.r
        })
        .collect()
}

/// The sum of all entries; `None` would be a table without the block that is asked for.
fn add_up(sum: &Sum<'_>, generator: &Table) -> Option<Point> {
    let size = sum.table.size();
    let mut point = Point::NEUTRAL;
    for round in (0..size.rounds()).rev() {
        // The first time this is the neutral point.
        point = point.double();
        let combs = sum.of_key.iter().skip(round).step_by(size.rounds());
        for (block, &byte) in combs.enumerate() {
            point.add(sum.table.block(size, block)?, byte)?;
        }
    }
    for (block, &byte) in sum.of_generator.iter().enumerate() {
        point.add(generator.block(Size::Full, block)?, byte)?;
    }
    Some(point)
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
