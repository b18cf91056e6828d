//! The field of P-256's coordinates, eight elements side by side in the lanes of vectors.
//!
//! An element is five limbs of 52 bits, least significant first, in Montgomery form with R = 2^260.
//! Nothing is reduced more than it must be. Three types say what is known of the limbs:
//!
//! ```text
//!            carried_factor               what a product takes: the lower 52 bits of each
//!          .-----------------> Factor     limb count, whatever stands above them
//!   Loose -+-----------------> Exact      all limbs below 2^52: serves as either
//!          carried / reduced
//!   what sums and products give: limbs are signed, below 2^58 in absolute value
//! ```
//!
//! # Bounds
//! A value has a bound of its own, in units of p, that the comments of `point` carry along:
//! - a product of factors below a p and b p is (a b p^2 + m p) / 2^260 with m < 2^260, so below
//!   (1 + a b / 16) p, because p < 2^256; and a sum of two products with bounds a b and c d is below
//!   (1 + (a b + c d) / 16) p;
//! - carrying leaves a value as it is. It must not be negative, and below 16 p < 2^260, so that it fits
//!   five limbs: hence every difference adds the multiple of p that its subtrahend may come to;
//! - [`Loose::reduced`] takes any value from 0 to 16 p to one below (1 + 2^-27) p.
//!
//! In 64 bits there is room: a row of a product adds to a limb at most two halves of products below
//! 2^52, twice that if two products are summed, as many again for the multiple of p, and a carry; each
//! limb sees five rows, so stays below 5 * 6 * 2^52 + 2^16 < 2^57. Sums of a few of those stay below 2^62.

use std::arch::x86_64::{
    __m512i, __mmask8, _mm512_add_epi64, _mm512_and_si512, _mm512_cmpeq_epi64_mask,
    _mm512_cmplt_epi64_mask, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_mask_mov_epi64,
    _mm512_mask_sub_epi64, _mm512_or_si512, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_slli_epi64, _mm512_srai_epi64, _mm512_srli_epi64, _mm512_sub_epi64,
};

/// Limbs of 52 bits.
pub(super) type Limbs52 = [i64; 5];

const LIMB_MASK: i64 = (1 << 52) - 1;

/// p.
pub(super) const MODULUS: Limbs52 = [
    0xf_ffff_ffff_ffff,
    0x0_0fff_ffff_ffff,
    0,
    0x0_0010_0000_0000,
    0x0_ffff_ffff_0000,
];

/// p + 1 is 2^44 at limb 1, 2^36 at limb 3 and this at limb 4: 2^256 - 2^224.
const MODULUS_TOP: i64 = 0x0_ffff_ffff_0000;

/// 16 R modulo p.
pub(super) const SIXTEEN: Limbs52 = [
    0x100,
    0,
    0xf_ffff_ffff_ffff,
    0xf_efff_ffff_ffff,
    0x0_0000_00ff_ffff,
];

/// R^2 / 16 modulo p.
pub(super) const R_SQUARED_BY_SIXTEEN: Limbs52 = [
    0x30,
    0xb_ffff_ffff_0000,
    0xf_ffff_efff_ffff,
    0xf_fdff_ffff_ffff,
    0x0_0000_004f_ffff,
];

/// What products and sums give: the limbs are signed, and need not be below 2^52.
#[derive(Clone, Copy)]
pub(super) struct Loose(pub(super) [__m512i; 5]);

/// What products take: the lower 52 bits of each limb count.
#[derive(Clone, Copy)]
pub(super) struct Factor(pub(super) [__m512i; 5]);

/// All limbs are below 2^52.
#[derive(Clone, Copy)]
pub(super) struct Exact(pub(super) [__m512i; 5]);

