//! Points of the curve -x^2 + y^2 = 1 + d x^2 y^2, and their sums.
//!
//! The formulas are *complete*: -1 is a square modulo p and d is none, so they add any two points of the
//! curve, equal, opposite, of small order or neutral, and no denominator is ever zero. There are no
//! exceptional cases to look for. (Hisil, Wong, Carter, Dawson: Twisted Edwards Curves Revisited, 2008.)

use super::field::{D, Fe, invert_all};
use crate::crypto::limbs::Limbs;

/// A point by its two coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::crypto) struct Affine {
    pub(super) x: Fe,
    pub(super) y: Fe,
}

/// A sum on its way: x = e/g, y = h/f, in fractions that are worked out when they are needed:
/// X = e f, Y = g h, Z = f g, T = e h, with x = X/Z, y = Y/Z, x y = T/Z.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) e: Fe,
    pub(super) f: Fe,
    pub(super) g: Fe,
    pub(super) h: Fe,
}

/// What a table holds of a point: y + x, y - x and 2 d x y.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addend {
    pub(super) sum: Fe,
    pub(super) difference: Fe,
    pub(super) product: Fe,
}

impl Affine {
    /// The generator: y = 4/5, x even.
    pub(super) fn generator() -> Option<Self> {
        let y = Fe::from_limbs(Limbs([4, 0, 0, 0]))
            .times(Fe::from_limbs(Limbs([5, 0, 0, 0])).inverse());
        Self::from_y(y, false)
    }

    /// Reads a point's canonical form: y below p and the sign of x, which zero does not have.
    pub(super) fn from_canonical(bytes: &[u8; 32]) -> Option<Self> {
        let limbs = Limbs::from_le_bytes(bytes);
        let (y, is_odd) = without_sign(limbs);
        let point = Self::from_y(Fe::from_limbs(y), is_odd)?;
        (point.to_canonical() == limbs).then_some(point)
    }

    fn from_y(y: Fe, is_odd: bool) -> Option<Self> {
        let square = y.square();
        let x = square
            .minus(Fe::ONE)
            .root_of_ratio(square.times(D).plus(Fe::ONE))?;
        let x = if x.is_odd() == is_odd {
            x
        } else {
            Fe::ZERO.minus(x)
        };
        Some(Self { x, y })
    }

    /// The form that is compared as bytes.
    pub(super) fn to_canonical(self) -> Limbs {
        canonical(self.x.is_odd(), self.y)
    }

    pub(super) fn negated(self) -> Self {
        Self {
            x: Fe::ZERO.minus(self.x),
            y: self.y,
        }
    }

    pub(super) fn addend(&self) -> Addend {
        Addend {
            sum: self.y.plus(self.x),
            difference: self.y.minus(self.x),
            product: self.x.times(self.y).times(D).double(),
        }
    }
}

/// y with the sign of x above it.
pub(super) fn canonical(x_is_odd: bool, y: Fe) -> Limbs {
    let [w0, w1, w2, w3] = y.to_limbs().0;
    Limbs([w0, w1, w2, w3 | u64::from(x_is_odd) << 63])
}

/// The lower 255 bits, and whether the uppermost is set.
fn without_sign(limbs: Limbs) -> (Limbs, bool) {
    let [w0, w1, w2, w3] = limbs.0;
    (Limbs([w0, w1, w2, w3 & u64::MAX >> 1]), w3 >> 63 == 1)
}

impl Addend {
    /// That of the opposite point, on demand.
    #[inline]
    pub(super) fn negated_if(self, negative: bool) -> Self {
        if negative {
            Self {
                sum: self.difference,
                difference: self.sum,
                product: Fe::ZERO.minus(self.product),
            }
        } else {
            self
        }
    }
}

impl Point {
    pub(super) const NEUTRAL: Self = Self {
        e: Fe::ZERO,
        f: Fe::ONE,
        g: Fe::ONE,
        h: Fe::ONE,
    };

    /// The sum.
    #[inline(always)]
    pub(super) fn plus(&self, addend: &Addend) -> Self {
        let (x, y) = (self.e.times(self.f), self.g.times(self.h));
        let (z, t) = (self.f.times(self.g), self.e.times(self.h));
        let a = y.minus(x).times(addend.difference);
        let b = y.plus(x).times(addend.sum);
        let c = t.times(addend.product);
        let d = z.double();
        Self {
            e: b.minus(a),
            f: d.minus(c),
            g: d.plus(c),
            h: b.plus(a),
        }
    }

    /// Twice the point.
    #[inline]
    pub(super) fn double(&self) -> Self {
        let (x, y) = (self.e.times(self.f), self.g.times(self.h));
        let z = self.f.times(self.g);
        let (a, b) = (x.square(), y.square());
        let h = b.plus(a);
        let g = b.minus(a);
        Self {
            e: x.plus(y).square().minus(h),
            f: z.square().double().minus(g),
            g,
            h,
        }
    }

    /// x, y and 1 as fractions with one denominator: X, Y, Z.
    #[inline]
    pub(super) fn fractions(&self) -> (Fe, Fe, Fe) {
        (
            self.e.times(self.f),
            self.g.times(self.h),
            self.f.times(self.g),
        )
    }
}

/// The coordinates of many points, with one inversion.
pub(super) fn to_affine(points: &[Point]) -> Vec<Affine> {
    let fractions: Vec<_> = points.iter().map(Point::fractions).collect();
    // No denominator is zero: the formulas are complete.
    let mut inverses: Vec<Fe> = fractions.iter().map(|&(_, _, z)| z).collect();
    invert_all(&mut inverses);
    fractions
        .into_iter()
        .zip(inverses)
        .map(|((x, y, _), inverse)| Affine {
            x: x.times(inverse),
            y: y.times(inverse),
        })
        .collect()
}
