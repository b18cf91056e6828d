//! Points of P-256, y^2 = x^3 - 3x + b, in two forms: affine, and XYZZ for sums.
//!
//! Invariant: an [`Affine`] is never the point at infinity. An [`Xyzz`] whose zz is zero is infinity or
//! broken: the sum that made it met equal or opposite points, which its formula cannot add. It stays
//! so whatever is added or doubled afterwards, because each zz is a multiple of the one before; one
//! look at the end is enough.

use super::field::Fp;
use crate::crypto::limbs::Limbs;

/// A point by its coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::crypto) struct Affine {
    pub(super) x: Fp,
    pub(super) y: Fp,
}

/// x = `x / zz`, y = `y / zzz`, zz^3 = zzz^2.
#[derive(Debug, Clone, Copy)]
pub(super) struct Xyzz {
    pub(super) x: Fp,
    pub(super) y: Fp,
    pub(super) zz: Fp,
    pub(super) zzz: Fp,
}

/// SEC 2 version 2, section 2.4.2.
const GENERATOR: [[u64; 4]; 2] = [
    [
        0xf4a1_3945_d898_c296,
        0x7703_7d81_2deb_33a0,
        0xf8bc_e6e5_63a4_40f2,
        0x6b17_d1f2_e12c_4247,
    ],
    [
        0xcbb6_4068_37bf_51f5,
        0x2bce_3357_6b31_5ece,
        0x8ee7_eb4a_7c0f_9e16,
        0x4fe3_42e2_fe1a_7f9b,
    ],
];

impl Affine {
    /// The group's generator.
    pub(super) fn generator() -> Option<Self> {
        let [x, y] = GENERATOR.map(|limbs| Fp::from_limbs(Limbs(limbs)));
        Some(Self { x: x?, y: y? })
    }

    /// Reads 0x04 and two coordinates. That the point is on the curve was checked when the key was made.
    pub(super) fn from_uncompressed(bytes: &[u8]) -> Option<Self> {
        let (&[4], coordinates) = bytes.split_first_chunk::<1>()? else {
            return None;
        };
        let (x, y) = coordinates.split_first_chunk::<32>()?;
        let coordinate = |bytes| Fp::from_limbs(Limbs::from_be_bytes(bytes));
        Some(Self {
            x: coordinate(x)?,
            y: coordinate(y.try_into().ok()?)?,
        })
    }

    #[inline]
    pub(super) fn negated_if(self, negate: bool) -> Self {
        let y = self.y.or_if(negate, -self.y);
        Self { x: self.x, y }
    }

    /// The sum with `other`, given `1 / (other.x - self.x)`.
    #[inline]
    pub(super) fn plus(self, other: Self, inverse: Fp) -> Self {
        let slope = (other.y - self.y) * inverse;
        let x = slope.square() - self.x - other.x;
        let y = slope * (self.x - x) - self.y;
        Self { x, y }
    }
}

impl From<Affine> for Xyzz {
    fn from(point: Affine) -> Self {
        Self {
            x: point.x,
            y: point.y,
            zz: Fp::ONE,
            zzz: Fp::ONE,
        }
    }
}

impl Xyzz {
    /// Twice the point (dbl-2008-s-1 of the Explicit-Formulas Database, with a = -3). No point has order
    /// two, so infinity alone gives zz = 0.
    #[inline]
    pub(super) fn double(self) -> Self {
        let u = self.y.double();
        let v = u.square();
        let w = u * v;
        let s = self.x * v;
        let m = (self.x - self.zz) * (self.x + self.zz);
        let m = m.double() + m;
        let x = m.square() - s.double();
        Self {
            x,
            y: m * (s - x) - w * self.y,
            zz: v * self.zz,
            zzz: w * self.zzz,
        }
    }

    /// The sum with an affine point (madd-2008-s); zz = 0 where the points are equal or opposite.
    #[inline]
    pub(super) fn plus(self, other: Affine) -> Self {
        let p = other.x * self.zz - self.x;
        let r = other.y * self.zzz - self.y;
        let pp = p.square();
        let ppp = p * pp;
        let q = self.x * pp;
        let x = r.square() - ppp - q.double();
        Self {
            x,
            y: r * (q - x) - self.y * ppp,
            zz: self.zz * pp,
            zzz: self.zzz * ppp,
        }
    }
}

/// The affine forms; `None` if one of the points is infinity or broken. One inversion for all.
pub(super) fn to_affine(points: &[Xyzz]) -> Option<Vec<Affine>> {
    let mut inverses: Vec<Fp> = points.iter().map(|point| point.zzz).collect();
    invert_all(&mut inverses)?;
    let affine = points.iter().zip(inverses).map(|(point, inverse)| {
        // 1/zzz is 1/z^3, so zz / zzz is 1/z and its square 1/zz.
        let z_inverse = point.zz * inverse;
        Affine {
            x: point.x * z_inverse.square(),
            y: point.y * inverse,
        }
    });
    Some(affine.collect())
}

/// Inverts all elements with one inversion (Montgomery's trick); `None`, leaving rubbish behind, where
/// one of them is zero.
pub(super) fn invert_all(elements: &mut [Fp]) -> Option<()> {
    let mut product = Fp::ONE;
    let before: Vec<Fp> = elements
        .iter()
        .map(|&element| {
            let before = product;
            product = product * element;
            before
        })
        .collect();
    if product.is_zero() {
        return None;
    }
    let mut inverse = product.inverse();
    for (element, before) in elements.iter_mut().zip(before).rev() {
        (*element, inverse) = (inverse * before, inverse * *element);
    }
    Some(())
}
