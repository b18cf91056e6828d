//! What tests of the lanes share.

use std::arch::x86_64::__m512i;

use crate::crypto::lanes::{LANES, row, to_row};

/// Runs a test whose body needs the instructions, where the CPU has them.
macro_rules! lanes_test {
    ($(#[$attribute:meta])* $name:ident, $body:ident) => {
        $(#[$attribute])*
        #[test]
        fn $name() {
            if $crate::crypto::lanes::Lanes::detect().is_some() {
                // SAFETY: the CPU has what the function needs.
                unsafe { $body() }
            } else {
                println!("skipped: this CPU has no AVX-512 IFMA");
            }
        }
    };
}
pub(in crate::crypto) use lanes_test;

/// The lanes of five vectors.
#[target_feature(enable = "avx512f")]
pub(in crate::crypto) fn lanes_of(limbs: [__m512i; 5]) -> [[i64; 5]; LANES] {
    let rows = limbs.map(|limb| to_row(limb));
    std::array::from_fn(|lane| rows.map(|row| row[lane].cast_signed()))
}

/// Five vectors of such lanes.
#[target_feature(enable = "avx512f")]
pub(in crate::crypto) fn vectors_of(lanes: [[i64; 5]; LANES]) -> [__m512i; 5] {
    std::array::from_fn(|at| row(&lanes.map(|limbs| limbs[at].cast_unsigned())))
}
