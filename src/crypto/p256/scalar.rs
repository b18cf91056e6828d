//! Numbers modulo n, the order of P-256's group: what becomes of r, s and the digest.
//!
//! Invariant: every element is reduced.

use crate::crypto::inverse::Inverter;
use crate::crypto::limbs::Limbs;

/// n.
pub(super) const ORDER: Limbs = Limbs([
    0xf3b9_cac2_fc63_2551,
    0xbce6_faad_a717_9e84,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_0000_0000,
]);

/// p - n: below it, r + n is a coordinate too.
pub(super) const MODULUS_LESS_ORDER: Limbs =
    Limbs([0x0c46_353d_039c_daae, 0x4319_0553_58e8_617b, 0, 0]);

/// -1/n modulo 2^64.
const NEGATIVE_INVERSE: u64 = 0xccd1_c8aa_ee00_bc4f;

/// R^2 modulo n.
pub(super) const R_SQUARED: Limbs = Limbs([
    0x8324_4c95_be79_eea2,
    0x4699_799c_49bd_6fa6,
    0x2845_b239_2b6b_ec59,
    0x66e1_2d94_f3d9_5620,
]);

/// A number below n; whether it is in Montgomery form (times R = 2^256) is said where it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scalar(Limbs);

static INVERTER: Inverter = Inverter::new(ORDER);

impl Scalar {
    /// R modulo n: 1 in Montgomery form.
    pub(super) const ONE: Self = Self(Limbs([
        0x0c46_353d_039c_daaf,
        0x4319_0552_58e8_617b,
        0,
        0x0000_0000_ffff_ffff,
    ]));

    /// A number that is below n.
    pub(super) fn new(number: Limbs) -> Option<Self> {
        number.less(ORDER).then_some(Self(number))
    }

    /// Any number of 256 bits: n is above 2^255.
    pub(super) fn reduced(number: Limbs) -> Self {
        Self(number.reduced_once(false, ORDER))
    }

    pub(super) fn limbs(self) -> Limbs {
        self.0
    }

    pub(super) fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// `self * other / R`.
    #[inline]
    pub(super) fn times(self, other: Self) -> Self {
        Self(reduce(self.0.times(other.0)))
    }

    #[inline]
    pub(super) fn double(self) -> Self {
        Self(self.0.plus_mod(self.0, ORDER))
    }

    #[inline]
    pub(super) fn plus(self, other: Self) -> Self {
        Self(self.0.plus_mod(other.0, ORDER))
    }

    /// R / `self`; zero of zero.
    pub(super) fn inverse(self) -> Self {
        Self(INVERTER.inverse(self.0)).times(Self(R_SQUARED))
    }
}

/// `t / R` modulo n, for `t` below n * R.
#[inline]
fn reduce(t: [u64; 8]) -> Limbs {
    let [t0, t1, t2, t3, t4, t5, t6, t7] = t;
    let (t1, t2, t3, t4, c4) = step(t0, t1, t2, t3, t4);
    let (t2, t3, t4, t5, c5) = step(t1, t2, t3, t4, t5);
    let (t3, t4, t5, t6, c6) = step(t2, t3, t4, t5, t6);
    let (t4, t5, t6, t7, c7) = step(t3, t4, t5, t6, t7);
    let (t5, c) = t5.carrying_add(u64::from(c4), false);
    let (t6, c) = t6.carrying_add(u64::from(c5), c);
    let (t7, c) = t7.carrying_add(u64::from(c6), c);
    Limbs([t4, t5, t6, t7]).reduced_once(c | c7, ORDER)
}

/// Adds the multiple of n that clears the lowest limb; the limbs above it, and what overflows.
#[inline]
fn step(t0: u64, t1: u64, t2: u64, t3: u64, t4: u64) -> (u64, u64, u64, u64, bool) {
    let [n0, n1, n2, n3] = ORDER.0;
    let m = t0.wrapping_mul(NEGATIVE_INVERSE);
    let (_, c) = m.carrying_mul_add(n0, t0, 0);
    let (t1, c) = m.carrying_mul_add(n1, t1, c);
    let (t2, c) = m.carrying_mul_add(n2, t2, c);
    let (t3, c) = m.carrying_mul_add(n3, t3, c);
    let (t4, c) = t4.carrying_add(c, false);
    (t1, t2, t3, t4, c)
}
