//! Points in the lanes, and their sums: the formulas of `ed25519::point`.

use std::arch::x86_64::__mmask8;

use super::field::{Factor, Loose};

/// Entries of tables, one in each lane; all numbers are below p.
#[derive(Clone, Copy)]
pub(super) struct Entries {
    /// y + x of the points that are meant.
    pub(super) sum: Factor,
    /// y - x of them.
    pub(super) difference: Factor,
    /// 2 d x y of the points in the table.
    pub(super) product: Factor,
    /// The lanes where the opposite of the point in the table is meant.
    pub(super) negative: __mmask8,
}

/// Sums of entries, one in each lane, as fractions that are worked out when they are needed.
#[derive(Clone, Copy)]
pub(super) struct Points {
    pub(super) e: Factor,
    pub(super) f: Factor,
    pub(super) g: Factor,
    pub(super) h: Factor,
}

/// X, Y and Z.
#[derive(Clone, Copy)]
pub(super) struct Fractions {
    pub(super) x: Factor,
    pub(super) y: Factor,
    pub(super) z: Factor,
}

impl Points {
    /// The entries themselves: the sum with the neutral point.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn new(entries: &Entries) -> Self {
        let (sum, difference) = (entries.sum.exact(), entries.difference.exact());
        let two = Factor::splat([2, 0, 0, 0, 0]);
        Self {
            e: Loose::raise().plus(sum).minus(difference).factor(),
            f: two,
            g: two,
            h: sum.plus(difference).factor(),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn plus(&self, entries: &Entries) -> Self {
        let (x, y) = (self.e.times(self.f), self.g.times_raised(self.h));
        let (z, t) = (self.f.times_raised(self.g), self.e.times(self.h).factor());
        let a = y.minus(x).factor().times(entries.difference);
        let b = y.plus(x).factor().times_raised(entries.sum);
        let c = t.times(entries.product).negated_in(entries.negative);
        // Both limbs of it are raised: enough for c, whatever its sign.
        let d = z.double();
        Self {
            e: b.minus(a).factor(),
            f: d.minus(c).factor(),
            g: d.plus(c).factor(),
            h: b.plus(a).factor(),
        }
    }

    /// Twice the points.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn double(&self) -> Self {
        let (x, y) = (self.e.times(self.f), self.g.times(self.h));
        let z = self.f.times(self.g).factor();
        let a = x.factor().square();
        let b = y.factor().square();
        let h = a.plus(b);
        // x + y squared, raised once, less two products without a raise: twice 2^55.4 is below 2^56.4,
        // so it is raised once more.
        let e = x.plus(y).factor().square_raised().plus(Loose::raise());
        let g = Loose::raise().plus(b).minus(a);
        let zz = z.square_raised().double();
        Self {
            e: e.minus(h).factor(),
            f: zz.minus(g).factor(),
            g: g.factor(),
            h: h.factor(),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn fractions(&self) -> Fractions {
        Fractions {
            x: self.e.times(self.f).factor(),
            y: self.g.times(self.h).factor(),
            z: self.f.times(self.g).factor(),
        }
    }
}
