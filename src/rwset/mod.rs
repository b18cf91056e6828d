//! A transaction's read-write set, decoded whole: `rwset.TxReadWriteSet` with the serialized
//! messages inside it.
//!
//! Everything borrows from the transaction's bytes. Knows nothing of versions, policies or state.
//!
//! Invariants:
//! - order and duplicates are the wire's: whoever reads a set sees what Fabric sees;
//! - a set decodes only if every message in it does, since Fabric decodes them all at once.
//!
//! Fabric: `rwsetutil/rwset_proto_util.go:FromProtoBytes`.

#[cfg(test)]
mod tests;

use crate::proto::rwset::{
    CollectionHashedReadWriteSet, HashedRwSet, KvMetadataWrite, KvMetadataWriteHash, KvRead,
    KvReadHash, KvRwSet, KvWrite, KvWriteHash, NsReadWriteSet, RangeQueryInfo,
};
use crate::proto::wire::{Fields, MESSAGE_DEPTH_MAX, Message, Value, WireError};

/// Up to this many namespaces, comparing them all is faster than sorting their names.
const PAIRWISE_NAMESPACES_MAX: usize = 8;

/// SHA-256 of no bytes: a hashed write of it deletes.
const HASH_OF_NOTHING: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// What a transaction read and wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RwSet<'a> {
    /// One per `ns_rwset`, duplicates included.
    pub namespaces: Vec<NsRwSet<'a>>,
}

/// What a transaction read and wrote in one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NsRwSet<'a> {
    /// The chaincode's name.
    pub name: &'a str,
    /// Public keys read.
    pub reads: Vec<KvRead<'a>>,
    /// Public ranges read.
    pub range_queries: Vec<RangeQueryInfo<'a>>,
    /// Public keys written or deleted.
    pub writes: Vec<KvWrite<'a>>,
    /// Public keys whose metadata are replaced.
    pub metadata_writes: Vec<KvMetadataWrite<'a>>,
    /// The hashed sides of the collections, duplicates included.
    pub collections: Vec<CollectionRwSet<'a>>,
}

/// What a transaction read and wrote in one collection, as hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectionRwSet<'a> {
    /// The collection's name.
    pub name: &'a str,
    /// Key hashes read.
    pub hashed_reads: Vec<KvReadHash<'a>>,
    /// Key hashes written, deleted or purged.
    pub hashed_writes: Vec<KvWriteHash<'a>>,
    /// Key hashes whose metadata are replaced.
    pub metadata_writes: Vec<KvMetadataWriteHash<'a>>,
    /// SHA-256 of the private read-write set; empty where there is none.
    pub pvt_rwset_hash: &'a [u8],
}

impl<'a> RwSet<'a> {
    /// Decodes `ChaincodeAction.results`; no bytes are an empty set.
    ///
    /// # Errors
    /// Some message of the set does not decode (code 22).
    pub fn decode(results: &'a [u8]) -> Result<Self, WireError> {
        let mut namespaces = Vec::new();
        let mut fields = Fields::new(results);
        while let Some(field) = fields.next_field()? {
            if let (2, Value::Bytes(bytes)) = (field.number, field.value) {
                let mut namespace = NsReadWriteSet::default();
                namespace.merge(bytes, MESSAGE_DEPTH_MAX - 1)?;
                namespaces.push(NsRwSet::from_wire(&namespace)?);
            }
        }
        Ok(Self { namespaces })
    }

    /// Whether some namespace stands in the set twice (code 23), even if empty.
    #[must_use]
    pub fn has_duplicate_namespace(&self) -> bool {
        let names = || self.namespaces.iter().map(|namespace| namespace.name);
        if self.namespaces.len() <= PAIRWISE_NAMESPACES_MAX {
            return names()
                .enumerate()
                .any(|(at, name)| names().take(at).any(|other| other == name));
        }
        let mut sorted: Vec<&str> = names().collect();
        sorted.sort_unstable();
        sorted
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a == b))
    }

    /// What the transaction did in the namespace `name`, if it stands in the set.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<&NsRwSet<'a>> {
        self.namespaces
            .iter()
            .find(|namespace| namespace.name == name)
    }

    /// Whether the transaction writes anything anywhere.
    #[must_use]
    pub fn writes_anything(&self) -> bool {
        self.namespaces.iter().any(NsRwSet::writes_anything)
    }
}

impl<'a> NsRwSet<'a> {
    fn from_wire(wire: &NsReadWriteSet<'a>) -> Result<Self, WireError> {
        let KvRwSet {
            reads,
            range_queries_info,
            writes,
            metadata_writes,
        } = KvRwSet::decode(wire.rwset)?;
        let collections = &wire.collection_hashed_rwset;
        Ok(Self {
            name: wire.namespace,
            reads,
            range_queries: range_queries_info,
            writes,
            metadata_writes,
            collections: collections
                .iter()
                .map(CollectionRwSet::from_wire)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether anything is written here: keys or metadata, public or hashed.
    #[must_use]
    pub fn writes_anything(&self) -> bool {
        self.writes_anything_with(true, true)
    }

    /// As [`Self::writes_anything`], below application capability V2_0: hashed writes count only with
    /// the private-data capability, metadata writes only with the key-level one, hashed metadata
    /// writes only with both.
    ///
    /// Fabric: `txvalidator/v14/vscc_validator.go:txWritesToNamespace`.
    #[must_use]
    pub fn writes_anything_with(&self, private_data: bool, key_level: bool) -> bool {
        let in_collection = |collection: &CollectionRwSet<'_>| {
            !collection.hashed_writes.is_empty()
                || key_level && !collection.metadata_writes.is_empty()
        };
        !self.writes.is_empty()
            || key_level && !self.metadata_writes.is_empty()
            || private_data && self.collections.iter().any(in_collection)
    }
}

impl<'a> CollectionRwSet<'a> {
    fn from_wire(wire: &CollectionHashedReadWriteSet<'a>) -> Result<Self, WireError> {
        let HashedRwSet {
            hashed_reads,
            hashed_writes,
            metadata_writes,
        } = HashedRwSet::decode(wire.hashed_rwset)?;
        Ok(Self {
            name: wire.collection_name,
            hashed_reads,
            hashed_writes,
            metadata_writes,
            pvt_rwset_hash: wire.pvt_rwset_hash,
        })
    }

    /// Whether anything is written here. Such a collection must be defined.
    #[must_use]
    pub fn writes_anything(&self) -> bool {
        !self.hashed_writes.is_empty() || !self.metadata_writes.is_empty()
    }
}

/// Whether a public write deletes its key: it says so, or the value is empty.
///
/// Fabric: `rwsetutil/rwset_proto_util.go:IsKVWriteDelete`.
#[must_use]
pub fn is_delete(write: &KvWrite<'_>) -> bool {
    write.is_delete || write.value.is_empty()
}

/// Whether a hashed write deletes its key: it says so, or the value's hash is absent or that of
/// nothing. A purge says so, too.
///
/// Fabric: `rwsetutil/rwset_proto_util.go:IsKVWriteHashDelete`.
#[must_use]
pub fn is_hash_delete(write: &KvWriteHash<'_>) -> bool {
    write.is_delete || write.value_hash.is_empty() || write.value_hash == HASH_OF_NOTHING
}
