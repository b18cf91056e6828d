//! Collections: explicit ones from definitions, implicit ones from names, and key-level policies.
//!
//! Policies are kept as the bytes that stand in the state: what Fabric would serialize again decodes
//! to the same, and is empty exactly where these bytes are.

use std::borrow::Cow;

use super::definitions::{ChaincodeDefinition, CommittedDefinition, broken, committed_definition};
use super::error::{Fault, Flaw};
use super::policies::{ChannelFacts, implicit_org_policy};
use super::{IMPLICIT_COLLECTION_PREFIX, LEGACY_NAMESPACE};
use crate::ledger::StateReader;
use crate::proto::peer::StaticCollectionConfig;
use crate::proto::rwset::KvMetadataWrite;
use crate::proto::wire::{Field, Fields, Message, Value, WireError};
use crate::types::NamespaceRef;

/// The metadata entry that holds a key's endorsement policy.
const VALIDATION_PARAMETER: &str = "VALIDATION_PARAMETER";

/// An explicit collection of a chaincode.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collection {
    /// Its name.
    pub name: String,
    /// Who may have the plain data: a serialized `SignaturePolicyEnvelope`, `None` where the
    /// definition has no such policy.
    pub member_orgs_policy: Option<Vec<u8>>,
    /// Peers that must have got the data before an endorsement.
    pub required_peer_count: i32,
    /// Peers that may get the data before an endorsement.
    pub maximum_peer_count: i32,
    /// For how many blocks the data live; 0 is for ever.
    pub block_to_live: u64,
    /// Enforced at endorsement.
    pub member_only_read: bool,
    /// Enforced at endorsement.
    pub member_only_write: bool,
    /// The collection's own endorsement policy: a serialized `ApplicationPolicy`, `None` where the
    /// definition has none. Present and empty is a policy that does not count.
    pub endorsement_policy: Option<Vec<u8>>,
}

/// What a collection's name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollectionInfo {
    /// A collection of the definition.
    Explicit(Collection),
    /// An organization's implicit collection: for its members, for ever. The organization need not
    /// be on the channel.
    Implicit {
        /// The organization's MSP id.
        msp_id: String,
    },
}

/// Which endorsement policy a write to a collection needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollectionPolicy<'a> {
    /// None of its own: the namespace's policy.
    None,
    /// This one instead: a serialized `ApplicationPolicy`, never empty.
    Policy(Cow<'a, [u8]>),
    /// The collection does not exist: code 10.
    NotFound,
}

/// The policy for writes to `collection` of a defined chaincode.
///
/// Fabric: `chaincode/lifecycle/deployedcc_infoprovider.go:CollectionValidationInfo`.
#[must_use]
pub fn collection_policy<'a>(
    definition: &'a ChaincodeDefinition,
    collection: &str,
    facts: &ChannelFacts,
) -> CollectionPolicy<'a> {
    let Some(committed) = &definition.committed else {
        return CollectionPolicy::None; // legacy chaincodes: even an undefined collection
    };
    let policy = if let Some(msp_id) = collection.strip_prefix(IMPLICIT_COLLECTION_PREFIX) {
        implicit_org_policy(facts, msp_id).map(Cow::Owned)
    } else {
        explicit(committed, collection).map(|found| {
            let own = found.endorsement_policy.as_ref();
            Cow::Borrowed(&**own.unwrap_or(&committed.validation_parameter))
        })
    };
    match policy {
        None => CollectionPolicy::NotFound,
        Some(policy) if policy.is_empty() => CollectionPolicy::None,
        Some(policy) => CollectionPolicy::Policy(policy),
    }
}

/// Whether key-level policies of `collection` count: of an unknown one they are not even read.
///
/// # Errors
/// The legacy collections of a legacy chaincode cannot be read or do not decode.
///
/// Fabric: `txmgr/collection_val.go:validateCollName`.
pub fn collection_is_known<S: StateReader + ?Sized>(
    state: &S,
    name: &str,
    definition: &ChaincodeDefinition,
    collection: &str,
    facts: &ChannelFacts,
) -> Result<bool, Fault> {
    let Some(committed) = &definition.committed else {
        let collections = legacy_collections(state, name)?.unwrap_or_default();
        return Ok(collections.iter().any(|found| found.name == collection));
    };
    let implicit = collection.strip_prefix(IMPLICIT_COLLECTION_PREFIX);
    Ok(explicit(committed, collection).is_some()
        || implicit.is_some_and(|msp_id| facts.org(msp_id).is_some()))
}

/// The definition of `collection` of chaincode `name`, `None` where it has none.
///
/// # Errors
/// The state cannot be read, or what stands in it is no definition: the channel stops.
///
/// Fabric: `chaincode/lifecycle/deployedcc_infoprovider.go:CollectionInfo`.
pub fn collection_info<S: StateReader + ?Sized>(
    state: &S,
    name: &str,
    collection: &str,
) -> Result<Option<CollectionInfo>, Fault> {
    let Some(committed) = committed_definition(state, name)? else {
        let legacy = legacy_collections(state, name)?.unwrap_or_default();
        let found = legacy.into_iter().find(|found| found.name == collection);
        return Ok(found.map(CollectionInfo::Explicit));
    };
    if let Some(msp_id) = collection.strip_prefix(IMPLICIT_COLLECTION_PREFIX) {
        return Ok(Some(CollectionInfo::Implicit {
            msp_id: msp_id.to_owned(),
        }));
    }
    let found = committed
        .collections
        .into_iter()
        .find(|found| found.name == collection);
    Ok(found.map(CollectionInfo::Explicit))
}

