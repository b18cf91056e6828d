//! What a transaction tries, and what should become of it.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::fault::Fault;
use crate::types::ValidationCode;

/// What a transaction tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// The channel's first configuration.
    Genesis,
    /// Defines the chaincode.
    Definition,
    /// Writes the keys that later transactions read ranges of.
    Setup,
    /// Writes many keys before the workload begins.
    Fill,
    /// Changes the channel's configuration.
    Config,
    /// Reads and writes keys.
    Plain,
    /// Reads what an earlier transaction of its block changes.
    Conflict,
    /// Reads a range key by key.
    RawRange,
    /// Reads a range of so many keys that only hashes of them are recorded.
    MerkleRange,
    /// Writes a key that has a policy of its own, or changes that policy.
    KeyPolicy,
    /// Reads and writes hashes of private data.
    Private,
    /// Is wrong on purpose.
    Invalid(Fault),
}

impl Kind {
    /// What is wrong with it, if that is what it is for.
    #[must_use]
    pub fn fault(self) -> Option<Fault> {
        if let Self::Invalid(fault) = self {
            Some(fault)
        } else {
            None
        }
    }

    /// Its name, such as `plain` or `bad-creator-signature`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Genesis => "genesis",
            Self::Definition => "definition",
            Self::Setup => "setup",
            Self::Fill => "fill",
            Self::Config => "config",
            Self::Plain => "plain",
            Self::Conflict => "conflict",
            Self::RawRange => "raw-range",
            Self::MerkleRange => "merkle-range",
            Self::KeyPolicy => "key-policy",
            Self::Private => "private",
            Self::Invalid(fault) => fault.name(),
        }
    }
}

/// What a transaction of a made block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// What it tries.
    pub kind: Kind,
    /// The code that it gets, where that follows from how it was made.
    pub code: Option<ValidationCode>,
}

impl Label {
    /// A transaction that is valid.
    #[must_use]
    pub fn valid(kind: Kind) -> Self {
        Self {
            kind,
            code: Some(ValidationCode::Valid),
        }
    }
}

/// As `{"kind":"plain","code":0}`, the code `null` where it is not known.
impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut label = serializer.serialize_struct("Label", 2)?;
        label.serialize_field("kind", self.kind.name())?;
        label.serialize_field("code", &self.code.map(ValidationCode::number))?;
        label.end()
    }
}
