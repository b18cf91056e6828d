//! What the tests share that drive the built binary: the bundled corpora, and running `heddle`.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The judged chains: folder and channel.
pub(crate) const CORPORA: [(&str, &str); 5] = [
    ("real-cars", "cars"),
    ("crafted-basic", "basic"),
    ("crafted-keylevel", "keylevel"),
    ("crafted-ed25519", "ed"),
    ("crafted-config", "config"),
];

/// A file of a bundled corpus.
pub(crate) fn corpus_file(corpus: &str, file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(corpus)
        .join(file)
}

/// The decompressed bytes of a file of a bundled corpus.
pub(crate) fn corpus(corpus: &str, file: &str) -> Vec<u8> {
    let bytes = std::fs::read(corpus_file(corpus, &format!("{file}.zst"))).expect("a bundled file");
    zstd::decode_all(&*bytes).expect("zstd")
}

/// Splits a file of length-delimited blocks.
pub(crate) fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut blocks = Vec::new();
    while !bytes.is_empty() {
        let length = heddle::proto::wire::take_varint(&mut bytes).expect("a length");
        let (block, rest) = bytes.split_at(usize::try_from(length).expect("a length"));
        blocks.push(block.to_vec());
        bytes = rest;
    }
    blocks
}

/// Joins blocks to a file of length-delimited blocks.
pub(crate) fn join<'b>(blocks: impl IntoIterator<Item = &'b Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for block in blocks {
        heddle::proto::wire::put_varint(&mut bytes, block.len() as u64);
        bytes.extend_from_slice(block);
    }
    bytes
}

/// `heddle ledger COMMAND --data DIR --channel CHANNEL REST...`, not started yet.
pub(crate) fn heddle(command: &str, data: &Path, channel: &str, rest: &[&str]) -> Command {
    let mut heddle = Command::new(env!("CARGO_BIN_EXE_heddle"));
    heddle
        .args(["ledger", command, "--channel", channel, "--data"])
        .arg(data)
        .args(rest);
    heddle.env_remove("HEDDLE_FAILPOINT");
    heddle
}

/// Runs `heddle` to its end.
pub(crate) fn run(command: &str, data: &Path, channel: &str, rest: &[&str]) -> Output {
    heddle(command, data, channel, rest)
        .output()
        .expect("heddle starts")
}

/// Runs `heddle`, which must succeed, and returns what it printed.
pub(crate) fn succeed(command: &str, data: &Path, channel: &str, rest: &[&str]) -> Vec<u8> {
    let output = run(command, data, channel, rest);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{command} {rest:?} failed: {stderr}"
    );
    output.stdout
}

/// Checks that an export equals a file of the corpus, and says in which line it does not.
pub(crate) fn check_export(data: &Path, channel: &str, what: &str, expected: &[u8]) {
    let found = succeed("export", data, channel, &[what]);
    if found == expected {
        return;
    }
    let lines = |bytes: &[u8]| -> Vec<String> {
        bytes
            .split(|byte| *byte == b'\n')
            .map(|l| String::from_utf8_lossy(l).into())
            .collect()
    };
    let (found, expected) = (lines(&found), lines(expected));
    let differing = found
        .iter()
        .zip(&expected)
        .position(|(found, expected)| found != expected);
    let line = differing.unwrap_or(found.len().min(expected.len()));
    panic!(
        "{channel} {what} differs in line {line}:\n found    {:?}\n expected {:?}",
        found.get(line),
        expected.get(line)
    );
}
