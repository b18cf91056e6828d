//! The part of the state that the explanation of a transaction can ask for: whatever its block names,
//! the ranges that it read, and the definitions.
//!
//! What a block does to a key depends on that key alone, and on the definitions; so a replay that keeps
//! only these keeps them exactly, and its memory does not grow with the channel's state.

use std::collections::HashSet;

use super::policies::place;
use crate::decode::{DecodedBlock, DecodedTx, SignedKind, TxBody};
use crate::ledger::UpdateBatch;
use crate::lifecycle::{LEGACY_NAMESPACE, LIFECYCLE_NAMESPACE};
use crate::rwset::RwSet;
use crate::types::{Namespace, NamespaceRef, TxIndex};

/// Keys and ranges.
#[derive(Debug, Default)]
pub(super) struct Watched {
    keys: HashSet<(Namespace, Vec<u8>)>,
    ranges: Vec<Range>,
}

/// A range of public keys; no end is no bound.
#[derive(Debug)]
struct Range {
    namespace: Namespace,
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

impl Watched {
    /// What the explanation of a transaction of this block can ask for.
    pub(super) fn of(block: &DecodedBlock, tx: TxIndex) -> Self {
        let mut watched = Self::default();
        let transactions = &block.contents().transactions;
        for rwset in transactions.iter().filter_map(rwset) {
            watched.add_keys(rwset);
        }
        let explained = usize::try_from(tx.0).map(|tx| transactions.get(tx));
        if let Ok(Some(rwset)) = explained.map(|found| found.and_then(rwset)) {
            watched.add_ranges(rwset);
        }
        watched
    }

    fn add_keys(&mut self, rwset: &RwSet<'_>) {
        for ns in &rwset.namespaces {
            let public = NamespaceRef::public(ns.name);
            let reads = ns.reads.iter().map(|read| read.key);
            let writes = ns.writes.iter().map(|write| write.key);
            let metadata = ns.metadata_writes.iter().map(|write| write.key);
            for key in reads.chain(writes).chain(metadata) {
                self.add(public, key.as_bytes());
            }
            for collection in &ns.collections {
                let hashed = NamespaceRef::hashed(ns.name, collection.name);
                let written = place(ns.name, collection.name);
                for read in &collection.hashed_reads {
                    self.add(hashed, read.key_hash);
                }
                let writes = collection.hashed_writes.iter().map(|write| write.key_hash);
                let metadata = collection.metadata_writes.iter();
                for key in writes.chain(metadata.map(|write| write.key_hash)) {
                    self.add(written, key);
                }
            }
        }
    }

    fn add_ranges(&mut self, rwset: &RwSet<'_>) {
        for ns in &rwset.namespaces {
            let namespace = NamespaceRef::public(ns.name);
            for query in &ns.range_queries {
                let end = query.end_key.as_bytes();
                // The end may belong to the range.
                self.add(namespace, end);
                self.ranges.push(Range {
                    namespace: namespace.to_owned(),
                    start: query.start_key.as_bytes().to_vec(),
                    end: (!end.is_empty()).then(|| end.to_vec()),
                });
            }
        }
    }

    fn add(&mut self, namespace: NamespaceRef<'_>, key: &[u8]) {
        self.keys.insert((namespace.to_owned(), key.to_vec()));
    }

    fn contains(&self, namespace: &Namespace, key: &[u8]) -> bool {
        let name = namespace.as_ref().name;
        if name.is_empty() || name == LIFECYCLE_NAMESPACE || name == LEGACY_NAMESPACE {
            return true;
        }
        let inside = |range: &Range| {
            range.namespace == *namespace
                && key >= range.start.as_slice()
                && range.end.as_ref().is_none_or(|end| key < end.as_slice())
        };
        // A set of pairs can be asked only with a pair.
        self.keys.contains(&(namespace.clone(), key.to_vec())) || self.ranges.iter().any(inside)
    }

    /// Leaves only what is watched in a batch.
    pub(super) fn keep(&self, batch: &mut UpdateBatch) {
        for found in &mut batch.namespaces {
            let namespace = &found.namespace;
            found
                .updates
                .retain(|update| self.contains(namespace, &update.key));
        }
        batch.namespaces.retain(|found| !found.updates.is_empty());
        batch
            .expiries
            .retain(|expiry| self.contains(&expiry.namespace, &expiry.key));
        batch.history.clear();
    }
}

fn rwset<'t, 'a>(transaction: &'t DecodedTx<'a>) -> Option<&'t RwSet<'a>> {
    let TxBody::Signed {
        kind: SignedKind::Endorser(endorser),
        ..
    } = &transaction.body
    else {
        return None;
    };
    endorser.action.as_ref().ok().map(|call| &call.rwset)
}
