//! From memory into lanes.

use std::arch::x86_64::__mmask8;

use super::field::Factor;
use super::point::Entries;
use crate::crypto::lanes::{LANES, Row, row, transposed, transposed_halves};

/// Numbers below 2^256, one in each lane.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn numbers(numbers: &[[u64; 4]; LANES]) -> Factor {
    Factor::from_words(transposed_halves(numbers.each_ref()))
}

/// The number in a lane, given its words.
pub(super) fn number(words: &[Row; 4], lane: usize) -> Option<[u64; 4]> {
    let [w0, w1, w2, w3] = words;
    Some([
        *w0.get(lane)?,
        *w1.get(lane)?,
        *w2.get(lane)?,
        *w3.get(lane)?,
    ])
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
