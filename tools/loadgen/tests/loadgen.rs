//! The built program: files in their format, labels that hold, errors that help.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use heddle::ingress::{BlockFile, BlockSource};
use heddle::testing::sequential::SequentialChannel;
use heddle::types::ChannelId;

const EVERYTHING: &str = "--seed 5 --blocks 4 --txs 30 --clients 2 --channel test --keys 50 --fill \
    --reads 2 --writes 2 --value-bytes 10 --deletes 0.1 --hot-keys 3 --hot-share 0.1 --system-reads \
    --conflicts 0.05 --raw-ranges 0.1 --merkle-ranges 0.1 --key-policies 0.1 --private 0.1 \
    --block-to-live 1 --config-every 2 --invalid 0.3 --invalid-kinds all";

fn loadgen(arguments: &str, files: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(arguments.split_whitespace());
    for (option, file) in files {
        command.arg(option).arg(file);
    }
    command.output().expect("the built program runs")
}

/// Runs and expects success.
#[track_caller]
fn made(arguments: &str, files: &[(&str, &Path)]) -> Output {
    let output = loadgen(arguments, files);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    output
}

fn in_folder() -> (tempfile::TempDir, impl Fn(&str) -> PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_owned();
    (folder, move |name| path.join(name))
}

#[test]
fn the_chain_commits_and_the_labels_hold() {
    let (_folder, file) = in_folder();
    let (chain, labels) = (file("chain.pb"), file("labels.jsonl"));
    let output = made(EVERYTHING, &[("--out", &chain), ("--labels", &labels)]);
    let summary = String::from_utf8(output.stderr).unwrap();
    assert!(summary.contains("9 blocks, 125 transactions"), "{summary}");
    assert!(output.stdout.is_empty());

    let mut channel = SequentialChannel::new(ChannelId::new("test").unwrap());
    let mut blocks = BlockFile::open(&chain).unwrap();
    let labels = std::fs::read_to_string(labels).unwrap();
    let mut labels = labels.lines();
    let mut block = 0;
    while let Some(bytes) = blocks.next_block().unwrap() {
        let validated = channel.commit(bytes).unwrap();
        for (tx, code) in validated.codes().iter().enumerate() {
            let line = labels.next().unwrap();
            let known = format!(r#"{{"block":{block},"tx":{tx},"kind":""#);
            assert!(line.starts_with(&known), "{line}");
            let unknown = line.ends_with(r#""mutation","code":null}"#);
            let expected = format!(r#""code":{}}}"#, code.number());
            assert!(unknown || line.ends_with(&expected), "{line} {code}");
        }
        block += 1;
    }
    assert_eq!(block, 9);
    assert_eq!(labels.next(), None);
}

#[test]
fn every_form_has_the_same_blocks() {
    let (_folder, file) = in_folder();
    let small = "--blocks 2 --txs 20 --clients 2 --quiet";
    let (plain, packed, again) = (file("plain.pb"), file("packed.pb.zst"), file("again.pb"));
    assert!(made(small, &[("--out", &plain)]).stderr.is_empty());
    made(small, &[("--out", &packed)]);
    made(&format!("{small} --threads 1"), &[("--out", &again)]);
    let expected = std::fs::read(&plain).unwrap();
    let packed = std::fs::read(packed).unwrap();
    assert!(packed.len() < expected.len());
    assert!(zstd::decode_all(&*packed).unwrap() == expected);
    assert!(std::fs::read(again).unwrap() == expected);
    assert!(made(small, &[("--out", Path::new("-"))]).stdout == expected);
}

#[test]
fn errors_say_what_was_expected() {
    let (folder, file) = in_folder();
    let chain = file("chain.pb");
    let nowhere = file("missing/chain.pb");
    for (arguments, out, expected) in [
        ("--txs 0", &chain, "loadgen: --txs 0: expected 1 to 100000"),
        (
            "--invalid 2",
            &chain,
            "loadgen: --invalid 2: expected a share from 0 to 1",
        ),
        (
            "--invalid-kinds typo",
            &chain,
            "'typo' is no kind: expected a validation code",
        ),
        ("--blocks 1 --txs 1", &nowhere, "loadgen: cannot write"),
        ("--fill", &chain, "loadgen: --fill needs --keys N"),
    ] {
        let output = loadgen(arguments, &[("--out", out)]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(expected), "{arguments}: {errors}");
    }
    // Nothing is left behind, and what was there stays.
    std::fs::write(&chain, "precious").unwrap();
    loadgen(
        "--blocks 1 --txs 1 --labels /dev/full",
        &[("--out", &chain)],
    );
    assert_eq!(std::fs::read_to_string(&chain).unwrap(), "precious");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// What a real peer needs to be a member of the channel: its certificate is one that the channel's authority
/// made, and its key belongs to it.
#[test]
fn msp_folders_are_those_of_the_channel() {
    for (more, has_config) in [
        ("", true),
        ("--no-node-ous", false),
        ("--key-kind ed25519", true),
    ] {
        let (_folder, file) = in_folder();
        let arguments =
            format!("--seed 5 --blocks 1 --txs 2 --peers 2 --orgs 2 --clients 1 {more}");
        made(
            &arguments,
            &[("--out", &file("chain.pb")), ("--msp", &file("msps"))],
        );
        for org in ["Org1", "Org2"] {
            for name in ["peer0", "peer1", "admin"] {
                let msp = file("msps").join(org).join(name).join("msp");
                let signer = heddle::msp::SigningIdentity::load(&msp, &format!("{org}MSP"));
                assert!(signer.is_ok(), "{more} {org} {name}: {signer:?}");
                assert_eq!(msp.join("config.yaml").exists(), has_config);
                assert_eq!(msp.join("admincerts").exists(), !has_config);
            }
        }
    }
}
