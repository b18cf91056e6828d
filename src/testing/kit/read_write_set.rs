//! Read-write sets: what a simulation read and wants to write.
//!
//! Each call writes its field at once, so that a load generator spends little here.

use super::wire::Wire;
use crate::crypto::{sha256, sha256_parts};
use crate::proto::wire::put_element;

/// Block and transaction of a key's last write; `None` for a key that does not exist.
type Height = (u64, u64);

/// A transaction's read-write set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RwSet {
    /// Its namespaces, in order.
    pub namespaces: Vec<Ns>,
}

impl RwSet {
    /// A serialized `TxReadWriteSet`.
    #[must_use]
    pub fn serialize(&self) -> Vec<u8> {
        let namespaces = self.namespaces.iter().map(Ns::serialize);
        Wire::new().elements(2, namespaces).done()
    }
}

impl<N: IntoIterator<Item = Ns>> From<N> for RwSet {
    fn from(namespaces: N) -> Self {
        Self {
            namespaces: namespaces.into_iter().collect(),
        }
    }
}

/// One namespace's part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ns {
    name: String,
    reads: Vec<u8>,
    ranges: Vec<u8>,
    writes: Vec<u8>,
    metadata: Vec<u8>,
    collections: Vec<Vec<u8>>,
    raw: Option<Vec<u8>>,
}

/// Nothing read or written yet in the namespace `name`.
#[must_use]
pub fn ns(name: &str) -> Ns {
    Ns {
        name: name.to_owned(),
        ..Ns::default()
    }
}

fn version(height: Height) -> Vec<u8> {
    Wire::new().uint(1, height.0).uint(2, height.1).done()
}

fn read(key: &[u8], height: Option<Height>) -> Wire {
    let read = Wire::with_capacity(key.len() + 16).bytes(1, key);
    match height {
        Some(height) => read.element(2, version(height)),
        None => read,
    }
}

/// A metadata write: the names and values of its entries.
fn metadata<N: AsRef<str>, V: AsRef<[u8]>>(
    key: &[u8],
    entries: impl IntoIterator<Item = (N, V)>,
) -> Wire {
    let entries = entries
        .into_iter()
        .map(|(name, value)| Wire::new().bytes(1, name.as_ref()).bytes(2, value));
    Wire::new().bytes(1, key).elements(2, entries)
}

impl Ns {
    /// Read `key` at a height, or found it missing.
    #[must_use]
    pub fn read(mut self, key: impl AsRef<[u8]>, height: impl Into<Option<Height>>) -> Self {
        put_element(
            &mut self.reads,
            1,
            read(key.as_ref(), height.into()).as_ref(),
        );
        self
    }

    /// Read a range.
    #[must_use]
    pub fn range(mut self, range: &Range) -> Self {
        put_element(&mut self.ranges, 2, &range.serialize());
        self
    }

    /// Writes `value`; nothing is a delete for a peer.
    #[must_use]
    pub fn write(mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        let (key, value) = (key.as_ref(), value.as_ref());
        let write = Wire::with_capacity(key.len() + value.len() + 12);
        put_element(
            &mut self.writes,
            3,
            write.bytes(1, key).bytes(3, value).as_ref(),
        );
        self
    }

    /// Deletes.
    #[must_use]
    pub fn delete(mut self, key: impl AsRef<[u8]>) -> Self {
        let write = Wire::new().bytes(1, key).uint(2, 1);
        put_element(&mut self.writes, 3, write.as_ref());
        self
    }

    /// Replaces the key's metadata by these entries; none removes them.
    #[must_use]
    pub fn metadata<N: AsRef<str>, V: AsRef<[u8]>>(
        mut self,
        key: impl AsRef<[u8]>,
        entries: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        put_element(
            &mut self.metadata,
            4,
            metadata(key.as_ref(), entries).as_ref(),
        );
        self
    }

    /// Makes the serialized `SignaturePolicyEnvelope` the key's policy.
    #[must_use]
    pub fn key_policy(self, key: impl AsRef<[u8]>, policy: impl AsRef<[u8]>) -> Self {
        self.metadata(key, super::policy::key_policy_entries(policy))
    }

    /// Adds what was done in a collection.
    #[must_use]
    pub fn collection(mut self, collection: &Collected) -> Self {
        self.collections.push(collection.serialize());
        self
    }

    /// Gives these bytes for the serialized `KVRWSet`.
    #[must_use]
    pub fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.raw = Some(bytes.as_ref().to_vec());
        self
    }

    /// Adds a serialized `CollectionHashedReadWriteSet`.
    #[must_use]
    pub fn raw_collection(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.collections.push(bytes.as_ref().to_vec());
        self
    }

    fn serialize(&self) -> Vec<u8> {
        let public = match &self.raw {
            Some(raw) => raw.clone(),
            None => [&*self.reads, &self.ranges, &self.writes, &self.metadata].concat(),
        };
        Wire::with_capacity(public.len() + 64)
            .bytes(1, &self.name)
            .bytes(2, public)
            .elements(3, &self.collections)
            .done()
    }
}

/// What was done in a collection of a chaincode: keys and values in clear, hashed when serialized.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    name: String,
    reads: Vec<u8>,
    writes: Vec<u8>,
    metadata: Vec<u8>,
    private: Vec<u8>,
}

impl Collected {
    /// Nothing done yet in the collection `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Read the hash of `key` at a height, or found it missing.
    #[must_use]
    pub fn read(mut self, key: &str, height: impl Into<Option<Height>>) -> Self {
        let hash = sha256(key.as_bytes());
        put_element(&mut self.reads, 1, read(&hash.0, height.into()).as_ref());
        self
    }

