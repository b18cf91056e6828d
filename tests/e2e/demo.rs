//! `heddle demo`, as somebody runs it who has never seen it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::check_failure;

fn demo(arguments: &[&str], data: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heddle"));
    command.args(["demo", "--blocks", "6"]);
    let txs = ["--txs", "100"];
    command.args(if arguments.is_empty() {
        &txs
    } else {
        arguments
    });
    if let Some(data) = data {
        command.arg("--data").arg(data);
    }
    command.output().expect("the built binary runs")
}

fn text(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// What comes after the heading of the next steps.
fn next_steps(text: &str) -> &str {
    let (_, steps) = text.split_once("Try next\n").expect("next steps");
    steps
}

#[test]
fn it_commits_explains_and_says_how_to_go_on() {
    let room = tempfile::tempdir().expect("a directory");
    let data = room.path().join("kept");
    let kept = text(&demo(&[], Some(&data)));
    for words in [
        "0 VALID",
        "11 MVCC_READ_CONFLICT",
        "Refusal 1 of 3",
        "Refusal 3 of 3",
        "what to do",
        "tx/s",
    ] {
        assert!(kept.contains(words), "{words}: {kept}");
    }
    // Every command that it names works.
    let mut commands = 0;
    for line in next_steps(&kept).lines() {
        let Some((_, arguments)) = line.split_once(" ledger ") else {
            continue;
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_heddle"));
        command.arg("ledger").args(arguments.split_whitespace());
        let output = command.output().expect("the built binary runs");
        assert!(!text(&output).is_empty(), "{line}");
        commands += 1;
    }
    assert_eq!(commands, 4, "{kept}");
    check_failure(demo(&[], Some(&data)), &["--data", "not empty"]);
    // Another run has the same verdicts, and leaves nothing behind.
    let temporary = text(&demo(&[], None));
    let verdicts = |text: &str| -> Vec<String> {
        let (_, verdicts) = text.split_once("Verdicts\n").expect("verdicts");
        let (verdicts, _) = verdicts.split_once("Try next").expect("next steps");
        verdicts.lines().map(str::to_owned).collect()
    };
    assert_eq!(verdicts(&kept), verdicts(&temporary));
    assert!(
        next_steps(&temporary).contains("demo --data heddle-demo --blocks 6 --txs 100 --seed 1")
    );
    let (_, folder) = temporary.split_once("durable in ").expect("a folder");
    let (folder, _) = folder.split_once(".\n").expect("a folder");
    assert!(!Path::new(folder).exists(), "{folder}");
}

#[test]
fn an_interrupt_ends_it_early_and_leaves_nothing() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heddle"));
    let endless = ["demo", "--blocks", "1000000", "--txs", "10"];
    let command = command.args(endless).stdout(Stdio::piped());
    let mut demo = command.spawn().expect("the built binary runs");
    let mut output = BufReader::new(demo.stdout.take().expect("a pipe"));
    let mut text = String::new();
    while !text.contains("durable in ") {
        assert_ne!(output.read_line(&mut text).expect("a line"), 0, "{text}");
    }
    // Some blocks are committed; also an interrupt before the first one is no failure.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let pid = demo.id().to_string();
    let kill = Command::new("kill").args(["-INT", &pid]).status();
    assert!(kill.expect("kill runs").success());
    output.read_to_string(&mut text).expect("UTF-8");
    assert!(demo.wait().expect("it ends").success(), "{text}");
    assert!(
        text.contains("Verdicts") && text.contains("Try next"),
        "{text}"
    );
    let (_, folder) = text.split_once("durable in ").expect("a folder");
    let (folder, _) = folder.split_once(".\n").expect("a folder");
    assert!(!Path::new(folder).exists(), "{folder}");
}

#[test]
fn bad_options_are_named() {
    check_failure(demo(&["--txs", "0"], None), &["--txs", "1 to"]);
    let nowhere = Path::new("/dev/null/folder");
    check_failure(demo(&[], Some(nowhere)), &["/dev/null/folder", "--data"]);
}
