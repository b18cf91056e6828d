//! Fuzz target: [`heddle::fuzzing::p256_differential`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| heddle::fuzzing::p256_differential(data));