impl Exact {
    /// The same number in every lane.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn splat(limbs: Limbs52) -> Self {
        let [l0, l1, l2, l3, l4] = limbs;
        Self([splat(l0), splat(l1), splat(l2), splat(l3), splat(l4)])
    }

    #[inline]
    pub(super) fn loose(self) -> Loose {
        Loose(self.0)
    }

    #[inline]
    pub(super) fn factor(self) -> Factor {
        Factor(self.0)
    }

    /// The same modulo p, for values below 2 p: below p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn canonical(self) -> Self {
        self.less_once(MODULUS)
    }

    /// Less a modulus where that is not negative.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn less_once(self, modulus: Limbs52) -> Self {
        let modulus = Self::splat(modulus).loose();
        let less = self.loose().minus(modulus).carried_factor();
        let [_, _, _, _, top] = less.0;
        let below = _mm512_cmplt_epi64_mask(top, _mm512_setzero_si512());
        let ([a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4]) = (less.exact().0, self.0);
        Self([
            _mm512_mask_mov_epi64(a0, below, b0),
            _mm512_mask_mov_epi64(a1, below, b1),
            _mm512_mask_mov_epi64(a2, below, b2),
            _mm512_mask_mov_epi64(a3, below, b3),
            _mm512_mask_mov_epi64(a4, below, b4),
        ])
    }

    /// Numbers below 2^256 in words of 64 bits: the inverse of [`Factor::from_words`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn words(self) -> [__m512i; 4] {
        let [l0, l1, l2, l3, l4] = self.0;
        [
            _mm512_or_si512(l0, _mm512_slli_epi64::<52>(l1)),
            _mm512_or_si512(_mm512_srli_epi64::<12>(l1), _mm512_slli_epi64::<40>(l2)),
            _mm512_or_si512(_mm512_srli_epi64::<24>(l2), _mm512_slli_epi64::<28>(l3)),
            _mm512_or_si512(_mm512_srli_epi64::<36>(l3), _mm512_slli_epi64::<16>(l4)),
        ]
    }

    /// The lanes that are zero modulo p, for values below 2 p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn zero_lanes(self) -> __mmask8 {
        let equal = |limbs: Limbs52| {
            let ([a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4]) = (self.0, limbs);
            _mm512_cmpeq_epi64_mask(a0, splat(b0))
                & _mm512_cmpeq_epi64_mask(a1, splat(b1))
                & _mm512_cmpeq_epi64_mask(a2, splat(b2))
                & _mm512_cmpeq_epi64_mask(a3, splat(b3))
                & _mm512_cmpeq_epi64_mask(a4, splat(b4))
        };
        equal([0; 5]) | equal(MODULUS)
    }
}

