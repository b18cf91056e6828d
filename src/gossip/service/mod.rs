//! Gossip at work in a peer: the core, driven by connections, ledgers and orderers.
//!
//! ```text
//!  net: Event -----------.                      .--> net: dial, close, send
//!  source: Verified ...   \                    /---> desk: a block to verify --> source --> pipeline
//!  ledger: Committed ------+--> driver (core) +----> pull: a thread with the orderers' client
//!  pull: Ordered ---------/                    \---> serve: blocks from the files
//! ```
//!
//! - The driver is one task; nobody else touches the core. It waits for nothing but its two queues and
//!   the core's time.
//! - A channel's pipeline reads from a [`source::GossipSource`], whether blocks come from peers or from
//!   orderers.
//! - Configurations, as they are committed, say whom to believe: in TLS, and in gossip.

mod driver;
mod error;
mod feed;
mod pull;
mod serve;
mod shown;
mod source;
#[cfg(test)]
mod tests;
mod trust;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub use error::GossipError;
pub use feed::GossipFeed;
pub use pull::Orderers;

use crate::gossip::core::{Core, CoreSetup, CoreState, GossipOptions, LinkId, MspId};
use crate::gossip::net::{Net, NetError, PROTOCOL};
use crate::host::{Channel, LocalAccess};
use crate::limits;
use crate::metrics::Durations;
use crate::msp::SigningIdentity;
use crate::ops::Readings;
use crate::sys::clock::Clock;
use crate::sys::random;
use crate::tls::{KeyPair, MutualTls, Reloaded};
use crate::types::{BlockNumber, ChannelId};
use crate::x509::Certificate;
use driver::{Driver, DriverSetup};
use pull::Ordered;
use source::Desk;
use trust::MspTrust;

/// What happened in the peer.
#[derive(Debug)]
enum Input {
    /// A pipeline takes blocks of a channel, behind what is durable.
    Opened {
        channel: Arc<Channel>,
        desk: Arc<Desk>,
        height: BlockNumber,
    },
    /// It does not any more.
    Left { channel: ChannelId },
    /// The block that was offered is good, and the pipeline has it.
    Verified {
        channel: ChannelId,
        number: BlockNumber,
    },
    /// It is not.
    Rejected {
        channel: ChannelId,
        number: BlockNumber,
    },
    /// The pipeline begins anew with this block.
    Rewound {
        channel: ChannelId,
        number: BlockNumber,
    },
    /// Blocks have become durable.
    Committed { channel: ChannelId, height: u64 },
    /// An orderer gave a block.
    Ordered {
        channel: ChannelId,
        ordered: Ordered,
    },
    /// A range has been read; `None` where it could not be.
    Read {
        link: LinkId,
        pieces: Option<Vec<Bytes>>,
    },
    /// The peer's TLS certificate is another one.
    Renewed,
    /// The peer ends.
    End(oneshot::Sender<()>),
}

