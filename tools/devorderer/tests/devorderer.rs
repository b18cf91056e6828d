//! The built program over loopback TLS: broadcast, deliver, refusals, kill -9, config updates, serving.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod net;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use heddle::channel::{Bundle, ConfigBlock, EnvelopeHeaders};
use heddle::crypto::sha256;
use heddle::decode::decode_block;
use heddle::ingress::RawBlock;
use heddle::msp::SigningIdentity;
use heddle::proto::messages::common::{Block, Envelope, Status};
use heddle::proto::messages::orderer::atomic_broadcast_client::AtomicBroadcastClient;
use heddle::proto::messages::orderer::deliver_response::Type as Answer;
use heddle::proto::messages::orderer::seek_position::Type;
use heddle::proto::messages::orderer::{SeekInfo, SeekPosition, SeekSpecified};
use heddle::sys::clock::{Clock as _, SystemClock};
use heddle::sys::process::CpuMeter;
use heddle::types::BlockNumber;
use heddle::verify::check_signatures;
use heddle::x509::pem;
use prost::Message as _;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

use net::{ADMIN1, ADMIN2, CLIENT1, Net, ORDERER, PEER1, transaction};

const PEER2: &str = "peerOrganizations/org2.example.com/peers/peer0.org2.example.com";

/// A running program; killed when it is dropped.
struct Running {
    child: Child,
    address: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn new(net: &Net, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_devorderer"))
            .args(arguments)
            .args(["--listen", "127.0.0.1:0", "--tls-cert"])
            .arg(net.file(ORDERER, "tls/server.crt"))
            .arg("--tls-key")
            .arg(net.file(ORDERER, "tls/server.key"))
            .current_dir(net.folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built program runs");
        let mut said = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut next = || said.next().expect("it goes on").expect("text");
        assert!(next().contains("production uses Fabric's raft or BFT orderers"));
        let address = loop {
            let line = next();
            if let Some((_, rest)) = line.split_once("listening on ") {
                break rest.split(',').next().expect("an address").to_owned();
            }
        };
        // What it says later must not fill the pipe.
        std::thread::spawn(move || said.for_each(drop));
        Self { child, address }
    }

    fn start(net: &Net, more: &[&str]) -> Self {
        let msp = net.file(ORDERER, "msp");
        let msp = msp.to_string_lossy();
        let mut arguments = vec!["start", "--data", "data", "--msp", &msp];
        arguments.extend(more);
        Self::new(net, &arguments)
    }

    fn found(net: &Net) -> Self {
        Self::start(
            net,
            &["--genesis", "net/one.block", "--genesis", "net/two.block"],
        )
    }

    async fn client(&self, net: &Net, tls: Option<&str>) -> AtomicBroadcastClient<Channel> {
        let read = |name| fs::read(net.file(ORDERER, name)).expect("a file");
        let mut config = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(read("tls/ca.crt")))
            .domain_name("localhost");
        if let Some(member) = tls {
            let read = |name| fs::read(net.file(member, name)).expect("a file");
            config = config.identity(Identity::from_pem(
                read("tls/client.crt"),
                read("tls/client.key"),
            ));
        }
        let endpoint = Channel::from_shared(format!("https://{}", self.address)).unwrap();
        let channel = endpoint.tls_config(config).unwrap().connect().await;
        AtomicBroadcastClient::new(channel.expect("a connection"))
    }

    /// Sends messages on one stream; the status of each answer.
    async fn broadcast(&self, net: &Net, messages: Vec<Envelope>) -> Vec<Status> {
        let mut client = self.client(net, None).await;
        let answers = client
            .broadcast(tokio_stream::iter(messages))
            .await
            .unwrap();
        let mut answers = answers.into_inner();
        let mut statuses = Vec::new();
        while let Some(answer) = answers.message().await.unwrap() {
            statuses.push(answer.status());
        }
        statuses
    }

    /// Blocks and the status at the end, or what was wrong with the stream.
    async fn deliver(&self, net: &Net, request: Envelope) -> (Vec<Block>, Status) {
        let mut client = self.client(net, None).await;
        let answers = client.deliver(tokio_stream::iter([request])).await.unwrap();
        let mut answers = answers.into_inner();
        let mut blocks = Vec::new();
        loop {
            match answers
                .message()
                .await
                .unwrap()
                .expect("a status first")
                .r#type
            {
                Some(Answer::Block(block)) => blocks.push(block),
                Some(Answer::Status(status)) => return (blocks, Status::try_from(status).unwrap()),
                None => panic!("an empty answer"),
            }
        }
    }
}

