//! Two peers, and strangers, on one machine's network.

#![expect(
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and its bytes may be any"
)]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quinn::crypto::rustls::QuicClientConfig;
use rcgen::ExtendedKeyUsagePurpose;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::{Event, Net, PROTOCOL};
use crate::gossip::core::{Lane, LinkId};
use crate::limits;
use crate::tls::tests::kit::{Authority, Folder, Issued, Wanted, certificates, clock};
use crate::tls::{KeyPair, MutualTls};

struct Peer {
    net: Net,
    events: mpsc::Receiver<Event>,
    pair: Arc<KeyPair>,
}

fn issued(authority: &Authority, name: &str) -> Issued {
    authority.issue(&Wanted {
        name,
        ..Wanted::default()
    })
}

fn tls(issued: &Issued, believes: &[&Authority]) -> MutualTls {
    let folder = Folder::new();
    let (cert, key) = folder.write_pair(issued);
    let pair = Arc::new(KeyPair::load(cert, key).unwrap());
    let tls = MutualTls::new(pair, PROTOCOL, clock());
    let authorities = believes
        .iter()
        .flat_map(|authority| certificates(&authority.pem));
    tls.set_authorities(authorities);
    tls
}

impl Peer {
    fn with(tls: &MutualTls) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (sender, events) = mpsc::channel(limits::GOSSIP_EVENTS_MAX);
        Self {
            net: Net::start(&Handle::current(), socket, tls, sender).unwrap(),
            events,
            pair: Arc::clone(tls.key_pair()),
        }
    }

    fn new(name: &str, authority: &Authority) -> Self {
        Self::with(&tls(&issued(authority, name), &[authority]))
    }

    fn address(&self) -> SocketAddr {
        self.net.address().unwrap()
    }

    fn dial(&mut self, link: u64, to: &Self) {
        let to = to.address().to_string();
        self.net.dial(LinkId(link), to.into());
    }

    async fn next(&mut self) -> Event {
        let next = tokio::time::timeout(Duration::from_secs(20), self.events.recv());
        next.await.expect("something happens").unwrap()
    }

    async fn is_quiet(&mut self) {
        let next = tokio::time::timeout(Duration::from_millis(200), self.events.recv());
        assert!(next.await.is_err(), "nothing happens");
    }

    async fn message(&mut self) -> (LinkId, Lane, Bytes) {
        match self.next().await {
            Event::Received(message) => (message.link, message.lane, message.bytes.clone()),
            other => panic!("{other:?}"),
        }
    }

    async fn accepted(&mut self, link: u64) {
        match self.next().await {
            Event::Accepted(connection) => self.net.open(LinkId(link), connection),
            other => panic!("{other:?}"),
        }
    }
}

/// A connection: the caller's number is 1, the other's 7.
async fn met(a: &mut Peer, b: &mut Peer) {
    a.dial(1, b);
    assert!(a.net.is_dialing(LinkId(1)));
    match a.next().await {
        Event::Dialed(link, connection) => {
            assert_eq!(connection.tls(), b.pair.certificate_hash());
            a.net.open(link, connection);
        }
        other => panic!("{other:?}"),
    }
    match b.next().await {
        Event::Accepted(connection) => {
            assert_eq!(connection.tls(), a.pair.certificate_hash());
            b.net.open(LinkId(7), connection);
        }
        other => panic!("{other:?}"),
    }
}

async fn two() -> (Peer, Peer) {
    let authority = Authority::root("tls-root");
    let (mut a, mut b) = (Peer::new("a", &authority), Peer::new("b", &authority));
    met(&mut a, &mut b).await;
    (a, b)
}

#[tokio::test]
async fn messages_travel_on_their_lanes_both_ways() {
    let (mut a, mut b) = two().await;
    let (one, seven) = (LinkId(1), LinkId(7));
    a.net.admit_blocks(one);
    b.net.admit_blocks(seven);
    for lane in super::LANES {
        for size in [0, 1, 70_000] {
            let message = Bytes::from(vec![size as u8; size]);
            assert!(a.net.send(one, lane, message.clone()));
            assert_eq!(b.message().await, (seven, lane, message.clone()));
            assert!(b.net.send(seven, lane, message.clone()));
            assert_eq!(a.message().await, (one, lane, message));
        }
    }
    let pieces = vec![Bytes::from_static(b"in "), Bytes::from_static(b"pieces")];
    assert!(a.net.serve(one, pieces));
    assert!(matches!(a.next().await, Event::Served(link) if link == one));
    let expected = Bytes::from_static(b"in pieces");
    assert_eq!(b.message().await, (seven, Lane::Transfer, expected));
}

