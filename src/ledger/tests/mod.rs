//! Tests of whole ledgers, with a small chain of their own: a transaction is a line of text,
//! `id;key=value;key+value`, where `+` appends to what the key has.
#![expect(
    clippy::cast_possible_truncation,
    reason = "the tests' numbers are small"
)]

mod concurrency;
mod crash;
mod errors;
mod hashes;
mod ledger;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::crypto::sha256_parts;
use crate::ledger::hash::{data_hash, header_hash};
use crate::ledger::*;
use crate::proto::common::Block;
use crate::proto::wire::{Message, put_bytes, put_element, put_uint};
use crate::types::{
    BlockNumber, ChannelId, Digest, Namespace, NamespaceRef, TxIndex, ValidationCode, Version,
};

pub(super) const CC: &str = "cc";

pub(super) fn channel() -> ChannelId {
    ChannelId::new("ch").unwrap()
}

/// Small segments and a small map, so that both have to grow.
pub(super) fn options() -> LedgerOptions {
    LedgerOptions {
        segment_bytes: 4096,
        state_map_bytes: 256 << 10,
        index_segment_rows: 7,
        recent_rows: 90,
        ..LedgerOptions::default()
    }
}

pub(super) fn open(dir: &Path) -> Result<Ledger, Error> {
    open_with(dir, &options())
}

pub(super) fn open_with(dir: &Path, options: &LedgerOptions) -> Result<Ledger, Error> {
    Ledger::open(dir, &channel(), options, &replay, &mut |_| {})
}

/// What a block's transactions do: only those with an even place in the block are valid.
pub(super) fn code(index: u32) -> ValidationCode {
    if index.is_multiple_of(2) {
        ValidationCode::Valid
    } else {
        ValidationCode::MvccReadConflict
    }
}

/// Replays a stored block, by its stored codes.
pub(super) fn replay(block: &BlockBytes, state: &dyn StateReader) -> Result<Applied, Error> {
    let block = Block::decode(block.as_ref()).unwrap();
    let number = BlockNumber(block.header.as_ref().unwrap().number);
    let metadata = block.metadata.unwrap();
    let data = block.data.unwrap();
    execute(number, &data.data, metadata.metadata[2], state)
}

fn execute(
    number: BlockNumber,
    transactions: &[&[u8]],
    codes: &[u8],
    state: &dyn StateReader,
) -> Result<Applied, Error> {
    let namespace = NamespaceRef::public(CC);
    let mut applied = Applied::default();
    let mut updates: BTreeMap<Vec<u8>, KeyUpdate> = BTreeMap::new();
    for ((transaction, code), index) in transactions.iter().zip(codes).zip(0..) {
        let text = std::str::from_utf8(transaction).unwrap();
        let mut parts = text.split(';');
        applied.tx_ids.push(TxKey::of(parts.next().unwrap()));
        if *code != 0 {
            continue;
        }
        let version = Version::new(number, TxIndex(index));
        for write in parts {
            let at = write.find(['=', '+']).unwrap();
            let key = write.as_bytes()[..at].to_vec();
            let mut value = write.as_bytes()[at + 1..].to_vec();
            if write.as_bytes()[at] == b'+' {
                let old = match updates.get(&key).map(|update| &update.effect) {
                    Some(Effect::Put { value, .. }) => value.to_vec(),
                    Some(Effect::Delete | Effect::Expire) => Vec::new(),
                    None => state
                        .get(namespace, &key)?
                        .map_or(Vec::new(), |state| state.value),
                };
                value = [old, value].concat();
            }
            let effect = if value.is_empty() {
                Effect::Delete
            } else {
                Effect::Put {
                    value: value.into(),
                    metadata: [].into(),
                }
            };
            let boxed: Box<[u8]> = key[..].into();
            let history = HistoryEntry {
                name: CC.into(),
                key: boxed.clone(),
                version,
            };
            applied.batch.history.push(history);
            updates.insert(
                key,
                KeyUpdate {
                    key: boxed,
                    version,
                    effect,
                },
            );
        }
    }
    applied.batch.block = number;
    if !updates.is_empty() {
        let namespace = Namespace {
            name: CC.into(),
            collection: None,
        };
        let updates = updates.into_values().collect();
        applied.batch.namespaces = vec![NamespaceUpdates { namespace, updates }];
    }
    applied.is_config = number.0.is_multiple_of(5);
    Ok(applied)
}

/// The transactions of block `number`: two counters that every block touches, a key that comes and goes,
/// keys that are new, and an id that comes back.
pub(super) fn transactions(number: u64) -> Vec<String> {
    let toggle = if number % 3 == 2 { "" } else { "on" };
    vec![
        format!("id-{number};log+{number},;last={number}"),
        format!("bad-{number};log+BAD"),
        format!(
            "again;toggle={toggle};new-{number}={}",
            "x".repeat(number as usize % 50 + 1)
        ),
        format!("bad-again-{number}"),
        format!(
            "{};log+.",
            "ab".repeat(31) + &format!("{:02x}", number % 256)
        ),
    ]
}

/// The next block of a ledger at the height of `state`.
pub(super) fn next_block(state: &LayeredState, previous_hash: Option<Digest>) -> CommitBlock {
    let number = BlockNumber(state.height());
    let transactions = transactions(number.0);
    let data: Vec<&[u8]> = transactions.iter().map(String::as_bytes).collect();
    let codes: Vec<u8> = (0..)
        .take(data.len())
        .map(|index| code(index).number())
        .collect();
    let applied = execute(number, &data, &codes, state).unwrap();
    block_with(
        number,
        previous_hash,
        &data,
        &codes,
        data_hash(&data),
        applied,
    )
}

