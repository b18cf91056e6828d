//! SHA-256 of many messages at once, each in its own lane.
//!
//! ```text
//!  messages --> shared heads, whole messages --> 16 lanes, refilled as they end --> digests
//!                    |                                 ^
//!                    '--> middle of the message --> its tails (schedule)
//! ```
//!
//! One message is a chain that no CPU runs faster than its SHA instructions go; sixteen of them side by
//! side take little longer than three. Invariant: the digests are those of [`one_by_one`], which leaves
//! everything to the library.
//!
//! Knows nothing of what is hashed.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod schedule;

#[cfg(test)]
mod tests;

use crate::crypto::{Backend, Sha256, sha256_parts};
use crate::types::Digest;

/// A message in pieces: what is hashed is their concatenation.
///
/// Messages that stand together and share their first piece (same address, same length) hash it once.
pub(crate) type Pieces<'a> = [&'a [u8]; 3];

/// Messages side by side.
const LANES: usize = 16;

/// What a compression takes in.
type Block = [u8; 64];

/// So many chains of the longest message must there be to do for lanes to pay. Measured; where it is
/// met, the lanes that end early cannot make all of it slower than one message after the other.
#[cfg(target_arch = "x86_64")]
const LONGEST_CHAINS_MIN: usize = 8;

/// The digests of messages, in their order.
pub(crate) fn digests(backend: Backend, messages: &[Pieces<'_>]) -> Vec<Digest> {
    #[cfg(target_arch = "x86_64")]
    if backend == Backend::Avx512Ifma
        && lanes_pay(messages)
        && let Some(lanes) = avx512::Lanes::detect()
    {
        return schedule::digests(messages, |states, runs, blocks| {
            lanes.compress(states, runs, blocks);
        });
    }
    let _ = backend;
    one_by_one(messages)
}

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
fn groups<'m, 'a>(messages: &'m [Pieces<'a>]) -> impl Iterator<Item = &'m [Pieces<'a>]> {
    messages.chunk_by(|[one, ..], [other, ..]| {
        one.len() >= size_of::<Block>() && std::ptr::eq(*one, *other)
    })
}
