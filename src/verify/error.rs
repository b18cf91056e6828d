//! Why a block is refused, or why the channel must stop.

use crate::channel::ConfigError;
use crate::proto::wire::WireError;
use crate::types::{BlockNumber, ChannelId, Digest};

/// A block that is not the channel's next block: its source is to blame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// A gap, a repetition or a foreign number.
    #[error("expected block {expected}, but the block's header says {found}")]
    Number {
        /// The next block of the chain.
        expected: BlockNumber,
        /// What came.
        found: BlockNumber,
    },
    /// The block does not follow the last one: a fork, or another channel.
    #[error(
        "block {number} does not follow block {}: its previous hash is {found}, but the header hash \
         of that block is {expected}; the source is on another fork or another channel",
        number.0.saturating_sub(1)
    )]
    PreviousHash {
        /// The block.
        number: BlockNumber,
        /// Header hash of the block before.
        expected: Digest,
        /// The block's previous hash, in hex.
        found: String,
    },
    /// The signatures slot or a header in it does not decode.
    #[error("the signatures of block {number} do not decode: {error}")]
    SignaturesUndecodable {
        /// The block.
        number: BlockNumber,
        /// What is wrong with the bytes.
        error: WireError,
    },
    /// The channel's BlockValidation policy is not satisfied.
    #[error(
        "block {number} is not signed as the channel's BlockValidation policy demands: of {signatures} \
         signatures {accepted} are by identities of the channel and verify"
    )]
    Signatures {
        /// The block.
        number: BlockNumber,
        /// How many signatures there are.
        signatures: usize,
        /// How many of them verify.
        accepted: usize,
    },
    /// The first block is no genesis block.
    #[error("block 0 is not a genesis block: expected one config transaction")]
    NotGenesis,
    /// The genesis block is another channel's.
    #[error("the genesis block is for channel '{found}', not for channel '{expected}'")]
    OtherChannel {
        /// The channel of this ledger.
        expected: ChannelId,
        /// The channel in the block.
        found: ChannelId,
    },
    /// The genesis block's configuration cannot found a channel.
    #[error("block 0 is not a genesis block that founds a channel")]
    Genesis(#[source] ConfigError),
}

/// The channel cannot go on. Fabric's peer process ends here, too.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A config transaction, signed by an orderer, that does not apply.
    #[error(
        "transaction {tx} of block {number} changes the channel's configuration in a way that this \
         peer cannot follow; the channel stops before this block"
    )]
    Config {
        /// The block.
        number: BlockNumber,
        /// The transaction.
        tx: usize,
        /// Why not.
        #[source]
        error: ConfigError,
    },
    /// The configuration in force has no BlockValidation policy.
    #[error("the channel's configuration has no policy /Channel/Orderer/BlockValidation")]
    NoBlockValidationPolicy,
}

/// Why verification of a block ended.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The block is to blame.
    #[error(transparent)]
    Rejection(#[from] Rejection),
    /// The channel stops.
    #[error(transparent)]
    Fault(#[from] Fault),
}
