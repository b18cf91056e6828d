//! Segments of any content, opened and gone on with: what a fuzz target calls.
//!
//! Properties: a store either refuses its files or opens; one that consists of a single segment then
//! has every block that it claims; and it goes on, so that the next opening finds one block more.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::record::{HEADER_BYTES as RECORD_HEADER_BYTES, RecordHeader, record_bytes};
use super::segment::{HEADER_BYTES, segment_path};
use super::{BlockStore, Nonce, Position, RecordToAppend, Survey};
use crate::ledger::Error;
use crate::sys::storage::Disk;
use crate::types::{BlockNumber, ChannelId};

const SEGMENT_BYTES: u64 = 4096;
const NONCE_OFFSET: usize = 24;

/// Opens a folder, which is made and removed, with one segment or two. `data` begins with the first one's length in two bytes.
/// With `repair` the checksums and nonces are made to fit, so that what is behind them is reached.
pub(crate) fn fuzz_segments(dir: &Path, data: &[u8], repair: bool) {
    let Some((length, data)) = data.split_first_chunk() else {
        return;
    };
    let length = usize::from(u16::from_le_bytes(*length));
    let (first, second) = data.split_at_checked(length).unwrap_or((data, &[]));
    let mut segments = vec![first.to_vec()];
    if !second.is_empty() {
        segments.push(second.to_vec());
    }
    if repair {
        for segment in &mut segments {
            repair_segment(segment);
        }
    }
    let written = write_segments(dir, &segments);
    assert!(written.is_ok(), "a temporary folder: {written:?}");
    check(dir, segments.len() == 1);
    let removed = fs::remove_dir_all(dir);
    assert!(removed.is_ok(), "a temporary folder: {removed:?}");
}

fn write_segments(dir: &Path, segments: &[Vec<u8>]) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    for (number, bytes) in (0..).zip(segments) {
        fs::write(segment_path(dir, number), bytes)?;
    }
    Ok(())
}

/// Opens what is in `dir`.
fn check(dir: &Path, single: bool) {
    let Ok(channel) = ChannelId::new("fuzz") else {
        return;
    };
    let open = || {
        let survey = Survey::of(&Disk, dir, &channel, None)?;
        let first = survey.last.as_ref().map(|last| last.header.first);
        let store = BlockStore::open(Arc::new(Disk), dir, &channel, SEGMENT_BYTES, survey)?;
        Ok::<_, Error>((first, store))
    };
    let Ok((first, mut store)) = open() else {
        return;
    };
    let height = store.height();
    if single && first == Some(BlockNumber(0)) {
        let mut position = Position::START;
        for number in 0..height {
            let read = store.reader().read_next(&mut position);
            assert!(read.is_ok(), "block {number} of {height}: {read:?}");
        }
    }
    let records = [RecordToAppend {
        number: BlockNumber(height),
        payload: &[b"one", b" more"],
    }];
    let appended = store.append(&records).and_then(|_| store.sync());
    assert!(appended.is_ok(), "behind block {height}: {appended:?}");
    drop(store);
    let again = open().map(|(_, store)| store.height());
    let gone_on = again.as_ref().is_ok_and(|again| *again == height + 1);
    assert!(gone_on, "after block {height}: {again:?}");
}

/// Gives header and records their checksums, and records their segment's nonce.
fn repair_segment(segment: &mut [u8]) {
    let Some((header, mut records)) = segment.split_at_mut_checked(HEADER_BYTES) else {
        return;
    };
    let (covered, checksum) = header.split_at_mut(HEADER_BYTES - 4);
    checksum.copy_from_slice(&crc32c::crc32c(covered).to_le_bytes());
    let nonce = header.get(NONCE_OFFSET..).and_then(<[u8]>::first_chunk);
    let nonce = Nonce(nonce.copied().unwrap_or_default());
    while let Some((header, rest)) = records.split_first_chunk_mut::<RECORD_HEADER_BYTES>() {
        let (first, _) = header.split_at_mut(nonce.0.len());
        first.copy_from_slice(&nonce.0);
        let Some(read) = RecordHeader::decode(nonce, header) else {
            return;
        };
        let Some(payload) = rest.get(..read.length as usize) else {
            return;
        };
        *header =
            RecordHeader::of(read.number, read.durable, read.length, &[payload]).encode(nonce);
        let record = record_bytes(read.length) - RECORD_HEADER_BYTES as u64;
        let Ok(record) = usize::try_from(record) else {
            return;
        };
        let Some((_, next)) = rest.split_at_mut_checked(record) else {
            return;
        };
        records = next;
    }
}
