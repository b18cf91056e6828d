//! Readers for package `common`: blocks, envelopes, headers.

use super::wire::{Field, Message, Value, WireError, wire_message};

wire_message! {
    /// `common.Block`.
    Block<'a> {
        /// Field 1.
        header = 1: message(BlockHeader<'a>),
        /// Field 2.
        data = 2: message(BlockData<'a>),
        /// Field 3.
        metadata = 3: message(BlockMetadata<'a>),
    }
}

wire_message! {
    /// `common.BlockHeader`.
    BlockHeader<'a> {
        /// The block's number.
        number = 1: u64,
        /// Header hash of the block before.
        previous_hash = 2: bytes,
        /// Hash of the block's data.
        data_hash = 3: bytes,
    }
}

wire_message! {
    /// `common.BlockData`.
    BlockData<'a> {
        /// One serialized `Envelope` each.
        data = 1: repeated_bytes,
    }
}

wire_message! {
    /// `common.BlockMetadata`.
    BlockMetadata<'a> {
        /// Slots by `BlockMetadataIndex`.
        metadata = 1: repeated_bytes,
    }
}

wire_message! {
    /// `common.Metadata`.
    Metadata<'a> {
        /// The value that the signatures cover.
        value = 1: bytes,
        /// The orderers' signatures.
        signatures = 2: repeated(MetadataSignature<'a>),
    }
}

wire_message! {
    /// `common.MetadataSignature`.
    MetadataSignature<'a> {
        /// A serialized [`SignatureHeader`], empty in BFT form.
        signature_header = 1: bytes,
        /// The signature.
        signature = 2: bytes,
        /// A serialized [`IdentifierHeader`] in BFT form.
        identifier_header = 3: bytes,
    }
}

wire_message! {
    /// `common.IdentifierHeader`.
    IdentifierHeader<'a> {
        /// The consenter's id.
        identifier = 1: u32,
        /// Random bytes.
        nonce = 2: bytes,
    }
}

wire_message! {
    /// `common.OrdererBlockMetadata`.
    OrdererBlockMetadata<'a> {
        /// Where the last config block is.
        last_config = 1: message(LastConfig),
        /// The consensus type's own data.
        consenter_metadata = 2: bytes,
    }
}

wire_message! {
    /// `common.LastConfig`.
    LastConfig {
        /// Number of the last config block.
        index = 1: u64,
    }
}

/// `common.Envelope`, with what the well-formedness rule needs: the unknown fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// A serialized [`Payload`].
    pub payload: &'a [u8],
    /// The creator's signature over `payload`.
    pub signature: &'a [u8],
    /// How many bytes the unknown fields take when written again.
    pub unknown_len: usize,
}

impl<'a> Message<'a> for Envelope<'a> {
    fn take_field(&mut self, field: &Field<'a>, _depth: u32) -> Result<bool, WireError> {
        match (field.number, field.value) {
            (1, Value::Bytes(bytes)) => self.payload = bytes,
            (2, Value::Bytes(bytes)) => self.signature = bytes,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_unknown(&mut self, field: &Field<'a>) {
        let tag = u64::from(field.number) << 3 | u64::from(field.wire_type);
        self.unknown_len += super::wire::varint_len(tag) + field.raw.len();
    }
}

wire_message! {
    /// `common.Payload`.
    Payload<'a> {
        /// Field 1.
        header = 1: message(Header<'a>),
        /// What the header's type says: a `Transaction`, a `ConfigEnvelope` ...
        data = 2: bytes,
    }
}

wire_message! {
    /// `common.Header`.
    Header<'a> {
        /// A serialized [`ChannelHeader`].
        channel_header = 1: bytes,
        /// A serialized [`SignatureHeader`].
        signature_header = 2: bytes,
    }
}

wire_message! {
    /// `google.protobuf.Timestamp`.
    Timestamp {
        /// Seconds since 1970.
        seconds = 1: i64,
        /// Nanoseconds.
        nanos = 2: i32,
    }
}

wire_message! {
    /// `common.ChannelHeader`.
    ChannelHeader<'a> {
        /// A `HeaderType`.
        r#type = 1: i32,
        /// Never checked.
        version = 2: i32,
        /// Never checked, but must decode.
        timestamp = 3: message(Timestamp),
        /// The channel that the creator meant.
        channel_id = 4: string,
        /// The claimed transaction id.
        tx_id = 5: string,
        /// Must be 0.
        epoch = 6: u64,
        /// A serialized `ChaincodeHeaderExtension` in an endorser transaction.
        extension = 7: bytes,
        /// Hash of the client's TLS certificate.
        tls_cert_hash = 8: bytes,
    }
}

wire_message! {
    /// `common.SignatureHeader`.
    SignatureHeader<'a> {
        /// A serialized `msp.SerializedIdentity`.
        creator = 1: bytes,
        /// Random bytes, at least one.
        nonce = 2: bytes,
    }
}

/// `common.HeaderType`: the numbers that validation tells apart.
pub mod header_type {
    /// A config block's one transaction.
    pub const CONFIG: i32 = 1;
    /// A config update, never valid in a block.
    pub const CONFIG_UPDATE: i32 = 2;
    /// What applications submit.
    pub const ENDORSER_TRANSACTION: i32 = 3;
}

/// `common.BlockMetadataIndex`.
pub mod metadata_index {
    /// The orderers' signatures.
    pub const SIGNATURES: usize = 0;
    /// Deprecated: number of the last config block.
    pub const LAST_CONFIG: usize = 1;
    /// One validation code per transaction, written by the peer.
    pub const TRANSACTIONS_FILTER: usize = 2;
    /// Deprecated.
    pub const ORDERER: usize = 3;
    /// The commit hash, written by the peer.
    pub const COMMIT_HASH: usize = 4;
    /// How many slots a complete block has at least.
    pub const SLOTS: usize = 5;
}
