//! P-256 signatures in great numbers, by few keys: sums of precomputed multiples.
//!
//! A signature (r, s) over a digest e is good where x(u1 G + u2 Q) = r modulo n, with u1 = e/s and
//! u2 = r/s. With a table of multiples of Q, and one of G, that sum takes some 44 to 52 additions of table
//! entries and hardly a doubling, where a library without the key's table needs 256 doublings. The
//! equation is computed as it stands, so the accept set is the library's.
//!
//! ```text
//!  batch.rs: DER, low S, digest --> table_cache: has the key one? --no--> aws-lc-rs
//!                                     | yes                                 ^
//!                                     v                                     | not good
//!               prepare: u1, u2 and their combs, one inversion a batch      | or unsure
//!                                     v                                     |
//!               portable | ifma: sum, compare with r -----------------------'
//!                                     v good
//!                                    true
//! ```
//!
//! - **Exact.** The fast formulas cannot add equal or opposite points; that shows in the result (see
//!   `point`) and goes to the library, as does r + n < p. Whatever is found *not* good is
//!   verified again by the library: a flaw of this engine that garbles a point costs time but no verdict,
//!   and good signatures, which are nearly all, are not slowed down. A bad signature then costs what it
//!   costs in Fabric.
//! - **Not constant in time, and right so.** Verification handles public data only: keys, signatures
//!   and digests that every peer of the channel has. Nothing here may ever see a secret: signing is the
//!   library's.
//! - **Bounded.** Tables take the bytes that `limits.rs` grants, and only keys of identities that an MSP
//!   accepted get any (see `table_cache`).
//!
//! Knows nothing of DER, hashes or identities.

mod field;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzz;
#[cfg(target_arch = "x86_64")]
mod ifma;
mod point;
mod portable;
mod prepare;
mod scalar;
mod table;
mod tree;
mod windows;

#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

pub(super) use prepare::{Answer, Check};
use scalar::Scalar;
pub(super) use table::Table;
use windows::Windows;

use crate::crypto::Backend;
use crate::crypto::combs::Size;
#[cfg(target_arch = "x86_64")]
use crate::crypto::lanes::Lanes;
use crate::crypto::limbs::Limbs;
use crate::crypto::table_cache::{ClassLimits, LeasedTable, Slot, TableCache, TableLimits};
use crate::limits;

/// The tables of all channels.
static TABLES: LazyLock<TableCache<Table>> = LazyLock::new(|| {
    TableCache::new(TableLimits {
        keys_max: limits::P256_KEYS_KNOWN_MAX,
        classes: &[
            ClassLimits {
                size: Size::Warm,
                bytes_max: limits::P256_WARM_TABLE_BYTES_MAX,
                after: limits::P256_WARM_AFTER_SIGNATURES,
            },
            ClassLimits {
                size: Size::Hot,
                bytes_max: limits::P256_HOT_TABLE_BYTES_MAX,
                after: limits::P256_HOT_AFTER_SIGNATURES,
            },
            ClassLimits {
                size: Size::Wide,
                bytes_max: limits::P256_WIDE_TABLE_BYTES_MAX,
                after: limits::P256_WIDE_AFTER_SIGNATURES,
            },
        ],
    })
});

/// The slot of a key: an uncompressed point.
pub(super) fn slot(point: &[u8]) -> Option<Arc<Slot<Table>>> {
    TABLES.slot(
        point.try_into().ok()?,
        point::Affine::from_uncompressed(point)?,
    )
}

/// A slot whose table has so many bytes and stays.
#[cfg(any(test, feature = "testing"))]
pub(super) fn pinned_slot(point: &[u8], bytes: usize) -> Option<Arc<Slot<Table>>> {
    Slot::pinned(point::Affine::from_uncompressed(point)?, bytes)
}

static GENERATOR: LazyLock<Option<Windows>> = LazyLock::new(|| {
    let generator = point::Affine::generator()?;
    Windows::new(generator, windows::GENERATOR, Backend::in_use())
});

/// r and s of a signature, in range.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    r: Scalar,
    s: Scalar,
}

impl Numbers {
    /// `None` where one of them is zero or not below n: no such signature is good.
    pub(super) fn new(r: &[u8; 32], s: &[u8; 32]) -> Option<Self> {
        let number =
            |bytes| Scalar::new(Limbs::from_be_bytes(bytes)).filter(|number| !number.is_zero());
        Some(Self {
            r: number(r)?,
            s: number(s)?,
        })
    }

    pub(super) fn check<'a>(&self, digest: &[u8; 32], table: &'a LeasedTable<Table>) -> Check<'a> {
        Check {
            table: &table.table,
            r: self.r,
            s: self.s,
            digest: Limbs::from_be_bytes(digest),
        }
    }
}

/// Answers to a batch, in its order.
pub(super) fn answers(backend: Backend, checks: &[Check<'_>]) -> Vec<Answer> {
    let Some(generator) = &*GENERATOR else {
        return vec![Answer::Unsure; checks.len()];
    };
    match backend {
        Backend::Library => vec![Answer::Unsure; checks.len()],
        Backend::Scalar => portable::answer_all(&prepare::prepare(checks), generator),
        Backend::Avx512Ifma => in_lanes(checks, generator),
    }
}

#[cfg(target_arch = "x86_64")]
fn in_lanes(checks: &[Check<'_>], generator: &Windows) -> Vec<Answer> {
    match Lanes::detect() {
        // A group takes as long for one as for eight, and longer than the portable code for one.
        Some(lanes) if checks.len() > 1 => ifma::answer_all(lanes, checks, generator),
        Some(_) | None => portable::answer_all(&prepare::prepare(checks), generator),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn in_lanes(checks: &[Check<'_>], generator: &Windows) -> Vec<Answer> {
    portable::answer_all(&prepare::prepare(checks), generator)
}
