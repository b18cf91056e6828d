//! Ed25519 signatures in great numbers, by few keys: sums of precomputed multiples.
//!
//! The rule is that of Go's `crypto/ed25519`: a signature (R, S) over M by a key A is good where S < L and
//! the canonical form of S B - k A is R byte by byte, with k = SHA-512(R || A || M) modulo L. There is no
//! cofactor, and A is decoded permissively. `ed25519_dalek`'s `verify` follows the same rule; its
//! `verify_strict` and its batch equations do not.
//!
//! With a table of multiples of -A, and one of B, the sum takes 64 additions of table entries and hardly a
//! doubling, where a library that has neither needs 253 doublings. The sum is computed as it stands,
//! and all sums of a batch share the inversion that their canonical forms take.
//!
//! ```text
//!  batch.rs --> table_cache: has the key one? --no----------------------> ed25519-dalek
//!                     | yes                                                   ^
//!                     v                                                       |
//!             prepare: S < L, k, their combs --------------------------no-----|
//!                     v                                                       |
//!             portable | ifma: sum, canonical form, compare with R --not good-'
//!                     v good
//!                    true
//! ```
//!
//! - **Exact.** The formulas are complete: they add any two points of the curve. Only keys in the group
//!   that B makes have tables, all honest ones, so that multiples may be exchanged modulo L; the
//!   library verifies the others. Whatever is found *not* good is verified again by the library:
//!   a flaw of this engine that garbles a point costs time but no verdict.
//! - **Not constant in time, and right so.** Verification handles public data only: keys, signatures
//!   and messages that every peer of the channel has. Nothing here may ever see a secret.
//! - **Bounded.** Tables take the bytes that `limits.rs` grants, and only keys of identities that an MSP
//!   accepted get any (see `table_cache`).
//!
//! Knows nothing of identities.

mod field;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzz;
#[cfg(target_arch = "x86_64")]
mod ifma;
mod key;
mod point;
mod portable;
mod prepare;
mod table;

#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use ed25519_dalek::VerifyingKey;

pub use key::Ed25519Key;
pub(super) use prepare::Check;
pub(super) use table::Table;

use crate::crypto::Backend;
use crate::crypto::combs::Size;
#[cfg(target_arch = "x86_64")]
use crate::crypto::lanes::Lanes;
use crate::crypto::table_cache::{ClassLimits, Slot, TableCache, TableLimits};
use crate::limits;

/// The tables of all channels.
static TABLES: LazyLock<TableCache<Table>> = LazyLock::new(|| {
    TableCache::new(TableLimits {
        keys_max: limits::ED25519_KEYS_KNOWN_MAX,
        classes: &[
            ClassLimits {
                size: Size::Warm,
                bytes_max: limits::ED25519_WARM_TABLE_BYTES_MAX,
                after: limits::ED25519_WARM_AFTER_SIGNATURES,
            },
            ClassLimits {
                size: Size::Hot,
                bytes_max: limits::ED25519_HOT_TABLE_BYTES_MAX,
                after: limits::ED25519_HOT_AFTER_SIGNATURES,
            },
        ],
    })
});

/// The slot of a key, if it may have a table.
fn slot(name: &[u8; 32], key: &VerifyingKey) -> Option<Arc<Slot<Table>>> {
    TABLES.slot(*name, prepare::key_point(key)?)
}

/// A slot whose table has so many bytes and stays.
#[cfg(any(test, feature = "testing"))]
fn pinned_slot(key: &VerifyingKey, bytes: usize) -> Option<Arc<Slot<Table>>> {
    Slot::pinned(prepare::key_point(key)?, bytes)
}

static GENERATOR: LazyLock<Option<Table>> =
    LazyLock::new(|| Table::new(point::Affine::generator()?, Size::Full));

/// Whether each signature of a batch is good, in its order.
pub(super) fn good_ones(backend: Backend, checks: &[Check<'_>]) -> Vec<bool> {
    // Who has no such key does not pay for the generator's table, nor for an inversion.
    if checks.is_empty() {
        return Vec::new();
    }
    let Some(generator) = &*GENERATOR else {
        return vec![false; checks.len()];
    };
    match backend {
        Backend::Library => vec![false; checks.len()],
        Backend::Scalar => portable::good_ones(&prepare::prepare(checks), generator),
        Backend::Avx512Ifma => in_lanes(checks, generator),
    }
}

#[cfg(target_arch = "x86_64")]
fn in_lanes(checks: &[Check<'_>], generator: &Table) -> Vec<bool> {
    match Lanes::detect() {
        Some(lanes) => {
            let sums = prepare::prepare_in_lanes(lanes, checks);
            ifma::good_ones(lanes, &sums, generator)
        }
        None => portable::good_ones(&prepare::prepare(checks), generator),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn in_lanes(checks: &[Check<'_>], generator: &Table) -> Vec<bool> {
    portable::good_ones(&prepare::prepare(checks), generator)
}
