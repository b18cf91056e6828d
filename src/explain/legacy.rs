//! The same for channels below application capability V2_0: other definitions, another order, and
//! which rules hold depends on the capability.
//!
//! The dumb twin of the old rules in [`crate::endorsement`], which decide.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::Error;
use super::policies::{
    Changed, Dispatched, NamespaceCheck, Policies, Refusal, Refused, event_problem, name_problem,
    namespace_twice,
};
use super::reason::{DefinitionProblem, Guard, Reason};
use crate::decode::{ChaincodeCall, Creator, EndorserTx};
use crate::endorsement::lscc_refusal;
use crate::ledger;
use crate::lifecycle::{
    self, ChaincodeDefinition, DEFAULT_PLUGIN, LEGACY_NAMESPACE, LegacyDefinition, LegacyEntry,
};
use crate::msp::Identity;
use crate::policy::CompiledApplicationPolicy;
use crate::types::{BlockNumber, TxIndex, ValidationCode};

const SYSTEM: [&str; 5] = ["cscc", "escc", "lscc", "qscc", "vscc"];
const NEVER_INVOKED: [&str; 2] = ["escc", "vscc"];
const OUT_OF_REACH: [&str; 4] = ["cscc", "escc", "lscc", "vscc"];

/// The last transaction of a block that upgrades each chaincode.
pub(super) type Upgrades<'a> = HashMap<&'a str, TxIndex>;

/// An endorser transaction of a channel below V2_0.
pub(super) struct LegacyTx<'c, 'a> {
    pub(super) block: BlockNumber,
    pub(super) tx: TxIndex,
    pub(super) creator: &'c Creator<'a>,
    pub(super) endorser: &'c EndorserTx<'a>,
    pub(super) call: &'c ChaincodeCall<'a>,
}

