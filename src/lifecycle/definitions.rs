//! Definitions as the state has them: new lifecycle first, then legacy.
//!
//! Layout of the new lifecycle, in namespace `_lifecycle`:
//!
//! | key | value |
//! |---|---|
//! | `namespaces/metadata/<name>` | `StateMetadata` |
//! | `namespaces/fields/<name>/Sequence` | `StateData.Int64` |
//! | `namespaces/fields/<name>/<other field>` | `StateData.Bytes` with the field's message |
//!
//! A missing field, or one without a member set, is the empty value. Which fields the metadata list
//! does not matter.

use super::collections::{Collection, decode_collections};
use super::error::{DefinitionField, Fault, Flaw};
use super::policies::{ChannelFacts, lifecycle_policy};
use super::{DEFAULT_PLUGIN, LEGACY_NAMESPACE, LIFECYCLE_NAMESPACE};
use crate::ledger::{self, StateReader};
use crate::proto::lifecycle::{
    ChaincodeData, ChaincodeEndorsementInfo, ChaincodeValidationInfo, StateData, StateMetadata,
};
use crate::proto::msp::SignaturePolicyEnvelope;
use crate::proto::wire::{Message, WireError, put_element};
use crate::types::NamespaceRef;

/// Whether a chaincode is defined on the channel, for application capability V2_0 and later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Definition {
    /// In neither table: code 25.
    NotDefined,
    /// By the new lifecycle or, where that says nothing, by the legacy one.
    Defined(ChaincodeDefinition),
}

/// How a namespace is validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChaincodeDefinition {
    /// The validation plugin. Empty is code 25; any other than [`DEFAULT_PLUGIN`] stops the channel.
    pub plugin: String,
    /// A serialized `ApplicationPolicy` (or what should be one). Empty is code 25.
    pub policy: Vec<u8>,
    /// The new lifecycle's definition. It governs the collections, even where plugin and policy are
    /// the legacy lifecycle's since this one has neither.
    pub committed: Option<CommittedDefinition>,
}

/// A definition in the new lifecycle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommittedDefinition {
    /// Counts the definitions of this name.
    pub sequence: i64,
    /// The chaincode's version.
    pub version: String,
    /// Whether Init must be called first.
    pub init_required: bool,
    /// The endorsement plugin.
    pub endorsement_plugin: String,
    /// The validation plugin.
    pub validation_plugin: String,
    /// A serialized `ApplicationPolicy`.
    pub validation_parameter: Vec<u8>,
    /// The explicit collections in their order, duplicates included.
    pub collections: Vec<Collection>,
}

/// How a namespace is validated below application capability V2_0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyDefinition {
    /// The name inside the entry.
    pub name: String,
    /// The chaincode's version.
    pub version: String,
    /// The validation plugin.
    pub plugin: String,
    /// A serialized `SignaturePolicyEnvelope`.
    pub policy: Vec<u8>,
    /// A serialized `SignaturePolicyEnvelope`.
    pub instantiation_policy: Vec<u8>,
}

/// What the legacy table has for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegacyEntry {
    /// Nothing.
    Missing,
    /// Something that is no `ChaincodeData`.
    Undecodable(WireError),
    /// An entry; its fields may be empty.
    Defined(LegacyDefinition),
}

/// How the namespace `name` is validated (application capability V2_0 and later).
///
/// # Errors
/// The state cannot be read, or what stands in it is no definition: the channel stops.
///
/// Fabric: `txvalidator/v20/valinforetriever/shim.go:ValidationInfo`.
pub fn definition<S: StateReader + ?Sized>(
    state: &S,
    name: &str,
    facts: &ChannelFacts,
) -> Result<Definition, Fault> {
    if name == LIFECYCLE_NAMESPACE {
        return Ok(Definition::Defined(ChaincodeDefinition {
            plugin: DEFAULT_PLUGIN.to_owned(),
            policy: lifecycle_policy(facts),
            committed: Some(CommittedDefinition::default()),
        }));
    }
    let committed = committed_definition(state, name)?;
    if let Some(found) = &committed
        && !(found.validation_plugin.is_empty() && found.validation_parameter.is_empty())
    {
        return Ok(Definition::Defined(ChaincodeDefinition {
            plugin: found.validation_plugin.clone(),
            policy: found.validation_parameter.clone(),
            committed,
        }));
    }
    match legacy_definition(state, name)? {
        LegacyEntry::Missing => Ok(Definition::NotDefined),
        LegacyEntry::Undecodable(source) => Err(broken(name, Flaw::Legacy(source))),
        LegacyEntry::Defined(legacy) => Ok(Definition::Defined(ChaincodeDefinition {
            policy: application_policy(&legacy.plugin, legacy.policy),
            plugin: legacy.plugin,
            committed,
        })),
    }
}

