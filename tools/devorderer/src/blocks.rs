//! Blocks: linked to the one before, with the metadata that Fabric's orderers write.
//!
//! Fabric: `orderer/common/multichannel/blockwriter.go`.

use bytes::Bytes;
use heddle::channel::{Bundle, EnvelopeHeaders};
use heddle::crypto::sha256_parts;
use heddle::ledger::{data_hash, header_bytes, header_hash};
use heddle::msp::SigningIdentity;
use heddle::proto::messages::common::{
    Block, BlockData, BlockHeader, BlockMetadata, IdentifierHeader, LastConfig, Metadata,
    MetadataSignature, OrdererBlockMetadata,
};
use heddle::types::BlockNumber;
use prost::Message as _;

use crate::cutter::Batch;

/// Unpredictable bytes from a seed: each is used once.
#[derive(Debug)]
pub(crate) struct Nonces {
    seed: [u8; 32],
    used: u64,
}

impl Nonces {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, used: 0 }
    }

    pub(crate) fn next(&mut self) -> Vec<u8> {
        self.used += 1;
        let digest = sha256_parts(&[&self.seed, &self.used.to_be_bytes()]).0;
        digest.get(..24).unwrap_or(&digest).to_vec()
    }
}

/// The end of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tip {
    /// The next block's number.
    pub(crate) next: u64,
    /// The last block's header hash.
    pub(crate) previous_hash: Vec<u8>,
    /// The last config block.
    pub(crate) last_config: u64,
}

impl Tip {
    /// The tip that a block is.
    pub(crate) fn of(block: &Block) -> Option<Self> {
        let header = block.header.as_ref()?;
        let number = BlockNumber(header.number);
        let last_config = match header.number {
            0 => 0,
            _ => last_config(block)?,
        };
        let hash = header_hash(number, &header.previous_hash, &header.data_hash);
        Some(Self {
            next: header.number + 1,
            previous_hash: hash.0.to_vec(),
            last_config,
        })
    }
}

/// Fabric: `protoutil/blockutils.go:GetLastConfigIndexFromBlock`.
fn last_config(block: &Block) -> Option<u64> {
    let slot = block.metadata.as_ref()?.metadata.first()?;
    let value = Metadata::decode(slot.clone()).ok()?.value;
    let value = OrdererBlockMetadata::decode(value.as_slice()).ok()?;
    Some(value.last_config?.index)
}

/// A block that is ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MadeBlock {
    pub(crate) number: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Makes the blocks behind a tip.
#[derive(Debug)]
pub(crate) struct BlockMaker {
    signer: SigningIdentity,
    nonces: Nonces,
    tip: Tip,
}

impl BlockMaker {
    pub(crate) fn new(signer: SigningIdentity, nonces: Nonces, tip: Tip) -> Self {
        Self {
            signer,
            nonces,
            tip,
        }
    }

    /// Who signs.
    pub(crate) fn signer(&self) -> &SigningIdentity {
        &self.signer
    }

    /// The transaction that puts a configuration into force: a serialized envelope.
    pub(crate) fn config_envelope(
        &mut self,
        channel: &str,
        unix_micros: u64,
        data: &[u8],
    ) -> Vec<u8> {
        let nonce = self.nonces.next();
        let nanos = u32::try_from(unix_micros % 1_000_000 * 1000).unwrap_or(0);
        let headers = EnvelopeHeaders {
            r#type: 1,
            channel,
            timestamp: (unix_micros / 1_000_000, nanos),
            creator: self.signer.serialized(),
            nonce: &nonce,
            ..EnvelopeHeaders::default()
        };
        headers.envelope(data, |payload| self.signer.sign(&[payload]))
    }

    /// The next block. `bundle` is the configuration that it is signed under: for a config block the
    /// one that it puts into force.
    pub(crate) fn make(&mut self, batch: Batch, is_config: bool, bundle: &Bundle) -> MadeBlock {
        let number = self.tip.next;
        if is_config {
            self.tip.last_config = number;
        }
        let envelopes: Vec<&[u8]> = batch.iter().map(|envelope| &**envelope).collect();
        let header = BlockHeader {
            number,
            previous_hash: std::mem::take(&mut self.tip.previous_hash),
            data_hash: data_hash(&envelopes).0.to_vec(),
        };
        let last_config = LastConfig {
            index: self.tip.last_config,
        };
        let value = Metadata {
            value: last_config.encode_to_vec(),
            signatures: Vec::new(),
        };
        let slots = vec![
            self.signatures(&header, bundle).into(),
            value.encode_to_vec().into(),
            Bytes::new(),
            Bytes::new(),
            Bytes::new(),
        ];
        let hash = header_hash(
            BlockNumber(number),
            &header.previous_hash,
            &header.data_hash,
        );
        self.tip.previous_hash = hash.0.to_vec();
        self.tip.next = number + 1;
        let block = Block {
            header: Some(header),
            data: Some(BlockData { data: batch }),
            metadata: Some(BlockMetadata { metadata: slots }),
        };
        MadeBlock {
            number,
            bytes: block.encode_to_vec(),
        }
    }

    /// The SIGNATURES slot: the signature over value, header and block header.
    fn signatures(&mut self, header: &BlockHeader, bundle: &Bundle) -> Vec<u8> {
        let value = OrdererBlockMetadata {
            last_config: Some(LastConfig {
                index: self.tip.last_config,
            }),
            // Where raft keeps its own state; here there is none.
            consenter_metadata: Metadata::default().encode_to_vec(),
        };
        let value = value.encode_to_vec();
        let block_header = header_bytes(
            BlockNumber(header.number),
            &header.previous_hash,
            &header.data_hash,
        );
        let nonce = self.nonces.next();
        let signed = |own_header: &[u8]| self.signer.sign(&[&value, own_header, &block_header]);
        let signature = match consenter_id(bundle, &self.signer) {
            Some(identifier) => {
                let identifier_header = IdentifierHeader { identifier, nonce }.encode_to_vec();
                MetadataSignature {
                    signature: signed(&identifier_header),
                    identifier_header,
                    ..MetadataSignature::default()
                }
            }
            None => {
                let headers = EnvelopeHeaders {
                    creator: self.signer.serialized(),
                    nonce: &nonce,
                    ..EnvelopeHeaders::default()
                };
                let signature_header = headers.signature_header();
                MetadataSignature {
                    signature: signed(&signature_header),
                    signature_header,
                    ..MetadataSignature::default()
                }
            }
        };
        let slot = Metadata {
            value,
            signatures: vec![signature],
        };
        slot.encode_to_vec()
    }
}

/// The id by which a BFT channel knows the signer.
fn consenter_id(bundle: &Bundle, signer: &SigningIdentity) -> Option<u32> {
    let orderer = bundle.orderer();
    let known = orderer
        .consenters
        .iter()
        .find(|consenter| consenter.serialized_identity == signer.serialized());
    known
        .filter(|_| orderer.consensus_type == "BFT")
        .map(|known| known.id)
}
