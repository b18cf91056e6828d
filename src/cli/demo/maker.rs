//! The workload as a source of blocks: made on a thread of its own, a few blocks ahead.

use bytes::Bytes;

use crate::ingress::{BlockSource, SourceError};
use crate::queue::{Inbox, Outbox, queue};
use crate::testing::workload::Workload;

/// Blocks that are made ahead of the pipeline. When as many are waiting, the maker waits.
const BLOCKS_AHEAD: usize = 8;

/// Blocks from the maker.
pub(super) struct MadeBlocks(Inbox<Bytes>);

impl BlockSource for MadeBlocks {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        Ok(self.0.receive())
    }
}

/// The queue from the maker to the pipeline's ingress.
pub(super) fn blocks_ahead() -> (Outbox<Bytes>, MadeBlocks) {
    let (outbox, inbox) = queue("make_ingress", BLOCKS_AHEAD);
    (outbox, MadeBlocks(inbox))
}

/// Makes blocks until there are no more, or nobody takes them.
pub(super) fn make(workload: Workload, outbox: &Outbox<Bytes>) {
    for block in workload {
        if outbox.send(block.bytes).is_err() {
            return;
        }
    }
}
