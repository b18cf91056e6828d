//! The stage: one block after another, in order.

use std::sync::Arc;

use rayon::prelude::*;

use super::candidate::{Candidate, calls, candidates, codes_so_far, mark_duplicates, names, set};
use super::collections::check_collections;
use super::definitions::Definitions;
use super::endorsed::{EndorsedBlock, Lifetimes};
use super::error::Fault;
use super::facts::facts_of;
use super::in_flight::{Frontier, FrontierView, InFlight, wait};
use super::key_level::{metadata_writes, written_keys};
use super::legacy::LegacyBlock;
use super::transaction::{CANDIDATES_PER_TASK, Context, dispatch_all};
use crate::channel::Bundle;
use crate::decode::{SignedKind, TxBody};
use crate::lifecycle::{ChannelFacts, LEGACY_NAMESPACE, LIFECYCLE_NAMESPACE};
use crate::stage::Workers;
use crate::types::{BlockNumber, Namespace, ValidationCode};
use crate::verify::VerifiedBlock;

/// The endorsement stage of one channel.
#[derive(Debug)]
pub struct EndorsementStage<F> {
    frontier: F,
    in_flight: InFlight,
    definitions: Definitions,
    facts: Option<(Arc<Bundle>, ChannelFacts)>,
}

impl<F: Frontier> EndorsementStage<F> {
    /// A stage whose next block follows the state behind `frontier`. `with_metadata` are the
    /// namespaces in which some key has metadata there.
    pub fn new(frontier: F, with_metadata: impl IntoIterator<Item = Namespace>) -> Self {
        Self {
            frontier,
            in_flight: InFlight::new(with_metadata),
            definitions: Definitions::default(),
            facts: None,
        }
    }

    /// Endorses the next block, on the calling thread and the workers. It may wait for mvcc, which needs
    /// the workers, so it must not be called on one of them.
    ///
    /// # Errors
    /// The channel must stop before this block.
    pub fn endorse(
        &mut self,
        verified: VerifiedBlock,
        workers: &Workers,
    ) -> Result<EndorsedBlock, Fault> {
        let block = verified.decoded().number();
        let mut lifetimes = Lifetimes::default();
        let codes = self.codes(&verified, &mut lifetimes, workers)?;
        let transactions = &verified.decoded().contents().transactions;
        let ids = transactions.iter().map(|transaction| transaction.tx_key);
        self.in_flight.remember_ids(block, ids);
        self.remember_writes(&verified, &codes);
        Ok(EndorsedBlock::new(verified, codes, lifetimes))
    }

    fn codes(
        &mut self,
        verified: &VerifiedBlock,
        lifetimes: &mut Lifetimes,
        workers: &Workers,
    ) -> Result<Vec<ValidationCode>, Fault> {
        let block = verified.decoded().number();
        let mut codes = codes_so_far(verified);
        let mut view = self.frontier.view()?;
        self.in_flight.forget_through(view.indexed());
        let candidates = self.without_ledger_duplicates(verified, &view, &mut codes, workers)?;
        if candidates.is_empty() {
            return Ok(codes);
        }
        if let Some(needed) = self.needed(block, &candidates) {
            // Not across a wait: where the database has to grow, a view holds it up.
            drop(view);
            wait(&self.frontier, needed, block)?;
            view = self.frontier.view()?;
        }
        let bundle = verified.bundle();
        let facts = facts_of(&mut self.facts, bundle);
        let in_flight = &self.in_flight;
        if !bundle.capabilities().application().v2_0_validation {
            let legacy = LegacyBlock {
                block,
                bundle,
                facts,
                state: &view,
                in_flight,
            };
            legacy.validate(&candidates, &mut codes, lifetimes)?;
            return Ok(codes);
        }
        self.definitions.use_bundle(bundle);
        self.definitions.load(names(&candidates), &view, facts)?;
        let context = || Context::new(block, bundle, &self.definitions);
        let dispatched = dispatch_all(block, context, &candidates, &view, in_flight, workers)?;
        for (candidate, code) in candidates.iter().zip(dispatched) {
            set(&mut codes, candidate.tx, code);
        }
        mark_duplicates(&candidates, &mut codes);
        let context = context();
        check_collections(
            block,
            &candidates,
            &codes,
            lifetimes,
            |tx, name, collection| context.stored(tx, name, collection),
        )?;
        Ok(codes)
    }

