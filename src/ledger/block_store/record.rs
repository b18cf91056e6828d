//! One record of a segment: a stored block with what tells whether it is whole.
//!
//! ```text
//! offset  size  field
//!      0     8  the segment's nonce
//!      8     4  CRC32C of everything behind it: bytes 12.. of the header, then the payload
//!     12     4  length of the payload
//!     16     8  block number
//!     24     8  how many blocks were durable when this record was appended
//!     32     n  payload: the serialized block
//!   32+n   0-7  zeros, up to a multiple of 8
//! ```
//!
//! All numbers are little-endian. The nonce is random and never leaves this peer, so that nobody can
//! hide something in a transaction that looks like a record.

use crate::limits::STORED_BLOCK_BYTES_MAX;
use crate::types::BlockNumber;

use super::Nonce;

/// Bytes of a record's header.
pub(super) const HEADER_BYTES: usize = 32;

/// Records begin at multiples of this.
pub(super) const ALIGNMENT: usize = 8;

/// A record's header, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub(super) checksum: u32,
    pub(super) length: u32,
    pub(super) number: BlockNumber,
    pub(super) durable: u64,
}

impl RecordHeader {
    /// The header of a record with this payload.
    pub(super) fn of(number: BlockNumber, durable: u64, length: u32, payload: &[&[u8]]) -> Self {
        let header = Self {
            checksum: 0,
            length,
            number,
            durable,
        };
        let covered = header.covered();
        let checksum = payload.iter().fold(crc32c::crc32c(&covered), |crc, part| {
            crc32c::crc32c_append(crc, part)
        });
        Self { checksum, ..header }
    }

    /// The header as it is written.
    pub(super) fn encode(&self, nonce: Nonce) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let parts: [&[u8]; 3] = [&nonce.0, &self.checksum.to_le_bytes(), &self.covered()];
        for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }

    /// Reads a header, `None` where there is none of this segment, or one that is too long.
    pub(super) fn decode(nonce: Nonce, bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let (found, rest) = bytes.split_first_chunk()?;
        let (checksum, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let durable = rest.first_chunk()?;
        let length = u32::from_le_bytes(*length);
        let fits = usize::try_from(length).is_ok_and(|length| length <= STORED_BLOCK_BYTES_MAX);
        (*found == nonce.0 && fits).then(|| Self {
            checksum: u32::from_le_bytes(*checksum),
            length,
            number: BlockNumber(u64::from_le_bytes(*number)),
            durable: u64::from_le_bytes(*durable),
        })
    }

    /// How far the next record is.
    pub(super) fn stored_bytes(&self) -> u64 {
        record_bytes(self.length)
    }

    /// Whether these are the bytes that the record was written with.
    pub(super) fn matches(&self, payload: &[u8]) -> bool {
        crc32c::crc32c_append(crc32c::crc32c(&self.covered()), payload) == self.checksum
    }

    /// The header's part that the checksum covers.
    fn covered(&self) -> [u8; HEADER_BYTES - 12] {
        let mut bytes = [0; HEADER_BYTES - 12];
        let parts: [&[u8]; 3] = [
            &self.length.to_le_bytes(),
            &self.number.0.to_le_bytes(),
            &self.durable.to_le_bytes(),
        ];
        for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }
}

/// How far the next record is from one with a payload of this length.
pub(super) fn record_bytes(length: u32) -> u64 {
    (HEADER_BYTES as u64 + u64::from(length)).next_multiple_of(ALIGNMENT as u64)
}
