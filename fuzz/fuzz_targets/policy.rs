//! Fuzz target: [`heddle::fuzzing::policy`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| heddle::fuzzing::policy(data));
