//! SHA-256 of many messages at once.
//!
//! ```text
//!  messages --> shared heads, whole messages --> lanes, refilled as they end --> digests
//!                    |                                 ^
//!                    '--> middle of the message --> its tails (schedule)
//! ```
//!
//! One message is a chain that no CPU runs faster than its SHA instructions take one after the other.
//! There are two ways to have several chains at once, and what a CPU is better at is measured, once:
//! - **four chains in turns** with the SHA instructions (`extensions`), which wait for each other only
//!   within a chain;
//! - **sixteen chains side by side** in the lanes of AVX-512 (`avx512`).
//!
//! Invariant: the digests are those of [`one_by_one`], which leaves everything to the library.
//!
//! Knows nothing of what is hashed.

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod choice;
#[cfg(target_arch = "x86_64")]
mod constants;
#[cfg(target_arch = "x86_64")]
mod extensions;
#[cfg(any(target_arch = "x86_64", test))]
mod schedule;

#[cfg(test)]
mod tests;

use crate::crypto::{Backend, Sha256, sha256_parts};
use crate::types::Digest;
#[cfg(target_arch = "x86_64")]
use extensions::Extensions;
#[cfg(target_arch = "x86_64")]
use schedule::Order;

/// A message in pieces: what is hashed is their concatenation.
///
/// Messages that stand together and share their first piece (same address, same length) hash it once.
pub(crate) type Pieces<'a> = [&'a [u8]; 3];

/// What a compression takes in.
type Block = [u8; 64];

/// The words of a state.
#[cfg(any(target_arch = "x86_64", test))]
type State = [u32; 8];

/// SHA-256's compression function on several chains.
#[cfg(any(target_arch = "x86_64", test))]
trait Compressor<const LANES: usize> {
    fn state(&self, lane: usize) -> State;

    fn set_state(&mut self, lane: usize, state: State);

    /// Takes the first `blocks` blocks of each run into the state of its lane. All runs have them.
    fn compress(&mut self, runs: &[&[Block]; LANES], blocks: usize);
}

/// Chains in turns with the SHA instructions: more of them do not fit into the registers.
#[cfg(target_arch = "x86_64")]
const IN_TURNS: usize = 4;

/// The digests of messages, in their order.
pub(crate) fn digests(backend: Backend, messages: &[Pieces<'_>]) -> Vec<Digest> {
    #[cfg(target_arch = "x86_64")]
    {
        let lanes = match backend {
            Backend::Avx512Ifma if lanes_pay(messages) => choice::lanes_if_faster(),
            Backend::Avx512Ifma | Backend::Scalar | Backend::Library => None,
        };
        if let Some(lanes) = lanes {
            return schedule::digests(messages, Order::LongestFirst, lanes.compressor());
        }
        if backend != Backend::Library
            && messages.len() > 1
            && let Some(extensions) = Extensions::detect()
        {
            let compressor = extensions.compressor::<IN_TURNS>();
            return schedule::digests(messages, Order::LongestFirst, compressor);
        }
    }
    let _ = backend;
    one_by_one(messages)
}

/// The digest of one long message, which is the concatenation of `chain`, and beside it those of
/// messages of which each is within a piece of it. With the SHA instructions a second chain takes
/// little more than the first one alone; and what is read is in the cache.
///
/// Without them, or with the library alone, the digest of the chain only.
pub(crate) fn chain_digests(
    backend: Backend,
    chain: &[&[u8]],
    messages: &[&[u8]],
) -> (Digest, Option<Vec<Digest>>) {
    #[cfg(target_arch = "x86_64")]
    if backend != Backend::Library
        && let Some(extensions) = Extensions::detect()
    {
        let all: Vec<&[&[u8]]> = std::iter::once(chain)
            .chain(messages.iter().map(std::slice::from_ref))
            .collect();
        let mut digests =
            schedule::digests(&all, Order::AsGiven, extensions.compressor::<2>()).into_iter();
        if let Some(of_chain) = digests.next() {
            return (of_chain, Some(digests.collect()));
        }
    }
    let _ = (backend, messages);
    (sha256_parts(chain), None)
}

/// So many chains of the longest message must there be to do for lanes to pay. Measured; where it is
/// met, the lanes that end early cannot make all of it slower than one message after the other.
#[cfg(target_arch = "x86_64")]
const LONGEST_CHAINS_MIN: usize = 8;

#[cfg(target_arch = "x86_64")]
fn lanes_pay(messages: &[Pieces<'_>]) -> bool {
    // A message costs at least a block.
    let lengths = messages
        .iter()
        .map(|pieces| 64 + pieces.iter().map(|piece| piece.len()).sum::<usize>());
    let longest = lengths.clone().max().unwrap_or(0);
    lengths.sum::<usize>() >= LONGEST_CHAINS_MIN * longest
}

/// The digests by the library, one after the other.
fn one_by_one(messages: &[Pieces<'_>]) -> Vec<Digest> {
    groups(messages).flat_map(group_one_by_one).collect()
}

fn group_one_by_one<'a>(group: &'a [Pieces<'a>]) -> impl Iterator<Item = Digest> + 'a {
    let head = match group {
        [[head, ..], _, ..] => {
            let mut state = Sha256::new();
            state.update(head);
            Some(state)
        }
        _ => None,
    };
    group.iter().map(move |pieces| {
        let [_, tail @ ..] = pieces;
        match &head {
            Some(state) => {
                let mut state = state.clone();
                tail.iter().for_each(|piece| state.update(piece));
                state.finish()
            }
            None => sha256_parts(pieces),
        }
    })
}

/// The messages by their first piece, as far as it is worth sharing.
fn groups<'m, 'a, M: AsRef<[&'a [u8]]>>(messages: &'m [M]) -> impl Iterator<Item = &'m [M]> {
    messages.chunk_by(|one, other| {
        matches!((one.as_ref(), other.as_ref()), ([one, ..], [other, ..])
            if one.len() >= size_of::<Block>() && std::ptr::eq(*one, *other))
    })
}
