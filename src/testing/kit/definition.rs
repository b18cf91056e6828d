//! Chaincode definitions as the lifecycle writes them to the state (validation-spec 3.1, appendix E).

use super::policy::{SignaturePolicy, policy_reference};
use super::read_write_set::{Ns, ns};
use super::wire::Wire;

/// The namespace of definitions.
const LIFECYCLE: &str = "_lifecycle";

/// A definition of the new lifecycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChaincodeDefinition {
    /// The chaincode.
    pub name: String,
    /// 1 for the first definition.
    pub sequence: u64,
    /// The chaincode's version.
    pub version: String,
    /// The validation plugin.
    pub plugin: String,
    /// A serialized `ApplicationPolicy`.
    pub policy: Vec<u8>,
    /// Private data collections.
    pub collections: Vec<Collection>,
    /// Whole values of fields, instead of what would be made: name and value.
    pub raw_fields: Vec<(String, Vec<u8>)>,
    /// Fields that are not written.
    pub without: Vec<String>,
    /// The datatype in the metadata.
    pub datatype: String,
}

/// A private data collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collection {
    /// Its name.
    pub name: String,
    /// Who gets the data: a serialized `SignaturePolicyEnvelope`; absent where empty.
    pub members: Vec<u8>,
    /// For how many blocks; 0 for ever.
    pub block_to_live: u64,
    /// A serialized `ApplicationPolicy`; `Some` and empty is present but empty.
    pub endorsement_policy: Option<Vec<u8>>,
}

impl Collection {
    /// A collection of these members.
    #[must_use]
    pub fn new(name: &str, members: &SignaturePolicy) -> Self {
        Self {
            name: name.to_owned(),
            members: members.envelope(),
            ..Self::default()
        }
    }

    fn serialize(&self) -> Vec<u8> {
        let mut config = Wire::new().bytes(1, &self.name);
        if !self.members.is_empty() {
            config = config.element(2, Wire::new().element(1, &self.members));
        }
        config = config.uint(4, 1).uint(5, self.block_to_live);
        if let Some(policy) = &self.endorsement_policy {
            config = config.element(8, policy);
        }
        Wire::new().element(1, config).done()
    }
}

impl ChaincodeDefinition {
    /// The first definition of a chaincode with the channel's default endorsement policy.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            sequence: 1,
            version: "1".to_owned(),
            plugin: "vscc".to_owned(),
            policy: policy_reference(super::policy::DEFAULT_ENDORSEMENT),
            collections: Vec::new(),
            raw_fields: Vec::new(),
            without: Vec::new(),
            datatype: "ChaincodeDefinition".to_owned(),
        }
    }

    /// With this endorsement policy.
    #[must_use]
    pub fn policy(mut self, policy: impl Into<SignaturePolicy>) -> Self {
        self.policy = policy.into().application();
        self
    }

    /// With one more collection.
    #[must_use]
    pub fn collection(mut self, collection: Collection) -> Self {
        self.collections.push(collection);
        self
    }

    /// With whatever `edit` changes.
    #[must_use]
    pub fn with(mut self, edit: impl FnOnce(&mut Self)) -> Self {
        edit(&mut self);
        self
    }

    /// What committing the definition writes to `_lifecycle`.
    #[must_use]
    pub fn writes(&self) -> Ns {
        self.write_to(ns(LIFECYCLE))
    }

    /// Adds these writes to others.
    #[must_use]
    pub fn write_to(&self, namespace: Ns) -> Ns {
        let mut namespace = namespace;
        for (field, value) in self.fields() {
            if !self.without.contains(&field) {
                let key = format!("namespaces/fields/{}/{field}", self.name);
                namespace = namespace.write(key, value);
            }
        }
        let metadata = Wire::new().bytes(1, &self.datatype).elements(
            2,
            [
                "Sequence",
                "EndorsementInfo",
                "ValidationInfo",
                "Collections",
            ],
        );
        let key = format!("namespaces/metadata/{}", self.name);
        namespace.write(key, metadata)
    }

    fn fields(&self) -> Vec<(String, Vec<u8>)> {
        let endorsement = Wire::new().bytes(1, &self.version).bytes(3, "escc");
        let validation = Wire::new().bytes(1, &self.plugin).bytes(2, &self.policy);
        let collections = self.collections.iter().map(Collection::serialize);
        let collections = Wire::new().elements(1, collections);
        let bytes = |value: Wire| Wire::new().element(2, value).done();
        let mut fields = vec![
            ("Collections".to_owned(), bytes(collections)),
            ("EndorsementInfo".to_owned(), bytes(endorsement)),
            (
                "Sequence".to_owned(),
                Wire::new().uint(1, self.sequence).done(),
            ),
            ("ValidationInfo".to_owned(), bytes(validation)),
        ];
        for (field, raw) in &self.raw_fields {
            for (name, value) in &mut fields {
                if name == field {
                    value.clone_from(raw);
                }
            }
        }
        fields
    }
}
