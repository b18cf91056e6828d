//! Readers for packages `rwset` and `kvrwset`: read-write sets.

use super::wire::{Field, Message, Value, WireError, wire_message};

wire_message! {
    /// `rwset.TxReadWriteSet`.
    TxReadWriteSet<'a> {
        /// Ignored: always KV.
        data_model = 1: i32,
        /// One per namespace.
        ns_rwset = 2: repeated(NsReadWriteSet<'a>),
    }
}

wire_message! {
    /// `rwset.NsReadWriteSet`.
    NsReadWriteSet<'a> {
        /// The chaincode's name.
        namespace = 1: string,
        /// A serialized [`KvRwSet`].
        rwset = 2: bytes,
        /// One per collection.
        collection_hashed_rwset = 3: repeated(CollectionHashedReadWriteSet<'a>),
    }
}

wire_message! {
    /// `rwset.CollectionHashedReadWriteSet`.
    CollectionHashedReadWriteSet<'a> {
        /// The collection's name.
        collection_name = 1: string,
        /// A serialized [`HashedRwSet`].
        hashed_rwset = 2: bytes,
        /// SHA-256 of the private read-write set.
        pvt_rwset_hash = 3: bytes,
    }
}

wire_message! {
    /// `kvrwset.KVRWSet`.
    KvRwSet<'a> {
        /// Keys read, with the versions that simulation saw.
        reads = 1: repeated(KvRead<'a>),
        /// Ranges read.
        range_queries_info = 2: repeated(RangeQueryInfo<'a>),
        /// Keys written or deleted.
        writes = 3: repeated(KvWrite<'a>),
        /// Keys whose metadata are replaced.
        metadata_writes = 4: repeated(KvMetadataWrite<'a>),
    }
}

wire_message! {
    /// `kvrwset.HashedRWSet`.
    HashedRwSet<'a> {
        /// Key hashes read.
        hashed_reads = 1: repeated(KvReadHash<'a>),
        /// Key hashes written, deleted or purged.
        hashed_writes = 2: repeated(KvWriteHash<'a>),
        /// Key hashes whose metadata are replaced.
        metadata_writes = 3: repeated(KvMetadataWriteHash<'a>),
    }
}

wire_message! {
    /// `kvrwset.KVRead`.
    KvRead<'a> {
        /// The key.
        key = 1: string,
        /// Absent where the key did not exist; present and empty is version (0, 0).
        version = 2: message(RwVersion),
    }
}

wire_message! {
    /// `kvrwset.KVReadHash`.
    KvReadHash<'a> {
        /// SHA-256 of the key.
        key_hash = 1: bytes,
        /// As in [`KvRead`].
        version = 2: message(RwVersion),
    }
}

wire_message! {
    /// `kvrwset.Version`.
    RwVersion {
        /// Block of the last write.
        block_num = 1: u64,
        /// Transaction of the last write.
        tx_num = 2: u64,
    }
}

wire_message! {
    /// `kvrwset.KVWrite`.
    KvWrite<'a> {
        /// The key.
        key = 1: string,
        /// The key is deleted. An empty value deletes, too.
        is_delete = 2: bool,
        /// The new value.
        value = 3: bytes,
    }
}

wire_message! {
    /// `kvrwset.KVWriteHash`.
    KvWriteHash<'a> {
        /// SHA-256 of the key.
        key_hash = 1: bytes,
        /// The key is deleted.
        is_delete = 2: bool,
        /// SHA-256 of the new value.
        value_hash = 3: bytes,
        /// The key's history goes, too.
        is_purge = 4: bool,
    }
}

wire_message! {
    /// `kvrwset.KVMetadataWrite`.
    KvMetadataWrite<'a> {
        /// The key.
        key = 1: string,
        /// The new metadata; none deletes them.
        entries = 2: repeated(KvMetadataEntry<'a>),
    }
}

wire_message! {
    /// `kvrwset.KVMetadataWriteHash`.
    KvMetadataWriteHash<'a> {
        /// SHA-256 of the key.
        key_hash = 1: bytes,
        /// The new metadata; none deletes them.
        entries = 2: repeated(KvMetadataEntry<'a>),
    }
}

/// `kvrwset.KVMetadataEntry`. It is written again into the state, unknown fields included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KvMetadataEntry<'a> {
    /// The entry's name.
    pub name: &'a str,
    /// The entry's value.
    pub value: &'a [u8],
    /// Fields that the message does not define, as Go writes them again.
    pub unknown: Vec<u8>,
}

impl<'a> Message<'a> for KvMetadataEntry<'a> {
    fn take_field(&mut self, field: &Field<'a>, _depth: u32) -> Result<bool, WireError> {
        match (field.number, field.value) {
            (1, Value::Bytes(bytes)) => self.name = super::wire::utf8(bytes)?,
            (2, Value::Bytes(bytes)) => self.value = bytes,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_unknown(&mut self, field: &Field<'a>) {
        let tag = u64::from(field.number) << 3 | u64::from(field.wire_type);
        super::wire::put_varint(&mut self.unknown, tag);
        self.unknown.extend_from_slice(field.raw);
    }
}

wire_message! {
    /// `kvrwset.QueryReads`.
    QueryReads<'a> {
        /// The results in their order.
        kv_reads = 1: repeated(KvRead<'a>),
    }
}

wire_message! {
    /// `kvrwset.QueryReadsMerkleSummary`.
    QueryReadsMerkleSummary<'a> {
        /// At least 2.
        max_degree = 1: u32,
        /// The level of the hashes.
        max_level = 2: u32,
        /// The hashes of the top level.
        max_level_hashes = 3: repeated_bytes,
    }
}

/// The oneof `reads_info` of [`RangeQueryInfo`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ReadsInfo<'a> {
    /// Neither member: as a raw list without reads.
    #[default]
    Unset,
    /// Field 4.
    Raw(QueryReads<'a>),
    /// Field 5.
    Merkle(QueryReadsMerkleSummary<'a>),
}

/// `kvrwset.RangeQueryInfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RangeQueryInfo<'a> {
    /// Inclusive; empty for the first key.
    pub start_key: &'a str,
    /// Exclusive where `itr_exhausted`, else inclusive; empty for no bound.
    pub end_key: &'a str,
    /// Whether simulation read to the end.
    pub itr_exhausted: bool,
    /// What simulation read.
    pub reads_info: ReadsInfo<'a>,
}

impl<'a> Message<'a> for RangeQueryInfo<'a> {
    fn take_field(&mut self, field: &Field<'a>, depth: u32) -> Result<bool, WireError> {
        match (field.number, field.value) {
            (1, Value::Bytes(bytes)) => self.start_key = super::wire::utf8(bytes)?,
            (2, Value::Bytes(bytes)) => self.end_key = super::wire::utf8(bytes)?,
            (3, Value::Varint(value)) => self.itr_exhausted = value != 0,
            (4, Value::Bytes(bytes)) => {
                let mut reads = match std::mem::take(&mut self.reads_info) {
                    ReadsInfo::Raw(reads) => reads,
                    ReadsInfo::Unset | ReadsInfo::Merkle(_) => QueryReads::default(),
                };
                reads.merge(bytes, depth)?;
                self.reads_info = ReadsInfo::Raw(reads);
            }
            (5, Value::Bytes(bytes)) => {
                let mut summary = match std::mem::take(&mut self.reads_info) {
                    ReadsInfo::Merkle(summary) => summary,
                    ReadsInfo::Unset | ReadsInfo::Raw(_) => QueryReadsMerkleSummary::default(),
                };
                summary.merge(bytes, depth)?;
                self.reads_info = ReadsInfo::Merkle(summary);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