fn at(number: u64) -> Option<SeekPosition> {
    let r#type = Some(Type::Specified(SeekSpecified { number }));
    Some(SeekPosition { r#type })
}

/// A request for the blocks from `start` to `stop`, made `age_s` ago.
fn request(
    channel: &str,
    reader: &SigningIdentity,
    (start, stop): (u64, u64),
    fail: bool,
    age_s: u64,
    hash: &[u8],
) -> Envelope {
    let info = SeekInfo {
        start: at(start),
        stop: at(stop),
        behavior: i32::from(fail),
        ..SeekInfo::default()
    };
    let headers = EnvelopeHeaders {
        r#type: 5,
        channel,
        timestamp: (SystemClock::new().unix_micros() / 1_000_000 - age_s, 0),
        tls_cert_hash: hash,
        creator: reader.serialized(),
        nonce: b"nonce",
        ..EnvelopeHeaders::default()
    };
    let envelope = headers.envelope(&info.encode_to_vec(), |payload| reader.sign(&[payload]));
    Envelope::decode(envelope.as_slice()).unwrap()
}

fn seek(net: &Net, start: u64, stop: u64) -> Envelope {
    request("one", &net.member(PEER1), (start, stop), false, 0, &[])
}

fn bundle(block: &[u8]) -> Bundle {
    let block = ConfigBlock::read(block).unwrap();
    Bundle::from_genesis(&block.channel_id, block.config_envelope).unwrap()
}

/// Blocks are linked and signed as a peer wants them.
fn check_chain(net: &Net, blocks: &[Block]) {
    let bundle = bundle(&net.genesis("one"));
    let mut previous = Vec::new();
    for (number, block) in (0..).zip(blocks) {
        let raw = RawBlock::new(BlockNumber(number), block.encode_to_vec().into());
        let decoded = decode_block(raw, &CpuMeter::default()).unwrap();
        assert_eq!(decoded.number().0, number);
        assert_eq!(block.header.as_ref().unwrap().previous_hash, previous);
        previous = decoded.header_hash().0.to_vec();
        if number > 0 {
            let metadata = &decoded.contents().metadata;
            check_signatures(decoded.number(), decoded.header_bytes(), metadata, &bundle).unwrap();
        }
    }
}

fn sizes(blocks: &[Block]) -> Vec<usize> {
    blocks
        .iter()
        .map(|block| block.data.as_ref().unwrap().data.len())
        .collect()
}

fn transactions(net: &Net, count: u64) -> Vec<Envelope> {
    let client = net.member(CLIENT1);
    (0..count)
        .map(|number| transaction("one", &client, number, 100))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_and_goes_on_after_kill_9() {
    let net = Net::new();
    let mut running = Running::found(&net);
    let statuses = running.broadcast(&net, transactions(&net, 25)).await;
    assert_eq!(statuses, vec![Status::Success; 25]);
    let (blocks, status) = running.deliver(&net, seek(&net, 0, 3)).await;
    assert_eq!(
        (sizes(&blocks), status),
        (vec![1, 10, 10, 5], Status::Success)
    );
    assert_eq!(blocks[0].encode_to_vec(), net.genesis("one"));
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    let file = net.path("data/one/blocks.pb");
    let mut torn = fs::read(&file).unwrap();
    torn.extend([0x90, 0x4e, 0x0a, 0x01]);
    fs::write(&file, torn).unwrap();
    let running = Running::start(&net, &[]);
    running.broadcast(&net, transactions(&net, 10)).await;
    let (blocks, _) = running.deliver(&net, seek(&net, 0, 4)).await;
    assert_eq!(sizes(&blocks), [1, 10, 10, 5, 10]);
    check_chain(&net, &blocks);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_fabrics_statuses() {
    let net = Net::new();
    let running = Running::found(&net);
    let stranger = Net::stranger();
    let client = net.member(CLIENT1);
    let broadcast = async |message| running.broadcast(&net, vec![message]).await;
    let outsider = transaction("one", &stranger.member(CLIENT1), 1, 10);
    assert_eq!(broadcast(outsider).await, [Status::Forbidden]);
    assert_eq!(
        broadcast(transaction("none", &client, 1, 10)).await,
        [Status::BadRequest]
    );
    assert_eq!(
        broadcast(transaction("one", &client, 1, 200_000)).await,
        [Status::BadRequest]
    );
    // A refusal ends the stream.
    let mixed = vec![Envelope::default(), transaction("one", &client, 1, 10)];
    assert_eq!(running.broadcast(&net, mixed).await, [Status::BadRequest]);

    let peer = net.member(PEER1);
    let status = async |request| running.deliver(&net, request).await.1;
    let range = (0, 0);
    assert_eq!(
        status(request("one", &peer, range, false, 0, &[])).await,
        Status::Success
    );
    assert_eq!(
        status(request("none", &peer, range, false, 0, &[])).await,
        Status::NotFound
    );
    assert_eq!(
        status(request("one", &peer, range, false, 1000, &[])).await,
        Status::BadRequest
    );
    assert_eq!(
        status(request("one", &peer, (0, 9), true, 0, &[])).await,
        Status::NotFound
    );
    assert_eq!(
        status(request("one", &peer, (5, 9), false, 0, &[])).await,
        Status::NotFound
    );
    let outsider = stranger.member(PEER1);
    assert_eq!(
        status(request("one", &outsider, range, false, 0, &[])).await,
        Status::Forbidden
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_takes_effect_at_its_block() {
    let net = Net::new();
    let running = Running::found(&net);
    let edits = "edits: [{remove_organization: {name: Org2}}]";
    let update = net.update(&net.genesis("one"), edits, &[ADMIN1, ADMIN2]);
    let waiting = request("one", &net.member(PEER2), (0, 9), false, 0, &[]);
    let reads = running.deliver(&net, waiting);
    let writes = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let alone = net.update(&net.genesis("one"), edits, &[ADMIN1]);
        assert_eq!(
            running.broadcast(&net, vec![alone]).await,
            [Status::BadRequest]
        );
        assert_eq!(
            running.broadcast(&net, vec![update]).await,
            [Status::Success]
        );
    };
    let ((blocks, status), ()) = tokio::join!(reads, writes);
    assert_eq!(
        (blocks.len(), status),
        (1, Status::Forbidden),
        "no longer a reader"
    );
    let (blocks, _) = running.deliver(&net, seek(&net, 0, 1)).await;
    check_chain(&net, &blocks);
    let next = bundle(&blocks[1].encode_to_vec());
    assert_eq!((next.sequence(), next.application_orgs().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn mutual_tls_binds_requests_to_certificates() {
    let net = Net::new();
    let authority = net.file(CLIENT1, "tls/ca.crt");
    let genesis = [
        "--genesis",
        "net/one.block",
        "--client-ca",
        &authority.to_string_lossy(),
    ];
    let running = Running::start(&net, &genesis);
    let text = fs::read(net.file(CLIENT1, "tls/client.crt")).unwrap();
    let own = sha256(&pem::first_block(&text).unwrap().bytes).0;
    let peer = net.member(PEER1);
    for (hash, expected) in [(&own[..], None), (b"other", Some(Status::BadRequest))] {
        let mut client = running.client(&net, Some(CLIENT1)).await;
        let request = request("one", &peer, (0, 0), false, 0, hash);
        let answers = client.deliver(tokio_stream::iter([request])).await.unwrap();
        let first = answers.into_inner().message().await.unwrap().unwrap();
        let status = match first.r#type {
            Some(Answer::Status(status)) => Status::try_from(status).ok(),
            _ => None,
        };
        assert_eq!(status, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_bounded_and_chains_are_served() {
    let net = Net::new();
    let running = Running::found(&net);
    running.broadcast(&net, transactions(&net, 20)).await;
    let (blocks, _) = running.deliver(&net, seek(&net, 0, 2)).await;
    drop(running);
    let arguments = [
        "serve",
        "--blocks",
        "data/one/blocks.pb",
        "--streams-max",
        "1",
    ];
    let running = Running::new(&net, &arguments);
    let (served, status) = running.deliver(&net, seek(&net, 0, 2)).await;
    assert_eq!((served, status), (blocks, Status::Success));
    let refused = running.broadcast(&net, transactions(&net, 1)).await;
    assert_eq!(refused, [Status::BadRequest]);
    let mut client = running.client(&net, None).await;
    let open = client.deliver(tokio_stream::pending()).await.unwrap();
    let refusal = client.deliver(tokio_stream::pending()).await.unwrap_err();
    assert_eq!(refusal.code(), tonic::Code::ResourceExhausted);
    assert!(refusal.message().contains("--streams-max"));
    drop(open);
}
