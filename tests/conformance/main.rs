//! Every bundled corpus through the built binary: codes, header hashes, commit hashes and final state,
//! byte for byte, at several worker counts.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod edge_cases;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::io::Read;

use heddle::crypto::Backend;
use support::{CORPORA, check_export, corpus, corpus_file, heddle, run, split, succeed};

fn check_corpora(workers: &str, backend: Backend) {
    let backend = backend.to_string();
    for (name, channel) in CORPORA {
        let data = tempfile::tempdir().expect("a directory");
        let source = corpus_file(name, "blocks.pb.zst");
        let source = source.to_str().expect("a UTF-8 path");
        succeed(
            "import",
            data.path(),
            channel,
            &["--workers", workers, "--crypto-backend", &backend, source],
        );
        check_export(
            data.path(),
            channel,
            "--codes",
            &corpus(name, "expected.jsonl"),
        );
        check_export(
            data.path(),
            channel,
            "--state",
            &corpus(name, "state.jsonl"),
        );
    }
}

/// One of the backends, where this CPU can run it.
fn check_backend(backend: Backend) {
    if !backend.is_available() {
        return;
    }
    for workers in ["1", "2", "8"] {
        check_corpora(workers, backend);
    }
}

#[test]
fn every_corpus_with_the_library_alone() {
    check_backend(Backend::Library);
}

#[test]
fn every_corpus_with_tables() {
    check_backend(Backend::Scalar);
}

#[test]
fn every_corpus_with_tables_and_lanes() {
    check_backend(Backend::Avx512Ifma);
}

#[test]
fn a_real_ledger_is_stored_as_a_fabric_peer_stored_it() {
    let data = tempfile::tempdir().expect("a directory");
    let source = corpus_file("real-cars", "blocks.pb.zst");
    let source = source.to_str().expect("a UTF-8 path");
    let summary = succeed(
        "import",
        data.path(),
        "cars",
        &["--compare", "--json", source],
    );
    let summary: serde_json::Value = serde_json::from_slice(&summary).expect("JSON");
    assert_eq!(summary["differences"], 0);
    assert_eq!(
        (&summary["blocks"], &summary["transactions"]),
        (&306.into(), &1178.into())
    );
    let blocks = succeed("export", data.path(), "cars", &["--blocks"]);
    assert!(
        blocks == corpus("real-cars", "blocks.pb"),
        "the stored blocks differ"
    );

    // From the blocks alone the state comes out again.
    succeed("rebuild-state", data.path(), "cars", &[]);
    check_export(
        data.path(),
        "cars",
        "--state",
        &corpus("real-cars", "state.jsonl"),
    );
}

#[test]
fn compare_reports_what_differs() {
    let data = tempfile::tempdir().expect("a directory");
    // Blocks as an orderer delivers them have no codes to compare with.
    let source = corpus_file("crafted-basic", "blocks.pb.zst");
    let source = source.to_str().expect("a UTF-8 path");
    let output = run(
        "import",
        data.path(),
        "basic",
        &["--compare", "--json", source],
    );
    assert_eq!(output.status.code(), Some(1));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        summary["differences"], 54,
        "every block but the genesis block: {summary}"
    );
    assert_eq!(
        summary["height"], 55,
        "differences do not keep blocks from being committed"
    );
}

#[test]
fn blocks_overlap() {
    let data = tempfile::tempdir().expect("a directory");
    let trace = data.path().join("trace.jsonl");
    let source = corpus_file("real-cars", "blocks.pb.zst");
    let arguments = [
        "--json",
        "--trace",
        trace.to_str().expect("UTF-8"),
        source.to_str().expect("UTF-8"),
    ];
    let summary = succeed("import", data.path(), "cars", &arguments);
    let summary: serde_json::Value = serde_json::from_slice(&summary).expect("JSON");
    assert!(
        summary["blocks_in_flight_max"].as_u64() >= Some(4),
        "{summary}"
    );

    // At some moment four different blocks had begun decode and not left notify's predecessor.
    let trace = std::fs::read_to_string(trace).expect("a trace");
    let mut spans: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for line in trace.lines() {
        let visit: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let number = |name: &str| visit[name].as_u64().expect("a number");
        let span = spans.entry(number("block")).or_insert((u64::MAX, 0));
        *span = (span.0.min(number("start_us")), span.1.max(number("end_us")));
    }
    assert_eq!(spans.len(), 306);
    let overlap = spans.values().map(|(start, _)| {
        spans
            .values()
            .filter(|(from, to)| from <= start && start < to)
            .count()
    });
    assert!(overlap.max() >= Some(4), "no four blocks overlap");
}

