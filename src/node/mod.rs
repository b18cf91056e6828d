//! A peer on the network, put together from its configuration: what `heddle node start` runs.
//!
//! The order is that of trust: identity and TLS first, then every ledger is opened and recovers, and only
//! then anything is served. Ending goes the other way round.

mod error;
mod feed;
mod gossip;
mod logs;
mod spans;
mod view;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;

pub use error::NodeError;
pub use feed::OrdererFeed;
pub use logs::Logs;

use crate::config::{MetricsProvider, PeerConfig};
use crate::deliver::{DeliverLimits, DeliverMetrics, DeliverService};
use crate::endorser::{EndorserLimits, EndorserMetrics, EndorserService};
use crate::gossip::service::{Gossip, GossipHandle, Prepared};
use crate::host::{Host, LocalAccess};
use crate::limits::{CERTIFICATES_RELOAD_WAIT, WORKERS_MAX};
use crate::msp::SigningIdentity;
use crate::ops::OpsServer;
use crate::peer::{ClientPort, Feed, Peer, PeerOptions, ServeOptions, Serving, serve};
use crate::sys::clock::Clock;
use crate::tls::{ClientTls, ServerProtocol, ServerTls, add_pem};
use crate::x509::Certificate;
use spans::BlockSpans;
use view::NodeView;

/// What `core.yaml` has no keys for.
#[derive(Debug, Clone, Default)]
pub struct NodeOptions {
    /// Where OpenTelemetry's collector listens for gRPC: `http://HOST:PORT`.
    pub otlp_endpoint: Option<String>,
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    peer: Arc<Peer>,
    serving: Option<Serving>,
    ops: Option<OpsServer>,
    gossip: Option<Gossip>,
    spans: Option<Arc<BlockSpans>>,
    ending: Arc<AtomicBool>,
    runtime: Runtime,
}

