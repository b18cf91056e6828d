//! A Fabric peer's own chain folder, `ledgersData/chains/chains/CHANNEL`: block files `blockfile_000000`,
//! `blockfile_000001` and so on, read in the order of their numbers. Or one such file.
//!
//! Each file is a sequence of records, and each record a block in the layout of [`super::stored_block`].
//! Fabric starts a new file where a block does not fit any more, so a record never spans two files.
//!
//! The folder's peer may be running: files are only read, and what is not whole yet at the end of the
//! last file is reported as such. Invariant: blocks come out numbered without a gap, from 0 for a folder.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;

use super::records::{Counted, Records};
use super::stored_block::StoredBlock;
use super::{BlockSource, SourceError, SourceProgress};
use crate::limits;
use crate::sys;
use crate::types::BlockNumber;

const PREFIX: &str = "blockfile_";
/// Digits of the first million files; Fabric writes more where it needs them.
const SUFFIX_DIGITS_MIN: usize = 6;

/// Reads a peer's block files.
#[derive(Debug)]
pub struct ChainFolder {
    /// Files still to be read, the next one last.
    waiting: Vec<PathBuf>,
    current: Option<Current>,
    /// The next block; `None` where any number may come first.
    expected: Option<BlockNumber>,
    consumed: Arc<AtomicU64>,
    bytes_total: u64,
}

#[derive(Debug)]
struct Current {
    path: PathBuf,
    records: Records,
}

impl ChainFolder {
    /// Whether `path` is a folder, or by its name one of Fabric's block files.
    #[must_use]
    pub fn is_one(path: &Path) -> bool {
        path.is_dir()
            || path
                .file_name()
                .and_then(|name| suffix(name.to_str()?))
                .is_some()
    }

    /// Opens a chain folder, or one block file.
    ///
    /// # Errors
    /// The folder cannot be read, has no block files, or one is missing between two others.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let (files, expected) = if path.is_dir() {
            (block_files(path)?, Some(BlockNumber(0)))
        } else {
            (vec![path.to_owned()], None)
        };
        let mut bytes_total = 0;
        for file in &files {
            let metadata = std::fs::metadata(file).map_err(|source| io(file, source))?;
            bytes_total += metadata.len();
        }
        Ok(Self {
            waiting: files.into_iter().rev().collect(),
            current: None,
            expected,
            consumed: Arc::new(AtomicU64::new(0)),
            bytes_total,
        })
    }

    /// The next record and where it stands; `None` after the last file.
    fn next_record(&mut self) -> Result<Option<(PathBuf, u64, Vec<u8>)>, SourceError> {
        loop {
            if let Some(current) = &mut self.current {
                let offset = current.records.offset();
                match current.records.next_record(Vec::new()) {
                    Ok(Some(record)) => return Ok(Some((current.path.clone(), offset, record))),
                    Ok(None) => {}
                    Err(error) => return Err(self.torn(error)),
                }
            }
            let Some(path) = self.waiting.pop() else {
                return Ok(None);
            };
            let file = sys::file::open_for_reading(&path).map_err(|source| io(&path, source))?;
            let counted = Counted::new(file, Arc::clone(&self.consumed));
            let input = Box::new(BufReader::with_capacity(1 << 20, counted));
            let records = Records::new(&path, input, limits::STORED_BLOCK_BYTES_MAX);
            self.current = Some(Current { path, records });
        }
    }

    /// A cut in the last file is what a peer leaves that is writing or was killed.
    fn torn(&self, error: SourceError) -> SourceError {
        if let SourceError::Truncated {
            path,
            offset,
            expected,
            found,
            ..
        } = &error
            && self.waiting.is_empty()
        {
            return SourceError::TornTail {
                path: path.clone(),
                number: self.expected.unwrap_or_default(),
                offset: *offset,
                expected: *expected,
                found: *found,
            };
        }
        error
    }

    fn check_order(&self, path: &Path, offset: u64, found: BlockNumber) -> Result<(), SourceError> {
        let path = || path.to_owned();
        match self.expected {
            Some(expected) if found != expected => Err(if expected == BlockNumber(0) {
                SourceError::NoGenesis {
                    path: path(),
                    found,
                }
            } else {
                SourceError::BlockOrder {
                    path: path(),
                    offset,
                    expected,
                    found,
                }
            }),
            Some(_) | None => Ok(()),
        }
    }
}

impl BlockSource for ChainFolder {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        let Some((path, offset, record)) = self.next_record()? else {
            return Ok(None);
        };
        let block =
            StoredBlock::parse(&record).map_err(|problem| SourceError::NotAStoredBlock {
                path: path.clone(),
                offset,
                problem,
            })?;
        self.check_order(&path, offset, block.number())?;
        self.expected = Some(block.number().next());
        Ok(Some(Bytes::from(block.to_message())))
    }

    fn progress(&self) -> SourceProgress {
        SourceProgress::new(Arc::clone(&self.consumed), self.bytes_total)
    }
}

/// The folder's block files in the order of their numbers, which have no gap.
fn block_files(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(|source| io(folder, source))? {
        let entry = entry.map_err(|source| io(folder, source))?;
        if let Some(number) = entry.file_name().to_str().and_then(suffix) {
            files.insert(number, entry.path());
        }
    }
    if files.is_empty() {
        return Err(SourceError::NoBlockFiles {
            path: folder.to_owned(),
        });
    }
    for (expected, number) in (0..).zip(files.keys()) {
        if expected != *number {
            return Err(SourceError::MissingBlockFile {
                path: folder.join(format!("{PREFIX}{expected:06}")),
            });
        }
    }
    Ok(files.into_values().collect())
}

/// The number in a block file's name; `None` for other names.
fn suffix(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?;
    let plain = digits.len() >= SUFFIX_DIGITS_MIN && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

fn io(path: &Path, source: std::io::Error) -> SourceError {
    SourceError::Io {
        path: path.to_owned(),
        source,
    }
}