#[tokio::test]
async fn blocks_wait_until_it_is_known_who_sends_them() {
    let (mut a, mut b) = two().await;
    let block = Bytes::from_static(b"a block");
    a.net.send(LinkId(1), Lane::Blocks, block.clone());
    b.is_quiet().await;
    a.net
        .send(LinkId(1), Lane::Control, Bytes::from_static(b"I am a"));
    assert_eq!(b.message().await.1, Lane::Control);
    b.net.admit_blocks(LinkId(7));
    assert_eq!(b.message().await, (LinkId(7), Lane::Blocks, block));
}

#[tokio::test]
async fn a_transfer_does_not_delay_an_alive_message() {
    let (mut a, mut b) = two().await;
    b.net.admit_blocks(LinkId(7));
    a.net
        .serve(LinkId(1), vec![Bytes::from(vec![1; 40 << 20]); 1]);
    a.net
        .send(LinkId(1), Lane::Control, Bytes::from_static(b"alive"));
    assert_eq!(b.message().await.1, Lane::Control);
    let (_, lane, bytes) = b.message().await;
    assert_eq!((lane, bytes.len()), (Lane::Transfer, 40 << 20));
}

#[tokio::test]
async fn a_queue_that_is_full_takes_no_more() {
    let (mut a, b) = two().await;
    // Nobody lets blocks in on the other side, so they get stuck.
    let megabyte = Bytes::from(vec![1; 1 << 20]);
    let mut sent = 0;
    while a.net.send(LinkId(1), Lane::Blocks, megabyte.clone()) {
        sent += 1;
        assert!(sent < 200, "the queue has no bound");
    }
    assert!(sent << 20 >= limits::GOSSIP_BLOCKS_QUEUE_BYTES - (1 << 20));
    let alive = Bytes::from_static(b"alive");
    assert!(a.net.send(LinkId(1), Lane::Control, alive.clone()));
    assert!(!a.net.send(LinkId(99), Lane::Control, alive));
    drop(b);
}

#[tokio::test]
async fn closing_is_heard_by_the_other_side_alone() {
    let (mut a, mut b) = two().await;
    assert_eq!((a.net.open_count(), b.net.open_count()), (1, 1));
    a.net.close(LinkId(1));
    assert!(matches!(b.next().await, Event::Closed(LinkId(7))));
    assert!(b.net.closed(LinkId(7)) && !b.net.closed(LinkId(7)));
    a.is_quiet().await;
    met(&mut a, &mut b).await;
    b.net.end().await;
    assert!(matches!(a.next().await, Event::Closed(LinkId(1))));
}

#[tokio::test]
async fn nobody_answers_or_the_name_is_none() {
    let authority = Authority::root("tls-root");
    let mut a = Peer::new("a", &authority);
    for (link, to) in [(1, "127.0.0.1"), (2, "nobody.invalid:7051")] {
        a.net.dial(LinkId(link), to.into());
        let closed = a.next().await;
        assert!(matches!(closed, Event::Closed(LinkId(of)) if of == link));
    }
    // One that is dropped while it is dialled says nothing.
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = silent.local_addr().unwrap().to_string();
    a.net.dial(LinkId(3), to.into());
    a.net.close(LinkId(3));
    assert!(!a.net.is_dialing(LinkId(3)));
    a.is_quiet().await;
}

