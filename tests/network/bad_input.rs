//! What a peer makes of orderers that it must not believe, of a channel that is not its own, and of a full
//! disk: it says so, commits nothing wrong, and goes on by itself once things are in order.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use heddle::ledger::data_hash;
use heddle::proto::common::metadata_index::SIGNATURES;
use heddle::proto::messages::common::{Block, Metadata};
use prost::Message as _;

use crate::altered::blocks;
use crate::network::{Network, Orderer, Peer, has_private_mounts};

/// Wrong TLS certificates, then noise, then blocks that no orderer has made.
#[test]
fn bad_orderers_are_named_and_a_good_one_is_followed() {
    let network = Network::make();
    let chain = chain_of(&network);
    let peer = network.peer("Org2");
    peer.join();
    network.again(
        "old",
        &["--seed", "1", "--not-before", "2001-01-01T00:00:00Z"],
    );
    network.again("other", &["--seed", "2"]);
    let check = |bad: Orderer, what: &str| {
        let health = peer.wait_for_health(what);
        assert!(health.contains("503"), "{health}");
        assert!(health.contains("\"height\":1,"), "{health}");
        drop(bad);
    };
    let certificates = [
        ("old", "has expired: it was valid until 20"),
        ("other", "leads to none of the 1 TLS authorities known here"),
    ];
    for (net, what) in certificates {
        check(network.orderer_with_tls_of(net), what);
    }
    noise(&network.orderer_address(), &peer);
    for (name, edit, what) in EDITS {
        let mut blocks = chain.clone();
        edit(&mut blocks[1]);
        let given: Vec<Vec<u8>> = blocks.iter().map(Block::encode_to_vec).collect();
        check(network.giver_of(&given), what);
        assert!(peer.log().contains(what), "{name}: {}", peer.log());
    }
    let _orderer = network.orderer();
    peer.wait_for(chain.len() as u64);
    peer.wait_for_health("\"status\":\"OK\"");
}

type Edit = fn(&mut Block);

/// What is done to block 1, and what is said of it.
const EDITS: [(&str, Edit, &str); 3] = [
    (
        "a broken signature",
        broken_signature,
        "of 1 signatures 0 are",
    ),
    ("no signature", no_signature, "of 0 signatures 0 are"),
    ("other data", other_data, "of 1 signatures 0 are"),
];

/// A transaction more, under a header that is right and that nobody has signed.
fn other_data(block: &mut Block) {
    let data = &mut block.data.as_mut().expect("data").data;
    data.push(data[0].clone());
    let envelopes: Vec<&[u8]> = data.iter().map(AsRef::as_ref).collect();
    let hash = data_hash(&envelopes).0.to_vec();
    block.header.as_mut().expect("a header").data_hash = hash;
}

fn broken_signature(block: &mut Block) {
    edit_signatures(block, |signatures| {
        let mut signature = signatures.signatures[0].signature.to_vec();
        signature[20] ^= 1;
        signatures.signatures[0].signature = signature;
    });
}

fn no_signature(block: &mut Block) {
    edit_signatures(block, |signatures| signatures.signatures.clear());
}

fn edit_signatures(block: &mut Block, edit: fn(&mut Metadata)) {
    let slot = &mut block.metadata.as_mut().expect("metadata").metadata[SIGNATURES];
    let mut signatures = Metadata::decode(slot.as_ref()).expect("signatures");
    edit(&mut signatures);
    *slot = signatures.encode_to_vec().into();
}

/// The channel's blocks after two updates, as Org1's peer has them.
fn chain_of(network: &Network) -> Vec<Block> {
    let orderer = network.orderer();
    let mut peer = network.peer("Org1");
    peer.join();
    for round in 1..=2 {
        update(network, &orderer, &peer, round);
    }
    peer.halt();
    blocks(&peer.ledgers())
}

/// One more config block, and waits until the peer has it.
fn update(network: &Network, orderer: &Orderer, peer: &Peer, round: u64) {
    let edits = format!("edits: [{{set_batch: {{timeout: {round}50ms}}}}]");
    network.update(orderer, peer, &edits, &["Orderer"]);
    peer.wait_for(round + 1);
}

/// Somebody at the orderer's address who speaks neither TLS nor gRPC.
fn noise(address: &str, peer: &Peer) {
    let listener = TcpListener::bind(address).expect("the orderer's address");
    let speaker = thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().expect("a connection");
            let _ = stream.write_all(&[b'?'; 4096]);
        }
    });
    let health = peer.wait_for_health("corrupt message");
    assert!(health.contains("\"height\":1,"), "{health}");
    speaker.join().expect("two connections");
}

/// An organization that has no part in the channel gets nothing, and everything once it has.
#[test]
fn a_peer_of_no_member_says_so_and_follows_when_it_becomes_one() {
    let network = Network::make();
    let orderer = network.orderer();
    let (member, other) = (network.peer("Org1"), network.peer("Org4"));
    member.join();
    other.join();
    let health = other.wait_for_health("FORBIDDEN");
    assert!(health.contains("503"), "{health}");
    assert!(other.log().contains("FORBIDDEN"), "{}", other.log());
    network.add_organization(&orderer, &member, "Org4");
    other.wait_for(2);
    other.wait_for_health("\"status\":\"OK\"");
}

/// A peer whose disk is full waits, says so, and goes on when there is room.
#[test]
fn a_full_disk_is_waited_out() {
    if !has_private_mounts() {
        println!("skipped: a program cannot have mounts of its own here (unshare --mount)");
        return;
    }
    let network = Network::make();
    let orderer = network.orderer();
    let (other, mut peer) = (network.peer("Org1"), network.peer_on_disk("Org2", 400));
    other.join();
    peer.join();
    update(&network, &orderer, &other, 1);
    peer.wait_for(2);
    let ballast = peer.file_on_disk("ballast");
    fill(&ballast, 150);
    update(&network, &orderer, &other, 2);
    let health = peer.wait_for_health("the disk is nearly full");
    assert!(health.contains("503"), "{health}");
    assert!(
        peer.log().contains("the disk is nearly full"),
        "{}",
        peer.log()
    );
    // What it has is served.
    peer.wait_for(2);
    fs::remove_file(&ballast).expect("it is removed");
    assert_eq!(peer.wait_for(3), other.wait_for(3));
    peer.wait_for_health("\"status\":\"OK\"");
    // It ends while it waits, too.
    fill(&ballast, 150);
    update(&network, &orderer, &other, 3);
    peer.wait_for_health("the disk is nearly full");
    peer.halt();
}

/// Writes so many MiB.
fn fill(path: &Path, mebibytes: usize) {
    fs::write(path, vec![1; mebibytes << 20]).expect("it is written");
}
