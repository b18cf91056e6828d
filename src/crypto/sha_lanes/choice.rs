//! What this CPU hashes many messages faster with: found out once, by hashing some.

use std::sync::LazyLock;

use super::avx512::Lanes;
use super::extensions::Extensions;
use super::schedule::{self, Order};
use super::{Compressor, IN_TURNS};
use crate::sys::process::thread_cpu_ns;

/// Messages that are hashed to find out, and bytes of each: as many and as long as what a batch of
/// endorsements hashes.
const MESSAGES: usize = 48;
const MESSAGE_BYTES: usize = 900;

/// The best of so many tries counts: what disturbs one does not disturb all.
const TRIES: usize = 5;

static LANES_ARE_FASTER: LazyLock<bool> =
    LazyLock::new(|| match (Lanes::detect(), Extensions::detect()) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(lanes), Some(extensions)) => {
            best_ns(|| lanes.compressor()) < best_ns(|| extensions.compressor::<IN_TURNS>())
        }
    });

/// The lanes, where this CPU has them and is faster with them than with the SHA instructions.
pub(super) fn lanes_if_faster() -> Option<Lanes> {
    LANES_ARE_FASTER.then(Lanes::detect)?
}

/// The CPU time that some messages take.
fn best_ns<const LANES: usize, C: Compressor<LANES>>(compressor: impl Fn() -> C) -> u64 {
    let bytes = vec![0x5a; MESSAGE_BYTES + MESSAGES];
    // Each at an address of its own, for what stands at one address is hashed once.
    let whole: Vec<&[u8]> = bytes.windows(MESSAGE_BYTES).take(MESSAGES).collect();
    let messages: Vec<&[&[u8]]> = whole.iter().map(std::slice::from_ref).collect();
    let tries = (0..TRIES).map(|_| {
        let start = thread_cpu_ns();
        std::hint::black_box(schedule::digests(
            &messages,
            Order::LongestFirst,
            compressor(),
        ));
        thread_cpu_ns().saturating_sub(start)
    });
    tries.min().unwrap_or(u64::MAX)
}
