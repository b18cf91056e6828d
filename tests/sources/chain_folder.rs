//! A chain folder as a Fabric peer writes it, imported; and every damage to it reported.

use std::path::{Path, PathBuf};

use heddle::proto::common::Block;
use heddle::proto::wire::{Message, put_varint};

use crate::support::{check_export, corpus, heddle, run, split, succeed};

/// A folder with a chain folder and a ledger.
struct Room(tempfile::TempDir);

impl Room {
    fn new() -> Self {
        let room = Self(tempfile::tempdir().expect("a directory"));
        std::fs::create_dir(room.chain()).expect("a folder");
        room
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn chain(&self) -> PathBuf {
        self.0.path().join("cars")
    }

    fn block_file(&self, number: usize) -> PathBuf {
        self.chain().join(format!("blockfile_{number:06}"))
    }

    /// Writes the files of a peer that starts a new one where a block does not fit into `bytes_max`.
    fn write(&self, blocks: &[Vec<u8>], bytes_max: usize) -> usize {
        let mut files = vec![Vec::new()];
        for block in blocks {
            let record = record(block);
            let current = files.last_mut().expect("a file");
            if current.len() + record.len() > bytes_max && !current.is_empty() {
                files.push(record);
            } else {
                current.extend(record);
            }
        }
        for (number, bytes) in files.iter().enumerate() {
            std::fs::write(self.block_file(number), bytes).expect("writes");
        }
        files.len()
    }

    /// Importing `source` fails with one line that has all of `words`.
    fn check_refused(&self, source: &Path, words: &[&str]) {
        let output = import(&self.data(), source);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "one clear line: {stderr}");
        for word in words {
            assert!(stderr.contains(word), "'{word}' is missing: {stderr}");
        }
    }

    fn height(&self) -> u64 {
        let info = succeed("info", &self.data(), "cars", &["--json"]);
        let info: serde_json::Value = serde_json::from_slice(&info).expect("JSON");
        info["height"].as_u64().expect("a number")
    }
}

fn import(data: &Path, source: &Path) -> std::process::Output {
    heddle("import", data, "cars", &["--json", "--compare"])
        .arg(source)
        .output()
        .expect("heddle starts")
}

/// A block as the peer stores it, with its length in front.
fn record(block: &[u8]) -> Vec<u8> {
    let block = Block::decode(block).expect("a block");
    let header = block.header.expect("a header");
    let mut record = Vec::new();
    let put = |record: &mut Vec<u8>, bytes: &[u8]| {
        put_varint(record, bytes.len() as u64);
        record.extend_from_slice(bytes);
    };
    put_varint(&mut record, header.number);
    put(&mut record, header.data_hash);
    put(&mut record, header.previous_hash);
    for list in [
        block.data.expect("data").data,
        block.metadata.expect("metadata").metadata,
    ] {
        put_varint(&mut record, list.len() as u64);
        list.iter().for_each(|bytes| put(&mut record, bytes));
    }
    let mut delimited = Vec::new();
    put(&mut delimited, &record);
    delimited
}

fn blocks() -> Vec<Vec<u8>> {
    split(&corpus("real-cars", "blocks.pb"))
}

#[test]
fn a_peers_chain_folder_imports_without_a_difference() {
    let (room, blocks) = (Room::new(), blocks());
    let files = room.write(&blocks, 64 << 10);
    assert!(files > 10, "{files} files");
    let output = import(&room.data(), &room.chain());
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(summary["differences"], 0, "{summary}");
    assert_eq!(summary["blocks"], blocks.len());
    assert!(output.status.success());
    for (what, file) in [("--codes", "expected.jsonl"), ("--state", "state.jsonl")] {
        check_export(&room.data(), "cars", what, &corpus("real-cars", file));
    }
    // The blocks are those that an orderer sent: an import of a file of them stores the same.
    let (data, file) = (room.0.path().join("other"), room.0.path().join("blocks.pb"));
    std::fs::write(&file, crate::support::join(&blocks)).expect("writes");
    succeed("import", &data, "cars", &[file.to_str().expect("UTF-8")]);
    assert!(
        succeed("export", &data, "cars", &["--blocks"])
            == succeed("export", &room.data(), "cars", &["--blocks"]),
        "the stored blocks differ"
    );
}

#[test]
fn a_wrong_code_in_the_folder_is_a_difference() {
    let (room, mut blocks) = (Room::new(), blocks());
    blocks.truncate(8);
    // The stored code of a valid transaction of the last block: its filter is one byte, 0.
    let block = Block::decode(blocks.last().expect("blocks")).expect("a block");
    let mut metadata = block.metadata.expect("metadata").metadata;
    let filter = vec![11; metadata[2].len()];
    metadata[2] = &filter;
    let record = record(&rebuilt(blocks.last().expect("blocks"), &metadata));
    blocks.pop();
    room.write(&blocks, usize::MAX);
    std::fs::write(room.block_file(1), record).expect("writes");
    let output = import(&room.data(), &room.chain());
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(summary["differences"], filter.len(), "{summary}");
}

