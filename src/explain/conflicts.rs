//! Read conflicts and phantoms: which key, which versions, and who.
//!
//! The verdict is that of [`fold_block`] over the transactions before; which read it was is found by
//! looking at them one by one, in the order of the checks.

use super::error::Error;
use super::past::Past;
use super::policies::place;
use super::reason::{KeyName, RangeDifference, Reason, Writer};
use crate::endorsement::Lifetimes;
use crate::ledger::{self, Effect, KeyUpdate, StateReader, UpdateBatch};
use crate::mvcc::{Prefetched, TxInput, TxWrites, fold_block, replay_block};
use crate::proto::rwset::{KvRead, RangeQueryInfo, ReadsInfo, RwVersion};
use crate::rwset::{CollectionRwSet, NsRwSet, RwSet};
use crate::types::{BlockNumber, NamespaceRef, TxIndex, ValidationCode, Version};

/// A block up to one of its transactions.
pub(super) struct Conflicts<'c, 'a> {
    pub(super) block: BlockNumber,
    pub(super) tx: TxIndex,
    pub(super) rwset: &'c RwSet<'a>,
    pub(super) state: &'c (dyn StateReader + Sync),
    pub(super) past: &'c dyn Past,
    pub(super) lifetimes: &'c Lifetimes,
}

/// The valid transactions of a block before one, as far as they touch what that one reads.
pub(super) type Earlier<'a> = Vec<(TxIndex, RwSet<'a>)>;

