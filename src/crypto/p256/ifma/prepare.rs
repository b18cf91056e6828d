//! What [`crate::crypto::p256::prepare`] computes, eight signatures at a time.
//!
//! Each lane has a chain of products of its own; the ends of the eight chains share one inversion.

use super::field::{Exact, Factor};
use super::load;
use super::order::{ONE, ORDER, sum, times};
use crate::crypto::lanes::{LANES, Row, to_row};
use crate::crypto::limbs::Limbs;
use crate::crypto::p256::prepare::{Check, Sum, inverses};
use crate::crypto::p256::scalar::Scalar;
use crate::crypto::p256::windows::GENERATOR;

/// The sums of signatures, in their order; `None` would be no signature at all.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn prepare<'a>(checks: &[Check<'a>]) -> Option<Vec<Sum<'a>>> {
    let mut sums = Vec::with_capacity(checks.len());
    let halved = halved_inverses(checks)?;
    for (group, halved) in checks.chunks(LANES).zip(halved) {
        let mut digests = [[0; 4]; LANES];
        let [mut numbers, mut of_key] = [digests; 2];
        for (lane, check) in group.iter().enumerate() {
            *digests.get_mut(lane)? = check.digest.0;
            *numbers.get_mut(lane)? = check.r.limbs().0;
            *of_key.get_mut(lane)? = check.half_of_all_ones().0;
        }
        let of_generator = products_plus(&digests, halved, &[GENERATOR.half_of_all_ones.0; LANES]);
        let of_key = products_plus(&numbers, halved, &of_key);
        for (lane, check) in group.iter().enumerate() {
            let of = |words: &[Row; 4]| Some(Limbs(load::number(words, lane)?));
            sums.push(Sum::new(check, of(&of_generator)?, of(&of_key)?));
        }
    }
    Some(sums)
}

/// Numbers times factors / R, plus others, modulo n.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn products_plus(
    numbers: &[[u64; 4]; LANES],
    factors: Factor,
    others: &[[u64; 4]; LANES],
) -> [Row; 4] {
    // Below 1.08 n.
    let product = times(load::numbers(numbers), factors).carried();
    sum(product, load::numbers(others).exact())
        .words()
        .map(|words| to_row(words))
}

/// R / 2s for every s, group by group; below 1.1 n.
#[target_feature(enable = "avx512f,avx512ifma")]
fn halved_inverses(checks: &[Check<'_>]) -> Option<Vec<Factor>> {
    let mut product = Exact::splat(ONE).factor();
    let mut befores = Vec::with_capacity(checks.len().div_ceil(LANES));
    for group in checks.chunks(LANES) {
        befores.push(product);
        product = times(product, doubled(group)?).carried_factor();
    }
    let mut inverse = inverted(product)?;
    for (before, group) in befores.iter_mut().zip(checks.chunks(LANES)).rev() {
        *before = times(*before, inverse).carried_factor();
        inverse = times(inverse, doubled(group)?).carried_factor();
    }
    Some(befores)
}

/// 2s of up to eight signatures; lanes that nobody needs do what the first one does.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn doubled(group: &[Check<'_>]) -> Option<Factor> {
    let mut numbers = [group.first()?.s.limbs().0; LANES];
    for (number, check) in numbers.iter_mut().zip(group) {
        *number = check.s.limbs().0;
    }
    Some(
        load::numbers(&numbers)
            .exact()
            .loose()
            .double()
            .carried_factor(),
    )
}

/// R / `product` in each lane. No product is zero, for n is a prime.
#[target_feature(enable = "avx512f,avx512ifma")]
fn inverted(product: Factor) -> Option<Factor> {
    let words = product
        .exact()
        .less_once(ORDER)
        .words()
        .map(|words| to_row(words));
    let mut numbers = [Scalar::ONE; LANES];
    for (lane, number) in numbers.iter_mut().enumerate() {
        *number = Scalar::reduced(Limbs(load::number(&words, lane)?));
    }
    // The scalars' R is 2^256, that of the lanes 16 times as much.
    let mut inverted = [[0; 4]; LANES];
    for (to, inverse) in inverted.iter_mut().zip(inverses(numbers)) {
        let sixteen_times = inverse.double().double().double().double();
        *to = sixteen_times.limbs().0;
    }
    Some(load::numbers(&inverted))
}
