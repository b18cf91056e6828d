//! One block of this ledger beside the same block of another peer: what the two say of it.
//!
//! Knows nothing of where the blocks come from.

use std::fmt;

use serde_json::{Value, json};

use crate::ledger::{data_hash, header_hash};
use crate::proto::common::{Block, BlockHeader, Metadata, metadata_index};
use crate::proto::wire::{Message, WireError};
use crate::types::{BlockNumber, Digest, TxIndex, ValidationCode};

/// What is compared of a block.
#[derive(Debug)]
pub(super) struct Facts<'b> {
    pub(super) number: BlockNumber,
    header_hash: Digest,
    /// Whether the transactions are those that the header names.
    data_is_named: bool,
    transactions: usize,
    codes: &'b [u8],
    commit_hash: &'b [u8],
}

/// Something that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PeerDifference {
    /// The blocks are different ones.
    HeaderHash {
        block: BlockNumber,
        heddle: Digest,
        peer: Digest,
    },
    /// The peer's transactions are not those that its block's header names.
    Data { block: BlockNumber },
    /// There are not as many codes as there are transactions, or as here.
    CodeCount {
        block: BlockNumber,
        transactions: usize,
        heddle: usize,
        peer: usize,
    },
    /// A transaction's code, by its number.
    Code {
        block: BlockNumber,
        tx: TxIndex,
        tx_id: String,
        heddle: u8,
        peer: u8,
    },
    /// The commit hash, in hex; empty where there is none.
    CommitHash {
        block: BlockNumber,
        heddle: String,
        peer: String,
    },
}

impl<'b> Facts<'b> {
    /// Of a serialized `common.Block`.
    pub(super) fn read(bytes: &'b [u8]) -> Result<Self, WireError> {
        let block = Block::decode(bytes)?;
        let BlockHeader {
            number,
            previous_hash,
            data_hash: named,
        } = block.header.unwrap_or_default();
        let data = block.data.unwrap_or_default().data;
        let slots = block.metadata.unwrap_or_default().metadata;
        let slot = |index: usize| slots.get(index).copied().unwrap_or_default();
        let number = BlockNumber(number);
        Ok(Self {
            number,
            header_hash: header_hash(number, previous_hash, named),
            data_is_named: data_hash(&data).as_ref() == named,
            transactions: data.len(),
            codes: slot(metadata_index::TRANSACTIONS_FILTER),
            commit_hash: Metadata::decode(slot(metadata_index::COMMIT_HASH))?.value,
        })
    }

    /// What `peer` has otherwise than this ledger, whose block this is. `tx_id` says the id of one of this
    /// block's transactions.
    pub(super) fn differences(
        &self,
        peer: &Facts<'_>,
        tx_id: &mut dyn FnMut(TxIndex) -> String,
    ) -> Vec<PeerDifference> {
        let block = self.number;
        let mut differences = Vec::new();
        if self.header_hash != peer.header_hash {
            differences.push(PeerDifference::HeaderHash {
                block,
                heddle: self.header_hash,
                peer: peer.header_hash,
            });
        }
        if !peer.data_is_named {
            differences.push(PeerDifference::Data { block });
        }
        self.compare_codes(peer, tx_id, &mut differences);
        if self.commit_hash != peer.commit_hash {
            differences.push(PeerDifference::CommitHash {
                block,
                heddle: hex(self.commit_hash),
                peer: hex(peer.commit_hash),
            });
        }
        differences
    }

    fn compare_codes(
        &self,
        peer: &Facts<'_>,
        tx_id: &mut dyn FnMut(TxIndex) -> String,
        differences: &mut Vec<PeerDifference>,
    ) {
        let block = self.number;
        // A peer may leave the genesis block's filter as it came: an orderer's has none.
        let is_genesis = block == BlockNumber(0);
        if is_genesis && (self.codes.is_empty() || peer.codes.is_empty()) {
            return;
        }
        if self.codes.len() != peer.codes.len() {
            differences.push(PeerDifference::CodeCount {
                block,
                transactions: self.transactions,
                heddle: self.codes.len(),
                peer: peer.codes.len(),
            });
        }
        let both = (0_u32..)
            .map(TxIndex)
            .zip(self.codes.iter().zip(peer.codes));
        differences.extend(both.filter(|(_, (heddle, peer))| heddle != peer).map(
            |(tx, (heddle, peer))| PeerDifference::Code {
                block,
                tx,
                tx_id: tx_id(tx),
                heddle: *heddle,
                peer: *peer,
            },
        ));
    }
}

impl PeerDifference {
    /// As a line of JSON.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::HeaderHash {
                block,
                heddle,
                peer,
            } => json!({
                "difference": "header_hash", "block": block.0,
                "heddle": heddle.to_string(), "peer": peer.to_string(),
            }),
            Self::Data { block } => json!({"difference": "data", "block": block.0}),
            Self::CodeCount {
                block,
                transactions,
                heddle,
                peer,
            } => json!({
                "difference": "code_count", "block": block.0, "transactions": transactions,
                "heddle": heddle, "peer": peer,
            }),
            Self::Code {
                block,
                tx,
                tx_id,
                heddle,
                peer,
            } => json!({
                "difference": "code", "block": block.0, "tx": tx.0, "txid": tx_id,
                "heddle": heddle, "heddle_name": name(*heddle),
                "peer": peer, "peer_name": name(*peer),
            }),
            Self::CommitHash {
                block,
                heddle,
                peer,
            } => json!({
                "difference": "commit_hash", "block": block.0, "heddle": heddle, "peer": peer,
            }),
        }
    }
}

