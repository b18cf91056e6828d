//! A channel, its blocks, and orderers that serve them in some manner.

use std::net::TcpListener;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use prost::Message as _;
use tokio::runtime::Runtime;
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

use crate::channel::{Bundle, ConfigBlock};
use crate::config::{PeerTls, ServerTlsFiles};
use crate::crypto::PrivateKey;
use crate::ingress::{BlockSource as _, Candidate, SignatureCheck, Signatures};
use crate::msp::SigningIdentity;
use crate::orderer::core::{Core, CoreOptions};
use crate::orderer::{Door, OrdererOptions, OrdererSource, OrdererStatus, endpoints, is_bft};
use crate::proto::common::Block as WireBlock;
use crate::proto::messages::common::{Block, Envelope, Payload};
use crate::proto::messages::msp::SerializedIdentity;
use crate::proto::messages::orderer::atomic_broadcast_server::{
    AtomicBroadcast, AtomicBroadcastServer,
};
use crate::proto::messages::orderer::deliver_response::Type;
use crate::proto::messages::orderer::seek_position::Type as Position;
use crate::proto::messages::orderer::{BroadcastResponse, DeliverResponse, SeekInfo};
use crate::proto::wire::Message as _;
use crate::sys::clock::SystemClock;
use crate::testing::kit::{
    Authority, CertificateSpec, ChannelSpec, Key, KeyKind, Network, Seed, Wire,
};
use crate::tls::ClientTls;
use crate::types::{BlockNumber, ChannelId};
use crate::verify::{ChainTip, check_signatures};

/// What an orderer does.
#[derive(Debug, Clone)]
pub(super) enum Manner {
    Honest,
    /// The stream breaks after so many messages.
    Cut(usize),
    /// Another block in the place of that number.
    Instead(u64, Bytes),
    /// No block from that number on; headers it does send.
    Withhold(u64),
    /// Headers of blocks that do not exist.
    Boast,
    /// The stream ends with that status.
    Refuse(i32),
    /// An answer with nothing in it.
    Empty,
    /// A certificate of an authority that the channel does not know.
    Stranger,
    /// Bytes that are no TLS.
    Noise,
}

/// One orderer, and what it was asked.
#[derive(Debug)]
pub(super) struct Served {
    manner: Manner,
    blocks: Arc<Vec<Bytes>>,
    pub(super) asked: Mutex<Vec<Envelope>>,
    pub(super) sent: Arc<AtomicU64>,
}

type Answers = Pin<Box<dyn Stream<Item = Result<DeliverResponse, Status>> + Send>>;

#[tonic::async_trait]
impl AtomicBroadcast for Served {
    type BroadcastStream = tokio_stream::Empty<Result<BroadcastResponse, Status>>;
    type DeliverStream = Answers;

