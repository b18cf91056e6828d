//! A segment file's name and header.
//!
//! ```text
//! offset  size  field
//!      0     8  "HEDLBLKS"
//!      8     4  format
//!     12     4  the segment's number
//!     16     8  number of its first block
//!     24     8  nonce, with which its records begin
//!     32     2  length of the channel's name
//!     34   249  the channel's name, then zeros
//!    508     4  CRC32C of the bytes before
//!    512        the first record
//! ```
//!
//! Invariant: a segment is made under another name, synced, and renamed; so under its own name its
//! header is whole, and when it exists, all records of the segments before it are durable.

use std::path::{Path, PathBuf};

use crate::ledger::error::{Damage, Error};
use crate::types::{BlockNumber, ChannelId};

/// Bytes in front of the first record.
pub(super) const HEADER_BYTES: usize = 512;

const MAGIC: [u8; 8] = *b"HEDLBLKS";
const FORMAT: u32 = 1;
const NAME_OFFSET: usize = 34;
const CHECKSUM_OFFSET: usize = HEADER_BYTES - 4;

/// What a segment's records begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Nonce(pub(super) [u8; 8]);

/// A segment's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) segment: u32,
    pub(super) first: BlockNumber,
    pub(super) nonce: Nonce,
}

impl SegmentHeader {
    /// The header as it is written.
    pub(super) fn encode(&self, channel: &ChannelId) -> Vec<u8> {
        let name = channel.as_str().as_bytes();
        let name_len = u16::try_from(name.len()).unwrap_or(u16::MAX);
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&self.segment.to_le_bytes());
        bytes.extend_from_slice(&self.first.0.to_le_bytes());
        bytes.extend_from_slice(&self.nonce.0);
        bytes.extend_from_slice(&name_len.to_le_bytes());
        bytes.extend_from_slice(name);
        bytes.resize(CHECKSUM_OFFSET, 0);
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads the header of segment `segment` of `channel`, which `path` should hold.
    pub(super) fn decode(
        bytes: &[u8],
        path: &Path,
        segment: u32,
        channel: &ChannelId,
    ) -> Result<Self, Error> {
        let damage = |damage| Error::Corrupt {
            path: path.to_owned(),
            offset: 0,
            block: BlockNumber(0),
            damage,
        };
        let parsed = Parsed::of(bytes).ok_or_else(|| damage(Damage::Missing))?;
        if parsed.magic != MAGIC {
            return Err(damage(Damage::Header));
        }
        if parsed.format > FORMAT {
            return Err(Error::FutureFormat {
                path: path.to_owned(),
                found: parsed.format,
                supported: FORMAT,
            });
        }
        if !parsed.checksum_matches {
            return Err(damage(Damage::Checksum));
        }
        if parsed.name != channel.as_str().as_bytes() {
            return Err(Error::OtherChannel {
                path: path.to_owned(),
                expected: channel.clone(),
                found: String::from_utf8_lossy(parsed.name).into_owned(),
            });
        }
        if parsed.segment != segment {
            return Err(damage(Damage::Header));
        }
        Ok(Self {
            segment,
            first: parsed.first,
            nonce: parsed.nonce,
        })
    }
}

struct Parsed<'a> {
    magic: [u8; 8],
    format: u32,
    segment: u32,
    first: BlockNumber,
    nonce: Nonce,
    name: &'a [u8],
    checksum_matches: bool,
}

impl<'a> Parsed<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.get(..HEADER_BYTES)?;
        let (covered, checksum) = header.split_at_checked(CHECKSUM_OFFSET)?;
        let (magic, rest) = header.split_first_chunk()?;
        let (format, rest) = rest.split_first_chunk()?;
        let (segment, rest) = rest.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let name_len = u16::from_le_bytes(*rest.first_chunk()?);
        Some(Self {
            magic: *magic,
            format: u32::from_le_bytes(*format),
            segment: u32::from_le_bytes(*segment),
            first: BlockNumber(u64::from_le_bytes(*first)),
            nonce: Nonce(*nonce),
            name: covered
                .get(NAME_OFFSET..NAME_OFFSET + usize::from(name_len))
                .unwrap_or_default(),
            checksum_matches: crc32c::crc32c(covered)
                == u32::from_le_bytes(*checksum.first_chunk()?),
        })
    }
}

/// Where a segment is.
pub(super) fn segment_path(dir: &Path, segment: u32) -> PathBuf {
    dir.join(format!("{segment:06}.seg"))
}

/// Where a segment is made.
pub(super) fn new_segment_path(dir: &Path, segment: u32) -> PathBuf {
    dir.join(format!("{segment:06}.new"))
}

/// What a file in the block directory is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FileName {
    /// The segment of this number.
    Segment(u32),
    /// A segment whose making was interrupted.
    NewSegment,
    /// Nothing of ours.
    Other,
}

/// Reads a file's name.
pub(super) fn parse_name(name: &str) -> FileName {
    let number = |text: &str| {
        let digits = text.len() >= 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    match name.rsplit_once('.') {
        Some((stem, "seg")) => number(stem).map_or(FileName::Other, FileName::Segment),
        Some((stem, "new")) if number(stem).is_some() => FileName::NewSegment,
        _ => FileName::Other,
    }
}
