//! What a source said of a block against what heddle says: codes and commit hash.

use std::fmt;

use crate::mvcc::ValidatedBlock;
use crate::proto::common::{Metadata, metadata_index};
use crate::proto::wire::Message;
use crate::types::{BlockNumber, TxIndex, ValidationCode};

/// One block's verdicts beside those that came with it.
#[derive(Debug)]
pub(super) struct Comparison<'b> {
    validated: &'b ValidatedBlock,
}

/// Something that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Difference {
    /// A transaction's code.
    Code {
        /// The block.
        block: BlockNumber,
        /// The transaction.
        tx: TxIndex,
        /// What the source has: its number, which may be none that exists.
        source: u8,
        /// What heddle says.
        heddle: ValidationCode,
    },
    /// The block's commit hash.
    CommitHash {
        /// The block.
        block: BlockNumber,
        /// What the source has, in hex.
        source: String,
        /// What heddle says, in hex.
        heddle: String,
    },
    /// The source has no codes for the block, or not as many as it has transactions.
    NoCodes {
        /// The block.
        block: BlockNumber,
        /// How many codes there are.
        source: usize,
        /// How many transactions there are.
        transactions: usize,
    },
}

impl<'b> Comparison<'b> {
    /// Of a block that is committed.
    pub(super) fn of(validated: &'b ValidatedBlock) -> Self {
        Self { validated }
    }

    /// What differs, transactions first.
    pub(super) fn differences(&self) -> Vec<Difference> {
        let block = self.validated.decoded().number();
        let codes = self.validated.codes();
        let filter = self.slot(metadata_index::TRANSACTIONS_FILTER);
        // A peer leaves the genesis block's filter as it came: an orderer's has none.
        if block == BlockNumber(0) && filter.is_empty() {
            return Vec::new();
        }
        if filter.len() != codes.len() {
            let (source, transactions) = (filter.len(), codes.len());
            return vec![Difference::NoCodes {
                block,
                source,
                transactions,
            }];
        }
        let numbered = (0_u32..).map(TxIndex).zip(filter).zip(codes);
        let mut differences: Vec<Difference> = numbered
            .filter(|((_, source), heddle)| **source != heddle.number())
            .map(|((tx, source), heddle)| Difference::Code {
                block,
                tx,
                source: *source,
                heddle: *heddle,
            })
            .collect();
        let hash = Metadata::decode(self.slot(metadata_index::COMMIT_HASH)).unwrap_or_default();
        let source: String = hash
            .value
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let heddle = self
            .validated
            .commit_hash()
            .map(|hash| hash.to_string())
            .unwrap_or_default();
        if source != heddle {
            differences.push(Difference::CommitHash {
                block,
                source,
                heddle,
            });
        }
        differences
    }

    fn slot(&self, index: usize) -> &'b [u8] {
        self.validated
            .decoded()
            .contents()
            .metadata
            .get(index)
            .copied()
            .unwrap_or_default()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code {
                block,
                tx,
                source,
                heddle,
            } => {
                write!(f, "block {block} transaction {tx}: the source has ")?;
                match ValidationCode::from_number(*source) {
                    Some(code) => write!(f, "{code}")?,
                    None => write!(f, "code {source}")?,
                }
                write!(f, ", heddle says {heddle}")
            }
            Self::CommitHash {
                block,
                source,
                heddle,
            } => write!(
                f,
                "block {block}: the source has commit hash {}, heddle {}",
                or_none(source),
                or_none(heddle)
            ),
            Self::NoCodes {
                block,
                source,
                transactions,
            } => write!(
                f,
                "block {block}: the source has {source} codes for {transactions} transactions"
            ),
        }
    }
}

fn or_none(hash: &str) -> &str {
    if hash.is_empty() { "none" } else { hash }
}
