//! What is checked of a block before the pipeline gets it: place in the chain, data hash, and, where
//! the configuration for it is known here, the orderers' signatures.
//!
//! A refused block costs no more than that. What passes and is refused later all the same makes the
//! pipeline begin anew: that is sound, but dear.

use super::desk::Pick;
use super::refusal::{IngestRefusal, hex};
use crate::ledger::{data_hash, header_bytes, header_hash};
use crate::proto::common::{Block, metadata_index};
use crate::proto::wire::Message;
use crate::types::BlockNumber;

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

/// What becomes of a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Admit,
    /// It does not follow the block before, which is not committed yet.
    Doubt,
    Refuse(IngestRefusal),
}

/// Looks at the block whose turn it is.
pub(super) fn examine(pick: &Pick, signatures: &mut dyn SignatureCheck) -> Verdict {
    let number = pick.start.number;
    let not_a_block = |problem| Verdict::Refuse(IngestRefusal::NotABlock { problem });
    let Ok(block) = Block::decode(&pick.bytes) else {
        return not_a_block("a block does not decode");
    };
    let header = block.header.clone().unwrap_or_default();
    // Its first header was looked at so far; a second one would have been merged into it.
    let hash = header_hash(
        BlockNumber(header.number),
        header.previous_hash,
        header.data_hash,
    );
    if hash != pick.start.header_hash {
        return not_a_block("a block has two headers");
    }
    if let Some(expected) = pick.tip.filter(|tip| tip.as_ref() != header.previous_hash) {
        return if pick.tip_durable {
            Verdict::Refuse(IngestRefusal::Fork {
                number,
                what: "its previous hash",
                expected,
                found: hex(header.previous_hash),
            })
        } else {
            Verdict::Doubt
        };
    }
    let forged = |problem| Verdict::Refuse(IngestRefusal::Forged { number, problem });
    let metadata = block
        .metadata
        .as_ref()
        .map_or(0, |slots| slots.metadata.len());
    if number != BlockNumber(0) && metadata < metadata_index::SLOTS {
        return forged("it has fewer metadata slots than a block".to_owned());
    }
    let envelopes = block.data.as_ref().map_or(&[][..], |data| &data.data);
    if data_hash(envelopes).as_ref() != header.data_hash {
        return forged("its data hash is not that of its data".to_owned());
    }
    let header = header_bytes(number, header.previous_hash, header.data_hash);
    match signatures.check(number, &header, &block) {
        Signatures::Good | Signatures::Unknown => Verdict::Admit,
        Signatures::Bad(problem) => forged(problem),
    }
}
