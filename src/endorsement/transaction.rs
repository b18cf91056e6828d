//! One endorser transaction against its chaincodes: validation-spec 2.4 from step 4 on.

use std::sync::Arc;

use rayon::prelude::*;

use super::candidate::{Candidate, calls};
use super::collections::Stored;
use super::decisions::Decisions;
use super::definitions::{Definitions, Resolved, Rules};
use super::error::Fault;
use super::in_flight::InFlight;
use super::key_level::{
    BlockKeyPolicies, KeyPolicies, NoKeyPolicies, key_policy_by_value, metadata_writes,
};
use super::namespace::NamespaceCheck;
use crate::channel::Bundle;
use crate::decode::{ChaincodeCall, EventCheck};
use crate::ledger::StateReader;
use crate::msp::Identity;
use crate::rwset::NsRwSet;
use crate::stage::Workers;
use crate::types::{BlockNumber, TxIndex, ValidationCode};

/// Transactions that one task dispatches at least.
pub(super) const CANDIDATES_PER_TASK: usize = 32;

/// What a task's transactions are checked against.
pub(super) struct Context<'c> {
    block: BlockNumber,
    definitions: &'c Definitions,
    decisions: Decisions<'c>,
}

/// What came of a transaction's namespaces.
#[derive(Debug)]
pub(super) struct Dispatched<'a> {
    /// The verdict.
    pub(super) code: ValidationCode,
    /// The namespaces whose policies hold, also where another one's failed.
    pub(super) held: Vec<&'a str>,
}

impl Dispatched<'_> {
    /// Refused before any policy.
    pub(super) fn refused(code: ValidationCode) -> Self {
        Self {
            code,
            held: Vec::new(),
        }
    }
}

/// The namespaces that are validated: the invoked chaincode, then those that the transaction writes,
/// in the order of the read-write set. Fabric visits them in random order (appendix D).
pub(super) fn validated_namespaces<'c, 'a>(
    call: &'c ChaincodeCall<'a>,
) -> impl Iterator<Item = &'a str> + use<'c, 'a> {
    let invoked = call.header_name;
    let written = call
        .rwset
        .namespaces
        .iter()
        .filter(move |ns| ns.writes_anything() && ns.name != invoked);
    std::iter::once(invoked).chain(written.map(|ns| ns.name))
}

impl<'c> Context<'c> {
    /// For one task. Nothing has been decided yet.
    pub(super) fn new(
        block: BlockNumber,
        bundle: &'c Bundle,
        definitions: &'c Definitions,
    ) -> Self {
        Self {
            block,
            definitions,
            decisions: Decisions::new(bundle.policies()),
        }
    }

    /// Dispatches a transaction to the policies of its namespaces.
    ///
    /// # Errors
    /// The channel must stop.
    ///
    /// Fabric: `plugindispatcher/dispatcher.go:Dispatch`.
    pub(super) fn dispatch<'a, K: KeyPolicies<Fault = Fault>>(
        &self,
        tx: TxIndex,
        call: &ChaincodeCall<'a>,
        signers: &[Arc<Identity>],
        keys: &K,
    ) -> Result<Dispatched<'a>, Fault> {
        if let Some(code) = refusal_before_policies(call) {
            return Ok(Dispatched::refused(code));
        }
        let mut verdict = ValidationCode::Valid;
        let mut held = Vec::new();
        for name in validated_namespaces(call) {
            let writes = call.rwset.namespace(name);
            let result = self.namespace(tx, name, writes, signers, keys);
            // Only the first failure counts. The others are evaluated for their key policies, and
            // cannot stop the channel any more.
            match result {
                Ok(ValidationCode::Valid) => held.push(name),
                Ok(code) if verdict.is_valid() => verdict = code,
                Err(fault) if verdict.is_valid() => return Err(fault),
                Err(Fault::Ledger(error)) => return Err(Fault::Ledger(error)),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(Dispatched {
            code: verdict,
            held,
        })
    }

    fn namespace<K: KeyPolicies<Fault = Fault>>(
        &self,
        tx: TxIndex,
        name: &str,
        writes: Option<&NsRwSet<'_>>,
        signers: &[Arc<Identity>],
        keys: &K,
    ) -> Result<ValidationCode, Fault> {
        let Some(rules) = self.rules(tx, name)? else {
            return Ok(ValidationCode::InvalidChaincode);
        };
        let check = NamespaceCheck {
            rules,
            decisions: &self.decisions,
            signers,
            keys,
            tx,
        };
        Ok(if check.holds(name, writes)? {
            ValidationCode::Valid
        } else {
            ValidationCode::EndorsementPolicyFailure
        })
    }

    fn rules(&self, tx: TxIndex, name: &str) -> Result<Option<&'c Rules>, Fault> {
        let block = self.block;
        match self.definitions.of(name) {
            None | Some(Resolved::Undefined) => Ok(None),
            Some(Resolved::Default(rules)) => Ok(Some(rules)),
            Some(Resolved::Broken(error)) => Err(Fault::Definition {
                block,
                tx,
                error: Arc::clone(error),
            }),
            Some(Resolved::OtherPlugin(plugin)) => Err(Fault::UnknownPlugin {
                block,
                tx,
                chaincode: name.to_owned(),
                plugin: plugin.clone(),
            }),
        }
    }

    /// How a collection of a chaincode is stored; `None` where it is not defined.
    ///
    /// # Errors
    /// The definition is broken, or for another plugin.
    pub(super) fn stored(
        &self,
        tx: TxIndex,
        name: &str,
        collection: &str,
    ) -> Result<Option<Stored>, Fault> {
        let rules = self.rules(tx, name)?;
        Ok(rules.and_then(|rules| rules.stored(collection)))
    }
}

