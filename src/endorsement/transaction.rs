//! One endorser transaction against its chaincodes: validation-spec 2.4 from step 4 on.

use std::sync::Arc;

use super::definitions::{Definitions, Resolved, Rules};
use super::error::Fault;
use super::block::Lifetimes;
use super::key_level::KeyPolicies;
use super::namespace::NamespaceCheck;
use crate::channel::Bundle;
use crate::decode::{ChaincodeCall, EventCheck};
use crate::msp::Identity;
use crate::rwset::{NsRwSet, RwSet};
use crate::types::{BlockNumber, TxIndex, ValidationCode};

/// What a transaction is checked against.
pub(super) struct Context<'c> {
    pub(super) block: BlockNumber,
    pub(super) bundle: &'c Bundle,
    pub(super) definitions: &'c Definitions,
}

/// What came of a transaction's namespaces.
#[derive(Debug)]
pub(super) struct Dispatched<'a> {
    /// The verdict.
    pub(super) code: ValidationCode,
    /// The namespaces whose policies hold, also where another one's failed.
    pub(super) held: Vec<&'a str>,
}

impl<'a> Dispatched<'a> {
    fn refused(code: ValidationCode) -> Self {
        Self { code, held: Vec::new() }
    }
}

/// The namespaces that are validated: the invoked chaincode, then those that the transaction writes,
/// in the order of the read-write set. Fabric visits them in random order (appendix D).
pub(super) fn validated_namespaces<'a>(call: &ChaincodeCall<'a>) -> Vec<&'a str> {
    let mut names = vec![call.header_name];
    for ns in &call.rwset.namespaces {
        if ns.writes_anything() && ns.name != call.header_name {
            names.push(ns.name);
        }
    }
    names
}

impl Context<'_> {
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
        Ok(Dispatched { code: verdict, held })
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
        let check = NamespaceCheck { rules, bundle: self.bundle, signers, keys, tx };
        Ok(if check.holds(name, writes)? {
            ValidationCode::Valid
        } else {
            ValidationCode::EndorsementPolicyFailure
        })
    }

    fn rules(&self, tx: TxIndex, name: &str) -> Result<Option<&Rules>, Fault> {
        let block = self.block;
        match self.definitions.of(name) {
            None | Some(Resolved::Undefined) => Ok(None),
            Some(Resolved::Default(rules)) => Ok(Some(rules)),
            Some(Resolved::Broken(error)) => {
                Err(Fault::Definition { block, tx, error: Arc::clone(error) })
            }
            Some(Resolved::OtherPlugin(plugin)) => Err(Fault::UnknownPlugin {
                block,
                tx,
                chaincode: name.to_owned(),
                plugin: plugin.clone(),
            }),
        }
    }

    /// Checks that every collection that a valid transaction writes is defined, and collects for how
    /// many blocks the written hashes live.
    ///
    /// # Errors
    /// A collection is not defined, or its member policy cannot be evaluated: Fabric cannot commit
    /// the block either (validation-spec 8.2).
    pub(super) fn check_collections(
        &self,
        tx: TxIndex,
        rwset: &RwSet<'_>,
        lifetimes: &mut Lifetimes,
    ) -> Result<(), Fault> {
        for ns in &rwset.namespaces {
            for collection in &ns.collections {
                if collection.hashed_writes.is_empty() && collection.metadata_writes.is_empty() {
                    continue;
                }
                let rule = match self.rules(tx, ns.name)? {
                    Some(rules) => rules.collection(collection.name),
                    None => None,
                };
                let (block, chaincode) = (self.block, ns.name.to_owned());
                let collection = collection.name.to_owned();
                match rule {
                    None => {
                        return Err(Fault::UndefinedCollection { block, tx, chaincode, collection });
                    }
                    Some(rule) if !rule.member_policy_is_sound => {
                        return Err(Fault::MemberPolicy { block, tx, chaincode, collection });
                    }
                    Some(rule) => lifetimes.note(ns.name, &collection, rule.block_to_live),
                }
            }
        }
        Ok(())
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
    call.rwset.has_duplicate_namespace().then_some(ValidationCode::IllegalWriteset)
}

