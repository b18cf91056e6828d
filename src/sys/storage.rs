//! The disk as an argument.
//!
//! What has to survive a crash goes through [`Storage`]: the machine's own ([`Disk`]) or, in tests, one
//! that knows what a power cut would leave. Knows nothing of what the files hold.
#![expect(
    unsafe_code,
    reason = "fallocate and statvfs are not in the standard library"
)]

use std::ffi::CString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use super::direct::{Direct, Parts};
use super::mmap::{FileMap, Frozen};

/// How to open a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// It must exist; only reading.
    Read,
    /// It must exist; reading and writing.
    Write,
    /// It is made anew, emptied where it exists; reading and writing.
    Create,
}

/// A directory tree that outlives the process.
pub trait Storage: Send + Sync + fmt::Debug {
    /// Makes a directory and its parents; nothing where they exist.
    ///
    /// # Errors
    /// What the system says.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory, sorted.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Opens a file. At most one handle that writes may exist for a file at any time.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn StorageFile>>;

    /// Renames a file within its directory, replacing what has the new name.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the directory's entries durable: names made, changed or removed before.
    ///
    /// # Errors
    /// What the system says; nothing is known then about the entries.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
}

/// An open file. One writer, any number of maps.
pub trait StorageFile: Send + Sync + fmt::Debug {
    /// The file's length.
    ///
    /// # Errors
    /// What the system says.
    fn byte_len(&self) -> io::Result<u64>;

    /// Reads at `offset` until `buffer` is full or the file ends; returns how many bytes.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes the slices one after the other at `offset`, all of them.
    ///
    /// # Errors
    /// What the system says, any part may have been written then; `InvalidInput` below the frozen mark.
    fn write_at(&self, offset: u64, slices: &[&[u8]]) -> io::Result<()>;

    /// Reserves space up to `len` bytes; the new bytes are zero. Does nothing where the file system
    /// cannot.
    ///
    /// # Errors
    /// What the system says, as when the disk is full.
    fn preallocate(&self, len: u64) -> io::Result<()>;

    /// Cuts the file.
    ///
    /// # Errors
    /// What the system says; `InvalidInput` below the frozen mark.
    fn truncate(&self, len: u64) -> io::Result<()>;

    /// Makes the file's bytes durable, with what is needed to read them back (fdatasync).
    ///
    /// # Errors
    /// What the system says; nothing is known then about the bytes.
    fn sync_data(&self) -> io::Result<()>;

    /// Makes bytes and length durable (fsync).
    ///
    /// # Errors
    /// As [`StorageFile::sync_data`].
    fn sync_all(&self) -> io::Result<()>;

    /// Declares the bytes below `end` final: maps may show them, writing there is refused.
    ///
    /// # Errors
    /// `InvalidInput` where the file is shorter.
    fn freeze(&self, end: u64) -> io::Result<()>;

    /// Says that the bytes from `from` to `until`, all durable, need not stay in memory: a hint that
    /// nothing depends on.
    fn forget(&self, from: u64, until: u64);

    /// Maps the first `len` bytes, which may be more than the file has yet; frozen bytes can be read.
    ///
    /// # Errors
    /// What the system says.
    fn map(&self, len: u64) -> io::Result<FileMap>;
}

/// The machine's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Storage for Disk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn StorageFile>> {
        Ok(Box::new(open_file(path, mode)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that opens files"
    )]
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

/// Takes the lock file `path` for as long as the returned handle lives. `None` where another handle, of
/// this process or another, has it.
///
/// The lock is an `flock`: it goes with its process, however that ends.
///
/// # Errors
/// What the system says.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that opens files"
)]
pub fn lock_file(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    // A process that another thread is just starting shares our open files until it executes its
    // program, and so keeps a lock that we have given back for a moment longer.
    for pause_ms in [1, 4, 15, 60, 0] {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => {
                std::thread::sleep(Duration::from_millis(pause_ms));
            }
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(None)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that opens files"
)]
pub(super) fn open_file(path: &Path, mode: OpenMode) -> io::Result<DiskFile> {
    let file = match mode {
        OpenMode::Read => OpenOptions::new().read(true).open(path),
        OpenMode::Write => OpenOptions::new().read(true).write(true).open(path),
        OpenMode::Create => OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path),
    }?;
    let direct = match mode {
        OpenMode::Read => Direct::default(),
        OpenMode::Write | OpenMode::Create => Direct::open(path),
    };
    Ok(DiskFile {
        file,
        frozen: Frozen::default(),
        write: Mutex::new(direct),
    })
}

