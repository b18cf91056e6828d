//! What a channel's pipeline is fed with.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::Input;
use super::source::{Desk, GossipSource};
use crate::host::Channel;
use crate::ingress::SourceError;
use crate::peer::{Feed, FeedSource};
use crate::pipeline::IngestDoor;
use crate::types::{BlockNumber, Digest};
use crate::verify::ChainTip;

/// Blocks from gossip: of other peers, and of the orderers where this peer pulls.
#[derive(Debug)]
pub struct GossipFeed {
    inputs: mpsc::Sender<Input>,
}

impl GossipFeed {
    pub(super) fn new(inputs: mpsc::Sender<Input>) -> Self {
        Self { inputs }
    }
}

impl Feed for GossipFeed {
    fn open<'c>(&self, channel: &'c Arc<Channel>) -> Result<Box<dyn FeedSource + 'c>, SourceError> {
        let info = channel.info().map_err(SourceError::Ledger)?;
        let tip = ChainTip {
            number: BlockNumber(info.height.saturating_sub(1)),
            header_hash: info.header_hash.unwrap_or(Digest([0; 32])),
        };
        let desk = Arc::<Desk>::default();
        let opened = Input::Opened {
            channel: Arc::clone(channel),
            desk: Arc::clone(&desk),
            height: tip.number.next(),
        };
        if self.inputs.blocking_send(opened).is_err() {
            return Err(SourceError::Ended);
        }
        let door = IngestDoor::new(channel.ledger());
        let inputs = self.inputs.clone();
        let source = GossipSource::new(channel.id().clone(), door, tip, desk, inputs);
        Ok(Box::new(source))
    }
}