/// What the real peer did with a probe's last block.
struct Probe {
    name: String,
    file: String,
    block: u64,
    outcome: String,
    codes: Vec<String>,
}

fn probes() -> Vec<Probe> {
    let outcomes = String::from_utf8(corpus("crafted-refused", "outcomes.jsonl")).expect("UTF-8");
    let probe = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| line[name].as_str().expect("a string").to_owned();
        let codes = line["codes"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        Probe {
            name: text("probe"),
            file: text("file"),
            block: line["block"].as_u64().expect("a number"),
            outcome: text("outcome"),
            codes: codes
                .iter()
                .map(|code| code.as_str().expect("a name").to_owned())
                .collect(),
        }
    };
    outcomes.lines().map(probe).collect()
}

fn probe_files() -> BTreeMap<String, Vec<u8>> {
    let tar = corpus("crafted-refused", "blocks.tar");
    let mut archive = tar::Archive::new(&*tar);
    let mut files = BTreeMap::new();
    for entry in archive.entries().expect("a tar file") {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a path").to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("its bytes");
        files.insert(name, bytes);
    }
    files
}

/// The codes of the last block, if it was committed; its number must be `block`.
fn outcome(source: &[u8], block: u64) -> Option<Vec<String>> {
    let data = tempfile::tempdir().expect("a directory");
    let path = data.path().join("blocks.pb");
    std::fs::write(&path, source).expect("writes");
    let mut import = heddle(
        "import",
        data.path(),
        "basic",
        &[path.to_str().expect("UTF-8")],
    );
    let output = import.output().expect("heddle starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => assert_eq!(stderr, ""),
        Some(1) => assert_eq!(stderr.lines().count(), 1, "one clear line: {stderr}"),
        other => panic!("heddle ended with {other:?}: {stderr}"),
    }
    let codes = String::from_utf8(succeed("export", data.path(), "basic", &["--codes"]));
    let codes: Vec<serde_json::Value> = codes
        .expect("UTF-8")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|line: &serde_json::Value| line["block"] == block)
        .collect();
    // Whatever became of the block, the ones before it are there and sound.
    let info = succeed("info", data.path(), "basic", &["--json"]);
    let info: serde_json::Value = serde_json::from_slice(&info).expect("JSON");
    let good = split(source).len() as u64 - 1;
    assert_eq!(
        info["height"].as_u64(),
        Some(if codes.is_empty() { good } else { good + 1 })
    );
    succeed("verify", data.path(), "basic", &[]);
    let names = codes
        .iter()
        .filter_map(|line| line["code_name"].as_str())
        .map(str::to_owned);
    (!codes.is_empty()).then(|| names.collect())
}

