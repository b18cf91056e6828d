//! Point reads: the half of the check that needs only the committed state, and the other half.
//!
//! A transaction's code depends on which of its checks fails first, by namespace and by kind. The
//! committed half of all point reads is therefore summed up as the first place where it fails.
//!
//! Fabric: `validation/validator.go:validateReadSet`, `validateNsHashedReadSets`.

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSlice;

use super::fold::{TxInput, TxWrites};
use super::overlay::Overlay;
use super::place::Place;
use crate::ledger::{self, StateReader};
use crate::proto::rwset::RwVersion;
use crate::rwset::{CollectionRwSet, NsRwSet, RwSet, is_delete, is_hash_delete};
use crate::sys::process::CpuMeter;
use crate::types::{NamespaceRef, Version};

/// Transactions that one task of [`prefetch_parallel`] takes.
const PREFETCH_TXS: usize = 16;

/// What the fold would otherwise ask the committed state for, one entry per transaction.
#[derive(Debug, Default)]
pub struct Prefetched {
    pub(super) txs: Vec<TxPrefetched>,
}

/// What one transaction needs of the committed state.
#[derive(Debug, Default)]
pub(super) struct TxPrefetched {
    /// The first read whose version is not the committed one.
    pub(super) stale: Option<Stale>,
    /// The metadata of each key that is put, in the order of the read-write set; empty where no key
    /// has any.
    pub(super) metadata: Vec<Box<[u8]>>,
}

/// Where a transaction's reads first differ from the committed state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stale {
    /// Index of the namespace in the read-write set.
    pub(super) namespace: usize,
    /// Among the hashed reads, so after the namespace's ranges.
    pub(super) hashed: bool,
}

impl Prefetched {
    /// Adds what was prefetched for the transactions that follow.
    pub fn append(&mut self, mut following: Self) {
        self.txs.append(&mut following.txs);
    }
}

/// Reads what the fold of these transactions needs from the committed state.
///
/// Parts of a block may be prefetched apart and put together in order with [`Prefetched::append`].
///
/// # Errors
/// The state cannot be read.
pub fn prefetch<S: StateReader + ?Sized>(
    inputs: &[TxInput<'_>],
    state: &S,
) -> Result<Prefetched, ledger::Error> {
    let tx = |input: &TxInput<'_>| match input.writes {
        TxWrites::Config(_) => Ok(TxPrefetched::default()),
        TxWrites::Endorser(rwset) => Ok(TxPrefetched {
            stale: first_stale(rwset, state)?,
            metadata: put_metadata(rwset, state)?,
        }),
    };
    Ok(Prefetched {
        txs: inputs
            .iter()
            .map(tx)
            .collect::<Result<_, ledger::Error>>()?,
    })
}

