//! Fuzz target: [`heddle::fuzzing::gossip_core`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| heddle::fuzzing::gossip_core(data));
