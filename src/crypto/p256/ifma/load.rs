//! From memory into lanes.

use std::arch::x86_64::__mmask8;

use super::field::Factor;
use super::point::Entries;
use crate::crypto::lanes::{Row, row, transposed};

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
