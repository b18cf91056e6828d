//! Finding the end of the block file, and what is behind it.
//!
//! Only the last segment is in question: when a segment exists, all before it are durable. Its records
//! are read up to the first that is not whole. What that one is, later records tell: each names how many
//! blocks were durable when it was appended. If the broken one was among them, the file is damaged in
//! the middle and refused; else it is the torn tail of an append that was never acknowledged.
//!
//! Changes nothing.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::reader::BlockLocation;
use super::record::{ALIGNMENT, HEADER_BYTES as RECORD_HEADER_BYTES, RecordHeader, record_bytes};
use super::segment::{FileName, HEADER_BYTES, SegmentHeader, parse_name, segment_path};
use crate::ledger::error::{Damage, Error};
use crate::sys::storage::{OpenMode, Storage, StorageFile};
use crate::types::{BlockNumber, ChannelId};

const CHUNK_BYTES: usize = 1 << 20;

/// How far the state is: its height and where its last block is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Savepoint {
    /// Blocks in the state, at least one.
    pub(crate) height: u64,
    /// Where the last of them is.
    pub(crate) last: BlockLocation,
}

/// What the block directory holds.
#[derive(Debug)]
pub(crate) struct Survey {
    /// The last segment, `None` where there is none.
    pub(super) last: Option<LastSegment>,
    /// Segments whose making was interrupted.
    pub(super) leftovers: Vec<PathBuf>,
}

/// The segment that is appended to.
#[derive(Debug)]
pub(super) struct LastSegment {
    pub(super) header: SegmentHeader,
    pub(super) path: PathBuf,
    pub(super) len: u64,
    /// Where its last whole record ends; beyond `len` where the file ends within its padding.
    pub(super) end: u64,
    /// How many blocks there are up to there.
    pub(super) height: u64,
    /// Where the first record begins that may be in memory only.
    pub(super) uncertain_from: u64,
    /// Whether there is something else than zeros behind the end.
    pub(super) torn: bool,
    /// What is wrong with the record behind the end, where it is not simply absent.
    pub(super) damage: Option<Damage>,
}

impl Survey {
    /// Surveys `dir`, which exists. Where the state is known, records that it has need not be read.
    ///
    /// # Errors
    /// The block file is damaged, of another channel or format, or cannot be read.
    pub(crate) fn of(
        storage: &dyn Storage,
        dir: &Path,
        channel: &ChannelId,
        savepoint: Option<Savepoint>,
    ) -> Result<Self, Error> {
        let (segments, leftovers) = segments(storage, dir)?;
        let last = segments.last().map(|&segment| {
            let path = segment_path(dir, segment);
            let file = storage
                .open(&path, OpenMode::Read)
                .map_err(|source| Error::io("open", &path, source))?;
            let mut scan = Scan::of(&*file, &path);
            let header = scan.header(segment, channel)?;
            scan.last_segment(header, savepoint)
        });
        Ok(Self {
            last: last.transpose()?,
            leftovers,
        })
    }

    /// How many blocks there are.
    pub(crate) fn height(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.height)
    }

    /// How many bytes behind the last whole record are to be cut.
    pub(crate) fn torn_bytes(&self) -> u64 {
        self.last
            .as_ref()
            .filter(|last| last.torn)
            .map_or(0, |last| last.len - last.end)
    }

    /// Refuses a state that has more blocks than the files.
    pub(crate) fn check_savepoint(&self, savepoint: Savepoint, state: &Path) -> Result<(), Error> {
        if savepoint.height <= self.height() {
            return Ok(());
        }
        match &self.last {
            Some(LastSegment {
                damage: Some(damage),
                path,
                end,
                height,
                ..
            }) => Err(Error::Corrupt {
                path: path.clone(),
                offset: *end,
                block: BlockNumber(*height),
                damage: *damage,
            }),
            _ => Err(Error::StateAhead {
                path: state.to_owned(),
                state: savepoint.height,
                blocks: self.height(),
            }),
        }
    }
}

/// The numbers of the segments in `dir`, in their order, and segments whose making was interrupted.
pub(super) fn segments(
    storage: &dyn Storage,
    dir: &Path,
) -> Result<(Vec<u32>, Vec<PathBuf>), Error> {
    let mut segments = Vec::new();
    let mut leftovers = Vec::new();
    let names = storage.list(dir);
    for name in names.map_err(|source| Error::io("list", dir, source))? {
        match parse_name(&name) {
            FileName::Segment(number) => segments.push(number),
            FileName::NewSegment => leftovers.push(dir.join(name)),
            FileName::Other => {}
        }
    }
    segments.sort_unstable();
    let mut numbered = segments.iter().zip(0..);
    let gap = numbered.find(|(segment, index)| *segment != index);
    if let Some((_, missing)) = gap {
        return Err(Error::MissingSegment {
            path: segment_path(dir, missing),
        });
    }
    Ok((segments, leftovers))
}

/// Reads a segment's file.
pub(super) struct Scan<'a> {
    file: &'a dyn StorageFile,
    path: &'a Path,
    buffer: Vec<u8>,
}

