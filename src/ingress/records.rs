//! Length-delimited records: each preceded by its length as a protobuf varint.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::SourceError;
use crate::limits;

/// Reads one record after another. Invariant: never more than one of them is in memory, and none with
/// more bytes than the file has.
pub(super) struct Records {
    path: PathBuf,
    input: Box<dyn Read + Send>,
    length_max: usize,
    record: u64,
    offset: u64,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records")
            .field("path", &self.path)
            .field("record", &self.record)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl Records {
    /// Of `input`, which `path` names in errors.
    pub(super) fn new(path: &Path, input: Box<dyn Read + Send>, length_max: usize) -> Self {
        Self {
            path: path.to_owned(),
            input,
            length_max,
            record: 0,
            offset: 0,
        }
    }

    /// The next record, in the buffer `bytes`; `None` at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read, ends within a record, or a length is none that a record can have.
    pub(super) fn next_record(
        &mut self,
        mut bytes: Vec<u8>,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        let Some((length, prefix)) = self.read_length()? else {
            return Ok(None);
        };
        if length > self.length_max as u64 {
            return Err(self.bad_length(length));
        }
        self.read_up_to(length, &mut bytes)?;
        if (bytes.len() as u64) < length {
            return Err(self.truncated(length, bytes.len() as u64));
        }
        self.record += 1;
        self.offset += prefix + length;
        Ok(Some(bytes))
    }

    /// Where the next record's length prefix stands.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads up to `length` bytes into a buffer, whatever is in it; fewer at the end of the file.
    fn read_up_to(&mut self, length: u64, bytes: &mut Vec<u8>) -> Result<(), SourceError> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let mut filled = 0;
        while filled < length {
            // The claimed length is not trusted with much memory before the bytes are there.
            let until = length.min(filled.saturating_add(limits::BLOCK_BUFFER_BYTES_KEPT));
            // What a used buffer holds is written over: zeros are only written where it grows.
            if bytes.len() < until {
                // With some room, so that the buffer is large enough for the next block, too.
                bytes.reserve_exact(until + until / 8 - bytes.len());
                bytes.resize(until, 0);
            }
            let room = bytes.get_mut(filled..until).unwrap_or_default();
            let count = self.fill(room, length)?;
            filled += count;
            if count == 0 {
                break;
            }
        }
        bytes.truncate(filled);
        Ok(())
    }

    /// Reads once, something unless the file is at its end; `expected` bytes should be there.
    fn fill(&mut self, room: &mut [u8], expected: usize) -> Result<usize, SourceError> {
        loop {
            let error = match self.input.read(room) {
                Ok(count) => return Ok(count),
                Err(error) => error,
            };
            if error.kind() == ErrorKind::Interrupted {
                continue;
            }
            // A compressed file that ends too early.
            if error.kind() == ErrorKind::UnexpectedEof {
                return Err(self.truncated(expected as u64, 0));
            }
            return Err(SourceError::Io {
                path: self.path.clone(),
                source: error,
            });
        }
    }

    /// The varint in front of a record and how many bytes it took; `None` at the end of the file.
    fn read_length(&mut self) -> Result<Option<(u64, u64)>, SourceError> {
        let mut length = 0_u64;
        for index in 0..10_u32 {
            let mut byte = [0];
            let count = self.fill(&mut byte, 1)?;
            let [byte] = byte;
            if count == 0 {
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
            max: self.length_max as u64,
        }
    }
}

/// Counts what is read from the file itself, compressed or not.
pub(super) struct Counted<R> {
    inner: R,
    consumed: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    /// Adds to `consumed` what is read from `inner`.
    pub(super) fn new(inner: R, consumed: Arc<AtomicU64>) -> Self {
        Self { inner, consumed }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        // Ordering: for a progress bar.
        self.consumed.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