#[tokio::test]
async fn strangers_are_not_let_in_and_not_believed() {
    let (ours, theirs) = (Authority::root("tls-root"), Authority::root("other-root"));
    let mut a = Peer::new("a", &ours);
    // Believes us, but is not believed; does not believe us; is a client of an application.
    let forged = tls(&issued(&theirs, "b"), &[&ours]);
    let wary = tls(&issued(&ours, "b"), &[&theirs]);
    let client = ours.issue(&Wanted {
        name: "b",
        usages: vec![ExtendedKeyUsagePurpose::ClientAuth],
        ..Wanted::default()
    });
    for tls in [forged, wary, tls(&client, &[&ours])] {
        let mut b = Peer::with(&tls);
        // As caller: it may see the handshake done before it hears that it was refused.
        b.dial(1, &a);
        loop {
            match b.next().await {
                Event::Dialed(link, connection) => b.net.open(link, connection),
                Event::Closed(LinkId(1)) => break,
                other => panic!("{other:?}"),
            }
        }
        a.is_quiet().await;
        // As the one who is called.
        a.dial(1, &b);
        loop {
            match a.next().await {
                Event::Dialed(link, connection) => a.net.open(link, connection),
                Event::Closed(LinkId(1)) => break,
                other => panic!("{other:?}"),
            }
        }
        b.is_quiet().await;
    }
    // Whom to believe can change while it runs.
    let tls = tls(&issued(&ours, "c"), &[]);
    let mut c = Peer::with(&tls);
    tls.set_authorities(certificates(&ours.pem));
    met(&mut a, &mut c).await;
}

/// A connection that speaks as it likes.
async fn raw(to: &Peer, tls: &MutualTls, protocol: &[u8]) -> Option<quinn::Connection> {
    let mut config = (*tls.client().unwrap()).clone();
    config.alpn_protocols = vec![protocol.to_vec()];
    let config = QuicClientConfig::try_from(config).unwrap();
    let endpoint = quinn::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(config));
    let connecting = endpoint.connect_with(config, to.address(), "localhost");
    connecting.unwrap().await.ok()
}

#[tokio::test]
async fn what_is_no_message_ends_the_connection() {
    let authority = Authority::root("tls-root");
    let mut a = Peer::new("a", &authority);
    let liar = tls(&issued(&authority, "liar"), &[&authority]);
    assert!(raw(&a, &liar, b"h2").await.is_none(), "another protocol");

    let max = u32::try_from(limits::GOSSIP_CONTROL_BYTES_MAX).unwrap();
    let length = |length: u32| [&[0][..], &length.to_be_bytes()].concat();
    // What the streams begin with, and whether it is called too long.
    let cases: [(&[&[u8]], bool); 5] = [
        (&[&length(max + 1)], true),
        (&[&length(u32::MAX)], true),
        (&[&[3]], false),                   // No lane.
        (&[&[0], &[0]], false),             // One lane twice.
        (&[&[1], &[2], &length(9)], false), // Ends in the middle.
    ];
    for (at, (streams, is_too_long)) in (10..).zip(cases) {
        let connection = raw(&a, &liar, PROTOCOL).await.unwrap();
        a.accepted(at).await;
        for bytes in streams {
            let mut stream = connection.open_uni().await.unwrap();
            stream.write_all(bytes).await.unwrap();
            stream.finish().unwrap();
        }
        if is_too_long {
            assert!(matches!(a.next().await, Event::TooLong(LinkId(of)) if of == at));
        }
        assert!(matches!(a.next().await, Event::Closed(LinkId(of)) if of == at));
        a.net.closed(LinkId(at));
        connection.closed().await;
    }
    // The longest message that there may be.
    let connection = raw(&a, &liar, PROTOCOL).await.unwrap();
    a.accepted(20).await;
    let mut stream = connection.open_uni().await.unwrap();
    let message = [length(max), vec![5; max as usize]].concat();
    stream.write_all(&message).await.unwrap();
    assert_eq!(a.message().await.2.len(), max as usize);
}

#[tokio::test]
async fn one_address_gets_so_many_connections() {
    let authority = Authority::root("tls-root");
    let (mut a, mut b) = (Peer::new("a", &authority), Peer::new("b", &authority));
    let max = limits::GOSSIP_CONNECTIONS_PER_ADDRESS_MAX as u64;
    for link in 1..=max {
        b.dial(link, &a);
        a.accepted(link).await;
        match b.next().await {
            Event::Dialed(link, connection) => b.net.open(link, connection),
            other => panic!("{other:?}"),
        }
    }
    b.dial(max + 1, &a);
    assert!(matches!(b.next().await, Event::Closed(_)));
    a.is_quiet().await;
    // The room of one that goes is given to another.
    a.net.close(LinkId(1));
    assert!(matches!(b.next().await, Event::Closed(LinkId(1))));
    let mut again = max + 2;
    loop {
        b.dial(again, &a);
        match b.next().await {
            Event::Dialed(..) => break,
            Event::Closed(_) => again += 1,
            other => panic!("{other:?}"),
        }
        assert!(again < max + 50, "there is no room");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