impl fmt::Display for PeerDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeaderHash {
                block,
                heddle,
                peer,
            } => write!(
                f,
                "block {block}: another block: header hash {heddle} here, {peer} at the peer"
            ),
            Self::Data { block } => write!(
                f,
                "block {block}: the peer's transactions are not those of its header's data hash"
            ),
            Self::CodeCount {
                block,
                transactions,
                heddle,
                peer,
            } => write!(
                f,
                "block {block}: {transactions} transactions, {heddle} codes here, {peer} at the peer"
            ),
            Self::Code {
                block,
                tx,
                tx_id,
                heddle,
                peer,
            } => {
                write!(f, "block {block} transaction {tx}")?;
                if !tx_id.is_empty() {
                    write!(f, " ({tx_id})")?;
                }
                let (heddle, peer) = (name(*heddle), name(*peer));
                write!(f, ": {heddle} here, {peer} at the peer")
            }
            Self::CommitHash {
                block,
                heddle,
                peer,
            } => write!(
                f,
                "block {block}: commit hash {} here, {} at the peer",
                or_none(heddle),
                or_none(peer)
            ),
        }
    }
}

fn name(code: u8) -> String {
    ValidationCode::from_number(code)
        .map_or_else(|| format!("code {code}"), |code| code.name().to_owned())
}

fn or_none(hash: &str) -> &str {
    if hash.is_empty() { "none" } else { hash }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use prost::Message as _;

    use super::*;
    use crate::proto::messages::common as messages;

    /// Block `number` with these codes and this commit hash.
    fn block(number: u64, codes: &[u8], commit_hash: &[u8]) -> messages::Block {
        let data: Vec<Bytes> = vec![b"one".to_vec().into(), b"two".to_vec().into()];
        let parts: Vec<&[u8]> = data.iter().map(AsRef::as_ref).collect();
        let hash = messages::Metadata {
            value: commit_hash.to_vec(),
            ..messages::Metadata::default()
        };
        let mut metadata = vec![Bytes::new(); 5];
        metadata[metadata_index::TRANSACTIONS_FILTER] = codes.to_vec().into();
        metadata[metadata_index::COMMIT_HASH] = hash.encode_to_vec().into();
        messages::Block {
            header: Some(messages::BlockHeader {
                number,
                previous_hash: vec![7; 32],
                data_hash: data_hash(&parts).0.to_vec(),
            }),
            data: Some(messages::BlockData { data }),
            metadata: Some(messages::BlockMetadata { metadata }),
        }
    }

    fn check(heddle: &messages::Block, peer: &messages::Block, expected: &[&str]) {
        let (heddle, peer) = (heddle.encode_to_vec(), peer.encode_to_vec());
        let (heddle, peer) = (Facts::read(&heddle).unwrap(), Facts::read(&peer).unwrap());
        let found = heddle.differences(&peer, &mut |tx| format!("id{tx}"));
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_differs_is_named() {
        let here = block(5, &[0, 11], &[0xab]);
        check(&here, &here, &[]);
        let mut other = block(5, &[0, 0], &[0xab]);
        check(
            &here,
            &other,
            &["block 5 transaction 1 (id1): MVCC_READ_CONFLICT here, VALID at the peer"],
        );
        // Codes beyond those that both have are counted, the others still compared.
        other = block(5, &[77], &[]);
        check(
            &here,
            &other,
            &[
                "block 5: 2 transactions, 2 codes here, 1 at the peer",
                "block 5 transaction 0 (id0): VALID here, code 77 at the peer",
                "block 5: commit hash ab here, none at the peer",
            ],
        );
        other = here.clone();
        other.data.as_mut().unwrap().data[0] = b"One".to_vec().into();
        check(
            &here,
            &other,
            &["block 5: the peer's transactions are not those of its header's data hash"],
        );
        other = here.clone();
        other.header.as_mut().unwrap().previous_hash = vec![8; 32];
        let (one, two) = (here.encode_to_vec(), other.encode_to_vec());
        let (one, two) = (Facts::read(&one).unwrap(), Facts::read(&two).unwrap());
        let found = one.differences(&two, &mut |_| String::new());
        assert!(
            matches!(&found[..], [PeerDifference::HeaderHash { heddle, peer, .. }] if heddle != peer)
        );
    }

    #[test]
    fn the_genesis_block_may_have_no_codes() {
        check(&block(0, &[0, 0], &[]), &block(0, &[], &[]), &[]);
        check(
            &block(1, &[0, 0], &[]),
            &block(1, &[], &[]),
            &["block 1: 2 transactions, 2 codes here, 0 at the peer"],
        );
    }
}
