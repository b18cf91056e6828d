//! What is noted of a channel beside its ledger: that it is paused, and from which height it was taken
//! back.
//!
//! ```text
//! LEDGERS/CHANNEL/paused        the channel is not opened when the peer starts
//!                 reset_from    the height in decimals that the ledger had before blocks were taken off
//! ```
//!
//! Each is there whole or not at all, whenever the process is killed.

use std::io;
use std::path::PathBuf;

use super::error::Error;
use super::recovery::Places;
use crate::sys::storage::{OpenMode, Storage, read_file};

const PAUSED: &str = "paused";
const RESET_FROM: &str = "reset_from";

/// More than the largest number takes.
const NUMBER_BYTES_MAX: u64 = 32;

/// A channel's notes.
#[derive(Debug)]
pub(super) struct Marks<'m> {
    pub(super) storage: &'m dyn Storage,
    pub(super) places: &'m Places,
}

impl Marks<'_> {
    pub(super) fn is_paused(&self) -> bool {
        self.path(PAUSED).exists()
    }

    pub(super) fn set_paused(&self, paused: bool) -> Result<(), Error> {
        if paused {
            self.write(PAUSED, b"")
        } else {
            self.remove(PAUSED)
        }
    }

    /// The height before the ledger was taken back.
    pub(super) fn reset_from(&self) -> Result<Option<u64>, Error> {
        let path = self.path(RESET_FROM);
        let bytes = match read_file(&path, NUMBER_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::io("read", &path, source)),
        };
        // It only tells how far there is to go: one that is damaged does not keep a ledger from opening.
        Ok(String::from_utf8_lossy(&bytes).trim().parse().ok())
    }

    pub(super) fn set_reset_from(&self, height: u64) -> Result<(), Error> {
        self.write(RESET_FROM, height.to_string().as_bytes())
    }

    pub(super) fn clear_reset_from(&self) -> Result<(), Error> {
        self.remove(RESET_FROM)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.places.dir.join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let (new, path) = (self.path(&format!("{name}.new")), self.path(name));
        let failed = |source| Error::io("write", &path, source);
        let file = self.storage.open(&new, OpenMode::Create).map_err(failed)?;
        file.write_at(0, &[bytes]).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        self.storage.rename(&new, &path).map_err(failed)?;
        self.storage.sync_dir(&self.places.dir).map_err(failed)
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name);
        match self.storage.remove(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(Error::io("remove", &path, source)),
        }
        let synced = self.storage.sync_dir(&self.places.dir);
        synced.map_err(|source| Error::io("sync", &self.places.dir, source))
    }
}
