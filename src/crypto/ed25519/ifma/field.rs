//! The field of Ed25519's coordinates, eight elements side by side in the lanes of vectors.
//!
//! An element is five limbs of 52 bits, least significant first; 2^260 is 608 modulo p. Nothing is
//! reduced more than it must be. Two types say what is known of the limbs:
//!
//! ```text
//!           factor           what a product takes: the lower 52 bits of each limb count, whatever
//!   Loose ----------> Factor     stands above them; the value is below 2^255 + 2^215
//!     ^                 |
//!     '-----------------'
//!          products      what products, sums and differences give: limbs are below 2^58, and not negative
//! ```
//!
//! # Bounds
//! - A column of a product sums at most 9 halves of products, each below 2^52. The upper five columns are
//!   carried and come back times 608: the product is below 2^510 + 2^471, so the last of them is below
//!   2^42 + 2^3 and 608 times it has one half only. All in all a limb of a product is below
//!   10 * 2^52 + 608 < 2^55.4.
//! - No limb may become negative, so a subtrahend is a product and a minuend is a product that was
//!   computed *raised*: on top of [`RAISE`], a multiple of p whose limbs are all above 2^55.4.
//!   Raised limbs are below 2^56.8, and the sum of two of them and a product below 2^58.
//! - [`Loose::factor`] takes limbs below 2^58: what is above 2^255 is below 2^11 and comes back
//!   times 19; carries are below 2^7. So the uppermost limb stays below 2^47 + 2^7, the value below
//!   2^255 + 2^215.

use std::arch::x86_64::{
    __m512i, __mmask8, _mm512_add_epi64, _mm512_and_si512, _mm512_cmpeq_epi64_mask,
    _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_mask_sub_epi64, _mm512_or_si512,
    _mm512_set1_epi64, _mm512_setzero_si512, _mm512_slli_epi64, _mm512_srli_epi64,
    _mm512_sub_epi64, _mm512_xor_si512,
};

/// Limbs of 52 bits.
pub(super) type Limbs52 = [i64; 5];

const LIMB_MASK: i64 = (1 << 52) - 1;

/// The uppermost limb's bits below 2^255.
const TOP_MASK: i64 = (1 << 47) - 1;

/// 2^260 modulo p.
const WRAPPED: i64 = 608;

/// 512 p: 16 (2^260 - 608).
pub(super) const RAISE: Limbs52 = [
    16 * (LIMB_MASK - 607),
    16 * LIMB_MASK,
    16 * LIMB_MASK,
    16 * LIMB_MASK,
    16 * LIMB_MASK,
];

/// What sums and products give: limbs that nobody carried yet.
#[derive(Clone, Copy)]
pub(super) struct Loose(pub(super) [__m512i; 5]);

/// What products take: the lower 52 bits of each limb count.
#[derive(Clone, Copy)]
pub(super) struct Factor(pub(super) [__m512i; 5]);

