//! Messages in, blocks out: no sockets, no disk, a clock that stands where it is put.

use std::sync::Arc;
use std::time::Duration;

use heddle::channel::{Bundle, ConfigBlock};
use heddle::proto::messages::common::{Block, Envelope, Status};
use heddle::sys::clock::Instant;
use prost::Message as _;

use super::{Now, Ordering};
use crate::admission::{Kind, admit, size};
use crate::blocks::{BlockMaker, MadeBlock, Nonces, Tip};
use crate::net::{ADMIN, ADMIN1, ADMIN2, CLIENT1, Net, ORDERER, PEER1, transaction};

/// When certificates that were just made are valid.
const UNIX_S: u64 = 1_900_000_000;

fn at(ms: u64) -> Now {
    Now {
        at: Instant::from_micros(ms * 1000),
        unix_micros: UNIX_S * 1_000_000 + ms * 1000,
    }
}

fn start(net: &Net, orderer: &str) -> Result<Ordering, crate::admission::Refusal> {
    let genesis = net.genesis("one");
    let block = ConfigBlock::read(&genesis).unwrap();
    let bundle = Bundle::from_genesis(&block.channel_id, block.config_envelope).unwrap();
    let tip = Tip::of(&Block::decode(genesis.as_slice()).unwrap()).unwrap();
    let blocks = BlockMaker::new(net.member(orderer), Nonces::new([1; 32]), tip);
    Ordering::new(Arc::new(bundle), blocks)
}

fn ordering(net: &Net) -> Ordering {
    start(net, ORDERER).unwrap()
}

/// Number and transactions of each block.
fn shape(blocks: &[MadeBlock]) -> Vec<(u64, usize)> {
    let decode = |block: &MadeBlock| Block::decode(block.bytes.as_slice()).unwrap();
    let shape = |made: &MadeBlock| (made.number, decode(made).data.unwrap().data.len());
    blocks.iter().map(shape).collect()
}

#[test]
fn batches_become_linked_blocks() {
    let net = Net::new();
    let mut ordering = ordering(&net);
    let client = net.member(CLIENT1);
    let mut blocks = Vec::new();
    for number in 0..25 {
        let envelope = transaction("one", &client, number, 10);
        blocks.extend(ordering.order(&envelope, 0, at(0)).unwrap());
    }
    assert_eq!(shape(&blocks), [(1, 10), (2, 10)]);
    let genesis = Block::decode(net.genesis("one").as_slice()).unwrap();
    let mut tip = Tip::of(&genesis).unwrap();
    for block in &blocks {
        let block = Block::decode(block.bytes.as_slice()).unwrap();
        let header = block.header.as_ref().unwrap();
        assert_eq!(header.previous_hash, tip.previous_hash);
        assert_eq!(block.metadata.as_ref().unwrap().metadata.len(), 5);
        tip = Tip::of(&block).unwrap();
        assert_eq!(tip.last_config, 0);
    }
}

#[test]
fn a_batch_waits_no_longer_than_the_timeout() {
    let net = Net::new();
    let mut ordering = ordering(&net);
    let client = net.member(CLIENT1);
    assert_eq!(ordering.deadline(), None);
    assert_eq!(ordering.tick(at(1_000_000).at), None, "there is nothing");
    let mut send = |ordering: &mut Ordering, ms| {
        let envelope = transaction("one", &client, ms, 10);
        ordering.order(&envelope, 0, at(ms)).unwrap()
    };
    assert!(send(&mut ordering, 1000).is_empty());
    let deadline = ordering.deadline().unwrap();
    assert_eq!(deadline.since(at(1000).at), Duration::from_millis(400));
    // The first message of a batch starts the clock, later ones do not.
    assert!(send(&mut ordering, 1300).is_empty());
    assert_eq!(ordering.deadline(), Some(deadline));
    assert_eq!(ordering.tick(at(1399).at), None);
    let block = ordering.tick(at(1400).at).unwrap();
    assert_eq!(shape(&[block]), [(1, 2)]);
    assert_eq!(
        (ordering.deadline(), ordering.tick(at(9999).at)),
        (None, None)
    );
    // A full batch stops the clock.
    for _ in 0..9 {
        assert!(send(&mut ordering, 2000).is_empty());
    }
    assert_eq!(shape(&send(&mut ordering, 2000)), [(2, 10)]);
    assert_eq!(ordering.deadline(), None);
}

#[test]
fn a_configuration_has_a_block_of_its_own() {
    let net = Net::new();
    let mut ordering = ordering(&net);
    let client = net.member(CLIENT1);
    let waiting = transaction("one", &client, 1, 10);
    assert!(ordering.order(&waiting, 0, at(0)).unwrap().is_empty());
    let edits = "edits: [{set_batch: {max_messages: 1}}]";
    let update = net.update(&net.genesis("one"), edits, &[ADMIN]);
    let blocks = ordering.configure(&update, at(1)).unwrap();
    assert_eq!(
        shape(&blocks),
        [(1, 1), (2, 1)],
        "what was waiting goes first"
    );
    assert_eq!(
        (ordering.deadline(), ordering.bundle().sequence()),
        (None, 1)
    );
    let before = Block::decode(blocks[0].bytes.as_slice()).unwrap();
    let config = Block::decode(blocks[1].bytes.as_slice()).unwrap();
    assert_eq!(Tip::of(&before).unwrap().last_config, 0);
    assert_eq!(
        Tip::of(&config).unwrap().last_config,
        2,
        "it points at itself"
    );
    // A peer takes it.
    let genesis = net.genesis("one");
    let genesis = ConfigBlock::read(&genesis).unwrap();
    let bundle = Bundle::from_genesis(&genesis.channel_id, genesis.config_envelope).unwrap();
    let block = ConfigBlock::read(&blocks[1].bytes).unwrap();
    assert_eq!(bundle.apply(block.config_envelope).unwrap().sequence(), 1);
    // The new limit is in force; the same update is not taken twice.
    let next = transaction("one", &client, 2, 10);
    assert_eq!(shape(&ordering.order(&next, 1, at(2)).unwrap()), [(3, 1)]);
    let refusal = ordering.configure(&update, at(3)).unwrap_err();
    assert_eq!(refusal.status, Status::BadRequest);
}

