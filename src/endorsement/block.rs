//! The stage: one block after another, in order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::definitions::Definitions;
use super::error::Fault;
use super::in_flight::{Frontier, FrontierView, InFlight, wait};
use super::key_level::{BlockKeyPolicies, NoKeyPolicies, metadata_writes, written_keys};
use super::transaction::{Context, Dispatched, validated_namespaces};
use crate::channel::{Bundle, ConfigBlock};
use crate::decode::{ChaincodeCall, EndorserTx, SignedKind, TxBody};
use crate::lifecycle::{ApplicationOrg, ChannelFacts, LEGACY_NAMESPACE, LIFECYCLE_NAMESPACE};
use crate::msp::Identity;
use crate::rwset::RwSet;
use crate::stage::{InStage, Workers};
use crate::types::{BlockNumber, Namespace, NamespaceRef, TxIndex, ValidationCode};
use crate::verify::{TxVerdict, VerifiedBlock};

/// A block with the verdict of everything but versions.
#[derive(Debug)]
pub struct EndorsedBlock {
    verified: VerifiedBlock,
    codes: Vec<ValidationCode>,
    lifetimes: Lifetimes,
}

/// What a valid transaction wants to write.
#[derive(Debug, Clone, Copy)]
pub enum Writes<'b> {
    /// An endorser transaction's read-write set.
    Endorser(&'b RwSet<'b>),
    /// A config transaction's `ConfigEnvelope`.
    Config(&'b [u8]),
}

impl EndorsedBlock {
    /// The block.
    #[must_use]
    pub fn verified(&self) -> &VerifiedBlock {
        &self.verified
    }

    /// One code per transaction. Those that are valid may still conflict.
    #[must_use]
    pub fn codes(&self) -> &[ValidationCode] {
        &self.codes
    }

    /// For how many blocks the hashes live that valid transactions write.
    #[must_use]
    pub fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    /// The valid transactions and what they want to write, in order.
    pub fn writes(&self) -> impl Iterator<Item = (TxIndex, Writes<'_>)> {
        let transactions = &self.verified.decoded().contents().transactions;
        let numbered = (0_u32..).map(TxIndex).zip(transactions).zip(&self.codes);
        numbered.filter(|(_, code)| code.is_valid()).filter_map(|((tx, transaction), _)| {
            match &transaction.body {
                TxBody::Signed { kind: SignedKind::Config(config), .. } => {
                    Some((tx, Writes::Config(config)))
                }
                TxBody::Signed { kind: SignedKind::Endorser(endorser), .. } => {
                    let call = endorser.action.as_ref().ok()?;
                    Some((tx, Writes::Endorser(&call.rwset)))
                }
                TxBody::Signed { kind: SignedKind::Refused(_), .. } | TxBody::Refused(_) => {
                    // The genesis block is not checked, but its one transaction is its config.
                    let config = ConfigBlock::of_envelope(transaction.envelope).ok()?;
                    Some((tx, Writes::Config(config.config_envelope)))
                }
            }
        })
    }
}

/// For how many blocks hashes live, by chaincode and collection; 0 for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifetimes(HashMap<Namespace, u64>);

impl Lifetimes {
    /// Notes the lifetime of a collection's hashes.
    pub(super) fn note(&mut self, chaincode: &str, collection: &str, block_to_live: u64) {
        if block_to_live > 0 {
            self.0.insert(NamespaceRef::hashed(chaincode, collection).to_owned(), block_to_live);
        }
    }

    /// The lifetime of a collection's hashes in blocks; `None` for ever.
    #[must_use]
    pub fn of(&self, namespace: NamespaceRef<'_>) -> Option<u64> {
        // A map of owned names cannot be asked with borrowed ones; it has few entries.
        self.0.iter().find(|(known, _)| known.as_ref() == namespace).map(|(_, blocks)| *blocks)
    }
}

/// The endorsement stage of one channel.
#[derive(Debug)]
pub struct EndorsementStage<F> {
    frontier: F,
    in_flight: InFlight,
    definitions: Definitions,
    facts: Option<(Arc<Bundle>, ChannelFacts)>,
}