impl Factor {
    /// The same number in every lane.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn splat(limbs: Limbs52) -> Self {
        Self(splat_all(limbs))
    }

    /// Numbers of 256 bits, of whose limbs of 64 bits each vector has one. Below 2^255 they may be
    /// factors.
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

    /// Clears what stands above the 52 bits of each limb.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn exact(self) -> Loose {
        Loose(self.0.map(|limb| _mm512_and_si512(limb, splat(LIMB_MASK))))
    }

    /// Limbs of 64 bits of the numbers below p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn to_words(self) -> [__m512i; 4] {
        let [t0, t1, t2, t3, t4] = self.canonical().0;
        [
            _mm512_or_si512(t0, _mm512_slli_epi64::<52>(t1)),
            _mm512_or_si512(_mm512_srli_epi64::<12>(t1), _mm512_slli_epi64::<40>(t2)),
            _mm512_or_si512(_mm512_srli_epi64::<24>(t2), _mm512_slli_epi64::<28>(t3)),
            _mm512_or_si512(_mm512_srli_epi64::<36>(t3), _mm512_slli_epi64::<16>(t4)),
        ]
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn times(self, other: Self) -> Loose {
        self.times_on([_mm512_setzero_si512(); 5], other)
    }

    /// The product, raised.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn times_raised(self, other: Self) -> Loose {
        self.times_on(splat_all(RAISE), other)
    }

    /// The product on top of `base`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn times_on(self, base: [__m512i; 5], other: Self) -> Loose {
        let [a0, a1, a2, a3, a4] = self.0;
        let [t0, t1, t2, t3, t4] = base;
        let zero = _mm512_setzero_si512();
        let [b0, b1, b2, b3, b4] = other.0;
        let (t0, t1) = both((t0, t1), a0, b0);
        let (t1, t2) = both((t1, t2), a1, b0);
        let (t2, t3) = both((t2, t3), a2, b0);
        let (t3, t4) = both((t3, t4), a3, b0);
        let (t4, t5) = both((t4, zero), a4, b0);

        let (t1, t2) = both((t1, t2), a0, b1);
        let (t2, t3) = both((t2, t3), a1, b1);
        let (t3, t4) = both((t3, t4), a2, b1);
        let (t4, t5) = both((t4, t5), a3, b1);
        let (t5, t6) = both((t5, zero), a4, b1);

        let (t2, t3) = both((t2, t3), a0, b2);
        let (t3, t4) = both((t3, t4), a1, b2);
        let (t4, t5) = both((t4, t5), a2, b2);
        let (t5, t6) = both((t5, t6), a3, b2);
        let (t6, t7) = both((t6, zero), a4, b2);

        let (t3, t4) = both((t3, t4), a0, b3);
        let (t4, t5) = both((t4, t5), a1, b3);
        let (t5, t6) = both((t5, t6), a2, b3);
        let (t6, t7) = both((t6, t7), a3, b3);
        let (t7, t8) = both((t7, zero), a4, b3);

        let (t4, t5) = both((t4, t5), a0, b4);
        let (t5, t6) = both((t5, t6), a1, b4);
        let (t6, t7) = both((t6, t7), a2, b4);
        let (t7, t8) = both((t7, t8), a3, b4);
        let (t8, t9) = both((t8, zero), a4, b4);
        folded([t0, t1, t2, t3, t4], [t5, t6, t7, t8, t9])
    }

    /// The products off the diagonal, twice, and those on it.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn square(self) -> Loose {
        self.square_on([_mm512_setzero_si512(); 5])
    }

    /// The square, raised.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn square_raised(self) -> Loose {
        self.square_on(splat_all(RAISE))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn square_on(self, base: [__m512i; 5]) -> Loose {
        let [a0, a1, a2, a3, a4] = self.0;
        let [s0, s1, s2, s3, s4] = base;
        let zero = _mm512_setzero_si512();
        // Off the diagonal, up to four halves of products each.
        let (t1, t2) = both((zero, zero), a0, a1);
        let (t2, t3) = both((t2, zero), a0, a2);
        let (t3, t4) = both((t3, zero), a0, a3);
        let (t4, t5) = both((t4, zero), a0, a4);
        let (t3, t4) = both((t3, t4), a1, a2);
        let (t4, t5) = both((t4, t5), a1, a3);
        let (t5, t6) = both((t5, zero), a1, a4);
        let (t5, t6) = both((t5, t6), a2, a3);
        let (t6, t7) = both((t6, zero), a2, a4);
        let (t7, t8) = both((t7, zero), a3, a4);
        let twice = |t: __m512i| _mm512_add_epi64(t, t);
        let on = |base: __m512i, t: __m512i| _mm512_add_epi64(base, twice(t));
        let (t0, t1) = both((s0, on(s1, t1)), a0, a0);
        let (t2, t3) = both((on(s2, t2), on(s3, t3)), a1, a1);
        let (t4, t5) = both((on(s4, t4), twice(t5)), a2, a2);
        let (t6, t7) = both((twice(t6), twice(t7)), a3, a3);
        let (t8, t9) = both((twice(t8), zero), a4, a4);
        folded([t0, t1, t2, t3, t4], [t5, t6, t7, t8, t9])
    }

    /// The numbers below p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn canonical(self) -> Self {
        let [t0, rest @ ..] = self.exact().0;
        // Below 2 p, so 19 more reach 2^255 if and only if p is in it; then they stand for it.
        let plus_19 = |t0| _mm512_add_epi64(t0, splat(19));
        let [t1, t2, t3, t4] = rest;
        let Loose([.., top]) = Loose([plus_19(t0), t1, t2, t3, t4]).carried();
        let has_modulus = _mm512_srli_epi64::<47>(top);
        let t0 = _mm512_madd52lo_epu64(t0, has_modulus, splat(19));
        let Loose([t0, t1, t2, t3, t4]) = Loose([t0, t1, t2, t3, t4]).carried();
        Self([t0, t1, t2, t3, _mm512_and_si512(t4, splat(TOP_MASK))])
    }

    /// y with the sign of x above it: the lanes where that is `expected`, a number of 256 bits.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn encodes(x: Self, y: Self, expected: Self) -> __mmask8 {
        let ([x0, ..], [y0, y1, y2, y3, y4]) = (x.canonical().0, y.canonical().0);
        let [e0, e1, e2, e3, e4] = expected.0;
        let sign = _mm512_slli_epi64::<47>(_mm512_and_si512(x0, splat(1)));
        let equal = |one, other| {
            let lower = _mm512_and_si512(_mm512_xor_si512(one, other), splat(LIMB_MASK));
            _mm512_cmpeq_epi64_mask(lower, _mm512_setzero_si512())
        };
        equal(y0, e0)
            & equal(y1, e1)
            & equal(y2, e2)
            & equal(y3, e3)
            & equal(_mm512_or_si512(y4, sign), e4)
    }
}