/// What gossip is started with.
#[derive(Debug)]
pub struct GossipSetup {
    /// The operator's settings.
    pub options: GossipOptions,
    /// The organization's own MSP.
    pub local: LocalAccess,
    /// The peer's identity.
    pub signer: Arc<SigningIdentity>,
    /// What the peer shows in TLS, as a server and as a client.
    pub key_pair: Arc<KeyPair>,
    /// TLS authorities to believe beside those of the MSPs.
    pub authorities: Vec<Certificate>,
    /// Where the orderers' blocks come from.
    pub orderers: Arc<dyn Orderers>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Gossip that has not begun: channels can open their feeds already.
#[derive(Debug)]
pub struct Prepared {
    setup: DriverSetup,
    tls: Arc<MutualTls>,
    inputs: mpsc::Receiver<Input>,
}

/// Gossip at work. To be [ended](Gossip::end).
#[derive(Debug)]
pub struct Gossip {
    handle: GossipHandle,
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// What others than its owner do with gossip. Cheap to clone.
#[derive(Debug, Clone)]
pub struct GossipHandle {
    inputs: mpsc::Sender<Input>,
    state: Arc<ArcSwapOption<CoreState>>,
    tls: Arc<MutualTls>,
    clock: Arc<dyn Clock>,
    commit_duration: Arc<Durations>,
}

impl Prepared {
    /// What gossip does once it has a network, and a feed for the channels.
    ///
    /// # Errors
    /// There is no randomness, or the peer's identity is none.
    pub fn new(setup: GossipSetup) -> Result<(Self, GossipFeed), GossipError> {
        let (sender, inputs) = mpsc::channel(limits::GOSSIP_EVENTS_MAX);
        let clock = setup.clock;
        let tls = MutualTls::new(setup.key_pair, PROTOCOL, Arc::clone(&clock));
        let tls = Arc::new(tls);
        let signer = Arc::clone(&setup.signer);
        let trust = MspTrust::new(setup.local, setup.authorities, signer, Arc::clone(&clock));
        let trust = Arc::new(trust);
        let seed: [u8; 8] = random::bytes()?;
        let core = CoreSetup {
            identity: setup.signer.serialized().to_vec(),
            msp: MspId(setup.signer.msp_id().into()),
            tls: tls.key_pair().certificate_hash(),
            incarnation: clock.unix_micros().saturating_mul(1000),
            options: setup.options,
            trust: Arc::clone(&trust) as _,
            seed: u64::from_le_bytes(seed),
        };
        let setup = DriverSetup {
            core: Core::new(clock.now(), core)?,
            trust,
            tls: Arc::clone(&tls),
            orderers: setup.orderers,
            clock,
            inputs: sender.clone(),
            state: Arc::default(),
            commit_duration: Arc::new(shown::commit_duration()),
        };
        let prepared = Self { setup, tls, inputs };
        Ok((prepared, GossipFeed::new(sender)))
    }

    /// Begins, with this socket.
    ///
    /// # Errors
    /// The socket or the TLS settings cannot be used.
    pub fn start(self, runtime: &Handle, socket: UdpSocket) -> Result<Gossip, GossipError> {
        let (sender, events) = mpsc::channel(limits::GOSSIP_EVENTS_MAX);
        socket.set_nonblocking(true).map_err(NetError::Socket)?;
        let net = Net::start(runtime, socket, &self.tls, sender)?;
        let address = net.address().map_err(NetError::Socket)?;
        let handle = GossipHandle {
            inputs: self.setup.inputs.clone(),
            state: Arc::clone(&self.setup.state),
            tls: self.tls,
            clock: Arc::clone(&self.setup.clock),
            commit_duration: Arc::clone(&self.setup.commit_duration),
        };
        let driver = Driver::new(self.setup, net, runtime);
        Ok(Gossip {
            handle,
            address,
            task: runtime.spawn(driver.run(self.inputs, events)),
        })
    }
}

impl Gossip {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// For others than its owner.
    #[must_use]
    pub fn handle(&self) -> &GossipHandle {
        &self.handle
    }

    /// Leaves the channels, tells the other peers, and drops all connections.
    pub async fn end(self) {
        let (ended, done) = oneshot::channel();
        if self.handle.inputs.send(Input::End(ended)).await.is_ok() {
            let _ = done.await;
        }
        let _ = self.task.await;
    }
}

impl GossipHandle {
    /// How things stood at most [`limits::GOSSIP_STATE_AGE`] ago; `None` before the first look.
    #[must_use]
    pub fn state(&self) -> Option<Arc<CoreState>> {
        self.state.load_full()
    }

    /// That, for the operations service.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let state = self.state();
        state.map_or(serde_json::Value::Null, |state| {
            shown::json(&state, self.clock.now())
        })
    }

    /// Metrics of it.
    #[must_use]
    pub fn metrics(&self) -> Vec<Readings> {
        let state = self.state();
        state.map_or_else(Vec::new, |state| shown::metrics(&state))
    }

    /// How long blocks are in the pipeline until they are durable.
    #[must_use]
    pub fn commit_duration(&self) -> &Durations {
        &self.commit_duration
    }

    /// Reads certificate and key again; new connections use them.
    pub async fn reload(&self) -> Reloaded {
        match self.tls.key_pair().reload() {
            Ok(changed) => {
                if changed {
                    let _ = self.inputs.send(Input::Renewed).await;
                }
                Reloaded {
                    changed,
                    errors: Vec::new(),
                }
            }
            Err(error) => Reloaded {
                changed: false,
                errors: vec![error],
            },
        }
    }
}
