//! Calling for memory before it is needed. Hints, which do nothing on CPUs other than x86-64.
//!
//! `unsafe`: the intrinsic takes a pointer; it comes from a reference, and nothing is read.

/// Bytes of a line of the cache.
const LINE_BYTES: usize = 64;

/// More is not called for at once: the lines would drive each other out of the smallest cache.
const BYTES_MAX: usize = 8 << 10;

/// Calls for words that will be read, of one line of the cache.
#[inline]
pub fn prefetch<const WORDS: usize>(words: &[u64; WORDS]) {
    if let Some(word) = words.first() {
        call_for(word);
    }
}

/// Calls for bytes that will be read soon; of very many, for the first ones.
#[inline]
pub fn prefetch_bytes(bytes: &[u8]) {
    let bytes = bytes.get(..BYTES_MAX).unwrap_or(bytes);
    for line in bytes.chunks(LINE_BYTES) {
        if let Some(byte) = line.first() {
            call_for(byte);
        }
    }
}

#[inline]
#[cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "the intrinsic takes a pointer")
)]
fn call_for<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint, which reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
