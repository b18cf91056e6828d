//! Peers of one organization that gossip over one machine's network, and an orderer that is a list of blocks.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "whoever uses this fails by panicking"
)]

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::kit::{Chain, ChannelSpec, KeyKind, Network, NodeRole, Organization, Seed};
use crate::gossip::core::{CoreState, GossipOptions, LeaderMode, TransferOptions};
use crate::gossip::service::{Gossip, GossipSetup, Orderers, Prepared};
use crate::host::{Channel, LocalAccess};
use crate::ingress::{BlockSource, EndSource, SourceError};
use crate::msp::SigningIdentity;
use crate::peer::{Feed, FeedSource, Peer, PeerOptions};
use crate::proto::messages::common::Envelope;
use crate::proto::messages::msp::SerializedIdentity;
use crate::sys::clock::{Clock, SystemClock};
use crate::tls::{KeyPair, read_authorities};
use crate::types::ChannelId;
use crate::verify::ChainTip;
use crate::x509::{Certificate, pem};

const CHANNEL: &str = "mychannel";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Blocks in the order of their numbers.
#[derive(Debug, Default)]
pub struct TestOrderers {
    blocks: Mutex<Vec<Bytes>>,
    came: Condvar,
    opened: AtomicUsize,
}

#[derive(Debug)]
struct List(Arc<TestOrderers>);

struct Source {
    orderers: Arc<TestOrderers>,
    next: usize,
    ended: Arc<Mutex<bool>>,
}

struct Ender(Arc<TestOrderers>, Arc<Mutex<bool>>);

impl TestOrderers {
    /// How many have asked for blocks.
    #[must_use]
    pub fn pulled_by(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }
}

impl Feed for List {
    fn open<'c>(&self, channel: &'c Arc<Channel>) -> Result<Box<dyn FeedSource + 'c>, SourceError> {
        self.0.opened.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Source {
            orderers: Arc::clone(&self.0),
            next: usize::try_from(channel.ledger().height()).unwrap(),
            ended: Arc::default(),
        }))
    }
}

impl Orderers for List {
    fn works(&self, _: &ChannelId) -> bool {
        true
    }

    fn forget(&self, _: &ChannelId) {}
}

impl BlockSource for Source {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        let blocks = self.orderers.blocks.lock().unwrap();
        let waits =
            |blocks: &mut Vec<Bytes>| blocks.len() <= self.next && !*self.ended.lock().unwrap();
        let blocks = self.orderers.came.wait_while(blocks, waits).unwrap();
        if *self.ended.lock().unwrap() {
            return Ok(None);
        }
        self.next += 1;
        Ok(blocks.get(self.next - 1).cloned())
    }
}

impl FeedSource for Source {
    fn stopper(&self) -> Arc<dyn EndSource> {
        Arc::new(Ender(Arc::clone(&self.orderers), Arc::clone(&self.ended)))
    }

    fn rejected(&mut self, _: ChainTip, _: String) {}
}

impl EndSource for Ender {
    fn end(&self) {
        let _blocks = self.0.blocks.lock().unwrap();
        *self.1.lock().unwrap() = true;
        self.0.came.notify_all();
    }
}

/// A peer and its gossip.
struct Member {
    peer: Peer,
    gossip: Gossip,
    folder: TempDir,
}

/// A channel, and peers of its first organization.
pub struct Bed {
    network: Network,
    chain: Chain,
    /// Where the blocks are.
    pub orderers: Arc<TestOrderers>,
    tls: Organization,
    files: TempDir,
    options: GossipOptions,
    runtime: Runtime,
    members: Vec<Option<Member>>,
    addresses: Vec<String>,
}

impl Bed {
    /// Without peers yet; `options` are those of all, but for what tells them apart.
    #[must_use]
    pub fn new(options: GossipOptions) -> Self {
        let spec = ChannelSpec {
            channel: CHANNEL.to_owned(),
            ..ChannelSpec::default()
        };
        let network = Network::new(&Seed::new(7), 2, spec);
        let (chain, genesis) = network.found();
        let orderers = TestOrderers::default();
        orderers.blocks.lock().unwrap().push(genesis.into());
        Self {
            network,
            chain,
            orderers: Arc::new(orderers),
            tls: Organization::new("TLS", KeyKind::P256, &Seed::new(8)),
            files: tempfile::tempdir().unwrap(),
            options,
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap(),
            members: Vec::new(),
            addresses: Vec::new(),
        }
    }

    /// So many more blocks, of one transaction each that is not valid.
    pub fn order(&mut self, blocks: usize) -> Vec<Bytes> {
        self.order_large(blocks, 14)
    }

    /// The same, with so many bytes in each transaction.
    pub fn order_large(&mut self, blocks: usize, bytes: usize) -> Vec<Bytes> {
        let envelope = Envelope {
            payload: vec![0xff; bytes].into(),
            signature: b"nobody's".to_vec(),
        };
        let envelope = envelope.encode_to_vec();
        let new = |_| Bytes::from(self.chain.block([envelope.clone()]));
        let new: Vec<Bytes> = (0..blocks).map(new).collect();
        self.orderers.blocks.lock().unwrap().extend(new.clone());
        self.orderers.came.notify_all();
        new
    }

