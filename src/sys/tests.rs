//! Tests of the doors to the outside: each system facility keeps the promise of its wrapper.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::clock::{Clock, Instant, ManualClock, SystemClock};
use super::failpoint::FailPoint;
use super::fault::{FaultStorage, Survival};
use super::lmdb::{Env, EnvOptions, LmdbError, OpenError};
use super::storage::{Disk, OpenMode, Storage, lock_file};
use super::{process, random};
use crate::limits::{DIRECT_WRITE_BYTES_MIN, DIRECT_WRITE_BYTES_STEP};

#[test]
fn manual_clock_moves_only_when_told() {
    let clock = ManualClock::new();
    let start = clock.now();
    assert_eq!(clock.now().since(start), Duration::ZERO);
    clock.advance(Duration::from_millis(3));
    assert_eq!(clock.now().since(start), Duration::from_millis(3));
    assert_eq!(start.since(clock.now()), Duration::ZERO, "never negative");
    assert_eq!(start.plus(Duration::from_millis(3)), clock.now());
    assert_eq!(Instant::from_micros(7).as_micros(), 7);
}

#[test]
fn system_clock_moves_forward() {
    let clock = SystemClock::new();
    let start = clock.now();
    while clock.now() == start {}
    assert!(clock.now() > start);
    assert!(clock.unix_micros() > 1_700_000_000_000_000, "after 2023");
}

#[test]
fn process_uses_something() {
    let before = process::usage();
    let sum = (0..20_000_000_u64).fold(0_u64, |sum, n| sum.rotate_left(5) ^ n);
    let after = process::usage();
    assert!(after.cpu() > before.cpu(), "{sum}");
    assert!(after.resident_bytes_peak > 1 << 20);
}

#[test]
fn memory_that_is_written_to_is_the_processs_own() {
    const BYTES: usize = 256 << 20;
    let Some(before) = process::own_memory_bytes() else {
        println!("skipped: this system does not say");
        return;
    };
    let written = vec![1_u8; BYTES];
    let after = process::own_memory_bytes().unwrap();
    // Other tests give some back meanwhile.
    assert!(after > before + BYTES as u64 / 2, "{before} and {after}");
    assert!(after > BYTES as u64 && std::hint::black_box(written).len() == BYTES);
}

#[test]
fn random_bytes_differ() {
    assert_ne!(
        random::bytes::<16>().unwrap(),
        random::bytes::<16>().unwrap()
    );
}

#[test]
fn fail_point_kills_at_its_pass() {
    let check = |text: &str, expected: &[(&str, bool)]| {
        let point = FailPoint::parse(text);
        for (name, kills) in expected {
            assert_eq!(point.passes(name), *kills, "{text} at {name}");
        }
    };
    check("here", &[("there", false), ("here", true), ("here", false)]);
    check(
        "here:2",
        &[("here", false), ("there", false), ("here", true)],
    );
    check("here:zero", &[("here", true)]);
    check("here:0", &[("here", true)]);
}

#[test]
fn lock_excludes_a_second_handle() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let first = lock_file(&path).unwrap();
    assert!(first.is_some());
    assert!(lock_file(&path).unwrap().is_none());
    drop(first);
    assert!(lock_file(&path).unwrap().is_some());
}

#[test]
fn map_shows_frozen_bytes_only() {
    let dir = tempfile::tempdir().unwrap();
    let file = Disk.open(&dir.path().join("f"), OpenMode::Create).unwrap();
    let map = file.map(1 << 20).unwrap();
    assert_eq!(map.slice(0, 1), None);
    file.write_at(0, &[b"hel", b"", b"lo"]).unwrap();
    assert_eq!(map.slice(0, 1), None, "written, not frozen");
    assert!(file.freeze(6).is_err(), "beyond the file's end");
    file.freeze(4).unwrap();
    assert_eq!(map.slice(0, 4), Some(&b"hell"[..]));
    assert_eq!(map.slice(1, 3), Some(&b"ell"[..]));
    assert_eq!(map.slice(0, 5), None);
    assert_eq!(map.slice(u64::MAX, 2), None);
    assert!(file.write_at(3, &[b"p"]).is_err(), "frozen bytes are final");
    assert!(file.truncate(3).is_err());
    file.write_at(4, &[b"p!"]).unwrap();
    file.freeze(6).unwrap();
    assert_eq!(map.slice(0, 6), Some(&b"hellp!"[..]));
}

