//! The world state: a map, and the blocks at which private hashes go.

use std::collections::{BTreeMap, BTreeSet};

use heddle::types::{NamespaceRef, Version};

use heddle::types::Namespace;

/// A key of the world state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Chaincode and, for hashes of private keys, collection.
    pub namespace: Namespace,
    /// The key, or its hash.
    pub key: Vec<u8>,
}

impl Key {
    /// A key of a chaincode, or the hash of one of a collection.
    #[must_use]
    pub fn new(chaincode: &str, collection: Option<&str>, key: &[u8]) -> Self {
        let namespace = match collection {
            None => NamespaceRef::public(chaincode),
            Some(collection) => NamespaceRef::hashed(chaincode, collection),
        };
        Self {
            namespace: namespace.to_owned(),
            key: key.to_vec(),
        }
    }
}

/// What the state has for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Block and transaction of the last change.
    pub version: Version,
    /// Never empty.
    pub value: Vec<u8>,
    /// A serialized `KVMetadataWrite` without a key.
    pub metadata: Vec<u8>,
    /// The block with whose commit the key goes.
    pub expires: Option<u64>,
}

/// The world state after some block.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Every key.
    pub keys: BTreeMap<Key, Value>,
    expiring: BTreeMap<u64, BTreeSet<Key>>,
}

impl State {
    /// A public value.
    pub(crate) fn public(&self, chaincode: &str, key: &str) -> Option<&[u8]> {
        let found = self.keys.get(&Key::new(chaincode, None, key.as_bytes()))?;
        Some(&found.value)
    }

    pub(crate) fn put(&mut self, key: Key, value: Value) {
        if let Some(block) = value.expires {
            self.expiring.entry(block).or_default().insert(key.clone());
        }
        self.keys.insert(key, value);
    }

    /// The keys whose time is over with block `number`, those that were rewritten since left out.
    pub(crate) fn expired(&self, number: u64) -> Vec<Key> {
        let due = self.expiring.get(&number).into_iter().flatten();
        let still_due = |key: &&Key| {
            let value = self.keys.get(*key);
            value.is_some_and(|value| value.expires == Some(number))
        };
        due.filter(still_due).cloned().collect()
    }
}
