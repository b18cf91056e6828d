//! The block file: the log that the ledger lives by.
//!
//! Append-only segments `000000.seg`, `000001.seg`, ... Blocks are appended in groups; a group is durable
//! after one [`BlockStore::sync`], and only then can it be read.
//!
//! Invariants:
//! - block numbers in the file have no gap;
//! - a record is durable before a block behind it in another segment is written;
//! - after any failure the store refuses to write until it is opened again;
//! - bytes that were durable are never written again, except with themselves; only [`Cut`] takes some away,
//!   of a file that nobody has open.
//!
//! Assumed of the disk: what was synced stays as it was (checksums tell where not), and a file that was
//! written and renamed after a sync has its bytes under the new name.
//!
//! Knows nothing of what a block contains.

mod cut;
#[cfg(feature = "fuzzing")]
mod fuzz;
mod reader;
mod record;
mod segment;
mod survey;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use cut::Cut;
#[cfg(feature = "fuzzing")]
pub(crate) use fuzz::fuzz_segments;
pub use reader::{BlockBytes, BlockLocation};
pub(crate) use reader::{BlockReader, Position};
pub(crate) use survey::{Savepoint, Survey};

use reader::MappedSegment;
use record::{RecordHeader, record_bytes};
use segment::{HEADER_BYTES, Nonce, SegmentHeader, new_segment_path, segment_path};
use survey::LastSegment;

use super::error::Error;
use crate::limits::{
    FORGOTTEN_BYTES_STEP, RECENT_BYTES_CACHED, SEGMENT_PREALLOCATED_BYTES, STORED_BLOCK_BYTES_MAX,
};
use crate::sys::failpoint;
use crate::sys::random;
use crate::sys::storage::{OpenMode, Storage, StorageFile};
use crate::types::{BlockNumber, ChannelId};

/// A block to append.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordToAppend<'a> {
    /// Its number.
    pub(crate) number: BlockNumber,
    /// The serialized block, in parts.
    pub(crate) payload: &'a [&'a [u8]],
}

/// The block file of one channel, open for appending.
#[derive(Debug)]
pub(crate) struct BlockStore {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    channel: ChannelId,
    segment_bytes: u64,
    reader: Arc<BlockReader>,
    active: Active,
    height: u64,
    durable: u64,
    stopped: bool,
}

/// The segment that is appended to.
#[derive(Debug)]
struct Active {
    file: Box<dyn StorageFile>,
    path: PathBuf,
    segment: u32,
    first: BlockNumber,
    nonce: Nonce,
    /// Where the next record begins.
    end: u64,
    /// The file's length: space is reserved ahead.
    len: u64,
    /// The bytes below need not stay in memory.
    forgotten: u64,
}

/// A segment that holds nothing but the largest block.
const SINGLE_BLOCK_BYTES_MAX: u64 =
    (HEADER_BYTES + record::HEADER_BYTES + STORED_BLOCK_BYTES_MAX + record::ALIGNMENT) as u64;

impl BlockStore {
    /// Opens the surveyed block file in `dir`: cuts a torn tail, and makes durable what was written
    /// but perhaps not synced.
    ///
    /// # Errors
    /// The disk failed.
    pub(crate) fn open(
        storage: Arc<dyn Storage>,
        dir: &Path,
        channel: &ChannelId,
        segment_bytes: u64,
        survey: Survey,
    ) -> Result<Self, Error> {
        for path in &survey.leftovers {
            storage
                .remove(path)
                .map_err(|source| Error::io("remove", path, source))?;
        }
        let reader = Arc::new(BlockReader::new(Arc::clone(&storage), dir, channel));
        let height = survey.height();
        let active = match survey.last {
            Some(last) => {
                // A process that was killed may have renamed it and not synced the name.
                storage
                    .sync_dir(dir)
                    .map_err(|source| Error::io("sync", dir, source))?;
                reopen_segment(&*storage, last)?
            }
            None => create_segment(&*storage, dir, channel, 0, BlockNumber(0))?,
        };
        let store = Self {
            storage,
            dir: dir.to_owned(),
            channel: channel.clone(),
            segment_bytes,
            reader,
            active,
            height,
            durable: height,
            stopped: false,
        };
        store.publish_active()?;
        Ok(store)
    }

    /// How many blocks there are, those that are not durable yet included.
    pub(crate) fn height(&self) -> u64 {
        self.height
    }

    /// Reads the blocks.
    pub(crate) fn reader(&self) -> &Arc<BlockReader> {
        &self.reader
    }