#[test]
fn write_takes_more_slices_than_the_system_does_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    let file = Disk.open(&path, OpenMode::Create).unwrap();
    let slices = vec![&b"abc"[..]; 5000];
    file.write_at(2, &slices).unwrap();
    file.write_at(0, &[b"", b""]).unwrap();
    assert_eq!(
        fs::read(path).unwrap(),
        [b"\0\0".to_vec(), b"abc".repeat(5000)].concat()
    );
}

/// Large writes go through another door than small ones: whatever the order, the offsets and the cuts between
/// slices, the file has what was written last, and maps show it.
#[test]
fn writes_of_any_size_and_offset_are_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    let file = Disk.open(&path, OpenMode::Create).unwrap();
    let map = file.map(32 << 20).unwrap();
    let mut expected = Vec::new();
    let large = DIRECT_WRITE_BYTES_MIN + DIRECT_WRITE_BYTES_STEP;
    for (round, size) in [512, large, 3, large + 4095, 4096 * 200, 1, large]
        .iter()
        .enumerate()
    {
        let bytes: Vec<u8> = (0..*size)
            .map(|at| (at / 7 + round * 31).to_le_bytes()[0])
            .collect();
        let (first, rest) = bytes.split_at(size / 3);
        file.preallocate((expected.len() + size + 10_000) as u64)
            .unwrap();
        file.write_at(expected.len() as u64, &[b"", first, b"", rest])
            .unwrap();
        expected.extend_from_slice(&bytes);
        file.sync_data().unwrap();
        file.freeze(expected.len() as u64).unwrap();
        assert!(
            map.slice(0, expected.len()) == Some(&expected[..]),
            "round {round}"
        );
    }
    assert!(fs::read(path).unwrap()[..expected.len()] == expected);
}

#[test]
fn preallocated_space_is_zero() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    let file = Disk.open(&path, OpenMode::Create).unwrap();
    file.write_at(0, &[b"x"]).unwrap();
    file.preallocate(4096).unwrap();
    file.preallocate(10).unwrap();
    let bytes = fs::read(path).unwrap();
    assert_eq!((bytes.len(), bytes[0]), (4096, b'x'));
    assert!(bytes[1..].iter().all(|byte| *byte == 0));
}

#[test]
fn free_space_is_known() {
    assert!(super::storage::free_bytes(Path::new("/")).unwrap() > 0);
    assert!(super::storage::free_bytes(Path::new("/no such place")).is_err());
}

/// Writes `a` and syncs it with its name, then `b`, then renames the file.
fn recorded(dir: &Path) -> FaultStorage {
    let storage = FaultStorage::new(dir).unwrap();
    let file = storage.open(&dir.join("old"), OpenMode::Create).unwrap();
    file.write_at(0, &[b"a"]).unwrap();
    file.sync_data().unwrap();
    storage.sync_dir(dir).unwrap();
    file.write_at(1, &[b"bb"]).unwrap();
    storage.rename(&dir.join("old"), &dir.join("new")).unwrap();
    storage
}

#[test]
fn images_hold_what_a_crash_may_leave() {
    let dir = tempfile::tempdir().unwrap();
    let storage = recorded(dir.path());
    assert_eq!(storage.op_count(), 6);
    let check = |count, survival, expected: &[(&str, &str)]| {
        let image = tempfile::tempdir().unwrap();
        storage.image(count, survival, image.path()).unwrap();
        let found: Vec<_> = Disk.list(image.path()).unwrap();
        let found: Vec<(&str, String)> = found
            .iter()
            .map(|name| {
                (
                    name.as_str(),
                    fs::read_to_string(image.path().join(name)).unwrap(),
                )
            })
            .collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(name, text)| (*name, &**text)).collect();
        assert_eq!(found, expected, "{count} {survival:?}");
    };
    check(0, Survival::Everything, &[]);
    check(2, Survival::Everything, &[("old", "a")]);
    check(2, Survival::SyncedOnly, &[]);
    check(3, Survival::SyncedOnly, &[]);
    check(4, Survival::SyncedOnly, &[("old", "a")]);
    check(5, Survival::TornLast, &[("old", "ab")]);
    check(5, Survival::FirstLost, &[("old", "a")]);
    check(6, Survival::Everything, &[("new", "abb")]);
    check(6, Survival::SyncedOnly, &[("old", "a")]);
}

#[test]
fn failing_storage_fails_from_there_on() {
    let dir = tempfile::tempdir().unwrap();
    let storage = FaultStorage::failing(dir.path(), 1, libc::ENOSPC).unwrap();
    let file = storage
        .open(&dir.path().join("f"), OpenMode::Create)
        .unwrap();
    file.write_at(0, &[b"1234"]).unwrap();
    let error = file.write_at(4, &[b"5678"]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOSPC));
    assert_eq!(file.byte_len().unwrap(), 6, "half of it was written");
    assert!(file.sync_data().is_err());
}

