//! The blocks of one channel on disk: `blocks.pb`, each block after its length as a varint, the form that
//! `heddle ledger import` and `devorderer serve` read.
//!
//! A block is appended and synced before the next one is, so only the last one can be torn: its length is
//! longer than the file, or its hashes do not fit, and no block is behind it. It was never delivered, and is
//! cut when the file is opened. What is bad with a block behind it is damage, and nothing is cut.
//!
//! Invariants:
//! - what can be read is durable;
//! - after a failed write nothing is written until the file is opened again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use bytes::Bytes;
use heddle::ingress::Buffers;
use heddle::ledger::{data_hash, header_hash};
use heddle::limits::BLOCK_BYTES_MAX;
use heddle::proto::common::{Block, BlockHeader};
use heddle::proto::wire::{Message as _, put_uint, put_varint};
use heddle::sys::storage::{OpenMode, Storage, StorageFile};
use heddle::types::BlockNumber;

const FILE: &str = "blocks.pb";
const NEW_FILE: &str = "blocks.pb.new";

/// Longest varint.
const VARINT_BYTES_MAX: usize = 10;

/// Why the blocks cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: damaged at byte {offset}, block {number}: {what}", path.display())]
    Damaged {
        path: PathBuf,
        offset: u64,
        number: u64,
        what: &'static str,
    },
}

/// Where a block is: offset and length of the message.
type Place = (u64, usize);

/// The blocks of a channel.
#[derive(Debug)]
pub(crate) struct BlockLog {
    path: PathBuf,
    file: Box<dyn StorageFile>,
    buffers: Buffers,
    places: RwLock<Vec<Place>>,
    /// Where the next record begins; `None` once a write has failed.
    end: RwLock<Option<u64>>,
}

impl BlockLog {
    /// Makes a channel's file with its genesis block; whole or not at all.
    pub(crate) fn create(
        storage: &dyn Storage,
        folder: &Path,
        genesis: &[u8],
    ) -> Result<(), LogError> {
        let path = folder.join(NEW_FILE);
        let make = || {
            storage.create_dir(folder)?;
            let file = storage.open(&path, OpenMode::Create)?;
            file.write_at(0, &[&length(genesis), genesis])?;
            file.sync_all()?;
            storage.rename(&path, &folder.join(FILE))?;
            storage.sync_dir(folder)?;
            match folder.parent() {
                Some(parent) => storage.sync_dir(parent),
                None => Ok(()),
            }
        };
        make().map_err(|source| LogError::Io {
            path: path.clone(),
            source,
        })
    }

    /// Whether a folder has a channel's file.
    pub(crate) fn exists(storage: &dyn Storage, folder: &Path) -> bool {
        let names = storage.list(folder).unwrap_or_default();
        names.iter().any(|name| name == FILE)
    }

    /// Opens a channel's file. Returns how many bytes of a torn block were cut, too.
    pub(crate) fn open(storage: &dyn Storage, folder: &Path) -> Result<(Self, u64), LogError> {
        let path = folder.join(FILE);
        let (log, torn) = Self::scan(storage, &path, OpenMode::Write)?;
        if torn > 0 {
            let end = log.end();
            let cut = log.file.truncate(end).and_then(|()| log.file.sync_all());
            cut.map_err(|source| LogError::Io { path, source })?;
        }
        Ok((log, torn))
    }

    /// Opens any file of blocks for reading. A torn block at its end is not shown.
    pub(crate) fn open_file(storage: &dyn Storage, path: &Path) -> Result<(Self, u64), LogError> {
        Self::scan(storage, path, OpenMode::Read)
    }

    /// Finds all blocks, and how many bytes behind the last one are torn.
    fn scan(storage: &dyn Storage, path: &Path, mode: OpenMode) -> Result<(Self, u64), LogError> {
        let failed = |source| LogError::Io {
            path: path.to_owned(),
            source,
        };
        let file = storage.open(path, mode).map_err(failed)?;
        let len = file.byte_len().map_err(failed)?;
        let mut scan = Scan {
            file: &*file,
            len,
            end: 0,
            places: Vec::new(),
            previous: None,
        };
        while scan.end < len {
            let Some(what) = scan.step().map_err(failed)? else {
                continue;
            };
            if !scan.places.is_empty() && !scan.is_followed().map_err(failed)? {
                break;
            }
            return Err(LogError::Damaged {
                path: path.to_owned(),
                offset: scan.end,
                number: bytes_u64(scan.places.len()),
                what,
            });
        }
        let (end, places) = (scan.end, scan.places);
        let log = Self {
            path: path.to_owned(),
            file,
            buffers: Buffers::default(),
            places: RwLock::new(places),
            end: RwLock::new(Some(end)),
        };
        Ok((log, len - end))
    }

    fn end(&self) -> u64 {
        let end = self.end.read().unwrap_or_else(PoisonError::into_inner);
        end.unwrap_or(0)
    }

    /// How many blocks there are.
    pub(crate) fn height(&self) -> u64 {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        u64::try_from(places.len()).unwrap_or(u64::MAX)
    }

