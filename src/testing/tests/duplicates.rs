//! Transaction ids that were seen before.

use prost::Message as _;

use super::{broken, play, tampered};
use crate::proto::messages::common::{Envelope, Payload, SignatureHeader};
use crate::testing::kit::{Transaction, ns};
use crate::testing::play::Play;

/// The same id with another content.
fn again<'p>(play: &'p Play, tx: &Transaction<'p>) -> Transaction<'p> {
    Transaction {
        nonce: tx.nonce.clone(),
        ..play.tx("cc", [ns("cc").write("again", "1")])
    }
}

fn nonce<'p>(tx: Transaction<'p>, nonce: &str) -> Transaction<'p> {
    tx.with(|tx| tx.nonce = nonce.as_bytes().to_vec())
}

#[test]
fn e28_an_id_is_burnt_by_whatever_carried_it() {
    let mut play = play();
    let org1 = play.network.orgs[0].clone();
    let bad = tampered(&org1.client, broken);
    let write = |key: &str| [ns("cc").write(key, "1")];
    let first = [
        play.tx("cc", write("a")),
        play.tx("cc", write("a")).with(|tx| tx.creator = &bad),
        play.tx("cc", write("a")).endorsed_by([]),
        play.tx("cc", [ns("cc").read("a", (9, 9))]),
        play.tx("none", write("a")),
    ];
    // Somebody else claims the id of a transaction that is still to come.
    let victim = nonce(play.tx("cc", write("v")), "a victim's nonce");
    let mut forged = play.tx("cc", write("f"));
    forged.creator = &org1.admin;
    forged.id = Some(victim.tx_id());
    let second = [
        again(&play, &first[0]).envelope(),
        again(&play, &first[1]).envelope(),
        again(&play, &first[2]).envelope(),
        again(&play, &first[3]).envelope(),
        again(&play, &first[4]).envelope(),
        victim.envelope(),
        play.tx("cc", write("z")).envelope(),
    ];
    let [a, b, c, d, e] = first.map(|tx| tx.envelope());
    let forged = forged.envelope();
    play.check([a, b, c, d, e, forged], [0, 4, 10, 11, 25, 8]);
    play.check(second, [9, 9, 9, 9, 9, 9, 0]);
}

#[test]
fn e29_within_a_block_only_a_valid_transaction_reserves_its_id() {
    let mut play = play();
    let write = || [ns("cc").write("a", "1")];
    let refused = nonce(play.tx("cc", write()), "one").endorsed_by([]);
    let undefined = nonce(play.tx("none", write()), "two");
    let stale = nonce(play.tx("cc", [ns("cc").read("a", (9, 9))]), "three");
    let good = nonce(play.tx("cc", write()), "four");
    let block = [
        again(&play, &refused),
        again(&play, &refused),
        again(&play, &undefined),
        again(&play, &stale),
        again(&play, &good),
        again(&play, &good),
    ];
    let [r1, r2, u, s, g1, g2] = block.map(|tx| tx.envelope());
    let [refused, undefined, stale, good] =
        [refused, undefined, stale, good].map(|tx| tx.envelope());
    let block = [refused, r1, r2, undefined, u, stale, s, good, g1, g2];
    play.check(block, [10, 0, 9, 25, 0, 11, 9, 0, 9, 9]);
}

#[test]
fn f16_the_index_keeps_claimed_ids_and_computes_missing_ones() {
    let mut play = play();
    // An empty claim is refused, and what the id should have been is burnt.
    let empty = play.tx("cc", [ns("cc").write("a", "1")]);
    let later = again(&play, &empty).envelope();
    let empty = empty.with(|tx| tx.id = Some(String::new()));
    let empty = empty.envelope();
    // A claim in headers that are refused for something else is kept, too.
    let claimed = play.tx("cc", [ns("cc").write("a", "1")]);
    let claimed_later = again(&play, &claimed).envelope();
    let claimed = claimed.with(|tx| tx.epoch = 1).envelope();
    // One that cannot be read claims nothing.
    let unread = play.tx("cc", [ns("cc").write("a", "1")]);
    let unread_later = again(&play, &unread).envelope();
    let unread = unread.with(|tx| tx.raw.payload = Some(vec![0xff]));
    let unread = unread.envelope();
    play.check([empty, claimed, unread], [8, 3, 2]);
    play.check([later, claimed_later, unread_later], [9, 9, 0]);

    // Config transactions have computed ids.
    let config = play.config_update(|group| group.mod_policy = "Writers".to_owned());
    let nonce = {
        let envelope = Envelope::decode(&*config).unwrap();
        let payload = Payload::decode(&*envelope.payload).unwrap();
        let header = payload.header.unwrap().signature_header;
        SignatureHeader::decode(&*header).unwrap().nonce
    };
    play.commit_config(config).unwrap();
    let orderer = play.network.orderer.orderer.clone();
    let tx = |nonce: &[u8]| {
        let mut tx = play.tx("cc", [ns("cc").write("b", "1")]);
        tx.creator = &orderer;
        tx.nonce = nonce.to_vec();
        tx.envelope()
    };
    let block = [tx(&nonce), tx(b"another")];
    play.check(block, [9, 0]);
}
