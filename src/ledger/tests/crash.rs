//! Processes that kill themselves at every named point, again and again, until one gets through.
//!
//! The test binary starts itself with one test, [`child`], which does nothing without its variables. An
//! abort loses nothing of the page cache, so this proves the order of the steps and not what a power cut
//! leaves of LMDB's file; the block file's power cuts are enumerated in the block store's own tests.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use super::*;
use crate::sys::failpoint;
use crate::sys::storage::Disk;

const DIR_VARIABLE: &str = "HEDDLE_TEST_CRASH_DIR";
const REBUILD_VARIABLE: &str = "HEDDLE_TEST_CRASH_REBUILD";
const TAKE_BACK_VARIABLE: &str = "HEDDLE_TEST_CRASH_TAKE_BACK";

/// How many blocks a run of the child adds.
const ROUNDS: [usize; 6] = [1, 4, 2, 9, 3, 1];

/// What the child does: appends some groups, applies now and then, and says what was acknowledged.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(DIR_VARIABLE) else {
        return;
    };
    let dir = Path::new(&dir);
    let rebuild = std::env::var_os(REBUILD_VARIABLE).is_some();
    let ledger = if rebuild {
        Ledger::rebuild(dir, &channel(), &options(), &replay, &mut |_| {}).unwrap()
    } else {
        open(dir).unwrap()
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "a file of the test, not of the ledger"
    )]
    let mut acks = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(dir.join("acks"))
        .unwrap();
    for (round, count) in ROUNDS.into_iter().enumerate() {
        append(&ledger, count);
        writeln!(acks, "{}", ledger.height()).unwrap();
        if round % 2 == 1 {
            ledger.apply().unwrap();
        }
    }
}

/// Runs the child; returns whether it got through.
fn run(dir: &Path, fail_point: Option<&str>, rebuild: bool) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "ledger::tests::crash::child", "--nocapture"])
        .env(DIR_VARIABLE, dir);
    command
        .env_remove(failpoint::VARIABLE)
        .env_remove(REBUILD_VARIABLE);
    if let Some(point) = fail_point {
        command.env(failpoint::VARIABLE, point);
    }
    if rebuild {
        command.env(REBUILD_VARIABLE, "1");
    }
    let output = command.output().unwrap();
    let killed =
        std::os::unix::process::ExitStatusExt::signal(&output.status) == Some(libc::SIGABRT);
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || killed, "{fail_point:?}: {text}");
    assert!(!text.contains("panicked"), "{fail_point:?}: {text}");
    output.status.success()
}

fn acknowledged(dir: &Path) -> u64 {
    let acks = fs::read_to_string(dir.join("acks")).unwrap_or_default();
    acks.lines().last().map_or(0, |line| line.parse().unwrap())
}

/// Opens what is left, checks it, and closes it again.
fn check_survivors(dir: &Path, what: &str) -> u64 {
    let ledger = open(dir).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(ledger.height() >= acknowledged(dir), "{what}");
    let info = ledger.info().unwrap();
    assert_eq!(info.state_height, info.height, "{what}: recovered");
    check_view(&ledger.view().unwrap());
    info.height
}

#[test]
fn every_fail_point_is_survived() {
    for point in FAIL_POINTS {
        let rebuild = *point == "after_state_removed";
        let mut killed = 0;
        for nth in 1..=3 {
            let dir = tempfile::tempdir().unwrap();
            // Something to recover: a gap, and a tail that may not be durable.
            assert!(!run(dir.path(), Some("before_state_commit:2"), false));
            let point = format!("{point}:{nth}");
            killed += u32::from(!run(dir.path(), Some(&point), rebuild));
            // Once more at the same point: a crash during the recovery from the first.
            run(dir.path(), Some(&point), rebuild);
            let height = check_survivors(dir.path(), &point);
            assert!(run(dir.path(), None, false), "{point}");
            let added: usize = ROUNDS.iter().sum();
            assert_eq!(check_survivors(dir.path(), &point), height + added as u64);
        }
        assert!(killed > 0, "no run came to {point}");
    }
}