/// A file of [`Disk`].
#[derive(Debug)]
pub(super) struct DiskFile {
    file: File,
    frozen: Frozen,
    /// Held while the file's position is in use.
    write: Mutex<Direct>,
}

impl DiskFile {
    fn check_thawed(&self, offset: u64) -> io::Result<()> {
        if offset < self.frozen.get() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "these bytes are final",
            ));
        }
        Ok(())
    }

    /// Writes slices through the system's memory of the file, whose position this changes.
    fn write_buffered(&self, offset: u64, slices: &[&[u8]]) -> io::Result<()> {
        let mut slices: Vec<IoSlice<'_>> = slices.iter().map(|slice| IoSlice::new(slice)).collect();
        let mut rest = slices.as_mut_slice();
        // Without this, empty slices alone would look like a file that takes no more bytes.
        IoSlice::advance_slices(&mut rest, 0);
        if rest.is_empty() {
            return Ok(());
        }
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset))?;
        while !rest.is_empty() {
            match file.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => IoSlice::advance_slices(&mut rest, count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl StorageFile for DiskFile {
    fn byte_len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..)
            && !rest.is_empty()
        {
            match self.file.read_at(rest, offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, slices: &[&[u8]]) -> io::Result<()> {
        let mut direct = self
            .write
            .lock()
            .map_err(|_| io::Error::other("a writer panicked"))?;
        self.check_thawed(offset)?;
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        let (first, pages) = direct.share(offset, bytes);
        let mut parts = Parts::of(slices);
        self.write_buffered(offset, &parts.take(first))?;
        let mut done = first;
        if pages > 0 {
            done += direct.write(offset + done as u64, pages, &mut parts);
        }
        self.write_buffered(offset + done as u64, &parts.take(bytes - done))
    }

    fn preallocate(&self, len: u64) -> io::Result<()> {
        let now = self.byte_len()?;
        let (Ok(start), Ok(count)) = (i64::try_from(now), i64::try_from(len.saturating_sub(now)))
        else {
            return Err(io::ErrorKind::FileTooLarge.into());
        };
        if count == 0 {
            return Ok(());
        }
        // SAFETY: the descriptor is open for as long as `self.file` lives; no memory is passed.
        let status = unsafe { libc::fallocate(self.file.as_raw_fd(), 0, start, count) };
        if status == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINTR) => Ok(()),
            _ => Err(error),
        }
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.check_thawed(len)?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn freeze(&self, end: u64) -> io::Result<()> {
        if end > self.byte_len()? {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the file is shorter",
            ));
        }
        self.frozen.raise(end);
        Ok(())
    }

    fn forget(&self, from: u64, until: u64) {
        let (Ok(start), Ok(count)) = (
            i64::try_from(from),
            i64::try_from(until.saturating_sub(from)),
        ) else {
            return;
        };
        if count > 0 {
            // SAFETY: the descriptor is open for as long as `self.file` lives; no memory is passed.
            let _ = unsafe {
                libc::posix_fadvise(
                    self.file.as_raw_fd(),
                    start,
                    count,
                    libc::POSIX_FADV_DONTNEED,
                )
            };
        }
    }

    fn map(&self, len: u64) -> io::Result<FileMap> {
        FileMap::new(&self.file, len, self.frozen.clone())
    }
}

/// How many bytes the file system of `path` has left for us.
///
/// # Errors
/// What the system says.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut raw = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the path ends with a zero, and `raw` is valid for writing one `statvfs`.
    let status = unsafe { libc::statvfs(path.as_ptr(), raw.as_mut_ptr()) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `statvfs` is plain integers, for which zeroes are a value; the call filled them in.
    let raw = unsafe { raw.assume_init() };
    Ok(raw.f_bavail.saturating_mul(raw.f_frsize))
}

/// Reads a whole file, at most `len_max` bytes of it.
///
/// # Errors
/// What the system says.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that opens files"
)]
pub fn read_file(path: &Path, len_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(len_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}