const OPTIONS: EnvOptions = EnvOptions {
    map_bytes: 64 << 10,
    readers_max: 8,
    tables_max: 2,
};

#[test]
fn environment_opens_once() {
    let dir = tempfile::tempdir().unwrap();
    let open = Env::open(dir.path(), &OPTIONS).unwrap();
    assert!(matches!(
        Env::open(dir.path(), &OPTIONS),
        Err(OpenError::Locked)
    ));
    drop(open);
    Env::open(dir.path(), &OPTIONS).unwrap();
}

#[test]
fn readers_are_limited() {
    let dir = tempfile::tempdir().unwrap();
    let (env, _writer) = Env::open(dir.path(), &OPTIONS).unwrap();
    let open: Vec<_> = (0..8).map(|_| env.read().unwrap()).collect();
    assert_eq!(env.read().unwrap_err(), LmdbError::ReadersFull);
    drop(open);
    env.read().unwrap();
}

#[test]
fn map_grows_when_the_last_reader_has_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (env, mut writer) = Env::open(dir.path(), &OPTIONS).unwrap();
    let table = writer.create_table("t").unwrap();
    let mut txn = writer.begin().unwrap();
    txn.put(table, b"k", b"small").unwrap();
    txn.commit().unwrap();

    let large = vec![7; 200 << 10];
    let full = writer.begin().unwrap().put(table, b"k", &large);
    assert_eq!(full, Err(LmdbError::MapFull));

    let reader = env.read().unwrap();
    assert_eq!(reader.get(table, b"k").unwrap(), Some(&b"small"[..]));
    let mut reader = Some(reader);
    let mut waits = 0;
    writer
        .grow(&mut || {
            waits += 1;
            if waits == 3 {
                drop(reader.take());
            }
        })
        .unwrap();
    assert_eq!(waits, 3, "did not wait for the reader");
    writer.grow(&mut || panic!("there is no reader")).unwrap();
    writer.grow(&mut || panic!("there is no reader")).unwrap();
    assert_eq!(writer.map_bytes(), 512 << 10);

    let mut txn = writer.begin().unwrap();
    txn.put(table, b"k", &large).unwrap();
    txn.commit().unwrap();
    assert_eq!(
        env.read().unwrap().get(table, b"k").unwrap(),
        Some(&large[..])
    );
}

#[test]
fn read_transaction_moves_between_threads_and_keeps_its_state() {
    let dir = tempfile::tempdir().unwrap();
    let (env, mut writer) = Env::open(dir.path(), &OPTIONS).unwrap();
    let table = writer.create_table("t").unwrap();
    let put = |writer: &mut super::lmdb::Writer, value: &[u8]| {
        let mut txn = writer.begin().unwrap();
        txn.put(table, b"k", value).unwrap();
        txn.commit().unwrap();
    };
    put(&mut writer, b"1");
    let old = env.read().unwrap();
    put(&mut writer, b"2");
    let old = std::thread::spawn(move || {
        assert_eq!(old.get(table, b"k").unwrap(), Some(&b"1"[..]));
        old
    });
    let old = old.join().unwrap();
    assert_eq!(
        old.rows(table, b"").unwrap().next(),
        Some(Ok((&b"k"[..], &b"1"[..])))
    );
    drop(Arc::clone(&env));
    drop((env, writer));
    assert_eq!(
        old.get(table, b"k").unwrap(),
        Some(&b"1"[..]),
        "keeps the environment open"
    );
}

#[test]
fn rows_begin_at_their_start() {
    let dir = tempfile::tempdir().unwrap();
    let (env, mut writer) = Env::open(dir.path(), &OPTIONS).unwrap();
    let table = writer.create_table("t").unwrap();
    let mut txn = writer.begin().unwrap();
    for key in [b"b", b"d"] {
        txn.put(table, key, b"").unwrap();
    }
    assert_eq!(txn.first_key(table).unwrap().as_deref(), Some(&b"b"[..]));
    txn.commit().unwrap();
    let txn = env.read().unwrap();
    let check = |start: &[u8], expected: &str| {
        let keys = txn.rows(table, start).unwrap().map(|row| row.unwrap().0);
        assert_eq!(
            keys.collect::<Vec<_>>().concat(),
            expected.as_bytes(),
            "{start:?}"
        );
    };
    check(b"", "bd");
    check(b"b", "bd");
    check(b"ba", "d");
    check(b"d", "d");
    check(b"e", "");
}
