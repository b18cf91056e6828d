//! Why a peer does not start, or does not take a channel in.

use std::io;
use std::path::PathBuf;

use crate::channel::ConfigError;
use crate::host::HostError;
use crate::ledger;
use crate::pipeline::Stop;
use crate::types::ChannelId;

/// Why a peer or a channel does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The folder of the ledgers.
    #[error("{}: the ledgers' folder cannot be made or read", folder.display())]
    Folder {
        /// Which one.
        folder: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A peer runs, or a command that must not have one run beside it.
    #[error(
        "{}: a peer or another node command is using these ledgers: stop it, or wait until it has ended",
        folder.display()
    )]
    InUse {
        /// The folder of the ledgers.
        folder: PathBuf,
    },
    /// The channel is there, and paused.
    #[error(
        "channel '{channel}' is joined and paused: stop the peer, run 'heddle node resume -c {channel}' and \
         start it again"
    )]
    Paused {
        /// Which one.
        channel: ChannelId,
    },
    /// Somebody began to join the channel, and did not get as far as its first block.
    #[error("channel '{channel}' has no genesis block: join it again")]
    Unfounded {
        /// Which one.
        channel: ChannelId,
    },
    /// Not a genesis block.
    #[error("expected the channel's genesis block: block 0, with one config transaction")]
    NotGenesis,
    /// The block's configuration cannot be used.
    #[error("the block's configuration cannot be used")]
    Config(#[from] ConfigError),
    /// The channel is there, or there are too many.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The pipeline does not take the genesis block, or cannot begin.
    #[error(transparent)]
    Pipeline(#[from] Stop),
    /// A thread could not be started.
    #[error("cannot start a thread for the channel")]
    Thread(#[source] io::Error),
    /// The peer is ending.
    #[error("the peer is ending: join the channel when it runs again")]
    Ended,
}
