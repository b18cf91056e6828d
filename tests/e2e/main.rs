//! Bad input to the built binary: one clear line on standard error, exit code 1, and a ledger that is
//! intact and goes on.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod demo;
mod explain;
#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use support::{check_export, corpus, corpus_file, heddle, join, run, split, succeed};

const CHANNEL: &str = "basic";

/// A directory with room for a ledger and source files.
struct Room(tempfile::TempDir);

impl Room {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("writes");
        path.to_str().expect("UTF-8").to_owned()
    }

    fn height(&self) -> u64 {
        let info = succeed("info", &self.data(), CHANNEL, &["--json"]);
        let info: serde_json::Value = serde_json::from_slice(&info).expect("JSON");
        info["height"].as_u64().expect("a number")
    }

    /// The import fails with a line that has all of `words`, and leaves the ledger at `height`.
    fn check_refused(&self, source: &str, words: &[&str], height: u64) {
        check_failure(run("import", &self.data(), CHANNEL, &[source]), words);
        assert_eq!(self.height(), height);
        succeed("verify", &self.data(), CHANNEL, &[]);
    }

    /// The whole chain can still be imported, and everything is as it should be.
    fn check_goes_on(&self) {
        let whole = corpus_file("crafted-basic", "blocks.pb.zst");
        succeed(
            "import",
            &self.data(),
            CHANNEL,
            &[whole.to_str().expect("UTF-8")],
        );
        check_export(
            &self.data(),
            CHANNEL,
            "--codes",
            &corpus("crafted-basic", "expected.jsonl"),
        );
        check_export(
            &self.data(),
            CHANNEL,
            "--state",
            &corpus("crafted-basic", "state.jsonl"),
        );
    }
}

fn check_failure(output: std::process::Output, words: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "one clear line: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "'{word}' is missing: {stderr}");
    }
}

fn blocks() -> Vec<Vec<u8>> {
    split(&corpus("crafted-basic", "blocks.pb"))
}

#[test]
fn a_truncated_file_commits_what_is_whole() {
    let blocks = blocks();
    let bytes = join(&blocks);
    let ends: Vec<usize> = (1..=blocks.len())
        .map(|count| join(&blocks[..count]).len())
        .collect();
    let room = Room::new();
    for cut in [
        1,
        ends[0] - 1,
        ends[0] + 1,
        ends[9] + 2,
        ends[30] - 7,
        ends[54] - 1,
    ] {
        let whole = ends.iter().filter(|end| **end <= cut).count() as u64;
        let height = whole.max(if room.data().exists() {
            room.height()
        } else {
            0
        });
        room.check_refused(
            &room.file("cut.pb", &bytes[..cut]),
            &["cut off", "byte"],
            height,
        );
    }
    room.check_goes_on();
}

#[test]
fn a_truncated_compressed_file() {
    let room = Room::new();
    let bytes = std::fs::read(corpus_file("crafted-basic", "blocks.pb.zst")).expect("bundled");
    let source = room.file("cut.zst", &bytes[..bytes.len() / 2]);
    check_failure(
        run("import", &room.data(), CHANNEL, &[&source]),
        &["cut off"],
    );
    succeed("verify", &room.data(), CHANNEL, &[]);
    room.check_goes_on();
}

#[test]
fn a_flipped_bit_anywhere_in_what_is_signed() {
    let blocks = blocks();
    for (number, percent) in [(0, 50), (1, 50), (20, 3), (20, 30), (30, 60), (54, 90)] {
        let room = Room::new();
        let mut blocks = blocks.clone();
        let at = blocks[number].len() * percent / 100;
        blocks[number][at] ^= 0x10;
        let source = room.file("flipped.pb", &join(&blocks));
        room.check_refused(&source, &[&format!("block {number}")], number as u64);
        room.check_goes_on();
    }
}

#[test]
fn a_flipped_bit_in_a_block_signature() {
    let blocks = blocks();
    let room = Room::new();
    let mut flipped = blocks.clone();
    // The orderer's signature is the last thing of length 70 to 72 in the first metadata slot.
    let block = &mut flipped[10];
    let at = (block.len() - 160..block.len() - 72)
        .rev()
        .find(|at| block[*at] == 0x30 && (0x44..=0x46).contains(&block[*at + 1]))
        .expect("a DER signature");
    block[at + 20] ^= 1;
    let source = room.file("flipped.pb", &join(&flipped));
    room.check_refused(&source, &["block 10", "BlockValidation"], 10);
    room.check_goes_on();
}

#[test]
fn a_gap_a_repetition_and_a_fork() {
    let blocks = blocks();
    let room = Room::new();
    let gap: Vec<&Vec<u8>> = blocks[..5].iter().chain(&blocks[6..]).collect();
    room.check_refused(
        &room.file("gap.pb", &join(gap)),
        &["expected block 5", "says 6"],
        5,
    );
    let twice: Vec<&Vec<u8>> = blocks[5..8].iter().chain(&blocks[7..]).collect();
    room.check_refused(
        &room.file("twice.pb", &join(twice)),
        &["expected block 8", "says 7"],
        8,
    );
    let room_of_fork = Room::new();
    succeed(
        "import",
        &room_of_fork.data(),
        CHANNEL,
        &[&room.file("8.pb", &join(&blocks[..8]))],
    );
    // The other chain has the same genesis block, and other blocks from 1 on.
    let other = other_chain();
    let fork = room_of_fork.file("fork.pb", &join(&other));
    room_of_fork.check_refused(&fork, &["not the ledger's", "fork"], 8);
    // A block of the other chain at our height does not follow ours.
    let follows = room_of_fork.file("next.pb", &join(&other[8..9]));
    room_of_fork.check_refused(&follows, &["does not follow", "fork"], 8);
    room.check_goes_on();
    room_of_fork.check_goes_on();
}

