//! Which read conflicts: versions, writers, ranges.

use serde_json::{Value, json};

use super::*;
use crate::testing::kit::{
    Collected, Collection, Range, RangeReads, SignaturePolicy, merkle_summary,
};

fn read_range(
    start: &str,
    end: &str,
    exhausted: bool,
    reads: RangeReads,
) -> crate::testing::kit::Ns {
    ns("cc").range(&Range {
        start: start.to_owned(),
        end: end.to_owned(),
        exhausted,
        reads,
    })
}

/// A transaction that did not see a key that is there.
pub(super) fn phantom(play: &mut Play) -> Vec<u8> {
    let key = play.tx("cc", [ns("cc").write("r1", "1")]).envelope();
    play.commit([key]).unwrap();
    let reads = RangeReads::Raw(Vec::new());
    play.tx("cc", [read_range("r", "s", true, reads)])
        .envelope()
}

fn key(name: &str) -> Value {
    json!({"namespace": "cc", "key": name})
}

fn version(block: u64, tx: u64) -> Value {
    json!({"block": block, "tx": tx})
}

fn wrote(block: u64, tx: u64, txid: &str) -> Value {
    json!({"change": "wrote", "block": block, "tx": tx, "txid": txid})
}

fn removed(block: u64, tx: u64, txid: &str) -> Value {
    json!({"change": "removed", "removed": "by", "block": block, "tx": tx, "txid": txid})
}

#[test]
fn read_conflicts_name_versions_and_writer() {
    let mut play = channel(1, peer("Org1"));
    let tx = |set| play.tx("cc", [set]);
    let first = tx(ns("cc")
        .write("a", "1")
        .write("b", "1")
        .write("d", "1")
        .write("e", "1"));
    let second = tx(ns("cc").write("a", "2").delete("d"));
    let in_block = tx(ns("cc").write("b", "2").delete("e").write("n", "1"));
    let ids = [first.tx_id(), second.tx_id(), in_block.tx_id()];
    let (first, second) = (first.envelope(), second.envelope());
    let reads = [
        ns("cc").read("a", (2, 0)),
        ns("cc").read("b", (2, 0)),
        ns("cc").read("d", (2, 0)),
        ns("cc").read("e", (2, 0)),
        ns("cc").read("n", None),
        ns("cc").read("never", (1, 5)),
        // The first in the order of the checks is the reason.
        ns("cc")
            .read("a", (3, 0))
            .read("a", (2, 0))
            .read("b", (9, 9)),
    ];
    let reads = reads.map(|set| tx(set.write("x", "1")).envelope());
    let block: Vec<Vec<u8>> = [in_block.envelope()].into_iter().chain(reads).collect();
    play.commit([first]).unwrap();
    play.commit([second]).unwrap();
    let all = explain_block(&mut play, block);
    let conflict = |name: &str, read: Value, found: Value, by: Value| json!({"kind": "read_conflict", "key": key(name), "read": read, "found": found, "by": by});
    let expected = [
        conflict("a", version(2, 0), version(3, 0), wrote(3, 0, &ids[1])),
        conflict("b", version(2, 0), version(4, 0), wrote(4, 0, &ids[2])),
        conflict("d", version(2, 0), Value::Null, removed(3, 0, &ids[1])),
        conflict("e", version(2, 0), Value::Null, removed(4, 0, &ids[2])),
        conflict("n", Value::Null, version(4, 0), wrote(4, 0, &ids[2])),
        conflict(
            "never",
            version(1, 5),
            Value::Null,
            json!({"change": "nobody"}),
        ),
        conflict("a", version(2, 0), version(3, 0), wrote(3, 0, &ids[1])),
    ];
    assert_eq!(all[0]["reason"]["kind"], "valid");
    for (found, reason) in all[1..].iter().zip(expected) {
        check_reason(found, 11, &reason);
    }
}

/// A channel whose chaincode `cc` has the collections `c`, and `short`, whose keys live for a block.
fn with_collections() -> Play {
    let mut play = channel(1, peer("Org1"));
    let members = SignaturePolicy::from(crate::testing::kit::any_of([peer("Org1")]));
    let short = Collection {
        block_to_live: 1,
        ..Collection::new("short", &members)
    };
    let definition = ChaincodeDefinition::new("cc")
        .with(|cc| cc.sequence = 2)
        .collection(Collection::new("c", &members))
        .collection(short);
    define(&mut play, &definition);
    play
}

