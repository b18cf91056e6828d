//! The running peer: opens every ledger, then takes blocks from a feed for each, until it is ended.
//!
//! ```text
//!  Peer -- host: channels as services see them
//!    '--- one runner a channel: feed --> pipeline --> ledger --> channel.committed --> heights
//! ```
//!
//! - Every ledger is opened, and recovers, before [`Peer::open`] returns: nothing is served before.
//! - A channel that cannot be opened, or that stops, does not stop the others; [`Peer::troubles`] and
//!   [`crate::host::Channel::state`] say why.
//! - [`Peer::end`] ends the feeds; what is in the pipelines becomes durable.
//!
//! Knows nothing of where a feed takes its blocks from.

mod error;
mod folder;
mod room;
mod runner;
mod serve;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

pub use error::PeerError;
pub use folder::LedgerFolder;
pub use runner::{BlockTracer, Feed, FeedSource, OneBlock, RunnerReport, TracedBlock};
pub use serve::{ClientPort, ServeOptions, Serving, serve};

use crate::channel::{Bundle, ConfigBlock};
use crate::endorser::{JoinChannel, JoinError};
use crate::host::{Channel, Host, HostError, LocalAccess};
use crate::ledger::{Ledger, LedgerOptions};
use crate::metrics::Counters;
use crate::mvcc::StoredReplay;
use crate::pipeline::{Pipeline, PipelineOptions, PipelineWorkers};
use crate::proto::common::Block;
use crate::proto::wire::Message as _;
use crate::sys::clock::Clock;
use crate::types::ChannelId;
use runner::{Runner, RunnerPipeline, transaction_counters};

/// What a peer is started with.
#[derive(Debug, Clone)]
pub struct PeerOptions {
    /// Folder of all ledgers.
    pub ledgers: PathBuf,
    /// Threads that verify and evaluate, of all channels.
    pub workers: usize,
    /// Who hears of each block's way through the stages; `None` where nobody wants to.
    pub tracer: Option<Arc<dyn BlockTracer>>,
}

/// A peer and its channels.
#[derive(Debug)]
pub struct Peer {
    options: PeerOptions,
    clock: Arc<dyn Clock>,
    feed: Arc<dyn Feed>,
    /// Of all channels: each gets its turn, and none has more than there are cores.
    workers: PipelineWorkers,
    counters: Arc<Counters>,
    host: Arc<Host>,
    /// One channel is joined at a time. `None` once the peer is ended.
    runners: Mutex<Option<Vec<Runner>>>,
    /// Channels that were not opened, and why.
    troubles: BTreeMap<String, String>,
    /// Channels that were not opened because they are paused.
    paused: Vec<String>,
    folder: LedgerFolder,
}

