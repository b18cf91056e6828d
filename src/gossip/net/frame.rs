//! Messages on a stream: a length in four bytes, big-endian, and so many bytes.

use std::sync::Arc;

use bytes::Bytes;
use quinn::{ReadError, ReadExactError, RecvStream, SendStream, WriteError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::gossip::core::Lane;
use crate::ingress::Buffers;
use crate::limits;

/// A message to be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pieces: Vec<Bytes>,
    len: usize,
    /// Whether somebody waits to hear that it was sent.
    pub(super) is_served: bool,
}

impl Outgoing {
    pub(super) fn new(pieces: Vec<Bytes>, is_served: bool) -> Self {
        Self {
            len: pieces.iter().map(Bytes::len).sum(),
            pieces,
            is_served,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}

/// Room for what is being received, of all connections, and memory that is used again.
#[derive(Debug, Clone)]
pub(super) struct Rooms {
    control: Arc<Semaphore>,
    blocks: Arc<Semaphore>,
    buffers: Buffers,
}

impl Default for Rooms {
    fn default() -> Self {
        let room = |kib: u32| Arc::new(Semaphore::new(kib as usize));
        Self {
            control: room(limits::GOSSIP_CONTROL_ROOM_KIB),
            blocks: room(limits::GOSSIP_BLOCKS_ROOM_KIB),
            buffers: Buffers::new(
                limits::GOSSIP_BUFFERS_KEPT,
                limits::GOSSIP_BUFFER_BYTES_KEPT,
            ),
        }
    }
}

impl Rooms {
    async fn take(&self, lane: Lane, bytes: u32) -> Option<OwnedSemaphorePermit> {
        let room = match lane {
            Lane::Control => &self.control,
            Lane::Blocks | Lane::Transfer => &self.blocks,
        };
        let kib = (bytes >> 10) + 1;
        Arc::clone(room).acquire_many_owned(kib).await.ok()
    }

    /// An empty buffer for a message.
    fn buffer(&self, lane: Lane, bytes: usize) -> Vec<u8> {
        let is_pooled = lane != Lane::Control && bytes <= limits::GOSSIP_BUFFER_BYTES_KEPT;
        let mut buffer = match is_pooled {
            true => self.buffers.take(),
            false => Vec::new(),
        };
        buffer.clear();
        buffer.reserve_exact(bytes);
        buffer
    }
}

/// Why no more messages come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoMore {
    /// The stream is over.
    Ended,
    /// The next message is longer than the lane lets through.
    TooLong,
}

impl From<ReadError> for NoMore {
    fn from(_: ReadError) -> Self {
        Self::Ended
    }
}

impl From<ReadExactError> for NoMore {
    fn from(_: ReadExactError) -> Self {
        Self::Ended
    }
}

/// The length of the next message, for which there may be any wait.
pub(super) async fn read_length(stream: &mut RecvStream, lane: Lane) -> Result<u32, NoMore> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let length = u32::from_be_bytes(length);
    if usize::try_from(length).is_ok_and(|length| length <= lane.bytes_max()) {
        Ok(length)
    } else {
        Err(NoMore::TooLong)
    }
}

/// The message itself, once there is room for it.
pub(super) async fn read_message(
    stream: &mut RecvStream,
    lane: Lane,
    length: u32,
    rooms: &Rooms,
) -> Result<(Bytes, OwnedSemaphorePermit), NoMore> {
    let room = rooms.take(lane, length).await.ok_or(NoMore::Ended)?;
    let mut bytes = rooms.buffer(lane, length as usize);
    while bytes.len() < length as usize {
        let rest = length as usize - bytes.len();
        let chunk = stream.read_chunk(rest, true).await?.ok_or(NoMore::Ended)?;
        bytes.extend_from_slice(&chunk.bytes);
    }
    let bytes = match lane {
        Lane::Control => bytes.into(),
        Lane::Blocks | Lane::Transfer => rooms.buffers.fill(bytes),
    };
    Ok((bytes, room))
}

/// Writes a message; none of its pieces is copied here.
pub(super) async fn write_message(
    stream: &mut SendStream,
    outgoing: Outgoing,
) -> Result<(), WriteError> {
    let length = u32::try_from(outgoing.len).unwrap_or(u32::MAX);
    let length = Bytes::copy_from_slice(&length.to_be_bytes());
    let mut pieces: Vec<Bytes> = std::iter::once(length).chain(outgoing.pieces).collect();
    stream.write_all_chunks(&mut pieces).await
}