impl<'a> Conflicts<'_, 'a> {
    /// The transaction's code, and the reason where it is not valid.
    ///
    /// # Errors
    /// The state cannot be read.
    pub(super) fn find(
        &self,
        earlier: &Earlier<'a>,
    ) -> Result<(ValidationCode, Option<Reason>), Error> {
        let reads = reads_only(self.rwset, |_| true);
        let code = self.fold(earlier, &reads)?;
        if code.is_valid() {
            return Ok((code, None));
        }
        let inputs = inputs(earlier);
        let batch = replay_block(self.block, &inputs, self.state, self.lifetimes)?;
        for ns in &self.rwset.namespaces {
            if let Some(found) = self.namespace(ns, earlier, &batch)? {
                return Ok(found);
            }
        }
        Ok((code, None))
    }

    fn namespace(
        &self,
        ns: &NsRwSet<'a>,
        earlier: &Earlier<'a>,
        batch: &UpdateBatch,
    ) -> Result<Option<(ValidationCode, Option<Reason>)>, Error> {
        let public = NamespaceRef::public(ns.name);
        let conflict = |reason| Some((ValidationCode::MvccReadConflict, Some(reason)));
        for read in &ns.reads {
            let version = read.version.as_ref();
            if let Some(reason) = self.point(public, read.key.as_bytes(), version, batch)? {
                return Ok(conflict(reason));
            }
        }
        for (at, query) in ns.range_queries.iter().enumerate() {
            let only = reads_only(self.rwset, |other| other.name == ns.name);
            if !self.fold(earlier, &one_query(only, at))?.is_valid() {
                let reason = self.phantom(public, query, batch)?;
                return Ok(Some((ValidationCode::PhantomReadConflict, Some(reason))));
            }
        }
        for collection in &ns.collections {
            let hashed = NamespaceRef::hashed(ns.name, collection.name);
            for read in &collection.hashed_reads {
                let version = read.version.as_ref();
                if let Some(reason) = self.point(hashed, read.key_hash, version, batch)? {
                    return Ok(conflict(reason));
                }
            }
        }
        Ok(None)
    }

    /// What a transaction with these reads would get.
    fn fold(&self, earlier: &Earlier<'a>, reads: &RwSet<'a>) -> Result<ValidationCode, Error> {
        let mut inputs = inputs(earlier);
        inputs.push(TxInput {
            tx: self.tx,
            writes: TxWrites::Endorser(reads),
        });
        let prefetched = Prefetched::default();
        let folded = fold_block(self.block, &inputs, &prefetched, self.state, self.lifetimes)?;
        let code = folded.codes.last().map(|(_, code)| *code);
        Ok(code.unwrap_or(ValidationCode::NotValidated))
    }

    /// The conflict of one read, if it has one.
    fn point(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
        read: Option<&RwVersion>,
        batch: &UpdateBatch,
    ) -> Result<Option<Reason>, ledger::Error> {
        let read = read.map(version);
        let (found, by) = match in_block(batch, namespace, key) {
            Some(update) => (put(update), self.block_writer(update)?),
            None => {
                let found = self.state.version(namespace, key)?;
                if found == read {
                    return Ok(None);
                }
                let by = self.past.writer(namespace, key, found, self.block)?;
                (found, by)
            }
        };
        let key = KeyName::new(namespace, key);
        Ok(Some(Reason::ReadConflict {
            key,
            read,
            found,
            by,
        }))
    }

    fn phantom(
        &self,
        namespace: NamespaceRef<'_>,
        query: &RangeQueryInfo<'_>,
        batch: &UpdateBatch,
    ) -> Result<Reason, ledger::Error> {
        let now = self.range(namespace, query, batch)?;
        let difference = match &query.reads_info {
            ReadsInfo::Merkle(_) => self.summary(namespace, &now, batch)?,
            ReadsInfo::Raw(reads) => self.difference(namespace, &reads.kv_reads, &now, batch)?,
            ReadsInfo::Unset => self.difference(namespace, &[], &now, batch)?,
        };
        Ok(Reason::Phantom {
            namespace: namespace.name.to_owned(),
            start: query.start_key.to_owned(),
            end: query.end_key.to_owned(),
            end_included: !query.itr_exhausted,
            difference,
        })
    }

    /// The keys of a range at the transaction's turn.
    fn range(
        &self,
        namespace: NamespaceRef<'_>,
        query: &RangeQueryInfo<'_>,
        batch: &UpdateBatch,
    ) -> Result<Vec<(Vec<u8>, Version)>, ledger::Error> {
        let (start, end) = (query.start_key.as_bytes(), query.end_key.as_bytes());
        let inside = |key: &[u8]| key >= start && (end.is_empty() || key < end);
        let mut now = std::collections::BTreeMap::new();
        if end.is_empty() || start < end {
            let bound = (!end.is_empty()).then_some(end);
            self.state
                .range(namespace, start, bound, &mut |key, state| {
                    now.insert(key.to_vec(), state.version);
                    true
                })?;
        }
        let at_end = !query.itr_exhausted && !now.contains_key(end);
        if at_end && let Some(found) = self.state.version(namespace, end)? {
            now.insert(end.to_vec(), found);
        }
        let updates = batch.namespace(namespace).map(|found| &found.updates);
        for update in updates.into_iter().flatten() {
            let is_end = !query.itr_exhausted && *update.key == *end;
            if !inside(&update.key) && !is_end {
                continue;
            }
            match update.effect {
                Effect::Put { .. } => drop(now.insert(update.key.to_vec(), update.version)),
                Effect::Delete => drop(now.remove(&*update.key)),
                Effect::Expire => {}
            }
        }
        Ok(now.into_iter().collect())
    }

    fn difference(
        &self,
        namespace: NamespaceRef<'_>,
        reads: &[KvRead<'_>],
        now: &[(Vec<u8>, Version)],
        batch: &UpdateBatch,
    ) -> Result<RangeDifference, ledger::Error> {
        let fits = |(read, (key, found)): &(&KvRead<'_>, &(Vec<u8>, Version))| {
            read.key.as_bytes() == key && read.version.as_ref().map(version) == Some(*found)
        };
        let same = reads.iter().zip(now).take_while(fits).count();
        let name = |key: &[u8]| KeyName::new(namespace, key);
        let by = |key: &[u8], found| self.writer(namespace, key, found, batch);
        Ok(match (reads.get(same), now.get(same)) {
            (Some(read), Some((key, found))) if read.key.as_bytes() == key => {
                RangeDifference::Changed {
                    key: name(key),
                    read: read.version.as_ref().map(version),
                    found: *found,
                    by: by(key, Some(*found))?,
                }
            }
            (read, Some((key, found)))
                if read.is_none_or(|read| read.key.as_bytes() > key.as_slice()) =>
            {
                RangeDifference::Appeared {
                    key: name(key),
                    found: *found,
                    by: by(key, Some(*found))?,
                }
            }
            (Some(read), _) => RangeDifference::Vanished {
                key: name(read.key.as_bytes()),
                read: read.version.as_ref().map(version),
                by: by(read.key.as_bytes(), None)?,
            },
            (None, _) => self.summary(namespace, now, batch)?,
        })
    }

    fn summary(
        &self,
        namespace: NamespaceRef<'_>,
        now: &[(Vec<u8>, Version)],
        batch: &UpdateBatch,
    ) -> Result<RangeDifference, ledger::Error> {
        let newest = now.iter().max_by_key(|(_, version)| *version);
        Ok(RangeDifference::Summary {
            keys: now.len(),
            newest: newest.map(|(key, _)| KeyName::new(namespace, key)),
            by: match newest {
                None => Writer::Nobody,
                Some((key, found)) => self.writer(namespace, key, Some(*found), batch)?,
            },
        })
    }

    fn writer(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
        found: Option<Version>,
        batch: &UpdateBatch,
    ) -> Result<Writer, ledger::Error> {
        match in_block(batch, namespace, key) {
            Some(update) => self.block_writer(update),
            None => self.past.writer(namespace, key, found, self.block),
        }
    }

    /// Who of this block wrote or deleted a key.
    fn block_writer(&self, update: &KeyUpdate) -> Result<Writer, ledger::Error> {
        let tx = self.past.tx(update.version)?;
        Ok(match update.effect {
            Effect::Put { .. } => Writer::Wrote(tx),
            Effect::Delete | Effect::Expire => Writer::Removed(super::reason::Removed::By(tx)),
        })
    }
}

