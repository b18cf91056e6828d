//! Notify: tells of committed blocks.
//!
//! Listeners hear of each block once, in order, and only when it is durable. A listener that is slow
//! holds up the next notice, not commit: there are as many committed blocks waiting here as the queue
//! holds, and they are durable already.
//!
//! Knows nothing of what a listener does with it.

use crate::commit::CommittedBlock;

/// Hears of committed blocks.
pub trait CommitListener: Send {
    /// A block is durable. `durable_syncs` is how many syncs of the block file there were so far.
    fn committed(&mut self, block: &CommittedBlock);
}