    /// The serialized block `number`; `None` where it is not there yet.
    pub(crate) fn read(&self, number: u64) -> Result<Option<Bytes>, LogError> {
        let place = {
            let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
            let index = usize::try_from(number).unwrap_or(usize::MAX);
            places.get(index).copied()
        };
        let Some((offset, len)) = place else {
            return Ok(None);
        };
        let mut block = self.buffers.take();
        block.resize(len, 0);
        match self.file.read_at(offset, &mut block) {
            Ok(read) if read == len => Ok(Some(self.buffers.fill(block))),
            Ok(_) => Err(LogError::Damaged {
                path: self.path.clone(),
                offset,
                number,
                what: "the file has become shorter",
            }),
            Err(source) => Err(self.io(source)),
        }
    }

    /// Appends the next block and makes it durable.
    pub(crate) fn append(&self, block: &[u8]) -> Result<(), LogError> {
        let mut end = self.end.write().unwrap_or_else(PoisonError::into_inner);
        // Whatever goes wrong from here on, the file's end is unknown.
        let Some(at) = end.take() else {
            return Err(self.io(io::Error::other("an earlier write has failed")));
        };
        let length = length(block);
        let write = self.file.write_at(at, &[&length, block]);
        write
            .and_then(|()| self.file.sync_data())
            .map_err(|source| self.io(source))?;
        let offset = at + bytes_u64(length.len());
        *end = Some(offset + bytes_u64(block.len()));
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        places.push((offset, block.len()));
        Ok(())
    }

    fn io(&self, source: io::Error) -> LogError {
        LogError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

fn length(block: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(VARINT_BYTES_MAX);
    put_varint(&mut out, bytes_u64(block.len()));
    out
}

fn bytes_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A walk over a file's records.
struct Scan<'f> {
    file: &'f dyn StorageFile,
    len: u64,
    /// Where the next record begins.
    end: u64,
    places: Vec<Place>,
    /// The last block's header hash.
    previous: Option<Vec<u8>>,
}

impl Scan<'_> {
    /// Walks over the next block, or says what is there instead.
    fn step(&mut self) -> io::Result<Option<&'static str>> {
        let mut head = [0; VARINT_BYTES_MAX];
        let read = self.file.read_at(self.end, &mut head)?;
        let head = head.get(..read).unwrap_or_default();
        let Some((length, digits)) = varint(head) else {
            return Ok(Some("no length"));
        };
        let offset = self.end + bytes_u64(digits);
        let len = usize::try_from(length).unwrap_or(usize::MAX);
        if len > BLOCK_BYTES_MAX {
            return Ok(Some("longer than any block"));
        }
        if offset + length > self.len {
            return Ok(Some("a block that is cut off"));
        }
        let mut block = vec![0; len];
        self.file.read_at(offset, &mut block)?;
        match self.check(&block) {
            Ok(hash) => {
                self.previous = Some(hash);
                self.places.push((offset, len));
                self.end = offset + length;
                Ok(None)
            }
            Err(what) => Ok(Some(what)),
        }
    }

    /// Whether the block that should be here was durable once: then there is more behind it than one block
    /// can have, or the beginning of the block after the next.
    fn is_followed(&self) -> io::Result<bool> {
        let rest = self.len - self.end;
        if rest > bytes_u64(BLOCK_BYTES_MAX + VARINT_BYTES_MAX) {
            return Ok(true);
        }
        let mut bytes = vec![0; usize::try_from(rest).unwrap_or(usize::MAX)];
        self.file.read_at(self.end, &mut bytes)?;
        // A header begins with its number, then a hash of 32 bytes.
        let mut header = Vec::new();
        put_uint(&mut header, 1, bytes_u64(self.places.len() + 1));
        header.extend([0x12, 32]);
        Ok(bytes.windows(header.len()).any(|window| window == header))
    }

    /// The header hash of the next block.
    fn check(&self, block: &[u8]) -> Result<Vec<u8>, &'static str> {
        let block = Block::decode(block).map_err(|_| "not a block")?;
        let header: BlockHeader<'_> = block.header.ok_or("no header")?;
        let data = block.data.ok_or("no data")?.data;
        let expected = bytes_u64(self.places.len());
        if header.number != expected {
            return Err("not the next number");
        }
        if data_hash(&data).0[..] != *header.data_hash {
            return Err("data that do not have the hash in the header");
        }
        if let Some(previous) = &self.previous
            && *previous != header.previous_hash
        {
            return Err("not linked to the block before");
        }
        let slots = block.metadata.map_or(0, |metadata| metadata.metadata.len());
        if header.number > 0 && slots == 0 {
            return Err("no signatures");
        }
        let hash = header_hash(
            BlockNumber(header.number),
            header.previous_hash,
            header.data_hash,
        );
        Ok(hash.0.to_vec())
    }
}

/// A varint and how many bytes it has; `None` where it does not end.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().enumerate() {
        let shift = u32::try_from(index).ok()? * 7;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests;
