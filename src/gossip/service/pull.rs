//! Pulling a channel's blocks from its orderers, on a thread of its own, while it is this peer's task.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::Input;
use crate::host::Channel;
use crate::ingress::{Candidate, EndSource, SourceError};
use crate::limits::FEED_RETRY_WAIT;
use crate::peer::{Feed, FeedSource};
use crate::types::{BlockNumber, ChannelId};

/// Where the orderers' blocks come from.
pub trait Orderers: Feed {
    /// Whether an orderer of the channel is connected.
    fn works(&self, channel: &ChannelId) -> bool;

    /// The channel is not pulled any more: how its orderers are is nobody's concern.
    fn forget(&self, channel: &ChannelId);
}

/// A block from the orderers that the core has not taken yet.
#[derive(Debug)]
pub(super) struct Ordered {
    /// Which pull it belongs to.
    pub(super) pull: u64,
    pub(super) number: BlockNumber,
    pub(super) block: Bytes,
    /// Answered once it is taken; dropped where nobody wants it any more.
    pub(super) taken: oneshot::Sender<()>,
}

/// A channel's pull. Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Pull {
    pub(super) id: u64,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    ended: AtomicBool,
    stopper: Mutex<Option<Arc<dyn EndSource>>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.ended.fmt(f)
    }
}

impl Pull {
    /// Begins behind what is durable: what the core has beyond that it knows when it sees it again.
    pub(super) fn start(
        id: u64,
        channel: Arc<Channel>,
        orderers: Arc<dyn Orderers>,
        inputs: mpsc::Sender<Input>,
    ) -> Self {
        let shared = Arc::<Shared>::default();
        let pulling = Pulling {
            id,
            channel,
            orderers,
            inputs,
            shared: Arc::clone(&shared),
        };
        let thread = thread::Builder::new().name("orderers".to_owned());
        let thread = thread.spawn(move || pulling.run());
        if let Err(error) = &thread {
            tracing::error!(%error, "no thread to pull from the orderers with");
        }
        Self {
            id,
            shared,
            thread: thread.ok(),
        }
    }

    pub(super) fn end(&self) {
        // Ordering: with the lock, either the thread sees the flag, or this sees its source.
        self.shared.ended.store(true, Ordering::SeqCst);
        let stopper = self.shared.stopper.lock();
        if let Some(stopper) = &*stopper.unwrap_or_else(PoisonError::into_inner) {
            stopper.end();
        }
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// Whether the thread has ended.
    pub(super) fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends it, and waits until it has ended.
    pub(super) fn join(mut self) {
        self.end();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        self.end();
    }
}

/// The thread's side.
struct Pulling {
    id: u64,
    channel: Arc<Channel>,
    orderers: Arc<dyn Orderers>,
    inputs: mpsc::Sender<Input>,
    shared: Arc<Shared>,
}

impl Pulling {
    fn run(&self) {
        while !self.is_ended() {
            match self.orderers.open(&self.channel) {
                Ok(mut source) => {
                    self.remember(source.stopper());
                    if let Err(error) = self.pull_all(&mut *source) {
                        self.log(&error);
                    }
                }
                Err(error) => self.log(&error),
            }
            if !self.is_ended() {
                thread::park_timeout(FEED_RETRY_WAIT);
            }
        }
    }

    fn is_ended(&self) -> bool {
        self.shared.ended.load(Ordering::SeqCst)
    }

    fn remember(&self, stopper: Arc<dyn EndSource>) {
        let known = self.shared.stopper.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        if self.is_ended() {
            stopper.end();
        }
        *known = Some(stopper);
    }

    /// Until the source or the pull ends.
    fn pull_all(&self, source: &mut (dyn FeedSource + '_)) -> Result<(), SourceError> {
        while let Some(block) = source.next_block()? {
            let Ok(number) = Candidate::decode(&block).map(|block| block.number) else {
                return Ok(());
            };
            let (taken, answer) = oneshot::channel();
            let ordered = Ordered {
                pull: self.id,
                number,
                block,
                taken,
            };
            let channel = self.channel.id().clone();
            let input = Input::Ordered { channel, ordered };
            if self.inputs.blocking_send(input).is_err() || answer.blocking_recv().is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn log(&self, error: &SourceError) {
        let channel = self.channel.id();
        tracing::warn!(%channel, %error, "no blocks from the orderers; they are asked again");
    }
}