/// Another chain with numbers of its own: blocks of another channel.
fn other_chain() -> Vec<Vec<u8>> {
    split(&corpus("crafted-config", "blocks.pb"))
}

#[test]
fn a_foreign_genesis_block_and_a_wrong_channel() {
    let room = Room::new();
    let foreign = room.file("foreign.pb", &join(&other_chain()));
    room.check_refused(
        &foreign,
        &["genesis block is for channel 'config'", "'basic'"],
        0,
    );
    room.check_goes_on();
    room.check_refused(&foreign, &["not the ledger's"], 55);
    let source = corpus_file("crafted-basic", "blocks.pb.zst");
    let source = source.to_str().expect("UTF-8");
    for name in ["Basic", "", "ba sic", "../basic", "-x"] {
        let output = heddle("import", &room.data(), name, &[source]).output();
        let output = output.expect("heddle starts");
        assert!(!output.status.success(), "{name:?} is no channel name");
    }
}

#[test]
fn what_is_not_a_file_of_blocks() {
    let room = Room::new();
    succeed("import", &room.data(), CHANNEL, &[&room.file("empty", b"")]);
    room.check_refused(
        &room.file("text", b"hello, world, this is no block"),
        &["cut off"],
        0,
    );
    room.check_refused(&room.file("zeros", &[0; 64]), &["block 0"], 0);
    room.check_refused(
        &room.file("long", &[0xff; 64]),
        &["not a file of length-delimited"],
        0,
    );
    let missing = room.0.path().join("missing");
    room.check_refused(
        missing.to_str().expect("UTF-8"),
        &["cannot read", "missing"],
        0,
    );
    room.check_refused(
        room.0.path().to_str().expect("UTF-8"),
        &["no chain folder", "blockfile_000000"],
        0,
    );
    room.check_goes_on();
}

#[test]
fn wrong_arguments() {
    let room = Room::new();
    room.check_goes_on();
    let source = room.file("empty", b"");
    for workers in ["0", "257"] {
        let output = run(
            "import",
            &room.data(),
            CHANNEL,
            &["--workers", workers, &source],
        );
        check_failure(output, &["--workers", "1 to 256"]);
    }
    check_failure(
        run("info", &room.data(), CHANNEL, &["--crypto-backend", "sse"]),
        &["no crypto backend \"sse\"", "library, scalar or avx512ifma"],
    );
    check_failure(
        run("block", &room.data(), CHANNEL, &["55"]),
        &["no block 55", "height is 55"],
    );
    check_failure(
        run("tx", &room.data(), CHANNEL, &["no-such-id"]),
        &["no transaction", "no-such-id"],
    );
    let nowhere = room.0.path().join("nowhere");
    check_failure(
        run("info", &nowhere, CHANNEL, &[]),
        &["no ledger of channel 'basic'"],
    );
    assert!(!nowhere.exists(), "looking makes nothing");
    for arguments in [&["--bogus"][..], &[][..]] {
        assert_eq!(
            run("import", &room.data(), CHANNEL, arguments)
                .status
                .code(),
            Some(2)
        );
    }
}

#[test]
fn a_ledger_in_use_is_left_alone() {
    let room = Room::new();
    let fifo = room.0.path().join("fifo");
    let made = std::process::Command::new("mkfifo")
        .arg(&fifo)
        .status()
        .expect("mkfifo");
    assert!(made.success());
    let arguments = ["--heights", fifo.to_str().expect("UTF-8")];
    let mut import = heddle("import", &room.data(), CHANNEL, &arguments);
    let mut first = import
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut writer = heddle::sys::file::create_for_writing(&fifo).expect("opens");
    writer.write_all(&join(&blocks()[..2])).expect("writes");
    // It says that the first block is durable, and waits for more.
    let mut height = String::new();
    BufReader::new(first.stdout.take().expect("a pipe"))
        .read_line(&mut height)
        .expect("reads");
    assert_eq!(height, "1\n");
    check_failure(run("info", &room.data(), CHANNEL, &[]), &["in use"]);
    drop(writer);
    assert!(first.wait().expect("ends").success());
    room.check_goes_on();
}

#[test]
fn damage_in_the_middle_is_named() {
    let room = Room::new();
    room.check_goes_on();
    let segment = first_segment(&room.data().join(CHANNEL).join("blocks"));
    let mut bytes = std::fs::read(&segment).expect("reads");
    bytes[200_000] ^= 1;
    std::fs::write(&segment, &bytes).expect("writes");
    let file = segment
        .file_name()
        .expect("a name")
        .to_str()
        .expect("UTF-8")
        .to_owned();
    check_failure(
        run("verify", &room.data(), CHANNEL, &[]),
        &[&file, "offset"],
    );
    check_failure(
        run("rebuild-state", &room.data(), CHANNEL, &[]),
        &[&file, "offset"],
    );
}

fn first_segment(blocks: &Path) -> PathBuf {
    let entries = std::fs::read_dir(blocks).expect("a directory");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files.into_iter().next().expect("a segment")
}

#[test]
fn a_chain_in_pieces_is_the_chain() {
    let blocks = blocks();
    let room = Room::new();
    for (from, to) in [(0, 3), (0, 20), (20, 21), (10, 40)] {
        let piece = room.file("piece.pb", &join(&blocks[from..to]));
        succeed("import", &room.data(), CHANNEL, &[&piece]);
        assert_eq!(room.height(), to as u64);
    }
    room.check_goes_on();
    room.check_goes_on();
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let room = Room::new();
    room.check_goes_on();
    let mut export = heddle("export", &room.data(), CHANNEL, &["--blocks"]);
    let mut child = export
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}
