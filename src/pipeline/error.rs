//! Why a run of the pipeline ended before its source did.

use crate::ingress::SourceError;
use crate::types::BlockNumber;
use crate::{channel, decode, endorsement, ledger, mvcc, verify};

/// The run stopped. Every block before the one named is durable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Stop {
    /// The source cannot give its next block.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A block is refused: its frame is not sound.
    #[error(transparent)]
    Decode(#[from] decode::Rejection),
    /// A block is refused, or a config block stops the channel.
    #[error(transparent)]
    Verify(#[from] verify::Refusal),
    /// The channel stops at endorsement.
    #[error(transparent)]
    Endorsement(#[from] endorsement::Fault),
    /// The channel stops at mvcc.
    #[error("the channel stops before block {block}")]
    Mvcc {
        /// The block.
        block: BlockNumber,
        /// Why.
        #[source]
        fault: mvcc::Fault,
    },
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The ledger's own configuration is not one that this version can use.
    #[error("the channel configuration in the ledger cannot be used")]
    Config(#[from] channel::ConfigError),
    /// The state has no channel configuration.
    #[error(
        "the state has no channel configuration; rebuild it with 'heddle ledger rebuild-state'"
    )]
    NoConfig,
    /// A thread could not be started.
    #[error("cannot start a thread for the pipeline")]
    Thread(#[source] std::io::Error),
    /// The workers could not be started.
    #[error("cannot start the workers")]
    Workers(#[from] rayon::ThreadPoolBuildError),
    /// A stage died of a bug; what is durable stays so.
    #[error("the stage '{stage}' ended by a panic; this is a bug of heddle, please report it")]
    Panicked {
        /// Which one.
        stage: &'static str,
    },
}

impl Stop {
    /// Whether the source is to blame, not this peer or the channel.
    #[must_use]
    pub fn blames_source(&self) -> bool {
        match self {
            // The source only passes on what failed on this side.
            Self::Source(SourceError::Ledger(_) | SourceError::Reactor(_)) => false,
            Self::Source(_) | Self::Decode(_) | Self::Verify(verify::Refusal::Rejection(_)) => true,
            Self::Verify(verify::Refusal::Fault(_))
            | Self::Endorsement(_)
            | Self::Mvcc { .. }
            | Self::Ledger(_)
            | Self::Config(_)
            | Self::NoConfig
            | Self::Thread(_)
            | Self::Workers(_)
            | Self::Panicked { .. } => false,
        }
    }
}
