//! The field of Ed25519's coordinates: numbers modulo p = 2^255 - 19, in four limbs of 64 bits.
//!
//! Nothing is reduced more than it must be: any number below 2^256 stands for itself modulo p, and what is
//! above 2^256 comes back times 38, which it is modulo p.

use std::sync::LazyLock;

use crate::crypto::inverse::Inverter;
use crate::crypto::limbs::Limbs;

/// p.
pub(super) const MODULUS: Limbs = Limbs([
    0xffff_ffff_ffff_ffed,
    u64::MAX,
    u64::MAX,
    0x7fff_ffff_ffff_ffff,
]);

/// d of the curve -x^2 + y^2 = 1 + d x^2 y^2: -121665/121666.
pub(super) const D: Fe = Fe::from_limbs(Limbs([
    0x75eb_4dca_1359_78a3,
    0x0070_0a4d_4141_d8ab,
    0x8cc7_4079_7779_e898,
    0x5203_6cee_2b6f_fe73,
]));

/// A square root of -1: 2^((p - 1) / 4).
const ROOT_OF_MINUS_ONE: Fe = Fe::from_limbs(Limbs([
    0xc4ee_1b27_4a0e_a0b0,
    0x2f43_1806_ad2f_e478,
    0x2b4d_0099_3dfb_d7a7,
    0x2b83_2480_4fc1_df0b,
]));

static INVERTER: LazyLock<Inverter> = LazyLock::new(|| Inverter::new(MODULUS));

/// A number modulo p.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fe(Limbs);

impl Fe {
    pub(super) const ZERO: Self = Self(Limbs([0; 4]));
    pub(super) const ONE: Self = Self(Limbs([1, 0, 0, 0]));

    /// Any number.
    #[inline]
    pub(super) const fn from_limbs(number: Limbs) -> Self {
        Self(number)
    }

    /// The number below p.
    pub(super) fn to_limbs(self) -> Limbs {
        // It is below 2 p + 38.
        self.0
            .reduced_once(false, MODULUS)
            .reduced_once(false, MODULUS)
    }

    #[inline]
    pub(super) fn plus(self, other: Self) -> Self {
        let (sum, carry) = self.0.plus(other.0);
        Self(with_carry(sum, if carry { 38 } else { 0 }))
    }

    #[inline]
    pub(super) fn minus(self, other: Self) -> Self {
        let (difference, borrow) = self.0.minus(other.0);
        let (difference, borrow) = difference.minus(Limbs([if borrow { 38 } else { 0 }, 0, 0, 0]));
        // What borrows again ends just below 2^256.
        let [l0, l1, l2, l3] = difference.0;
        Self(Limbs([l0 - if borrow { 38 } else { 0 }, l1, l2, l3]))
    }

    #[inline]
    pub(super) fn double(self) -> Self {
        self.plus(self)
    }

    #[inline]
    pub(super) fn times(self, other: Self) -> Self {
        Self::of_product(self.0.times(other.0))
    }

    #[inline]
    pub(super) fn square(self) -> Self {
        Self::of_product(self.0.squared())
    }

    /// The lower half and 38 times the upper half.
    #[inline]
    fn of_product([t0, t1, t2, t3, t4, t5, t6, t7]: [u64; 8]) -> Self {
        let (l0, c) = t4.carrying_mul_add(38, t0, 0);
        let (l1, c) = t5.carrying_mul_add(38, t1, c);
        let (l2, c) = t6.carrying_mul_add(38, t2, c);
        let (l3, c) = t7.carrying_mul_add(38, t3, c);
        // 38 at most is left.
        Self(with_carry(Limbs([l0, l1, l2, l3]), 38 * c))
    }

    /// The inverse; zero of zero.
    pub(super) fn inverse(self) -> Self {
        Self::from_limbs(INVERTER.inverse(self.to_limbs()))
    }

    pub(super) fn is_zero(self) -> bool {
        self.to_limbs().is_zero()
    }

    /// Whether the number below p is odd.
    pub(super) fn is_odd(self) -> bool {
        let [lowest, ..] = self.to_limbs().0;
        lowest & 1 == 1
    }

    /// A root of `self / other`, if there is one.
    // RFC 8032, 5.1.3: the candidate is u v^3 (u v^7)^((p - 5) / 8).
    pub(super) fn root_of_ratio(self, other: Self) -> Option<Self> {
        let cube = other.square().times(other);
        let root = self.times(cube).times(
            self.times(cube.square())
                .times(other)
                .to_the_p_less_5_by_8(),
        );
        let square = root.square().times(other);
        if square.minus(self).is_zero() {
            Some(root)
        } else if square.plus(self).is_zero() {
            Some(root.times(ROOT_OF_MINUS_ONE))
        } else {
            None
        }
    }

    /// The power 2^252 - 3: all bits set but the second lowest.
    fn to_the_p_less_5_by_8(self) -> Self {
        (0..252).rev().fold(Self::ONE, |power, bit| {
            let power = power.square();
            if bit == 1 { power } else { power.times(self) }
        })
    }
}

impl PartialEq for Fe {
    fn eq(&self, other: &Self) -> bool {
        self.to_limbs() == other.to_limbs()
    }
}

/// Inverts numbers that are not zero, with one inversion.
pub(super) fn invert_all(numbers: &mut [Fe]) {
    let mut product = Fe::ONE;
    let before: Vec<Fe> = numbers
        .iter()
        .map(|number| {
            let before = product;
            product = product.times(*number);
            before
        })
        .collect();
    let mut inverse = product.inverse();
    for (number, before) in numbers.iter_mut().zip(before).rev() {
        (*number, inverse) = (before.times(inverse), inverse.times(*number));
    }
}

/// Adds a number below 2^11.
#[inline]
fn with_carry(number: Limbs, more: u64) -> Limbs {
    let (sum, carry) = number.plus(Limbs([more, 0, 0, 0]));
    // What overflows again is small, and stays within the lowest limb.
    let [l0, l1, l2, l3] = sum.0;
    Limbs([l0 + if carry { 38 } else { 0 }, l1, l2, l3])
}
