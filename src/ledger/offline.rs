//! What is done to a ledger that nobody has open: blocks taken off its end, pausing, removing.
//!
//! Taking blocks off, in an order that can be interrupted anywhere:
//!
//! 1. note the height that there was;
//! 2. remove the state, which would be ahead of the blocks otherwise; opening makes it again;
//! 3. take the blocks off.

use std::fs;
use std::path::Path;

use super::block_store::Cut;
use super::channel_ledger::Ledger;
use super::error::Error;
use super::marks::Marks;
use super::recovery::Places;
use crate::sys::failpoint;
use crate::sys::storage::Storage;
use crate::types::{BlockNumber, ChannelId};

/// A ledger that was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenBack {
    /// How many blocks there were.
    pub from: u64,
    /// How many there are.
    pub to: u64,
}

impl Ledger {
    /// Takes off all blocks behind `last`, for good; the state is made again when the ledger is opened.
    /// Blocks that are taken off may be damaged. Until the ledger has as many blocks again,
    /// [`Ledger::catching_up_to`] says so.
    ///
    /// # Errors
    /// There are no blocks behind `last`: nothing happened. The ledger is in use, a block that is to stay
    /// is damaged, or the disk failed: what is left can be opened.
    pub fn take_back(
        storage: &dyn Storage,
        ledgers: &Path,
        channel: &ChannelId,
        last: BlockNumber,
    ) -> Result<TakenBack, Error> {
        let places = existing(ledgers, channel)?;
        let _lock = places.lock()?;
        let cut = Cut::behind(storage, &places.blocks, channel, last)?;
        let marks = Marks {
            storage,
            places: &places,
        };
        // Taken back again before it has caught up, it still has to catch up to where it was once.
        let from = cut.height.max(marks.reset_from()?.unwrap_or(0));
        marks.set_reset_from(from)?;
        failpoint::pass("after_reset_noted");
        remove_state(storage, &places)?;
        cut.make(storage)?;
        Ok(TakenBack {
            from: cut.height,
            to: last.next().0,
        })
    }

    /// Whether the channel is not to be opened when the peer starts.
    #[must_use]
    pub fn is_paused(storage: &dyn Storage, ledgers: &Path, channel: &ChannelId) -> bool {
        let places = Places::of(ledgers, channel);
        let places = &places;
        Marks { storage, places }.is_paused()
    }

    /// Says whether the channel is to be opened when the peer starts.
    ///
    /// # Errors
    /// There is no such ledger, it is in use, or the disk failed.
    pub fn set_paused(
        storage: &dyn Storage,
        ledgers: &Path,
        channel: &ChannelId,
        paused: bool,
    ) -> Result<(), Error> {
        let places = &existing(ledgers, channel)?;
        let _lock = places.lock()?;
        Marks { storage, places }.set_paused(paused)
    }

    /// Removes a channel's ledger for good. It is out of the way at once, whatever happens while its
    /// files are being removed.
    ///
    /// # Errors
    /// It is in use, or the disk failed.
    pub fn remove(ledgers: &Path, channel: &ChannelId) -> Result<(), Error> {
        let places = existing(ledgers, channel)?;
        let _lock = places.lock()?;
        // No channel's name begins with a dot.
        let aside = ledgers.join(format!(".removed-{channel}"));
        remove_folder(&aside)?;
        fs::rename(&places.dir, &aside)
            .map_err(|source| Error::io("rename", &places.dir, source))?;
        remove_folder(&aside)
    }

    /// Whether there is a ledger of `channel` below the directory `ledgers`.
    #[must_use]
    pub fn exists(ledgers: &Path, channel: &ChannelId) -> bool {
        Places::of(ledgers, channel).blocks.is_dir()
    }
}

fn existing(ledgers: &Path, channel: &ChannelId) -> Result<Places, Error> {
    let places = Places::of(ledgers, channel);
    if places.blocks.is_dir() {
        Ok(places)
    } else {
        Err(Error::NoLedger { path: places.dir })
    }
}

/// Removes the state, durably: it must not come back beside fewer blocks.
pub(super) fn remove_state(storage: &dyn Storage, places: &Places) -> Result<(), Error> {
    remove_folder(&places.state)?;
    storage
        .sync_dir(&places.dir)
        .map_err(|source| Error::io("sync", &places.dir, source))?;
    failpoint::pass("after_state_removed");
    Ok(())
}

fn remove_folder(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::io("remove", path, source)),
    }
}
