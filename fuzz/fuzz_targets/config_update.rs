//! Fuzz target: [`heddle::fuzzing::config_update`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| heddle::fuzzing::config_update(data));
