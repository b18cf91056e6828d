//! Tests of the block file: every crash of a run, every failure of the disk, every kind of damage.
#![expect(
    clippy::cast_possible_truncation,
    reason = "the tests' numbers are small"
)]

mod cut;
mod damage;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::record::RecordHeader;
use super::segment::{FileName, parse_name};
use super::*;
use crate::ledger::error::Damage;
use crate::sys::fault::{FaultStorage, Survival};
use crate::sys::storage::Disk;

const SEGMENT_BYTES: u64 = 4096;

fn channel() -> ChannelId {
    ChannelId::new("ch").unwrap()
}

fn open(storage: Arc<dyn Storage>, dir: &Path) -> Result<BlockStore, Error> {
    open_at(storage, dir, None)
}

fn open_at(
    storage: Arc<dyn Storage>,
    dir: &Path,
    savepoint: Option<Savepoint>,
) -> Result<BlockStore, Error> {
    storage.create_dir(dir).unwrap();
    let survey = Survey::of(&*storage, dir, &channel(), savepoint)?;
    if let Some(savepoint) = savepoint {
        survey.check_savepoint(savepoint, Path::new("state"))?;
    }
    BlockStore::open(storage, dir, &channel(), SEGMENT_BYTES, survey)
}

/// The content of block `number`: different in length and bytes from all others, in several parts.
fn content(number: u64) -> Vec<Vec<u8>> {
    let mut seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut byte = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()[3]
    };
    let len = usize::from(byte()) * (1 + number as usize % 5);
    vec![
        vec![number as u8; 3],
        (0..len).map(|_| byte()).collect(),
        Vec::new(),
    ]
}

fn append(store: &mut BlockStore, count: u64) -> Result<Vec<BlockLocation>, Error> {
    let first = store.height();
    let contents: Vec<_> = (first..first + count).map(content).collect();
    let parts: Vec<Vec<&[u8]>> = contents
        .iter()
        .map(|parts| parts.iter().map(Vec::as_slice).collect())
        .collect();
    let records: Vec<_> = (first..)
        .zip(&parts)
        .map(|(number, payload)| RecordToAppend {
            number: BlockNumber(number),
            payload,
        })
        .collect();
    let locations = store.append(&records)?;
    store.sync()?;
    Ok(locations)
}

/// Reads everything from the start, and compares it with the model.
fn check_blocks(store: &BlockStore) {
    let mut position = Position::START;
    for number in 0..store.height() {
        assert_eq!(position.next.0, number);
        let (location, block) = store.reader().read_next(&mut position).unwrap();
        assert_eq!(block.as_ref(), content(number).concat(), "block {number}");
        let again = store.reader().read(location, BlockNumber(number)).unwrap();
        assert_eq!(again.as_ref(), block.as_ref());
    }
}

/// Group sizes of the run that is crashed: several groups in a segment, one group over several.
const GROUPS: [u64; 8] = [1, 3, 2, 9, 1, 16, 5, 2];

/// Opens the image in `dir`; at least `acknowledged` blocks must be there, and all must be right. Then
/// goes on with it.
fn check_image(dir: &Path, acknowledged: u64, what: &str) -> FaultStorage {
    let storage = FaultStorage::new(dir).unwrap();
    let mut store = match open(Arc::new(storage.clone()), dir) {
        Ok(store) => store,
        Err(error) => panic!("{what}: {error}"),
    };
    assert!(
        store.height() >= acknowledged,
        "{what}: {} < {acknowledged}",
        store.height()
    );
    check_blocks(&store);
    let recovered = storage.clone_at_now();
    append(&mut store, 2).unwrap();
    check_blocks(&store);
    let height = store.height();
    drop(store);
    let store = open(Arc::new(storage), dir).unwrap();
    assert_eq!(store.height(), height, "{what}: after going on");
    check_blocks(&store);
    recovered
}

#[test]
fn every_crash_keeps_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let storage = FaultStorage::new(dir.path()).unwrap();
    let mut store = open(Arc::new(storage.clone()), dir.path()).unwrap();
    // After how many operations how many blocks were acknowledged.
    let mut acknowledged = vec![(0, 0)];
    for count in GROUPS {
        append(&mut store, count).unwrap();
        acknowledged.push((storage.op_count(), store.height()));
    }
    assert!(store.active.segment >= 3, "the run is to roll over");
    let ops = storage.op_count();
    assert!(ops > 40, "{ops}");
    for cut in 0..=ops {
        let durable = acknowledged
            .iter()
            .rev()
            .find(|(at, _)| *at <= cut)
            .unwrap()
            .1;
        for survival in Survival::ALL {
            let what = format!("cut at {cut}, {survival:?}");
            let image = tempfile::tempdir().unwrap();
            storage.image(cut, survival, image.path()).unwrap();
            let recovery = check_image(image.path(), durable, &what);
            if matches!(survival, Survival::TornLast | Survival::Sectors(1)) {
                crash_again(&recovery, durable, &what);
            }
        }
    }
}

