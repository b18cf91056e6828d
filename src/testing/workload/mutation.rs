//! Valid transactions, changed at protobuf level: a field dropped, doubled, moved or changed at a
//! random depth, or single bits flipped, with hashes and signatures further out made to fit or not.
//!
//! Nobody knows what a validator says of the result; it must say something, and all the same.

use super::random::Random;
use crate::decode::transaction::{SignedKind, TxBody, decode_transaction};
use crate::proto::rwset::ReadsInfo;
use crate::proto::wire::{Fields, Value, put_element, put_varint};
use crate::testing::kit::{RawParts, Transaction};

/// Tries to change something else where a change would stop the channel.
const TRIES: usize = 8;

/// How deep changes go.
const DEPTH: u32 = 14;

/// A part of a transaction that can be changed.
type Part = fn(&mut RawParts) -> &mut Option<Vec<u8>>;

const PARTS: [Part; 13] = [
    |parts| &mut parts.results,
    |parts| &mut parts.results,
    |parts| &mut parts.results,
    |parts| &mut parts.action_chaincode_id,
    |parts| &mut parts.action,
    |parts| &mut parts.proposal_response_payload,
    |parts| &mut parts.proposal_payload,
    |parts| &mut parts.action_header,
    |parts| &mut parts.action_payload,
    |parts| &mut parts.data,
    |parts| &mut parts.header_extension,
    |parts| &mut parts.channel_header,
    |parts| &mut parts.signature_header,
];

/// The envelope of a transaction that is changed somewhere. It is one that an orderer lets through,
/// and none that stops a channel.
pub(super) fn mutated(tx: &Transaction<'_>, random: &mut Random) -> Vec<u8> {
    for _ in 0..TRIES {
        let envelope = changed(tx.clone(), random);
        if !stops_the_channel(&envelope) {
            return envelope;
        }
    }
    tx.envelope()
}

fn changed(mut tx: Transaction<'_>, random: &mut Random) -> Vec<u8> {
    let mut parts = tx.parts();
    match random.below(10) {
        // Everything further out fits: hashes, endorsements, the creator's signature.
        0..7 => {
            if let Some(part) = random.pick(&PARTS) {
                let bytes = part(&mut parts).take().unwrap_or_default();
                *part(&mut tx.raw) = Some(mutate(&bytes, random, DEPTH));
            }
        }
        // Only the creator's signature fits, or not even that.
        what => {
            let payload = parts.payload.take().unwrap_or_default();
            let payload = mutate(&payload, random, DEPTH);
            // Orderers let no envelope without payload through.
            tx.raw.payload = Some(if payload.is_empty() { vec![0] } else { payload });
            if what == 9 {
                tx.raw.signature = parts.signature;
            }
        }
    }
    tx.envelope()
}

/// Whether a channel could not go on behind this transaction: a config transaction of any kind, or a
/// summary that no peer can compare (validation-spec, appendix D).
fn stops_the_channel(envelope: &[u8]) -> bool {
    let decoded = decode_transaction(envelope);
    let TxBody::Signed { kind, .. } = decoded.body else {
        return false;
    };
    match kind {
        SignedKind::Config(_) => true,
        SignedKind::Refused(_) => false,
        SignedKind::Endorser(endorser) => endorser.action.is_ok_and(|call| {
            let mut namespaces = call.rwset.namespaces.iter();
            namespaces.any(|namespace| {
                let mut ranges = namespace.range_queries.iter();
                ranges.any(|range| match &range.reads_info {
                    ReadsInfo::Merkle(summary) => summary.max_degree < 2,
                    ReadsInfo::Raw(_) | ReadsInfo::Unset => false,
                })
            })
        }),
    }
}

/// A field: its number and wire type, and what follows; the length of bytes is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Chunk {
    tag: u64,
    value: Vec<u8>,
}

const BYTES: u64 = 2;

impl Chunk {
    fn is_bytes(&self) -> bool {
        self.tag & 7 == BYTES
    }

    fn put(&self, out: &mut Vec<u8>) {
        if self.is_bytes() {
            let number = u32::try_from(self.tag >> 3).unwrap_or(1);
            put_element(out, number, &self.value);
        } else {
            put_varint(out, self.tag);
            out.extend_from_slice(&self.value);
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Vec<Chunk>> {
    let mut fields = Fields::new(bytes);
    let mut chunks = Vec::new();
    while let Some(field) = fields.next_field().ok()? {
        let value = match field.value {
            Value::Bytes(bytes) => bytes,
            Value::Varint(_) | Value::Fixed64(_) | Value::Fixed32(_) | Value::Group(_) => field.raw,
        };
        chunks.push(Chunk {
            tag: u64::from(field.number) << 3 | u64::from(field.wire_type),
            value: value.to_vec(),
        });
    }
    Some(chunks)
}

/// The message with one change in it, or in a message inside it.
fn mutate(bytes: &[u8], random: &mut Random, depth: u32) -> Vec<u8> {
    let chunks = parse(bytes).filter(|chunks| !chunks.is_empty());
    let Some(mut chunks) = chunks else {
        return bruise(bytes, random);
    };
    let at = random.index(chunks.len());
    let inside = chunks.get(at).is_some_and(Chunk::is_bytes) && depth > 0;
    match random.below(14) {
        0..6 if inside => {
            if let Some(chunk) = chunks.get_mut(at) {
                chunk.value = mutate(&chunk.value, random, depth - 1);
            }
        }
        0..2 => {
            chunks.remove(at);
        }
        2..4 => {
            let copy = chunks.get(at).cloned();
            let to = random.index(chunks.len() + 1);
            chunks.splice(to..to, copy);
        }
        4..6 => {
            let other = random.index(chunks.len());
            chunks.swap(at, other);
        }
        6..8 => return bruise(bytes, random),
        other => {
            if let Some(chunk) = chunks.get_mut(at) {
                change(chunk, other, random);
            }
        }
    }
    let mut out = Vec::with_capacity(bytes.len() + 16);
    chunks.iter().for_each(|chunk| chunk.put(&mut out));
    out
}

/// Another number, type or value.
fn change(chunk: &mut Chunk, what: u64, random: &mut Random) {
    match what {
        8 => chunk.tag = (1 + random.below(9)) << 3 | chunk.tag & 7,
        9 => chunk.tag = chunk.tag & !7 | random.below(8),
        10 => chunk.value.clear(),
        11 if chunk.is_bytes() => {
            let length = random.index(chunk.value.len() + 1);
            chunk.value.truncate(length);
        }
        12 if chunk.is_bytes() => {
            let more = random.index(40);
            chunk.value.extend(random.letters(more));
        }
        _ if chunk.is_bytes() => chunk.value = bruise(&chunk.value, random),
        _ => {
            chunk.value.clear();
            let bits = random.below(64);
            put_varint(&mut chunk.value, random.next() >> bits);
        }
    }
}

/// Some bits flipped; where there are none, a field that nobody knows.
fn bruise(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes.is_empty() {
        put_element(&mut bytes, 77, b"unknown");
        return bytes;
    }
    for _ in 0..=random.below(3) {
        let at = random.index(bytes.len());
        let bit = random.below(8);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << bit;
        }
    }
    bytes
}