#[test]
fn updates_need_their_signatures() {
    let net = Net::new();
    let mut ordering = ordering(&net);
    let edits = "edits: [{remove_organization: {name: Org2}}]";
    let check = |ordering: &mut Ordering, signers: &[&str], expected: &str| {
        let update = net.update(&net.genesis("one"), edits, signers);
        let refusal = ordering.configure(&update, at(0)).unwrap_err();
        assert!(refusal.info.contains(expected), "{signers:?}: {refusal}");
        assert_eq!(ordering.bundle().sequence(), 0);
    };
    check(
        &mut ordering,
        &[ADMIN1],
        "group /Channel/Application is guarded by policy 'Admins'",
    );
    check(
        &mut ordering,
        &[CLIENT1, ADMIN2],
        "group /Channel/Application is guarded",
    );
    check(&mut ordering, &[PEER1, ADMIN1, ADMIN2], "permission denied");
    let update = net.update(&net.genesis("one"), edits, &[ADMIN1, ADMIN2]);
    assert_eq!(
        shape(&ordering.configure(&update, at(0)).unwrap()),
        [(1, 1)]
    );
}

#[test]
fn what_was_admitted_under_an_older_configuration_is_admitted_anew() {
    let net = Net::new();
    let mut ordering = ordering(&net);
    let client2 = "peerOrganizations/org2.example.com/users/User1@org2.example.com";
    let late = transaction("one", &net.member(client2), 1, 10);
    assert!(admit(ordering.bundle(), &late, Kind::Normal, UNIX_S).is_ok());
    let edits = "edits: [{remove_organization: {name: Org2}}]";
    let update = net.update(&net.genesis("one"), edits, &[ADMIN1, ADMIN2]);
    ordering.configure(&update, at(0)).unwrap();
    let refusal = ordering.order(&late, 0, at(0)).unwrap_err();
    assert_eq!(refusal.status, Status::Forbidden);
    let fine = transaction("one", &net.member(CLIENT1), 2, 10);
    assert!(ordering.order(&fine, 0, at(0)).is_ok());
}

#[test]
fn only_who_may_write_is_admitted() {
    let net = Net::new();
    let ordering = ordering(&net);
    let check = |envelope: &Envelope, now_s, expected: Result<(), (Status, &str)>| {
        let admitted = admit(ordering.bundle(), envelope, Kind::Normal, now_s);
        match (admitted, expected) {
            (Ok(()), Ok(())) => {}
            (Err(refusal), Err((status, info))) => {
                assert_eq!(refusal.status, status, "{refusal}");
                assert!(refusal.info.contains(info), "{refusal}");
            }
            (admitted, expected) => panic!("{admitted:?}, expected {expected:?}"),
        }
    };
    let denied = Err((Status::Forbidden, "permission denied"));
    let client = net.member(CLIENT1);
    let good = transaction("one", &client, 1, 10);
    check(&good, UNIX_S, Ok(()));
    check(
        &transaction("one", &net.member(ADMIN1), 1, 10),
        UNIX_S,
        Ok(()),
    );
    check(
        &transaction("one", &net.member(PEER1), 1, 10),
        UNIX_S,
        denied,
    );
    let stranger = Net::stranger();
    check(
        &transaction("one", &stranger.member(CLIENT1), 1, 10),
        UNIX_S,
        denied,
    );
    let mut unsigned = good.clone();
    unsigned.signature.clear();
    check(&unsigned, UNIX_S, denied);
    let mut changed = good.clone();
    let mut payload = changed.payload.to_vec();
    *payload.last_mut().unwrap() ^= 1;
    changed.payload = payload.into();
    check(&changed, UNIX_S, denied);

    let bad = |info| Err((Status::BadRequest, info));
    check(
        &Envelope::default(),
        UNIX_S,
        bad("message payload is empty"),
    );
    let garbage = Envelope {
        payload: b"garbage".to_vec().into(),
        ..Envelope::default()
    };
    check(&garbage, UNIX_S, bad("do not decode"));
    let ends = client.certificate().not_after().cast_unsigned();
    check(&good, ends - 1, Ok(()));
    check(&good, ends, bad("broadcast client identity expired"));

    let max = 100 << 10;
    let mut sized = (0..1000).map(|less| transaction("one", &client, 1, max - less));
    let largest = sized.find(|envelope| size(envelope) <= max).unwrap();
    check(&largest, UNIX_S, Ok(()));
    let larger = transaction("one", &client, 1, max);
    check(&larger, UNIX_S, bad("exceeds maximum allowed 102400 bytes"));
}

#[test]
fn an_orderer_whose_blocks_would_be_refused_does_not_start() {
    let net = Net::new();
    assert!(start(&net, ORDERER).is_ok());
    let refusal = start(&net, PEER1).unwrap_err();
    assert!(
        refusal
            .info
            .contains("does not satisfy /Channel/Orderer/BlockValidation"),
        "{refusal}"
    );
}
