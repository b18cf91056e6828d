//! A peer of the first organization of a network of the kit, fed by the test.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;

use crate::client::proposal;
use crate::crypto::PrivateKey;
use crate::endorser::{EndorserLimits, EndorserService};
use crate::host::{Channel, LocalAccess};
use crate::ingress::{BlockSource, EndSource, SourceError};
use crate::msp::SigningIdentity;
use crate::peer::{BlockTracer, Feed, FeedSource, Peer, PeerOptions, TracedBlock};
use crate::proto::messages::msp::SerializedIdentity;
use crate::proto::messages::protos::endorser_server::Endorser as _;
use crate::proto::messages::protos::{ProposalResponse, SignedProposal};
use crate::sys::clock::{Clock, ManualClock};
use crate::testing::kit::{Identity, Key, Network, Organization};
use crate::verify::ChainTip;
use crate::x509::{Certificate, pem};

/// A time at which the kit's certificates are good, in seconds since 1970.
const NOW: u64 = 1_780_000_000;

/// Blocks that the test hands out.
#[derive(Debug, Default)]
struct Pushed {
    state: Mutex<(VecDeque<Bytes>, bool)>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct TestFeed(Arc<Pushed>);

struct Source(Arc<Pushed>);

impl Feed for TestFeed {
    fn open<'c>(&self, _: &'c Arc<Channel>) -> Result<Box<dyn FeedSource + 'c>, SourceError> {
        Ok(Box::new(Source(Arc::clone(&self.0))))
    }
}

impl BlockSource for Source {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        let state = self.0.state.lock().unwrap();
        let waiting = |state: &mut (VecDeque<Bytes>, bool)| state.0.is_empty() && !state.1;
        let mut state = self.0.changed.wait_while(state, waiting).unwrap();
        Ok(state.0.pop_front())
    }

    fn ender(&self) -> Option<Arc<dyn EndSource>> {
        Some(Arc::clone(&self.0) as _)
    }
}

impl FeedSource for Source {
    fn stopper(&self) -> Arc<dyn EndSource> {
        Arc::clone(&self.0) as _
    }

    fn rejected(&mut self, _: ChainTip, _: String) {}
}

impl EndSource for Pushed {
    fn end(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}

/// What a tracer heard: block, transactions, valid ones, stages.
pub(super) type TracedVisits = (u64, usize, usize, Vec<&'static str>);

/// Remembers what it hears.
#[derive(Debug, Default)]
pub(super) struct Traced(pub(super) Mutex<Vec<TracedVisits>>);

impl BlockTracer for Traced {
    fn block(&self, block: TracedBlock<'_>) {
        let stages = block.visits.iter().map(|visit| visit.stage).collect();
        let heard = (block.number.0, block.transactions, block.valid, stages);
        self.0.lock().unwrap().push(heard);
    }
}

/// A peer, its services, and who may call them.
pub(super) struct Bed {
    pub(super) peer: Arc<Peer>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) folder: tempfile::TempDir,
    pushed: Arc<Pushed>,
    pub(super) traced: Arc<Traced>,
    endorser: EndorserService,
    nonces: u8,
}

impl fmt::Debug for Bed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bed").field(&self.peer).finish()
    }
}

impl Bed {
    pub(super) fn new(network: &Network) -> Self {
        Self::at(network, tempfile::tempdir().unwrap())
    }

    /// A peer with what is in a folder.
    pub(super) fn at(network: &Network, folder: tempfile::TempDir) -> Self {
        let clock = Arc::new(ManualClock::new());
        clock.advance(Duration::from_secs(NOW));
        let feed = TestFeed::default();
        let pushed = Arc::clone(&feed.0);
        let own = &network.orgs[0].organization;
        let traced = Arc::new(Traced::default());
        let options = PeerOptions {
            ledgers: folder.path().to_owned(),
            workers: 1,
            tracer: Some(traced.clone() as _),
        };
        let local = LocalAccess::new(&own.msp_config()).unwrap();
        let peer = Peer::open(options, local, Arc::new(feed), clock.clone() as _).unwrap();
        let peer = Arc::new(peer);
        let endorser = EndorserService::new(
            Arc::clone(peer.host()),
            Arc::clone(&peer) as _,
            Arc::new(signing(own, &network.orgs[0].peer, "peer0")),
            clock.clone() as _,
            EndorserLimits {
                proposals_max: 0,
                time_window: Duration::from_secs(900),
            },
            Arc::default(),
        );
        Self {
            peer,
            clock,
            folder,
            pushed,
            traced,
            endorser,
            nonces: 0,
        }
    }

    /// Ends the peer: its folder, for another one.
    pub(super) fn end(self) -> tempfile::TempDir {
        self.peer.end();
        self.folder
    }

    /// Hands a block out, and waits until it is committed.
    pub(super) fn push(&self, channel: &str, block: Bytes) {
        let channel = self.peer.host().channel(channel).unwrap();
        let height = channel.ledger().height();
        self.offer(block);
        let mut heights = channel.heights();
        let runtime = runtime();
        let reached = runtime.block_on(heights.wait_for(|now| *now > height));
        drop(reached.unwrap());
    }

    /// A block for whichever channel asks.
    pub(super) fn offer(&self, block: Bytes) {
        self.pushed.state.lock().unwrap().0.push_back(block);
        self.pushed.changed.notify_all();
    }

    /// A proposal of somebody.
    pub(super) fn proposal(
        &mut self,
        who: &SigningIdentity,
        channel: &str,
        chaincode: &str,
        arguments: &[&[u8]],
    ) -> SignedProposal {
        self.nonces += 1;
        let nonce = [self.nonces; 24];
        let now = self.clock.unix_micros();
        proposal(who, channel, chaincode, arguments, now, nonce)
    }

    /// What the peer answers.
    pub(super) fn process(
        &self,
        signed: SignedProposal,
    ) -> Result<ProposalResponse, tonic::Status> {
        let answer = self.endorser.process_proposal(tonic::Request::new(signed));
        runtime().block_on(answer).map(tonic::Response::into_inner)
    }

    /// Status and message of the answer to a call of somebody.
    pub(super) fn call(
        &mut self,
        who: &SigningIdentity,
        chaincode: &str,
        arguments: &[&[u8]],
    ) -> (i32, String) {
        let channel = if chaincode == "qscc" { "bench" } else { "" };
        let signed = self.proposal(who, channel, chaincode, arguments);
        let response = self.process(signed).unwrap().response.unwrap();
        (response.status, response.message)
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// An identity of the kit, with the key that its name stands for.
pub(crate) fn signing(org: &Organization, identity: &Identity, name: &str) -> SigningIdentity {
    let Key::P256(key) = org.key_of(name) else {
        panic!("a P-256 key");
    };
    let serialized = SerializedIdentity::decode(identity.serialized()).unwrap();
    let der = pem::first_block(&serialized.id_bytes).unwrap().bytes;
    let certificate = Certificate::parse(&der).unwrap();
    let bytes: [u8; 32] = key.to_bytes().into();
    let key = PrivateKey::p256_from(bytes);
    SigningIdentity::new(&org.msp_id, &serialized.id_bytes, certificate, key)
}
