//! Fuzz target: [`heddle::fuzzing::block`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| heddle::fuzzing::block(data));
