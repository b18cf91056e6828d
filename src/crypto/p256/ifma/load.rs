//! From memory into lanes.

use std::arch::x86_64::{
    __m512i, __mmask8, _MM_HINT_T0, _mm_prefetch, _mm512_loadu_epi64, _mm512_shuffle_i64x2,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};

use super::field::Factor;
use super::point::Entries;

/// Eight words: the lanes of a vector.
pub(super) type Row = [u64; 8];

/// Reads a row.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the intrinsic takes a pointer")]
pub(super) fn row(row: &Row) -> __m512i {
    // SAFETY: the pointer comes from a reference to 64 bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_epi64(row.as_ptr().cast()) }
}

/// Calls for a row that will be read.
#[inline]
#[expect(unsafe_code, reason = "the intrinsic takes a pointer")]
pub(super) fn prefetch(row: &Row) {
    // SAFETY: a hint, which reads nothing.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(row.as_ptr().cast()) }
}

/// Entries, each of them two times four words in a row of its own.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn entries(rows: [&Row; 8], negative: __mmask8) -> Entries {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
    let [x0, x1, x2, x3, y0, y1, y2, y3] = transposed([
        row(r0),
        row(r1),
        row(r2),
        row(r3),
        row(r4),
        row(r5),
        row(r6),
        row(r7),
    ]);
    Entries {
        x: Factor::from_words([x0, x1, x2, x3]),
        y: Factor::from_words([y0, y1, y2, y3]),
        negative,
    }
}

/// Lane j of vector i becomes lane i of vector j.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(rows: [__m512i; 8]) -> [__m512i; 8] {
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
