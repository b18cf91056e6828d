//! What lies between the network's tasks and the thread that feeds the pipeline.
//!
//! - Producers: one task per open stream. Consumer: the channel's source, on the pipeline's thread.
//! - Bound: [`limits::ORDERER_BUFFER_BLOCKS`] and [`limits::ORDERER_BUFFER_BYTES`], a larger block passes
//!   alone. What is not a block is always taken: a stream has one header under way, and one end.
//! - When full: the task waits and does not read its stream, so the orderer is held back by HTTP/2's flow
//!   control.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::core::{StreamId, Trouble};
use crate::limits;

/// What happened on a stream.
#[derive(Debug)]
pub(super) enum Event {
    Connected,
    Block(Bytes),
    Header(Bytes),
    /// Nobody's fault.
    Failed(Trouble),
    /// What no honest orderer does.
    Misbehaved(Trouble),
}

/// What a look into the buffer gives.
#[derive(Debug)]
pub(super) enum Taken {
    Event(StreamId, Event),
    /// Nothing came in time.
    Nothing,
    /// Nobody wants anything any more.
    Ended,
}

/// The buffer of one channel.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    held: Mutex<Held>,
    /// Wakes the consumer.
    came: Condvar,
    /// Wakes producers.
    room: Notify,
}

#[derive(Debug, Default)]
struct Held {
    events: VecDeque<(StreamId, Event)>,
    blocks: usize,
    bytes: usize,
    /// The run of the pipeline is over.
    run_ended: bool,
    /// The channel is over.
    stopped: bool,
}

impl Buffer {
    /// Puts an event in; a block waits for room.
    pub(super) async fn put(&self, stream: StreamId, event: Event) {
        let mut event = Some(event);
        loop {
            // Made before the look: whoever makes room after it is heard.
            let room = self.room.notified();
            if self.try_put(stream, &mut event) {
                self.came.notify_all();
                return;
            }
            room.await;
        }
    }

    fn try_put(&self, stream: StreamId, event: &mut Option<Event>) -> bool {
        let mut held = self.lock();
        if let Some(Event::Block(block)) = event {
            let fits = held.blocks < limits::ORDERER_BUFFER_BLOCKS
                && held.bytes + block.len() <= limits::ORDERER_BUFFER_BYTES;
            if !fits && held.blocks > 0 {
                return false;
            }
            held.blocks += 1;
            held.bytes += block.len();
        }
        let event = event.take();
        held.events.extend(event.map(|event| (stream, event)));
        true
    }

    /// The next event, waiting for it so long; for ever where that is `None`.
    pub(super) fn take(&self, wait: Option<Duration>) -> Taken {
        let mut held = self.lock();
        if held.is_idle()
            && let Some(wait) = wait
        {
            let waited = self
                .came
                .wait_timeout_while(held, wait, |held| held.is_idle());
            held = waited.unwrap_or_else(PoisonError::into_inner).0;
        } else {
            let waited = self.came.wait_while(held, |held| held.is_idle());
            held = waited.unwrap_or_else(PoisonError::into_inner);
        }
        if held.is_ended() {
            return Taken::Ended;
        }
        let Some((stream, event)) = held.events.pop_front() else {
            return Taken::Nothing;
        };
        if let Event::Block(block) = &event {
            held.blocks = held.blocks.saturating_sub(1);
            held.bytes = held.bytes.saturating_sub(block.len());
            self.room.notify_waiters();
        }
        Taken::Event(stream, event)
    }

    /// Waits without taking anything; whether somebody still wants something.
    pub(super) fn pause(&self, wait: Duration) -> bool {
        let held = self.lock();
        let waited = self
            .came
            .wait_timeout_while(held, wait, |held| !held.is_ended());
        let (held, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !held.is_ended()
    }

    /// Drops what a stream has brought.
    pub(super) fn discard(&self, stream: StreamId) {
        let mut held = self.lock();
        held.events.retain(|(of, _)| *of != stream);
        let blocks = held.events.iter().filter_map(|(_, event)| match event {
            Event::Block(block) => Some(block.len()),
            Event::Connected | Event::Header(_) | Event::Failed(_) | Event::Misbehaved(_) => None,
        });
        let (count, bytes) = blocks.fold((0, 0), |(count, sum), len| (count + 1, sum + len));
        (held.blocks, held.bytes) = (count, bytes);
        self.room.notify_waiters();
    }

    /// Blocks that wait for the pipeline.
    pub(super) fn blocks(&self) -> usize {
        self.lock().blocks
    }

    /// The run of the pipeline is over: nobody takes blocks until the next one.
    pub(super) fn end_run(&self) {
        self.lock().run_ended = true;
        self.came.notify_all();
    }

    /// The next run begins.
    pub(super) fn begin_run(&self) {
        self.lock().run_ended = false;
    }

    /// The channel is over.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.came.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn is_ended(&self) -> bool {
        self.run_ended || self.stopped
    }

    fn is_idle(&self) -> bool {
        self.events.is_empty() && !self.is_ended()
    }
}