impl Policies<'_> {
    /// Goes through a transaction's namespaces, up to the first that refuses.
    ///
    /// # Errors
    /// The state cannot be read.
    pub(super) fn dispatch_legacy<'a>(
        &self,
        legacy: &LegacyTx<'_, 'a>,
        signers: &[Arc<Identity>],
        changed: &Changed<'_>,
    ) -> Result<Dispatched<'a>, Error> {
        let mut dispatched = Dispatched::default();
        let names = match self.legacy_namespaces(legacy.call) {
            Ok(names) => names,
            Err(refusal) => {
                dispatched.refusal = Some(Refused::By(refusal));
                return Ok(dispatched);
            }
        };
        for name in names {
            match self.legacy_namespace(legacy, name, signers, changed, &mut dispatched)? {
                Ok(()) => dispatched.held.push(name),
                Err(refused) => {
                    dispatched.refusal = Some(refused);
                    break;
                }
            }
        }
        Ok(dispatched)
    }

    /// The namespaces in the order of the checks, or what is wrong before any policy.
    fn legacy_namespaces<'a>(
        &self,
        call: &ChaincodeCall<'a>,
    ) -> Result<Vec<&'a str>, Box<Refusal>> {
        let capabilities = self.bundle.capabilities().application();
        if let Some(problem) = name_problem(call) {
            let reason = Reason::ChaincodeName { problem };
            return Err(Box::new((ValidationCode::InvalidOtherReason, reason)));
        }
        if capabilities.v1_2_validation
            && let Some(problem) = event_problem(call)
        {
            let reason = Reason::Event { problem };
            return Err(Box::new((ValidationCode::InvalidOtherReason, reason)));
        }
        let illegal = |reason| Box::new((ValidationCode::IllegalWriteset, reason));
        if let Some(namespace) = namespace_twice(&call.rwset) {
            let namespace = namespace.to_owned();
            return Err(illegal(Reason::NamespaceTwice { namespace }));
        }
        let invoked = call.header_name;
        let system = |chaincode: &str, invoked: bool| {
            let chaincode = chaincode.to_owned();
            illegal(Reason::SystemChaincode { chaincode, invoked })
        };
        if NEVER_INVOKED.contains(&invoked) {
            return Err(system(invoked, true));
        }
        if SYSTEM.contains(&invoked) {
            return Ok(vec![invoked]);
        }
        let (private, key_level) = (
            capabilities.private_data,
            capabilities.key_level_endorsement,
        );
        let written = call.rwset.namespaces.iter();
        let written = written.filter(|ns| ns.writes_anything_with(private, key_level));
        let mut names: Vec<&str> = written.map(|ns| ns.name).collect();
        if let Some(name) = names.iter().find(|name| OUT_OF_REACH.contains(name)) {
            return Err(system(name, false));
        }
        if capabilities.v1_2_validation {
            names.retain(|name| *name != invoked);
            names.insert(0, invoked);
        }
        Ok(names)
    }

    fn legacy_namespace<'a>(
        &self,
        legacy: &LegacyTx<'_, 'a>,
        name: &'a str,
        signers: &[Arc<Identity>],
        changed: &Changed<'_>,
        dispatched: &mut Dispatched<'a>,
    ) -> Result<Result<(), Refused>, Error> {
        let call = legacy.call;
        let by = |code, reason| Ok(Err(Refused::By(Box::new((code, reason)))));
        let chaincode = || name.to_owned();
        let found = match self.legacy_definition(name)? {
            Ok(found) => found,
            Err(problem) => {
                let chaincode = chaincode();
                let reason = Reason::NotDefined { chaincode, problem };
                return by(ValidationCode::InvalidOtherReason, reason);
            }
        };
        let is_invoked = name == call.header_name && !SYSTEM.contains(&name);
        if is_invoked && found.version != call.action_version {
            let reason = Reason::ExpiredVersion {
                chaincode: chaincode(),
                invoked: call.action_version.to_owned(),
                defined: found.version,
            };
            return by(ValidationCode::ExpiredChaincode, reason);
        }
        let policy = if SYSTEM.contains(&name) {
            CompiledApplicationPolicy::new(&found.policy)
        } else {
            CompiledApplicationPolicy::from_envelope(&found.policy)
        };
        let mut check = NamespaceCheck::new(self, signers, changed, name, dispatched);
        let capabilities = self.bundle.capabilities().application();
        let checked = if capabilities.v1_3_validation {
            let definition = ChaincodeDefinition {
                plugin: found.plugin,
                policy: found.policy,
                // Where that is broken, the channel stops before it gets here.
                committed: lifecycle::committed_definition(self.state, name)
                    .ok()
                    .flatten(),
            };
            check.check(&definition, &policy, call.rwset.namespace(name))?
        } else {
            check.evaluate(Guard::Chaincode, &policy)
        };
        if checked.is_err() || name != LEGACY_NAMESPACE {
            return Ok(checked);
        }
        let at = (legacy.block, legacy.tx);
        let parts = (legacy.creator, legacy.endorser);
        match lscc_refusal(at, self.bundle, &self.state, parts, call)? {
            None => Ok(Ok(())),
            Some(problem) => by(
                ValidationCode::EndorsementPolicyFailure,
                Reason::LegacyLifecycle { problem },
            ),
        }
    }

    fn legacy_definition(
        &self,
        name: &str,
    ) -> Result<Result<LegacyDefinition, DefinitionProblem>, ledger::Error> {
        if SYSTEM.contains(&name) {
            return Ok(Ok(LegacyDefinition {
                name: name.to_owned(),
                version: String::new(),
                plugin: DEFAULT_PLUGIN.to_owned(),
                policy: lifecycle::any_member_policy(self.facts),
                instantiation_policy: Vec::new(),
            }));
        }
        Ok(match lifecycle::legacy_definition(self.state, name)? {
            LegacyEntry::Missing => Err(DefinitionProblem::Missing),
            LegacyEntry::Undecodable(error) => Err(DefinitionProblem::Undecodable(error)),
            LegacyEntry::Defined(found) if found.plugin.is_empty() => {
                Err(DefinitionProblem::NoPlugin)
            }
            LegacyEntry::Defined(found) if found.policy.is_empty() => {
                Err(DefinitionProblem::NoPolicy)
            }
            LegacyEntry::Defined(found) => Ok(found),
        })
    }
}
