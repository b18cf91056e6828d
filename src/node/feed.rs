//! Blocks from the channels' orderers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;

use super::error::NodeError;
use crate::config::PeerConfig;
use crate::gossip::service::Orderers;
use crate::host::Channel;
use crate::ingress::{BlockSource, DataCheck, EndSource, SourceError};
use crate::msp::SigningIdentity;
use crate::orderer::{OrdererOptions, OrdererReading, OrdererSource, OrdererStatus};
use crate::peer::{Feed, FeedSource};
use crate::pipeline::IngestDoor;
use crate::sys::clock::Clock;
use crate::sys::random;
use crate::tls::ClientTls;
use crate::types::{BlockNumber, ChannelId, Digest};
use crate::verify::ChainTip;

/// Asks the orderers that each channel's configuration names.
#[derive(Debug)]
pub struct OrdererFeed {
    runtime: Handle,
    identity: Arc<SigningIdentity>,
    options: Arc<OrdererOptions>,
    tls: Option<Arc<ClientTls>>,
    clock: Arc<dyn Clock>,
    statuses: Mutex<BTreeMap<String, OrdererStatus>>,
}

impl OrdererFeed {
    /// A feed with the peer's settings.
    ///
    /// # Errors
    /// A file that they name cannot be read.
    pub fn new(
        runtime: &Handle,
        config: &PeerConfig,
        identity: &Arc<SigningIdentity>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, NodeError> {
        let tls = config.tls.server.enabled;
        let tls = tls.then(|| ClientTls::new(&config.tls, Arc::clone(clock)));
        let tls = tls.transpose()?.map(Arc::new);
        Ok(Self {
            runtime: runtime.clone(),
            identity: Arc::clone(identity),
            options: Arc::new(OrdererOptions::of(config, tls.clone())?),
            tls,
            clock: Arc::clone(clock),
            statuses: Mutex::default(),
        })
    }

    /// The peer as a client, where it has TLS.
    #[must_use]
    pub fn tls(&self) -> Option<&Arc<ClientTls>> {
        self.tls.as_ref()
    }

    /// How the orderers of a channel are; `None` before they were first asked.
    #[must_use]
    pub fn reading(&self, channel: &str) -> Option<OrdererReading> {
        let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.get(channel).map(OrdererStatus::read)
    }
}

impl Feed for OrdererFeed {
    fn open<'c>(&self, channel: &'c Arc<Channel>) -> Result<Box<dyn FeedSource + 'c>, SourceError> {
        let info = channel.info().map_err(SourceError::Ledger)?;
        let tip = ChainTip {
            number: BlockNumber(info.height.saturating_sub(1)),
            header_hash: info.header_hash.unwrap_or(Digest([0; 32])),
        };
        let random: [u8; 8] = random::bytes().unwrap_or_default();
        let (source, status) = OrdererSource::start(
            &self.runtime,
            IngestDoor::new(channel.ledger()),
            tip,
            Arc::clone(&self.identity),
            Arc::clone(&self.options),
            Arc::clone(&self.clock),
            u64::from_le_bytes(random),
        );
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.insert(channel.id().to_string(), status);
        Ok(Box::new(FromOrderers(source)))
    }
}

impl Orderers for OrdererFeed {
    fn works(&self, channel: &ChannelId) -> bool {
        let reading = self.reading(channel.as_str());
        reading.is_some_and(|reading| reading.state.connected)
    }

    fn forget(&self, channel: &ChannelId) {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.remove(channel.as_str());
    }
}

struct FromOrderers<'c>(OrdererSource<IngestDoor<'c>>);

impl BlockSource for FromOrderers<'_> {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        self.0.next_block()
    }

    fn take_data_check(&mut self) -> DataCheck {
        self.0.take_data_check()
    }

    fn ender(&self) -> Option<Arc<dyn EndSource>> {
        self.0.ender()
    }
}

impl FeedSource for FromOrderers<'_> {
    fn stopper(&self) -> Arc<dyn EndSource> {
        self.0.stopper()
    }

    fn rejected(&mut self, tip: ChainTip, problem: String) {
        self.0.rejected(tip, problem);
    }
}
