//! Damage that is refused, and damage that is a torn tail.

use super::*;

#[test]
fn damage_in_the_middle_is_refused_and_named() {
    let check = |block: usize, at: u64, expected: Damage| {
        let dir = tempfile::tempdir().unwrap();
        let locations = six_blocks(dir.path());
        let path = dir.path().join("000000.seg");
        flip(&path, locations[block].offset + at);
        let error = open(Arc::new(Disk), dir.path()).unwrap_err();
        let Error::Corrupt {
            path: named,
            offset,
            block: number,
            damage,
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!((named, *offset), (&path, locations[block].offset));
        assert_eq!((number.0, *damage), (block as u64, expected));
        let text = error.to_string();
        assert!(
            text.contains("000000.seg") && text.contains("backup"),
            "{text}"
        );
    };
    check(0, 0, Damage::Header);
    check(0, 8, Damage::Checksum);
    check(1, 12, Damage::Checksum);
    check(1, 15, Damage::Header);
    check(2, 16, Damage::Checksum);
    check(2, 24, Damage::Checksum);
    check(3, 33, Damage::Checksum);
}

#[test]
fn a_hole_in_the_middle_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let locations = six_blocks(dir.path());
    let at = usize::try_from(locations[2].offset).unwrap();
    let end = usize::try_from(locations[4].offset).unwrap();
    change(&dir.path().join("000000.seg"), |bytes| {
        bytes[at..end].fill(0)
    });
    let error = open(Arc::new(Disk), dir.path()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Corrupt {
                block: BlockNumber(2),
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn damage_of_the_last_group_is_a_torn_tail_unless_the_state_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let locations = six_blocks(dir.path());
    flip(&dir.path().join("000000.seg"), locations[4].offset + 40);
    let savepoint = |height: usize| Savepoint {
        height: height as u64,
        last: locations[height - 1],
    };
    let error = open_at(Arc::new(Disk), dir.path(), Some(savepoint(5))).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Corrupt {
                block: BlockNumber(4),
                ..
            }
        ),
        "{error}"
    );

    // Blocks below the last one that the state has are not read again before somebody asks.
    let store = open_at(Arc::new(Disk), dir.path(), Some(savepoint(6))).unwrap();
    let error = store
        .reader()
        .read(locations[4], BlockNumber(4))
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Corrupt {
                block: BlockNumber(4),
                ..
            }
        ),
        "{error}"
    );

    let store = open_at(Arc::new(Disk), dir.path(), Some(savepoint(4))).unwrap();
    assert_eq!(store.height(), 4);
    check_blocks(&store);
}
