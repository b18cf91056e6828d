//! The rules below application capability V2_0 (validation-spec 2.9): for history from before a
//! channel's upgrade.
//!
//! What differs from the rules of today: definitions stand in the state of `lscc` only, are changed by
//! transactions that [`lscc`] checks, and make transactions of the same block invalid ([`upgrades`]);
//! system chaincodes can be invoked; namespaces are checked in order up to the first failure; and
//! which rules hold depends on the application capability, one by one ([`dispatch`], [`plugin`]).
//! What does not differ is shared: structure, duplicate ids, key-level policies, collections.
//!
//! Knows nothing of blocks in flight: the stage waits before it calls. One transaction after another
//! on the calling thread, and every definition read anew for each block: this path is short, and the
//! signatures are verified already.
//!
//! Invariant: the state is that of the block before as far as `lscc` and key metadata go.
//!
//! Fabric: `core/committer/txvalidator/v14`.

mod collections;
mod definitions;
mod dispatch;
mod explained;
mod lscc;
mod plugin;
mod refusal;
#[cfg(test)]
mod tests;
mod upgrades;

pub use explained::{lscc_refusal, upgraded_chaincode};
pub use refusal::Refusal;

use definitions::LegacyDefinitions;
use dispatch::Context;

use super::candidate::{Candidate, is_valid, mark_duplicates, names, set};
use super::collections::{Stored, check_collections};
use super::endorsed::Lifetimes;
use super::error::Fault;
use super::in_flight::InFlight;
use super::key_level::BlockKeyPolicies;
use super::transaction::dispatch_in_order;
use crate::channel::Bundle;
use crate::ledger::StateReader;
use crate::lifecycle::{self, ChannelFacts, CollectionInfo};
use crate::policy::CompiledApplicationPolicy;
use crate::types::{BlockNumber, ValidationCode};

/// A block of a channel below application capability V2_0, and what it is validated against.
pub(super) struct LegacyBlock<'c, S> {
    pub(super) block: BlockNumber,
    pub(super) bundle: &'c Bundle,
    pub(super) facts: &'c ChannelFacts,
    pub(super) state: &'c S,
    pub(super) in_flight: &'c InFlight,
}

impl<'c, S: StateReader> LegacyBlock<'c, S> {
    /// Gives every candidate its code, and notes for how many blocks hashes live.
    ///
    /// # Errors
    /// The channel must stop before this block.
    ///
    /// Fabric: `v14/validator.go:Validate`.
    pub(super) fn validate<'b>(
        &self,
        candidates: &[Candidate<'b>],
        codes: &mut [ValidationCode],
        lifetimes: &mut Lifetimes,
    ) -> Result<(), Fault>
    where
        'c: 'b,
    {
        let (block, bundle, state) = (self.block, self.bundle, self.state);
        let definitions = LegacyDefinitions::load(names(candidates), state, self.facts)?;
        let capabilities = bundle.capabilities().application();
        let context = Context {
            block,
            bundle,
            capabilities,
            definitions: &definitions,
            state,
        };
        let keys = BlockKeyPolicies::new(block, state, self.in_flight, |bytes| {
            Some(CompiledApplicationPolicy::from_envelope(bytes))
        });
        let dispatched = dispatch_in_order(candidates, keys, |candidate, keys| {
            context.dispatch(candidate, keys)
        })?;
        for (candidate, code) in candidates.iter().zip(dispatched) {
            set(codes, candidate.tx, code);
        }
        let valid: Vec<&Candidate<'_>> = candidates
            .iter()
            .filter(|candidate| is_valid(codes, candidate.tx))
            .collect();
        if capabilities.forbid_duplicate_tx_id {
            mark_duplicates(candidates, codes);
        }
        upgrades::mark_upgraded(&valid, codes);
        check_collections(
            block,
            candidates,
            codes,
            lifetimes,
            |tx, name, collection| match lifecycle::collection_info(state, name, collection) {
                Ok(None) => Ok(None),
                Ok(Some(CollectionInfo::Explicit(found))) => Ok(Some(Stored::of(&found))),
                Ok(Some(CollectionInfo::Implicit { .. })) => Ok(Some(Stored::IMPLICIT)),
                Err(error) => Err(Fault::of_definition(block, tx, error)),
            },
        )
    }
}