/// The new lifecycle's definition of `name`, `None` where it has none. `_lifecycle` itself is
/// defined without being in the state.
///
/// # Errors
/// The state cannot be read, or what stands in it is no definition: the channel stops.
///
/// Fabric: `chaincode/lifecycle/lifecycle.go:ChaincodeDefinitionIfDefined`.
pub fn committed_definition<S: StateReader + ?Sized>(
    state: &S,
    name: &str,
) -> Result<Option<CommittedDefinition>, Fault> {
    if name == LIFECYCLE_NAMESPACE {
        return Ok(Some(CommittedDefinition::default()));
    }
    let namespace = NamespaceRef::public(LIFECYCLE_NAMESPACE);
    let key = format!("namespaces/metadata/{name}");
    let Some(metadata) = state.get(namespace, key.as_bytes())? else {
        return Ok(None);
    };
    let metadata = StateMetadata::decode(&metadata.value)
        .map_err(|source| broken(name, Flaw::Metadata(source)))?;
    if metadata.datatype != "ChaincodeDefinition" {
        let datatype = metadata.datatype.to_owned();
        return Err(broken(name, Flaw::Datatype { datatype }));
    }
    let field = |field: DefinitionField| -> Result<Vec<u8>, ledger::Error> {
        let key = format!("namespaces/fields/{name}/{field}");
        let found = state.get(namespace, key.as_bytes())?;
        Ok(found.map(|state| state.value).unwrap_or_default())
    };
    let sequence = field(DefinitionField::Sequence)?;
    let endorsement = field(DefinitionField::EndorsementInfo)?;
    let validation = field(DefinitionField::ValidationInfo)?;
    let collections = field(DefinitionField::Collections)?;
    decode_fields(&sequence, &endorsement, &validation, &collections)
        .map(Some)
        .map_err(|flaw| broken(name, flaw))
}

/// The legacy table's entry for `name`.
///
/// Below application capability V2_0 all of missing, undecodable, empty plugin and empty policy are
/// code 255; that is the caller's to say.
///
/// # Errors
/// The state cannot be read.
pub fn legacy_definition<S: StateReader + ?Sized>(
    state: &S,
    name: &str,
) -> Result<LegacyEntry, ledger::Error> {
    let Some(entry) = state.get(NamespaceRef::public(LEGACY_NAMESPACE), name.as_bytes())? else {
        return Ok(LegacyEntry::Missing);
    };
    Ok(match ChaincodeData::decode(&entry.value) {
        Err(error) => LegacyEntry::Undecodable(error),
        Ok(data) => LegacyEntry::Defined(LegacyDefinition {
            name: data.name.to_owned(),
            version: data.version.to_owned(),
            plugin: data.vscc.to_owned(),
            policy: data.policy.to_vec(),
            instantiation_policy: data.instantiation_policy.to_vec(),
        }),
    })
}

pub(super) fn broken(name: &str, flaw: Flaw) -> Fault {
    Fault::BrokenDefinition {
        name: name.to_owned(),
        flaw,
    }
}

fn decode_fields(
    sequence: &[u8],
    endorsement: &[u8],
    validation: &[u8],
    collections: &[u8],
) -> Result<CommittedDefinition, Flaw> {
    use DefinitionField::{Collections, EndorsementInfo, Sequence, ValidationInfo};
    let sequence = match state_data(Sequence, sequence)? {
        StateData::Unset => 0,
        StateData::Int64(sequence) => sequence,
        StateData::Bytes(_) | StateData::String(_) => {
            return Err(Flaw::StateDataType { field: Sequence });
        }
    };
    let endorsement: ChaincodeEndorsementInfo<'_> = message(EndorsementInfo, endorsement)?;
    let validation: ChaincodeValidationInfo<'_> = message(ValidationInfo, validation)?;
    let collections =
        decode_collections(message_bytes(Collections, collections)?).map_err(|source| {
            Flaw::Field {
                field: Collections,
                source,
            }
        })?;
    Ok(CommittedDefinition {
        sequence,
        version: endorsement.version.to_owned(),
        init_required: endorsement.init_required,
        endorsement_plugin: endorsement.endorsement_plugin.to_owned(),
        validation_plugin: validation.validation_plugin.to_owned(),
        validation_parameter: validation.validation_parameter.to_vec(),
        collections,
    })
}

fn state_data(field: DefinitionField, value: &[u8]) -> Result<StateData<'_>, Flaw> {
    StateData::decode(value).map_err(|source| Flaw::StateData { field, source })
}

fn message_bytes(field: DefinitionField, value: &[u8]) -> Result<&[u8], Flaw> {
    match state_data(field, value)? {
        StateData::Unset => Ok(&[]),
        StateData::Bytes(bytes) => Ok(bytes),
        StateData::Int64(_) | StateData::String(_) => Err(Flaw::StateDataType { field }),
    }
}

fn message<'a, M: Message<'a>>(field: DefinitionField, value: &'a [u8]) -> Result<M, Flaw> {
    M::decode(message_bytes(field, value)?).map_err(|source| Flaw::Field { field, source })
}

/// A legacy policy as an `ApplicationPolicy`, where Fabric can make it one.
fn application_policy(plugin: &str, policy: Vec<u8>) -> Vec<u8> {
    if plugin != DEFAULT_PLUGIN
        || policy.is_empty()
        || SignaturePolicyEnvelope::decode(&policy).is_err()
    {
        return policy;
    }
    let mut wrapped = Vec::with_capacity(policy.len() + 8);
    put_element(&mut wrapped, 1, &policy);
    wrapped
}
