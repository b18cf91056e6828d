//! The field of P-256's coordinates: p = 2^256 - 2^224 + 2^192 + 2^96 - 1, in Montgomery form with
//! R = 2^256.
//!
//! Invariant: every element is reduced, so that equal elements have equal limbs.

use crate::crypto::inverse::Inverter;
use crate::crypto::limbs::Limbs;

/// p.
pub(super) const MODULUS: Limbs = Limbs([
    0xffff_ffff_ffff_ffff,
    0x0000_0000_ffff_ffff,
    0,
    0xffff_ffff_0000_0001,
]);

/// R^2 modulo p.
const R_SQUARED: Limbs = Limbs([
    0x0000_0000_0000_0003,
    0xffff_fffb_ffff_ffff,
    0xffff_ffff_ffff_fffe,
    0x0000_0004_ffff_fffd,
]);

/// An element: its Montgomery form, `value * R` modulo p.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fp(pub(super) Limbs);

impl Fp {
    pub(super) const ZERO: Self = Self(Limbs::ZERO);
    /// R modulo p.
    pub(super) const ONE: Self = Self(Limbs([
        0x0000_0000_0000_0001,
        0xffff_ffff_0000_0000,
        0xffff_ffff_ffff_ffff,
        0x0000_0000_ffff_fffe,
    ]));

    /// The element of a number below p.
    pub(super) fn from_limbs(number: Limbs) -> Option<Self> {
        number.less(MODULUS).then(|| Self(number) * Self(R_SQUARED))
    }

    /// The number.
    #[cfg(test)]
    pub(super) fn to_limbs(self) -> Limbs {
        let [l0, l1, l2, l3] = self.0.0;
        Self(reduce([l0, l1, l2, l3, 0, 0, 0, 0])).0
    }

    pub(super) fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    #[inline(always)]
    pub(super) fn square(self) -> Self {
        Self(reduce(self.0.squared()))
    }

    #[inline(always)]
    pub(super) fn double(self) -> Self {
        self + self
    }

    /// `other` if so, without a branch: half of the signs of random digits would be guessed wrong, and the loads
    /// behind them would begin later.
    #[inline(always)]
    pub(super) fn or_if(self, is_other: bool, other: Self) -> Self {
        let mask = u64::from(is_other).wrapping_neg();
        let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (self.0.0, other.0.0);
        let choose = |a: u64, b: u64| a ^ ((a ^ b) & mask);
        Self(Limbs([
            choose(a0, b0),
            choose(a1, b1),
            choose(a2, b2),
            choose(a3, b3),
        ]))
    }

    /// The inverse; zero of zero.
    pub(super) fn inverse(self) -> Self {
        // Of value * R it is 1 / (value * R); two factors of R^2 make that R / value.
        let plain = Self(INVERTER.inverse(self.0));
        plain * Self(R_SQUARED) * Self(R_SQUARED)
    }
}

static INVERTER: Inverter = Inverter::new(MODULUS);

impl std::ops::Add for Fp {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0.plus_mod(other.0, MODULUS))
    }
}

impl std::ops::Sub for Fp {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(self.0.minus_mod(other.0, MODULUS))
    }
}

impl std::ops::Neg for Fp {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self::ZERO - self
    }
}

impl std::ops::Mul for Fp {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(reduce(self.0.times(other.0)))
    }
}

/// `t / R` modulo p, for `t` below p * R.
///
/// -1/p is 1 modulo 2^64, so each step's factor is the lowest limb m itself, and adding m * p clears
/// it: m * p = m * 2^256 - m * 2^224 + m * 2^192 + m * 2^96 - m.
#[inline(always)]
fn reduce(t: [u64; 8]) -> Limbs {
    let [t0, t1, t2, t3, t4, t5, t6, t7] = t;
    let (t1, t2, t3, t4, c4) = step(t0, t1, t2, t3, t4);
    let (t2, t3, t4, t5, c5) = step(t1, t2, t3, t4, t5);
    let (t3, t4, t5, t6, c6) = step(t2, t3, t4, t5, t6);
    let (t4, t5, t6, t7, c7) = step(t3, t4, t5, t6, t7);
    // What overflowed limb i belongs to limb i + 1.
    let (t5, c) = t5.carrying_add(u64::from(c4), false);
    let (t6, c) = t6.carrying_add(u64::from(c5), c);
    let (t7, c) = t7.carrying_add(u64::from(c6), c);
    Limbs([t4, t5, t6, t7]).reduced_once(c | c7, MODULUS)
}

/// Adds `m * p` to a number whose lowest limb is `m`; the limbs above it, and what overflows.
#[inline(always)]
fn step(m: u64, t1: u64, t2: u64, t3: u64, t4: u64) -> (u64, u64, u64, u64, bool) {
    let (low, high) = m.carrying_mul(0xffff_ffff_0000_0001, 0);
    let (t1, c) = t1.carrying_add(m << 32, false);
    let (t2, c) = t2.carrying_add(m >> 32, c);
    let (t3, c) = t3.carrying_add(low, c);
    let (t4, c) = t4.carrying_add(high, c);
    (t1, t2, t3, t4, c)
}