/// Our own rule where the real peer has no verdict (see the manual's chapter on verdicts): the codes of
/// the last block, or nothing where the channel stops before it.
const OWN_RULES: &[(&str, &str)] = &[
    ("block/header-nil", ""),
    ("payload/header-missing", "VALID BAD_COMMON_HEADER VALID"),
    (
        "action/endorsed-action-nil",
        "VALID INVALID_ENDORSER_TRANSACTION VALID",
    ),
    (
        "action/payload-nil",
        "VALID INVALID_ENDORSER_TRANSACTION VALID",
    ),
    (
        "action/endorsed-action-nil-bad-signature",
        "VALID BAD_CREATOR_SIGNATURE VALID",
    ),
    (
        "header/channel-id-empty-own-org",
        "VALID BAD_CREATOR_SIGNATURE VALID",
    ),
    ("config/type-config-garbage-data", ""),
    ("config/type-config-with-endorser-data", ""),
    (
        "config/type-config-empty-data",
        "VALID INVALID_CONFIG_TRANSACTION VALID",
    ),
    (
        "rwset/raw-range-read-without-version",
        "VALID PHANTOM_READ_CONFLICT VALID",
    ),
    ("rwset/merkle-degree-0", ""),
    ("rwset/merkle-degree-1", ""),
    (
        "rwset/merkle-level-1-with-many-leaves",
        "VALID PHANTOM_READ_CONFLICT VALID",
    ),
    ("rwset/null-metadata-policy-then-write", ""),
    (
        "rwset/metadata-written-to-undefined-collection",
        "VALID ENDORSEMENT_POLICY_FAILURE VALID",
    ),
    ("rwset/empty-collection-name-written", ""),
    (
        "rwset/bad-collection-name-written",
        "VALID ENDORSEMENT_POLICY_FAILURE VALID",
    ),
    ("lifecycle/unknown-plugin", ""),
    ("lifecycle/plugin-name-of-endorser", ""),
    ("lifecycle/metadata-garbage", ""),
    ("lifecycle/metadata-other-datatype", ""),
    ("lifecycle/validation-info-garbage", ""),
    ("lifecycle/validation-info-wrong-state-data-type", ""),
    ("lifecycle/validation-info-not-state-data", ""),
    (
        "rwset/metadata-after-delete-in-same-block",
        "VALID VALID VALID VALID",
    ),
    (
        "rwset/delete-twice-in-one-tx-after-delete-in-same-block",
        "VALID VALID VALID VALID",
    ),
    (
        "rwset/metadata-after-delete-of-absent-key-in-same-block",
        "VALID VALID VALID VALID",
    ),
    (
        "keylevel/duplicate-txid-of-earlier-block-with-metadata-then-write",
        "DUPLICATE_TXID VALID VALID VALID",
    ),
    (
        "keylevel/bad-creator-signature-with-metadata-then-write",
        "BAD_CREATOR_SIGNATURE VALID VALID VALID",
    ),
    (
        "keylevel/bad-txid-with-metadata-then-write",
        "BAD_PROPOSAL_TXID VALID VALID VALID",
    ),
    (
        "keylevel/metadata-in-namespace-not-validated-then-write",
        "INVALID_CHAINCODE VALID ENDORSEMENT_POLICY_FAILURE VALID",
    ),
    (
        "keylevel/bad-payload-then-write",
        "BAD_PAYLOAD VALID VALID VALID",
    ),
    (
        "keylevel/bad-payload-then-read-only",
        "BAD_PAYLOAD VALID VALID VALID",
    ),
    (
        "keylevel/transaction-garbage-then-write",
        "INVALID_ENDORSER_TRANSACTION VALID VALID VALID",
    ),
    (
        "keylevel/no-actions-then-write",
        "INVALID_ENDORSER_TRANSACTION VALID VALID VALID",
    ),
];

#[test]
fn refused_and_deadly_blocks() {
    let files = probe_files();
    let mut wrong = Vec::new();
    for probe in probes() {
        let found = outcome(&files[&probe.file], probe.block);
        let expected = match probe.outcome.as_str() {
            "committed" => Some(probe.codes),
            "block-refused" => None,
            _ => {
                let rule = OWN_RULES.iter().find(|(name, _)| *name == probe.name);
                let (_, codes) = rule.expect("a rule of our own for each");
                let codes: Vec<String> = codes.split_whitespace().map(str::to_owned).collect();
                (!codes.is_empty()).then_some(codes)
            }
        };
        if found != expected {
            wrong.push(format!("{}: {found:?}, expected {expected:?}", probe.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
