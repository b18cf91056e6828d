//! Reading blocks through memory maps, from any thread, while the store appends.
//!
//! Invariant: what is handed out was durable and passed its checksum.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

use super::record::{HEADER_BYTES as RECORD_HEADER_BYTES, RecordHeader, record_bytes};
use super::segment::{HEADER_BYTES, Nonce, SegmentHeader, segment_path};
use crate::ledger::error::{Damage, Error};
use crate::limits::SEGMENTS_MAPPED_MAX;
use crate::sys::mmap::FileMap;
use crate::sys::storage::{OpenMode, Storage};
use crate::types::{BlockNumber, ChannelId};

/// Where a block is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockLocation {
    /// The segment.
    pub segment: u32,
    /// Where its record begins in the segment.
    pub offset: u64,
    /// How long the serialized block is.
    pub length: u32,
}

impl BlockLocation {
    /// Where the next record begins, if it is in the same segment.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(record_bytes(self.length))
    }
}

/// A stored block: a serialized `common.Block` with all its metadata, straight from the file.
///
/// Cloning is cheap. As an owner of bytes it fits `bytes::Bytes::from_owner`.
#[derive(Clone)]
pub struct BlockBytes {
    segment: Arc<MappedSegment>,
    offset: u64,
    length: usize,
}

impl AsRef<[u8]> for BlockBytes {
    fn as_ref(&self) -> &[u8] {
        // The range was there when this was made, and what is frozen stays.
        self.segment
            .map
            .slice(self.offset, self.length)
            .unwrap_or_default()
    }
}

impl fmt::Debug for BlockBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockBytes({} bytes)", self.length)
    }
}

/// A segment that can be read.
#[derive(Debug)]
pub(super) struct MappedSegment {
    pub(super) map: FileMap,
    pub(super) first: BlockNumber,
    pub(super) nonce: Nonce,
}

/// A place between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// The segment.
    pub(crate) segment: u32,
    /// The offset in it.
    pub(crate) offset: u64,
    /// The block that comes next.
    pub(crate) next: BlockNumber,
}

impl Position {
    /// In front of the genesis block.
    pub(crate) const START: Self = Self {
        segment: 0,
        offset: HEADER_BYTES as u64,
        next: BlockNumber(0),
    };

    /// Behind the block `number` at `location`.
    pub(crate) fn after(location: BlockLocation, number: BlockNumber) -> Self {
        Self {
            segment: location.segment,
            offset: location.end(),
            next: number.next(),
        }
    }
}

/// Reads blocks.
#[derive(Debug)]
pub(crate) struct BlockReader {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    channel: ChannelId,
    mapped: Mutex<Mapped>,
}

#[derive(Debug, Default)]
struct Mapped {
    segments: HashMap<u32, Arc<MappedSegment>>,
    /// In the order in which they were mapped.
    order: VecDeque<u32>,
    /// The segment that is appended to: only its writer's map sees new records.
    active: Option<u32>,
}

impl BlockReader {
    /// A reader of the segments in `dir`.
    pub(crate) fn new(storage: Arc<dyn Storage>, dir: &Path, channel: &ChannelId) -> Self {
        Self {
            storage,
            dir: dir.to_owned(),
            channel: channel.clone(),
            mapped: Mutex::default(),
        }
    }

    /// The block `number`, which `location` should hold.
    ///
    /// # Errors
    /// It cannot be read, or is not what was written.
    pub(crate) fn read(
        &self,
        location: BlockLocation,
        number: BlockNumber,
    ) -> Result<BlockBytes, Error> {
        let segment = self.segment(location.segment)?;
        let corrupt = |damage| self.corrupt(location.segment, location.offset, number, damage);
        let (header, block) = record(&segment, location.offset, number).map_err(corrupt)?;
        if header.length != location.length {
            return Err(corrupt(Damage::Header));
        }
        Ok(block)
    }

    /// The block at `position`, which moves behind it.
    ///
    /// # Errors
    /// There is no block, or it is not what was written.
    pub(crate) fn read_next(
        &self,
        position: &mut Position,
    ) -> Result<(BlockLocation, BlockBytes), Error> {
        let Position {
            segment: number,
            offset,
            next,
        } = *position;
        let segment = self.segment(number)?;
        match record(&segment, offset, next) {
            Ok((header, block)) => {
                let location = BlockLocation {
                    segment: number,
                    offset,
                    length: header.length,
                };
                *position = Position::after(location, next);
                Ok((location, block))
            }
            Err(Damage::Header | Damage::Missing) if self.begins_with(number + 1, next)? => {
                *position = Position {
                    segment: number + 1,
                    offset: HEADER_BYTES as u64,
                    next,
                };
                self.read_next(position)
            }
            Err(damage) => Err(self.corrupt(number, offset, next, damage)),
        }
    }