impl Factor {
    /// Numbers of 256 bits, of whose limbs of 64 bits each vector has one.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn from_words([w0, w1, w2, w3]: [__m512i; 4]) -> Self {
        Self([
            w0,
            _mm512_or_si512(_mm512_srli_epi64::<52>(w0), _mm512_slli_epi64::<12>(w1)),
            _mm512_or_si512(_mm512_srli_epi64::<40>(w1), _mm512_slli_epi64::<24>(w2)),
            _mm512_or_si512(_mm512_srli_epi64::<28>(w2), _mm512_slli_epi64::<36>(w3)),
            _mm512_srli_epi64::<16>(w3),
        ])
    }

    /// `self * other / R`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn times(self, other: Self) -> Loose {
        let [b0, b1, b2, b3, b4] = other.0;
        let rows = Rows::new().plus(self, b0).shifted();
        let rows = rows.plus(self, b1).shifted();
        let rows = rows.plus(self, b2).shifted();
        let rows = rows.plus(self, b3).shifted();
        rows.plus(self, b4).shifted().end()
    }

    /// `(self * other + third * fourth) / R`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn times_plus(self, other: Self, third: Self, fourth: Self) -> Loose {
        let ([b0, b1, b2, b3, b4], [d0, d1, d2, d3, d4]) = (other.0, fourth.0);
        let rows = Rows::new().plus(self, b0).plus(third, d0).shifted();
        let rows = rows.plus(self, b1).plus(third, d1).shifted();
        let rows = rows.plus(self, b2).plus(third, d2).shifted();
        let rows = rows.plus(self, b3).plus(third, d3).shifted();
        rows.plus(self, b4).plus(third, d4).shifted().end()
    }

    /// `self / 16`, below (1 + a / 16) p for a value below a p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn sixteenth(self) -> Loose {
        Rows::new().plus(self, splat(1 << 48)).shifted().end()
    }

    /// `self^2 / R`: the products off the diagonal, twice, and those on it.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn square(self) -> Loose {
        let [a0, a1, a2, a3, a4] = self.0;
        let zero = _mm512_setzero_si512();
        // Off the diagonal, up to four halves of products each.
        let t1 = low(zero, a0, a1);
        let t2 = low(high(zero, a0, a1), a0, a2);
        let t3 = low(low(high(zero, a0, a2), a0, a3), a1, a2);
        let t4 = low(low(zero, a0, a4), a1, a3);
        let t4 = high(high(t4, a0, a3), a1, a2);
        let t5 = low(low(zero, a1, a4), a2, a3);
        let t5 = high(high(t5, a0, a4), a1, a3);
        let t6 = high(high(low(zero, a2, a4), a1, a4), a2, a3);
        let t7 = low(high(zero, a2, a4), a3, a4);
        let t8 = high(zero, a3, a4);
        let twice = |t: __m512i| _mm512_add_epi64(t, t);
        let t0 = low(zero, a0, a0);
        let t1 = high(twice(t1), a0, a0);
        let t2 = low(twice(t2), a1, a1);
        let t3 = high(twice(t3), a1, a1);
        let t4 = low(twice(t4), a2, a2);
        let t5 = high(twice(t5), a2, a2);
        let t6 = low(twice(t6), a3, a3);
        let t7 = high(twice(t7), a3, a3);
        let t8 = low(twice(t8), a4, a4);
        let t9 = high(zero, a4, a4);
        let Rows([t1, t2, t3, t4, t5, _]) = Rows([t0, t1, t2, t3, t4, t5]).shifted();
        let Rows([t2, t3, t4, t5, t6, _]) = Rows([t1, t2, t3, t4, t5, t6]).shifted();
        let Rows([t3, t4, t5, t6, t7, _]) = Rows([t2, t3, t4, t5, t6, t7]).shifted();
        let Rows([t4, t5, t6, t7, t8, _]) = Rows([t3, t4, t5, t6, t7, t8]).shifted();
        Rows([t4, t5, t6, t7, t8, t9]).shifted().end()
    }

    /// Clears what stands above the 52 bits of each limb.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn exact(self) -> Exact {
        let [a0, a1, a2, a3, a4] = self.0;
        Exact([masked(a0), masked(a1), masked(a2), masked(a3), masked(a4)])
    }
}

/// A product on its way: six limbs, of which the lowest goes with each row.
#[derive(Clone, Copy)]
pub(super) struct Rows(pub(super) [__m512i; 6]);

impl Rows {
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn new() -> Self {
        Self([_mm512_setzero_si512(); 6])
    }

    /// Adds `a * b`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn plus(self, a: Factor, b: __m512i) -> Self {
        let Self([t0, t1, t2, t3, t4, t5]) = self;
        let Factor([a0, a1, a2, a3, a4]) = a;
        Self([
            low(t0, a0, b),
            high(low(t1, a1, b), a0, b),
            high(low(t2, a2, b), a1, b),
            high(low(t3, a3, b), a2, b),
            high(low(t4, a4, b), a3, b),
            high(t5, a4, b),
        ])
    }

    /// Adds the multiple of p that clears the lowest 52 bits, and divides by 2^52.
    ///
    /// -1/p is 1 modulo 2^52, so the multiple is the lowest limb's lower 52 bits, m. Adding m p is to
    /// take m away and to add m (p + 1). The upper halves of the products by 2^44 and 2^36 are shifts: a
    /// CPU with one multiplier for eight lanes has adders to spare.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn shifted(self) -> Self {
        let Self([m, t1, t2, t3, t4, t5]) = self;
        let (at_1, at_3, at_4) = (splat(1 << 44), splat(1 << 36), splat(MODULUS_TOP));
        let carry = _mm512_srli_epi64::<52>(m);
        let m = masked(m);
        let t2 = _mm512_add_epi64(t2, _mm512_srli_epi64::<8>(m));
        let t4 = _mm512_add_epi64(t4, _mm512_srli_epi64::<16>(m));
        Self([
            low(_mm512_add_epi64(t1, carry), m, at_1),
            t2,
            low(t3, m, at_3),
            low(t4, m, at_4),
            high(t5, m, at_4),
            _mm512_setzero_si512(),
        ])
    }

    #[inline]
    pub(super) fn end(self) -> Loose {
        let Self([t0, t1, t2, t3, t4, _]) = self;
        Loose([t0, t1, t2, t3, t4])
    }
}