/// An endorser transaction that reaches dispatch.
struct Candidate<'b> {
    tx: TxIndex,
    endorser: &'b EndorserTx<'b>,
    signers: &'b [Arc<Identity>],
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
        let ids = transactions.iter().map(|transaction| transaction.index_id.as_str());
        self.in_flight.remember_ids(block, ids);
        self.remember_writes(&verified, &codes);
        Ok(EndorsedBlock { verified, codes, lifetimes })
    }

    fn codes(
        &mut self,
        verified: &VerifiedBlock,
        lifetimes: &mut Lifetimes,
        workers: &Workers,
    ) -> Result<Vec<ValidationCode>, Fault> {
        let block = verified.decoded().number();
        let mut codes: Vec<ValidationCode> =
            verified.verdicts().iter().map(code_so_far).collect();
        let mut view = self.frontier.view()?;
        self.in_flight.forget_through(view.indexed());
        let candidates = self.without_ledger_duplicates(verified, &view, &mut codes, workers)?;
        if candidates.is_empty() {
            return Ok(codes);
        }
        if let Some(needed) = self.needed(block, &candidates) {
            wait(&self.frontier, needed, block)?;
            view = self.frontier.view()?;
        }
        self.definitions.use_bundle(verified.bundle());
        let facts = facts_of(&mut self.facts, verified.bundle());
        self.definitions.load(names(&candidates), &view, facts)?;
        let context =
            Context { block, bundle: verified.bundle(), definitions: &self.definitions };
        let dispatched = dispatch_all(&context, &candidates, &view, &self.in_flight, workers)?;
        for (candidate, code) in candidates.iter().zip(dispatched) {
            set(&mut codes, candidate.tx, code);
        }
        mark_duplicates(&candidates, &mut codes);
        for candidate in &candidates {
            let valid = codes.get(candidate.tx.0 as usize).is_some_and(|code| code.is_valid());
            if let (true, Ok(call)) = (valid, &candidate.endorser.action) {
                context.check_collections(candidate.tx, &call.rwset, lifetimes)?;
            }
        }
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
        let transactions = &verified.decoded().contents().transactions;
        let numbered = (0_u32..).map(TxIndex).zip(transactions).zip(verified.verdicts());
        let all: Vec<Candidate<'b>> = numbered
            .filter_map(|((tx, transaction), verdict)| match (&transaction.body, verdict) {
                (
                    TxBody::Signed { kind: SignedKind::Endorser(endorser), .. },
                    TxVerdict::Endorser { signers },
                ) => Some(Candidate { tx, endorser, signers }),
                _ => None,
            })
            .collect();
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
        let ids = candidates.iter().map(|candidate| candidate.endorser.tx_id);
        ids.map(|id| Ok(self.in_flight.contains_id(id) || view.contains_tx_id(id)?)).collect()
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
        let valid = transactions.iter().zip(codes).filter(|(_, code)| code.is_valid());
        for (transaction, _) in valid {
            let TxBody::Signed { kind: SignedKind::Endorser(endorser), .. } = &transaction.body
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
        let valid = transactions.iter().zip(codes).filter(|(_, code)| code.is_valid());
        for (transaction, _) in valid {
            if let TxBody::Signed { kind: SignedKind::Endorser(endorser), .. } = &transaction.body
                && let Ok(call) = &endorser.action
            {
                for (namespace, key) in written_keys(&call.rwset) {
                    self.in_flight.note_key(namespace, key, block);
                }
            }
        }
    }
}

/// Transactions that one task dispatches at least.
const CANDIDATES_PER_TASK: usize = 32;

/// Dispatches all candidates: in parallel, unless one may change the key policies of a later one.
fn dispatch_all<S: crate::ledger::StateReader + Sync>(
    context: &Context<'_>,
    candidates: &[Candidate<'_>],
    view: &S,
    in_flight: &InFlight,
    workers: &Workers,
) -> Result<Vec<ValidationCode>, Fault> {
    let writes_metadata =
        calls(candidates).any(|call| metadata_writes(&call.rwset).next().is_some());
    if !writes_metadata && !in_flight.any_metadata() {
        let codes = |chunk: &[Candidate<'_>]| {
            let codes = chunk.iter().map(|one| Ok(dispatch(context, one, &NoKeyPolicies)?.code));
            codes.collect::<Result<Vec<_>, Fault>>()
        };
        let chunks = workers.spread(|| {
            let chunks = candidates.par_chunks(CANDIDATES_PER_TASK);
            let codes = |chunk| workers.meter.count(|| codes(chunk));
            chunks.map(codes).collect::<Result<Vec<Vec<ValidationCode>>, Fault>>()
        })?;
        return Ok(chunks.into_iter().flatten().collect());
    }
    let mut keys = BlockKeyPolicies::new(context.block, view, in_flight);
    let mut codes = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let dispatched = dispatch(context, candidate, &keys)?;
        if let Ok(call) = &candidate.endorser.action {
            for name in &dispatched.held {
                keys.succeeded(candidate.tx, name, &call.rwset);
            }
        }
        codes.push(dispatched.code);
    }
    Ok(codes)
}