/// Carries the upper columns of a product and adds them to the lower ones, times 2^260 modulo p.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn folded(lower: [__m512i; 5], upper: [__m512i; 5]) -> Loose {
    let ([t0, t1, t2, t3, t4], [t5, t6, t7, t8, t9]) = (lower, upper);
    let t6 = carry(t5, t6);
    let t7 = carry(t6, t7);
    let t8 = carry(t7, t8);
    let t9 = carry(t8, t9);
    let wrapped = splat(WRAPPED);
    let (t0, t1) = both((t0, t1), t5, wrapped);
    let (t1, t2) = both((t1, t2), t6, wrapped);
    let (t2, t3) = both((t2, t3), t7, wrapped);
    let (t3, t4) = both((t3, t4), t8, wrapped);
    let t4 = _mm512_madd52lo_epu64(t4, t9, wrapped);
    Loose([t0, t1, t2, t3, t4])
}

impl Loose {
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn raise() -> Self {
        Self(splat_all(RAISE))
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

    /// The negative in the lanes that are set: limbs then are negative, too.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn negated_in(self, lanes: __mmask8) -> Self {
        let zero = _mm512_setzero_si512();
        Self(
            self.0
                .map(|limb| _mm512_mask_sub_epi64(limb, lanes, zero, limb)),
        )
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn double(self) -> Self {
        self.plus(self)
    }

    /// Brings what is above 2^255 back, and carries.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn factor(self) -> Factor {
        let [t0, t1, t2, t3, t4] = self.0;
        let above = _mm512_srli_epi64::<47>(t4);
        let t0 = _mm512_madd52lo_epu64(t0, above, splat(19));
        let t4 = _mm512_and_si512(t4, splat(TOP_MASK));
        let t1 = carry(t0, t1);
        let t2 = carry(t1, t2);
        let t3 = carry(t2, t3);
        let t4 = carry(t3, t4);
        Factor([t0, t1, t2, t3, t4])
    }

    /// Carries, and clears what stands above the 52 bits of each limb; the value must fit.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn carried(self) -> Self {
        let [t0, t1, t2, t3, t4] = self.0;
        let masked = |limb| _mm512_and_si512(limb, splat(LIMB_MASK));
        let t1 = carry(t0, t1);
        let t2 = carry(t1, t2);
        let t3 = carry(t2, t3);
        let t4 = carry(t3, t4);
        Self([masked(t0), masked(t1), masked(t2), masked(t3), masked(t4)])
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn splat(limb: i64) -> __m512i {
    _mm512_set1_epi64(limb)
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn splat_all([l0, l1, l2, l3, l4]: Limbs52) -> [__m512i; 5] {
    [splat(l0), splat(l1), splat(l2), splat(l3), splat(l4)]
}

/// Adds what stands above 52 bits to the next limb.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn carry(from: __m512i, to: __m512i) -> __m512i {
    _mm512_add_epi64(to, _mm512_srli_epi64::<52>(from))
}

/// Adds the lower 52 bits of a product to one column, the upper 52 to the next.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn both((low, high): (__m512i, __m512i), a: __m512i, b: __m512i) -> (__m512i, __m512i) {
    (
        _mm512_madd52lo_epu64(low, a, b),
        _mm512_madd52hi_epu64(high, a, b),
    )
}
