//! A file of blocks: `common.Block` messages, each preceded by its length as a protobuf varint, plain
//! or compressed with zstd (told apart by the first four bytes).

use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::{BlockSource, SourceError, SourceProgress};
use crate::limits;
use crate::sys;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Reads a file of length-delimited blocks.
pub struct BlockFile {
    path: PathBuf,
    input: Box<dyn Read + Send>,
    consumed: Arc<AtomicU64>,
    file_len: u64,
    record: u64,
    offset: u64,
}

impl std::fmt::Debug for BlockFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockFile")
            .field("path", &self.path)
            .field("record", &self.record)
            .finish()
    }
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
        let mut counted = Counted {
            inner: bytes,
            consumed: Arc::clone(&consumed),
        };
        let mut magic = Vec::with_capacity(4);
        (&mut counted).take(4).read_to_end(&mut magic).map_err(io)?;
        let zstd = magic == ZSTD_MAGIC;
        let whole = std::io::Cursor::new(magic).chain(counted);
        let input: Box<dyn Read + Send> = if zstd {
            Box::new(BufReader::new(zstd::Decoder::new(whole).map_err(io)?))
        } else {
            Box::new(BufReader::with_capacity(1 << 20, whole))
        };
        Ok(Self {
            path: path.to_owned(),
            input,
            consumed,
            file_len,
            record: 0,
            offset: 0,
        })
    }

    /// Reads up to `length` bytes; fewer at the end of the file.
    fn read_up_to(&mut self, length: u64) -> Result<Vec<u8>, SourceError> {
        // The claimed length is not trusted with memory before the bytes are there.
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0).min(1 << 20));
        self.input
            .by_ref()
            .take(length)
            .read_to_end(&mut bytes)
            .map_err(|source| {
                // A compressed file that ends too early.
                if source.kind() == ErrorKind::UnexpectedEof {
                    return self.truncated(length, 0);
                }
                SourceError::Io {
                    path: self.path.clone(),
                    source,
                }
            })?;
        Ok(bytes)
    }

    /// The varint in front of a record and how many bytes it took; `None` at the end of the file.
    fn read_length(&mut self) -> Result<Option<(u64, u64)>, SourceError> {
        let mut length = 0_u64;
        for index in 0..10_u32 {
            let byte = self.read_up_to(1)?;
            let Some(&byte) = byte.first() else {
                return match index {
                    0 => Ok(None),
                    _ => Err(self.truncated(1, 0)),
                };
            };
            length |= u64::from(byte & 0x7f).checked_shl(7 * index).unwrap_or(0);
            if byte < 0x80 {
                return Ok(Some((length, u64::from(index) + 1)));
            }
        }
        Err(self.bad_length(u64::MAX))
    }

    fn truncated(&self, expected: u64, found: u64) -> SourceError {
        SourceError::Truncated {
            path: self.path.clone(),
            record: self.record,
            offset: self.offset,
            expected,
            found,
        }
    }

    fn bad_length(&self, length: u64) -> SourceError {
        SourceError::BadLength {
            path: self.path.clone(),
            record: self.record,
            offset: self.offset,
            length,
        }
    }
}

impl BlockSource for BlockFile {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        let Some((length, prefix)) = self.read_length()? else {
            return Ok(None);
        };
        if length > limits::BLOCK_BYTES_MAX as u64 {
            return Err(self.bad_length(length));
        }
        let bytes = self.read_up_to(length)?;
        if (bytes.len() as u64) < length {
            return Err(self.truncated(length, bytes.len() as u64));
        }
        self.record += 1;
        self.offset += prefix + length;
        Ok(Some(Bytes::from(bytes)))
    }

    fn progress(&self) -> SourceProgress {
        SourceProgress::new(Arc::clone(&self.consumed), self.file_len)
    }
}

/// Counts what is read from the file itself, compressed or not.
struct Counted<R> {
    inner: R,
    consumed: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        // Ordering: for a progress bar.
        self.consumed.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
