//! Fuzz target: [`heddle::fuzzing::config_block`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| heddle::fuzzing::config_block(data));