fn inputs<'e, 'a>(earlier: &'e Earlier<'a>) -> Vec<TxInput<'e>>
where
    'a: 'e,
{
    let input = |(tx, rwset): &'e (TxIndex, RwSet<'a>)| TxInput {
        tx: *tx,
        writes: TxWrites::Endorser(rwset),
    };
    earlier.iter().map(input).collect()
}

/// The effect of the block so far on a key; keys expire only when it ends.
fn in_block<'b>(
    batch: &'b UpdateBatch,
    namespace: NamespaceRef<'_>,
    key: &[u8],
) -> Option<&'b KeyUpdate> {
    let update = batch.key(namespace, key);
    update.filter(|update| !matches!(update.effect, Effect::Expire))
}

fn put(update: &KeyUpdate) -> Option<Version> {
    match update.effect {
        Effect::Put { .. } => Some(update.version),
        Effect::Delete | Effect::Expire => None,
    }
}

fn version(read: &RwVersion) -> Version {
    Version {
        block: read.block_num,
        tx: read.tx_num,
    }
}

/// A read-write set without its writes, and of the chosen namespaces only.
fn reads_only<'a>(rwset: &RwSet<'a>, chosen: impl Fn(&NsRwSet<'a>) -> bool) -> RwSet<'a> {
    let mut namespaces: Vec<NsRwSet<'a>> = rwset
        .namespaces
        .iter()
        .filter(|ns| chosen(ns))
        .cloned()
        .collect();
    for ns in &mut namespaces {
        ns.writes.clear();
        ns.metadata_writes.clear();
        for collection in &mut ns.collections {
            collection.hashed_writes.clear();
            collection.metadata_writes.clear();
        }
    }
    RwSet { namespaces }
}

/// A read-write set with one of its range queries only.
fn one_query(mut rwset: RwSet<'_>, at: usize) -> RwSet<'_> {
    for ns in &mut rwset.namespaces {
        ns.reads.clear();
        ns.collections.clear();
        ns.range_queries = ns.range_queries.drain(..).skip(at).take(1).collect();
    }
    rwset
}

/// What an earlier transaction writes of what a later one reads; `None` where that is nothing.
pub(super) fn written_of_read<'a>(written: &RwSet<'a>, reader: &RwSet<'_>) -> Option<RwSet<'a>> {
    let mut namespaces = Vec::new();
    for ns in &written.namespaces {
        let Some(reads) = reader.namespaces.iter().find(|reads| reads.name == ns.name) else {
            continue;
        };
        let mut part = ns.clone();
        part.reads.clear();
        part.range_queries.clear();
        if reads.range_queries.is_empty() {
            let is_read = |key: &str| reads.reads.iter().any(|read| read.key == key);
            part.writes.retain(|write| is_read(write.key));
            part.metadata_writes.retain(|write| is_read(write.key));
        }
        for collection in &mut part.collections {
            collection.hashed_reads.clear();
            retain_read_hashes(collection, reads);
        }
        if part.writes_anything() {
            namespaces.push(part);
        }
    }
    (!namespaces.is_empty()).then_some(RwSet { namespaces })
}

fn retain_read_hashes(collection: &mut CollectionRwSet<'_>, reads: &NsRwSet<'_>) {
    if place("", collection.name).collection.is_none() {
        // Writes to the collection without a name go to the public keys: keep them all.
        return;
    }
    let reads: Vec<&[u8]> = reads
        .collections
        .iter()
        .filter(|found| found.name == collection.name)
        .flat_map(|found| found.hashed_reads.iter().map(|read| read.key_hash))
        .collect();
    collection
        .hashed_writes
        .retain(|write| reads.contains(&write.key_hash));
    collection
        .metadata_writes
        .retain(|write| reads.contains(&write.key_hash));
}
