//! Reading a file that only grows through a memory map.
//!
//! Invariants:
//! - only bytes below the file's *frozen* mark can be read, and these never change again;
//! - the mark never lies beyond the end of the file, and never moves back.
#![expect(
    unsafe_code,
    reason = "a map's bytes are borrowed as a slice, below the frozen mark only"
)]

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};

/// How far a file's bytes are final. Shared by the file's writer and its maps.
#[derive(Debug, Clone, Default)]
pub(super) struct Frozen(Arc<AtomicU64>);

impl Frozen {
    /// The mark.
    pub(super) fn get(&self) -> u64 {
        // Ordering: pairs with `raise`: who sees the mark sees the bytes written before it.
        self.0.load(Ordering::Acquire)
    }

    /// Moves the mark up to `end`, never back.
    pub(super) fn raise(&self, end: u64) {
        // Ordering: pairs with `get`.
        self.0.fetch_max(end, Ordering::Release);
    }
}

/// A file mapped for reading.
#[derive(Debug)]
pub struct FileMap {
    raw: MmapRaw,
    frozen: Frozen,
}

impl FileMap {
    /// Maps the first `len` bytes, which may be more than the file has yet.
    pub(super) fn new(file: &File, len: u64, frozen: Frozen) -> io::Result<Self> {
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let raw = MmapOptions::new().len(len).map_raw_read_only(file)?;
        Ok(Self { raw, frozen })
    }

    /// `len` bytes at `offset`, `None` where they are not all frozen or not mapped.
    #[must_use]
    pub fn slice(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let end = offset.checked_add(u64::try_from(len).ok()?)?;
        if end > self.frozen.get() || end > u64::try_from(self.raw.len()).ok()? {
            return None;
        }
        let start = self
            .raw
            .as_ptr()
            .wrapping_add(usize::try_from(offset).ok()?);
        // SAFETY: `offset + len` lies within the map and below the frozen mark. Below the mark the file
        // has all bytes (`storage` checks its length before raising the mark) and nobody changes or cuts
        // them: `storage` refuses writes and truncation there, and the directory's lock keeps other
        // processes away. The map lives as long as the borrow of `self`.
        Some(unsafe { std::slice::from_raw_parts(start, len) })
    }
}