    async fn broadcast(
        &self,
        _: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::BroadcastStream>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn deliver(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Answers>, Status> {
        let mut envelopes = request.into_inner();
        let envelope = envelopes.message().await?.expect("a request");
        let seek = seek_info(&envelope);
        self.asked.lock().unwrap().push(envelope);
        let Some(Position::Specified(start)) = seek.start.and_then(|start| start.r#type) else {
            return Err(Status::invalid_argument("no start"));
        };
        let headers = seek.content_type == 1;
        let answers = self.answers(start.number, headers);
        let sent = Arc::clone(&self.sent);
        let answers = tokio_stream::iter(answers).map(move |answer| {
            sent.fetch_add(1, Ordering::SeqCst);
            answer
        });
        // As Fabric's orderer: it waits for the next block with its half of the stream open.
        let open = tokio_stream::pending().map(move |()| {
            let _open = &envelopes;
            Err(Status::internal("never"))
        });
        Ok(Response::new(Box::pin(answers.chain(open))))
    }
}

impl Served {
    fn answers(&self, from: u64, headers: bool) -> Vec<Result<DeliverResponse, Status>> {
        let answer = |part| Ok(DeliverResponse { r#type: part });
        let from = usize::try_from(from).unwrap();
        let blocks = self.blocks.iter().enumerate().skip(from);
        let blocks = blocks.map(|(number, block)| (number as u64, block));
        let block = |(number, block): (u64, &Bytes)| {
            let mut block = block;
            if let Manner::Instead(place, other) = &self.manner
                && *place == number
                && !headers
            {
                block = other;
            }
            let mut block = Block::decode(block.clone()).unwrap();
            if headers {
                block.data = None;
            }
            answer(Some(Type::Block(block)))
        };
        match &self.manner {
            Manner::Cut(after) => blocks
                .map(block)
                .take(*after)
                .chain([Err(Status::unavailable("the orderer ends"))])
                .collect(),
            Manner::Withhold(place) if !headers => {
                blocks.take_while(|(n, _)| n < place).map(block).collect()
            }
            Manner::Boast if headers => {
                let mut answers: Vec<_> = blocks.map(block).collect();
                let last = Block::decode(self.blocks.last().unwrap().clone()).unwrap();
                let mut header = last.header.unwrap();
                header.number += 1;
                let invented = Block {
                    header: Some(header),
                    data: None,
                    metadata: last.metadata,
                };
                answers.push(answer(Some(Type::Block(invented))));
                answers
            }
            Manner::Refuse(status) => vec![answer(Some(Type::Status(*status)))],
            Manner::Empty => vec![answer(None)],
            Manner::Honest
            | Manner::Instead(..)
            | Manner::Withhold(_)
            | Manner::Boast
            | Manner::Stranger
            | Manner::Noise => blocks.map(block).collect(),
        }
    }
}

/// What an envelope asks for.
pub(super) fn seek_info(envelope: &Envelope) -> SeekInfo {
    let payload = Payload::decode(envelope.payload.clone()).unwrap();
    SeekInfo::decode(&*payload.data).unwrap()
}

/// Judges by one configuration.
#[derive(Debug, Clone)]
pub(super) struct OneBundle(pub(super) Arc<Bundle>);

impl SignatureCheck for OneBundle {
    fn check(&mut self, number: BlockNumber, header: &[u8], block: &WireBlock<'_>) -> Signatures {
        let slots = block
            .metadata
            .as_ref()
            .map_or(&[][..], |slots| &slots.metadata);
        match check_signatures(number, header, slots, &self.0) {
            Ok(()) => Signatures::Good,
            Err(refusal) => Signatures::Bad(refusal.to_string()),
        }
    }
}

impl Door for OneBundle {
    fn configuration(&mut self, _: BlockNumber) -> Option<Arc<Bundle>> {
        Some(Arc::clone(&self.0))
    }
}

/// A certificate for 127.0.0.1 and its key, PEM.
fn certificate(authority: &Authority, name: &str) -> (Vec<u8>, Vec<u8>) {
    const LOCALHOST: [u8; 17] = [
        0x30, 15, 6, 3, 0x55, 0x1d, 0x11, 4, 8, 0x30, 6, 0x87, 4, 127, 0, 0, 1,
    ];
    let key = Key::derive(KeyKind::P256, &Seed::new(77).child(name));
    let Key::P256(secret) = &key else {
        unreachable!("a P-256 key");
    };
    let der = PrivateKey::p256_from(secret.to_bytes().into()).to_pkcs8_der();
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    let mut spec = CertificateSpec::leaf(name, &[], key);
    spec.extensions.push(LOCALHOST.to_vec());
    (authority.issue(&spec), pem.into_bytes())
}

/// The channel's TLS authority.
pub(super) fn authority(name: &str) -> Authority {
    Authority::of(name, KeyKind::P256, &Seed::new(5).child(name))
}

/// A channel whose configuration names orderers at these places; nobody listens yet.
pub(super) struct Plan {
    pub(super) network: Network,
    listeners: Vec<TcpListener>,
    pub(super) addresses: Vec<String>,
}

impl Plan {
    pub(super) fn new(orderers: usize, bft: bool) -> Self {
        let spec = ChannelSpec {
            channel_capability: if bft { "V3_0" } else { "V2_0" }.to_owned(),
            ..ChannelSpec::default()
        };
        let mut network = Network::new(&Seed::new(3), 1, spec);
        if bft {
            network = network.with_consenters(4);
        }
        network.orderer.organization.msp.tls_root_certs = vec![authority("tls").pem];
        network.reset_config();
        let listen = |_| TcpListener::bind("127.0.0.1:0").unwrap();
        let listeners: Vec<TcpListener> = (0..orderers).map(listen).collect();
        let address = |listener: &TcpListener| listener.local_addr().unwrap().to_string();
        let addresses = listeners.iter().map(address).collect();
        let mut plan = Self {
            network,
            listeners,
            addresses,
        };
        let all: Vec<&str> = plan.addresses.iter().map(String::as_str).collect();
        let all = Wire::new().elements(1, &all).done();
        let group = plan.network.config.channel_group.as_mut().unwrap();
        let section = group.groups.get_mut("Orderer").unwrap();
        let org = section.groups.get_mut("Orderer").unwrap();
        org.values.get_mut("Endpoints").unwrap().value = all;
        plan
    }

    /// The genesis block and so many more, with payloads of so many bytes.
    pub(super) fn blocks(&self, count: usize, bytes: usize) -> Vec<Bytes> {
        let (mut chain, genesis) = self.network.found();
        let mut blocks = vec![Bytes::from(genesis)];
        for number in 0..count {
            let mut envelope = format!("transaction {number}").into_bytes();
            envelope.resize(envelope.len().max(bytes), 0);
            blocks.push(chain.block([envelope]).into());
        }
        blocks
    }

    /// Starts the orderers.
    pub(super) fn serve(self, blocks: Vec<Bytes>, manners: Vec<Manner>) -> Bed {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let blocks = Arc::new(blocks);
        let listeners = self.listeners.into_iter().zip(manners);
        let serve = |(listener, manner): (TcpListener, Manner)| {
            let served = Arc::new(Served {
                manner,
                blocks: Arc::clone(&blocks),
                asked: Mutex::default(),
                sent: Arc::default(),
            });
            listener.set_nonblocking(true).unwrap();
            runtime.spawn(listen(listener, Arc::clone(&served)));
            served
        };
        let orderers = listeners.map(serve).collect();
        Bed {
            runtime,
            network: self.network,
            addresses: self.addresses,
            blocks,
            orderers,
        }
    }
}

async fn listen(listener: TcpListener, served: Arc<Served>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    if matches!(served.manner, Manner::Noise) {
        while let Ok((connection, _)) = listener.accept().await {
            connection.writable().await.unwrap();
            let _ = connection.try_write(b"HTTP/1.1 400 this is no orderer\r\n\r\n");
        }
        return;
    }
    let is_stranger = matches!(served.manner, Manner::Stranger);
    let issuer = authority(if is_stranger { "stranger" } else { "tls" });
    let (certificate, key) = certificate(&issuer, "orderer");
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(certificate, key))
        .client_ca_root(Certificate::from_pem(authority("clients").pem));
    let server = Server::builder().tls_config(tls).unwrap();
    let mut server = server;
    let service = AtomicBroadcastServer::from_arc(served);
    let router = server.add_service(service);
    router
        .serve_with_incoming(TcpIncoming::from(listener))
        .await
        .unwrap();
}

/// Orderers at work.
pub(super) struct Bed {
    pub(super) runtime: Runtime,
    pub(super) network: Network,
    pub(super) addresses: Vec<String>,
    pub(super) blocks: Arc<Vec<Bytes>>,
    pub(super) orderers: Vec<Arc<Served>>,
}

impl Bed {
    /// A channel of `count` blocks behind the genesis block, and orderers in these manners.
    pub(super) fn new(count: usize, bft: bool, manners: Vec<Manner>) -> Self {
        let plan = Plan::new(manners.len(), bft);
        let blocks = plan.blocks(count, 0);
        plan.serve(blocks, manners)
    }

    pub(super) fn bundle(&self) -> Arc<Bundle> {
        let genesis = WireBlock::decode(&self.blocks[0]).unwrap();
        let envelope = genesis.data.unwrap().data[0];
        let config = ConfigBlock::of_envelope(envelope).unwrap();
        let channel = ChannelId::new(self.network.channel()).unwrap();
        Arc::new(Bundle::from_genesis(&channel, config.config_envelope).unwrap())
    }

    pub(super) fn tip(&self, number: usize) -> ChainTip {
        let block = Candidate::decode(&self.blocks[number]).unwrap();
        ChainTip {
            number: block.number,
            header_hash: block.header_hash,
        }
    }

    /// A seed with which this orderer is asked first.
    pub(super) fn seed(&self, first: usize) -> u64 {
        let bundle = self.bundle();
        let asks = |seed: &u64| {
            let mut core = Core::new(BlockNumber(1), quick().core, *seed);
            let endpoints = endpoints(&bundle, &[]);
            core.set_endpoints(Default::default(), &endpoints, is_bft(&bundle));
            core.state().source.as_deref() == Some(&self.addresses[first])
        };
        (0..100).find(asks).unwrap()
    }

    /// The peer's side, which asks orderer `first` first.
    pub(super) fn source(&self, first: usize) -> (OrdererSource<OneBundle>, OrdererStatus) {
        self.source_with(first, OneBundle(self.bundle()), quick())
    }

    pub(super) fn source_with<D: Door>(
        &self,
        first: usize,
        door: D,
        options: OrdererOptions,
    ) -> (OrdererSource<D>, OrdererStatus) {
        self.source_with_seed(door, options, self.seed(first))
    }

    pub(super) fn source_with_seed<D: Door>(
        &self,
        door: D,
        options: OrdererOptions,
        seed: u64,
    ) -> (OrdererSource<D>, OrdererStatus) {
        let (source, status) = OrdererSource::start(
            self.runtime.handle(),
            door,
            self.tip(0),
            self.identity(),
            Arc::new(options),
            Arc::new(SystemClock::new()),
            seed,
        );
        let watchdog = source.stopper();
        self.runtime.spawn(async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            watchdog.end();
        });
        (source, status)
    }

    pub(super) fn identity(&self) -> Arc<SigningIdentity> {
        let org = &self.network.orgs[0];
        let Key::P256(key) = org.organization.key_of("peer0") else {
            unreachable!("a P-256 key");
        };
        let key = PrivateKey::p256_from(key.to_bytes().into());
        let identity = SerializedIdentity::decode(org.peer.serialized()).unwrap();
        let pem = &identity.id_bytes;
        let der = crate::x509::pem::first_block(pem).unwrap().bytes;
        let certificate = crate::x509::Certificate::parse(&der).unwrap();
        Arc::new(SigningIdentity::new(org.msp_id(), pem, certificate, key))
    }

    /// Takes all blocks behind the genesis block; each must be the chain's own.
    pub(super) fn take_all<D: Door>(&self, source: &mut OrdererSource<D>) {
        for (number, expected) in self.blocks.iter().enumerate().skip(1) {
            let block = source.next_block().unwrap();
            let block = block.unwrap_or_else(|| panic!("block {number} within a minute"));
            assert_eq!(block, *expected, "block {number}");
        }
    }

    /// Lets the source wait for a block that does not come, for a while.
    pub(super) fn idle<D: Door>(&self, source: &mut OrdererSource<D>, wait: Duration) {
        let stopper = source.stopper();
        self.runtime.spawn(async move {
            tokio::time::sleep(wait).await;
            stopper.end();
        });
        assert!(source.next_block().unwrap().is_none());
    }
}

/// This peer's TLS certificate and key, PEM.
pub(super) fn client() -> (Vec<u8>, Vec<u8>) {
    certificate(&authority("clients"), "peer")
}

/// This peer as a TLS client, with its certificate or without.
pub(super) fn client_tls(with_certificate: bool) -> Arc<ClientTls> {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = client();
    let file = |name: &str, text: Vec<u8>| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        with_certificate.then_some(path)
    };
    let tls = PeerTls {
        server: ServerTlsFiles {
            enabled: true,
            ..ServerTlsFiles::default()
        },
        client_cert_file: file("cert.pem", certificate),
        client_key_file: file("key.pem", key),
        ..PeerTls::default()
    };
    Arc::new(ClientTls::new(&tls, Arc::new(SystemClock::new())).unwrap())
}

/// Short waits, mutual TLS.
pub(super) fn quick() -> OrdererOptions {
    OrdererOptions {
        core: CoreOptions {
            retry_wait_min: Duration::from_millis(5),
            retry_wait_max: Duration::from_millis(50),
            connect_wait: Duration::from_secs(5),
            withheld_wait: Duration::from_millis(400),
            penalty: Duration::from_secs(60),
        },
        tls: Some(client_tls(true)),
        ..OrdererOptions::default()
    }
}