    /// How many segments are mapped.
    #[cfg(test)]
    pub(super) fn mapped_segments(&self) -> usize {
        self.lock().segments.len()
    }

    /// The error for a damaged record.
    pub(crate) fn corrupt(
        &self,
        segment: u32,
        offset: u64,
        block: BlockNumber,
        damage: Damage,
    ) -> Error {
        Error::Corrupt {
            path: segment_path(&self.dir, segment),
            offset,
            block,
            damage,
        }
    }

    /// Makes the segment that is appended to readable through its writer's map.
    pub(super) fn set_active(&self, number: u32, segment: MappedSegment) {
        let mut mapped = self.lock();
        mapped.active = Some(number);
        mapped.insert(number, Arc::new(segment));
    }

    fn begins_with(&self, segment: u32, block: BlockNumber) -> Result<bool, Error> {
        match self.segment(segment) {
            Ok(segment) => Ok(segment.first == block),
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn segment(&self, number: u32) -> Result<Arc<MappedSegment>, Error> {
        if let Some(segment) = self.lock().segments.get(&number) {
            return Ok(Arc::clone(segment));
        }
        let segment = Arc::new(self.map(number)?);
        let mut mapped = self.lock();
        if let Some(segment) = mapped.segments.get(&number) {
            // Another thread was faster, or the writer began to append to it.
            return Ok(Arc::clone(segment));
        }
        mapped.insert(number, Arc::clone(&segment));
        Ok(segment)
    }

    /// Maps a segment that nobody appends to.
    fn map(&self, number: u32) -> Result<MappedSegment, Error> {
        let path = segment_path(&self.dir, number);
        let failed = |source| Error::io("read", &path, source);
        let file = self.storage.open(&path, OpenMode::Read).map_err(failed)?;
        let len = file.byte_len().map_err(failed)?;
        let mut bytes = [0; HEADER_BYTES];
        let read = file.read_at(0, &mut bytes).map_err(failed)?;
        let bytes = bytes.get(..read).unwrap_or_default();
        let header = SegmentHeader::decode(bytes, &path, number, &self.channel)?;
        file.freeze(len).map_err(failed)?;
        let map = file.map(len).map_err(failed)?;
        Ok(MappedSegment {
            map,
            first: header.first,
            nonce: header.nonce,
        })
    }

    /// A panic elsewhere cannot leave the table half changed.
    fn lock(&self) -> MutexGuard<'_, Mapped> {
        self.mapped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mapped {
    fn insert(&mut self, number: u32, segment: Arc<MappedSegment>) {
        if self.segments.insert(number, segment).is_none() {
            self.order.push_back(number);
        }
        while self.segments.len() > SEGMENTS_MAPPED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            if self.active == Some(oldest) {
                self.order.push_back(oldest);
            } else {
                self.segments.remove(&oldest);
            }
        }
    }
}

/// The record at `offset`, which should be that of block `number`.
fn record(
    segment: &Arc<MappedSegment>,
    offset: u64,
    number: BlockNumber,
) -> Result<(RecordHeader, BlockBytes), Damage> {
    let header = segment
        .map
        .slice(offset, RECORD_HEADER_BYTES)
        .ok_or(Damage::Missing)?;
    let header = header.first_chunk().ok_or(Damage::Missing)?;
    let header = RecordHeader::decode(segment.nonce, header).ok_or(Damage::Header)?;
    let length = usize::try_from(header.length).map_err(|_| Damage::Header)?;
    let offset = offset + RECORD_HEADER_BYTES as u64;
    let payload = segment.map.slice(offset, length).ok_or(Damage::Missing)?;
    if !header.matches(payload) {
        return Err(Damage::Checksum);
    }
    if header.number != number {
        return Err(Damage::Number);
    }
    Ok((
        header,
        BlockBytes {
            segment: Arc::clone(segment),
            offset,
            length,
        },
    ))
}