fn dispatch<'b, K: super::key_level::KeyPolicies<Fault = Fault>>(
    context: &Context<'_>,
    candidate: &Candidate<'b>,
    keys: &K,
) -> Result<Dispatched<'b>, Fault> {
    match &candidate.endorser.action {
        Err(code) => Ok(Dispatched { code: *code, held: Vec::new() }),
        Ok(call) => context.dispatch(candidate.tx, call, candidate.signers, keys),
    }
}

fn code_so_far(verdict: &TxVerdict) -> ValidationCode {
    match verdict {
        TxVerdict::Refused(code) => *code,
        TxVerdict::Config => ValidationCode::Valid,
        TxVerdict::Endorser { .. } => ValidationCode::NotValidated,
    }
}

fn set(codes: &mut [ValidationCode], tx: TxIndex, code: ValidationCode) {
    if let Some(slot) = codes.get_mut(tx.0 as usize) {
        *slot = code;
    }
}

/// Later transactions with the id of one that is valid so far are duplicates, also if that one turns
/// out to conflict.
///
/// Fabric: `core/committer/txvalidator/v20/validator.go:markTXIdDuplicates`.
fn mark_duplicates(candidates: &[Candidate<'_>], codes: &mut [ValidationCode]) {
    let mut seen = HashSet::with_capacity(candidates.len());
    for candidate in candidates {
        let valid = codes.get(candidate.tx.0 as usize).is_some_and(|code| code.is_valid());
        if valid && !seen.insert(candidate.endorser.tx_id) {
            set(codes, candidate.tx, ValidationCode::DuplicateTxid);
        }
    }
}

fn calls<'c, 'b: 'c>(candidates: &'c [Candidate<'b>]) -> impl Iterator<Item = &'b ChaincodeCall<'b>> + 'c {
    candidates.iter().filter_map(|candidate| candidate.endorser.action.as_ref().ok())
}

fn names<'c, 'b: 'c>(candidates: &'c [Candidate<'b>]) -> impl Iterator<Item = &'b str> + 'c {
    calls(candidates).flat_map(|call| validated_namespaces(call))
}

fn is_definition_namespace(name: &str) -> bool {
    name == LIFECYCLE_NAMESPACE || name == LEGACY_NAMESPACE
}

/// What lifecycle policies need of the configuration, made once per configuration.
fn facts_of<'s>(
    kept: &'s mut Option<(Arc<Bundle>, ChannelFacts)>,
    bundle: &Arc<Bundle>,
) -> &'s ChannelFacts {
    let stale = kept.as_ref().is_none_or(|(known, _)| !Arc::ptr_eq(known, bundle));
    if stale {
        *kept = None;
    }
    let (_, facts) = kept.get_or_insert_with(|| (Arc::clone(bundle), channel_facts(bundle)));
    facts
}

fn channel_facts(bundle: &Bundle) -> ChannelFacts {
    let application_orgs = bundle.application_orgs().iter().map(|org| {
        let endorsement = format!("/Channel/Application/{}/Endorsement", org.group_name);
        ApplicationOrg {
            name: org.group_name.to_string(),
            msp_id: org.msp_id.to_string(),
            has_endorsement: bundle.policies().policy(&endorsement).is_some(),
        }
    });
    ChannelFacts {
        application_orgs: application_orgs.collect(),
        has_lifecycle_endorsement: bundle.has_lifecycle_endorsement(),
    }
}

impl InStage for EndorsedBlock {
    fn number(&self) -> BlockNumber {
        self.verified.decoded().number()
    }

    fn transactions(&self) -> usize {
        self.codes.len()
    }
}