    /// Writes `value`.
    #[must_use]
    pub fn write(self, key: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        let private = Wire::new().bytes(1, key).bytes(3, value);
        let hash = sha256(value);
        self.write_hash(sha256(key.as_bytes()).as_ref(), hash.as_ref())
            .with_private(&private)
    }

    /// Writes a value's hash under a key's hash.
    #[must_use]
    pub fn write_hash(mut self, key_hash: &[u8], value_hash: &[u8]) -> Self {
        let hashed = Wire::new().bytes(1, key_hash).bytes(3, value_hash);
        put_element(&mut self.writes, 2, hashed.as_ref());
        self
    }

    /// Deletes.
    #[must_use]
    pub fn delete(mut self, key: &str) -> Self {
        let hashed = Wire::new().bytes(1, sha256(key.as_bytes())).uint(2, 1);
        put_element(&mut self.writes, 2, hashed.as_ref());
        self.with_private(&Wire::new().bytes(1, key).uint(2, 1))
    }

    /// Deletes, and asks that what was written before be forgotten.
    #[must_use]
    pub fn purge(mut self, key: &str) -> Self {
        let hashed = Wire::new().bytes(1, sha256(key.as_bytes()));
        let hashed = hashed.uint(2, 1).uint(4, 1);
        put_element(&mut self.writes, 2, hashed.as_ref());
        self.with_private(&Wire::new().bytes(1, key).uint(2, 1))
    }

    /// Makes the serialized `SignaturePolicyEnvelope` the key's policy.
    #[must_use]
    pub fn key_policy(mut self, key: &str, policy: impl AsRef<[u8]>) -> Self {
        let entries = super::policy::key_policy_entries(policy);
        let hash = sha256(key.as_bytes());
        put_element(
            &mut self.metadata,
            3,
            metadata(hash.as_ref(), entries).as_ref(),
        );
        self
    }

    fn with_private(mut self, write: &Wire) -> Self {
        put_element(&mut self.private, 3, write.as_ref());
        self
    }

    /// The private `KVRWSet`, whose hash is in the transaction.
    #[must_use]
    pub fn private(&self) -> &[u8] {
        &self.private
    }

    fn serialize(&self) -> Vec<u8> {
        let hashed = [&*self.reads, &self.writes, &self.metadata].concat();
        Wire::new()
            .bytes(1, &self.name)
            .bytes(2, hashed)
            .bytes(3, sha256(&self.private))
            .done()
    }
}

/// A range that was read: from `start` up to `end`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Range {
    /// The first key.
    pub start: String,
    /// The end.
    pub end: String,
    /// Whether the iterator was drained; else `end` is the last key that was seen.
    pub exhausted: bool,
    /// What was found.
    pub reads: RangeReads,
}

/// What a range read found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RangeReads {
    /// Neither form.
    #[default]
    Absent,
    /// Keys with their heights.
    Raw(Vec<(String, Option<Height>)>),
    /// A summary of them.
    Merkle {
        /// Children of a node.
        degree: u64,
        /// The level whose hashes are given.
        level: u64,
        /// These hashes.
        hashes: Vec<Vec<u8>>,
    },
}

impl Range {
    fn serialize(&self) -> Vec<u8> {
        let range = Wire::new()
            .bytes(1, &self.start)
            .bytes(2, &self.end)
            .uint(3, u64::from(self.exhausted));
        match &self.reads {
            RangeReads::Absent => range.done(),
            RangeReads::Raw(reads) => {
                let reads = reads
                    .iter()
                    .map(|(key, height)| read(key.as_bytes(), *height));
                range.element(4, Wire::new().elements(1, reads)).done()
            }
            RangeReads::Merkle {
                degree,
                level,
                hashes,
            } => {
                let summary = Wire::new().uint(1, *degree).uint(2, *level);
                range.element(5, summary.elements(3, hashes)).done()
            }
        }
    }
}

/// What a simulator records for these results: the keys themselves, or a summary where there are more
/// than `degree`.
///
/// Fabric: `rwsetutil/query_results_helper.go`.
#[must_use]
pub fn merkle_summary(degree: usize, results: &[(String, Height)]) -> RangeReads {
    if results.len() <= degree {
        let reads = results
            .iter()
            .map(|(key, height)| (key.clone(), Some(*height)));
        return RangeReads::Raw(reads.collect());
    }
    let mut levels: Vec<Vec<Vec<u8>>> = vec![Vec::new()];
    for leaf in results.chunks(degree + 1) {
        let reads = leaf
            .iter()
            .map(|(key, height)| read(key.as_bytes(), Some(*height)));
        let mut carried = Some(hash(&[Wire::new().elements(1, reads).done()]));
        for level in &mut levels {
            level.extend(carried.take());
            if level.len() <= degree {
                break;
            }
            carried = Some(hash(&std::mem::take(level)));
        }
        levels.extend(carried.map(|hash| vec![hash]));
    }
    let mut top = levels.pop().unwrap_or_default();
    let mut level = levels.len() + 1;
    let mut carried = None;
    for mut hashes in levels {
        hashes.extend(carried.take());
        carried = match hashes.len() {
            0 => None,
            1 => hashes.pop(),
            _ => Some(hash(&hashes)),
        };
    }
    top.extend(carried);
    if top.len() > degree {
        top = vec![hash(&top)];
        level += 1;
    }
    RangeReads::Merkle {
        degree: degree as u64,
        level: level as u64,
        hashes: top,
    }
}

fn hash(parts: &[Vec<u8>]) -> Vec<u8> {
    let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
    sha256_parts(&parts).0.to_vec()
}
