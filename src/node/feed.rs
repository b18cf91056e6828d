//! Blocks from the channels' orderers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;

use super::error::NodeError;
use crate::config::PeerConfig;
use crate::host::Channel;
use crate::ingress::{BlockSource, EndSource, SourceError};
use crate::msp::SigningIdentity;
use crate::orderer::core::CoreOptions;
use crate::orderer::{
    AddressOverride, OrdererOptions, OrdererReading, OrdererSource, OrdererStatus, OrdererTls,
    TlsClient,
};
use crate::peer::{Feed, FeedSource};
use crate::pipeline::IngestDoor;
use crate::sys::clock::Clock;
use crate::sys::random;
use crate::types::{BlockNumber, Digest};
use crate::verify::ChainTip;

/// Asks the orderers that each channel's configuration names.
#[derive(Debug)]
pub struct OrdererFeed {
    runtime: Handle,
    identity: Arc<SigningIdentity>,
    options: Arc<OrdererOptions>,
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
        Ok(Self {
            runtime: runtime.clone(),
            identity: Arc::clone(identity),
            options: Arc::new(options(config)?),
            clock: Arc::clone(clock),
            statuses: Mutex::default(),
        })
    }

    /// How the orderers of a channel are; `None` before they were first asked.
    #[must_use]
    pub fn reading(&self, channel: &str) -> Option<OrdererReading> {
        let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.get(channel).map(OrdererStatus::read)
    }
}

impl Feed for OrdererFeed {
    fn open<'c>(&self, channel: &'c Channel) -> Result<Box<dyn FeedSource + 'c>, SourceError> {
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

struct FromOrderers<'c>(OrdererSource<IngestDoor<'c>>);

impl BlockSource for FromOrderers<'_> {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        self.0.next_block()
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

fn options(config: &PeerConfig) -> Result<OrdererOptions, NodeError> {
    let client = &config.deliveryclient;
    let mut overrides = Vec::new();
    for other in &client.address_overrides {
        let roots = other.ca_certs_file.as_deref().map(read).transpose()?;
        overrides.push(AddressOverride {
            from: other.from.clone(),
            to: other.to.clone(),
            tls_roots: roots.map(|roots| vec![roots]),
        });
    }
    let defaults = CoreOptions::default();
    Ok(OrdererOptions {
        core: CoreOptions {
            retry_wait_min: client.minimal_reconnect_interval,
            retry_wait_max: client.reconnect_backoff_threshold,
            connect_wait: client.conn_timeout,
            withheld_wait: client.block_censorship_timeout,
            ..defaults
        },
        keepalive_interval: config.keepalive.delivery_client.interval,
        keepalive_timeout: config.keepalive.delivery_client.timeout,
        tls: config.tls.server.enabled.then(|| tls(config)).transpose()?,
        overrides,
    })
}

/// The peer shows a certificate where its own server asks for one, or where one is configured.
fn tls(config: &PeerConfig) -> Result<OrdererTls, NodeError> {
    let tls = &config.tls;
    let files = match (&tls.client_cert_file, &tls.client_key_file) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        _ if tls.server.client_auth_required => Some((&tls.server.cert_file, &tls.server.key_file)),
        _ => None,
    };
    let client = files.map(|(certificate, key)| {
        Ok::<_, NodeError>(Arc::new(TlsClient {
            certificates: read(certificate)?,
            key: read(key)?,
        }))
    });
    Ok(OrdererTls {
        client: client.transpose()?,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, NodeError> {
    fs::read(path).map_err(|source| NodeError::File {
        path: path.to_owned(),
        source,
    })
}
