//! Fuzz target: [`heddle::fuzzing::config`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| heddle::fuzzing::config(data));