#[test]
fn private_reads_conflict_by_hash() {
    let mut play = with_collections();
    let tx = |collected: Collected| play.tx("cc", [ns("cc").collection(&collected)]);
    let first = tx(Collected::new("c").write("p", "1").write("q", "1"));
    let second = tx(Collected::new("c").write("p", "2").delete("q"));
    let third = tx(Collected::new("short").write("s", "1"));
    let ids = [first.tx_id(), second.tx_id(), third.tx_id()];
    let blocks = [first.envelope(), second.envelope(), third.envelope()];
    let (other, another) = (write(&play).envelope(), write(&play).envelope());
    let reads = [
        tx(Collected::new("c").read("p", (3, 0))).envelope(),
        tx(Collected::new("c").read("q", (3, 0))).envelope(),
        tx(Collected::new("short").read("s", (5, 0))).envelope(),
    ];
    for block in blocks.into_iter().chain([other, another]) {
        play.commit([block]).unwrap();
    }
    let all = explain_block(&mut play, reads);
    let hashed = |collection: &str, name: &str| {
        let hash = crate::crypto::sha256(name.as_bytes()).to_string();
        json!({"namespace": "cc", "collection": collection, "key": hash})
    };
    let conflict = |key: Value, read: Value, found: Value, by: Value| json!({"kind": "read_conflict", "key": key, "read": read, "found": found, "by": by});
    let written = wrote(4, 0, &ids[1]);
    check_reason(
        &all[0],
        11,
        &conflict(hashed("c", "p"), version(3, 0), version(4, 0), written),
    );
    let gone = removed(4, 0, &ids[1]);
    check_reason(
        &all[1],
        11,
        &conflict(hashed("c", "q"), version(3, 0), Value::Null, gone),
    );
    // Written by block 5, it goes with block 7.
    let expired = json!({"change": "removed", "removed": "expired", "block": 7});
    check_reason(
        &all[2],
        11,
        &conflict(hashed("short", "s"), version(5, 0), Value::Null, expired),
    );
}

#[test]
fn phantoms_name_the_first_difference() {
    let mut play = channel(1, peer("Org1"));
    let tx = |set| play.tx("cc", [set]);
    let mut all_keys = ns("cc");
    for name in ["r1", "r2", "r3", "r4"] {
        all_keys = all_keys.write(name, "1");
    }
    let first = tx(all_keys);
    let second = tx(ns("cc").write("r2", "2"));
    let ids = [first.tx_id(), second.tx_id()];
    let (first, second) = (first.envelope(), second.envelope());
    let seen = |keys: &[(&str, u64)]| {
        let read = |(key, block): &(&str, u64)| ((*key).to_owned(), Some((*block, 0)));
        RangeReads::Raw(keys.iter().map(read).collect())
    };
    let summary = merkle_summary(2, &["r1", "r2", "r3"].map(|key| (key.to_owned(), (9, 9))));
    let ranges = [
        // r2 has another version.
        read_range("r1", "r3", true, seen(&[("r1", 2), ("r2", 2)])),
        // r2 was not seen.
        read_range("r1", "r3", true, seen(&[("r1", 2)])),
        // r25 is not there.
        read_range("r1", "r3", true, seen(&[("r1", 2), ("r2", 3), ("r25", 2)])),
        // The last key belongs to the range.
        read_range("r3", "r4", false, seen(&[("r3", 2)])),
        read_range("", "", true, RangeReads::Raw(Vec::new())),
        read_range("r", "s", true, summary),
        // Fits.
        read_range("r1", "r3", true, seen(&[("r1", 2), ("r2", 3)])),
    ];
    let block: Vec<Vec<u8>> = ranges.into_iter().map(|set| tx(set).envelope()).collect();
    play.commit([first]).unwrap();
    play.commit([second]).unwrap();
    let all = explain_block(&mut play, block);
    let phantom = |start: &str, end: &str, included: bool, difference: Value| {
        json!({
            "kind": "phantom", "namespace": "cc", "start": start, "end": end,
            "end_included": included, "difference": difference,
        })
    };
    let changed = json!({
        "difference": "changed", "key": key("r2"), "read": version(2, 0), "found": version(3, 0),
        "by": wrote(3, 0, &ids[1]),
    });
    check_reason(&all[0], 12, &phantom("r1", "r3", false, changed));
    let appeared = |name: &str, block: u64| {
        json!({
            "difference": "appeared", "key": key(name), "found": version(block, 0),
            "by": wrote(block, 0, &ids[usize::try_from(block).unwrap() - 2]),
        })
    };
    check_reason(&all[1], 12, &phantom("r1", "r3", false, appeared("r2", 3)));
    let vanished = json!({
        "difference": "vanished", "key": key("r25"), "read": version(2, 0),
        "by": {"change": "nobody"},
    });
    check_reason(&all[2], 12, &phantom("r1", "r3", false, vanished));
    check_reason(&all[3], 12, &phantom("r3", "r4", true, appeared("r4", 2)));
    check_reason(&all[4], 12, &phantom("", "", false, appeared("r1", 2)));
    let summary = json!({
        "difference": "summary", "keys": 4, "newest": key("r2"), "by": wrote(3, 0, &ids[1]),
    });
    check_reason(&all[5], 12, &phantom("r", "s", false, summary));
    assert_eq!(all[6]["code"], 0);
}

#[test]
fn phantoms_in_the_block_itself_are_seen() {
    let mut play = channel(1, peer("Org1"));
    let writer = play.tx("cc", [ns("cc").write("r1", "1")]);
    let id = writer.tx_id();
    let reads = RangeReads::Raw(Vec::new());
    let reader = play.tx("cc", [read_range("r", "s", true, reads)]);
    let block = [writer.envelope(), reader.envelope()];
    let all = explain_block(&mut play, block);
    assert_eq!(all[1]["code"], 12);
    assert_eq!(all[1]["reason"]["difference"]["by"], wrote(2, 0, &id));
}
