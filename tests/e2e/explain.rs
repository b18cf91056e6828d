//! Why a transaction was refused, asked of the built binary.

use serde_json::Value;

use super::support::{corpus_file, run, succeed};
use super::{CHANNEL, Room, check_failure};

/// A read conflict and a phantom of the corpus, by block and place, with their codes.
const CONFLICT: [&str; 4] = ["--block", "15", "--tx", "0"];
const PHANTOM: [&str; 4] = ["--block", "15", "--tx", "35"];

fn imported() -> Room {
    let room = Room::new();
    let source = corpus_file("crafted-basic", "blocks.pb.zst");
    let source = source.to_str().expect("UTF-8");
    succeed("import", &room.data(), CHANNEL, &[source]);
    room
}

fn text(room: &Room, command: &str, rest: &[&str]) -> String {
    let output = succeed(command, &room.data(), CHANNEL, rest);
    String::from_utf8(output).expect("UTF-8")
}

fn json(room: &Room, command: &str, rest: &[&str]) -> Value {
    let rest = [rest, &["--json"]].concat();
    serde_json::from_str(&text(room, command, &rest)).expect("JSON")
}

#[test]
fn a_refusal_is_explained_as_text_and_json() {
    let room = imported();
    let conflict = json(&room, "explain", &CONFLICT);
    assert_eq!(conflict["code_name"], "MVCC_READ_CONFLICT");
    assert_eq!(conflict["reason"]["kind"], "read_conflict");
    assert_eq!(conflict["reason"]["key"]["key"], "m1-stale");
    assert_eq!(conflict["reason"]["read"]["block"], 13);
    assert_eq!(conflict["reason"]["found"]["block"], 14);
    let writer = conflict["reason"]["by"]["txid"].as_str().expect("an id");

    let whole = text(&room, "explain", &CONFLICT);
    let flat = whole.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Transaction 0 of block 15 was refused: MVCC_READ_CONFLICT (11).",
        "It read key \"m1-stale\" of chaincode \"ccor\" at version block 13 tx 0",
        "written by transaction 0 of block 14",
        writer,
        "submit it as a new transaction",
        "Org1MSP, \"User3@org1.example.com\" (OU client)",
        "good signature, counted as a peer of Org1MSP",
    ] {
        assert!(flat.contains(part), "{part:?} is not in {whole}");
    }

    let txid = conflict["txid"].as_str().expect("an id");
    assert_eq!(text(&room, "explain", &["--txid", txid]), whole);
    let replayed = [&CONFLICT[..], &["--replay"]].concat();
    assert_eq!(text(&room, "explain", &replayed), whole);

    let line = text(&room, "tx", &[txid]);
    assert!(
        line.contains("why                Transaction 0 of block 15"),
        "{line}"
    );
    assert!(line.contains(writer), "{line}");
    assert_eq!(json(&room, "tx", &[txid])["reason"], conflict["reason"]);
    // What explains in full is what the line says.
    let command = line
        .split("heddle ledger explain ")
        .nth(1)
        .expect("a command");
    let rest: Vec<&str> = command.split_whitespace().collect();
    let from = rest
        .iter()
        .position(|word| *word == "--block")
        .expect("a block");
    assert_eq!(text(&room, "explain", &rest[from..]), whole);
}

#[test]
fn what_needs_a_replay_and_what_is_valid() {
    let room = imported();
    let phantom = json(&room, "explain", &PHANTOM);
    assert_eq!(phantom["reason"]["kind"], "phantom");
    assert_eq!(phantom["reason"]["difference"]["difference"], "appeared");
    let valid = json(&room, "explain", &["--block", "1", "--tx", "0"]);
    assert_eq!(valid["reason"]["kind"], "valid");
    let txid = valid["txid"].as_str().expect("an id");
    let line = text(&room, "tx", &[txid]);
    assert!(line.contains("VALID") && !line.contains("why"), "{line}");
    assert_eq!(json(&room, "tx", &[txid])["reason"]["kind"], "valid");
}

#[test]
fn what_cannot_be_explained_is_one_line() {
    let room = imported();
    let cases: [(&[&str], &str); 5] = [
        (
            &["--block", "55", "--tx", "0"],
            "there is no block 55: the ledger's height is 55",
        ),
        (
            &["--block", "15", "--tx", "99999"],
            "block 15 has no transaction 99999: it has",
        ),
        (
            &["--txid", "nothing"],
            "no transaction of this ledger has the id 'nothing'",
        ),
        (&["--block", "15"], "--tx"),
        (&[], "--block"),
    ];
    for (rest, words) in cases {
        let output = run("explain", &room.data(), CHANNEL, rest);
        if rest.contains(&"--tx") || rest.contains(&"--txid") {
            check_failure(output, &[words]);
        } else {
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                !output.status.success() && stderr.contains(words),
                "{stderr}"
            );
        }
    }
    check_failure(
        run("explain", &room.data(), "other", &CONFLICT),
        &["no ledger of channel"],
    );
    check_failure(
        run("tx", &room.data(), CHANNEL, &["nothing"]),
        &["'nothing'"],
    );
}
