//! SHA-512, for Ed25519: one message by the library, many in lanes where the CPU has them.
//!
//! Knows nothing of what is hashed.

#[cfg(target_arch = "x86_64")]
mod lanes;

#[cfg(test)]
mod tests;

use aws_lc_rs::digest::{Context, SHA512};

#[cfg(target_arch = "x86_64")]
pub(super) use lanes::sha512_all;

/// A digest.
pub(super) type Digest512 = [u8; 64];

/// A message in pieces.
pub(super) type Pieces<'a> = [&'a [u8]; 4];

/// The digest of the concatenation of `pieces`.
pub(super) fn sha512(pieces: &Pieces<'_>) -> Digest512 {
    let mut state = Context::new(&SHA512);
    for piece in pieces {
        state.update(piece);
    }
    let mut digest = [0; 64];
    for (to, from) in digest.iter_mut().zip(state.finish().as_ref()) {
        *to = *from;
    }
    digest
}
