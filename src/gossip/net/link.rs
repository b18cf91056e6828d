//! One connection at work: a task that writes the three lanes, and tasks that read them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use quinn::{RecvStream, VarInt};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::frame::{NoMore, Rooms, read_length, read_message, write_message};
use super::gate::Slot;
use super::lane::{LaneInbox, LaneQueue, lane_queue};
use super::{Connection, Event, LANES, Received};
use crate::gossip::core::{Lane, LinkId};
use crate::limits;

/// A connection, as its owner has it.
#[derive(Debug)]
pub(super) struct Link {
    quic: quinn::Connection,
    lanes: [LaneQueue; 3],
    admits_blocks: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Where messages go that come.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) link: LinkId,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) rooms: Rooms,
}

/// A stream's first byte, and its place among the lanes.
fn number(lane: Lane) -> u8 {
    match lane {
        Lane::Control => 0,
        Lane::Blocks => 1,
        Lane::Transfer => 2,
    }
}

/// What is sent first: alive messages, then new blocks, then old ones.
fn priority(lane: Lane) -> i32 {
    -i32::from(number(lane))
}

impl Link {
    pub(super) fn open(runtime: &Handle, connection: Connection, reading: Reading) -> Self {
        let Connection { quic, slot, .. } = connection;
        let (control, control_out) = lane_queue(Lane::Control);
        let (blocks, blocks_out) = lane_queue(Lane::Blocks);
        let (transfer, transfer_out) = lane_queue(Lane::Transfer);
        let (admits_blocks, admitted) = watch::channel(false);
        let running = Running {
            quic: quic.clone(),
            reading,
            admitted,
            _slot: slot,
        };
        Self {
            quic,
            lanes: [control, blocks, transfer],
            admits_blocks,
            task: runtime.spawn(running.run([control_out, blocks_out, transfer_out])),
        }
    }

    pub(super) fn lane(&self, lane: Lane) -> &LaneQueue {
        let [control, blocks, transfer] = &self.lanes;
        match lane {
            Lane::Control => control,
            Lane::Blocks => blocks,
            Lane::Transfer => transfer,
        }
    }

    pub(super) fn admit_blocks(&mut self) {
        self.admits_blocks
            .send_if_modified(|admits| !std::mem::replace(admits, true));
    }

    /// Bytes of the packets that were sent.
    pub(super) fn bytes_sent(&self) -> u64 {
        self.quic.stats().udp_tx.bytes
    }

    pub(super) fn close(self) {
        self.task.abort();
        self.quic.close(VarInt::from_u32(0), b"");
    }
}

/// The connection's own task.
struct Running {
    quic: quinn::Connection,
    reading: Reading,
    admitted: watch::Receiver<bool>,
    /// Its address has room for another one once it is over.
    _slot: Option<Slot>,
}

impl Running {
    async fn run(self, [control, blocks, transfer]: [LaneInbox; 3]) {
        let too_long = tokio::select! {
            () = self.write(Lane::Control, control) => false,
            () = self.write(Lane::Blocks, blocks) => false,
            () = self.write(Lane::Transfer, transfer) => false,
            end = self.read() => end == NoMore::TooLong,
            _ = self.quic.closed() => false,
        };
        self.quic.close(VarInt::from_u32(0), b"");
        let Reading { link, events, .. } = self.reading;
        if too_long {
            let _ = events.send(Event::TooLong(link)).await;
        }
        let _ = events.send(Event::Closed(link)).await;
    }

    /// Sends what the lane's queue has, until the stream does not take it.
    async fn write(&self, lane: Lane, mut inbox: LaneInbox) {
        let Ok(mut stream) = self.quic.open_uni().await else {
            return;
        };
        let _ = stream.set_priority(priority(lane));
        if stream.write_all(&[number(lane)]).await.is_err() {
            return;
        }
        while let Some(outgoing) = inbox.take().await {
            let (size, is_served) = (outgoing.len(), outgoing.is_served);
            let written = write_message(&mut stream, outgoing);
            let written = timeout(limits::GOSSIP_MESSAGE_WAIT, written).await;
            if !matches!(written, Ok(Ok(()))) {
                return;
            }
            inbox.sent(size);
            let Reading { link, events, .. } = &self.reading;
            if is_served && events.send(Event::Served(*link)).await.is_err() {
                return;
            }
        }
    }

    /// Takes the other side's streams, until one of them ends.
    async fn read(&self) -> NoMore {
        let seen = Arc::<AtomicU8>::default();
        let mut readers = JoinSet::new();
        loop {
            tokio::select! {
                stream = self.quic.accept_uni() => {
                    let Ok(stream) = stream else {
                        return NoMore::Ended;
                    };
                    let admitted = self.admitted.clone();
                    let reader = read_lane(stream, Arc::clone(&seen), self.reading.clone(), admitted);
                    readers.spawn(reader);
                }
                Some(end) = readers.join_next() => return end.unwrap_or(NoMore::Ended),
            }
        }
    }
}

/// Reads one stream to its end, which is that of the connection.
async fn read_lane(
    mut stream: RecvStream,
    seen: Arc<AtomicU8>,
    reading: Reading,
    mut admitted: watch::Receiver<bool>,
) -> NoMore {
    let mut first = [0];
    let Ok(()) = stream.read_exact(&mut first).await else {
        return NoMore::Ended;
    };
    let lane = LANES.into_iter().find(|lane| first == [number(*lane)]);
    let Some(lane) = lane else {
        return NoMore::Ended;
    };
    // Ordering: of two streams of one lane, one sees the other's bit.
    let bit = 1 << number(lane);
    if seen.fetch_or(bit, Ordering::SeqCst) & bit != 0 {
        return NoMore::Ended;
    }
    if lane != Lane::Control && admitted.wait_for(|admitted| *admitted).await.is_err() {
        return NoMore::Ended;
    }
    loop {
        let message = match read_length(&mut stream, lane).await {
            Ok(length) => read_message(&mut stream, lane, length, &reading.rooms),
            Err(end) => return end,
        };
        let message = timeout(limits::GOSSIP_MESSAGE_WAIT, message).await;
        let (bytes, room) = match message.unwrap_or(Err(NoMore::Ended)) {
            Ok(message) => message,
            Err(end) => return end,
        };
        let received = Received {
            link: reading.link,
            lane,
            bytes,
            _room: room,
        };
        if reading
            .events
            .send(Event::Received(received))
            .await
            .is_err()
        {
            return NoMore::Ended;
        }
    }
}
