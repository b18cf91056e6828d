//! What a command can end with, as one line.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::crypto::BackendError;
use crate::ingress::{self, ingest};
use crate::msp::LocalMspError;
use crate::types::{BlockNumber, InvalidChannelId};
use crate::{client, config, explain, ledger, node, peer, pipeline};

/// A command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// `--channel` is no channel name.
    #[error("--channel: {0}")]
    Channel(#[from] InvalidChannelId),
    /// `--data` has no ledger of that channel.
    #[error(
        "there is no ledger of channel '{channel}' in {data}; 'heddle ledger import' makes one"
    )]
    NoLedger {
        /// The folder of all ledgers.
        data: PathBuf,
        /// The channel.
        channel: String,
    },
    /// `--crypto-backend`, or the environment variable, names none that can be used.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// `--workers` is out of range.
    #[error("--workers {workers}: expected 1 to {max}", max = crate::limits::WORKERS_MAX)]
    Workers {
        /// What was given.
        workers: usize,
    },
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// A transaction cannot be explained.
    #[error(transparent)]
    Explain(#[from] explain::Error),
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] ingress::SourceError),
    /// An import ended before its source did, or a server before it was told to.
    #[error("{what} stopped at height {height}, the blocks below are committed: {stop}")]
    Stopped {
        /// What stopped.
        what: &'static str,
        /// The ledger's height.
        height: u64,
        /// Why.
        #[source]
        stop: Box<pipeline::Stop>,
    },
    /// `--listen` or `--to` has no address.
    #[error(transparent)]
    Address(#[from] ingest::AddressError),
    /// Listening does not work.
    #[error(transparent)]
    Listen(#[from] ingest::ListenError),
    /// Others than this machine could connect.
    #[error(
        "--listen {address}: other machines could feed this ledger, and there is no authentication; add \
         --allow-remote where that is wanted"
    )]
    Remote {
        /// The address.
        address: ingest::IngestAddress,
    },
    /// The operations service cannot be asked.
    #[error("cannot ask the operations service at {address}")]
    Operations {
        /// Where.
        address: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The peer does not gossip on that channel.
    #[error("the peer does not gossip on a channel '{channel}'")]
    NotGossiped {
        /// Which one.
        channel: String,
    },
    /// The server cannot start.
    #[error("cannot serve")]
    Serve(#[source] io::Error),
    /// The source was not fed to its end.
    #[error(transparent)]
    Feed(#[from] ingest::FeedError),
    /// There is no such block.
    #[error("there is no block {number}: the ledger's height is {height}")]
    NoBlock {
        /// What was asked for.
        number: BlockNumber,
        /// The ledger's height.
        height: BlockNumber,
    },
    /// There is no such transaction.
    #[error("no transaction of this ledger has the id '{id}'")]
    NoTransaction {
        /// What was asked for.
        id: String,
    },
    /// A stored block does not decode: the ledger is damaged.
    #[error("stored block {number} does not decode: {error}; run 'heddle ledger verify'")]
    StoredBlock {
        /// The block.
        number: BlockNumber,
        /// Why.
        error: crate::decode::Rejection,
    },
    /// The demo's folder holds something.
    #[cfg(feature = "demo")]
    #[error("--data {path}: the folder is not empty; expected a new or empty one")]
    DemoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The demo has no folder.
    #[cfg(feature = "demo")]
    #[error("cannot use the folder {path}; choose another one with --data")]
    DemoFolderUnusable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The demo's workload cannot be made.
    #[cfg(feature = "demo")]
    #[error(transparent)]
    Workload(#[from] crate::testing::workload::SpecError),
    /// A thread cannot be started.
    #[cfg(feature = "demo")]
    #[error("the system gives no thread")]
    Thread(#[source] io::Error),
    /// Interrupts cannot be noticed.
    #[cfg(feature = "demo")]
    #[error("cannot listen to interrupts")]
    Signals(#[source] io::Error),
    /// A file that is given cannot be read.
    #[error("cannot read {path}")]
    Input {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A variable of the environment is missing.
    #[error("{name} is not set: expected it in the environment, as for Fabric's peer command")]
    Variable {
        /// Its name.
        name: &'static str,
    },
    /// No such block can be asked for.
    #[error("'{which}' is no block: expected newest, oldest, config or a number")]
    WhichBlock {
        /// What was given.
        which: String,
    },
    /// Not a config update.
    #[error("{path} is no config update: expected an envelope, as 'netgen update' writes it")]
    NotUpdate {
        /// The file.
        path: PathBuf,
    },
    /// Nobody to send to.
    #[error("expected the orderer's address: --orderer HOST:PORT")]
    NoOrderer,
    /// A peer gives less than it has.
    #[error("the peer sent no block {number}, which it has")]
    WithheldBlock {
        /// The first one that is missing.
        number: BlockNumber,
    },
    /// A peer gives another block than was asked for.
    #[error("the peer sent block {found} where block {expected} was to come")]
    OtherBlock {
        /// What was to come.
        expected: BlockNumber,
        /// What came.
        found: BlockNumber,
    },
    /// What came back is something else.
    #[error("the answer has no {what}")]
    Answer {
        /// What was expected.
        what: &'static str,
    },
    /// The MSP folder cannot be used.
    #[error(transparent)]
    LocalMsp(#[from] LocalMspError),
    /// The peer's configuration.
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    /// The folder of the ledgers, or what is done to one.
    #[error(transparent)]
    Peer(#[from] peer::PeerError),
    /// Some channels could not be worked on; each was named.
    #[error("{failed} of {channels} channels failed, see above; the others are done")]
    Channels {
        /// How many failed.
        failed: usize,
        /// Of how many.
        channels: usize,
    },
    /// The node does not start.
    #[error(transparent)]
    Node(#[from] node::NodeError),
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] client::ConnectError),
    /// There is no answer.
    #[error(transparent)]
    Call(#[from] client::CallError),
    /// The output file cannot be written.
    #[error("cannot write {path}")]
    Output {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Standard output cannot be written.
    #[error("cannot write to standard output")]
    Stdout(#[source] io::Error),
    /// Whoever read standard output has enough.
    #[error("standard output was closed")]
    OutputClosed,
}

impl CliError {
    /// An error of standard output; a closed pipe is not one.
    pub(crate) fn stdout(source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Stdout(source)
        }
    }
}

/// An error and its causes in one line.
pub(crate) fn one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Transparent errors repeat their cause.
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line.replace(['\n', '\r'], " ")
}
