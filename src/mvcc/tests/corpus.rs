//! Real peers' ledgers, folded again: codes, commit hashes and final state must be theirs.
//!
//! Which transactions reach the fold is taken from the recorded codes: those that became valid, or
//! that only the fold can have refused.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::lifecycle::memory::MemoryState;
use crate::mvcc::*;
use crate::proto::common::{Block, ChannelHeader, Envelope, Payload, header_type};
use crate::proto::peer::{
    ChaincodeAction, ChaincodeActionPayload, ProposalResponsePayload, Transaction,
};
use crate::proto::wire::{Message, take_varint};
use crate::rwset::RwSet;
use crate::sys::process::CpuMeter;
use crate::types::{BlockNumber, Digest, NamespaceRef, TxIndex, ValidationCode};

#[test]
fn folding_the_corpus_gives_fabrics_codes_hashes_and_state() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    for set in [
        "real-cars",
        "crafted-basic",
        "crafted-keylevel",
        "crafted-ed25519",
        "crafted-config",
    ] {
        check_set(&root.join(set));
    }
}

fn read(path: &Path) -> Vec<u8> {
    zstd::decode_all(&*std::fs::read(path).expect("the file is there")).expect("it is zstd")
}

fn lines(path: &Path) -> Vec<Value> {
    let text = String::from_utf8(read(path)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Folds one set; how many blocks it has.
fn check_set(folder: &Path) -> usize {
    let mut count = 0;
    let blocks = read(&folder.join("blocks.pb.zst"));
    let mut expected = lines(&folder.join("expected.jsonl.zst"))
        .into_iter()
        .peekable();
    let mut state = MemoryState::default();
    let mut hash: Option<Digest> = None;
    let mut rest = &blocks[..];
    while !rest.is_empty() {
        let length = usize::try_from(take_varint(&mut rest).unwrap()).unwrap();
        let (bytes, tail) = rest.split_at(length);
        rest = tail;
        let block = Block::decode(bytes).unwrap();
        let number = BlockNumber(block.header.clone().unwrap_or_default().number);
        let mut codes = Vec::new();
        while let Some(line) = expected.next_if(|line| line.get("tx").is_some()) {
            codes.push(u8::try_from(line["code"].as_u64().unwrap()).unwrap());
        }
        let block_line = expected.next().unwrap();
        let (batch, replayed) = check_block(number, &block, &codes, &state);
        assert_eq!(batch, replayed, "block {number}");
        let mut actual = String::new();
        if number.0 > 0 {
            hash = Some(commit_hash(hash.as_ref(), &codes, &batch));
            actual = hash.unwrap().to_string();
        }
        assert_eq!(
            actual,
            block_line["commit_hash"].as_str().unwrap(),
            "{folder:?} {number}"
        );
        state.apply(&batch);
        count += 1;
    }
    assert!(expected.next().is_none());
    check_state(folder, &state);
    count
}

fn check_block(
    number: BlockNumber,
    block: &Block<'_>,
    codes: &[u8],
    state: &MemoryState,
) -> (crate::ledger::UpdateBatch, crate::ledger::UpdateBatch) {
    let data = &block.data.as_ref().unwrap().data;
    assert_eq!(data.len(), codes.len());
    let mut parsed: Vec<(usize, Option<RwSet<'_>>, &[u8])> = Vec::new();
    for (index, envelope) in data.iter().enumerate() {
        if ![0, 11, 12].contains(&codes[index]) {
            continue;
        }
        let payload = Payload::decode(Envelope::decode(envelope).unwrap().payload).unwrap();
        let header =
            ChannelHeader::decode(payload.header.as_ref().unwrap().channel_header).unwrap();
        let rwset = (header.r#type == header_type::ENDORSER_TRANSACTION).then(|| results(&payload));
        parsed.push((index, rwset, payload.data));
    }
    let inputs: Vec<TxInput<'_>> = parsed
        .iter()
        .map(|(index, rwset, data)| TxInput {
            tx: TxIndex(u32::try_from(*index).unwrap()),
            writes: rwset
                .as_ref()
                .map_or(TxWrites::Config(data), TxWrites::Endorser),
        })
        .collect();
    let btl = DefinedBlockToLive(state);
    let prefetched = prefetch_parallel(&inputs, state, &CpuMeter::default()).unwrap();
    let folded = fold_block(number, &inputs, &prefetched, state, &btl).unwrap();
    for (tx, code) in &folded.codes {
        assert_eq!(
            code.number(),
            codes[tx.0 as usize],
            "block {number} tx {tx}"
        );
    }
    assert_eq!(
        folded,
        fold_block(number, &inputs, &Prefetched::default(), state, &btl).unwrap()
    );
    let valid: Vec<TxInput<'_>> = inputs
        .into_iter()
        .filter(|input| codes[input.tx.0 as usize] == ValidationCode::Valid.number())
        .collect();
    (
        folded.batch,
        replay_block(number, &valid, state, &btl).unwrap(),
    )
}

fn results<'a>(payload: &Payload<'a>) -> RwSet<'a> {
    let transaction = Transaction::decode(payload.data).unwrap();
    let action = ChaincodeActionPayload::decode(transaction.actions[0].payload).unwrap();
    let response = action.action.unwrap().proposal_response_payload;
    let extension = ProposalResponsePayload::decode(response).unwrap().extension;
    RwSet::decode(ChaincodeAction::decode(extension).unwrap().results).unwrap()
}

fn check_state(folder: &Path, state: &MemoryState) {
    let decode = |value: &Value| STANDARD.decode(value.as_str().unwrap_or_default()).unwrap();
    let mut count = 0;
    for line in lines(&folder.join("state.jsonl.zst")) {
        let ns = line["ns"].as_str().unwrap();
        let namespace = match ns.split_once("$$h") {
            Some((name, collection)) => NamespaceRef::hashed(name, collection),
            None => NamespaceRef::public(ns),
        };
        let found = state.namespaces[&namespace.to_owned()]
            .get(&decode(&line["key"]))
            .unwrap();
        assert_eq!(found.value, decode(&line["value"]), "{line}");
        assert_eq!(found.metadata, decode(&line["metadata"]), "{line}");
        let version = (
            line["block"].as_u64().unwrap(),
            line["tx"].as_u64().unwrap(),
        );
        assert_eq!((found.version.block, found.version.tx), version, "{line}");
        count += 1;
    }
    assert_eq!(
        count,
        state
            .namespaces
            .values()
            .map(|keys| keys.len())
            .sum::<usize>()
    );
}
