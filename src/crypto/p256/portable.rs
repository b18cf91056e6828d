//! The backend for any CPU: one signature after the other.

use super::field::Fp;
use super::point::{Affine, Xyzz};
use super::prepare::{Answer, Sum};
use super::table::{COMBS, Size, Table, entry_of};

/// Answers in the order of the sums.
pub(super) fn answer_all(sums: &[Sum<'_>], generator: &Table) -> Vec<Answer> {
    sums.iter()
        .map(|sum| match add_up(sum, generator) {
            Some(point) => compare(sum, &point),
            None => Answer::Unsure,
        })
        .collect()
}

fn compare(sum: &Sum<'_>, point: &Xyzz) -> Answer {
    let Some(r) = Fp::from_limbs(sum.r) else {
        return Answer::Unsure;
    };
    if point.zz.is_zero() {
        Answer::Unsure
    } else if r * point.zz == point.x {
        Answer::Good
    } else {
        sum.other_x()
    }
}

/// The sum of all entries; `None` would be a table without the block that is asked for.
fn add_up(sum: &Sum<'_>, generator: &Table) -> Option<Xyzz> {
    let size = sum.table.size();
    let mut point: Option<Xyzz> = None;
    for round in (0..size.rounds()).rev() {
        point = point.map(Xyzz::double);
        for block in 0..size.blocks() {
            let byte = *sum.of_key.get(block * size.rounds() + round)?;
            point = Some(plus(point, entry(sum.table, size, block, byte)?));
        }
    }
    for (block, &byte) in sum.of_generator.iter().enumerate() {
        point = Some(plus(point, entry(generator, Size::Full, block, byte)?));
    }
    point
}

fn plus(sum: Option<Xyzz>, point: Affine) -> Xyzz {
    sum.map_or_else(|| Xyzz::from(point), |sum| sum.plus(point))
}

fn entry(table: &Table, size: Size, block: usize, byte: u8) -> Option<Affine> {
    let (index, negative) = entry_of(byte);
    let entry = table.block(size, block)?.get(index)?;
    Some(Affine::from(entry).negated_if(negative))
}
const _: () = assert!(COMBS == 32);
