//! Files that are read once from front to back: sources of blocks. What a ledger writes goes through
//! the storage instead.

use std::fs::File;
use std::io;
use std::path::Path;

/// Opens a file for reading.
///
/// # Errors
/// What the system says.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn open_for_reading(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Creates or empties a file for writing: an export.
///
/// # Errors
/// What the system says.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn create_for_writing(path: &Path) -> io::Result<File> {
    File::create(path)
}
