//! Fuzz target: [`heddle::fuzzing::ed25519_differential`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| heddle::fuzzing::ed25519_differential(data));
