//! The backend for any CPU.
//!
//! Few signatures are added up one after the other. Of many, a signature's table entries make one run for each time that the sum is doubled between them, and the
//! generator's entries belong to the last one. All runs of many signatures are added up together (see
//! `tree`); what is left are a few points for each signature, with doublings between them.

use super::field::Fp;
use super::point::{Affine, Xyzz};
use super::prepare::{Answer, Sum};
use super::table::Table;
use super::tree::Runs;
use crate::crypto::combs::{COMBS, Size, entry_of};
use crate::crypto::table_cache::KeyTable as _;

/// Signatures whose runs are added up together: their points fit into the cache.
const SUMS_TOGETHER: usize = 64;

/// So many signatures repay the inversions that they share.
const SUMS_TOGETHER_MIN: usize = 4;

/// Answers in the order of the sums.
pub(super) fn answer_all(sums: &[Sum<'_>], generator: &Table) -> Vec<Answer> {
    if sums.len() < SUMS_TOGETHER_MIN {
        sums.iter()
            .map(|sum| answer_of(sum, add_up(sum, generator)))
            .collect()
    } else {
        answer_together(sums, generator)
    }
}

fn answer_together(sums: &[Sum<'_>], generator: &Table) -> Vec<Answer> {
    let mut runs = Runs::default();
    let mut answers = Vec::with_capacity(sums.len());
    for sums in sums.chunks(SUMS_TOGETHER) {
        runs.clear();
        for sum in sums {
            push_runs(sum, generator, &mut runs);
        }
        let mut points = runs.add_up();
        answers.extend(sums.iter().map(|sum| {
            // Every point is taken, those behind a broken run's too.
            let mut total = None;
            let mut broken = false;
            for point in points.by_ref().take(sum.table.size().rounds()) {
                match point {
                    Some(point) => total = Some(plus(total, point)),
                    None => broken = true,
                }
            }
            answer_of(sum, total.filter(|_| !broken))
        }));
    }
    answers
}

/// Twice the total, and a point.
fn plus(total: Option<Xyzz>, point: Affine) -> Xyzz {
    total.map_or_else(|| Xyzz::from(point), |total| total.double().plus(point))
}

/// One run for each round, the last one first.
fn push_runs(sum: &Sum<'_>, generator: &Table, runs: &mut Runs) {
    let size = sum.table.size();
    for round in (0..size.rounds()).rev() {
        let of_key = (0..size.blocks()).filter_map(|block| {
            let byte = *sum.of_key.get(block * size.rounds() + round)?;
            entry(sum.table, size, block, byte)
        });
        if round == 0 {
            let combs = sum.of_generator.iter().enumerate();
            let of_generator =
                combs.filter_map(|(comb, &byte)| entry(generator, Size::Full, comb, byte));
            runs.push(of_key.chain(of_generator));
        } else {
            runs.push(of_key);
        }
    }
}

/// The sum of all entries, one after the other.
fn add_up(sum: &Sum<'_>, generator: &Table) -> Option<Xyzz> {
    let size = sum.table.size();
    let mut total: Option<Xyzz> = None;
    let mut plus = |point: Affine, double: bool| {
        total = Some(match total {
            None => Xyzz::from(point),
            Some(total) if double => total.double().plus(point),
            Some(total) => total.plus(point),
        });
    };
    for round in (0..size.rounds()).rev() {
        for block in 0..size.blocks() {
            let byte = *sum.of_key.get(block * size.rounds() + round)?;
            plus(entry(sum.table, size, block, byte)?, block == 0);
        }
    }
    for (block, &byte) in sum.of_generator.iter().enumerate() {
        plus(entry(generator, Size::Full, block, byte)?, false);
    }
    total
}

fn answer_of(sum: &Sum<'_>, point: Option<Xyzz>) -> Answer {
    let (Some(point), Some(r)) = (point, Fp::from_limbs(sum.r)) else {
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

/// `None` would be a table without the block that is asked for.
fn entry(table: &Table, size: Size, block: usize, byte: u8) -> Option<Affine> {
    let (index, negative) = entry_of(byte);
    let entry = table.block(size, block)?.get(index)?;
    Some(Affine::from(entry).negated_if(negative))
}
const _: () = assert!(COMBS == 32);
