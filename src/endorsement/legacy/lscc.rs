//! Invocations of `lscc`, which define and upgrade chaincodes: what they may write, and who may.
//!
//! A definition is the first write of the transaction, the chaincode's collections may be the second;
//! both must say what the arguments say. The instantiation policy in the definition decides who may
//! submit such a transaction. Beside all this, the endorsement policy must hold.
//!
//! Invariant: what passes here leaves a state in which every definition decodes.
//!
//! Fabric: `builtin/v13/lscc_validation_logic.go:ValidateLSCCInvocation`, the same in `v12`.

use std::sync::Arc;

use super::collections::check_collection_write;
use super::dispatch::{Context, is_system};
use super::refusal::{Ended, Refusal};
use crate::decode::{ChaincodeCall, Creator};
use crate::endorsement::candidate::Candidate;
use crate::endorsement::error::Fault;
use crate::ledger::StateReader;
use crate::lifecycle::{self, Flaw, LEGACY_NAMESPACE, LegacyDefinition, LegacyEntry};
use crate::policy::CompiledApplicationPolicy;
use crate::proto::chaincode::{
    ChaincodeDeploymentSpec, ChaincodeInvocationSpec, ChaincodeProposalPayload, TYPE_CAR,
    TYPE_GOLANG, TYPE_JAVA, TYPE_NODE,
};
use crate::proto::lifecycle::ChaincodeData;
use crate::proto::rwset::KvWrite;
use crate::proto::wire::Message;
use crate::rwset::RwSet;
use crate::types::TxIndex;

/// The function that defines a chaincode.
const DEPLOY: &[u8] = b"deploy";

/// The function that changes a chaincode's definition.
pub(super) const UPGRADE: &[u8] = b"upgrade";

/// The two functions that may be in a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// Defines a chaincode.
    Deploy,
    /// Changes a chaincode's definition.
    Upgrade,
}

/// The part of a deployment spec that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deployment<'a> {
    /// The chaincode's name.
    pub(super) name: &'a str,
    /// Its version.
    pub(super) version: &'a str,
    /// In which language it is written.
    pub(super) language: i32,
}

/// Checks an invocation of `lscc` whose endorsement policy holds.
///
/// # Errors
/// What the state has of the chaincode is broken, or cannot be read: the channel must stop.
pub(super) fn check<S: StateReader>(
    context: &Context<'_, S>,
    candidate: &Candidate<'_>,
    call: &ChaincodeCall<'_>,
) -> Result<Result<(), Refusal>, Fault> {
    let invocation = Invocation {
        context,
        tx: candidate.tx,
        creator: candidate.creator,
    };
    match invocation.check(candidate.endorser.proposal_payload, &call.rwset) {
        Ok(()) => Ok(Ok(())),
        Err(Ended::Refused(refusal)) => Ok(Err(refusal)),
        Err(Ended::Stopped(fault)) => Err(fault),
    }
}

/// The arguments of a proposal's call, the function's name first.
pub(super) fn arguments(proposal_payload: &[u8]) -> Result<Vec<&[u8]>, Refusal> {
    let payload = ChaincodeProposalPayload::decode(proposal_payload).map_err(Refusal::Proposal)?;
    let call = ChaincodeInvocationSpec::decode(payload.input).map_err(Refusal::Proposal)?;
    let input = call.chaincode_spec.and_then(|spec| spec.input);
    let arguments = input.map(|input| input.args).unwrap_or_default();
    if arguments.is_empty() {
        Err(Refusal::NoArguments)
    } else {
        Ok(arguments)
    }
}

/// The deployment spec among the arguments.
pub(super) fn deployment(spec: &[u8]) -> Result<Deployment<'_>, Refusal> {
    let deployment = ChaincodeDeploymentSpec::decode(spec).map_err(Refusal::Deployment)?;
    let spec = deployment
        .chaincode_spec
        .ok_or(Refusal::DeploymentIncomplete)?;
    let id = spec.chaincode_id.ok_or(Refusal::DeploymentIncomplete)?;
    Ok(Deployment {
        name: id.name,
        version: id.version,
        language: spec.r#type,
    })
}

/// An invocation of `lscc` and what it is checked against.
pub(super) struct Invocation<'c, S> {
    pub(super) context: &'c Context<'c, S>,
    pub(super) tx: TxIndex,
    creator: &'c Creator<'c>,
}

