//! Peers of one organization, and an orderer.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::gossip::core::{CoreState, GossipOptions, LeaderMode, TransferOptions};
use crate::gossip::service::{Gossip, GossipSetup, Orderers, Prepared};
use crate::host::{Channel, LocalAccess};
use crate::ingress::{BlockSource, EndSource, SourceError};
use crate::peer::tests::bed::signing;
use crate::peer::{Feed, FeedSource, Peer, PeerOptions};
use crate::proto::messages::common::{Block, Envelope};
use crate::sys::clock::{Clock, SystemClock};
use crate::testing::kit::{Chain, ChannelSpec, Network, NodeRole, Seed};
use crate::tls::KeyPair;
use crate::tls::tests::kit::{Authority, Folder, Wanted, certificates};
use crate::types::ChannelId;
use crate::verify::ChainTip;

const CHANNEL: &str = "mychannel";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Blocks in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct TestOrderers {
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
    pub(super) fn pulled_by(&self) -> usize {
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
pub(super) struct Bed {
    network: Network,
    chain: Chain,
    pub(super) orderers: Arc<TestOrderers>,
    authority: Authority,
    runtime: Runtime,
    members: Vec<Option<Member>>,
    addresses: Vec<String>,
}

impl Bed {
    pub(super) fn new() -> Self {
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
            authority: Authority::root("tls-root"),
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
    pub(super) fn order(&mut self, blocks: usize) -> Vec<Bytes> {
        let envelope = Envelope {
            payload: b"no transaction".to_vec().into(),
            signature: b"nobody's".to_vec(),
        };
        let envelope = envelope.encode_to_vec();
        let new = |_| Bytes::from(self.chain.block([envelope.clone()]));
        let new: Vec<Bytes> = (0..blocks).map(new).collect();
        self.orderers.blocks.lock().unwrap().extend(new.clone());
        self.orderers.came.notify_all();
        new
    }

    pub(super) fn peer(&mut self, name: &str, leader: LeaderMode, knows: &[usize]) -> usize {
        self.peer_at(name, leader, knows, tempfile::tempdir().unwrap())
    }

    /// A peer with what is in a folder.
    pub(super) fn peer_at(
        &mut self,
        name: &str,
        leader: LeaderMode,
        knows: &[usize],
        folder: TempDir,
    ) -> usize {
        let own = &self.network.orgs[0].organization;
        let identity = own.enroll(name, NodeRole::Peer);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let local = || LocalAccess::new(&own.msp_config()).unwrap();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let files = Folder::new();
        let issued = self.authority.issue(&Wanted {
            name,
            ..Wanted::default()
        });
        let (cert, key) = files.write_pair(&issued);
        let setup = GossipSetup {
            options: options(
                leader,
                &address,
                knows.iter().map(|at| &*self.addresses[*at]),
            ),
            local: local(),
            signer: Arc::new(signing(own, &identity, name)),
            key_pair: Arc::new(KeyPair::load(cert, key).unwrap()),
            authorities: certificates(&self.authority.pem),
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

    pub(super) fn join(&self, at: usize) {
        let genesis = self.orderers.blocks.lock().unwrap()[0].clone();
        self.member(at).peer.join(genesis).unwrap();
    }

    pub(super) fn channel(&self, at: usize) -> Arc<Channel> {
        self.member(at).peer.host().channel(CHANNEL).unwrap()
    }

    /// Waits until these have a height and the same block on top.
    pub(super) fn all_at(&self, peers: &[usize], height: u64) {
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
    pub(super) fn state(&self, at: usize) -> Arc<CoreState> {
        std::thread::sleep(crate::limits::GOSSIP_STATE_AGE * 2);
        self.member(at).gossip.handle().state().unwrap()
    }

    /// Ends a peer: its folder, for another one.
    pub(super) fn end(&mut self, at: usize) -> TempDir {
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

/// Fabric's, but faster.
fn options<'a>(
    leader: LeaderMode,
    address: &str,
    bootstrap: impl Iterator<Item = &'a str>,
) -> GossipOptions {
    let fast = Duration::from_millis(200);
    GossipOptions {
        bootstrap: bootstrap.map(Into::into).collect(),
        endpoint: address.into(),
        leader,
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

fn changed(block: &Bytes, change: impl FnOnce(&mut Block)) -> Bytes {
    let mut block = Block::decode(block.clone()).unwrap();
    change(&mut block);
    block.encode_to_vec().into()
}

pub(super) fn with_other_signature(block: &Bytes) -> Bytes {
    changed(block, |block| {
        let signatures = &mut block.metadata.as_mut().unwrap().metadata[0];
        let last = signatures.len() - 1;
        let mut changed = signatures.to_vec();
        changed[last] ^= 1;
        *signatures = changed.into();
    })
}

pub(super) fn with_other_link(block: &Bytes) -> Bytes {
    changed(block, |block| {
        block.header.as_mut().unwrap().previous_hash = vec![7; 32];
    })
}

pub(super) fn with_other_data(block: &Bytes) -> Bytes {
    changed(block, |block| {
        block.data.as_mut().unwrap().data[0] = b"something else".to_vec().into();
    })
}