    /// Appends blocks; they are not durable before [`BlockStore::sync`].
    ///
    /// # Errors
    /// A block is too large or not the next one: nothing was written. The disk failed: the store stops.
    pub(crate) fn append(
        &mut self,
        records: &[RecordToAppend<'_>],
    ) -> Result<Vec<BlockLocation>, Error> {
        self.check_running()?;
        let lengths = self.check(records)?;
        let result = self.try_append(records, &lengths);
        self.stopped |= result.is_err();
        result
    }

    /// Makes everything that was appended durable and readable.
    ///
    /// # Errors
    /// The disk failed: the store stops.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        self.check_running()?;
        let result = self.try_sync();
        self.stopped |= result.is_err();
        result
    }

    fn check_running(&self) -> Result<(), Error> {
        if self.stopped {
            Err(Error::Stopped)
        } else {
            Ok(())
        }
    }

    fn check(&self, records: &[RecordToAppend<'_>]) -> Result<Vec<u32>, Error> {
        let mut lengths = Vec::with_capacity(records.len());
        for (record, expected) in records.iter().zip(self.height..) {
            if record.number.0 != expected {
                let expected = BlockNumber(expected);
                return Err(Error::NotNext {
                    expected,
                    found: record.number,
                });
            }
            let bytes = record.payload.iter().map(|part| part.len()).sum();
            let length = u32::try_from(bytes)
                .ok()
                .filter(|_| bytes <= STORED_BLOCK_BYTES_MAX);
            lengths.push(length.ok_or(Error::BlockTooLarge {
                block: record.number,
                bytes,
                bytes_max: STORED_BLOCK_BYTES_MAX,
            })?);
        }
        Ok(lengths)
    }

    fn try_append(
        &mut self,
        records: &[RecordToAppend<'_>],
        lengths: &[u32],
    ) -> Result<Vec<BlockLocation>, Error> {
        let mut locations = Vec::with_capacity(records.len());
        let mut run = Run {
            end: self.active.end,
            ..Run::default()
        };
        for (record, &length) in records.iter().zip(lengths) {
            let holds_some = run.end > HEADER_BYTES as u64;
            if holds_some && run.end + record_bytes(length) > self.segment_bytes {
                self.write(std::mem::take(&mut run))?;
                self.roll()?;
                run.end = self.active.end;
            }
            let header = RecordHeader::of(record.number, self.durable, length, record.payload);
            locations.push(BlockLocation {
                segment: self.active.segment,
                offset: run.end,
                length,
            });
            run.push(header.encode(self.active.nonce), record.payload, length);
        }
        self.write(run)?;
        Ok(locations)
    }

    /// Writes records behind the last one.
    fn write(&mut self, run: Run<'_>) -> Result<(), Error> {
        let active = &mut self.active;
        if run.end > active.len {
            let step = run.end.next_multiple_of(SEGMENT_PREALLOCATED_BYTES);
            let len = run.end.max(step.min(self.segment_bytes));
            active
                .file
                .preallocate(len)
                .map_err(|source| Error::io("reserve space for", &active.path, source))?;
            active.len = len;
        }
        active
            .file
            .write_at(active.end, &run.slices())
            .map_err(|source| Error::io("append to", &active.path, source))?;
        active.end = run.end;
        self.height += run.headers.len() as u64;
        Ok(())
    }

    fn try_sync(&mut self) -> Result<(), Error> {
        let Active {
            file, path, end, ..
        } = &self.active;
        file.sync_data()
            .map_err(|source| Error::io("sync", path, source))?;
        file.freeze(*end)
            .map_err(|source| Error::io("sync", path, source))?;
        self.durable = self.height;
        self.forget_old();
        Ok(())
    }

    /// Lets the system use the memory of blocks that nobody asks for any more for those that come: memory
    /// that it has not used lately costs more than the write itself.
    fn forget_old(&mut self) {
        let active = &mut self.active;
        let until = active.end.saturating_sub(RECENT_BYTES_CACHED);
        // In large steps: each is a system call.
        if until >= active.forgotten + FORGOTTEN_BYTES_STEP {
            active.file.forget(active.forgotten, until);
            active.forgotten = until;
        }
    }

    /// Goes on in a new segment. What the old one has becomes durable first.
    fn roll(&mut self) -> Result<(), Error> {
        failpoint::pass("before_segment_roll");
        self.try_sync()?;
        let Active {
            file,
            path,
            end,
            segment,
            ..
        } = &self.active;
        file.truncate(*end)
            .map_err(|source| Error::io("cut", path, source))?;
        failpoint::pass("after_segment_sync");
        let first = BlockNumber(self.height);
        self.active = create_segment(&*self.storage, &self.dir, &self.channel, segment + 1, first)?;
        failpoint::pass("after_segment_roll");
        self.publish_active()
    }

    /// Makes the active segment readable.
    fn publish_active(&self) -> Result<(), Error> {
        let Active {
            file,
            path,
            segment,
            first,
            nonce,
            end,
            ..
        } = &self.active;
        let failed = |source| Error::io("map", path, source);
        file.freeze(*end).map_err(failed)?;
        // As long as it may become: one block larger than a segment has a segment to itself.
        let map = file
            .map(self.segment_bytes.max(SINGLE_BLOCK_BYTES_MAX))
            .map_err(failed)?;
        self.reader.set_active(
            *segment,
            MappedSegment {
                map,
                first: *first,
                nonce: *nonce,
            },
        );
        Ok(())
    }
}

/// Records that are written in one go.
#[derive(Debug, Default)]
struct Run<'a> {
    headers: Vec<[u8; record::HEADER_BYTES]>,
    payloads: Vec<(&'a [&'a [u8]], usize)>,
    end: u64,
}