impl<'a> Scan<'a> {
    pub(super) fn of(file: &'a dyn StorageFile, path: &'a Path) -> Self {
        Self {
            file,
            path,
            buffer: Vec::new(),
        }
    }

    fn failed(&self) -> impl Fn(std::io::Error) -> Error {
        |source| Error::io("read", self.path, source)
    }

    pub(super) fn header(
        &mut self,
        segment: u32,
        channel: &ChannelId,
    ) -> Result<SegmentHeader, Error> {
        let mut bytes = [0; HEADER_BYTES];
        let read = self.file.read_at(0, &mut bytes).map_err(self.failed())?;
        SegmentHeader::decode(
            bytes.get(..read).unwrap_or_default(),
            self.path,
            segment,
            channel,
        )
    }

    fn last_segment(
        &mut self,
        header: SegmentHeader,
        savepoint: Option<Savepoint>,
    ) -> Result<LastSegment, Error> {
        let len = self.file.byte_len().map_err(self.failed())?;
        let (mut end, mut height) = (HEADER_BYTES as u64, header.first.0);
        if let Some(Savepoint {
            height: known,
            last,
        }) = savepoint
            && last.segment == header.segment
            && let Some(number) = known.checked_sub(1)
            && self
                .record(&header, last.offset)?
                .is_ok_and(|record| record.number.0 == number)
        {
            (end, height) = (last.end(), known);
        }
        let known_durable = savepoint
            .map_or(0, |savepoint| savepoint.height)
            .max(header.first.0);
        // Records that were not known to be durable when the last one was appended.
        let mut uncertain = VecDeque::new();
        let damage = loop {
            match self.record(&header, end)? {
                Ok(record) if record.number.0 == height => {
                    uncertain.push_back((height, end));
                    let durable = known_durable.max(record.durable);
                    while uncertain
                        .front()
                        .is_some_and(|(number, _)| *number < durable)
                    {
                        uncertain.pop_front();
                    }
                    end += record_bytes(record.length);
                    height += 1;
                }
                Ok(_) => break Damage::Number,
                Err(damage) => break damage,
            }
        };
        let behind = self.behind(&header, end, height)?;
        if behind.was_durable {
            return Err(Error::Corrupt {
                path: self.path.to_owned(),
                offset: end,
                block: BlockNumber(height),
                damage,
            });
        }
        Ok(LastSegment {
            header,
            path: self.path.to_owned(),
            len,
            end,
            height,
            uncertain_from: uncertain
                .front()
                .map_or(end, |(_, offset)| *offset)
                .min(len),
            torn: behind.torn,
            damage: behind.begun.then_some(damage),
        })
    }

    /// The record at `offset`, if it is whole.
    pub(super) fn record(
        &mut self,
        segment: &SegmentHeader,
        offset: u64,
    ) -> Result<Result<RecordHeader, Damage>, Error> {
        let mut bytes = [0; RECORD_HEADER_BYTES];
        let read = self
            .file
            .read_at(offset, &mut bytes)
            .map_err(self.failed())?;
        if read < bytes.len() {
            return Ok(Err(Damage::Missing));
        }
        let Some(header) = RecordHeader::decode(segment.nonce, &bytes) else {
            return Ok(Err(Damage::Header));
        };
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(length, 0);
        let offset = offset + RECORD_HEADER_BYTES as u64;
        let read = self
            .file
            .read_at(offset, &mut buffer)
            .map_err(self.failed())?;
        let whole = read == length && header.matches(&buffer);
        self.buffer = buffer;
        Ok(if whole {
            Ok(header)
        } else if read < length {
            Err(Damage::Missing)
        } else {
            Err(Damage::Checksum)
        })
    }

    /// Looks at everything behind `end`, where the record of block `missing` should be.
    fn behind(&mut self, segment: &SegmentHeader, end: u64, missing: u64) -> Result<Behind, Error> {
        let mut behind = Behind::default();
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut offset = end;
        loop {
            let read = self
                .file
                .read_at(offset, &mut chunk)
                .map_err(self.failed())?;
            let bytes = chunk.get(..read).unwrap_or_default();
            for (word, at) in bytes.chunks(ALIGNMENT).zip((offset..).step_by(ALIGNMENT)) {
                if word.iter().all(|byte| *byte == 0) {
                    continue;
                }
                behind.torn = true;
                behind.begun |= at < end + RECORD_HEADER_BYTES as u64;
                if word == segment.nonce.0
                    && self
                        .record(segment, at)?
                        .is_ok_and(|later| later.durable > missing)
                {
                    behind.was_durable = true;
                    return Ok(behind);
                }
            }
            if read < chunk.len() {
                return Ok(behind);
            }
            offset += read as u64;
        }
    }
}

/// What is behind the last whole record.
#[derive(Debug, Default)]
struct Behind {
    /// Something else than zeros.
    torn: bool,
    /// The next record was begun: its header is not all zero.
    begun: bool,
    /// A record that was appended when the missing block was durable already.
    was_durable: bool,
}