/// Crashes the recovery at each of its operations.
fn crash_again(recovery: &FaultStorage, durable: u64, what: &str) {
    for cut in 0..=recovery.op_count() {
        for survival in [
            Survival::SyncedOnly,
            Survival::TornLast,
            Survival::Sectors(3),
        ] {
            let image = tempfile::tempdir().unwrap();
            recovery.image(cut, survival, image.path()).unwrap();
            check_image(
                image.path(),
                durable,
                &format!("{what}, again at {cut}, {survival:?}"),
            );
        }
    }
}

/// What a recovery reports is durable from then on, whether something is appended before the power goes
/// or not.
#[test]
fn recovered_blocks_are_durable() {
    check_recovered_is_durable(false);
    check_recovered_is_durable(true);
}

fn check_recovered_is_durable(append_one: bool) {
    let dir = tempfile::tempdir().unwrap();
    let storage = FaultStorage::new(dir.path()).unwrap();
    let mut store = open(Arc::new(storage.clone()), dir.path()).unwrap();
    GROUPS
        .iter()
        .for_each(|count| drop(append(&mut store, *count).unwrap()));
    for cut in 0..=storage.op_count() {
        let image = tempfile::tempdir().unwrap();
        storage
            .image(cut, Survival::Everything, image.path())
            .unwrap();
        // What the process had written is only in memory after it was killed: nothing is synced yet.
        let recovery = storage.reopened(cut, image.path()).unwrap();
        let mut store = open(Arc::new(recovery.clone()), image.path()).unwrap();
        if append_one {
            append(&mut store, 1).unwrap();
        }
        let height = store.height();
        let after = tempfile::tempdir().unwrap();
        recovery
            .image(recovery.op_count(), Survival::SyncedOnly, after.path())
            .unwrap();
        let store = open(Arc::new(Disk), after.path()).unwrap();
        assert_eq!(store.height(), height, "cut at {cut}");
        check_blocks(&store);
    }
}

#[test]
fn failing_disk_stops_the_store_and_loses_nothing() {
    for errno in [libc::ENOSPC, libc::EIO] {
        for after in 0.. {
            let dir = tempfile::tempdir().unwrap();
            let storage = FaultStorage::failing(dir.path(), after, errno).unwrap();
            let mut acknowledged = 0;
            let failed = match open(Arc::new(storage.clone()), dir.path()) {
                Ok(mut store) => {
                    let failed = GROUPS.iter().find_map(|count| {
                        let failed = append(&mut store, *count).err();
                        acknowledged = if failed.is_none() {
                            store.height()
                        } else {
                            acknowledged
                        };
                        failed
                    });
                    if failed.is_some() {
                        let ops = storage.op_count();
                        assert!(matches!(append(&mut store, 1), Err(Error::Stopped)));
                        assert!(matches!(store.sync(), Err(Error::Stopped)));
                        assert_eq!(storage.op_count(), ops, "wrote after a failure");
                    }
                    failed
                }
                Err(error) => Some(error),
            };
            let Some(failed) = failed else {
                assert!(after > 30, "{after}");
                break;
            };
            let full = matches!(failed, Error::DiskFull { .. });
            assert_eq!(full, errno == libc::ENOSPC, "{failed}");
            let store = open(Arc::new(Disk), dir.path()).unwrap();
            assert!(store.height() >= acknowledged);
            check_blocks(&store);
        }
    }
}

