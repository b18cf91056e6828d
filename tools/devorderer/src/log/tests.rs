//! What survives a crash at every operation, and what damage is told from a torn end.

use std::fs;
use std::path::Path;

use heddle::sys::fault::{FaultStorage, Survival};
use heddle::sys::storage::Disk;
use heddle::testing::kit::{BlockSigning, Chain};

use super::{BlockLog, LogError};

/// Serialized blocks, linked; block 0 is any block.
fn blocks(count: usize) -> Vec<Vec<u8>> {
    let mut chain = Chain::new(BlockSigning::Raft(Vec::new()));
    let block = |number: usize| chain.block([vec![7; number * 100 + 1], vec![8; 20]]);
    (0..count).map(block).collect()
}

fn read_all(log: &BlockLog) -> Vec<Vec<u8>> {
    let block = |number| log.read(number).unwrap().unwrap().to_vec();
    (0..log.height()).map(block).collect()
}

#[test]
fn blocks_are_there_after_a_crash_at_any_time() {
    let blocks = blocks(5);
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("live");
    fs::create_dir_all(&root).unwrap();
    let storage = FaultStorage::new(&root).unwrap();
    let channel = root.join("one");
    // How many blocks are durable after so many operations.
    let mut durable = vec![(storage.op_count(), 0)];
    BlockLog::create(&storage, &channel, &blocks[0]).unwrap();
    durable.push((storage.op_count(), 1));
    let (log, _) = BlockLog::open(&storage, &channel).unwrap();
    for (number, block) in blocks.iter().enumerate().skip(1) {
        log.append(block).unwrap();
        durable.push((storage.op_count(), number + 1));
    }
    assert_eq!(read_all(&log), blocks);
    let mut torn_ends = 0;
    for count in 0..=storage.op_count() {
        let promised = durable.iter().rev().find(|(ops, _)| *ops <= count);
        let promised = promised.map_or(0, |(_, blocks)| *blocks);
        for (index, survival) in Survival::ALL.into_iter().enumerate() {
            let image = folder.path().join(format!("image{count}_{index}"));
            storage.image(count, survival, &image).unwrap();
            let channel = image.join("one");
            if !BlockLog::exists(&Disk, &channel) {
                assert_eq!(promised, 0, "{count} {survival:?}");
                continue;
            }
            let (log, torn) = BlockLog::open(&Disk, &channel).unwrap();
            torn_ends += usize::from(torn > 0);
            let found = read_all(&log);
            assert!(found.len() >= promised, "{count} {survival:?}");
            assert_eq!(found, blocks[..found.len()]);
            // And it goes on.
            for block in &blocks[found.len()..] {
                log.append(block).unwrap();
            }
            drop(log);
            let (log, torn) = BlockLog::open(&Disk, &channel).unwrap();
            assert_eq!((read_all(&log), torn), (blocks.clone(), 0));
        }
    }
    assert!(torn_ends > 0, "some crashes tear a block");
}

/// A file with these bytes: how many blocks it has and how many bytes were cut, or why not.
fn opened(bytes: &[u8]) -> Result<(u64, u64), String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("blocks.pb"), bytes).unwrap();
    match BlockLog::open(&Disk, folder.path()) {
        Ok((log, torn)) => Ok((log.height(), torn)),
        Err(LogError::Damaged { number, what, .. }) => Err(format!("{number}: {what}")),
        Err(other) => panic!("{other}"),
    }
}

fn file(blocks: &[Vec<u8>]) -> Vec<u8> {
    let record = |block: &Vec<u8>| [super::length(block), block.clone()].concat();
    blocks.iter().flat_map(record).collect()
}

#[test]
fn only_the_end_is_cut() {
    let blocks = blocks(3);
    let whole = file(&blocks);
    let two = file(&blocks[..2]).len();
    assert_eq!(opened(&whole), Ok((3, 0)));
    for len in two + 1..whole.len() {
        let torn = u64::try_from(len - two).unwrap();
        assert_eq!(opened(&whole[..len]), Ok((2, torn)), "{len} bytes");
    }
    // The last block's data were not written.
    let mut unwritten = whole.clone();
    unwritten[two + 60..].fill(0);
    assert_eq!(opened(&unwritten).unwrap().0, 2);
    // Damage further in front is not cut away with what is behind.
    let mut damaged = whole.clone();
    let at = file(&blocks[..1]).len() + 120;
    damaged[at] ^= 1;
    assert_eq!(
        opened(&damaged),
        Err("1: data that do not have the hash in the header".to_owned())
    );
    let swapped = file(&[blocks[0].clone(), blocks[2].clone(), blocks[1].clone()]);
    assert_eq!(opened(&swapped), Err("1: not the next number".to_owned()));
    assert_eq!(
        opened(&file(&[b"junk".to_vec()])),
        Err("0: not a block".to_owned())
    );
}

#[test]
fn a_file_to_serve_is_not_touched() {
    let blocks = blocks(3);
    let whole = file(&blocks);
    let folder = tempfile::tempdir().unwrap();
    let path: &Path = &folder.path().join("chain.pb");
    let cut = &whole[..whole.len() - 1];
    fs::write(path, cut).unwrap();
    let (log, torn) = BlockLog::open_file(&Disk, path).unwrap();
    assert_eq!(read_all(&log), blocks[..2]);
    assert!(torn > 0);
    assert_eq!(fs::read(path).unwrap(), cut);
}

#[test]
fn after_a_failed_write_nothing_is_written() {
    let blocks = blocks(3);
    let folder = tempfile::tempdir().unwrap();
    BlockLog::create(&Disk, folder.path(), &blocks[0]).unwrap();
    // The first write and its sync go well, the second write fails.
    let storage = FaultStorage::failing(folder.path(), 2, 28).unwrap();
    let (log, _) = BlockLog::open(&storage, folder.path()).unwrap();
    log.append(&blocks[1]).unwrap();
    let refusal = log.append(&blocks[2]).unwrap_err().to_string();
    assert!(refusal.contains("No space left"), "{refusal}");
    let refusal = log.append(&blocks[2]).unwrap_err().to_string();
    assert!(refusal.contains("an earlier write has failed"), "{refusal}");
    assert_eq!(log.height(), 2);
}
