//! Checking a ledger's block file from the first byte to the last, without changing anything.

use std::path::Path;
use std::sync::Arc;

use super::block_store::{BlockReader, Position, Survey};
use super::error::Error;
use super::recovery::{Places, Progress};
use super::stored_block;
use crate::sys::storage::Storage;
use crate::types::{ChannelId, Digest};

/// A block file without damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many blocks it has.
    pub blocks: u64,
    /// The last block's header hash, `None` where there is no block.
    pub header_hash: Option<Digest>,
    /// Bytes behind the last block that the next start will cut: an append that was never acknowledged.
    pub torn_bytes: u64,
}

/// Checks of every block: checksum, number, previous hash, data hash.
///
/// # Errors
/// The first damage, with file and offset, as [`Error::Corrupt`]; the ledger is in use or cannot be
/// read.
pub fn verify(
    storage: &Arc<dyn Storage>,
    ledgers: &Path,
    channel: &ChannelId,
    progress: &mut dyn FnMut(Progress),
) -> Result<Verified, Error> {
    let places = Places::of(ledgers, channel);
    if !places.blocks.is_dir() {
        return Err(Error::NoLedger { path: places.dir });
    }
    let _lock = places.lock()?;
    let survey = Survey::of(&**storage, &places.blocks, channel, None)?;
    let reader = BlockReader::new(Arc::clone(storage), &places.blocks, channel);
    let total = survey.height();
    let mut position = Position::START;
    let mut previous = None;
    while position.next.0 < total {
        let number = position.next;
        let (location, block) = reader.read_next(&mut position)?;
        let hash = stored_block::check(&block, number, previous)
            .map_err(|damage| reader.corrupt(location.segment, location.offset, number, damage))?;
        previous = Some(hash);
        progress(Progress {
            done: position.next.0,
            total,
        });
    }
    Ok(Verified {
        blocks: total,
        header_hash: previous,
        torn_bytes: survey.torn_bytes(),
    })
}