/// A store with blocks 0 to 5 in groups of two, all in the first segment.
fn six_blocks(dir: &Path) -> Vec<BlockLocation> {
    let mut store = open(Arc::new(Disk), dir).unwrap();
    let mut locations = Vec::new();
    for _ in 0..3 {
        locations.extend(append(&mut store, 2).unwrap());
    }
    assert!(locations.iter().all(|location| location.segment == 0));
    locations
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn flip(path: &Path, offset: u64) {
    change(path, |bytes| {
        bytes[usize::try_from(offset).unwrap()] ^= 0x10
    });
}

#[test]
fn a_state_that_is_ahead_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let locations = six_blocks(dir.path());
    let savepoint = Savepoint {
        height: 6,
        last: locations[5],
    };
    let end = usize::try_from(locations[4].offset).unwrap();
    change(&dir.path().join("000000.seg"), |bytes| bytes.truncate(end));
    let error = open_at(Arc::new(Disk), dir.path(), Some(savepoint)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::StateAhead {
                state: 6,
                blocks: 4,
                ..
            }
        ),
        "{error}"
    );
    fs::remove_file(dir.path().join("000000.seg")).unwrap();
    let error = open_at(Arc::new(Disk), dir.path(), Some(savepoint)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::StateAhead {
                state: 6,
                blocks: 0,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn damage_in_an_older_segment_is_found_when_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(Arc::new(Disk), dir.path()).unwrap();
    let locations = append(&mut store, 30).unwrap();
    assert!(locations[29].segment > 1);
    drop(store);
    flip(&dir.path().join("000000.seg"), locations[1].offset + 33);
    let store = open(Arc::new(Disk), dir.path()).unwrap();
    assert_eq!(store.height(), 30);
    let read = |block: usize| {
        store
            .reader()
            .read(locations[block], BlockNumber(block as u64))
    };
    assert!(read(0).is_ok());
    let error = read(1).unwrap_err();
    assert!(
        matches!(error, Error::Corrupt { offset, damage: Damage::Checksum, .. } if offset == locations[1].offset),
        "{error}"
    );
    fs::remove_file(dir.path().join("000001.seg")).unwrap();
    drop(store);
    let error = open(Arc::new(Disk), dir.path()).unwrap_err();
    assert!(matches!(&error, Error::MissingSegment { path } if path.ends_with("000001.seg")));
}

#[test]
fn foreign_segments_are_refused() {
    let refused = |edit: &dyn Fn(&mut Vec<u8>)| {
        let dir = tempfile::tempdir().unwrap();
        six_blocks(dir.path());
        change(&dir.path().join("000000.seg"), edit);
        open(Arc::new(Disk), dir.path()).unwrap_err()
    };
    let error = refused(&|bytes| bytes[8] = 2);
    assert!(
        matches!(
            error,
            Error::FutureFormat {
                found: 2,
                supported: 1,
                ..
            }
        ),
        "{error}"
    );
    let error = refused(&|bytes| {
        bytes[35] = b'x';
        let checksum = crc32c::crc32c(&bytes[..508]);
        bytes[508..512].copy_from_slice(&checksum.to_le_bytes());
    });
    assert!(
        matches!(&error, Error::OtherChannel { found, .. } if found == "cx"),
        "{error}"
    );
    let error = refused(&|bytes| bytes[0] = b'x');
    assert!(
        matches!(
            error,
            Error::Corrupt {
                damage: Damage::Header,
                ..
            }
        ),
        "{error}"
    );
    let error = refused(&|bytes| bytes[24] ^= 1);
    assert!(
        matches!(
            error,
            Error::Corrupt {
                damage: Damage::Checksum,
                ..
            }
        ),
        "{error}"
    );
    let error = refused(&|bytes| bytes.truncate(100));
    assert!(
        matches!(
            error,
            Error::Corrupt {
                damage: Damage::Missing,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn records_that_do_not_follow_are_refused_without_effect() {
    let dir = tempfile::tempdir().unwrap();
    let storage = FaultStorage::new(dir.path()).unwrap();
    let mut store = open(Arc::new(storage.clone()), dir.path()).unwrap();
    append(&mut store, 2).unwrap();
    let ops = storage.op_count();
    for number in [0, 1, 3] {
        let record = RecordToAppend {
            number: BlockNumber(number),
            payload: &[b"x"],
        };
        let error = store.append(&[record]).unwrap_err();
        assert!(
            matches!(
                error,
                Error::NotNext {
                    expected: BlockNumber(2),
                    ..
                }
            ),
            "{error}"
        );
    }
    let large = vec![0; STORED_BLOCK_BYTES_MAX + 1];
    let record = RecordToAppend {
        number: BlockNumber(2),
        payload: &[&large],
    };
    let error = store.append(&[record]).unwrap_err();
    assert!(matches!(error, Error::BlockTooLarge { .. }), "{error}");
    assert_eq!(storage.op_count(), ops);
    append(&mut store, 1).unwrap();
    check_blocks(&store);
}

#[test]
fn a_block_larger_than_a_segment_has_one_to_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(Arc::new(Disk), dir.path()).unwrap();
    append(&mut store, 1).unwrap();
    let large = vec![9; 3 * SEGMENT_BYTES as usize];
    let record = |number, payload| RecordToAppend {
        number: BlockNumber(number),
        payload,
    };
    let (first, second): (&[&[u8]], &[&[u8]]) = (&[&large], &[b"small"]);
    let locations = store
        .append(&[record(1, first), record(2, second)])
        .unwrap();
    store.sync().unwrap();
    let segments: Vec<_> = locations.iter().map(|location| location.segment).collect();
    assert_eq!(segments, [1, 2]);
    let read = |store: &BlockStore, index: usize| {
        let number = BlockNumber(1 + index as u64);
        store
            .reader()
            .read(locations[index], number)
            .unwrap()
            .as_ref()
            .to_vec()
    };
    assert!(read(&store, 0) == large && read(&store, 1) == b"small");
    drop(store);
    let store = open(Arc::new(Disk), dir.path()).unwrap();
    assert_eq!(store.height(), 3);
    assert!(read(&store, 0) == large && read(&store, 1) == b"small");
}

#[test]
fn what_is_not_synced_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(Arc::new(Disk), dir.path()).unwrap();
    let record = RecordToAppend {
        number: BlockNumber(0),
        payload: &[b"x"],
    };
    let location = store.append(&[record]).unwrap()[0];
    let reader = Arc::clone(store.reader());
    assert!(reader.read(location, BlockNumber(0)).is_err());
    store.sync().unwrap();
    let block = reader.read(location, BlockNumber(0)).unwrap();
    assert!(
        reader.read(location, BlockNumber(1)).is_err(),
        "another number"
    );
    drop((store, reader));
    assert_eq!(block.as_ref(), b"x", "outlives the store");
}

#[test]
fn blocks_are_read_while_others_are_appended() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(Arc::new(Disk), dir.path()).unwrap();
    let reader = Arc::clone(store.reader());
    let (outbox, inbox) = crossbeam::channel::bounded::<(u64, BlockLocation)>(1000);
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (reader, inbox) = (Arc::clone(&reader), inbox.clone());
            std::thread::spawn(move || {
                for (number, location) in inbox {
                    let block = reader.read(location, BlockNumber(number)).unwrap();
                    assert_eq!(block.as_ref(), content(number).concat());
                }
            })
        })
        .collect();
    for _ in 0..100 {
        let first = store.height();
        let locations = append(&mut store, 3).unwrap();
        (first..)
            .zip(locations)
            .for_each(|sent| outbox.send(sent).unwrap());
    }
    drop(outbox);
    readers
        .into_iter()
        .for_each(|reader| reader.join().unwrap());
}

