//! Fuzz target: [`heddle::fuzzing::rwset`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| heddle::fuzzing::rwset(data));