impl Node {
    /// Starts a node.
    ///
    /// # Errors
    /// Its identity, its TLS or its addresses cannot be used. A channel that cannot be opened is no error:
    /// it is logged, and named in the node's health.
    pub fn start(
        config: &PeerConfig,
        options: &NodeOptions,
        logs: Arc<Logs>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, NodeError> {
        let local = LocalAccess::load(&config.msp_config_path, &config.local_msp_id)?;
        let identity = SigningIdentity::load(&config.msp_config_path, &config.local_msp_id)?;
        let identity = Arc::new(identity);
        let server_tls = server_tls(config, clock)?;
        let ops_tls = ops_tls(config, clock)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("network")
            .enable_all()
            .build()
            .map_err(NodeError::Runtime)?;
        let feed = OrdererFeed::new(runtime.handle(), config, &identity, clock)?;
        let feed = Arc::new(feed);
        let gossip = gossip::prepare(config, &identity, &feed, clock)?;
        let (prepared, blocks): (_, Arc<dyn Feed>) = match gossip {
            Some((prepared, blocks)) => (Some(prepared), Arc::new(blocks)),
            None => (None, Arc::clone(&feed) as _),
        };
        let spans = spans(config, options, &runtime, clock)?;
        let options = PeerOptions {
            ledgers: ledgers_of(config),
            workers: workers(config),
            tracer: spans.clone().map(|spans| spans as _),
        };
        let peer = Peer::open(options, local, blocks, Arc::clone(clock))?;
        for (channel, why) in peer.troubles() {
            tracing::error!(
                channel,
                why,
                "the channel cannot be opened; the others go on"
            );
        }
        for channel in peer.paused() {
            tracing::warn!(
                channel,
                "the channel is paused and takes no blocks: 'heddle node resume' has it opened again"
            );
        }
        let mut node = Self {
            peer: Arc::new(peer),
            serving: None,
            ops: None,
            gossip: None,
            spans,
            ending: Arc::default(),
            runtime,
        };
        let client_tls = feed.tls().cloned();
        let mut view = NodeView {
            peer: Arc::clone(&node.peer),
            feed,
            gossip: None,
            identity: Arc::clone(&identity),
            server_tls: server_tls.clone(),
            clock: Arc::clone(clock),
            deliver: Arc::default(),
            endorser: Arc::default(),
            with_metrics: config.metrics == MetricsProvider::Prometheus,
        };
        let metrics = (Arc::clone(&view.deliver), Arc::clone(&view.endorser));
        node.serve(config, identity, server_tls.as_ref(), metrics, clock)?;
        node.start_gossip(prepared)?;
        view.gossip = node.gossip.as_ref().map(|gossip| gossip.handle().clone());
        let gossip = view.gossip.clone();
        node.serve_ops(config, ops_tls.as_ref(), view, logs)?;
        node.watch_certificates(server_tls, ops_tls, client_tls, gossip);
        Ok(node)
    }

    fn serve(
        &mut self,
        config: &PeerConfig,
        identity: Arc<SigningIdentity>,
        tls: Option<&Arc<ServerTls>>,
        metrics: (Arc<DeliverMetrics>, Arc<EndorserMetrics>),
        clock: &Arc<dyn Clock>,
    ) -> Result<(), NodeError> {
        let some = |limit: Option<u32>| limit.map_or(0, |limit| limit as usize);
        let host = self.peer.host();
        let deliver = DeliverService::new(
            Arc::clone(host),
            Arc::clone(clock),
            DeliverLimits {
                streams_max: some(config.limits.deliver),
                time_window: config.authentication_timewindow,
                bind_to_tls: tls.is_some() && config.tls.server.client_auth_required,
            },
            metrics.0,
        );
        let endorser = EndorserService::new(
            Arc::clone(host),
            Arc::clone(&self.peer) as _,
            identity,
            Arc::clone(clock),
            EndorserLimits {
                proposals_max: some(config.limits.endorser),
                time_window: config.authentication_timewindow,
            },
            metrics.1,
        );
        let options = ServeOptions {
            receive_bytes_max: config.max_recv_msg_size,
            send_bytes_max: config.max_send_msg_size,
            keepalive_interval: config.keepalive.server.interval,
            keepalive_timeout: config.keepalive.server.timeout,
        };
        let address = &config.listen_address;
        let serving = self.runtime.block_on(async {
            let tls = tls.map(|tls| tls.config());
            let port = ClientPort::listen(address, tls).await?;
            serve(port, deliver, endorser, &options)
        });
        self.serving = Some(serving.map_err(|source| listen_error(address, source))?);
        Ok(())
    }

    fn start_gossip(&mut self, prepared: Option<Prepared>) -> Result<(), NodeError> {
        let address = self.serving.as_ref().map(Serving::address);
        if let Some((prepared, address)) = prepared.zip(address) {
            let runtime = self.runtime.handle();
            self.gossip = Some(gossip::start(prepared, runtime, address)?);
        }
        Ok(())
    }

    fn serve_ops(
        &mut self,
        config: &PeerConfig,
        tls: Option<&Arc<ServerTls>>,
        view: NodeView,
        logs: Arc<Logs>,
    ) -> Result<(), NodeError> {
        let address = &config.operations.listen_address;
        let tls = tls.map(|tls| tls.config());
        let ops = OpsServer::start(address, tls, Arc::new(view), logs);
        let ops = self.runtime.block_on(ops);
        self.ops = Some(ops.map_err(|source| listen_error(address, source))?);
        Ok(())
    }

    /// Reads certificates again every now and then, so that new ones are used without a restart; and has
    /// the client port believe the TLS authorities of every organization of every channel.
    fn watch_certificates(
        &self,
        clients: Option<Arc<ServerTls>>,
        operations: Option<Arc<ServerTls>>,
        orderers: Option<Arc<ClientTls>>,
        gossip: Option<GossipHandle>,
    ) {
        let host = Arc::clone(self.peer.host());
        self.runtime.spawn(async move {
            loop {
                if let Some(clients) = &clients {
                    clients.set_channel_authorities(authorities_of(&host));
                }
                tokio::time::sleep(CERTIFICATES_RELOAD_WAIT).await;
                let servers = clients.iter().chain(&operations);
                let client = orderers.iter().map(|client| client.reload());
                let gossip = match &gossip {
                    Some(gossip) => Some(gossip.reload().await),
                    None => None,
                };
                let reloaded = servers.map(|server| server.reload()).chain(client);
                for reloaded in reloaded.chain(gossip) {
                    if reloaded.changed {
                        tracing::info!("TLS certificates have been read again");
                    }
                    for error in reloaded.errors {
                        tracing::error!(%error, "a TLS file cannot be used; what it had before still is");
                    }
                }
            }
        });
    }

    /// The peer.
    #[must_use]
    pub fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Where the client port and the operations service listen.
    #[must_use]
    pub fn addresses(&self) -> (Option<std::net::SocketAddr>, Option<std::net::SocketAddr>) {
        (
            self.serving.as_ref().map(Serving::address),
            self.ops.as_ref().map(OpsServer::address),
        )
    }

    /// What a signal handler sets: [`Node::wait`] returns.
    #[must_use]
    pub fn ending(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.ending)
    }

