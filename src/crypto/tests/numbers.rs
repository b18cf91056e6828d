//! Numbers for tests: random ones, those at the edges, and arithmetic that is slow and plain.

use std::env;
use std::fmt::Debug;
use std::str::FromStr;

use proptest::prelude::*;

use crate::crypto::limbs::Limbs;

/// SplitMix64.
pub(in crate::crypto) struct Random(pub(in crate::crypto) u64);

impl Random {
    pub(in crate::crypto) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub(in crate::crypto) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    pub(in crate::crypto) fn number(&mut self) -> Limbs {
        Limbs([(); 4].map(|()| self.next()))
    }
}

/// A number in the environment.
pub(in crate::crypto) fn setting<T: FromStr<Err: Debug>>(name: &str, default: T) -> T {
    match env::var(name) {
        Ok(value) => value.parse().unwrap(),
        Err(_) => default,
    }
}

/// Numbers with many ones or zeros at their ends are where carries go wrong.
pub(in crate::crypto) fn limb() -> impl Strategy<Value = u64> {
    prop_oneof![
        2 => any::<u64>(),
        1 => Just(0),
        1 => Just(u64::MAX),
        1 => Just(1),
        1 => Just(u64::MAX - 1),
        1 => any::<u64>().prop_map(|x| x >> 32),
        1 => any::<u64>().prop_map(|x| x << 32),
    ]
}

/// `times` by shifting and adding, modulo anything.
pub(in crate::crypto) fn slow_product(one: Limbs, other: Limbs, modulus: Limbs) -> Limbs {
    (0..256).rev().fold(Limbs::ZERO, |sum, at| {
        let doubled = sum.plus_mod(sum, modulus);
        if other.bit(at) {
            doubled.plus_mod(one, modulus)
        } else {
            doubled
        }
    })
}
