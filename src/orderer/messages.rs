//! The gRPC messages of an orderer's answer.
//!
//! A message is put together once, from the pieces in which HTTP/2 brings it, in a buffer that is used
//! again: a block is large enough that another copy, or fresh memory, would cost as much as reading it.

use bytes::{Buf as _, Bytes};
use http_body_util::BodyExt as _;
use tonic::Status;
use tonic::body::Body;

use crate::ingress::Buffers;
use crate::limits::ORDERER_ANSWER_BYTES_MAX;

/// Before each message: whether it is compressed, and its length in four bytes.
const PREFIX_BYTES: usize = 5;

/// A request: one message, as it stands on the wire.
pub(super) fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0][..], &length.to_be_bytes(), message].concat().into()
}

/// Why there is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FramingError {
    #[error("a message of {0} bytes (at most {ORDERER_ANSWER_BYTES_MAX})")]
    TooLong(u32),
    #[error("a compressed message")]
    Compressed,
}

/// Why there are no more messages.
#[derive(Debug)]
pub(super) enum End {
    /// What came is no message that was asked for.
    Framing(FramingError),
    /// The call has ended, well or not, or its connection has.
    Status(Status),
}

/// The messages of one answer.
pub(super) struct Messages {
    body: Body,
    piece: Bytes,
    deframer: Deframer,
}

impl Messages {
    pub(super) fn new(body: Body) -> Self {
        let (piece, deframer) = (Bytes::new(), Deframer::default());
        Self {
            body,
            piece,
            deframer,
        }
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Result<Bytes, End> {
        loop {
            let message = self.deframer.push(&mut self.piece);
            if let Some(message) = message.map_err(End::Framing)? {
                return Ok(message);
            }
            let frame = self.body.frame().await.transpose().map_err(End::Status)?;
            let Some(frame) = frame else {
                return Err(End::Status(Status::ok("")));
            };
            match frame.into_data() {
                Ok(data) => self.piece = data,
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    let status = Status::from_header_map(&trailers);
                    return Err(End::Status(status.unwrap_or_else(|| Status::ok(""))));
                }
            }
        }
    }
}

/// Puts messages together.
#[derive(Debug, Default)]
struct Deframer {
    buffers: Buffers,
    prefix: [u8; PREFIX_BYTES],
    /// How much of the prefix is there.
    has: usize,
    message: Option<Partial>,
}

#[derive(Debug)]
struct Partial {
    bytes: Vec<u8>,
    len: usize,
}

impl Deframer {
    /// Takes from `piece` what belongs to the next message, and gives it once it is whole.
    fn push(&mut self, piece: &mut Bytes) -> Result<Option<Bytes>, FramingError> {
        let mut partial = match self.message.take() {
            Some(partial) => partial,
            None => match self.begin(piece)? {
                Some(partial) => partial,
                None => return Ok(None),
            },
        };
        let wanted = partial.len.saturating_sub(partial.bytes.len());
        let taken = piece.split_to(wanted.min(piece.len()));
        partial.bytes.extend_from_slice(&taken);
        if partial.bytes.len() == partial.len {
            return Ok(Some(self.buffers.fill(partial.bytes)));
        }
        self.message = Some(partial);
        Ok(None)
    }

    fn begin(&mut self, piece: &mut Bytes) -> Result<Option<Partial>, FramingError> {
        let missing = self.prefix.get_mut(self.has..).unwrap_or_default();
        let count = missing.len().min(piece.len());
        let (missing, _) = missing.split_at_mut(count);
        piece.copy_to_slice(missing);
        self.has += count;
        if self.has < PREFIX_BYTES {
            return Ok(None);
        }
        self.has = 0;
        let [compressed, a, b, c, d] = self.prefix;
        if compressed != 0 {
            return Err(FramingError::Compressed);
        }
        let length = u32::from_be_bytes([a, b, c, d]);
        let len = usize::try_from(length).unwrap_or(usize::MAX);
        if len > ORDERER_ANSWER_BYTES_MAX {
            return Err(FramingError::TooLong(length));
        }
        let mut bytes = self.buffers.take();
        bytes.clear();
        // No more than has come: the length alone is no reason to hold memory.
        bytes.reserve(len.min(piece.len().max(RESERVED_BYTES_MIN)));
        Ok(Some(Partial { bytes, len }))
    }
}

/// What is reserved for a message of which little has come.
const RESERVED_BYTES_MIN: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// All messages of a stream that comes in pieces of `size` bytes.
    fn messages(stream: &[u8], size: usize) -> Result<Vec<Vec<u8>>, FramingError> {
        let mut deframer = Deframer::default();
        let mut messages = Vec::new();
        for piece in stream.chunks(size) {
            let mut piece = Bytes::copy_from_slice(piece);
            while let Some(message) = deframer.push(&mut piece)? {
                messages.push(message.to_vec());
            }
            assert!(piece.is_empty());
        }
        Ok(messages)
    }

    #[test]
    fn messages_are_whole_however_they_come() {
        let sent = [&b"one"[..], b"", b"a longer message", &[7; 300]];
        let stream: Vec<Bytes> = sent.iter().map(|message| framed(message)).collect();
        let stream = stream.concat();
        for size in 1..=stream.len() {
            assert_eq!(messages(&stream, size).unwrap(), sent, "{size}");
        }
    }

    #[test]
    fn what_is_too_long_or_compressed_is_refused_by_its_prefix() {
        let longest = u32::try_from(ORDERER_ANSWER_BYTES_MAX).unwrap();
        let prefix = |length: u32| [&[0][..], &length.to_be_bytes()].concat();
        assert_eq!(messages(&prefix(longest), 5), Ok(Vec::new()));
        for length in [longest + 1, u32::MAX] {
            let refused = messages(&prefix(length), 2);
            assert_eq!(refused, Err(FramingError::TooLong(length)));
        }
        let compressed = messages(&[1, 0, 0, 0, 1, 9], 6);
        assert_eq!(compressed, Err(FramingError::Compressed));
    }
}
