//! The dumb twin: the same rules, one after another, on sorted maps, everything copied.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};

use super::Lives;
use crate::ledger::{
    Effect, Expiry, HistoryEntry, KeyUpdate, NamespaceUpdates, StateReader, UpdateBatch,
};
use crate::lifecycle::memory::MemoryState;
use crate::mvcc::{BlockToLive, Folded, TxInput, TxWrites};
use crate::proto::rwset::{KvMetadataEntry, RangeQueryInfo, ReadsInfo, RwVersion};
use crate::proto::wire::{put_bytes, put_element, put_uint, put_varint};
use crate::rwset::{RwSet, is_delete, is_hash_delete};
use crate::types::{BlockNumber, Digest, Namespace, NamespaceRef, ValidationCode, Version};

type Key = (Namespace, Vec<u8>);

/// Value and metadata, `None` for a delete.
type Change = (Version, Option<(Vec<u8>, Vec<u8>)>);

#[derive(Default)]
struct Operation {
    sum: u64,
    value: Option<Vec<u8>>,
    metadata: Vec<u8>,
}

pub(super) fn fold(
    block: BlockNumber,
    inputs: &[TxInput<'_>],
    state: &MemoryState,
    lives: &Lives,
) -> Folded {
    let mut folded = Folded::default();
    let mut batch = BTreeMap::new();
    for input in inputs {
        let version = Version::new(block, input.tx);
        let code = match input.writes {
            TxWrites::Endorser(rwset) => check(rwset, state, &batch),
            TxWrites::Config(_) => ValidationCode::Valid,
        };
        if code.is_valid() {
            apply(input, version, state, &mut batch);
            folded.batch.history.extend(history(input, version));
        }
        folded.codes.push((input.tx, code));
    }
    finish(block, batch, state, lives, &mut folded.batch);
    folded
}

fn check(rwset: &RwSet<'_>, state: &MemoryState, batch: &BTreeMap<Key, Change>) -> ValidationCode {
    let stale = |namespace: NamespaceRef<'_>, key: &[u8], read: &Option<RwVersion>| {
        let read = read.as_ref().map(|read| Version {
            block: read.block_num,
            tx: read.tx_num,
        });
        batch.contains_key(&(namespace.to_owned(), key.to_vec()))
            || state.version(namespace, key).unwrap() != read
    };
    for ns in &rwset.namespaces {
        let public = NamespaceRef::public(ns.name);
        if ns
            .reads
            .iter()
            .any(|read| stale(public, read.key.as_bytes(), &read.version))
        {
            return ValidationCode::MvccReadConflict;
        }
        for query in &ns.range_queries {
            if !range_holds(query, &range(ns.name, query, state, batch)) {
                return ValidationCode::PhantomReadConflict;
            }
        }
        for collection in &ns.collections {
            let hashed = NamespaceRef::hashed(ns.name, collection.name);
            let mut reads = collection.hashed_reads.iter();
            if reads.any(|read| stale(hashed, read.key_hash, &read.version)) {
                return ValidationCode::MvccReadConflict;
            }
        }
    }
    ValidationCode::Valid
}

/// The range as it is now.
pub(super) fn range(
    name: &str,
    query: &RangeQueryInfo<'_>,
    state: &MemoryState,
    batch: &BTreeMap<Key, Change>,
) -> Vec<(Vec<u8>, Version)> {
    let namespace = NamespaceRef::public(name).to_owned();
    let mut merged: BTreeMap<Vec<u8>, Version> = BTreeMap::new();
    for (key, value) in state.namespaces.get(&namespace).into_iter().flatten() {
        merged.insert(key.clone(), value.version);
    }
    for ((_, key), (version, put)) in batch.iter().filter(|((ns, _), _)| *ns == namespace) {
        merged.remove(key);
        if put.is_some() {
            merged.insert(key.clone(), *version);
        }
    }
    let (start, end) = (query.start_key.as_bytes(), query.end_key.as_bytes());
    let inside = |key: &Vec<u8>| **key >= *start && (end.is_empty() || **key < *end);
    let last = merged.get(end).map(|version| (end.to_vec(), *version));
    let mut results: Vec<_> = merged.into_iter().filter(|(key, _)| inside(key)).collect();
    results.extend(last.filter(|_| !query.itr_exhausted));
    results
}

fn range_holds(query: &RangeQueryInfo<'_>, results: &[(Vec<u8>, Version)]) -> bool {
    match &query.reads_info {
        ReadsInfo::Unset => results.is_empty(),
        ReadsInfo::Raw(reads) => {
            let recorded = reads.kv_reads.iter().map(|read| {
                let version = read.version.as_ref();
                let version = version.map(|read| Version {
                    block: read.block_num,
                    tx: read.tx_num,
                });
                (read.key.as_bytes().to_vec(), version)
            });
            recorded.eq(results
                .iter()
                .map(|(key, version)| (key.clone(), Some(*version))))
        }
        ReadsInfo::Merkle(recorded) => {
            let summary = merkle(recorded.max_degree as usize, results);
            summary.is_some_and(|(level, hashes)| {
                level == recorded.max_level as usize
                    && hashes
                        .iter()
                        .map(|hash| &hash[..])
                        .eq(recorded.max_level_hashes.iter().copied())
            })
        }
    }
}

