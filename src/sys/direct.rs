//! Writing large pieces of a file past the system's memory of it: no copy of theirs is made there, and no
//! page is looked for to hold it.
//!
//! Invariants:
//! - a byte reaches the file through one of two doors: whole pages of large writes through the direct one,
//!   the pages at both ends of them and all small writes through the system's memory;
//! - where the file system does not have the direct door, everything goes through the other.
//!
//! What is written is as durable as through the other door: after the file's next sync.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::limits::{DIRECT_WRITE_BYTES_MIN, DIRECT_WRITE_BYTES_STEP};

/// What begins and ends where the disk wants it; a multiple of what disks in use ask for.
pub(super) const PAGE_BYTES: usize = 4096;

/// The direct door of a file, with the memory that goes through it.
#[derive(Debug, Default)]
pub(super) struct Direct {
    file: Option<File>,
    staging: Vec<u8>,
}

impl Direct {
    /// Of a file that exists.
    #[expect(
        clippy::disallowed_methods,
        reason = "beside the one place that opens files"
    )]
    pub(super) fn open(path: &Path) -> Self {
        let file = OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_DIRECT)
            .open(path);
        Self {
            file: file.ok(),
            staging: Vec::new(),
        }
    }

    /// How much of a write of `bytes` at `offset` goes first through the other door, and how much then
    /// through this one.
    pub(super) fn share(&self, offset: u64, bytes: usize) -> (usize, usize) {
        if self.file.is_none() || bytes < DIRECT_WRITE_BYTES_MIN {
            return (bytes, 0);
        }
        let page = PAGE_BYTES as u64;
        let head = usize::try_from(offset.next_multiple_of(page) - offset).unwrap_or(0);
        (head, (bytes - head) / PAGE_BYTES * PAGE_BYTES)
    }

    /// Writes `bytes` at `offset`, both multiples of the page, from `parts`; returns how many were written.
    /// What is missing then has to go through the other door.
    pub(super) fn write(&mut self, offset: u64, bytes: usize, parts: &mut Parts<'_, '_>) -> usize {
        let Some(file) = &self.file else { return 0 };
        let mut done = 0;
        while done < bytes {
            let step = (bytes - done).min(DIRECT_WRITE_BYTES_STEP);
            if self.staging.is_empty() {
                // Of zeroes, which take no memory before they are written over.
                self.staging = vec![0; DIRECT_WRITE_BYTES_STEP + PAGE_BYTES];
            }
            let start = self.staging.as_ptr().align_offset(PAGE_BYTES);
            let Some(pages) = self.staging.get_mut(start..start + step) else {
                break;
            };
            let before = parts.clone();
            parts.fill(pages);
            if file.write_all_at(pages, offset + done as u64).is_err() {
                *parts = before;
                self.file = None;
                break;
            }
            done += step;
        }
        done
    }
}

/// What is left to write of some slices.
#[derive(Debug, Clone)]
pub(super) struct Parts<'a, 'b> {
    first: &'b [u8],
    rest: &'a [&'b [u8]],
}

impl<'a, 'b> Parts<'a, 'b> {
    pub(super) fn of(slices: &'a [&'b [u8]]) -> Self {
        Self {
            first: &[],
            rest: slices,
        }
    }

    /// At most `bytes` of them, as slices.
    pub(super) fn take(&mut self, mut bytes: usize) -> Vec<&'b [u8]> {
        let mut taken = Vec::with_capacity(self.rest.len() + 1);
        while bytes > 0 && self.advance() {
            let (now, later) = self.first.split_at(bytes.min(self.first.len()));
            taken.push(now);
            bytes -= now.len();
            self.first = later;
        }
        taken
    }

    /// Fills a buffer, as far as there is something.
    fn fill(&mut self, mut buffer: &mut [u8]) {
        while !buffer.is_empty() && self.advance() {
            let count = buffer.len().min(self.first.len());
            let (now, later) = self.first.split_at(count);
            let (room, rest) = buffer.split_at_mut(count);
            room.copy_from_slice(now);
            (self.first, buffer) = (later, rest);
        }
    }

    /// Goes on to the next slice that has something; whether there is one.
    fn advance(&mut self) -> bool {
        while self.first.is_empty() {
            let Some((first, rest)) = self.rest.split_first() else {
                return false;
            };
            (self.first, self.rest) = (first, rest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    //! Which part of a write goes where, and that nothing is lost where the door is shut.

    use std::fs::{self, File};

    use super::{Direct, PAGE_BYTES, Parts};
    use crate::limits::{DIRECT_WRITE_BYTES_MIN, DIRECT_WRITE_BYTES_STEP};

    fn door(file: File) -> Direct {
        Direct {
            file: Some(file),
            staging: Vec::new(),
        }
    }

    #[test]
    fn whole_pages_of_large_writes_go_through() {
        let file = || tempfile::tempfile().unwrap();
        let large = DIRECT_WRITE_BYTES_MIN;
        assert_eq!(door(file()).share(0, large - 1), (large - 1, 0));
        assert_eq!(door(file()).share(0, large), (0, large));
        let (head, pages) = door(file()).share(1000, large + 1000);
        assert_eq!(head, PAGE_BYTES - 1000);
        assert_eq!(pages, large - PAGE_BYTES);
        assert_eq!(Direct::default().share(0, large), (large, 0));
    }

    #[test]
    fn what_a_shut_door_refuses_is_still_there_to_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, b"").unwrap();
        let mut shut = door(crate::sys::file::open_for_reading(&path).unwrap());
        let bytes = vec![7; DIRECT_WRITE_BYTES_STEP + PAGE_BYTES];
        let slices = [&bytes[..10], &bytes[10..]];
        let mut parts = Parts::of(&slices);
        assert_eq!(shut.write(0, bytes.len(), &mut parts), 0);
        assert_eq!(parts.take(usize::MAX).concat(), bytes);
        assert_eq!(
            shut.share(0, bytes.len()),
            (bytes.len(), 0),
            "it stays shut"
        );
    }
}
