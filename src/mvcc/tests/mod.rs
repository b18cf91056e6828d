//! Tests of the fold. Each case runs through the fold with and without prefetch, through the replay
//! and through the twin, a sequential fold without anything clever; all must agree.

mod corpus;
mod expiries;
mod hashes;
mod merkle;
mod properties;
mod ranges;
mod reads;
mod stops;
mod twin;
mod writes;

use std::collections::BTreeMap;

use crate::ledger::{Effect, UpdateBatch};
use crate::lifecycle;
use crate::lifecycle::memory::MemoryState;
use crate::mvcc::{
    BlockToLive, Fault, Folded, Prefetched, TxInput, TxWrites, commit_hash, fold_block, prefetch,
    prefetch_parallel, replay_block,
};
use crate::proto::rwset::{
    KvMetadataEntry, KvMetadataWrite, KvMetadataWriteHash, KvRead, KvReadHash, KvWrite,
    KvWriteHash, QueryReads, RangeQueryInfo, ReadsInfo, RwVersion,
};
use crate::rwset::{CollectionRwSet, NsRwSet, RwSet};
use crate::sys::process::CpuMeter;
use crate::types::{BlockNumber, NamespaceRef, TxIndex, Version};

/// The block that the cases fold.
const BLOCK: BlockNumber = BlockNumber(7);

const CC: NamespaceRef<'_> = NamespaceRef {
    name: "cc",
    collection: None,
};
const COLL: NamespaceRef<'_> = NamespaceRef {
    name: "cc",
    collection: Some("coll"),
};

/// Blocks to live by chaincode and collection; others are not defined.
type Lives = BTreeMap<(&'static str, &'static str), u64>;

impl BlockToLive for Lives {
    fn block_to_live(&self, name: &str, collection: &str) -> Result<u64, lifecycle::Fault> {
        let found = self.iter().find(|(key, _)| **key == (name, collection));
        found
            .map(|(_, blocks)| *blocks)
            .ok_or_else(|| lifecycle::Fault::UndefinedCollection {
                namespace: name.to_owned(),
                collection: collection.to_owned(),
            })
    }
}

/// Collection `coll` of `cc` for ever, `brief` for 2 blocks.
fn lives() -> Lives {
    [(("cc", "coll"), 0), (("cc", "brief"), 2)].into()
}