fn rebuilt(block: &[u8], metadata: &[&[u8]]) -> Vec<u8> {
    use heddle::proto::wire::put_element;
    let mut list = Vec::new();
    metadata
        .iter()
        .for_each(|slot| put_element(&mut list, 1, slot));
    let mut bytes = block.to_vec();
    // A second metadata field is merged with the first: cut the first off.
    let mut old = Vec::new();
    Block::decode(block)
        .expect("a block")
        .metadata
        .expect("metadata")
        .metadata
        .iter()
        .for_each(|slot| put_element(&mut old, 1, slot));
    let mut field = Vec::new();
    put_element(&mut field, 3, &old);
    assert!(bytes.ends_with(&field), "metadata stands last");
    bytes.truncate(bytes.len() - field.len());
    put_element(&mut bytes, 3, &list);
    bytes
}

#[test]
fn a_torn_tail_ends_the_source_and_the_rest_can_follow() {
    let (room, blocks) = (Room::new(), blocks());
    let whole = record(&blocks[40]);
    room.write(&blocks[..40], 64 << 10);
    let last = (0..).take_while(|n| room.block_file(*n).exists()).count() - 1;
    let before = std::fs::read(room.block_file(last)).expect("a file");
    for cut in [1, 2, whole.len() / 2, whole.len() - 1] {
        let torn = [before.as_slice(), &whole[..cut]].concat();
        std::fs::write(room.block_file(last), torn).expect("writes");
        room.check_refused(
            &room.chain(),
            &[
                "blockfile_",
                "ends within block 40",
                "are needed",
                "run the same command again",
            ],
        );
        assert_eq!(room.height(), 40);
    }
    let all = [before.as_slice(), &whole].concat();
    std::fs::write(room.block_file(last), all).expect("writes");
    assert!(import(&room.data(), &room.chain()).status.success());
    assert_eq!(room.height(), 41);
}

#[test]
fn damage_is_reported_with_its_place() {
    let (room, blocks) = (Room::new(), blocks());
    let blocks = &blocks[..60];
    let check = |words: &[&str]| room.check_refused(&room.chain(), words);
    check(&["is no chain folder", "blockfile_000000"]);

    let files = room.write(blocks, 64 << 10);
    assert!(files >= 4, "{files} files");
    let bytes = |number: usize| std::fs::read(room.block_file(number)).expect("a file");
    let (first, second) = (bytes(0), bytes(1));

    std::fs::remove_file(room.block_file(1)).expect("removes");
    check(&["blockfile_000001 is missing", "whole chain folder"]);

    // A cut in the middle of the chain is not a torn tail.
    std::fs::write(room.block_file(1), &second[..second.len() - 1]).expect("writes");
    check(&["blockfile_000001 is cut off", "byte"]);

    // The blocks of another file.
    std::fs::write(room.block_file(1), &first).expect("writes");
    check(&["blockfile_000001 is damaged", "found block 0"]);

    std::fs::write(room.block_file(1), [0, 0, 0]).expect("writes");
    check(&["byte 0 is no block", "the block number"]);

    let mut shifted = second.clone();
    shifted.insert(100, 0);
    std::fs::write(room.block_file(1), &shifted).expect("writes");
    check(&["blockfile_000001"]);

    // Bytes of no block file at all.
    std::fs::write(room.block_file(1), vec![0xff; 64]).expect("writes");
    check(&["not a file of length-delimited blocks", "claims"]);

    // A peer that joined by a snapshot: its first block has another number.
    std::fs::write(room.block_file(0), record(&blocks[30])).expect("writes");
    check(&["begins with block 30", "snapshot"]);

    // Nothing of it has hurt the ledger.
    room.write(blocks, 64 << 10);
    assert!(import(&room.data(), &room.chain()).status.success());
    assert_eq!(room.height(), 60);
}

#[test]
fn one_block_file_goes_on_where_the_ledger_stands() {
    let (room, blocks) = (Room::new(), blocks());
    room.write(&blocks[..20], usize::MAX);
    assert!(import(&room.data(), &room.block_file(0)).status.success());
    std::fs::write(
        room.block_file(7),
        blocks[20..30]
            .iter()
            .flat_map(|block| record(block))
            .collect::<Vec<u8>>(),
    )
    .expect("writes");
    let output = run(
        "import",
        &room.data(),
        "cars",
        &[room.block_file(7).to_str().expect("UTF-8")],
    );
    assert!(output.status.success());
    assert_eq!(room.height(), 30);
}
