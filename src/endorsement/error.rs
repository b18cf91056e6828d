//! Why the channel must stop at endorsement: where Fabric halts or panics (appendix D), or where our
//! environment fails.

use crate::lifecycle;
use crate::types::{BlockNumber, TxIndex};
use crate::{ledger, limits};

/// The channel cannot go on past this block.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The state could not be read.
    #[error("the ledger failed")]
    Ledger(#[from] ledger::Error),
    /// A chaincode definition in the state is broken.
    #[error("transaction {tx} of block {block} needs a chaincode definition that is broken")]
    Definition {
        /// The block.
        block: BlockNumber,
        /// The transaction.
        tx: TxIndex,
        /// What is wrong with it.
        #[source]
        error: std::sync::Arc<lifecycle::Fault>,
    },
    /// A definition names a validation plugin other than `vscc`.
    #[error(
        "transaction {tx} of block {block} needs chaincode '{chaincode}', whose definition asks for \
         the validation plugin '{plugin}'; this peer has only 'vscc'"
    )]
    UnknownPlugin {
        /// The block.
        block: BlockNumber,
        /// The transaction.
        tx: TxIndex,
        /// The chaincode.
        chaincode: String,
        /// What its definition says.
        plugin: String,
    },
    /// A key's policy does not decode.
    #[error(
        "transaction {tx} of block {block} writes key {key} of '{namespace}', whose \
         VALIDATION_PARAMETER is not a SignaturePolicyEnvelope"
    )]
    KeyPolicy {
        /// The block.
        block: BlockNumber,
        /// The transaction.
        tx: TxIndex,
        /// Where the key is.
        namespace: String,
        /// The key, in hex where it is a hash.
        key: String,
    },
    /// A valid transaction writes to a collection that its chaincode does not define.
    #[error(
        "transaction {tx} of block {block} is valid, but writes to collection '{collection}', which \
         chaincode '{chaincode}' does not define"
    )]
    UndefinedCollection {
        /// The block.
        block: BlockNumber,
        /// The transaction.
        tx: TxIndex,
        /// The chaincode.
        chaincode: String,
        /// The collection.
        collection: String,
    },
    /// A valid transaction writes to a collection whose member policy is missing or does not compile.
    #[error(
        "transaction {tx} of block {block} is valid, but the member policy of collection \
         '{collection}' of chaincode '{chaincode}' cannot be evaluated"
    )]
    MemberPolicy {
        /// The block.
        block: BlockNumber,
        /// The transaction.
        tx: TxIndex,
        /// The chaincode.
        chaincode: String,
        /// The collection.
        collection: String,
    },
    /// The pipeline ends: another stage stopped.
    #[error("the pipeline ends, block {block} is left (at most {max} blocks wait in a queue)",
        max = limits::STAGE_QUEUE_BLOCKS)]
    Interrupted {
        /// The block that was not endorsed.
        block: BlockNumber,
    },
}

impl Fault {
    /// What transaction `tx` needs of a definition cannot be had.
    pub(super) fn of_definition(block: BlockNumber, tx: TxIndex, error: lifecycle::Fault) -> Self {
        if let lifecycle::Fault::Ledger(error) = error {
            return Self::Ledger(error);
        }
        Self::Definition {
            block,
            tx,
            error: std::sync::Arc::new(error),
        }
    }
}
