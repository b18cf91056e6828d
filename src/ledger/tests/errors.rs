//! What a ledger refuses, and how it fails.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::sys::fault::FaultStorage;

/// A ledger of `height` blocks, closed; all of them in the state.
fn closed(dir: &Path, height: usize) {
    let ledger = open(dir).unwrap();
    append(&ledger, height);
    ledger.apply().unwrap();
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("ch/blocks")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_ledger_is_open_once() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).unwrap();
    assert!(matches!(
        open(dir.path()).unwrap_err(),
        Error::Locked { .. }
    ));
    drop(ledger);
    open(dir.path()).unwrap();
}

#[test]
fn no_ledger_is_made_where_none_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let options = LedgerOptions {
        create: false,
        ..options()
    };
    assert!(matches!(
        open_with(dir.path(), &options).unwrap_err(),
        Error::NoLedger { .. }
    ));
    assert!(!dir.path().join("ch").exists());
    let error = verify(&options.storage, dir.path(), &channel(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::NoLedger { .. }));
    open(dir.path()).unwrap();
    open_with(dir.path(), &options).unwrap();
}

#[test]
fn another_channels_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 2);
    fs::rename(dir.path().join("ch"), dir.path().join("other")).unwrap();
    let other = ChannelId::new("other").unwrap();
    let open = || Ledger::open(dir.path(), &other, &options(), &replay, &mut |_| {});
    let error = open().unwrap_err();
    assert!(
        matches!(&error, Error::OtherChannel { found, .. } if found == "ch"),
        "{error}"
    );
    // Also where only the blocks are left.
    fs::remove_dir_all(dir.path().join("other/state")).unwrap();
    let error = open().unwrap_err();
    assert!(
        matches!(&error, Error::OtherChannel { found, .. } if found == "ch"),
        "{error}"
    );
}

#[test]
fn a_state_ahead_of_the_blocks_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 2);
    let saved = tempfile::tempdir().unwrap();
    copy_dir(&dir.path().join("ch/blocks"), saved.path());
    let ledger = open(dir.path()).unwrap();
    append(&ledger, 3);
    ledger.apply().unwrap();
    drop(ledger);
    fs::remove_dir_all(dir.path().join("ch/blocks")).unwrap();
    copy_dir(saved.path(), &dir.path().join("ch/blocks"));
    let error = open(dir.path()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::StateAhead {
                state: 5,
                blocks: 2,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("remove"), "{error}");
    // Doing it helps.
    fs::remove_dir_all(dir.path().join("ch/state")).unwrap();
    let ledger = open(dir.path()).unwrap();
    assert_eq!(ledger.height(), 2);
    check_view(&ledger.view().unwrap());
}

#[test]
fn a_state_of_other_blocks_is_refused() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    closed(dir.path(), 3);
    let ledger = open(other.path()).unwrap();
    // The same lengths, other hashes.
    let state = ledger.view().unwrap().state().clone();
    let mut previous = Some(Digest([9; 32]));
    let mut layered = state;
    let mut blocks = Vec::new();
    for _ in 0..3 {
        let block = next_block(&layered, if blocks.is_empty() { None } else { previous });
        layered = layered
            .with_pending(std::slice::from_ref(&block.batch))
            .unwrap();
        previous = Some(block.header_hash);
        blocks.push(block);
        if blocks.len() == 1 {
            blocks[0].header_hash = Digest([7; 32]);
            previous = Some(Digest([7; 32]));
        }
    }
    ledger.append(&blocks).unwrap();
    ledger.apply().unwrap();
    drop((ledger, layered));
    fs::remove_dir_all(dir.path().join("ch/state")).unwrap();
    copy_dir(&other.path().join("ch/state"), &dir.path().join("ch/state"));
    let error = open(dir.path()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::OtherBlocks {
                block: BlockNumber(2),
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn blocks_that_do_not_follow_are_refused_without_effect() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).unwrap();
    append(&ledger, 2);
    let blocks = next_blocks(&ledger, 3);
    let error = ledger.append(&blocks[1..]).unwrap_err();
    assert!(matches!(
        error,
        Error::NotNext {
            expected: BlockNumber(2),
            found: BlockNumber(3)
        }
    ));
    let skipped = [blocks[0].clone(), blocks[2].clone()];
    assert!(matches!(
        ledger.append(&skipped).unwrap_err(),
        Error::NotNext { .. }
    ));
    let mut forked = blocks.clone();
    forked[1].previous_hash = Some(Digest([1; 32]));
    let error = ledger.append(&forked).unwrap_err();
    assert!(
        matches!(
            error,
            Error::BrokenChain {
                block: BlockNumber(3)
            }
        ),
        "{error}"
    );
    forked = blocks.clone();
    forked[0].previous_hash = None;
    assert!(matches!(
        ledger.append(&forked).unwrap_err(),
        Error::BrokenChain { .. }
    ));
    assert!(!ledger.is_stopped());
    assert_eq!(ledger.height(), 2);
    ledger.append(&blocks).unwrap();
    check_view(&ledger.view().unwrap());
}

