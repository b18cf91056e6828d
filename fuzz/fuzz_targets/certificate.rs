//! Fuzz target: [`heddle::fuzzing::certificate`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| heddle::fuzzing::certificate(data));