/// For how many blocks the data of `collection` live, 0 for ever. Every collection that a valid
/// transaction writes to must have an answer.
///
/// # Errors
/// The collection is not defined, or as [`collection_info`]: the channel stops.
///
/// Fabric: `core/ledger/pvtdatapolicy/btlpolicy.go:GetBTL`.
pub fn block_to_live<S: StateReader + ?Sized>(
    state: &S,
    name: &str,
    collection: &str,
) -> Result<u64, Fault> {
    match collection_info(state, name, collection)? {
        Some(CollectionInfo::Explicit(found)) => Ok(found.block_to_live),
        Some(CollectionInfo::Implicit { .. }) => Ok(0),
        None => Err(Fault::UndefinedCollection {
            namespace: name.to_owned(),
            collection: collection.to_owned(),
        }),
    }
}

/// The endorsement policy in a key's stored metadata: a serialized `SignaturePolicyEnvelope`, not an
/// `ApplicationPolicy`. Of several entries the last counts; an empty one is none.
///
/// # Errors
/// The metadata do not decode, which only a damaged state has: the channel stops.
///
/// Fabric: `statemetadata/metadata.go:Deserialize`.
pub fn key_policy(metadata: &[u8]) -> Result<Option<&[u8]>, Fault> {
    if metadata.is_empty() {
        return Ok(None);
    }
    let metadata = KvMetadataWrite::decode(metadata).map_err(Fault::BrokenMetadata)?;
    let mut entries = metadata.entries.iter().rev();
    let policy = entries
        .find(|entry| entry.name == VALIDATION_PARAMETER)
        .map(|entry| entry.value);
    Ok(policy.filter(|policy| !policy.is_empty()))
}

fn explicit<'a>(definition: &'a CommittedDefinition, name: &str) -> Option<&'a Collection> {
    definition
        .collections
        .iter()
        .find(|collection| collection.name == name)
}

/// The collections of a legacy chaincode; `None` where it has none.
///
/// # Errors
/// The state cannot be read, or the entry does not decode.
pub fn legacy_collections<S: StateReader + ?Sized>(
    state: &S,
    name: &str,
) -> Result<Option<Vec<Collection>>, Fault> {
    let key = format!("{name}~collection");
    let Some(entry) = state.get(NamespaceRef::public(LEGACY_NAMESPACE), key.as_bytes())? else {
        return Ok(None);
    };
    match decode_collections(&entry.value) {
        Ok(collections) => Ok(Some(collections)),
        Err(source) => Err(broken(name, Flaw::LegacyCollections(source))),
    }
}

/// The collections of a `CollectionConfigPackage`, without the entries that are none.
pub(super) fn decode_collections(package: &[u8]) -> Result<Vec<Collection>, WireError> {
    let package = Package::decode(package)?;
    Ok(package
        .0
        .into_iter()
        .filter_map(|config| config.0)
        .map(StaticCollection::build)
        .collect())
}

/// `CollectionConfigPackage`.
#[derive(Default)]
struct Package<'a>(Vec<Config<'a>>);

/// `CollectionConfig`: a oneof with one member.
#[derive(Default)]
struct Config<'a>(Option<StaticCollection<'a>>);

/// `StaticCollectionConfig` with the bytes of the policies in it. A message that stands there
/// several times is the same as one with all the bytes.
#[derive(Default)]
struct StaticCollection<'a> {
    known: StaticCollectionConfig<'a>,
    member_orgs_policy: Vec<u8>,
    endorsement_policy: Option<Vec<u8>>,
}

impl<'a> Message<'a> for Package<'a> {
    fn take_field(&mut self, field: &Field<'a>, depth: u32) -> Result<bool, WireError> {
        let (1, Value::Bytes(bytes)) = (field.number, field.value) else {
            return Ok(false);
        };
        let mut config = Config::default();
        config.merge(bytes, depth)?;
        self.0.push(config);
        Ok(true)
    }
}

impl<'a> Message<'a> for Config<'a> {
    fn take_field(&mut self, field: &Field<'a>, depth: u32) -> Result<bool, WireError> {
        let (1, Value::Bytes(bytes)) = (field.number, field.value) else {
            return Ok(false);
        };
        self.0.get_or_insert_default().merge(bytes, depth)?;
        Ok(true)
    }
}

impl<'a> Message<'a> for StaticCollection<'a> {
    fn take_field(&mut self, field: &Field<'a>, depth: u32) -> Result<bool, WireError> {
        match (field.number, field.value) {
            (2, Value::Bytes(bytes)) => self.member_orgs_policy.extend_from_slice(bytes),
            (8, Value::Bytes(bytes)) => {
                self.endorsement_policy
                    .get_or_insert_default()
                    .extend_from_slice(bytes);
            }
            _ => {}
        }
        self.known.take_field(field, depth)
    }
}

impl StaticCollection<'_> {
    fn build(self) -> Collection {
        Collection {
            name: self.known.name.to_owned(),
            member_orgs_policy: signature_policy(&self.member_orgs_policy),
            required_peer_count: self.known.required_peer_count,
            maximum_peer_count: self.known.maximum_peer_count,
            block_to_live: self.known.block_to_live,
            member_only_read: self.known.member_only_read,
            member_only_write: self.known.member_only_write,
            endorsement_policy: self.endorsement_policy,
        }
    }
}

/// The signature policy in the bytes of a `CollectionPolicyConfig` that decodes.
fn signature_policy(config: &[u8]) -> Option<Vec<u8>> {
    let mut policy = None;
    let mut fields = Fields::new(config);
    while let Ok(Some(field)) = fields.next_field() {
        if let (1, Value::Bytes(bytes)) = (field.number, field.value) {
            policy.get_or_insert_with(Vec::new).extend_from_slice(bytes);
        }
    }
    policy
}
