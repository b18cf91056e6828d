//! What is checked of a block before the pipeline gets it: place in the chain, data hash, and, where
//! the configuration for it is known here, the orderers' signatures.
//!
//! For sources that somebody else can write to: a refused block costs no more than that. What passes
//! and is refused later all the same makes the pipeline begin anew: that is sound, but dear.

use super::DataCheck;
use crate::ledger::{data_hash_and_payloads, header_bytes, header_hash};
use crate::proto::common::{Block, BlockData, BlockHeader, Envelope, metadata_index};
use crate::proto::wire::{Message, WireError};
use crate::types::{BlockNumber, Digest};

/// Knows who may sign a block. Declared here, implemented where configurations are known.
pub trait SignatureCheck: Send {
    /// Checks the signatures of a block, whose header has the bytes `header`, and remembers whether the
    /// configuration changes with it.
    fn check(&mut self, number: BlockNumber, header: &[u8], block: &Block<'_>) -> Signatures;
}

/// What can be said of a block's signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signatures {
    /// They are as the channel demands.
    Good,
    /// They are not: why.
    Bad(String),
    /// The configuration for this block is not known yet, or this is the genesis block.
    Unknown,
}

/// A block that decodes, and its header's hash.
#[derive(Debug, Clone)]
pub struct Candidate<'b> {
    /// Its number, as its header says.
    pub number: BlockNumber,
    /// The hash of its header.
    pub header_hash: Digest,
    block: Block<'b>,
    header: BlockHeader<'b>,
}

/// Why a block is none of the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// It does not follow the block before.
    #[error("its previous hash is {found}, the block before has {expected}")]
    Fork {
        /// Header hash of the block before.
        expected: Digest,
        /// What the block says, in hex.
        found: String,
    },
    /// It is not what its header says, or not signed as the channel demands.
    #[error("{problem}")]
    Forged {
        /// What is wrong.
        problem: String,
    },
}

impl<'b> Candidate<'b> {
    /// Decodes a block.
    ///
    /// # Errors
    /// The bytes are no `common.Block`.
    pub fn decode(bytes: &'b [u8]) -> Result<Self, WireError> {
        let block = Block::decode(bytes)?;
        let header = block.header.clone().unwrap_or_default();
        let number = BlockNumber(header.number);
        Ok(Self {
            number,
            header_hash: header_hash(number, header.previous_hash, header.data_hash),
            block,
            header,
        })
    }

    /// Whether it follows a block with this header hash.
    ///
    /// # Errors
    /// It follows another one.
    pub fn check_link(&self, tip: Digest) -> Result<(), Objection> {
        if tip.as_ref() == self.header.previous_hash {
            return Ok(());
        }
        Err(Objection::Fork {
            expected: tip,
            found: hex(self.header.previous_hash),
        })
    }

    /// Whether data and signatures are those of the header, and what was found out on the way.
    ///
    /// # Errors
    /// They are not.
    pub fn check_contents(
        &self,
        signatures: &mut dyn SignatureCheck,
    ) -> Result<DataCheck, Objection> {
        let forged = |problem: &str| {
            let problem = problem.to_owned();
            Err(Objection::Forged { problem })
        };
        let metadata = self.block.metadata.as_ref();
        let metadata = metadata.map_or(0, |slots| slots.metadata.len());
        if self.number != BlockNumber(0) && metadata < metadata_index::SLOTS {
            return forged("it has fewer metadata slots than a block");
        }
        let envelopes = self.block.data.as_ref().map_or(&[][..], |data| &data.data);
        let payloads: Vec<&[u8]> = envelopes
            .iter()
            .map(|bytes| Envelope::decode(bytes).map_or(&[][..], |envelope| envelope.payload))
            .collect();
        let (data_hash, payload_digests) = data_hash_and_payloads(envelopes, &payloads);
        if data_hash.as_ref() != self.header.data_hash {
            return forged("its data hash is not that of its data");
        }
        self.check_signed(signatures)?;
        Ok(DataCheck::Good { payload_digests })
    }

    /// Whether the block is signed as the channel demands; its data have been compared with its header.
    ///
    /// # Errors
    /// It is not.
    pub fn check_signed(&self, signatures: &mut dyn SignatureCheck) -> Result<(), Objection> {
        self.check_signatures(&self.block, signatures)
    }

    /// Whether the header is signed as the channel demands; the data do not matter.
    ///
    /// # Errors
    /// It is not.
    pub fn check_header(&self, signatures: &mut dyn SignatureCheck) -> Result<(), Objection> {
        let bare = Block {
            data: None::<BlockData<'_>>,
            ..self.block.clone()
        };
        self.check_signatures(&bare, signatures)
    }

    fn check_signatures(
        &self,
        block: &Block<'_>,
        signatures: &mut dyn SignatureCheck,
    ) -> Result<(), Objection> {
        let header = &self.header;
        let header = header_bytes(self.number, header.previous_hash, header.data_hash);
        match signatures.check(self.number, &header, block) {
            Signatures::Good | Signatures::Unknown => Ok(()),
            Signatures::Bad(problem) => Err(Objection::Forged { problem }),
        }
    }
}

/// Bytes in hex, as far as a hash goes.
pub(super) fn hex(bytes: &[u8]) -> String {
    let shown = bytes.iter().take(32);
    let text: String = shown.map(|byte| format!("{byte:02x}")).collect();
    if text.is_empty() {
        "empty".to_owned()
    } else {
        text
    }
}