/// Level and hashes of the top.
pub(super) fn merkle(
    degree: usize,
    results: &[(Vec<u8>, Version)],
) -> Option<(usize, Vec<Vec<u8>>)> {
    let hash = |bytes: &[u8]| digest(&SHA256, bytes).as_ref().to_vec();
    let leaf = |results: &[(Vec<u8>, Version)]| {
        let mut all = Vec::new();
        for (key, version) in results {
            let (mut number, mut read) = (Vec::new(), Vec::new());
            put_uint(&mut number, 1, version.block);
            put_uint(&mut number, 2, version.tx);
            put_bytes(&mut read, 1, key);
            put_element(&mut read, 2, &number);
            put_element(&mut all, 1, &read);
        }
        hash(&all)
    };
    if results.len() <= degree {
        return None;
    }
    let mut levels: BTreeMap<usize, Vec<Vec<u8>>> = BTreeMap::new();
    let mut top = 1;
    for group in results.chunks(degree + 1) {
        levels.entry(1).or_default().push(leaf(group));
        let mut level = 1;
        while levels[&level].len() > degree {
            let combined = hash(&levels.remove(&level).unwrap().concat());
            level += 1;
            levels.entry(level).or_default().push(combined);
            top = top.max(level);
        }
    }
    for level in 1..top {
        let hashes = levels.remove(&level).unwrap_or_default();
        match &hashes[..] {
            [] => {}
            [one] => levels.entry(level + 1).or_default().push(one.clone()),
            many => levels
                .entry(level + 1)
                .or_default()
                .push(hash(&many.concat())),
        }
    }
    let hashes = levels.remove(&top).unwrap();
    if hashes.len() > degree {
        return Some((top + 1, vec![hash(&hashes.concat())]));
    }
    Some((top, hashes))
}

fn serialize(entries: &[KvMetadataEntry<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        let mut inner = Vec::new();
        put_bytes(&mut inner, 1, entry.name.as_bytes());
        put_bytes(&mut inner, 2, entry.value);
        inner.extend_from_slice(&entry.unknown);
        put_element(&mut out, 2, &inner);
    }
    out
}

fn gather(writes: TxWrites<'_>) -> BTreeMap<Key, Operation> {
    let mut all: BTreeMap<Key, Operation> = BTreeMap::new();
    let mut write = |namespace: &Namespace, key: &[u8], value: Option<&[u8]>| {
        let operation = all.entry((namespace.clone(), key.to_vec())).or_default();
        operation.sum += if value.is_some() { 1 } else { 8 };
        if let Some(value) = value {
            operation.value = Some(value.to_vec());
        }
    };
    let rwset = match writes {
        TxWrites::Config(config) => {
            let namespace = NamespaceRef::public("").to_owned();
            write(&namespace, b"CHANNEL_CONFIG_ENV_BYTES", Some(config));
            return all;
        }
        TxWrites::Endorser(rwset) => rwset,
    };
    let hashed = |name, collection| NamespaceRef::hashed(name, collection).to_owned();
    for ns in &rwset.namespaces {
        for found in &ns.writes {
            let value = (!is_delete(found)).then_some(found.value);
            write(
                &NamespaceRef::public(ns.name).to_owned(),
                found.key.as_bytes(),
                value,
            );
        }
        for collection in &ns.collections {
            for found in &collection.hashed_writes {
                let value = (!is_hash_delete(found)).then_some(found.value_hash);
                write(&hashed(ns.name, collection.name), found.key_hash, value);
            }
        }
    }
    let mut metadata = |namespace: Namespace, key: &[u8], entries: &[KvMetadataEntry<'_>]| {
        let operation = all.entry((namespace, key.to_vec())).or_default();
        operation.sum += if entries.is_empty() { 4 } else { 2 };
        if !entries.is_empty() {
            operation.metadata = serialize(entries);
        }
    };
    for ns in &rwset.namespaces {
        for found in &ns.metadata_writes {
            metadata(
                NamespaceRef::public(ns.name).to_owned(),
                found.key.as_bytes(),
                &found.entries,
            );
        }
        for collection in &ns.collections {
            for found in &collection.metadata_writes {
                metadata(
                    hashed(ns.name, collection.name),
                    found.key_hash,
                    &found.entries,
                );
            }
        }
    }
    all
}