/// [`prefetch`] on all workers of the current rayon pool; `meter` counts what they spend.
///
/// # Errors
/// The state cannot be read.
pub fn prefetch_parallel<S: StateReader + Sync + ?Sized>(
    inputs: &[TxInput<'_>],
    state: &S,
    meter: &CpuMeter,
) -> Result<Prefetched, ledger::Error> {
    let parts = inputs
        .par_chunks(PREFETCH_TXS)
        .map(|part| meter.count(|| prefetch(part, state)));
    let mut all = Prefetched {
        txs: Vec::with_capacity(inputs.len()),
    };
    for part in parts.with_max_len(1).collect::<Vec<_>>() {
        all.append(part?);
    }
    Ok(all)
}

/// The first read of a transaction that differs from the committed state.
pub(super) fn first_stale<S: StateReader + ?Sized>(
    rwset: &RwSet<'_>,
    state: &S,
) -> Result<Option<Stale>, ledger::Error> {
    for (namespace, ns) in rwset.namespaces.iter().enumerate() {
        if stale_public(ns, state)? {
            return Ok(Some(Stale {
                namespace,
                hashed: false,
            }));
        }
        for collection in &ns.collections {
            if stale_hashed(ns.name, collection, state)? {
                return Ok(Some(Stale {
                    namespace,
                    hashed: true,
                }));
            }
        }
    }
    Ok(None)
}

fn stale_public<S: StateReader + ?Sized>(
    ns: &NsRwSet<'_>,
    state: &S,
) -> Result<bool, ledger::Error> {
    if ns.reads.is_empty() {
        return Ok(false);
    }
    let place = Place::new(NamespaceRef::public(ns.name));
    for read in &ns.reads {
        if place.version(state, read.key.as_bytes())? != version(read.version.as_ref()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn stale_hashed<S: StateReader + ?Sized>(
    name: &str,
    collection: &CollectionRwSet<'_>,
    state: &S,
) -> Result<bool, ledger::Error> {
    if collection.hashed_reads.is_empty() {
        return Ok(false);
    }
    let place = Place::new(NamespaceRef::hashed(name, collection.name));
    for read in &collection.hashed_reads {
        if place.version(state, read.key_hash)? != version(read.version.as_ref()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an earlier transaction of the block has an effect on a public key that was read.
pub(super) fn public_conflict(ns: &NsRwSet<'_>, overlay: &Overlay<'_>) -> bool {
    let known = overlay.known_namespace(NamespaceRef::public(ns.name));
    known.is_some_and(|id| {
        ns.reads
            .iter()
            .any(|read| overlay.touches(id, read.key.as_bytes()))
    })
}

/// As [`public_conflict`], for the hashed reads of a namespace.
pub(super) fn hashed_conflict(ns: &NsRwSet<'_>, overlay: &Overlay<'_>) -> bool {
    ns.collections.iter().any(|collection| {
        let known = overlay.known_namespace(NamespaceRef::hashed(ns.name, collection.name));
        let mut reads = collection.hashed_reads.iter();
        known.is_some_and(|id| reads.any(|read| overlay.touches(id, read.key_hash)))
    })
}

/// The version that simulation saw. Present and empty is (0, 0), not absent.
pub(super) fn version(read: Option<&RwVersion>) -> Option<Version> {
    read.map(|read| Version {
        block: read.block_num,
        tx: read.tx_num,
    })
}

/// A put keeps the key's metadata, so they are needed for each.
fn put_metadata<S: StateReader + ?Sized>(
    rwset: &RwSet<'_>,
    state: &S,
) -> Result<Vec<Box<[u8]>>, ledger::Error> {
    let mut all = Vec::new();
    let mut puts = 0_usize;
    let mut add = |namespace: NamespaceRef<'_>, key: &[u8]| -> Result<(), ledger::Error> {
        let metadata = match state.may_have_metadata(namespace) {
            true => committed_metadata(namespace, key, state)?,
            false => Box::default(),
        };
        if !metadata.is_empty() || !all.is_empty() {
            all.resize_with(puts, Box::default);
            all.push(metadata);
        }
        puts += 1;
        Ok(())
    };
    for ns in &rwset.namespaces {
        for write in ns.writes.iter().filter(|write| !is_delete(write)) {
            add(NamespaceRef::public(ns.name), write.key.as_bytes())?;
        }
        for collection in &ns.collections {
            let puts = collection
                .hashed_writes
                .iter()
                .filter(|write| !is_hash_delete(write));
            for write in puts {
                add(written_namespace(ns.name, collection.name), write.key_hash)?;
            }
        }
    }
    Ok(all)
}

pub(super) fn committed_metadata<S: StateReader + ?Sized>(
    namespace: NamespaceRef<'_>,
    key: &[u8],
    state: &S,
) -> Result<Box<[u8]>, ledger::Error> {
    Ok(state
        .get(namespace, key)?
        .map(|state| state.metadata.into())
        .unwrap_or_default())
}

/// The namespace that a write to a collection goes to.
///
/// Fabric: `validation/tx_ops.go` takes a collection without a name for the public namespace.
pub(super) fn written_namespace<'a>(name: &'a str, collection: &'a str) -> NamespaceRef<'a> {
    if collection.is_empty() {
        NamespaceRef::public(name)
    } else {
        NamespaceRef::hashed(name, collection)
    }
}
