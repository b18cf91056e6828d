//! From memory into lanes.

use std::arch::x86_64::{__mmask8, _mm512_mask_blend_epi64};

use super::field::Factor;
use super::point::Entries;
use crate::crypto::ed25519::table::Entry;
use crate::crypto::lanes::{row, transposed, transposed_halves};

/// Entries, one for each lane. The opposite of a point has y + x and y - x exchanged.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn entries(of: [&Entry; 8], negative: __mmask8) -> Entries {
    let [s0, s1, s2, s3, d0, d1, d2, d3] =
        transposed(of.map(|entry| row(&entry.sum_and_difference)));
    let choose = |positive, opposite| _mm512_mask_blend_epi64(negative, positive, opposite);
    Entries {
        sum: Factor::from_words([
            choose(s0, d0),
            choose(s1, d1),
            choose(s2, d2),
            choose(s3, d3),
        ]),
        difference: Factor::from_words([
            choose(d0, s0),
            choose(d1, s1),
            choose(d2, s2),
            choose(d3, s3),
        ]),
        product: Factor::from_words(transposed_halves(of.map(|entry| &entry.product))),
        negative,
    }
}
