//! From memory into the lanes of AVX-512: eight words of 64 bits side by side.
//!
//! Knows nothing of what the words stand for.

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_loadu_si256, _mm512_castsi256_si512, _mm512_inserti64x4,
    _mm512_loadu_epi64, _mm512_permutex2var_epi64, _mm512_setr_epi64, _mm512_shuffle_i64x2,
    _mm512_storeu_epi64, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};

/// Lanes of a vector.
pub(super) const LANES: usize = 8;

/// Says that this CPU has AVX-512 with its instructions on bytes and its multiplier of 52 bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lanes(());

impl Lanes {
    /// `None` where the CPU lacks them.
    pub(super) fn detect() -> Option<Self> {
        // Whatever has the multiplier has the instructions on bytes.
        let all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512ifma");
        all.then_some(Self(()))
    }
}

/// Eight words: the lanes of a vector.
pub(super) type Row = [u64; LANES];

/// Reads a row.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the intrinsic takes a pointer")]
pub(super) fn row(row: &Row) -> __m512i {
    // SAFETY: the pointer comes from a reference to 64 bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_epi64(row.as_ptr().cast()) }
}

/// Reads a row that is given in bytes.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the intrinsic takes a pointer")]
pub(super) fn row_of_bytes(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: the pointer comes from a reference to 64 bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_epi64(bytes.as_ptr().cast()) }
}

/// Writes a row.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the intrinsic takes a pointer")]
pub(super) fn to_row(lanes: __m512i) -> Row {
    let mut row = [0_i64; LANES];
    // SAFETY: the pointer comes from a reference to 64 bytes, and the store needs no alignment.
    unsafe { _mm512_storeu_epi64(row.as_mut_ptr(), lanes) };
    row.map(i64::cast_unsigned)
}

/// Reads half a row.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the intrinsic takes a pointer")]
fn half_row(words: &[u64; LANES / 2]) -> __m256i {
    // SAFETY: the pointer comes from a reference to 32 bytes, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

/// Lane j of vector i becomes lane i of vector j.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn transposed(rows: [__m512i; 8]) -> [__m512i; 8] {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
    let [c0, c2, c4, c6] = transposed_pairs([
        _mm512_unpacklo_epi64(r0, r1),
        _mm512_unpacklo_epi64(r2, r3),
        _mm512_unpacklo_epi64(r4, r5),
        _mm512_unpacklo_epi64(r6, r7),
    ]);
    let [c1, c3, c5, c7] = transposed_pairs([
        _mm512_unpackhi_epi64(r0, r1),
        _mm512_unpackhi_epi64(r2, r3),
        _mm512_unpackhi_epi64(r4, r5),
        _mm512_unpackhi_epi64(r6, r7),
    ]);
    [c0, c1, c2, c3, c4, c5, c6, c7]
}

/// Word i of half row j becomes lane j of vector i.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn transposed_halves(rows: [&[u64; LANES / 2]; LANES]) -> [__m512i; LANES / 2] {
    // Rows j and j + 4 make one vector; then 0 and 1, and 2 and 3, are interleaved, and both of those.
    let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
    let both = |r, s| _mm512_inserti64x4::<1>(_mm512_castsi256_si512(half_row(r)), half_row(s));
    let (v0, v1, v2, v3) = (both(r0, r4), both(r1, r5), both(r2, r6), both(r3, r7));
    let first = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
    let second = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
    let (even_01, odd_01) = (_mm512_unpacklo_epi64(v0, v1), _mm512_unpackhi_epi64(v0, v1));
    let (even_23, odd_23) = (_mm512_unpacklo_epi64(v2, v3), _mm512_unpackhi_epi64(v2, v3));
    [
        _mm512_permutex2var_epi64(even_01, first, even_23),
        _mm512_permutex2var_epi64(odd_01, first, odd_23),
        _mm512_permutex2var_epi64(even_01, second, even_23),
        _mm512_permutex2var_epi64(odd_01, second, odd_23),
    ]
}

/// Pair j of vector i becomes pair i of vector j.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed_pairs([p0, p1, p2, p3]: [__m512i; 4]) -> [__m512i; 4] {
    const LOWER_HALVES: i32 = 0x44;
    const UPPER_HALVES: i32 = 0xee;
    const EVEN_PAIRS: i32 = 0x88;
    const ODD_PAIRS: i32 = 0xdd;
    let lower_01 = _mm512_shuffle_i64x2::<LOWER_HALVES>(p0, p1);
    let upper_01 = _mm512_shuffle_i64x2::<UPPER_HALVES>(p0, p1);
    let lower_23 = _mm512_shuffle_i64x2::<LOWER_HALVES>(p2, p3);
    let upper_23 = _mm512_shuffle_i64x2::<UPPER_HALVES>(p2, p3);
    [
        _mm512_shuffle_i64x2::<EVEN_PAIRS>(lower_01, lower_23),
        _mm512_shuffle_i64x2::<ODD_PAIRS>(lower_01, lower_23),
        _mm512_shuffle_i64x2::<EVEN_PAIRS>(upper_01, upper_23),
        _mm512_shuffle_i64x2::<ODD_PAIRS>(upper_01, upper_23),
    ]
}
