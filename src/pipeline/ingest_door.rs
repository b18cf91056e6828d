//! What sources that others can write to ask before they let a block in: whether the channel's
//! orderers have signed it.
//!
//! The configuration that decides is that of the block before. It is read from the ledger once, and
//! again only after a config block was let in and has become durable; for the few blocks between, the
//! answer is that it is not known, and verify finds out.

use std::sync::Arc;

use super::start::config_in_force;
use crate::channel::Bundle;
use crate::decode::is_config;
use crate::ingress::{SignatureCheck, Signatures};
use crate::ledger::Ledger;
use crate::proto::common::Block;
use crate::types::BlockNumber;
use crate::verify::{Refusal, check_signatures};

/// The door of one run of the pipeline.
#[derive(Debug)]
pub struct IngestDoor<'l> {
    ledger: &'l Ledger,
    /// A configuration, and the height at which it was in force.
    known: Option<(u64, Arc<Bundle>)>,
    /// The last block with a config transaction that was looked at.
    config_block: Option<u64>,
}

impl<'l> IngestDoor<'l> {
    /// A door for blocks from the ledger's height on.
    #[must_use]
    pub fn new(ledger: &'l Ledger) -> Self {
        Self {
            ledger,
            known: None,
            config_block: None,
        }
    }

    /// The configuration for block `number`, where it is known: not between a config block and its
    /// becoming durable.
    pub fn bundle(&mut self, number: BlockNumber) -> Option<Arc<Bundle>> {
        // Of a block that was only looked at and then refused, this waits for nothing worse than a
        // block of that number to become durable.
        let config_block = self.config_block.filter(|block| *block < number.0);
        let is_current = |height: u64| config_block.is_none_or(|block| block < height);
        let current = self
            .known
            .as_ref()
            .is_some_and(|(height, _)| is_current(*height));
        if !current {
            self.known = None;
            if !is_current(self.ledger.height()) {
                return None;
            }
            // A ledger that fails here fails in the pipeline, too.
            let view = self.ledger.view().ok()?;
            let bundle = config_in_force(self.ledger, &view).ok()?;
            self.known = Some((view.height(), Arc::new(bundle)));
        }
        self.known.as_ref().map(|(_, bundle)| Arc::clone(bundle))
    }
}

impl SignatureCheck for IngestDoor<'_> {
    fn check(&mut self, number: BlockNumber, header: &[u8], block: &Block<'_>) -> Signatures {
        if number == BlockNumber(0) {
            self.config_block = Some(0);
            return Signatures::Unknown;
        }
        let metadata = block
            .metadata
            .as_ref()
            .map_or(&[][..], |slots| &slots.metadata);
        let signatures = match self.bundle(number) {
            None => Signatures::Unknown,
            Some(bundle) => match check_signatures(number, header, metadata, &bundle) {
                Ok(()) => Signatures::Good,
                Err(Refusal::Rejection(rejection)) => Signatures::Bad(rejection.to_string()),
                Err(Refusal::Fault(_)) => Signatures::Unknown,
            },
        };
        let envelopes = block.data.as_ref().map_or(&[][..], |data| &data.data);
        let admitted = !matches!(signatures, Signatures::Bad(_));
        if admitted && envelopes.iter().any(|envelope| is_config(envelope)) {
            self.config_block = Some(number.0);
        }
        signatures
    }
}