impl Loose {
    /// K p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn moduli<const K: i64>() -> Self {
        let [p0, p1, p2, p3, p4] = MODULUS;
        Self([
            splat(K * p0),
            splat(K * p1),
            splat(K * p2),
            splat(K * p3),
            splat(K * p4),
        ])
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn plus(self, other: Self) -> Self {
        let ([a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4]) = (self.0, other.0);
        Self([
            _mm512_add_epi64(a0, b0),
            _mm512_add_epi64(a1, b1),
            _mm512_add_epi64(a2, b2),
            _mm512_add_epi64(a3, b3),
            _mm512_add_epi64(a4, b4),
        ])
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn minus(self, other: Self) -> Self {
        let ([a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4]) = (self.0, other.0);
        Self([
            _mm512_sub_epi64(a0, b0),
            _mm512_sub_epi64(a1, b1),
            _mm512_sub_epi64(a2, b2),
            _mm512_sub_epi64(a3, b3),
            _mm512_sub_epi64(a4, b4),
        ])
    }

    /// `self - other` in the lanes that are set, `self + other` in those that are not.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn minus_or_plus(self, minus: __mmask8, other: Self) -> Self {
        let ([a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4]) = (self.0, other.0);
        let limb = |a, b| _mm512_mask_sub_epi64(_mm512_add_epi64(a, b), minus, a, b);
        Self([
            limb(a0, b0),
            limb(a1, b1),
            limb(a2, b2),
            limb(a3, b3),
            limb(a4, b4),
        ])
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn double(self) -> Self {
        self.plus(self)
    }

    /// Carries from limb to limb, for a product to take.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn carried_factor(self) -> Factor {
        let [t0, t1, t2, t3, t4] = self.0;
        let carry = |from, to| _mm512_add_epi64(to, _mm512_srai_epi64::<52>(from));
        let t1 = carry(t0, t1);
        let t2 = carry(t1, t2);
        let t3 = carry(t2, t3);
        let t4 = carry(t3, t4);
        Factor([t0, t1, t2, t3, t4])
    }

    /// Carries from limb to limb.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn carried(self) -> Exact {
        self.carried_factor().exact()
    }

    /// Takes so many p away that less than (1 + 2^-27) p is left, and carries.
    ///
    /// With `top` the uppermost limb's bits from 2^256 on, rounded downwards, the value is between
    /// top 2^256 - 2^215 and (top + 1) 2^256 + 2^215: the lower limbs are below 2^58 in absolute value.
    /// `top` is 15 at most, and 2^256 - p below 2^224. So what is left, top p less, is above zero where
    /// `top` is 1 or more, the value itself where it is 0, and above zero where it is less; and it is
    /// below 2^256 + 15 * 2^224 + 2^215.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn reduced(self) -> Exact {
        let [t0, t1, t2, t3, t4] = self.0;
        let top = _mm512_srai_epi64::<48>(t4);
        // top p is top 2^256 - top 2^224 + top 2^192 + top 2^96 - top.
        let t4 = _mm512_and_si512(t4, splat((1 << 48) - 1));
        let t4 = _mm512_add_epi64(t4, _mm512_slli_epi64::<16>(top));
        let t3 = _mm512_sub_epi64(t3, _mm512_slli_epi64::<36>(top));
        let t1 = _mm512_sub_epi64(t1, _mm512_slli_epi64::<44>(top));
        let t0 = _mm512_add_epi64(t0, top);
        Self([t0, t1, t2, t3, t4]).carried()
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn splat(limb: i64) -> __m512i {
    _mm512_set1_epi64(limb)
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn masked(limb: __m512i) -> __m512i {
    _mm512_and_si512(limb, splat(LIMB_MASK))
}

/// The lower 52 bits of a product.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn low(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
    _mm512_madd52lo_epu64(sum, a, b)
}

/// The upper 52 bits of a product.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn high(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
    _mm512_madd52hi_epu64(sum, a, b)
}
