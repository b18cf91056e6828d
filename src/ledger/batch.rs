//! What one block does to the world state.
//!
//! Invariants: namespaces are sorted and distinct, keys are sorted and distinct within a namespace,
//! and there is one entry per key: the last effect in the block.

use crate::types::{BlockNumber, Namespace, NamespaceRef, Version};

/// The update batch of one block, immutable once built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateBatch {
    /// The block that these updates come from.
    pub block: BlockNumber,
    /// Sorted by namespace; none is empty.
    pub namespaces: Vec<NamespaceUpdates>,
    /// Hashed keys of this block that expire later, for the expiry index.
    pub expiries: Vec<Expiry>,
    /// Keys written by valid endorser transactions, for the history index: one entry per transaction
    /// and public key, deletes included, metadata-only writes not (validation-spec 9.3).
    pub history: Vec<HistoryEntry>,
}

/// The updates of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceUpdates {
    /// Which one.
    pub namespace: Namespace,
    /// Sorted by key.
    pub updates: Vec<KeyUpdate>,
}

/// The last effect of a block on one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUpdate {
    /// The key, or its hash in a collection.
    pub key: Box<[u8]>,
    /// Block and transaction of the effect, of deletes too.
    pub version: Version,
    /// What happens.
    pub effect: Effect,
}

/// What happens to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The key has this value and these metadata now.
    Put {
        /// The value (in a collection: its hash), never empty.
        value: Box<[u8]>,
        /// A serialized `KVMetadataWrite` without key, empty where there are none.
        metadata: Box<[u8]>,
    },
    /// The key is gone.
    Delete,
    /// The key is gone since its time to live is over: not part of the commit hash.
    Expire,
}

/// A hashed key that goes when a block commits, if nothing rewrites it before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// The block with whose commit the key goes.
    pub at: BlockNumber,
    /// The block that wrote the key. If a later one has rewritten it, this entry is void.
    pub written: BlockNumber,
    /// The collection.
    pub namespace: Namespace,
    /// The key's hash.
    pub key: Box<[u8]>,
}

/// One line of a key's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The chaincode.
    pub name: std::sync::Arc<str>,
    /// The key.
    pub key: Box<[u8]>,
    /// The writing transaction.
    pub version: Version,
}

/// The state of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateValue {
    /// Block and transaction of the last change.
    pub version: Version,
    /// The value (in a collection: its hash), never empty.
    pub value: Vec<u8>,
    /// A serialized `KVMetadataWrite` without key, empty where there are none.
    pub metadata: Vec<u8>,
}

impl KeyUpdate {
    /// Whether the key has metadata now.
    #[must_use]
    pub fn gives_metadata(&self) -> bool {
        matches!(&self.effect, Effect::Put { metadata, .. } if !metadata.is_empty())
    }
}

impl UpdateBatch {
    /// The updates of a namespace, if it has any.
    #[must_use]
    pub fn namespace(&self, namespace: NamespaceRef<'_>) -> Option<&NamespaceUpdates> {
        let found = self
            .namespaces
            .binary_search_by(|entry| entry.namespace.as_ref().cmp(&namespace));
        self.namespaces.get(found.ok()?)
    }

    /// The effect on one key, if it has any.
    #[must_use]
    pub fn key(&self, namespace: NamespaceRef<'_>, key: &[u8]) -> Option<&KeyUpdate> {
        let updates = &self.namespace(namespace)?.updates;
        updates.get(
            updates
                .binary_search_by(|update| (*update.key).cmp(key))
                .ok()?,
        )
    }
}
