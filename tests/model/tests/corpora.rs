//! The model against what real Fabric peers said: codes and commit hashes of every bundled chain from
//! application capability V2_0 on. This is the proof that the model is right.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use heddle::types::ChannelId;
use model::{Model, check_blocks, on_deep_stack, split_blocks};

fn file(corpus: &str, file: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let bytes =
        std::fs::read(folder.join(corpus).join(format!("{file}.zst"))).expect("a bundled file");
    zstd::decode_all(&*bytes).expect("zstd")
}

/// The lines of `expected.jsonl`, as the model would write them.
fn check(corpus: &str, channel: &str) {
    let expected = String::from_utf8(file(corpus, "expected.jsonl")).expect("UTF-8");
    let expected: Vec<serde_json::Value> = expected
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let mut lines = expected.iter();
    let mut model = Model::new(ChannelId::new(channel).expect("a name"));
    let blocks = split_blocks(&file(corpus, "blocks.pb")).expect("blocks");
    for (number, block) in blocks.iter().enumerate() {
        let verdict = model.commit(block);
        let verdict = verdict.unwrap_or_else(|halt| panic!("{corpus} block {number}: {halt:?}"));
        for (tx, code) in verdict.codes.iter().enumerate() {
            let line = lines.next().expect("a line");
            let found = (line["block"].as_u64(), line["tx"].as_u64());
            assert_eq!(found, (Some(number as u64), Some(tx as u64)), "{corpus}");
            assert_eq!(line["code_name"], code.name(), "{corpus}: {line}");
        }
        let hash = verdict.commit_hash.map(|hash| hash.to_string());
        let line = lines.next().expect("a line");
        assert_eq!(
            line["commit_hash"],
            hash.unwrap_or_default(),
            "{corpus}: {line}"
        );
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn real_cars() {
    on_deep_stack(|| check("real-cars", "cars"));
}

#[test]
fn crafted_basic() {
    on_deep_stack(|| check("crafted-basic", "basic"));
}

#[test]
fn crafted_keylevel() {
    on_deep_stack(|| check("crafted-keylevel", "keylevel"));
}

#[test]
fn crafted_ed25519() {
    on_deep_stack(|| check("crafted-ed25519", "ed"));
}

#[test]
fn crafted_config() {
    on_deep_stack(|| check("crafted-config", "config"));
}

/// Model and heddle agree on every chain, in what the corpora have no lines for, too.
#[test]
fn heddle_agrees() {
    for corpus in [
        "real-cars",
        "crafted-basic",
        "crafted-keylevel",
        "crafted-config",
    ] {
        let blocks = split_blocks(&file(corpus, "blocks.pb")).expect("blocks");
        check_blocks(&blocks).unwrap_or_else(|difference| panic!("{corpus}: {difference}"));
    }
}
