//! An update batch with what makes it quick to look into.

use std::ops::Deref;
use std::sync::Arc;

use super::batch::{Effect, KeyUpdate, UpdateBatch};
use super::tx_key::TxKey;
use crate::types::NamespaceRef;

/// A batch that is not in the state database yet. Cloning is cheap.
///
/// A reader asks many batches for one key; the filter answers "certainly not here" from one cache line.
#[derive(Debug, Clone)]
pub struct PendingBatch {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    batch: Arc<UpdateBatch>,
    filter: KeyFilter,
    /// Whether it gives some key metadata.
    has_metadata: bool,
    bytes: usize,
}

impl PendingBatch {
    /// Prepares a batch.
    #[must_use]
    pub fn new(batch: Arc<UpdateBatch>) -> Self {
        let keys = batch
            .namespaces
            .iter()
            .map(|namespace| namespace.updates.len())
            .sum();
        let mut filter = KeyFilter::with_keys(keys);
        let mut bytes = 0;
        let mut has_metadata = false;
        for namespace in &batch.namespaces {
            for update in &namespace.updates {
                filter.insert(KeyHash::of_key(namespace.namespace.as_ref(), &update.key));
                bytes += update_bytes(update);
                has_metadata |= update.gives_metadata();
            }
        }
        let entries = batch.history.len() + batch.expiries.len();
        bytes += entries * size_of::<super::batch::HistoryEntry>();
        Self {
            inner: Arc::new(Inner {
                batch,
                filter,
                has_metadata,
                bytes,
            }),
        }
    }

    /// Whether some key gets metadata.
    pub(crate) fn has_metadata(&self) -> bool {
        self.inner.has_metadata
    }

    /// About how much memory the batch takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.inner.bytes
    }

    /// The effect on one key, if it has any. `hash` is the key's.
    pub(crate) fn find(
        &self,
        hash: KeyHash,
        namespace: NamespaceRef<'_>,
        key: &[u8],
    ) -> Option<&KeyUpdate> {
        if self.inner.filter.contains(hash) {
            self.inner.batch.key(namespace, key)
        } else {
            None
        }
    }
}

impl Deref for PendingBatch {
    type Target = UpdateBatch;

    fn deref(&self) -> &UpdateBatch {
        &self.inner.batch
    }
}

impl From<Arc<UpdateBatch>> for PendingBatch {
    fn from(batch: Arc<UpdateBatch>) -> Self {
        Self::new(batch)
    }
}

fn update_bytes(update: &KeyUpdate) -> usize {
    let value = match &update.effect {
        Effect::Put { value, metadata } => value.len() + metadata.len(),
        Effect::Delete | Effect::Expire => 0,
    };
    size_of::<KeyUpdate>() + update.key.len() + value
}

/// A hash for filters only: what it says is always checked against the key itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyHash(u64);

impl KeyHash {
    /// Of a key of the state.
    pub(crate) fn of_key(namespace: NamespaceRef<'_>, key: &[u8]) -> Self {
        let hash = crc32c::crc32c(namespace.name.as_bytes());
        let collection = namespace.collection.map(str::as_bytes);
        let hash = collection.map_or(hash, |name| crc32c::crc32c_append(!hash, name));
        Self::of_bytes(hash, key)
    }

    /// Of a transaction's id.
    pub(crate) fn of_tx(key: &TxKey) -> Self {
        Self::of_bytes(u32::from(key.is_hashed()), key.bytes())
    }

    /// Of any bytes.
    pub(crate) fn of_bytes(seed: u32, bytes: &[u8]) -> Self {
        let hash = crc32c::crc32c_append(seed, bytes);
        // Spreads the 32 bits over 64 (the golden ratio's multiplier).
        Self(
            u64::from(hash)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29),
        )
    }
}

/// A Bloom filter of one word per key's block: no false negative, few false positives.
#[derive(Debug, Clone)]
pub(crate) struct KeyFilter {
    words: Box<[u64]>,
}

impl KeyFilter {
    /// A filter that is good for this many keys.
    pub(crate) fn with_keys(keys: usize) -> Self {
        // 16 bits per key, a power of two of words so that a mask selects one.
        let words = (keys / 4).next_power_of_two();
        Self {
            words: vec![0; words].into(),
        }
    }

    /// Adds a key.
    pub(crate) fn insert(&mut self, hash: KeyHash) {
        let index = self.index(hash);
        if let Some(word) = self.words.get_mut(index) {
            *word |= bits(hash);
        }
    }

    /// Whether the key may have been added.
    pub(crate) fn contains(&self, hash: KeyHash) -> bool {
        let bits = bits(hash);
        self.words
            .get(self.index(hash))
            .is_some_and(|word| word & bits == bits)
    }

    /// The filter's words, little-endian, to be stored.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect()
    }

    /// A filter that was stored; `None` where it is none.
    pub(crate) fn of_stored(stored: &[u8]) -> Option<Self> {
        let (words, rest) = stored.as_chunks();
        let words: Box<[u64]> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        (rest.is_empty() && words.len().is_power_of_two()).then_some(Self { words })
    }

    /// As [`KeyFilter::contains`], of a filter that was stored. What is none contains everything.
    pub(crate) fn stored_contains(stored: &[u8], hash: KeyHash) -> bool {
        let (words, _) = stored.as_chunks();
        let bits = bits(hash);
        words
            .get(index(hash, words.len()))
            .is_none_or(|word| u64::from_le_bytes(*word) & bits == bits)
    }

    fn index(&self, hash: KeyHash) -> usize {
        index(hash, self.words.len())
    }
}

/// Which of so many words, a power of two.
fn index(hash: KeyHash, words: usize) -> usize {
    (hash.0 >> 24) as usize & words.wrapping_sub(1)
}

/// Four bits of a word.
fn bits(hash: KeyHash) -> u64 {
    (0..4).fold(0, |bits, index| bits | 1 << (hash.0 >> (6 * index) & 63))
}
