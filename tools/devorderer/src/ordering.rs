//! The ordering of one channel: from messages to blocks. No sockets, no disk, no clock.
//!
//! Messages come with the time; out come blocks, in the order in which they are to be stored. Who calls
//! asks [`Ordering::deadline`] when to call [`Ordering::tick`].
//!
//! Invariants:
//! - a config block holds its one transaction, and everything ordered before is in a block before it;
//! - whoever has read block N knows the configuration that block N + 1 was admitted under.
//!
//! Fabric: `orderer/consensus/etcdraft/chain.go:ordered`, `msgprocessor/standardchannel.go`.

use std::sync::Arc;

use heddle::channel::Bundle;
use heddle::channel::update::{encode_config_envelope, validate_update};
use heddle::proto::messages::common::{Envelope, Status};
use heddle::sys::clock::Instant;
use prost::Message as _;

use crate::admission::{Kind, Refusal, admit, size};
use crate::blocks::{BlockMaker, MadeBlock};
use crate::cutter::{Batch, Cutter, Message};

/// The time, on both of a clock's lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) at: Instant,
    pub(crate) unix_micros: u64,
}

impl Now {
    pub(crate) fn unix_s(self) -> u64 {
        self.unix_micros / 1_000_000
    }
}

/// The ordering of one channel.
#[derive(Debug)]
pub(crate) struct Ordering {
    bundle: Arc<Bundle>,
    cutter: Cutter,
    blocks: BlockMaker,
    /// When the pending batch is cut, full or not.
    deadline: Option<Instant>,
}

impl Ordering {
    /// The ordering behind a chain's tip. Fails where blocks that `blocks` signs would be refused.
    pub(crate) fn new(bundle: Arc<Bundle>, blocks: BlockMaker) -> Result<Self, Refusal> {
        check_signer(&bundle, &blocks)?;
        Ok(Self {
            bundle,
            cutter: Cutter::default(),
            blocks,
            deadline: None,
        })
    }

    /// The configuration in force.
    pub(crate) fn bundle(&self) -> &Arc<Bundle> {
        &self.bundle
    }

    /// When to call [`Ordering::tick`].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Orders a message that was admitted under the configuration with this sequence number. If that is
    /// no longer in force, it is admitted anew, and dropped where it no longer may be.
    pub(crate) fn order(
        &mut self,
        envelope: &Envelope,
        sequence: u64,
        now: Now,
    ) -> Result<Vec<MadeBlock>, Refusal> {
        if sequence != self.bundle.sequence() {
            admit(&self.bundle, envelope, Kind::Normal, now.unix_s())?;
        }
        let message = Message {
            size: size(envelope),
            envelope: envelope.encode_to_vec().into(),
        };
        let full = self.cutter.take(message, &self.bundle.orderer().batch_size);
        let timeout = self.bundle.orderer().batch_timeout;
        self.deadline = match (self.cutter.is_pending(), self.deadline) {
            (false, _) => None,
            (true, Some(running)) => Some(running),
            (true, None) => Some(now.at.plus(timeout)),
        };
        Ok(full.into_iter().map(|batch| self.block(batch)).collect())
    }

    /// Makes a configuration of an update: cuts the pending batch, then the config block.
    pub(crate) fn configure(
        &mut self,
        update: &Envelope,
        now: Now,
    ) -> Result<Vec<MadeBlock>, Refusal> {
        admit(&self.bundle, update, Kind::ConfigUpdate, now.unix_s())?;
        let refused = |error: &dyn std::error::Error| {
            let channel = self.bundle.channel_id();
            let why = chain(error);
            Refusal::bad(format!(
                "error applying config update to existing channel '{channel}': {why}"
            ))
        };
        let update = update.encode_to_vec();
        let config = validate_update(&self.bundle, &update).map_err(|error| refused(&error))?;
        let data = encode_config_envelope(&config, &update);
        let next = self.bundle.apply(&data).map_err(|error| refused(&error))?;
        check_signer(&next, &self.blocks)?;
        let channel = next.channel_id().as_str().to_owned();
        let envelope = self
            .blocks
            .config_envelope(&channel, now.unix_micros, &data);
        let max = self.bundle.orderer().batch_size.absolute_bytes_max;
        if u32::try_from(envelope.len()).is_ok_and(|len| len > max) {
            return Err(Refusal::bad(format!(
                "the config transaction has {} bytes and exceeds maximum allowed {max} bytes",
                envelope.len()
            )));
        }
        let mut made: Vec<MadeBlock> = self.cut().into_iter().collect();
        self.bundle = Arc::new(next);
        made.push(self.blocks.make(vec![envelope.into()], true, &self.bundle));
        Ok(made)
    }

    /// Cuts the pending batch if its time has come.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<MadeBlock> {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.cut()
        } else {
            None
        }
    }

    /// Cuts the pending batch.
    pub(crate) fn cut(&mut self) -> Option<MadeBlock> {
        self.deadline = None;
        let batch = self.cutter.cut()?;
        Some(self.block(batch))
    }

    fn block(&mut self, batch: Batch) -> MadeBlock {
        self.blocks.make(batch, false, &self.bundle)
    }
}

/// Refuses a configuration under which peers would refuse our blocks.
fn check_signer(bundle: &Bundle, blocks: &BlockMaker) -> Result<(), Refusal> {
    const POLICY: &str = "/Channel/Orderer/BlockValidation";
    let signer = blocks.signer();
    let identity = bundle.msps().deserialize(signer.serialized()).ok();
    let policy = bundle.policies().policy(POLICY);
    let good = match (identity, policy) {
        (Some(identity), Some(policy)) => policy.evaluate(&[identity]),
        (None, _) | (_, None) => false,
    };
    if good {
        return Ok(());
    }
    Err(Refusal::new(
        Status::ServiceUnavailable,
        format!(
            "the orderer's identity (of {}) alone does not satisfy {POLICY} of channel {}: peers would \
             refuse its blocks",
            signer.msp_id(),
            bundle.channel_id()
        ),
    ))
}

/// An error with what it came from.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