impl<S: StateReader> Invocation<'_, S> {
    fn check(&self, proposal_payload: &[u8], rwset: &RwSet<'_>) -> Result<(), Ended> {
        let arguments = arguments(proposal_payload)?;
        let (function, package) = match arguments.as_slice() {
            [function, ..] if ![DEPLOY, UPGRADE].contains(function) => {
                return Err(Refusal::Function.into());
            }
            [function, _, package, ..] if *function == DEPLOY => (Function::Deploy, *package),
            [_, _, package, ..] => (Function::Upgrade, *package),
            _ => {
                return Err(Refusal::ArgumentCount {
                    found: arguments.len(),
                }
                .into());
            }
        };
        let collections_allowed = self.context.capabilities.private_data;
        let arguments_max = if collections_allowed { 7 } else { 6 };
        if arguments.len() > arguments_max {
            return Err(Refusal::ArgumentCount {
                found: arguments.len(),
            }
            .into());
        }
        let deployment = deployment(package)?;
        deployment.check()?;
        let old = self.defined(deployment.name)?;
        let (new, writes) = written_definition(rwset, deployment)?;
        let collections = arguments.get(6).copied();
        match function {
            Function::Deploy => self.check_deploy(old.as_ref(), &new, writes, collections),
            Function::Upgrade => self.check_upgrade(old.as_ref(), &new, writes, collections),
        }
    }

    fn check_deploy(
        &self,
        old: Option<&LegacyDefinition>,
        new: &ChaincodeData<'_>,
        writes: &[KvWrite<'_>],
        collections: Option<&[u8]>,
    ) -> Result<(), Ended> {
        if old.is_some() {
            return Err(Refusal::AlreadyDefined.into());
        }
        if self.context.capabilities.private_data {
            check_collection_write(self, Function::Deploy, new.name, writes, collections)?;
        } else if writes.len() != 1 {
            return Err(Refusal::WriteCount {
                found: writes.len(),
            }
            .into());
        }
        self.check_instantiation_policy(new.instantiation_policy)
    }

    fn check_upgrade(
        &self,
        old: Option<&LegacyDefinition>,
        new: &ChaincodeData<'_>,
        writes: &[KvWrite<'_>],
        collections: Option<&[u8]>,
    ) -> Result<(), Ended> {
        let old = old.ok_or(Refusal::NotDefined)?;
        if old.version == new.version {
            return Err(Refusal::SameVersion.into());
        }
        if self.context.capabilities.v1_2_validation {
            check_collection_write(self, Function::Upgrade, new.name, writes, collections)?;
        } else if writes.len() != 1 {
            return Err(Refusal::WriteCount {
                found: writes.len(),
            }
            .into());
        }
        self.check_instantiation_policy(&old.instantiation_policy)?;
        if self.context.capabilities.v1_1_validation {
            self.check_instantiation_policy(new.instantiation_policy)?;
        }
        Ok(())
    }

    /// Whether the transaction's creator may instantiate. That it is the creator has been verified.
    fn check_instantiation_policy(&self, policy: &[u8]) -> Result<(), Ended> {
        if policy.is_empty() {
            return Err(Refusal::NoInstantiationPolicy.into());
        }
        let bundle = self.context.bundle;
        let creator = bundle.msps().deserialize(self.creator.identity).into_iter();
        let signers: Vec<_> = creator.collect();
        let policy = CompiledApplicationPolicy::from_envelope(policy);
        if policy.evaluate(bundle.policies(), &signers) {
            Ok(())
        } else {
            Err(Refusal::InstantiationPolicy.into())
        }
    }

    fn defined(&self, name: &str) -> Result<Option<LegacyDefinition>, Ended> {
        match lifecycle::legacy_definition(self.context.state, name).map_err(Fault::from)? {
            LegacyEntry::Missing => Ok(None),
            LegacyEntry::Defined(found) => Ok(Some(found)),
            LegacyEntry::Undecodable(error) => Err(self.broken(name, Flaw::Legacy(error))),
        }
    }

    /// The channel stops: the state of a chaincode is broken.
    pub(super) fn broken(&self, name: &str, flaw: Flaw) -> Ended {
        let error = Arc::new(lifecycle::Fault::BrokenDefinition {
            name: name.to_owned(),
            flaw,
        });
        Ended::Stopped(Fault::Definition {
            block: self.context.block,
            tx: self.tx,
            error,
        })
    }
}

impl Deployment<'_> {
    fn check(&self) -> Result<(), Refusal> {
        if ![TYPE_GOLANG, TYPE_NODE, TYPE_CAR, TYPE_JAVA].contains(&self.language) {
            return Err(Refusal::Language {
                found: self.language,
            });
        }
        if !is_chaincode_name(self.name) {
            return Err(Refusal::Name);
        }
        if is_system(self.name) {
            return Err(Refusal::SystemName);
        }
        if !is_chaincode_version(self.version) {
            return Err(Refusal::Version);
        }
        Ok(())
    }
}

/// The definition that the transaction writes, and all that it writes to `lscc`.
fn written_definition<'s, 'a>(
    rwset: &'s RwSet<'a>,
    deployment: Deployment<'_>,
) -> Result<(ChaincodeData<'a>, &'s [KvWrite<'a>]), Refusal> {
    let lscc = rwset.namespace(LEGACY_NAMESPACE).ok_or(Refusal::NoWrite)?;
    let first = lscc.writes.first().ok_or(Refusal::NoWrite)?;
    if first.key != deployment.name {
        return Err(Refusal::FirstKey);
    }
    let new = ChaincodeData::decode(first.value).map_err(Refusal::Definition)?;
    if new.name != deployment.name {
        return Err(Refusal::DefinitionName);
    }
    if new.version != deployment.version {
        return Err(Refusal::DefinitionVersion);
    }
    let foreign = |name: &str| name != LEGACY_NAMESPACE && name != new.name;
    if rwset
        .namespaces
        .iter()
        .any(|ns| foreign(ns.name) && !ns.writes.is_empty())
    {
        return Err(Refusal::ForeignWrite);
    }
    Ok((new, &lscc.writes))
}

/// Fabric: `core/scc/lscc/lscc.go:ChaincodeNameRegExp`: letters and digits, in groups that single
/// hyphens and underscores join.
fn is_chaincode_name(name: &str) -> bool {
    let is_group =
        |group: &str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_alphanumeric());
    name.split(['-', '_']).all(is_group)
}

/// Fabric: `core/scc/lscc/lscc.go:ChaincodeVersionRegExp`.
fn is_chaincode_version(version: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte);
    !version.is_empty() && version.bytes().all(is_allowed)
}
