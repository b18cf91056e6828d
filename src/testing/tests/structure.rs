//! What is wrong inside a transaction, and in which order it is found.

use super::{broken, play, tampered};
use crate::testing::kit::{Transaction, Wire, ns};
use crate::testing::play::Play;

/// A sound transaction with one edit gets this code.
#[track_caller]
fn check<'p>(play: &'p mut Play, edit: impl FnOnce(&mut Transaction<'_>), expected: u8) {
    let mut tx = play.tx("cc", [ns("cc").write("k", "1")]);
    edit(&mut tx);
    let envelope = tx.envelope();
    play.check([envelope], [expected]);
}

#[test]
fn e19_types_of_transactions() {
    let mut play = play();
    let bad = tampered(&play.network.orgs[0].client, broken);
    for (header_type, expected) in [(0, 3), (2, 7), (3, 0), (4, 3), (5, 3), (6, 3), (99, 3)] {
        check(&mut play, |tx| tx.header_type = header_type, expected);
    }
    let mut update = play.tx("cc", [ns("cc").write("k", "1")]);
    update.header_type = 2;
    update.creator = &bad;
    let update = update.envelope();
    play.check([update], [4]);
    let mut config = play.tx("cc", [ns("cc").write("k", "1")]);
    config.header_type = 1;
    config.raw.data = Some(Vec::new());
    let config = config.envelope();
    play.check([config], [6]);
}

#[test]
fn e20_f15_the_id_is_that_of_the_outer_header_only() {
    let mut play = play();
    let upper = |tx: &mut Transaction<'_>| tx.id = Some(tx.tx_id().to_uppercase());
    check(&mut play, upper, 8);
    let other = play.network.orgs[1].client.clone();
    let header = Wire::new()
        .bytes(1, other.serialized())
        .bytes(2, "another nonce")
        .done();
    check(
        &mut play,
        |tx| {
            let of_action = Transaction::new("kit", &other, "another nonce", "cc", []);
            tx.id = Some(of_action.tx_id());
            tx.raw.action_header = Some(header.clone());
        },
        8,
    );
    check(
        &mut play,
        |tx| tx.raw.action_header = Some(header.clone()),
        0,
    );
    check(&mut play, |tx| tx.nonce = vec![1], 0);
    check(&mut play, |tx| tx.nonce = vec![2; 1000], 0);
    check(&mut play, |tx| tx.nonce.clear(), 3);
}

#[test]
fn e21_a_transient_map_that_was_left_in_breaks_the_proposal_hash() {
    let mut play = play();
    let transient = Wire::new().element(2, Wire::new().bytes(1, "key").bytes(2, "value"));
    let left_in = |tx: &mut Transaction<'_>| {
        tx.raw.proposal_hash = Some(tx.proposal_hash());
        tx.raw.proposal_payload = Some(Wire::new().bytes(1, "input").raw(&transient).done());
    };
    check(&mut play, left_in, 5);
    // Endorsers that hash it all the same are believed.
    let hashed = |tx: &mut Transaction<'_>| {
        tx.raw.proposal_payload = Some(Wire::new().bytes(1, "input").raw(&transient).done());
    };
    check(&mut play, hashed, 0);
}

#[test]
fn e22_the_status_of_the_response_does_not_matter() {
    let mut play = play();
    for status in [0, 200, 400, 500] {
        check(&mut play, |tx| tx.status = status, 0);
    }
}

#[test]
fn e23_an_event_names_the_invoked_chaincode() {
    let mut play = play();
    let event = |chaincode: &str, tx_id: &str| {
        let event = Wire::new().bytes(1, chaincode).bytes(2, tx_id);
        Some(event.bytes(3, "happened").done())
    };
    let cases = [
        // Present but empty is absent in Go.
        (Some(Vec::new()), 0),
        (event("cc", "any id"), 0),
        (event("other", ""), 255),
        (event("", "x"), 255),
        (Some(vec![0xff]), 255),
    ];
    for (event, expected) in cases {
        check(&mut play, |tx| tx.event = event, expected);
    }
}

