//! The words of the domain as types: numbers, ids, versions, validation codes.
//!
//! Knows nothing of formats, files or threads.

mod code;
pub mod duration;

pub use code::ValidationCode;

use std::fmt;
use std::sync::Arc;

/// A block's number; the genesis block is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockNumber(pub u64);

impl BlockNumber {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for BlockNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A transaction's place in its block, from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxIndex(pub u32);

impl fmt::Display for TxIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The height of the last write of a key: block and transaction, as numbers of the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Version {
    /// Block number.
    pub block: u64,
    /// Transaction index.
    pub tx: u64,
}

impl Version {
    /// The version that transaction `tx` of block `block` gives to what it writes.
    #[must_use]
    pub fn new(block: BlockNumber, tx: TxIndex) -> Self {
        Self {
            block: block.0,
            tx: u64::from(tx.0),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {})", self.block, self.tx)
    }
}

/// A SHA-256 digest.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Whether `text` is this digest in lower-case hex.
    #[must_use]
    pub fn is_hex(&self, text: &str) -> bool {
        let digit = |nibble: u8| {
            if nibble < 10 {
                b'0' + nibble
            } else {
                b'a' + nibble - 10
            }
        };
        text.len() == 64
            && text
                .as_bytes()
                .chunks_exact(2)
                .zip(self.0)
                .all(|(pair, byte)| pair == [digit(byte >> 4), digit(byte & 15)])
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// In hex.
impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// A channel's name: 1 to 249 characters of `[a-z][a-z0-9.-]*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(Arc<str>);

/// A name that no channel can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{name}' is not a channel name: expected 1 to 249 characters, a lower-case letter first, then \
     lower-case letters, digits, dots and dashes"
)]
pub struct InvalidChannelId {
    /// What was given.
    pub name: String,
}

impl ChannelId {
    /// Checks a channel's name.
    ///
    /// # Errors
    /// Where the name does not match `[a-z][a-z0-9.-]*` or is longer than 249 characters.
    ///
    /// Fabric: `common/configtx/validator.go:ValidateChannelID`.
    pub fn new(name: &str) -> Result<Self, InvalidChannelId> {
        let mut bytes = name.bytes();
        let first = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase());
        let legal = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'-'
        };
        if first && name.len() <= 249 && bytes.all(legal) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidChannelId {
                name: name.to_owned(),
            })
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of the world state: a chaincode's public keys, or the key hashes of one of its collections.
///
/// The order is that of the commit hash: by name, public keys first, then collections by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace {
    /// The chaincode's name; empty for the channel configuration.
    pub name: Arc<str>,
    /// `None` for public keys.
    pub collection: Option<Arc<str>>,
}

impl Namespace {
    /// This namespace as a reference.
    #[must_use]
    pub fn as_ref(&self) -> NamespaceRef<'_> {
        NamespaceRef {
            name: &self.name,
            collection: self.collection.as_deref(),
        }
    }
}

/// A [`Namespace`] borrowed from a read-write set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespaceRef<'a> {
    /// The chaincode's name; empty for the channel configuration.
    pub name: &'a str,
    /// `None` for public keys.
    pub collection: Option<&'a str>,
}

impl<'a> NamespaceRef<'a> {
    /// The public keys of a chaincode.
    #[must_use]
    pub fn public(name: &'a str) -> Self {
        Self {
            name,
            collection: None,
        }
    }

    /// The key hashes of a collection.
    #[must_use]
    pub fn hashed(name: &'a str, collection: &'a str) -> Self {
        Self {
            name,
            collection: Some(collection),
        }
    }

    /// An owned copy.
    #[must_use]
    pub fn to_owned(self) -> Namespace {
        Namespace {
            name: self.name.into(),
            collection: self.collection.map(Into::into),
        }
    }
}

impl fmt::Display for NamespaceRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.collection {
            Some(collection) => write!(f, "{}$$h{collection}", self.name),
            None => f.write_str(self.name),
        }
    }
}
