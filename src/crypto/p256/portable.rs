//! The backend for any CPU.
//!
//! Few signatures are added up one after the other. Of many, a signature's table entries make one run for each time that the sum is doubled between them, and the
//! generator's entries belong to the last one. All runs of many signatures are added up together (see
//! `tree`); what is left are a few points for each signature, with doublings between them.

use super::field::Fp;
use super::point::{Affine, Xyzz};
use super::prepare::{Answer, Sum};
use super::table::Entry;
use super::tree::Runs;
use super::windows::Windows;
use crate::sys::prefetch::prefetch;

/// Signatures whose runs are added up together: their points fit into the cache.
const SUMS_TOGETHER: usize = 64;

/// So many signatures repay the inversions that they share.
const SUMS_TOGETHER_MIN: usize = 4;

/// Answers in the order of the sums.
pub(super) fn answer_all(sums: &[Sum<'_>], generator: &Windows) -> Vec<Answer> {
    if sums.len() < SUMS_TOGETHER_MIN {
        sums.iter()
            .map(|sum| answer_of(sum, add_up(sum, generator)))
            .collect()
    } else {
        answer_together(sums, generator)
    }
}

fn answer_together(sums: &[Sum<'_>], generator: &Windows) -> Vec<Answer> {
    let mut runs = Runs::default();
    let mut answers = Vec::with_capacity(sums.len());
    for sums in sums.chunks(SUMS_TOGETHER) {
        runs.clear();
        for (at, sum) in sums.iter().enumerate() {
            if let Some(next) = sums.get(at + 1) {
                call_for_entries(next, generator);
            }
            push_runs(sum, generator, &mut runs);
        }
        let mut points = runs.add_up();
        answers.extend(sums.iter().map(|sum| {
            // Every point is taken, those behind a broken run's too.
            let mut total = None;
            let mut broken = false;
            for point in points.by_ref().take(sum.rounds()) {
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

/// Tables are larger than the caches near the core: the entries of one sum come while those of the sum before
/// it are written down.
fn call_for_entries(sum: &Sum<'_>, generator: &Windows) {
    let _ = sum.key_entries(|entry, _| {
        prefetch(&entry.0);
        Some(())
    });
    for (entry, _) in generator.entries(&sum.of_generator).flatten() {
        prefetch(&entry.0);
    }
}

/// One run for each round, the last one first.
fn push_runs(sum: &Sum<'_>, generator: &Windows, runs: &mut Runs) {
    let between = sum.between_doublings();
    let mut pushed = 0;
    // Entries that a table does not have are missing from the run: the signature is not found good.
    let _ = sum.key_entries(|entry, negative| {
        if pushed % between == 0 {
            runs.begin();
        }
        pushed += 1;
        runs.push(point(entry, negative));
        Some(())
    });
    for (entry, negative) in generator.entries(&sum.of_generator).flatten() {
        runs.push(point(entry, negative));
    }
}

/// The sum of all entries, one after the other.
fn add_up(sum: &Sum<'_>, generator: &Windows) -> Option<Xyzz> {
    let between = sum.between_doublings();
    let mut total: Option<Xyzz> = None;
    let mut added = 0;
    sum.key_entries(|entry, negative| {
        let point = point(entry, negative);
        total = Some(match total {
            None => Xyzz::from(point),
            Some(total) if added % between == 0 => total.double().plus(point),
            Some(total) => total.plus(point),
        });
        added += 1;
        Some(())
    })?;
    generator
        .entries(&sum.of_generator)
        .try_fold(total?, |total, entry| {
            let (entry, negative) = entry?;
            Some(total.plus(point(entry, negative)))
        })
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

#[inline]
fn point(entry: &Entry, negative: bool) -> Affine {
    Affine::from(entry).negated_if(negative)
}
