//! Points in the lanes, and their sums: the formulas of `p256::point`.
//!
//! Two things differ from there, and save work:
//! - **Sixteen.** Tables hold x R' with R' = 2^256 instead of R = 16 R'. What multiplies an entry is
//!   zz or zzz and nothing else, so these two carry a factor 16 that entries lack.
//! - **Signs.** The formula for y subtracts a product; with -p for p and -u for u it adds one, and the
//!   two share a reduction. In exchange zzz changes its sign with every addition and doubling: it is
//!   the negative of the formula's after an odd number of them. The sign of the entry's y, which is
//!   chosen anyway, makes up for it.

use std::arch::x86_64::__mmask8;

use super::field::{Exact, Factor, Loose, R_SQUARED_BY_SIXTEEN, SIXTEEN};

/// Entries of tables, one in each lane.
#[derive(Clone, Copy)]
pub(super) struct Entries {
    /// Below p.
    pub(super) x: Factor,
    /// Below p.
    pub(super) y: Factor,
    /// The lanes where the opposite point is meant.
    pub(super) negative: __mmask8,
}

/// Sums of entries, one in each lane.
#[derive(Clone, Copy)]
pub(super) struct Points {
    /// Below 1.1 p.
    pub(super) x: Exact,
    /// Below 2.5 p.
    pub(super) y: Exact,
    /// 16 zz. Below 1.25 p.
    pub(super) zz: Factor,
    /// 16 zzz, or -16 zzz where the sign is turned. Below 1.25 p.
    pub(super) zzz: Factor,
    /// All lanes where zzz has the wrong sign.
    pub(super) turned: __mmask8,
}

/// What became of the lanes.
#[derive(Clone, Copy)]
pub(super) struct Comparison {
    /// Lanes where x is the number asked for.
    pub(super) equal: __mmask8,
    /// Lanes whose sum is infinity or broken: nothing is known of x.
    pub(super) broken: __mmask8,
}

impl Points {
    /// The entries themselves.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn new(entries: &Entries) -> Self {
        let sixteen = Exact::splat(SIXTEEN).factor();
        // Both products are below 1.07 p.
        let y = entries.y.times(sixteen);
        Self {
            x: entries.x.times(sixteen).carried(),
            y: Loose::moduli::<2>()
                .minus_or_plus(entries.negative, y)
                .reduced(),
            zz: sixteen,
            zzz: sixteen,
            turned: 0,
        }
    }

    /// The sums with entries; zz = 0 where two points are equal or opposite.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn plus(&self, entries: &Entries) -> Self {
        let (x, y) = (self.x.loose(), self.y.loose());
        // Both below 1.08 p.
        let u2 = entries.x.times(self.zz);
        let s2 = entries.y.times(self.zzz);
        // The formula's p and ppp, negated. Below 3.1 p.
        let p = x.plus(Loose::moduli::<2>()).minus(u2).carried_factor();
        // Below 5.08 p: 4 p are more than y and s2.
        let r = Loose::moduli::<4>()
            .minus(y)
            .minus_or_plus(entries.negative ^ self.turned, s2)
            .carried_factor();
        // Below 1.61 p, 1.32 p and 1.12 p.
        let pp = p.square().carried_factor();
        let ppp_loose = p.times(pp);
        let ppp = ppp_loose.carried_factor();
        let q = self.x.factor().times(pp);
        // Before it is reduced below (2.62 + 1.32 + 3) p.
        let x = r
            .square()
            .plus(ppp_loose)
            .plus(Loose::moduli::<3>())
            .minus(q.double())
            .reduced();
        // Below 3.12 p.
        let q_less_x = q
            .plus(Loose::moduli::<2>())
            .minus(x.loose())
            .carried_factor();
        Self {
            x,
            // Below (1 + (5.08 * 3.12 + 2.5 * 1.32) / 16) p < 2.2 p.
            y: r.times_plus(q_less_x, self.y.factor(), ppp).carried(),
            // Below 1.13 p, 1.11 p.
            zz: self.zz.times(pp).carried_factor(),
            zzz: self.zzz.times(ppp).carried_factor(),
            turned: !self.turned,
        }
    }

    /// Twice the points; zz = 0 remains.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn double(&self) -> Self {
        let (x, y) = (self.x.loose(), self.y.loose());
        // The formula's u and w, negated. Below 5 p, 2.57 p, 1.81 p.
        let u = Loose::moduli::<5>().minus(y.double()).carried_factor();
        let v = u.square().carried_factor();
        let w = u.times(v).carried_factor();
        // Below 1.18 p.
        let s = self.x.factor().times(v);
        // Below 1.08 p.
        let zz = self.zz.sixteenth();
        // Below 3.1 p, 2.18 p, so that m is below 3 * 1.43 p.
        let x_less_zz = x.plus(Loose::moduli::<2>()).minus(zz).carried_factor();
        let m = x_less_zz.times(x.plus(zz).carried_factor());
        let m = m.double().plus(m).carried_factor();
        // Before it is reduced below (2.16 + 3) p.
        let x = m
            .square()
            .plus(Loose::moduli::<3>())
            .minus(s.double())
            .reduced();
        // Below 3.18 p.
        let s_less_x = s
            .plus(Loose::moduli::<2>())
            .minus(x.loose())
            .carried_factor();
        Self {
            x,
            // Below (1 + (4.29 * 3.18 + 2.5 * 1.81) / 16) p < 2.2 p.
            y: m.times_plus(s_less_x, self.y.factor(), w).carried(),
            // Below 1.21 p, 1.15 p.
            zz: self.zz.times(v).carried_factor(),
            zzz: self.zzz.times(w).carried_factor(),
            turned: !self.turned,
        }
    }

    /// Whether r zz = x, for numbers r below p that are not in Montgomery form.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn compare(&self, r: Factor) -> Comparison {
        // The factor R^2 / 16 brings r into Montgomery form and makes up for the 16 of zz.
        let r = r
            .times(Exact::splat(R_SQUARED_BY_SIXTEEN).factor())
            .carried_factor();
        let expected = r.times(self.zz);
        let difference = expected.plus(Loose::moduli::<2>()).minus(self.x.loose());
        Comparison {
            equal: difference.reduced().zero_lanes(),
            broken: self.zz.exact().zero_lanes(),
        }
    }
}
