//! Chaincode definitions and collections as the state has them (validation-spec 3.1, 3.3, 3.4.1, 8.1).

use heddle::proto::lifecycle::{
    ChaincodeData, ChaincodeEndorsementInfo, ChaincodeValidationInfo, StateData, StateMetadata,
};
use heddle::proto::messages::common::{
    MspPrincipal, MspRole, SignaturePolicy, SignaturePolicyEnvelope, signature_policy,
};
use heddle::proto::peer::{CollectionConfigPackage, StaticCollectionConfig};
use heddle::proto::wire::{Fields, Message, Value, put_element};
use heddle::types::ValidationCode as Code;
use prost::Message as _;

use crate::policy::{Config, compiles};
use crate::state::State;
use crate::{Halt, stopped};

const LIFECYCLE: &str = "_lifecycle";
const IMPLICIT: &str = "_implicit_org_";

/// What a block is validated against: state and configuration after the block before.
#[derive(Clone, Copy)]
pub(crate) struct Context<'m> {
    pub(crate) state: &'m State,
    pub(crate) config: &'m Config,
}

/// A definition of the new lifecycle.
struct Definition {
    plugin: String,
    /// A serialized `ApplicationPolicy`.
    policy: Vec<u8>,
    /// A serialized `CollectionConfigPackage`.
    collections: Vec<u8>,
}

/// A collection of a chaincode.
pub(crate) struct Collection {
    pub(crate) block_to_live: u64,
    /// The serialized `ApplicationPolicy`; empty where the chaincode's policy applies.
    endorsement_policy: Option<Vec<u8>>,
    /// Whether its member policy is there and compiles.
    pub(crate) members_known: bool,
}

impl Context<'_> {
    /// Who must endorse writes of a chaincode: a serialized `ApplicationPolicy`.
    pub(crate) fn namespace_policy(&self, name: &str) -> Result<Result<Vec<u8>, Code>, Halt> {
        let mut info = match self.definition(name)? {
            Some(definition) => (definition.plugin, definition.policy),
            None => Default::default(),
        };
        if info.0.is_empty() && info.1.is_empty() {
            let Some(bytes) = self.state.public("lscc", name) else {
                return Ok(Err(Code::InvalidChaincode));
            };
            let data = ChaincodeData::decode(bytes);
            let data =
                data.map_err(|error| stopped(format!("ChaincodeData of {name}: {error}")))?;
            let mut policy = data.policy.to_vec();
            let decodes = heddle::proto::msp::SignaturePolicyEnvelope::decode(&policy).is_ok();
            if data.vscc == "vscc" && !policy.is_empty() && decodes {
                policy = application_policy(&policy);
            }
            info = (data.vscc.to_owned(), policy);
        }
        let (plugin, policy) = info;
        if plugin.is_empty() || policy.is_empty() {
            return Ok(Err(Code::InvalidChaincode));
        }
        if plugin != "vscc" {
            return Err(stopped(format!("plugin {plugin} of {name}")));
        }
        Ok(Ok(policy))
    }

    /// The policy of a collection; `None` where that of the chaincode applies. The inner error: no
    /// such collection.
    pub(crate) fn collection_policy(
        &self,
        chaincode: &str,
        collection: &str,
    ) -> Result<Result<Option<Vec<u8>>, Code>, Halt> {
        let Some(definition) = self.definition(chaincode)? else {
            return Ok(Ok(None));
        };
        let policy = if let Some(msp_id) = collection.strip_prefix(IMPLICIT) {
            self.implicit_policy(msp_id)
        } else {
            let found = collection_in(&definition.collections, collection);
            found.map(|found| found.endorsement_policy.unwrap_or(definition.policy))
        };
        Ok(match policy {
            None => Err(Code::EndorsementPolicyFailure),
            Some(policy) => Ok(Some(policy).filter(|policy| !policy.is_empty())),
        })
    }

    /// A collection of a chaincode, explicit or implicit; `None` where it is not defined.
    pub(crate) fn collection(
        &self,
        chaincode: &str,
        collection: &str,
    ) -> Result<Option<Collection>, Halt> {
        if let Some(definition) = self.definition(chaincode)? {
            if collection.starts_with(IMPLICIT) {
                return Ok(Some(Collection {
                    block_to_live: 0,
                    endorsement_policy: None,
                    members_known: true,
                }));
            }
            return Ok(collection_in(&definition.collections, collection));
        }
        let key = format!("{chaincode}~collection");
        let Some(package) = self.state.public("lscc", &key) else {
            return Ok(None);
        };
        CollectionConfigPackage::decode(package)
            .map_err(|error| stopped(format!("collections of {chaincode}: {error}")))?;
        Ok(collection_in(package, collection))
    }

    /// Whether keys of a collection can have policies of their own (4.2).
    pub(crate) fn is_known_collection(
        &self,
        chaincode: &str,
        collection: &str,
    ) -> Result<bool, Halt> {
        let known = self.collection(chaincode, collection)?.is_some();
        Ok(match collection.strip_prefix(IMPLICIT) {
            Some(msp_id) if known => self.group_of(msp_id).is_some(),
            _ => known,
        })
    }

    /// The definition of the new lifecycle, all of whose fields are read.
    fn definition(&self, name: &str) -> Result<Option<Definition>, Halt> {
        if name == LIFECYCLE {
            return Ok(Some(Definition {
                plugin: "vscc".to_owned(),
                policy: self.lifecycle_policy(),
                collections: Vec::new(),
            }));
        }
        let Some(metadata) = self
            .state
            .public(LIFECYCLE, &format!("namespaces/metadata/{name}"))
        else {
            return Ok(None);
        };
        let broken = |part: &str| stopped(format!("{part} of the definition of {name}"));
        let metadata = StateMetadata::decode(metadata).map_err(|_| broken("metadata"))?;
        if metadata.datatype != "ChaincodeDefinition" {
            return Err(broken("datatype"));
        }
        let field = |field: &str| {
            let key = format!("namespaces/fields/{name}/{field}");
            let bytes = self.state.public(LIFECYCLE, &key).unwrap_or_default();
            StateData::decode(bytes).map_err(|_| broken(field))
        };
        let bytes = |name: &str| match field(name)? {
            StateData::Bytes(bytes) => Ok(bytes),
            StateData::Unset => Ok(&[][..]),
            StateData::Int64(_) | StateData::String(_) => Err(broken(name)),
        };
        match field("Sequence")? {
            StateData::Int64(_) | StateData::Unset => {}
            StateData::Bytes(_) | StateData::String(_) => return Err(broken("sequence")),
        }
        ChaincodeEndorsementInfo::decode(bytes("EndorsementInfo")?)
            .map_err(|_| broken("endorsement info"))?;
        let validation = ChaincodeValidationInfo::decode(bytes("ValidationInfo")?)
            .map_err(|_| broken("validation info"))?;
        let collections = bytes("Collections")?;
        CollectionConfigPackage::decode(collections).map_err(|_| broken("collections"))?;
        Ok(Some(Definition {
            plugin: validation.validation_plugin.to_owned(),
            policy: validation.validation_parameter.to_vec(),
            collections: collections.to_vec(),
        }))
    }

    /// 3.3: the channel's own policy, or a majority of its organizations by member.
    fn lifecycle_policy(&self) -> Vec<u8> {
        const POLICY: &str = "/Channel/Application/LifecycleEndorsement";
        if self.config.has_policy(POLICY) {
            return reference(POLICY);
        }
        let orgs = self.config.bundle.application_orgs();
        let mut msp_ids: Vec<&str> = orgs.iter().map(|org| &*org.msp_id).collect();
        msp_ids.sort_unstable();
        members(msp_ids.len() / 2 + 1, &msp_ids)
    }

    /// 3.3: the organization's own policy, or any of its members; `None` where it has no group.
    fn implicit_policy(&self, msp_id: &str) -> Option<Vec<u8>> {
        let policy = format!(
            "/Channel/Application/{}/Endorsement",
            self.group_of(msp_id)?
        );
        Some(if self.config.has_policy(&policy) {
            reference(&policy)
        } else {
            members(1, &[msp_id])
        })
    }

    fn group_of(&self, msp_id: &str) -> Option<&str> {
        let mut orgs = self.config.bundle.application_orgs().iter();
        let org = orgs.find(|org| *org.msp_id == *msp_id)?;
        Some(&org.group_name)
    }
}

