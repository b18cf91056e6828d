//! The folder of a peer's ledgers: which channels it has, and the lock that keeps one process away from
//! another: a running peer, or a command that needs it not to run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::error::PeerError;
use crate::ledger::{Ledger, LedgerOptions, Progress, TakenBack};
use crate::mvcc::StoredReplay;
use crate::sys::storage::{Disk, lock_file};
use crate::types::{BlockNumber, ChannelId};

/// No channel's name begins with a dot.
const LOCK: &str = ".lock";

/// A folder of ledgers that no other process uses.
#[derive(Debug)]
pub struct LedgerFolder {
    path: PathBuf,
    /// Kept as long as this lives; goes with its process, however that ends.
    _lock: File,
}

impl LedgerFolder {
    /// Takes a peer's folder, which is made where there is none.
    ///
    /// # Errors
    /// It cannot be made, or a peer or a command has it.
    pub fn make(path: &Path) -> Result<Self, PeerError> {
        fs::create_dir_all(path).map_err(|source| PeerError::Folder {
            folder: path.to_owned(),
            source,
        })?;
        Self::take(path)
    }

    /// Takes a peer's folder.
    ///
    /// # Errors
    /// There is none, or a peer or a command has it.
    pub fn take(path: &Path) -> Result<Self, PeerError> {
        let failed = |source| PeerError::Folder {
            folder: path.to_owned(),
            source,
        };
        let lock = lock_file(&path.join(LOCK)).map_err(failed)?;
        let lock = lock.ok_or_else(|| PeerError::InUse {
            folder: path.to_owned(),
        })?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The channels that have a ledger, paused ones too, in the order of their names.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn channels(&self) -> Result<Vec<ChannelId>, PeerError> {
        let failed = |source| PeerError::Folder {
            folder: self.path.clone(),
            source,
        };
        let mut channels = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let Some(channel) = name.to_str().and_then(|name| ChannelId::new(name).ok()) else {
                continue;
            };
            if Ledger::exists(&self.path, &channel) {
                channels.push(channel);
            }
        }
        channels.sort_by_key(ToString::to_string);
        Ok(channels)
    }

    /// Takes off all blocks of a channel behind `last`, as [`Ledger::take_back`].
    ///
    /// # Errors
    /// As there.
    ///
    /// Fabric: `core/ledger/kvledger/rollback.go:RollbackKVLedger`.
    pub fn roll_back(
        &self,
        channel: &ChannelId,
        last: BlockNumber,
    ) -> Result<TakenBack, PeerError> {
        Ok(Ledger::take_back(&Disk, &self.path, channel, last)?)
    }

    /// Takes off all blocks of a channel but its genesis block; `None` where it has no more.
    ///
    /// # Errors
    /// As [`Ledger::take_back`].
    ///
    /// Fabric: `core/ledger/kvledger/reset.go:ResetAllKVLedgers`.
    pub fn reset(&self, channel: &ChannelId) -> Result<Option<TakenBack>, PeerError> {
        match Ledger::take_back(&Disk, &self.path, channel, BlockNumber(0)) {
            Ok(taken_back) => Ok(Some(taken_back)),
            Err(crate::ledger::Error::NothingBehind { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a channel's state and indexes again from its blocks; the height.
    ///
    /// # Errors
    /// As [`Ledger::rebuild`].
    pub fn rebuild(
        &self,
        channel: &ChannelId,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<u64, PeerError> {
        let options = Self::options();
        let ledger = Ledger::rebuild(&self.path, channel, &options, &StoredReplay, progress)?;
        Ok(ledger.height())
    }

    /// Opens a channel's ledger once, so that what is to be done at the next start is done now.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn recover(
        &self,
        channel: &ChannelId,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<u64, PeerError> {
        let options = Self::options();
        let ledger = Ledger::open(&self.path, channel, &options, &StoredReplay, progress)?;
        Ok(ledger.height())
    }

    /// Whether a peer leaves the channel alone when it starts.
    #[must_use]
    pub fn is_paused(&self, channel: &ChannelId) -> bool {
        Ledger::is_paused(&Disk, &self.path, channel)
    }

    /// Says whether a peer leaves the channel alone when it starts.
    ///
    /// # Errors
    /// There is no such channel, or the disk failed.
    ///
    /// Fabric: `core/ledger/kvledger/pause_resume.go`.
    pub fn set_paused(&self, channel: &ChannelId, paused: bool) -> Result<(), PeerError> {
        Ok(Ledger::set_paused(&Disk, &self.path, channel, paused)?)
    }

    /// Removes a channel's ledger, as [`Ledger::remove`].
    ///
    /// # Errors
    /// As there.
    pub fn remove(&self, channel: &ChannelId) -> Result<(), PeerError> {
        Ok(Ledger::remove(&self.path, channel)?)
    }

    fn options() -> LedgerOptions {
        LedgerOptions {
            create: false,
            ..LedgerOptions::default()
        }
    }
}