#[test]
fn the_number_of_maps_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(Arc::new(Disk), dir.path()).unwrap();
    append(&mut store, 60).unwrap();
    check_blocks(&store);
    assert!(store.reader().mapped_segments() <= crate::limits::SEGMENTS_MAPPED_MAX);
    assert!(store.reader().mapped_segments() > 3);
}

#[test]
fn record_header_covers_everything() {
    let nonce = Nonce(*b"a nonce!");
    let header = RecordHeader::of(BlockNumber(7), 5, 6, &[b"pay", b"", b"load"]);
    let bytes = header.encode(nonce);
    let decoded = RecordHeader::decode(nonce, &bytes).unwrap();
    assert_eq!(decoded, header);
    assert!(decoded.matches(b"payload"));
    assert!(!decoded.matches(b"payloat"));
    assert_eq!(RecordHeader::decode(Nonce([0; 8]), &bytes), None);
    for index in 8..bytes.len() {
        let mut damaged = bytes;
        damaged[index] ^= 1;
        let whole = RecordHeader::decode(nonce, &damaged).is_some_and(|it| it.matches(b"payload"));
        assert!(!whole, "byte {index} is not covered");
    }
}

#[test]
fn file_names() {
    let check = |name: &str, expected: FileName| assert_eq!(parse_name(name), expected, "{name}");
    check("000000.seg", FileName::Segment(0));
    check("1234567.seg", FileName::Segment(1_234_567));
    check("000007.new", FileName::NewSegment);
    check("00007.seg", FileName::Other);
    check("-00007.seg", FileName::Other);
    check("99999999999.seg", FileName::Other);
    check("000001.seg.bak", FileName::Other);
    check("notes", FileName::Other);
}