/// The first collection of that name. The package decodes.
fn collection_in(package: &[u8], name: &str) -> Option<Collection> {
    let mut collections = all(package, 1).into_iter().map(|config| merged(config, 1));
    collections.find_map(|bytes| {
        let bytes = bytes.unwrap_or_default();
        let config = StaticCollectionConfig::decode(&bytes).ok()?;
        if config.name != name {
            return None;
        }
        let members = config.member_orgs_policy.and_then(|it| it.signature_policy);
        let members_known = members.is_some_and(|policy| {
            let rule = policy.rule.as_ref();
            rule.is_some_and(|rule| compiles(rule, policy.identities.len()))
        });
        Some(Collection {
            block_to_live: config.block_to_live,
            endorsement_policy: merged(&bytes, 8),
            members_known,
        })
    })
}

/// Every occurrence of a message field.
fn all(message: &[u8], number: u32) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut fields = Fields::new(message);
    while let Ok(Some(field)) = fields.next_field() {
        if let Value::Bytes(bytes) = field.value
            && field.number == number
        {
            found.push(bytes);
        }
    }
    found
}

/// A singular message field as bytes: to merge its occurrences is to read one after the other.
fn merged(message: &[u8], number: u32) -> Option<Vec<u8>> {
    let found = all(message, number);
    (!found.is_empty()).then(|| found.concat())
}

/// An `ApplicationPolicy` of a serialized `SignaturePolicyEnvelope`.
pub(crate) fn application_policy(envelope: &[u8]) -> Vec<u8> {
    let mut policy = Vec::new();
    put_element(&mut policy, 1, envelope);
    policy
}

/// An `ApplicationPolicy` that names a policy of the configuration.
fn reference(policy: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_element(&mut bytes, 2, policy.as_bytes());
    bytes
}

/// An `ApplicationPolicy`: members of so many of these MSPs.
fn members(n: usize, msp_ids: &[&str]) -> Vec<u8> {
    use signature_policy::{NOutOf, Type};
    let signed_by = (0..).zip(msp_ids).map(|(index, _)| SignaturePolicy {
        r#type: Some(Type::SignedBy(index)),
    });
    let identities = msp_ids.iter().map(|msp_id| MspPrincipal {
        principal: MspRole {
            msp_identifier: (*msp_id).to_owned(),
            ..MspRole::default()
        }
        .encode_to_vec(),
        ..MspPrincipal::default()
    });
    let gate = NOutOf {
        n: i32::try_from(n).unwrap_or(i32::MAX),
        rules: signed_by.collect(),
    };
    let envelope = SignaturePolicyEnvelope {
        version: 0,
        rule: Some(SignaturePolicy {
            r#type: Some(Type::NOutOf(gate)),
        }),
        identities: identities.collect(),
    };
    application_policy(&envelope.encode_to_vec())
}
