//! Who says what a block is judged by.

use std::sync::Arc;

use crate::channel::Bundle;
use crate::ingress::SignatureCheck;
use crate::pipeline::IngestDoor;
use crate::types::BlockNumber;

/// Knows the configurations of a channel, and checks orderers' signatures by them.
pub trait Door: SignatureCheck {
    /// The configuration for this block; `None` while a config block before it is not committed.
    fn configuration(&mut self, number: BlockNumber) -> Option<Arc<Bundle>>;
}

/// As the ledger has it.
impl Door for IngestDoor<'_> {
    fn configuration(&mut self, number: BlockNumber) -> Option<Arc<Bundle>> {
        self.bundle(number)
    }
}