#[test]
fn e24_f18_fields_of_another_type_are_unknown_fields() {
    let mut play = play();
    let id = |name: &str, version: &str| Wire::new().bytes(2, name).bytes(3, version).done();
    let edits: [(&dyn Fn(&mut Transaction<'_>), u8); 8] = [
        // ChaincodeAction.results and .events as varints.
        (&|tx| tx.raw.action_suffix = vec![0x08, 1, 0x10, 1], 0),
        // A second chaincode id merges with the first.
        (
            &|tx| tx.raw.action_suffix = Wire::new().element(4, id("", "9")).done(),
            0,
        ),
        (
            &|tx| tx.raw.action_suffix = Wire::new().element(4, id("no", "")).done(),
            25,
        ),
        // Of results given twice, the last count.
        (
            &|tx| tx.raw.action_suffix = Wire::new().element(1, [0xff]).done(),
            22,
        ),
        // A type of 64 bits is cut to 32.
        (&|tx| tx.header_type = 3 | 1 << 32, 0),
        // Groups that nobody knows may nest 10,001 deep.
        (&|tx| tx.raw.action_suffix = groups(10_001), 0),
        (&|tx| tx.raw.action_suffix = groups(10_002), 21),
        // A group without end is no message.
        (&|tx| tx.raw.action_suffix = vec![0x9b, 0x06], 21),
    ];
    for (edit, expected) in edits {
        check(&mut play, edit, expected);
    }
}

/// Unknown groups, each in the one before.
fn groups(depth: usize) -> Vec<u8> {
    [[0x9b, 0x06].repeat(depth), [0x9c, 0x06].repeat(depth)].concat()
}

type Edit = fn(&mut Transaction<'_>);

/// In the order of precedence: from each of them on, everything is wrong at once.
const FAULTS: [(u8, Edit); 13] = [
    (2, |tx| tx.raw.payload = Some(vec![0xff])),
    (3, |tx| tx.epoch = 1),
    (4, |tx| tx.raw.signature = Some(vec![1])),
    (8, |tx| tx.id = Some("wrong".to_owned())),
    (5, |tx| tx.raw.proposal_hash = Some(vec![1])),
    // The id is in the ledger: see below.
    (9, |_| {}),
    (19, |tx| tx.raw.header_extension = Some(vec![0xff])),
    (21, |tx| tx.raw.action = Some(vec![0xff])),
    (22, |tx| tx.raw.results = Some(vec![0xff])),
    (255, |tx| tx.raw.header_extension = Some(Vec::new())),
    (25, |tx| tx.version.clear()),
    (255, |tx| tx.event = Some(vec![0xff])),
    (23, |tx| tx.rwset = [ns("none"), ns("none")].into()),
];

#[test]
fn f17_the_first_fault_is_the_code() {
    let mut play = play();
    let burnt = play.tx("cc", [ns("cc").write("k", "1")]);
    let nonce = burnt.nonce.clone();
    let burnt = burnt.envelope();
    play.check([burnt], [0]);
    let known = FAULTS.iter().position(|(code, _)| *code == 9).unwrap();
    for first in 0..FAULTS.len() {
        let mut tx = play.tx("cc", [ns("none").write("k", "1")]).endorsed_by([]);
        // The last first: where two give the same bytes, the earlier one is to win.
        for (_, edit) in FAULTS[first..].iter().rev() {
            edit(&mut tx);
        }
        if first <= known {
            tx.nonce.clone_from(&nonce);
        }
        let envelope = tx.envelope();
        play.check([envelope], [FAULTS[first].0]);
    }
    // After all of them: undefined, then not endorsed, then a duplicate, then a conflict.
    let stale = || ns("cc").read("k", (9, 9)).write("k", "2");
    let undefined = play
        .tx("none", [ns("cc").read("k", (9, 9))])
        .endorsed_by([]);
    let refused = play.tx("cc", [stale()]).endorsed_by([]);
    let conflict = play.tx("cc", [stale()]);
    let mut duplicate = play.tx("cc", [stale()]);
    duplicate.nonce.clone_from(&conflict.nonce);
    let block = [undefined, refused, conflict, duplicate].map(|tx| tx.envelope());
    play.check(block, [25, 10, 11, 9]);
}

/// Each part of a transaction that does not decode or is missing.
#[test]
fn broken_parts_have_their_codes() {
    let edits: [(Edit, u8); 16] = [
        (|tx| tx.raw.payload = Some(vec![0xff]), 2),
        (
            |tx| tx.raw.payload = Some(Wire::new().bytes(2, "x").done()),
            3,
        ),
        (|tx| tx.raw.channel_header = Some(vec![0xff]), 3),
        (|tx| tx.raw.signature_header = Some(vec![0xff]), 3),
        (|tx| tx.channel = "other".to_owned(), 4),
        (|tx| tx.raw.data = Some(Vec::new()), 5),
        (|tx| tx.raw.data = Some(vec![0xff]), 5),
        (|tx| tx.raw.data = Some([0x0a, 0].repeat(2)), 5),
        (|tx| tx.raw.action_header = Some(Vec::new()), 5),
        (|tx| tx.raw.action_header = Some(vec![0x0a, 1, 1]), 5),
        (|tx| tx.raw.action_payload = Some(vec![0xff]), 5),
        (|tx| tx.raw.proposal_payload = Some(Vec::new()), 5),
        (|tx| tx.raw.proposal_response_payload = Some(vec![0xff]), 5),
        (|tx| tx.raw.proposal_hash = Some(vec![0; 32]), 5),
        (|tx| tx.raw.action = Some(Vec::new()), 21),
        (|tx| tx.raw.results = Some(Vec::new()), 0),
    ];
    let mut play = play();
    for (edit, expected) in edits {
        check(&mut play, edit, expected);
    }
}

/// A payload whose action is missing kills a real peer; here it is code 5.
#[test]
fn an_action_payload_without_action_is_code_5() {
    let mut play = play();
    let payload = Wire::new().bytes(1, "proposal").done();
    check(&mut play, |tx| tx.raw.action_payload = Some(payload), 5);
}

#[test]
fn e25_a_namespace_that_stands_twice_is_found_before_definitions() {
    let mut play = play();
    let twice = |name: &str| [ns(name).write("a", "1"), ns(name)];
    let block = [
        play.tx("cc", twice("cc")).envelope(),
        play.tx("none", twice("none")).envelope(),
        play.tx("cc", twice("other")).endorsed_by([]).envelope(),
    ];
    play.check(block, [23, 23, 23]);
}