fn apply(
    input: &TxInput<'_>,
    version: Version,
    state: &MemoryState,
    batch: &mut BTreeMap<Key, Change>,
) {
    for (key, operation) in gather(input.writes) {
        let latest: Option<(Vec<u8>, Vec<u8>)> = match batch.get(&key) {
            Some((_, put)) => put.clone(),
            None => state
                .get(key.0.as_ref(), &key.1)
                .unwrap()
                .map(|state| (state.value, state.metadata)),
        };
        let sum = operation.sum % 256;
        let put = if sum & 8 != 0 {
            None
        } else if sum & 1 != 0 && sum & 6 != 0 {
            Some((operation.value.unwrap(), operation.metadata))
        } else if sum <= 1 {
            let Some(value) = operation.value else {
                continue;
            };
            Some((
                value,
                latest.map(|(_, metadata)| metadata).unwrap_or_default(),
            ))
        } else {
            let Some((value, _)) = latest else { continue };
            Some((value, operation.metadata))
        };
        batch.insert(key, (version, put));
    }
}

fn history(input: &TxInput<'_>, version: Version) -> Vec<HistoryEntry> {
    let TxWrites::Endorser(rwset) = input.writes else {
        return Vec::new();
    };
    let mut entries: Vec<HistoryEntry> = Vec::new();
    for ns in &rwset.namespaces {
        for write in &ns.writes {
            let key = write.key.as_bytes().into();
            let entry = HistoryEntry {
                name: ns.name.into(),
                key,
                version,
            };
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
    }
    entries
}

fn finish(
    block: BlockNumber,
    changes: BTreeMap<Key, Change>,
    state: &MemoryState,
    lives: &Lives,
    batch: &mut UpdateBatch,
) {
    let expires = |namespace: &Namespace, written: u64| {
        let blocks = lives
            .block_to_live(&namespace.name, namespace.collection.as_ref().unwrap())
            .unwrap();
        (blocks > 0).then(|| BlockNumber(written + blocks + 1))
    };
    let mut effects: BTreeMap<Key, (Version, Effect)> = BTreeMap::new();
    for (key, (version, put)) in changes {
        let effect = match put {
            Some((value, metadata)) => Effect::Put {
                value: value.into(),
                metadata: metadata.into(),
            },
            None => Effect::Delete,
        };
        let put = matches!(effect, Effect::Put { .. });
        if put
            && key.0.collection.is_some()
            && let Some(at) = expires(&key.0, block.0)
        {
            batch.expiries.push(Expiry {
                at,
                written: block,
                namespace: key.0.clone(),
                key: key.1.clone().into(),
            });
        }
        effects.insert(key, (version, effect));
    }
    for candidate in state.expiring(block).unwrap() {
        let key = (candidate.namespace.clone(), candidate.key.to_vec());
        let version = state.version(key.0.as_ref(), &key.1).unwrap();
        let due = version.is_some_and(|version| version.block == candidate.written.0);
        if due && !effects.contains_key(&key) {
            let version = Version {
                block: block.0,
                tx: u64::MAX,
            };
            effects.insert(key, (version, Effect::Expire));
        }
    }
    batch.block = block;
    for ((namespace, key), (version, effect)) in effects {
        if batch
            .namespaces
            .last()
            .is_none_or(|last| last.namespace != namespace)
        {
            batch.namespaces.push(NamespaceUpdates {
                namespace,
                updates: Vec::new(),
            });
        }
        let update = KeyUpdate {
            key: key.into(),
            version,
            effect,
        };
        batch.namespaces.last_mut().unwrap().updates.push(update);
    }
    batch
        .expiries
        .sort_by_key(|expiry| (expiry.namespace.clone(), expiry.key.clone()));
}

/// The commit hash from one big buffer.
pub(super) fn commit_hash(previous: &[u8], codes: &[u8], batch: &UpdateBatch) -> Digest {
    let mut all = Vec::new();
    put_varint(&mut all, codes.len() as u64);
    all.extend_from_slice(codes);
    let (mut name, mut collection) = (String::new(), None);
    for namespace in &batch.namespaces {
        for update in &namespace.updates {
            if namespace.namespace.name.is_empty() || update.effect == Effect::Expire {
                continue;
            }
            let mut write = Vec::new();
            if name != *namespace.namespace.name {
                name = namespace.namespace.name.to_string();
                collection = None;
                put_bytes(&mut write, 1, name.as_bytes());
            }
            if collection != namespace.namespace.collection {
                collection = namespace.namespace.collection.clone();
                put_bytes(
                    &mut write,
                    2,
                    collection.as_deref().unwrap_or_default().as_bytes(),
                );
            }
            put_bytes(&mut write, 3, &update.key);
            match &update.effect {
                Effect::Put { value, .. } => put_bytes(&mut write, 5, value),
                Effect::Delete | Effect::Expire => put_uint(&mut write, 4, 1),
            }
            let mut version = Vec::new();
            for number in [update.version.block, update.version.tx] {
                let bytes: Vec<u8> = number
                    .to_be_bytes()
                    .into_iter()
                    .skip_while(|byte| *byte == 0)
                    .collect();
                version.push(u8::try_from(bytes.len()).unwrap());
                version.extend(bytes);
            }
            put_bytes(&mut write, 6, &version);
            put_element(&mut all, 1, &write);
        }
    }
    all.extend_from_slice(previous);
    Digest(digest(&SHA256, &all).as_ref().try_into().unwrap())
}
