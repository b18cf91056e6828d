//! Reads against the state, writes into a batch, and the commit hash (validation-spec chapter 5, 1.8).

use std::collections::BTreeMap;
use std::ops::Bound;

use heddle::crypto::sha256_parts;
use heddle::proto::messages::kvrwset;
use heddle::proto::messages::txmgr;
use heddle::proto::rwset::{
    KvMetadataEntry, KvWriteHash, QueryReadsMerkleSummary, RangeQueryInfo, ReadsInfo, RwVersion,
};
use heddle::proto::wire::{put_bytes, put_element};
use heddle::types::{Digest, ValidationCode as Code, Version};
use prost::Message as _;

use crate::state::{Key, State};
use crate::structure::NsRwSet;
use crate::{Halt, stopped};

/// SHA-256 of nothing: as a value's hash, a delete.
const EMPTY_HASH: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// The last effect of a block on a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Update {
    pub(crate) version: Version,
    /// Value and metadata; `None` for a delete.
    pub(crate) put: Option<(Vec<u8>, Vec<u8>)>,
}

/// What a block does to the state.
pub(crate) type Batch = BTreeMap<Key, Update>;

/// 5.3: whether what a transaction read is still so.
pub(crate) fn check_reads(
    rwset: &[NsRwSet<'_>],
    state: &State,
    batch: &Batch,
) -> Result<Code, Halt> {
    let is_current = |key: Key, read: Option<RwVersion>| {
        let committed = state.keys.get(&key).map(|value| value.version);
        !batch.contains_key(&key) && committed == read.map(version)
    };
    for ns in rwset {
        for read in &ns.public.reads {
            let key = Key::new(ns.name, None, read.key.as_bytes());
            if !is_current(key, read.version.clone()) {
                return Ok(Code::MvccReadConflict);
            }
        }
        for range in &ns.public.range_queries_info {
            if !range_is_current(ns.name, range, state, batch)? {
                return Ok(Code::PhantomReadConflict);
            }
        }
        for (collection, hashed) in &ns.collections {
            for read in &hashed.hashed_reads {
                let key = Key::new(ns.name, Some(collection), read.key_hash);
                if !is_current(key, read.version.clone()) {
                    return Ok(Code::MvccReadConflict);
                }
            }
        }
    }
    Ok(Code::Valid)
}

fn version(read: RwVersion) -> Version {
    Version {
        block: read.block_num,
        tx: read.tx_num,
    }
}

/// 5.4.
fn range_is_current(
    name: &str,
    range: &RangeQueryInfo<'_>,
    state: &State,
    batch: &Batch,
) -> Result<bool, Halt> {
    let found = range_results(name, range, state, batch);
    match &range.reads_info {
        ReadsInfo::Merkle(summary) if summary.max_degree < 2 => {
            Err(stopped("Merkle summary of degree below 2".to_owned()))
        }
        ReadsInfo::Merkle(summary) => Ok(matches_summary(summary, &found)),
        ReadsInfo::Unset => Ok(found.is_empty()),
        ReadsInfo::Raw(reads) => {
            let same = |(read, (key, at)): (&heddle::proto::rwset::KvRead<'_>, &(_, Version))| {
                read.key == *key && read.version.clone().map(version) == Some(*at)
            };
            Ok(reads.kv_reads.len() == found.len() && reads.kv_reads.iter().zip(&found).all(same))
        }
    }
}

/// The keys of a range now, and the end key behind them where the iterator stopped at it.
fn range_results(
    name: &str,
    range: &RangeQueryInfo<'_>,
    state: &State,
    batch: &Batch,
) -> Vec<(String, Version)> {
    let now = |key: &Key| match batch.get(key) {
        Some(update) => update.put.as_ref().map(|_| update.version),
        None => state.keys.get(key).map(|value| value.version),
    };
    let start = Key::new(name, None, range.start_key.as_bytes());
    let from = (Bound::Included(start.clone()), Bound::Unbounded);
    let inside = |key: &&Key| {
        key.namespace == start.namespace
            && (range.end_key.is_empty() || *key.key < *range.end_key.as_bytes())
    };
    let committed = state.keys.range(from.clone()).map(|(key, _)| key);
    let updated = batch.range(from).map(|(key, _)| key);
    let mut keys: Vec<&Key> = committed.take_while(inside).collect();
    keys.extend(updated.take_while(inside));
    keys.sort_unstable();
    keys.dedup();
    let end = Key::new(name, None, range.end_key.as_bytes());
    if !range.itr_exhausted {
        keys.push(&end);
    }
    let text = |key: &Key| String::from_utf8_lossy(&key.key).into_owned();
    let results = keys
        .into_iter()
        .filter_map(|key| Some((text(key), now(key)?)));
    results.collect()
}

/// 5.5.
fn matches_summary(recorded: &QueryReadsMerkleSummary<'_>, results: &[(String, Version)]) -> bool {
    let Some((level, hashes)) = summary(recorded.max_degree as usize, results) else {
        return false;
    };
    let same = |(one, other): (&Vec<u8>, &&[u8])| one == other;
    let pairs = hashes.iter().zip(&recorded.max_level_hashes);
    level == recorded.max_level as usize
        && hashes.len() == recorded.max_level_hashes.len()
        && pairs.into_iter().all(same)
}

/// The top level's number and hashes; `None` for results that are not summarized.
fn summary(degree: usize, results: &[(String, Version)]) -> Option<(usize, Vec<Vec<u8>>)> {
    if results.len() <= degree {
        return None;
    }
    // Level 1 stands first. As reads come in, degree + 1 of them make a leaf, and degree + 1 hashes of
    // a level make one hash of the next.
    let mut levels: Vec<Vec<Vec<u8>>> = vec![Vec::new()];
    for leaf in results.chunks(degree + 1) {
        let mut carried = Some(leaf_hash(leaf));
        let mut at = 0;
        while let Some(hash) = carried.take() {
            if levels.len() == at {
                levels.push(Vec::new());
            }
            if let Some(level) = levels.get_mut(at) {
                level.push(hash);
                if level.len() > degree {
                    carried = Some(combined(&std::mem::take(level)));
                }
            }
            at += 1;
        }
    }
    // At the end what is left of each level is carried up.
    let mut top = levels.pop().unwrap_or_default();
    let mut carried: Vec<Vec<u8>> = Vec::new();
    let mut max_level = levels.len() + 1;
    for mut level in levels {
        level.append(&mut carried);
        carried = match level.len() {
            0 | 1 => level,
            _ => vec![combined(&level)],
        };
    }
    top.append(&mut carried);
    if top.len() > degree {
        top = vec![combined(&top)];
        max_level += 1;
    }
    Some((max_level, top))
}

fn leaf_hash(reads: &[(String, Version)]) -> Vec<u8> {
    let reads = reads.iter().map(|(key, at)| kvrwset::KvRead {
        key: key.clone(),
        version: Some(kvrwset::Version {
            block_num: at.block,
            tx_num: at.tx,
        }),
    });
    let reads = kvrwset::QueryReads {
        kv_reads: reads.collect(),
    };
    combined(&[reads.encode_to_vec()])
}

fn combined(hashes: &[Vec<u8>]) -> Vec<u8> {
    let parts: Vec<&[u8]> = hashes.iter().map(|hash| &**hash).collect();
    sha256_parts(&parts).0.to_vec()
}

/// What a transaction does to one key: one flag for each write, added up as Fabric adds them.
#[derive(Default)]
struct Operation {
    flags: u8,
    value: Vec<u8>,
    metadata: Vec<u8>,
}

const UPSERT: u8 = 1;
const METADATA_UPDATE: u8 = 2;
const METADATA_DELETE: u8 = 4;
const DELETE: u8 = 8;

/// 5.6: applies the writes of a valid transaction.
pub(crate) fn apply_writes(rwset: &[NsRwSet<'_>], at: Version, state: &State, batch: &mut Batch) {
    let mut operations: BTreeMap<Key, Operation> = BTreeMap::new();
    let mut write = |key: Key, flag: u8, value: &[u8]| {
        let operation = operations.entry(key).or_default();
        operation.flags = operation.flags.wrapping_add(flag);
        match flag {
            UPSERT => operation.value = value.to_vec(),
            METADATA_UPDATE => operation.metadata = value.to_vec(),
            _ => {}
        }
    };
    for ns in rwset {
        for it in &ns.public.writes {
            let deletes = it.is_delete || it.value.is_empty();
            let flag = if deletes { DELETE } else { UPSERT };
            write(Key::new(ns.name, None, it.key.as_bytes()), flag, it.value);
        }
        for it in &ns.public.metadata_writes {
            let (flag, metadata) = metadata(&it.entries);
            write(Key::new(ns.name, None, it.key.as_bytes()), flag, &metadata);
        }
        for (name, hashed) in &ns.collections {
            for it in &hashed.hashed_writes {
                let flag = if is_hash_delete(it) { DELETE } else { UPSERT };
                write(
                    Key::new(ns.name, Some(name), it.key_hash),
                    flag,
                    it.value_hash,
                );
            }
            for it in &hashed.metadata_writes {
                let (flag, metadata) = metadata(&it.entries);
                write(Key::new(ns.name, Some(name), it.key_hash), flag, &metadata);
            }
        }
    }
    for (key, operation) in operations {
        // `None` for an operation that has no effect.
        if let Some(put) = effect(&operation, &key, state, batch) {
            batch.insert(key, Update { version: at, put });
        }
    }
}

fn is_hash_delete(write: &KvWriteHash<'_>) -> bool {
    write.is_delete || write.value_hash.is_empty() || write.value_hash == EMPTY_HASH
}

/// The flag of a metadata write, and the metadata as the state stores them.
fn metadata(entries: &[KvMetadataEntry<'_>]) -> (u8, Vec<u8>) {
    let mut stored = Vec::new();
    for entry in entries {
        let mut bytes = Vec::new();
        put_bytes(&mut bytes, 1, entry.name.as_bytes());
        put_bytes(&mut bytes, 2, entry.value);
        // Generated types would lose the unknown fields, which Go keeps.
        bytes.extend_from_slice(&entry.unknown);
        put_element(&mut stored, 2, &bytes);
    }
    let flag = if entries.is_empty() {
        METADATA_DELETE
    } else {
        METADATA_UPDATE
    };
    (flag, stored)
}

type Put = Option<(Vec<u8>, Vec<u8>)>;

fn effect(operation: &Operation, key: &Key, state: &State, batch: &Batch) -> Option<Put> {
    let latest = || -> Put {
        match batch.get(key) {
            Some(update) => update.put.clone(),
            None => {
                let value = state.keys.get(key)?;
                Some((value.value.clone(), value.metadata.clone()))
            }
        }
    };
    let Operation {
        flags,
        value,
        metadata,
    } = operation;
    if flags & DELETE != 0 {
        Some(None)
    } else if *flags | UPSERT == UPSERT {
        // Fabric asks it like this, so 256 writes, whose flags add up to none, are a write, too.
        let metadata = latest().map(|(_, metadata)| metadata).unwrap_or_default();
        Some(Some((value.clone(), metadata)))
    } else if flags & UPSERT != 0 && flags & (METADATA_UPDATE | METADATA_DELETE) != 0 {
        Some(Some((value.clone(), metadata.clone())))
    } else {
        let (value, _) = latest()?;
        Some(Some((value, metadata.clone())))
    }
}

/// 1.8.
pub(crate) fn commit_hash(codes: &[Code], batch: &Batch, previous: Option<Digest>) -> Digest {
    let filter: Vec<u8> = codes.iter().map(|code| code.number()).collect();
    let mut length = Vec::new();
    heddle::proto::wire::put_varint(&mut length, filter.len() as u64);
    let mut updates = txmgr::Updates::default();
    let mut last: Option<&Key> = None;
    for (key, update) in batch {
        let namespace = &key.namespace;
        if namespace.name.is_empty() {
            continue;
        }
        let same_name = last.is_some_and(|last| last.namespace.name == namespace.name);
        let same = last.is_some_and(|last| last.namespace == *namespace);
        let once = |same: bool, name: &str| if same { String::new() } else { name.to_owned() };
        updates.kvwrites.push(txmgr::KvWrite {
            namespace: once(same_name, &namespace.name),
            collection: once(same, namespace.collection.as_deref().unwrap_or_default()),
            key: key.key.clone(),
            is_delete: update.put.is_none(),
            value: update.put.clone().unwrap_or_default().0,
            version_bytes: [
                order_preserving(update.version.block),
                order_preserving(update.version.tx),
            ]
            .concat(),
        });
        last = Some(key);
    }
    let previous = previous.map(|hash| hash.0.to_vec()).unwrap_or_default();
    sha256_parts(&[&length, &filter, &updates.encode_to_vec(), &previous])
}

/// How many significant bytes a number has, then these bytes.
fn order_preserving(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let significant: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
    let length = u8::try_from(significant.len()).unwrap_or(8);
    [vec![length], significant].concat()
}