impl Peer {
    /// Opens every ledger that there is, lets it recover, and begins to take blocks.
    ///
    /// # Errors
    /// The folder of the ledgers cannot be made or read, another process uses it, or no threads can be
    /// started. A ledger that cannot be opened is no error of
    /// the peer.
    pub fn open(
        options: PeerOptions,
        local: LocalAccess,
        feed: Arc<dyn Feed>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, PeerError> {
        let folder = LedgerFolder::make(&options.ledgers)?;
        let mut peer = Self {
            host: Arc::new(Host::new(local)),
            workers: PipelineWorkers::start(options.workers)?,
            counters: Arc::new(transaction_counters()),
            options,
            clock,
            feed,
            runners: Mutex::new(Some(Vec::new())),
            troubles: BTreeMap::new(),
            paused: Vec::new(),
            folder,
        };
        for channel in peer.folder.channels()? {
            if peer.folder.is_paused(&channel) {
                peer.paused.push(channel.to_string());
            } else if let Err(error) = peer.open_channel(&channel) {
                peer.troubles.insert(channel.to_string(), one_line(&error));
            }
        }
        Ok(peer)
    }

    /// The channels, for services.
    #[must_use]
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Channels that could not be opened, with the reasons.
    #[must_use]
    pub fn troubles(&self) -> &BTreeMap<String, String> {
        &self.troubles
    }

    /// Channels that are paused: not opened until `heddle node resume`.
    #[must_use]
    pub fn paused(&self) -> &[String] {
        &self.paused
    }

    /// What every channel's pipeline counts.
    #[must_use]
    pub fn reports(&self) -> Vec<RunnerReport> {
        let runners = self.lock();
        let runners = runners.iter().flatten();
        runners.map(Runner::report).collect()
    }

    /// Transactions of all channels by their verdicts, since the start.
    #[must_use]
    pub fn transaction_counters(&self) -> &Counters {
        &self.counters
    }

    /// Ends the feeds, and waits until what was in the pipelines is durable and in the state. Channels
    /// cannot be joined any more.
    pub fn end(&self) {
        let runners = self.lock().take();
        let runners: Vec<Runner> = runners.into_iter().flatten().collect();
        // All at once, then one after the other.
        for runner in &runners {
            runner.end();
        }
        for runner in runners {
            runner.join();
        }
    }

    fn open_channel(&self, id: &ChannelId) -> Result<(), PeerError> {
        let ledger = self.open_ledger(id, false)?;
        if ledger.height() == 0 {
            return Err(PeerError::Unfounded {
                channel: id.clone(),
            });
        }
        self.start(Arc::new(ledger))
    }

    fn open_ledger(&self, id: &ChannelId, create: bool) -> Result<Ledger, PeerError> {
        let options = LedgerOptions {
            create,
            ..LedgerOptions::default()
        };
        let folder = &self.options.ledgers;
        Ok(Ledger::open(
            folder,
            id,
            &options,
            &StoredReplay,
            &mut |_| {},
        )?)
    }

    /// Takes a channel with its genesis block in, and begins to take blocks.
    fn start(&self, ledger: Arc<Ledger>) -> Result<(), PeerError> {
        let channel = Arc::new(Channel::new(ledger)?);
        let mut runners = self.lock();
        let runners = runners.as_mut().ok_or(PeerError::Ended)?;
        let options = self.pipeline_options();
        let pipeline = RunnerPipeline {
            clock: Arc::clone(&self.clock),
            workers: self.workers.clone(),
            counters: Arc::clone(&self.counters),
            tracer: self.options.tracer.clone(),
            options,
        };
        let runner = Runner::start(Arc::clone(&channel), &self.feed, pipeline)?;
        self.host.add(channel)?;
        runners.push(runner);
        Ok(())
    }

    fn pipeline_options(&self) -> PipelineOptions {
        PipelineOptions {
            workers: self.options.workers,
            trace: self.options.tracer.is_some(),
            ..PipelineOptions::default()
        }
    }

    /// Joins the channel of a genesis block.
    ///
    /// # Errors
    /// It is no genesis block, the channel is there already, or the ledger cannot be made. Nothing is
    /// left behind of a block that is none.
    pub fn join(&self, genesis: Bytes) -> Result<(), PeerError> {
        let config = ConfigBlock::read(&genesis)?;
        let id = config.channel_id.clone();
        check_genesis(&genesis)?;
        Bundle::from_genesis(&id, config.config_envelope)?;
        if self.host.channel(&id.to_string()).is_some() {
            return Err(HostError::Joined { channel: id }.into());
        }
        if self.folder.is_paused(&id) {
            return Err(PeerError::Paused { channel: id });
        }
        let ledger = self.open_ledger(&id, true)?;
        if ledger.height() == 0 {
            let options = self.pipeline_options();
            let mut pipeline = Pipeline::with_workers(&ledger, &self.clock, options, &self.workers);
            pipeline.run(&mut OneBlock::new(genesis), &mut Nobody)?;
        }
        self.start(Arc::new(ledger))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<Runner>>> {
        self.runners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Block 0, with one transaction: what the pipeline would say too, but before a folder is made.
fn check_genesis(genesis: &[u8]) -> Result<(), PeerError> {
    let block = Block::decode(genesis).map_err(|_| PeerError::NotGenesis)?;
    let is_first = block.header.is_some_and(|header| header.number == 0);
    let transactions = block.data.map_or(0, |data| data.data.len());
    if is_first && transactions == 1 {
        Ok(())
    } else {
        Err(PeerError::NotGenesis)
    }
}

impl JoinChannel for Peer {
    fn join(&self, genesis: Bytes) -> Result<(), JoinError> {
        Self::join(self, genesis).map_err(|error| JoinError(one_line(&error)))
    }
}

/// Hears nothing: of the genesis block, before anybody knows the channel.
struct Nobody;

impl crate::notify::CommitListener for Nobody {
    fn committed(&mut self, _: &crate::commit::CommittedBlock) {}
}

/// An error and what caused it, in one line.
pub(crate) fn one_line(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        source = cause.source();
    }
    line
}