    /// The endorser transactions whose id is new; the others get their code.
    fn without_ledger_duplicates<'b>(
        &self,
        verified: &'b VerifiedBlock,
        view: &F::View,
        codes: &mut [ValidationCode],
        workers: &Workers,
    ) -> Result<Vec<Candidate<'b>>, Fault> {
        let all = candidates(verified);
        let known = workers.spread(|| {
            let chunks = all.par_chunks(CANDIDATES_PER_TASK);
            let known = |chunk| workers.meter.count(|| self.are_known_ids(chunk, view));
            chunks.map(known).collect::<Result<Vec<Vec<bool>>, Fault>>()
        })?;
        let known = known.into_iter().flatten();
        let mut new = Vec::with_capacity(all.len());
        for (candidate, known) in all.into_iter().zip(known) {
            if known {
                set(codes, candidate.tx, ValidationCode::DuplicateTxid);
            } else {
                new.push(candidate);
            }
        }
        Ok(new)
    }

    fn are_known_ids(
        &self,
        candidates: &[Candidate<'_>],
        view: &F::View,
    ) -> Result<Vec<bool>, Fault> {
        let ids = candidates.iter().map(|candidate| &candidate.tx_key);
        ids.map(|id| Ok(self.in_flight.contains_id(id) || view.contains_tx(id)?))
            .collect()
    }

    /// Back edge 2: the last block in flight that touches what this one needs.
    fn needed(&mut self, block: BlockNumber, candidates: &[Candidate<'_>]) -> Option<BlockNumber> {
        let mut needed = None;
        if let Some(changed) = self.in_flight.take_definition_change() {
            self.definitions.clear();
            needed = Some(changed);
        }
        if self.in_flight.any_metadata() {
            for (namespace, key) in calls(candidates).flat_map(|call| written_keys(&call.rwset)) {
                if !self.in_flight.may_have_metadata(namespace) {
                    continue;
                }
                let writer = match namespace.collection {
                    None => self.in_flight.last_writer(namespace, key),
                    // The hash may expire with any block before this one.
                    Some(_) => block.0.checked_sub(1).map(BlockNumber),
                };
                needed = needed.max(writer);
            }
        }
        needed
    }

    /// What later blocks must know of this one while it is in flight.
    fn remember_writes(&mut self, verified: &VerifiedBlock, codes: &[ValidationCode]) {
        let block = verified.decoded().number();
        let transactions = &verified.decoded().contents().transactions;
        let valid = transactions
            .iter()
            .zip(codes)
            .filter(|(_, code)| code.is_valid());
        for (transaction, _) in valid {
            let TxBody::Signed {
                kind: SignedKind::Endorser(endorser),
                ..
            } = &transaction.body
            else {
                continue;
            };
            let Ok(call) = &endorser.action else {
                continue;
            };
            for (namespace, _) in metadata_writes(&call.rwset) {
                self.in_flight.note_metadata(namespace);
            }
            let mut namespaces = call.rwset.namespaces.iter();
            if namespaces.any(|ns| is_definition_namespace(ns.name) && !ns.writes.is_empty()) {
                self.in_flight.note_definition_change(block);
            }
        }
        if !self.in_flight.any_metadata() {
            return;
        }
        let valid = transactions
            .iter()
            .zip(codes)
            .filter(|(_, code)| code.is_valid());
        for (transaction, _) in valid {
            if let TxBody::Signed {
                kind: SignedKind::Endorser(endorser),
                ..
            } = &transaction.body
                && let Ok(call) = &endorser.action
            {
                for (namespace, key) in written_keys(&call.rwset) {
                    self.in_flight.note_key(namespace, key, block);
                }
            }
        }
    }
}

fn is_definition_namespace(name: &str) -> bool {
    name == LIFECYCLE_NAMESPACE || name == LEGACY_NAMESPACE
}
