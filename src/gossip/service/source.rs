//! The source that a channel's pipeline reads from where gossip brings the blocks.
//!
//! The core offers one block at a time, the next one; here, on the thread that asks for blocks, it is
//! checked as one that an orderer sent: number, hash chain, data hash, orderers' signatures. It waits
//! until a config block before it is committed. So what leaves here needs no second look, and what the
//! core passes on to others has been checked.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Input;
use crate::ingress::{BlockSource, Candidate, DataCheck, EndSource, SourceError};
use crate::limits;
use crate::peer::FeedSource;
use crate::pipeline::IngestDoor;
use crate::types::{BlockNumber, ChannelId, Digest};
use crate::verify::ChainTip;

/// How often it is looked whether a config block has been committed.
const CONFIG_POLL: Duration = Duration::from_millis(1);

/// A block that may be the channel's next one.
#[derive(Debug)]
pub(super) struct Offered {
    pub(super) number: BlockNumber,
    pub(super) block: Bytes,
    /// The orderer's client has checked the data hash.
    pub(super) from_orderer: bool,
}

/// Where the driver puts a block for the pipeline.
#[derive(Debug, Default)]
pub(super) struct Desk {
    held: Mutex<Held>,
    came: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    offered: Option<Offered>,
    /// The run of the pipeline is over.
    run_ended: bool,
    /// The channel is over.
    stopped: bool,
}

impl Desk {
    /// Puts a block there; an older one is not wanted any more.
    pub(super) fn put(&self, offered: Offered) {
        self.lock().offered = Some(offered);
        self.came.notify_all();
    }

    /// Waits for a block; `None` where nobody wants any.
    fn take(&self) -> Option<Offered> {
        let held = self.lock();
        let waited = self
            .came
            .wait_while(held, |held| held.offered.is_none() && !held.is_ended());
        let mut held = waited.unwrap_or_else(PoisonError::into_inner);
        if held.is_ended() {
            return None;
        }
        held.offered.take()
    }

    /// Waits without taking anything; whether somebody still wants something.
    fn pause(&self, wait: Duration) -> bool {
        let held = self.lock();
        let waited = self
            .came
            .wait_timeout_while(held, wait, |held| !held.is_ended());
        let (held, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !held.is_ended()
    }

    fn begin_run(&self) {
        let mut held = self.lock();
        held.run_ended = false;
        held.offered = None;
    }

    fn end(&self, change: impl FnOnce(&mut Held)) {
        change(&mut self.lock());
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
}

/// Blocks from other peers and, where this one pulls, from the orderers; each checked.
pub(super) struct GossipSource<'c> {
    channel: ChannelId,
    door: IngestDoor<'c>,
    next: BlockNumber,
    /// Header hash of the block before.
    tip: Digest,
    /// What is known of the data of the block that was let through last.
    data: DataCheck,
    desk: Arc<Desk>,
    inputs: mpsc::Sender<Input>,
}

impl<'c> GossipSource<'c> {
    pub(super) fn new(
        channel: ChannelId,
        door: IngestDoor<'c>,
        tip: ChainTip,
        desk: Arc<Desk>,
        inputs: mpsc::Sender<Input>,
    ) -> Self {
        Self {
            channel,
            door,
            next: tip.number.next(),
            tip: tip.header_hash,
            data: DataCheck::Unknown,
            desk,
            inputs,
        }
    }

    /// Waits for the configuration that the next block is judged by.
    fn wait_for_configuration(&mut self) -> bool {
        while self.door.bundle(self.next).is_none() {
            if !self.desk.pause(CONFIG_POLL) {
                return false;
            }
        }
        true
    }

    /// Whether the block is the next one, linked, whole and signed; its header hash, and what is known of
    /// its data.
    fn check(&mut self, offered: &Offered) -> Result<(Digest, DataCheck), String> {
        let bytes = &offered.block;
        if bytes.len() > limits::BLOCK_BYTES_MAX {
            let (found, max) = (bytes.len(), limits::BLOCK_BYTES_MAX);
            return Err(format!("it has {found} bytes, a block has at most {max}"));
        }
        let block = Candidate::decode(bytes);
        let block = block.map_err(|error| format!("it does not decode ({error})"))?;
        if block.number != self.next {
            return Err(format!("its number is {}", block.number));
        }
        block.check_link(self.tip).map_err(|why| why.to_string())?;
        let contents = if offered.from_orderer {
            let signed = block.check_signed(&mut self.door);
            signed.map(|()| DataCheck::Good {
                payload_digests: None,
            })
        } else {
            block.check_contents(&mut self.door)
        };
        let data = contents.map_err(|why| why.to_string())?;
        Ok((block.header_hash, data))
    }

    /// Tells the driver; one that is gone does not want to know.
    fn tell(&self, input: Input) {
        let _ = self.inputs.blocking_send(input);
    }
}

impl BlockSource for GossipSource<'_> {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        while let Some(offered) = self.desk.take() {
            if offered.number != self.next {
                // It was offered before the driver heard that the pipeline begins anew.
                continue;
            }
            if !self.wait_for_configuration() {
                return Ok(None);
            }
            let (channel, number) = (self.channel.clone(), self.next);
            match self.check(&offered) {
                Ok((header_hash, data)) => {
                    self.tip = header_hash;
                    self.data = data;
                    self.next = number.next();
                    self.tell(Input::Verified { channel, number });
                    return Ok(Some(offered.block));
                }
                Err(problem) => {
                    tracing::warn!(%channel, %number, problem, "a peer's block is refused");
                    self.tell(Input::Rejected { channel, number });
                }
            }
        }
        Ok(None)
    }

    fn take_data_check(&mut self) -> DataCheck {
        std::mem::take(&mut self.data)
    }

    fn ender(&self) -> Option<Arc<dyn EndSource>> {
        Some(Arc::new(EndRun(Arc::clone(&self.desk))))
    }
}

impl FeedSource for GossipSource<'_> {
    fn stopper(&self) -> Arc<dyn EndSource> {
        Arc::new(Stop(Arc::clone(&self.desk)))
    }

    /// Nobody is blamed: what was let through here is signed by the orderers.
    fn rejected(&mut self, tip: ChainTip, problem: String) {
        let (channel, number) = (self.channel.clone(), tip.number.next());
        tracing::warn!(%channel, %number, problem, "a block is refused by validation");
        self.next = number;
        self.tip = tip.header_hash;
        self.desk.begin_run();
        self.desk.pause(limits::FEED_RETRY_WAIT);
        self.tell(Input::Rewound { channel, number });
    }
}

impl Drop for GossipSource<'_> {
    fn drop(&mut self) {
        let channel = self.channel.clone();
        self.tell(Input::Left { channel });
    }
}

struct EndRun(Arc<Desk>);

impl EndSource for EndRun {
    fn end(&self) {
        self.0.end(|held| held.run_ended = true);
    }
}

struct Stop(Arc<Desk>);

impl EndSource for Stop {
    fn end(&self) {
        self.0.end(|held| held.stopped = true);
    }
}
