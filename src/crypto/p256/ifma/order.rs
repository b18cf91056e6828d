//! Numbers modulo n, the order of the group, in the lanes: products in Montgomery form with R = 2^260.
//!
//! The types and bounds are those of the field, with n for p: a product of factors below a n and b n is
//! below (1 + a b / 16) n, because n < 2^256. Nothing about n is sparse, so its multiples are products.

use std::arch::x86_64::{_mm512_add_epi64, _mm512_setzero_si512, _mm512_srli_epi64};

use super::field::{Exact, Factor, Limbs52, Loose, Rows, high, low, splat};

/// n.
pub(super) const ORDER: Limbs52 = [
    0x9_cac2_fc63_2551,
    0xa_da71_79e8_4f3b,
    0xf_ffff_ffbc_e6fa,
    0x0_000f_ffff_ffff,
    0x0_ffff_ffff_0000,
];

/// -1/n modulo 2^52.
const NEGATIVE_INVERSE: i64 = 0x1_c8aa_ee00_bc4f;

/// R modulo n.
pub(super) const ONE: Limbs52 = [
    0x3_53d0_39cd_aaf0,
    0x2_58e8_617b_0c46,
    0x0_0000_0431_9055,
    0xf_ff00_0000_0000,
    0x0_0000_000f_ffff,
];

/// `one * other / R` modulo n.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn times(one: Factor, other: Factor) -> Loose {
    other
        .0
        .into_iter()
        .fold(Rows::new(), |rows, limb| shifted(rows.plus(one, limb)))
        .end()
}

/// Adds the multiple of n that clears the lowest 52 bits, and divides by 2^52.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn shifted(rows: Rows) -> Rows {
    let Rows([t0, t1, t2, t3, t4, t5]) = rows;
    let zero = _mm512_setzero_si512();
    let m = low(zero, t0, splat(NEGATIVE_INVERSE));
    let [n0, n1, n2, n3, n4] = Exact::splat(ORDER).0;
    let carry = _mm512_srli_epi64::<52>(low(t0, m, n0));
    Rows([
        high(low(_mm512_add_epi64(t1, carry), m, n1), m, n0),
        high(low(t2, m, n2), m, n1),
        high(low(t3, m, n3), m, n2),
        high(low(t4, m, n4), m, n3),
        high(t5, m, n4),
        zero,
    ])
}

/// `one + other` modulo n, below n: for values below 2 n and n.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn sum(one: Exact, other: Exact) -> Exact {
    let one = one.less_once(ORDER).loose();
    one.plus(other.loose()).carried().less_once(ORDER)
}
