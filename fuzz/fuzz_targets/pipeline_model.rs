//! Fuzz target: the chains of [`heddle::fuzzing::generated_chain`] through heddle and the model.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let blocks = heddle::fuzzing::generated_chain(data);
    assert_eq!(model::check_blocks(&blocks), Ok(()));
});