/// Steps 5 to 7: names and version, event, namespaces that stand twice.
fn refusal_before_policies(call: &ChaincodeCall<'_>) -> Option<ValidationCode> {
    if !call.names_are_sane() {
        return Some(ValidationCode::InvalidChaincode);
    }
    match call.event {
        EventCheck::Sound => {}
        EventCheck::Undecodable | EventCheck::OtherChaincode => {
            return Some(ValidationCode::InvalidOtherReason);
        }
    }
    call.rwset
        .has_duplicate_namespace()
        .then_some(ValidationCode::IllegalWriteset)
}

/// Dispatches all candidates: in parallel, unless one may change the key policies of a later one.
///
/// # Errors
/// The channel must stop.
pub(super) fn dispatch_all<'c, 'b, S: StateReader + Sync>(
    block: BlockNumber,
    context: impl Fn() -> Context<'c> + Sync,
    candidates: &[Candidate<'b>],
    view: &'b S,
    in_flight: &'b InFlight,
    workers: &Workers,
) -> Result<Vec<ValidationCode>, Fault> {
    let writes_metadata =
        calls(candidates).any(|call| metadata_writes(&call.rwset).next().is_some());
    if !writes_metadata && !in_flight.any_metadata() {
        let codes = |context: &Context<'_>, chunk: &[Candidate<'_>]| {
            let codes = chunk
                .iter()
                .map(|one| Ok(dispatch(context, one, &NoKeyPolicies)?.code));
            codes.collect::<Result<Vec<_>, Fault>>()
        };
        let chunks = workers.spread(|| {
            let chunks = candidates.par_chunks(CANDIDATES_PER_TASK);
            chunks
                .map_init(&context, |context, chunk| {
                    workers.meter.count(|| codes(context, chunk))
                })
                .collect::<Result<Vec<Vec<ValidationCode>>, Fault>>()
        })?;
        return Ok(chunks.into_iter().flatten().collect());
    }
    let keys = BlockKeyPolicies::new(block, view, in_flight, key_policy_by_value);
    let context = context();
    dispatch_in_order(candidates, keys, |candidate, keys| {
        dispatch(&context, candidate, keys)
    })
}

/// Dispatches candidates one after another: each may change the key policies of later ones.
///
/// # Errors
/// The channel must stop.
pub(super) fn dispatch_in_order<'b, S: StateReader>(
    candidates: &[Candidate<'b>],
    mut keys: BlockKeyPolicies<'b, S>,
    dispatch: impl Fn(&Candidate<'b>, &BlockKeyPolicies<'b, S>) -> Result<Dispatched<'b>, Fault>,
) -> Result<Vec<ValidationCode>, Fault> {
    let mut codes = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let dispatched = dispatch(candidate, &keys)?;
        if let Ok(call) = &candidate.endorser.action {
            for name in &dispatched.held {
                keys.succeeded(candidate.tx, name, &call.rwset);
            }
        }
        codes.push(dispatched.code);
    }
    Ok(codes)
}

fn dispatch<'b, K: KeyPolicies<Fault = Fault>>(
    context: &Context<'_>,
    candidate: &Candidate<'b>,
    keys: &K,
) -> Result<Dispatched<'b>, Fault> {
    match &candidate.endorser.action {
        Err(code) => Ok(Dispatched::refused(*code)),
        Ok(call) => context.dispatch(candidate.tx, call, candidate.signers, keys),
    }
}