pub(super) fn block_with(
    number: BlockNumber,
    previous_hash: Option<Digest>,
    data: &[&[u8]],
    codes: &[u8],
    data_hash: Digest,
    applied: Applied,
) -> CommitBlock {
    let previous = previous_hash.map_or(Vec::new(), |hash| hash.0.to_vec());
    let commit_hash = (number.0 > 0).then(|| sha256_parts(&[&number.0.to_be_bytes()]));
    let mut header = Vec::new();
    put_uint(&mut header, 1, number.0);
    put_bytes(&mut header, 2, &previous);
    put_bytes(&mut header, 3, data_hash.as_ref());
    let mut body = Vec::new();
    data.iter()
        .for_each(|envelope| put_element(&mut body, 1, envelope));
    let mut hash = Vec::new();
    put_bytes(
        &mut hash,
        1,
        commit_hash.as_ref().map_or(&[], |hash| hash.as_ref()),
    );
    let mut metadata = Vec::new();
    for slot in [b"", b"", codes, b"", &hash] {
        put_element(&mut metadata, 1, slot);
    }
    let part = |number, bytes: &[u8]| {
        let mut part = Vec::new();
        put_element(&mut part, number, bytes);
        Bytes::from(part)
    };
    let header_hash = header_hash(number, &previous, data_hash.as_ref());
    CommitBlock {
        number,
        header_hash,
        previous_hash,
        payload: vec![part(1, &header), part(2, &body), part(3, &metadata)],
        tx_ids: applied.tx_ids,
        batch: PendingBatch::new(Arc::new(applied.batch)),
        commit_hash,
        is_config: applied.is_config,
    }
}

/// The next `count` blocks of the ledger.
pub(super) fn next_blocks(ledger: &Ledger, count: usize) -> Vec<CommitBlock> {
    let mut state = ledger.view().unwrap().state().clone();
    let mut previous = ledger.info().unwrap().header_hash;
    let mut blocks = Vec::new();
    for _ in 0..count {
        let block = next_block(&state, previous);
        previous = Some(block.header_hash);
        state = state
            .with_pending(std::slice::from_ref(&block.batch))
            .unwrap();
        blocks.push(block);
    }
    blocks
}

/// Appends the next `count` blocks as one group.
pub(super) fn append(ledger: &Ledger, count: usize) {
    let blocks = next_blocks(ledger, count);
    ledger.append(&blocks).unwrap();
}

/// What the state must be at a height, made without any ledger.
pub(super) fn expected_state(height: u64) -> BTreeMap<String, String> {
    let mut state = BTreeMap::<String, String>::new();
    for number in 0..height {
        for (line, _) in transactions(number)
            .iter()
            .zip(0..)
            .filter(|(_, index)| code(*index).is_valid())
        {
            for write in line.split(';').skip(1) {
                let at = write.find(['=', '+']).unwrap();
                let (key, value) = (write[..at].to_owned(), &write[at + 1..]);
                let entry = state.entry(key.clone()).or_default();
                if write.as_bytes()[at] == b'=' {
                    entry.clear();
                }
                entry.push_str(value);
                if entry.is_empty() {
                    state.remove(&key);
                }
            }
        }
    }
    state
}

/// Checks everything that a view says against the model.
pub(super) fn check_view(view: &View) {
    let expected = expected_state(view.height());
    let mut found = BTreeMap::new();
    view.visit_state(&mut |namespace, key, state| {
        assert_eq!(namespace, NamespaceRef::public(CC));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        found.insert(text(key), text(&state.value));
        true
    })
    .unwrap();
    assert_eq!(found, expected, "state at height {}", view.height());
    for number in 0..view.height() {
        check_block(view, number);
    }
    assert!(view.block(BlockNumber(view.height())).unwrap().is_none());
    let next = TxKey::of(&format!("id-{}", view.height()));
    assert!(!view.contains_tx(&next).unwrap() && view.tx(&next).unwrap().is_none());
}

fn check_block(view: &View, number: u64) {
    let bytes = view.block(BlockNumber(number)).unwrap().unwrap();
    let block = Block::decode(bytes.as_ref()).unwrap();
    let header = block.header.unwrap();
    assert_eq!(header.number, number);
    let data = block.data.unwrap().data;
    let expected = transactions(number);
    assert_eq!(
        data,
        expected.iter().map(String::as_bytes).collect::<Vec<_>>()
    );
    let hash = header_hash(BlockNumber(number), header.previous_hash, header.data_hash);
    assert_eq!(
        view.block_number_by_hash(&hash).unwrap(),
        Some(BlockNumber(number))
    );
    let location = |block, index| {
        Some(TxLocation {
            block: BlockNumber(block),
            index: TxIndex(index),
            code: code(index),
        })
    };
    let tx = |id: &str| view.tx(&TxKey::of(id)).unwrap();
    assert_eq!(tx(&format!("id-{number}")), location(number, 0));
    assert_eq!(tx(&format!("bad-{number}")), location(number, 1));
    assert_eq!(tx("again"), location(0, 2), "the first occurrence");
    assert!(
        view.contains_tx(&TxKey::of(&format!("bad-again-{number}")))
            .unwrap()
    );
    let mut versions = Vec::new();
    let visit = &mut |version| {
        versions.push(version);
        true
    };
    view.history(CC, format!("new-{number}").as_bytes(), visit)
        .unwrap();
    assert_eq!(
        versions,
        [Version {
            block: number,
            tx: 2
        }]
    );
}
