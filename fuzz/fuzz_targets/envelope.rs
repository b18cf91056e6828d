//! Fuzz target: [`heddle::fuzzing::envelope`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| heddle::fuzzing::envelope(data));