impl<'a> Run<'a> {
    fn push(&mut self, header: [u8; record::HEADER_BYTES], payload: &'a [&'a [u8]], length: u32) {
        let bytes = record_bytes(length);
        let padding = bytes - record::HEADER_BYTES as u64 - u64::from(length);
        self.headers.push(header);
        self.payloads
            .push((payload, usize::try_from(padding).unwrap_or(0)));
        self.end += bytes;
    }

    fn slices(&self) -> Vec<&[u8]> {
        const PADDING: &[u8] = &[0; record::ALIGNMENT];
        let mut slices = Vec::with_capacity(self.headers.len() * 5);
        for (header, (payload, padding)) in self.headers.iter().zip(&self.payloads) {
            slices.push(header.as_slice());
            slices.extend_from_slice(payload);
            slices.push(PADDING.get(..*padding).unwrap_or_default());
        }
        slices
    }
}

/// Makes a segment; it is durable with its name when this returns.
fn create_segment(
    storage: &dyn Storage,
    dir: &Path,
    channel: &ChannelId,
    segment: u32,
    first: BlockNumber,
) -> Result<Active, Error> {
    let new_path = new_segment_path(dir, segment);
    let path = segment_path(dir, segment);
    let failed = |source| Error::io("create", &path, source);
    let nonce = Nonce(random::bytes().map_err(failed)?);
    let header = SegmentHeader {
        segment,
        first,
        nonce,
    }
    .encode(channel);
    let file = storage.open(&new_path, OpenMode::Create).map_err(failed)?;
    file.write_at(0, &[&header]).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    failpoint::pass("after_segment_create");
    storage.rename(&new_path, &path).map_err(failed)?;
    storage.sync_dir(dir).map_err(failed)?;
    let end = HEADER_BYTES as u64;
    Ok(Active {
        file,
        path,
        segment,
        first,
        nonce,
        end,
        len: end,
        forgotten: 0,
    })
}

/// Opens the last segment for appending. Afterwards all that it holds is durable.
fn reopen_segment(storage: &dyn Storage, last: LastSegment) -> Result<Active, Error> {
    let LastSegment {
        header,
        path,
        mut len,
        end,
        uncertain_from,
        torn,
        ..
    } = last;
    let failed = |source| Error::io("repair", &path, source);
    let file = storage.open(&path, OpenMode::Write).map_err(failed)?;
    if torn {
        file.truncate(end).map_err(failed)?;
        len = end;
    }
    let padding = end.saturating_sub(len);
    if padding > 0 {
        // A record is whole without its padding, but the next one must not begin there.
        let zeros = [0; record::ALIGNMENT];
        let zeros = zeros.get(..usize::try_from(padding).unwrap_or(usize::MAX));
        file.write_at(len, &[zeros.unwrap_or_default()])
            .map_err(failed)?;
        len = end;
    }
    if uncertain_from < end {
        rewrite(&*file, uncertain_from, end).map_err(failed)?;
    }
    if torn || padding > 0 || uncertain_from < end {
        file.sync_all().map_err(failed)?;
        failpoint::pass("after_tail_repair");
    }
    let SegmentHeader {
        segment,
        first,
        nonce,
    } = header;
    Ok(Active {
        file,
        path,
        segment,
        first,
        nonce,
        end,
        len,
        forgotten: 0,
    })
}

/// Writes bytes again as they are. After a failed sync the system may hold pages for clean that never
/// reached the disk; a sync alone would not write these.
fn rewrite(file: &dyn StorageFile, from: u64, end: u64) -> std::io::Result<()> {
    let mut chunk = vec![0; 1 << 20];
    let mut offset = from;
    while offset < end {
        let wanted = usize::try_from(end - offset)
            .unwrap_or(usize::MAX)
            .min(chunk.len());
        let read = file.read_at(offset, chunk.get_mut(..wanted).unwrap_or_default())?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        file.write_at(offset, &[chunk.get(..read).unwrap_or_default()])?;
        offset += read as u64;
    }
    Ok(())
}
