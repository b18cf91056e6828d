//! The bounded queues between stages.
//!
//! Each queue has one kind of producer and one kind of consumer, a fixed capacity, and a gauge. The
//! ring is crossbeam's lock-free bounded channel; only a thread that has nothing to do, or no room,
//! parks. A full queue pushes back on its producer: nothing is ever dropped.
//!
//! Closing goes downstream: when every [`Outbox`] is gone, the [`Inbox`] drains what is there and
//! ends. A gone inbox tells the producer at its next [`Outbox::send`].
//!
//! Knows nothing of blocks.

mod room;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

pub use room::{Room, RoomSize};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

/// What a queue tells of itself.
#[derive(Debug)]
pub struct QueueGauge {
    name: &'static str,
    capacity: usize,
    depth: AtomicUsize,
    depth_max: AtomicUsize,
    passed: AtomicU64,
    full: AtomicU64,
}

/// A reading of a [`QueueGauge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueReading {
    /// The queue's name: `producer_consumer`.
    pub name: &'static str,
    /// How many items it holds at most.
    pub capacity: usize,
    /// How many it holds now.
    pub depth: usize,
    /// The most it ever held.
    pub depth_max: usize,
    /// How many items went through.
    pub passed: u64,
    /// How often the producer had to wait for room.
    pub full: u64,
}

impl QueueGauge {
    /// The numbers now.
    pub fn read(&self) -> QueueReading {
        // Ordering: statistics; no other memory depends on them.
        QueueReading {
            name: self.name,
            capacity: self.capacity,
            depth: self.depth.load(Ordering::Relaxed),
            depth_max: self.depth_max.load(Ordering::Relaxed),
            passed: self.passed.load(Ordering::Relaxed),
            full: self.full.load(Ordering::Relaxed),
        }
    }
}

/// The producer's end.
#[derive(Debug)]
pub struct Outbox<T> {
    sender: Sender<T>,
    gauge: Arc<QueueGauge>,
}

/// The consumer's end.
#[derive(Debug)]
pub struct Inbox<T> {
    receiver: Receiver<T>,
    gauge: Arc<QueueGauge>,
}

/// The consumer is gone: the producer should end, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the next stage has ended")]
pub struct Closed;

/// Makes a queue of `capacity` items; `name` is `producer_consumer`.
pub fn queue<T>(name: &'static str, capacity: usize) -> (Outbox<T>, Inbox<T>) {
    let (sender, receiver) = bounded(capacity);
    let gauge = Arc::new(QueueGauge {
        name,
        capacity,
        depth: AtomicUsize::new(0),
        depth_max: AtomicUsize::new(0),
        passed: AtomicU64::new(0),
        full: AtomicU64::new(0),
    });
    (
        Outbox {
            sender,
            gauge: Arc::clone(&gauge),
        },
        Inbox { receiver, gauge },
    )
}

impl<T> Outbox<T> {
    /// Hands over one item, waiting for room where the queue is full.
    ///
    /// # Errors
    /// [`Closed`] where the consumer is gone; the item is dropped.
    pub fn send(&self, item: T) -> Result<(), Closed> {
        let item = match self.sender.try_send(item) {
            Ok(()) => None,
            Err(TrySendError::Full(item)) => Some(item),
            Err(TrySendError::Disconnected(_)) => return Err(Closed),
        };
        if let Some(item) = item {
            // Ordering: statistics.
            self.gauge.full.fetch_add(1, Ordering::Relaxed);
            self.sender.send(item).map_err(|_| Closed)?;
        }
        let depth = self.sender.len();
        self.gauge.depth.store(depth, Ordering::Relaxed);
        self.gauge.depth_max.fetch_max(depth, Ordering::Relaxed);
        self.gauge.passed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The queue's gauge.
    pub fn gauge(&self) -> Arc<QueueGauge> {
        Arc::clone(&self.gauge)
    }
}

impl<T> Clone for Outbox<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            gauge: Arc::clone(&self.gauge),
        }
    }
}

impl<T> Inbox<T> {
    /// Waits for the next item; `None` once all producers are gone and the queue is empty.
    pub fn receive(&self) -> Option<T> {
        let item = self.receiver.recv().ok();
        self.note_depth();
        item
    }

    /// The next item if one is there; `None` where there is none now or ever.
    pub fn try_receive(&self) -> Option<T> {
        let item = self.receiver.try_recv().ok();
        self.note_depth();
        item
    }

    /// Waits at most `wait` for the next item.
    ///
    /// # Errors
    /// [`Closed`] once all producers are gone and the queue is empty.
    pub fn receive_within(&self, wait: std::time::Duration) -> Result<Option<T>, Closed> {
        let item = match self.receiver.recv_timeout(wait) {
            Ok(item) => Some(item),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Err(Closed),
        };
        self.note_depth();
        Ok(item)
    }

    /// The queue's gauge.
    pub fn gauge(&self) -> Arc<QueueGauge> {
        Arc::clone(&self.gauge)
    }

    fn note_depth(&self) {
        // Ordering: statistics.
        self.gauge
            .depth
            .store(self.receiver.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
