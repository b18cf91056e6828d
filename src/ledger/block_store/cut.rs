//! Taking the last blocks off a block file that nobody has open.
//!
//! Segments go from the last one backwards, each durably before the next, and then the end of the one
//! that stays: whenever this is interrupted, what is left is a block file without a gap, of some height
//! between the two.
//!
//! Knows nothing of the state, which must not be ahead of what is left.

use std::path::{Path, PathBuf};

use super::segment::{HEADER_BYTES, SegmentHeader, segment_path};
use super::survey::{Scan, Survey, segments};
use crate::ledger::error::{Damage, Error};
use crate::sys::failpoint;
use crate::sys::storage::{OpenMode, Storage};
use crate::types::{BlockNumber, ChannelId};

/// What is to be taken off.
#[derive(Debug)]
pub(crate) struct Cut {
    dir: PathBuf,
    /// Segments that go, and files whose making was interrupted.
    removed: Vec<PathBuf>,
    /// The segment that becomes the last one, and where it is to end.
    last: PathBuf,
    end: u64,
    /// How many blocks there are now, a damaged one included.
    pub(crate) height: u64,
}

impl Cut {
    /// Plans to keep the blocks of `dir` up to `last`. Blocks behind it may be damaged.
    ///
    /// # Errors
    /// There are no blocks behind it, or it cannot be read, or none of its segment in front of it.
    pub(crate) fn behind(
        storage: &dyn Storage,
        dir: &Path,
        channel: &ChannelId,
        last: BlockNumber,
    ) -> Result<Self, Error> {
        let height = match Survey::of(storage, dir, channel, None) {
            Ok(survey) => survey.height(),
            Err(Error::Corrupt { block, .. }) if block > last => block.next().0,
            Err(error) => return Err(error),
        };
        if last.next().0 >= height {
            return Err(Error::NothingBehind {
                block: last,
                height,
            });
        }
        let (numbers, leftovers) = segments(storage, dir)?;
        let mut stays: Option<(SegmentHeader, PathBuf)> = None;
        for &number in &numbers {
            let path = segment_path(dir, number);
            let file = open(storage, &path, OpenMode::Read)?;
            let header = Scan::of(&*file, &path).header(number, channel)?;
            if header.first > last {
                break;
            }
            stays = Some((header, path));
        }
        let (header, path) = stays.ok_or_else(|| Error::MissingSegment {
            path: segment_path(dir, 0),
        })?;
        let end = end_of(storage, &header, &path, last)?;
        let behind = numbers
            .into_iter()
            .filter(|number| *number > header.segment);
        let behind = behind.map(|number| segment_path(dir, number));
        Ok(Self {
            dir: dir.to_owned(),
            removed: behind.chain(leftovers).collect(),
            last: path,
            end,
            height,
        })
    }

    /// Does it. Afterwards it is durable.
    ///
    /// # Errors
    /// The disk failed; what is left can be opened.
    pub(crate) fn make(&self, storage: &dyn Storage) -> Result<(), Error> {
        for path in self.removed.iter().rev() {
            storage
                .remove(path)
                .map_err(|source| Error::io("remove", path, source))?;
            storage
                .sync_dir(&self.dir)
                .map_err(|source| Error::io("sync", &self.dir, source))?;
            failpoint::pass("during_rollback");
        }
        let failed = |source| Error::io("cut", &self.last, source);
        let file = open(storage, &self.last, OpenMode::Write)?;
        // It may end within the last record's padding, which opening it adds.
        if file.byte_len().map_err(failed)? > self.end {
            file.truncate(self.end).map_err(failed)?;
        }
        file.sync_all().map_err(failed)?;
        failpoint::pass("after_rollback");
        Ok(())
    }
}

/// Where the record of block `last` ends, which is in the segment of `header`.
fn end_of(
    storage: &dyn Storage,
    header: &SegmentHeader,
    path: &Path,
    last: BlockNumber,
) -> Result<u64, Error> {
    let file = open(storage, path, OpenMode::Read)?;
    let mut scan = Scan::of(&*file, path);
    let mut end = HEADER_BYTES as u64;
    for number in header.first.0..=last.0 {
        let record = scan.record(header, end)?;
        let record = record.and_then(|record| {
            let is_expected = record.number.0 == number;
            is_expected.then_some(record).ok_or(Damage::Number)
        });
        let record = record.map_err(|damage| Error::Corrupt {
            path: path.to_owned(),
            offset: end,
            block: BlockNumber(number),
            damage,
        })?;
        end += record.stored_bytes();
    }
    Ok(end)
}

fn open(
    storage: &dyn Storage,
    path: &Path,
    mode: OpenMode,
) -> Result<Box<dyn crate::sys::storage::StorageFile>, Error> {
    let file = storage.open(path, mode);
    file.map_err(|source| Error::io("open", path, source))
}
