//! Fuzz target: [`heddle::fuzzing::gossip_message`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| heddle::fuzzing::gossip_message(data));