    /// A peer that calls those that it knows.
    pub fn peer(&mut self, name: &str, leader: LeaderMode, knows: &[usize]) -> usize {
        self.peer_at(name, leader, knows, tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.files.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// What a peer shows in TLS.
    fn key_pair(&self, name: &str) -> KeyPair {
        let shown = self.tls.enroll_with(name, &[], |_| {});
        let shown = SerializedIdentity::decode(shown.serialized()).unwrap();
        let cert = self.file(&format!("{name}.crt"), &shown.id_bytes);
        let key = self.tls.key_of(name).private_pem();
        KeyPair::load(cert, self.file(&format!("{name}.key"), &key)).unwrap()
    }

    /// A peer with what is in a folder.
    pub fn peer_at(
        &mut self,
        name: &str,
        leader: LeaderMode,
        knows: &[usize],
        folder: TempDir,
    ) -> usize {
        let own = &self.network.orgs[0].organization;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let local = || LocalAccess::new(&own.msp_config()).unwrap();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let known = knows.iter().map(|at| self.addresses[*at].as_str().into());
        let authority = self.file("ca.crt", &self.tls.authority.pem);
        let setup = GossipSetup {
            options: GossipOptions {
                bootstrap: known.collect(),
                endpoint: address.as_str().into(),
                leader,
                ..self.options.clone()
            },
            local: local(),
            signer: Arc::new(signing(own, name)),
            key_pair: Arc::new(self.key_pair(name)),
            authorities: read_authorities(&[authority]).unwrap(),
            orderers: Arc::new(List(Arc::clone(&self.orderers))),
            clock: Arc::clone(&clock),
        };
        let (prepared, feed) = Prepared::new(setup).unwrap();
        let peer = PeerOptions {
            ledgers: folder.path().to_owned(),
            workers: 1,
            tracer: None,
        };
        let peer = Peer::open(peer, local(), Arc::new(feed), clock).unwrap();
        let gossip = prepared.start(self.runtime.handle(), socket).unwrap();
        self.addresses.push(address);
        self.members.push(Some(Member {
            peer,
            gossip,
            folder,
        }));
        self.members.len() - 1
    }

    fn member(&self, at: usize) -> &Member {
        self.members[at].as_ref().unwrap()
    }

    /// Has a peer join the channel.
    pub fn join(&self, at: usize) {
        let genesis = self.orderers.blocks.lock().unwrap()[0].clone();
        self.member(at).peer.join(genesis).unwrap();
    }

    /// The channel of a peer that has joined it.
    #[must_use]
    pub fn channel(&self, at: usize) -> Arc<Channel> {
        self.member(at).peer.host().channel(CHANNEL).unwrap()
    }

    /// Waits until these have a height and the same block on top.
    pub fn all_at(&self, peers: &[usize], height: u64) {
        let mut tops = Vec::new();
        for at in peers {
            let channel = self.channel(*at);
            let mut heights = channel.heights();
            let reached = heights.wait_for(|now| *now >= height);
            let reached = self
                .runtime
                .block_on(async { tokio::time::timeout(PATIENCE, reached).await.map(drop) });
            let now = channel.ledger().height();
            assert!(
                reached.is_ok(),
                "peer {at} is at {now}: {:?}",
                self.state(*at)
            );
            tops.push((now, channel.info().unwrap().header_hash));
        }
        assert!(
            tops.iter().all(|top| *top == (height, tops[0].1)),
            "{tops:?}"
        );
    }

    /// How a peer's gossip is, once it has looked.
    #[must_use]
    pub fn state(&self, at: usize) -> Arc<CoreState> {
        std::thread::sleep(crate::limits::GOSSIP_STATE_AGE * 2);
        self.member(at).gossip.handle().state().unwrap()
    }

    /// Ends a peer: its folder, for another one.
    pub fn end(&mut self, at: usize) -> TempDir {
        let member = self.members[at].take().unwrap();
        self.runtime.block_on(member.gossip.end());
        member.peer.end();
        member.folder
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        for at in 0..self.members.len() {
            if self.members[at].is_some() {
                self.end(at);
            }
        }
    }
}

/// A peer's identity.
fn signing(own: &Organization, name: &str) -> SigningIdentity {
    let identity = own.enroll(name, NodeRole::Peer);
    let serialized = SerializedIdentity::decode(identity.serialized()).unwrap();
    let der = pem::first_block(&serialized.id_bytes).unwrap().bytes;
    let certificate = Certificate::parse(&der).unwrap();
    let key = own.key_of(name).private();
    SigningIdentity::new(&own.msp_id, &serialized.id_bytes, certificate, key)
}

/// Fabric's, but faster.
#[must_use]
pub fn fast() -> GossipOptions {
    let fast = Duration::from_millis(200);
    GossipOptions {
        pull_interval: fast,
        request_state_info_interval: fast,
        publish_state_info_interval: fast,
        alive_interval: fast,
        alive_expiration: Duration::from_secs(5),
        reconnect_interval: Duration::from_secs(1),
        transfer: TransferOptions {
            enabled: true,
            check_interval: fast,
            ..TransferOptions::default()
        },
        ..GossipOptions::default()
    }
}
