//! The workload as a source of blocks: made on a thread of its own, a few blocks ahead, until there are
//! no more or somebody interrupts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_shutdown};

use crate::ingress::{BlockSource, SourceError};
use crate::queue::{Inbox, Outbox, queue};
use crate::testing::workload::Workload;

/// Blocks that are made ahead of the pipeline. When as many are waiting, the maker waits.
const BLOCKS_AHEAD: usize = 8;

/// Blocks from the maker.
pub(super) struct MadeBlocks {
    inbox: Inbox<Bytes>,
    interrupted: Arc<AtomicBool>,
}

impl BlockSource for MadeBlocks {
    fn next_block(&mut self) -> Result<Option<Bytes>, SourceError> {
        // Ordering: nothing else is told by the flag.
        if self.interrupted.load(Ordering::Relaxed) {
            return Ok(None);
        }
        Ok(self.inbox.receive())
    }
}

/// A flag that the first interrupt sets; the second one ends the process at once.
pub(super) fn interrupts() -> io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        register_conditional_shutdown(signal, 1, Arc::clone(&interrupted))?;
        register(signal, Arc::clone(&interrupted))?;
    }
    Ok(interrupted)
}

/// The queue from the maker to the pipeline's ingress.
pub(super) fn blocks_ahead(interrupted: Arc<AtomicBool>) -> (Outbox<Bytes>, MadeBlocks) {
    let (outbox, inbox) = queue("make_ingress", BLOCKS_AHEAD);
    let blocks = MadeBlocks { inbox, interrupted };
    (outbox, blocks)
}

/// Makes blocks until there are no more, or nobody takes them.
pub(super) fn make(workload: Workload, outbox: &Outbox<Bytes>) {
    for block in workload {
        if outbox.send(block.bytes).is_err() {
            return;
        }
    }
}
