//! What leaves the stage: a block with its codes, and for how many blocks its hashes live.
//!
//! Knows nothing of how the codes came about. Invariant: one code per transaction, in order.

use std::collections::HashMap;

use crate::channel::ConfigBlock;
use crate::decode::{SignedKind, TxBody};
use crate::rwset::RwSet;
use crate::stage::InStage;
use crate::types::{BlockNumber, Namespace, NamespaceRef, TxIndex, ValidationCode};
use crate::verify::VerifiedBlock;

/// A block with the verdict of everything but versions.
#[derive(Debug)]
pub struct EndorsedBlock {
    verified: VerifiedBlock,
    codes: Vec<ValidationCode>,
    lifetimes: Lifetimes,
}

/// What a valid transaction wants to write.
#[derive(Debug, Clone, Copy)]
pub enum Writes<'b> {
    /// An endorser transaction's read-write set.
    Endorser(&'b RwSet<'b>),
    /// A config transaction's `ConfigEnvelope`.
    Config(&'b [u8]),
}

impl EndorsedBlock {
    pub(super) fn new(
        verified: VerifiedBlock,
        codes: Vec<ValidationCode>,
        lifetimes: Lifetimes,
    ) -> Self {
        Self {
            verified,
            codes,
            lifetimes,
        }
    }

    /// The block.
    #[must_use]
    pub fn verified(&self) -> &VerifiedBlock {
        &self.verified
    }

    /// One code per transaction. Those that are valid may still conflict.
    #[must_use]
    pub fn codes(&self) -> &[ValidationCode] {
        &self.codes
    }

    /// For how many blocks the hashes live that valid transactions write.
    #[must_use]
    pub fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    /// The valid transactions and what they want to write, in order.
    pub fn writes(&self) -> impl Iterator<Item = (TxIndex, Writes<'_>)> {
        let transactions = &self.verified.decoded().contents().transactions;
        let numbered = (0_u32..).map(TxIndex).zip(transactions).zip(&self.codes);
        numbered
            .filter(|(_, code)| code.is_valid())
            .filter_map(|((tx, transaction), _)| {
                match &transaction.body {
                    TxBody::Signed {
                        kind: SignedKind::Config(config),
                        ..
                    } => Some((tx, Writes::Config(config))),
                    TxBody::Signed {
                        kind: SignedKind::Endorser(endorser),
                        ..
                    } => {
                        let call = endorser.action.as_ref().ok()?;
                        Some((tx, Writes::Endorser(&call.rwset)))
                    }
                    TxBody::Signed {
                        kind: SignedKind::Refused(_),
                        ..
                    }
                    | TxBody::Refused(_) => {
                        // The genesis block is not checked, but its one transaction is its config.
                        let config = ConfigBlock::of_envelope(transaction.envelope).ok()?;
                        Some((tx, Writes::Config(config.config_envelope)))
                    }
                }
            })
    }
}

/// For how many blocks hashes live, by chaincode and collection; 0 for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifetimes(HashMap<Namespace, u64>);

impl Lifetimes {
    /// Notes the lifetime of a collection's hashes.
    pub(super) fn note(&mut self, chaincode: &str, collection: &str, block_to_live: u64) {
        if block_to_live > 0 {
            self.0.insert(
                NamespaceRef::hashed(chaincode, collection).to_owned(),
                block_to_live,
            );
        }
    }

    /// The lifetime of a collection's hashes in blocks; `None` for ever.
    #[must_use]
    pub fn of(&self, namespace: NamespaceRef<'_>) -> Option<u64> {
        // A map of owned names cannot be asked with borrowed ones; it has few entries.
        self.0
            .iter()
            .find(|(known, _)| known.as_ref() == namespace)
            .map(|(_, blocks)| *blocks)
    }
}

impl InStage for EndorsedBlock {
    fn number(&self) -> BlockNumber {
        self.verified.decoded().number()
    }

    fn transactions(&self) -> usize {
        self.codes.len()
    }
}