/// What the other child does: takes all blocks off but two.
#[test]
fn take_back_child() {
    if let Some(dir) = std::env::var_os(TAKE_BACK_VARIABLE) {
        Ledger::take_back(&Disk, Path::new(&dir), &channel(), BlockNumber(1)).unwrap();
    }
}

#[test]
fn every_fail_point_of_taking_blocks_off_is_survived() {
    for point in TAKE_BACK_FAIL_POINTS {
        let dir = tempfile::tempdir().unwrap();
        assert!(run(dir.path(), None, false));
        let whole = acknowledged(dir.path());
        fs::remove_file(dir.path().join("acks")).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "ledger::tests::crash::take_back_child"]);
        child.env(TAKE_BACK_VARIABLE, dir.path());
        child.env(failpoint::VARIABLE, point);
        let status = child.output().unwrap().status;
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!(signal, Some(libc::SIGABRT), "{point} is passed");
        let left = check_survivors(dir.path(), point);
        assert!((2..=whole).contains(&left), "{point}: {left}");
        if left > 2 {
            Ledger::take_back(&Disk, dir.path(), &channel(), BlockNumber(1)).unwrap();
        }
        let ledger = open(dir.path()).unwrap();
        let caught_up = (ledger.height(), ledger.catching_up_to());
        assert_eq!(caught_up, (2, Some(whole)), "{point}");
        drop(ledger);
        assert!(run(dir.path(), None, false), "{point}");
        assert_eq!(check_survivors(dir.path(), point), whole + 2);
    }
}

/// A process killed from outside, at any moment.
#[test]
fn kills_at_any_moment_are_survived() {
    let dir = tempfile::tempdir().unwrap();
    for pause_ms in [0, 5, 10, 20, 30, 45, 60, 90] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "ledger::tests::crash::child"])
            .env(DIR_VARIABLE, dir.path());
        command.stdout(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(pause_ms));
        child.kill().unwrap();
        child.wait().unwrap();
        check_survivors(dir.path(), "killed");
    }
}

const SMALL_VARIABLE: &str = "HEDDLE_TEST_SMALL_DISK";

/// Fills a small file system that the parent has mounted, then makes it larger and goes on.
#[test]
fn small_disk_child() {
    let Some(dir) = std::env::var_os(SMALL_VARIABLE) else {
        return;
    };
    let dir = Path::new(&dir);
    let ledger = open(dir).unwrap();
    let (mut acknowledged, mut failed) = (0, None);
    while failed.is_none() {
        failed = ledger.append(&next_blocks(&ledger, 3)).err();
        acknowledged = ledger.height();
        failed = failed.or_else(|| ledger.apply().err());
    }
    let failed = failed.unwrap();
    assert!(matches!(failed, Error::DiskFull { .. }), "{failed:?}");
    assert!(matches!(ledger.apply().unwrap_err(), Error::Stopped));
    check_view(&ledger.view().unwrap());
    drop(ledger);
    let remounted = Command::new("mount")
        .args(["-o", "remount,size=64m"])
        .arg(dir)
        .status()
        .unwrap();
    assert!(remounted.success());
    let ledger = open(dir).unwrap();
    assert!(ledger.height() >= acknowledged && acknowledged > 0);
    append(&ledger, 2);
    ledger.apply().unwrap();
    check_view(&ledger.view().unwrap());
    println!("went on after the disk was full");
}

/// A file system that is really full, where the machine lets us mount one: LMDB's writes too.
#[test]
fn a_full_file_system_is_told_and_survived() {
    // Some of the sizes end in the block file, some in LMDB, of these some within one write.
    for size in (240..560).step_by(20).map(|kib| format!("{kib}k")) {
        let dir = tempfile::tempdir().unwrap();
        let mount = format!("mount -t tmpfs -o size={size} tmpfs \"$0\" || exit 77; exec \"$@\"");
        let output = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount])
            .arg(dir.path())
            .arg(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "ledger::tests::crash::small_disk_child",
                "--nocapture",
            ])
            .env(SMALL_VARIABLE, dir.path())
            .output();
        let Ok(output) = output else { return };
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        if text.contains("unshare failed") || output.status.code() == Some(77) {
            return;
        }
        assert!(output.status.success(), "{size}: {text}");
        assert!(
            text.contains("went on after the disk was full"),
            "{size}: {text}"
        );
    }
}