    /// Waits until the node is to end.
    pub fn wait(&self) {
        // Ordering: the flag stands for itself.
        while !self.ending.load(Ordering::SeqCst) {
            thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Ends the node: serves nothing more, lets the pipelines run empty, closes the ledgers.
    pub fn end(mut self) {
        if let Some(ops) = self.ops.take() {
            ops.end();
        }
        if let Some(serving) = self.serving.take() {
            self.runtime.block_on(serving.end());
        }
        if let Some(gossip) = self.gossip.take() {
            self.runtime.block_on(gossip.end());
        }
        self.peer.end();
        if let Some(spans) = &self.spans {
            spans.end();
        }
        self.runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

/// TLS authorities of all organizations of all channels.
///
/// Fabric: `core/peer/peer.go:updateTrustedRoots`.
fn authorities_of(host: &Host) -> Vec<Certificate> {
    let mut authorities = Vec::new();
    for channel in host.channels() {
        let bundle = channel.bundle();
        for msp in bundle.msps().msps() {
            for pem in msp.tls_roots().chain(msp.tls_intermediates()) {
                add_pem(&mut authorities, pem);
            }
        }
    }
    authorities
}

/// The folder of a peer's ledgers.
#[must_use]
pub fn ledgers_of(config: &PeerConfig) -> PathBuf {
    config.file_system_path.join("ledgers")
}

fn spans(
    config: &PeerConfig,
    options: &NodeOptions,
    runtime: &Runtime,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<BlockSpans>>, NodeError> {
    let Some(collector) = &options.otlp_endpoint else {
        return Ok(None);
    };
    // Its connection lives on the node's threads.
    let _inside = runtime.enter();
    let spans = BlockSpans::to(collector, &config.id, Arc::clone(clock))?;
    Ok(Some(Arc::new(spans)))
}

fn workers(config: &PeerConfig) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let configured = config.validator_pool_size.map(|workers| workers as usize);
    configured
        .filter(|workers| *workers > 0)
        .unwrap_or(cores)
        .min(WORKERS_MAX)
}

fn server_tls(
    config: &PeerConfig,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<ServerTls>>, NodeError> {
    let tls = &config.tls;
    let server = tls
        .server
        .enabled
        .then(|| ServerTls::of_peer(tls, Arc::clone(clock)));
    Ok(server.transpose()?.map(Arc::new))
}

fn ops_tls(
    config: &PeerConfig,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<ServerTls>>, NodeError> {
    let files = &config.operations.tls;
    let server = files
        .enabled
        .then(|| ServerTls::new(files, &[], ServerProtocol::Http, Arc::clone(clock)));
    Ok(server.transpose()?.map(Arc::new))
}

fn listen_error(address: &str, source: std::io::Error) -> NodeError {
    NodeError::Listen {
        address: address.to_owned(),
        source,
    }
}