/// Whatever operation finds the disk full, what was acknowledged is there when there is space again.
#[test]
fn a_full_disk_loses_nothing() {
    for after in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let storage = FaultStorage::failing(dir.path(), after, libc::ENOSPC).unwrap();
        let options = LedgerOptions {
            storage: Arc::new(storage),
            ..options()
        };
        let mut acknowledged = 0;
        let failed = match open_with(dir.path(), &options) {
            Ok(ledger) => {
                let failed = (0..8).find_map(|round| {
                    let failed = ledger.append(&next_blocks(&ledger, 1 + round)).err();
                    acknowledged = ledger.height();
                    let _ = ledger.apply();
                    failed
                });
                if failed.is_some() {
                    assert!(ledger.is_stopped());
                    let again = ledger.append(&next_blocks(&ledger, 1)).unwrap_err();
                    assert!(matches!(again, Error::Stopped), "{again}");
                    assert!(matches!(ledger.apply().unwrap_err(), Error::Stopped));
                    check_view(&ledger.view().unwrap());
                }
                failed
            }
            Err(error) => Some(error),
        };
        let Some(failed) = failed else {
            assert!(after > 20, "{after}");
            return;
        };
        assert!(matches!(failed, Error::DiskFull { .. }), "{failed}");
        assert!(failed.to_string().contains("free some space"), "{failed}");
        let ledger = open(dir.path()).unwrap();
        assert!(ledger.height() >= acknowledged);
        append(&ledger, 1);
        check_view(&ledger.view().unwrap());
    }
}

#[test]
fn a_full_disk_is_told_by_the_database_too() {
    let path = Path::new("state");
    for errno in [libc::ENOSPC, libc::EDQUOT] {
        let error = Error::state("write to", path, crate::sys::lmdb::LmdbError::Other(errno));
        assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    }
    let error = Error::state(
        "write to",
        path,
        crate::sys::lmdb::LmdbError::Other(libc::EIO),
    );
    assert!(matches!(error, Error::State { .. }), "{error}");
}

/// A ledger of six blocks of which one is not what its header says.
fn ledger_with_bad_block(dir: &Path, edit: impl Fn(&mut CommitBlock)) {
    let ledger = open(dir).unwrap();
    append(&ledger, 3);
    let mut blocks = next_blocks(&ledger, 3);
    edit(&mut blocks[0]);
    ledger.append(&blocks).unwrap();
}

#[test]
fn verify_names_the_first_damage() {
    let check = |edit: &dyn Fn(&mut CommitBlock), expected: (u64, Damage)| {
        let dir = tempfile::tempdir().unwrap();
        ledger_with_bad_block(dir.path(), edit);
        let storage = options().storage;
        let error = verify(&storage, dir.path(), &channel(), &mut |_| {}).unwrap_err();
        let Error::Corrupt {
            path,
            offset,
            block,
            damage,
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!((block.0, *damage), expected);
        assert!(path.starts_with(dir.path()) && *offset >= 512, "{error}");
    };
    let replace = |block: &mut CommitBlock, number: u64, previous: Option<Digest>, data: &[u8]| {
        let hash = data_hash(&[b"x"]);
        let applied = Applied::default();
        let other = block_with(BlockNumber(number), previous, &[data], &[0], hash, applied);
        block.payload = other.payload;
    };
    check(
        &|block| replace(block, 3, block.previous_hash, b"y"),
        (3, Damage::DataHash),
    );
    check(
        &|block| replace(block, 3, None, b"x"),
        (3, Damage::PreviousHash),
    );
    check(
        &|block| replace(block, 4, block.previous_hash, b"x"),
        (3, Damage::HeaderNumber),
    );
    // A good block, but not the one that its successor names.
    check(
        &|block| replace(block, 3, block.previous_hash, b"x"),
        (4, Damage::PreviousHash),
    );
    check(
        &|block| block.payload = vec![Bytes::from_static(b"\xff")],
        (3, Damage::Undecodable),
    );
}

#[test]
fn verify_finds_flipped_bytes_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 40);
    let storage = options().storage;
    let paths = segments(dir.path());
    assert!(paths.len() > 2);
    for path in &paths[..2] {
        let good = fs::read(path).unwrap();
        for at in (0..good.len()).step_by(97) {
            let mut bad = good.clone();
            bad[at] ^= 4;
            fs::write(path, &bad).unwrap();
            let result = verify(&storage, dir.path(), &channel(), &mut |_| {});
            match result {
                Err(Error::Corrupt { path: named, .. }) => assert_eq!(named, *path, "byte {at}"),
                // Padding between records has no meaning.
                Ok(verified) => assert_eq!((good[at], verified.blocks), (0, 40)),
                Err(error) => panic!("byte {at}: {error}"),
            }
        }
        fs::write(path, good).unwrap();
    }
    verify(&storage, dir.path(), &channel(), &mut |_| {}).unwrap();
}

#[test]
fn verify_tells_of_a_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 3);
    let last = segments(dir.path()).pop().unwrap();
    let mut bytes = fs::read(&last).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes[end + 40] = 1;
    fs::write(&last, &bytes).unwrap();
    let verified = verify(&options().storage, dir.path(), &channel(), &mut |_| {}).unwrap();
    assert_eq!(verified.blocks, 3);
    assert!(verified.torn_bytes > 0);
    assert_eq!(fs::read(&last).unwrap(), bytes, "changes nothing");
    check_view(&open(dir.path()).unwrap().view().unwrap());
    let verified = verify(&options().storage, dir.path(), &channel(), &mut |_| {}).unwrap();
    assert_eq!(verified.torn_bytes, 0);
}

#[test]
fn a_failing_replay_is_passed_on() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).unwrap();
    append(&ledger, 3);
    drop(ledger);
    let failing = |block: &BlockBytes, state: &dyn StateReader| match replay(block, state)? {
        applied if applied.batch.block.0 == 2 => Err(Error::Stopped),
        applied => Ok(applied),
    };
    let error = Ledger::open(dir.path(), &channel(), &options(), &failing, &mut |_| {});
    assert!(matches!(error.unwrap_err(), Error::Stopped));
    check_view(&open(dir.path()).unwrap().view().unwrap());
}
