//! Fuzz target: [`heddle::fuzzing::block_file`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| heddle::fuzzing::block_file(data));
