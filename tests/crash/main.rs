//! Kills the built binary: at every named point of commit and recovery, and at arbitrary moments. Then
//! opens what is left, goes on, and compares with a peer that was never killed.
//!
//! Nothing acknowledged may be missing, nothing may be there twice, and codes and state must come out
//! as if nothing had happened. SIGKILL leaves what the kernel has: that this survives power cuts, too,
//! is the matter of the ledger's own tests on a simulated disk.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use heddle::ledger::FAIL_POINTS;
use support::{check_export, corpus, corpus_file, heddle, run, succeed};

const CORPUS: &str = "crafted-basic";
const CHANNEL: &str = "basic";

fn source() -> String {
    corpus_file(CORPUS, "blocks.pb.zst")
        .to_str()
        .expect("a UTF-8 path")
        .to_owned()
}

/// Imports with a crash at `fail_point`; the last height that was acknowledged, and whether it crashed.
fn crashing_import(data: &Path, fail_point: &str) -> (u64, bool) {
    let mut import = heddle("import", data, CHANNEL, &["--heights", &source()]);
    let output = import
        .env("HEDDLE_FAILPOINT", fail_point)
        .output()
        .expect("heddle starts");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let heights = stdout.lines().map_while(|line| line.parse().ok());
    (heights.last().unwrap_or(0), output.status.code().is_none())
}

fn height(data: &Path) -> u64 {
    let info = succeed("info", data, CHANNEL, &["--json"]);
    let info: serde_json::Value = serde_json::from_slice(&info).expect("JSON");
    assert_eq!(
        info["height"], info["state_height"],
        "recovery brings the state up: {info}"
    );
    info["height"].as_u64().expect("a number")
}

/// Goes on and compares with the corpus.
fn check_completes(data: &Path, acknowledged: u64, what: &str) {
    if data.join(CHANNEL).join("blocks").is_dir() {
        let height = height(data);
        assert!(
            height >= acknowledged,
            "{what}: {acknowledged} acknowledged, {height} there"
        );
    } else {
        assert_eq!(acknowledged, 0, "{what}");
    }
    succeed("import", data, CHANNEL, &[&source()]);
    assert_eq!(height(data), 55, "{what}");
    check_export(data, CHANNEL, "--codes", &corpus(CORPUS, "expected.jsonl"));
    check_export(data, CHANNEL, "--state", &corpus(CORPUS, "state.jsonl"));
    succeed("verify", data, CHANNEL, &[]);
}

#[test]
fn a_crash_at_every_point_of_an_import() {
    let mut hit = 0;
    for point in FAIL_POINTS {
        for nth in [1, 2, 7] {
            let data = tempfile::tempdir().expect("a directory");
            let fail_point = format!("{point}:{nth}");
            let (acknowledged, crashed) = crashing_import(data.path(), &fail_point);
            hit += usize::from(crashed);
            check_completes(data.path(), acknowledged, &fail_point);
        }
    }
    assert!(hit >= 9, "only {hit} of the points were passed");
}

#[test]
fn a_crash_during_the_recovery_from_a_crash() {
    for point in [
        "before_state_commit:1",
        "after_state_commit:1",
        "during_recovery:1",
    ] {
        let data = tempfile::tempdir().expect("a directory");
        let (acknowledged, crashed) = crashing_import(data.path(), "before_state_commit:2");
        assert!(crashed);
        // The state is behind the blocks: the next start replays, and dies of it.
        let mut info = heddle("info", data.path(), CHANNEL, &[]);
        let output = info
            .env("HEDDLE_FAILPOINT", point)
            .output()
            .expect("heddle starts");
        assert_eq!(output.status.code(), None, "{point} is passed");
        check_completes(data.path(), acknowledged, point);
    }
}

#[test]
fn a_crash_while_the_state_is_rebuilt() {
    let data = tempfile::tempdir().expect("a directory");
    succeed("import", data.path(), CHANNEL, &[&source()]);
    for point in [
        "after_state_removed",
        "during_recovery:1",
        "before_state_commit:1",
    ] {
        let mut rebuild = heddle("rebuild-state", data.path(), CHANNEL, &[]);
        let output = rebuild
            .env("HEDDLE_FAILPOINT", point)
            .output()
            .expect("heddle starts");
        assert_eq!(output.status.code(), None, "{point} is passed");
        check_completes(data.path(), 55, point);
    }
}

/// `heddle node rollback` to block 20, with a crash at a point.
fn crashing_rollback(data: &Path, fail_point: &str) -> Option<i32> {
    let mut rollback = Command::new(env!("CARGO_BIN_EXE_heddle"));
    rollback.args(["node", "rollback", "-c", CHANNEL, "-b", "20", "--data"]);
    rollback.arg(data).env("HEDDLE_FAILPOINT", fail_point);
    rollback.output().expect("heddle starts").status.code()
}

#[test]
fn a_crash_while_blocks_are_taken_off() {
    for (point, left) in [
        ("after_reset_noted", 55),
        ("after_state_removed", 55),
        ("after_rollback", 21),
        ("before_state_commit:1", 21),
        ("during_recovery:1", 21),
    ] {
        let data = tempfile::tempdir().expect("a directory");
        succeed("import", data.path(), CHANNEL, &[&source()]);
        let code = crashing_rollback(data.path(), point);
        assert_eq!(code, None, "{point} is passed");
        assert_eq!(height(data.path()), left, "{point}");
        let again = if left == 21 { Some(1) } else { Some(0) };
        assert_eq!(crashing_rollback(data.path(), "none"), again, "{point}");
        assert_eq!(height(data.path()), 21, "{point}");
        check_completes(data.path(), 21, point);
    }
}

#[test]
fn a_state_that_is_gone_is_made_again() {
    let data = tempfile::tempdir().expect("a directory");
    succeed("import", data.path(), CHANNEL, &[&source()]);
    std::fs::remove_dir_all(data.path().join(CHANNEL).join("state")).expect("removes");
    check_completes(data.path(), 55, "no state");
}

#[test]
fn a_state_ahead_of_the_blocks_is_refused() {
    let data = tempfile::tempdir().expect("a directory");
    succeed("import", data.path(), CHANNEL, &[&source()]);
    let blocks = data.path().join(CHANNEL).join("blocks");
    std::fs::remove_dir_all(&blocks).expect("removes");
    std::fs::create_dir(&blocks).expect("creates");
    let output = run("info", data.path(), CHANNEL, &[]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("is at height 55, the block files end at 0"),
        "{stderr}"
    );
}

#[test]
fn kills_at_arbitrary_moments() {
    let data = tempfile::tempdir().expect("a directory");
    let mut acknowledged = 0;
    // Delays from a fixed sequence: short ones die in opening and recovery, longer ones in the stages.
    for kill in 0..24_u64 {
        let mut import = heddle("import", data.path(), CHANNEL, &["--heights", &source()]);
        let import = import.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = import.spawn().expect("heddle starts");
        let delay = Duration::from_micros(kill.wrapping_mul(7919) % 61 * 1500);
        std::thread::sleep(delay);
        child.kill().expect("kills");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let heights = output
            .lines()
            .map_while(|line| line.ok()?.parse::<u64>().ok());
        acknowledged = heights.fold(acknowledged, u64::max);
        child.wait().expect("ends");
        if data.path().join(CHANNEL).join("blocks").is_dir() {
            let height = height(data.path());
            assert!(
                height >= acknowledged,
                "kill {kill}: {acknowledged} acknowledged, {height} there"
            );
        }
    }
    check_completes(data.path(), acknowledged, "kills");
}
