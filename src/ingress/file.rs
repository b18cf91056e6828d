//! A file of blocks: `common.Block` messages, each preceded by its length as a protobuf varint, plain
//! or compressed with zstd (told apart by the first four bytes).

use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;

use super::buffers::Buffers;
use super::records::{Counted, Records};
use super::{BlockSource, SourceError, SourceProgress};
use crate::limits;
use crate::sys;

/// Read at a time where little is wanted; whoever wants more reads around this buffer.
const READ_AHEAD_BYTES: usize = 32 << 10;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Reads a file of length-delimited blocks.
#[derive(Debug)]
pub struct BlockFile {
    records: Records,
    consumed: Arc<AtomicU64>,
    file_len: u64,
    buffers: Buffers,
}

impl BlockFile {
    /// Opens a file, plain or zstd.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let io = |source| SourceError::Io {
            path: path.to_owned(),
            source,
        };
        let file = sys::file::open_for_reading(path).map_err(io)?;
        let file_len = file.metadata().map_err(io)?.len();
        Self::new(path, file, file_len)
    }

    /// Reads a file's bytes, plain or zstd, from wherever they come. `path` is what errors call it.
    ///
    /// # Errors
    /// The bytes cannot be read.
    pub fn new(
        path: &Path,
        bytes: impl Read + Send + 'static,
        file_len: u64,
    ) -> Result<Self, SourceError> {
        let io = |source| SourceError::Io {
            path: path.to_owned(),
            source,
        };
        let consumed = Arc::new(AtomicU64::new(0));
        let mut counted = Counted::new(bytes, Arc::clone(&consumed));
        let mut magic = Vec::with_capacity(4);
        (&mut counted).take(4).read_to_end(&mut magic).map_err(io)?;
        let zstd = magic == ZSTD_MAGIC;
        let whole = std::io::Cursor::new(magic).chain(counted);
        let input: Box<dyn Read + Send> = if zstd {
            Box::new(BufReader::new(zstd::Decoder::new(whole).map_err(io)?))
        } else {
            Box::new(BufReader::with_capacity(READ_AHEAD_BYTES, whole))
        };
        Ok(Self {
            records: Records::new(path, input, limits::BLOCK_BYTES_MAX),
            consumed,
            file_len,
            buffers: Buffers::default(),
        })
    }
}

impl BlockSource for BlockFile {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        let record = self.records.next_record(self.buffers.take())?;
        Ok(record.map(|bytes| self.buffers.fill(bytes)))
    }

    fn progress(&self) -> SourceProgress {
        SourceProgress::new(Arc::clone(&self.consumed), self.file_len)
    }
}
