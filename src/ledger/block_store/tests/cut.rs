//! Taking blocks off: every place to cut at, every crash of it, damage behind and in front of it.

use super::*;

/// A store as in [`every_crash_keeps_what_was_acknowledged`], closed; its height.
fn filled(dir: &Path) -> u64 {
    let mut store = open(Arc::new(Disk), dir).unwrap();
    for count in GROUPS {
        append(&mut store, count).unwrap();
    }
    assert!(store.active.segment >= 3, "the run is to roll over");
    store.height()
}

fn cut(storage: &dyn Storage, dir: &Path, last: u64) -> Result<(), Error> {
    Cut::behind(storage, dir, &channel(), BlockNumber(last))?.make(storage)
}

#[test]
fn any_block_can_become_the_last_one() {
    let whole = tempfile::tempdir().unwrap();
    let height = filled(whole.path());
    for last in 0..height - 1 {
        let dir = tempfile::tempdir().unwrap();
        copy(whole.path(), dir.path());
        cut(&Disk, dir.path(), last).unwrap();
        let mut store = open(Arc::new(Disk), dir.path()).unwrap();
        assert_eq!(store.height(), last + 1);
        check_blocks(&store);
        append(&mut store, 12).unwrap();
        check_blocks(&store);
        drop(store);
        let store = open(Arc::new(Disk), dir.path()).unwrap();
        assert_eq!(store.height(), last + 13);
        check_blocks(&store);
    }
}

#[test]
fn every_crash_of_a_cut_leaves_a_block_file() {
    let whole = tempfile::tempdir().unwrap();
    let height = filled(whole.path());
    for last in [0, 6, height - 2] {
        let dir = tempfile::tempdir().unwrap();
        copy(whole.path(), dir.path());
        let storage = FaultStorage::new(dir.path()).unwrap();
        cut(&storage, dir.path(), last).unwrap();
        for at in 0..=storage.op_count() {
            for survival in Survival::ALL {
                let what = format!("behind {last}, cut at {at}, {survival:?}");
                let image = tempfile::tempdir().unwrap();
                storage.image(at, survival, image.path()).unwrap();
                check_image(image.path(), last + 1, &what);
            }
        }
        // What is reported as done is done.
        let image = tempfile::tempdir().unwrap();
        let ops = storage.op_count();
        storage
            .image(ops, Survival::SyncedOnly, image.path())
            .unwrap();
        let store = open(Arc::new(Disk), image.path()).unwrap();
        assert_eq!(store.height(), last + 1);
    }
}

#[test]
fn a_failing_disk_leaves_a_block_file() {
    let whole = tempfile::tempdir().unwrap();
    filled(whole.path());
    for after in 0.. {
        let dir = tempfile::tempdir().unwrap();
        copy(whole.path(), dir.path());
        let storage = FaultStorage::failing(dir.path(), after, libc::EIO).unwrap();
        let made = cut(&storage, dir.path(), 3);
        let store = open(Arc::new(Disk), dir.path()).unwrap();
        assert!(store.height() >= 4);
        check_blocks(&store);
        if made.is_ok() {
            assert!(after > 3, "{after}");
            assert_eq!(store.height(), 4);
            break;
        }
    }
}

#[test]
fn nothing_behind_the_block_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let height = filled(dir.path());
    for last in [height - 1, height, u64::MAX - 1] {
        let error = cut(&Disk, dir.path(), last).unwrap_err().to_string();
        let expected = format!(
            "target block number [{last}] should be less than the biggest block number [{}]",
            height - 1
        );
        assert_eq!(error, expected);
    }
    assert_eq!(open(Arc::new(Disk), dir.path()).unwrap().height(), height);
}

#[test]
fn damage_may_be_cut_away_but_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let locations = six_blocks(dir.path());
    flip(&dir.path().join("000000.seg"), locations[2].offset + 24);
    for (last, block) in [(2, 2), (3, 2)] {
        let error = cut(&Disk, dir.path(), last).unwrap_err();
        let Error::Corrupt { block: found, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(found.0, block);
    }
    cut(&Disk, dir.path(), 1).unwrap();
    let store = open(Arc::new(Disk), dir.path()).unwrap();
    assert_eq!(store.height(), 2);
    check_blocks(&store);
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