fn tx<const N: usize>(namespaces: [NsRwSet<'static>; N]) -> RwSet<'static> {
    RwSet {
        namespaces: namespaces.into(),
    }
}

/// A transaction that only does something in `cc`.
fn cc(namespace: NsRwSet<'static>) -> RwSet<'static> {
    tx([NsRwSet {
        name: "cc",
        ..namespace
    }])
}

/// A transaction that only does something in collection `coll` of `cc`.
fn coll(collection: CollectionRwSet<'static>) -> RwSet<'static> {
    in_collection("coll", collection)
}

fn in_collection(name: &'static str, collection: CollectionRwSet<'static>) -> RwSet<'static> {
    cc(NsRwSet {
        collections: vec![CollectionRwSet { name, ..collection }],
        ..NsRwSet::default()
    })
}

fn reads<const N: usize>(reads: [KvRead<'static>; N]) -> RwSet<'static> {
    cc(NsRwSet {
        reads: reads.into(),
        ..NsRwSet::default()
    })
}

fn writes<const N: usize>(writes: [KvWrite<'static>; N]) -> RwSet<'static> {
    cc(NsRwSet {
        writes: writes.into(),
        ..NsRwSet::default()
    })
}

fn metadata<const N: usize>(writes: [KvMetadataWrite<'static>; N]) -> RwSet<'static> {
    cc(NsRwSet {
        metadata_writes: writes.into(),
        ..NsRwSet::default()
    })
}

fn hashed_writes<const N: usize>(writes: [KvWriteHash<'static>; N]) -> RwSet<'static> {
    coll(CollectionRwSet {
        hashed_writes: writes.into(),
        ..CollectionRwSet::default()
    })
}

fn ranges<const N: usize>(queries: [RangeQueryInfo<'static>; N]) -> RwSet<'static> {
    cc(NsRwSet {
        range_queries: queries.into(),
        ..NsRwSet::default()
    })
}

fn wire_version(version: Option<(u64, u64)>) -> Option<RwVersion> {
    version.map(|(block_num, tx_num)| RwVersion { block_num, tx_num })
}

fn read(key: &'static str, version: Option<(u64, u64)>) -> KvRead<'static> {
    KvRead {
        key,
        version: wire_version(version),
    }
}

fn hashed_read(key: &'static str, version: Option<(u64, u64)>) -> KvReadHash<'static> {
    KvReadHash {
        key_hash: key.as_bytes(),
        version: wire_version(version),
    }
}

fn put(key: &'static str, value: &'static str) -> KvWrite<'static> {
    KvWrite {
        key,
        is_delete: false,
        value: value.as_bytes(),
    }
}

fn delete(key: &'static str) -> KvWrite<'static> {
    KvWrite {
        key,
        is_delete: true,
        value: b"",
    }
}

fn hashed_put(key: &'static str, value: &'static str) -> KvWriteHash<'static> {
    KvWriteHash {
        key_hash: key.as_bytes(),
        value_hash: value.as_bytes(),
        ..KvWriteHash::default()
    }
}

fn hashed_delete(key: &'static str) -> KvWriteHash<'static> {
    KvWriteHash {
        key_hash: key.as_bytes(),
        is_delete: true,
        ..KvWriteHash::default()
    }
}

/// Replaces a key's metadata by one entry `m`, or deletes them where `value` is empty.
fn new_metadata(key: &'static str, value: &'static str) -> KvMetadataWrite<'static> {
    KvMetadataWrite {
        key,
        entries: entries(value),
    }
}

fn hashed_metadata(key: &'static str, value: &'static str) -> KvMetadataWriteHash<'static> {
    KvMetadataWriteHash {
        key_hash: key.as_bytes(),
        entries: entries(value),
    }
}

fn entries(value: &'static str) -> Vec<KvMetadataEntry<'static>> {
    let entry = KvMetadataEntry {
        name: "m",
        value: value.as_bytes(),
        ..KvMetadataEntry::default()
    };
    if value.is_empty() {
        Vec::new()
    } else {
        vec![entry]
    }
}

/// The stored form of [`entries`].
fn stored(value: &str) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    match length {
        0 => Vec::new(),
        _ => [
            &[0x12, length + 5, 0x0a, 1, b'm', 0x12, length],
            value.as_bytes(),
        ]
        .concat(),
    }
}

fn raw_range<const N: usize>(
    start_key: &'static str,
    end_key: &'static str,
    itr_exhausted: bool,
    results: [KvRead<'static>; N],
) -> RangeQueryInfo<'static> {
    let reads_info = ReadsInfo::Raw(QueryReads {
        kv_reads: results.into(),
    });
    RangeQueryInfo {
        start_key,
        end_key,
        itr_exhausted,
        reads_info,
    }
}

/// A state with keys of `cc`: key, value, metadata, version.
fn state<const N: usize>(
    keys: [(&'static str, &'static str, &'static str, (u64, u64)); N],
) -> MemoryState {
    let mut state = MemoryState::default();
    for (key, value, metadata, (block, tx)) in keys {
        let version = Version { block, tx };
        state.put_at(
            CC,
            key.as_bytes(),
            value.as_bytes(),
            &stored(metadata),
            version,
        );
    }
    state
}

/// As [`state`], of collection `coll`.
fn hashed_state<const N: usize>(
    keys: [(&'static str, &'static str, &'static str, (u64, u64)); N],
) -> MemoryState {
    let mut all = state(keys);
    let keys = all.namespaces.remove(&CC.to_owned()).unwrap_or_default();
    all.namespaces.insert(COLL.to_owned(), keys);
    all
}

fn inputs<'a>(txs: &'a [RwSet<'a>]) -> Vec<TxInput<'a>> {
    (0..)
        .map(TxIndex)
        .zip(txs)
        .map(|(tx, rwset)| TxInput {
            tx,
            writes: TxWrites::Endorser(rwset),
        })
        .collect()
}

/// Folds in every way; all must agree.
fn fold(state: &MemoryState, inputs: &[TxInput<'_>], lives: &Lives) -> Result<Folded, Fault> {
    let folded = fold_block(BLOCK, inputs, &prefetch(inputs, state)?, state, lives)?;
    let again = fold_block(BLOCK, inputs, &Prefetched::default(), state, lives)?;
    assert_eq!(folded, again, "without prefetch");
    let parallel = prefetch_parallel(inputs, state, &CpuMeter::default())?;
    let again = fold_block(BLOCK, inputs, &parallel, state, lives)?;
    assert_eq!(folded, again, "with parallel prefetch");
    assert_eq!(folded, twin::fold(BLOCK, inputs, state, lives), "the twin");
    let mut codes = folded.codes.iter();
    let is_valid = |_: &&TxInput<'_>| codes.next().is_some_and(|(_, code)| code.is_valid());
    let valid: Vec<TxInput<'_>> = inputs.iter().filter(is_valid).copied().collect();
    assert_eq!(
        folded.batch,
        replay_block(BLOCK, &valid, state, lives)?,
        "the replay"
    );
    let codes: Vec<u8> = folded.codes.iter().map(|(_, code)| code.number()).collect();
    let hash = commit_hash(None, &codes, &folded.batch);
    assert_eq!(
        hash,
        twin::commit_hash(&[], &codes, &folded.batch),
        "the commit hash"
    );
    Ok(folded)
}

/// Folds endorser transactions; their codes must be `expected`.
#[track_caller]
fn check(state: &MemoryState, txs: &[RwSet<'_>], expected: &[u8]) -> UpdateBatch {
    let folded = fold(state, &inputs(txs), &lives()).unwrap();
    let codes: Vec<u8> = folded.codes.iter().map(|(_, code)| code.number()).collect();
    assert_eq!(codes, expected);
    folded.batch
}

/// What a batch does to one key: nothing, or value and metadata at a transaction of the block.
#[track_caller]
fn check_effect(
    batch: &UpdateBatch,
    namespace: NamespaceRef<'_>,
    key: &str,
    expected: Option<(u64, Option<(&str, &str)>)>,
) {
    let update = batch.key(namespace, key.as_bytes());
    let actual = update.map(|update| (update.version, update.effect.clone()));
    let expected = expected.map(|(tx, put)| {
        let effect = match put {
            Some((value, metadata)) => Effect::Put {
                value: value.as_bytes().into(),
                metadata: stored(metadata).into(),
            },
            None => Effect::Delete,
        };
        (Version { block: BLOCK.0, tx }, effect)
    });
    assert_eq!(actual, expected, "{key}");
}
