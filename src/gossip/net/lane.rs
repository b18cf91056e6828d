//! What waits to be sent on one stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::frame::Outgoing;
use crate::gossip::core::Lane;
use crate::limits;

/// The queue's end where messages are put in.
#[derive(Debug)]
pub(super) struct LaneQueue {
    messages: mpsc::Sender<Outgoing>,
    bytes: Arc<AtomicUsize>,
    bytes_max: usize,
}

/// The end where they are taken.
#[derive(Debug)]
pub(super) struct LaneInbox {
    messages: mpsc::Receiver<Outgoing>,
    bytes: Arc<AtomicUsize>,
}

/// A queue of a lane's size.
pub(super) fn lane_queue(lane: Lane) -> (LaneQueue, LaneInbox) {
    let (count, bytes_max) = match lane {
        Lane::Control => (
            limits::GOSSIP_CONTROL_QUEUE,
            limits::GOSSIP_CONTROL_QUEUE_BYTES,
        ),
        Lane::Blocks | Lane::Transfer => (
            limits::GOSSIP_BLOCKS_QUEUE,
            limits::GOSSIP_BLOCKS_QUEUE_BYTES,
        ),
    };
    let (sender, receiver) = mpsc::channel(count);
    let bytes = Arc::<AtomicUsize>::default();
    let queue = LaneQueue {
        messages: sender,
        bytes: Arc::clone(&bytes),
        bytes_max,
    };
    let inbox = LaneInbox {
        messages: receiver,
        bytes,
    };
    (queue, inbox)
}

impl LaneQueue {
    /// Puts a message in, unless there is no room; an empty queue has room for any.
    pub(super) fn put(&self, outgoing: Outgoing) -> bool {
        // Ordering: a sum; there is one who adds, and being told of room late only drops a message.
        let waiting = self.bytes.load(Ordering::Relaxed);
        let size = outgoing.len();
        if waiting > 0 && waiting.saturating_add(size) > self.bytes_max {
            return false;
        }
        self.bytes.fetch_add(size, Ordering::Relaxed);
        let put = self.messages.try_send(outgoing).is_ok();
        if !put {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
        }
        put
    }
}

impl LaneInbox {
    /// The next message; [`LaneInbox::sent`] is to follow.
    pub(super) async fn take(&mut self) -> Option<Outgoing> {
        self.messages.recv().await
    }

    /// A message of this size has left.
    pub(super) fn sent(&self, size: usize) {
        self.bytes.fetch_sub(size, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_dropped() {
        let message = |size| Outgoing::new(vec![vec![0; size].into()], false);
        let (queue, mut inbox) = lane_queue(Lane::Control);
        assert!(queue.put(message(limits::GOSSIP_CONTROL_QUEUE_BYTES + 1)));
        assert!(!queue.put(message(1)));
        let taken = inbox.messages.try_recv().unwrap();
        assert!(!queue.put(message(1)), "it is still being sent");
        inbox.sent(taken.len());
        let put = (0..5000).filter(|_| queue.put(message(1))).count();
        assert_eq!(put, limits::GOSSIP_CONTROL_QUEUE);
        drop(inbox);
        assert!(!queue.put(message(1)));
    }
}
