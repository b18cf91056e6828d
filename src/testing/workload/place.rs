//! Where a transaction stands, and the names of the keys that it touches.

use std::fmt::{self, Write as _};

/// A transaction's place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// The block's number.
    pub(super) block: u64,
    /// The transaction's index in it.
    pub(super) tx: u32,
}

impl Place {
    /// As a version: what its writes have.
    pub(super) fn height(self) -> (u64, u64) {
        (self.block, u64::from(self.tx))
    }

    /// A key that only this transaction touches.
    pub(super) fn own_key(self) -> Key {
        Key {
            space: Space::Own,
            number: self.block * 1_000_000 + u64::from(self.tx),
        }
    }
}

/// Which keys: each space is written by one kind of transaction only, so that they do not disturb
/// each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Space {
    /// Keys of ordinary transactions.
    Main,
    /// Keys that ranges are read over.
    Range,
    /// Keys with policies of their own.
    Policy,
    /// Keys of the collection.
    Private,
    /// Keys that only one transaction ever touches.
    Own,
}

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Its space.
    pub(super) space: Space,
    /// Its number there.
    pub(super) number: u64,
}

impl Key {
    /// Its name, written over what is in `name`.
    pub(super) fn name(self, name: &mut String) -> &str {
        name.clear();
        // A string takes everything.
        let _ = write!(name, "{self}");
        name
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = match self.space {
            Space::Main => "asset",
            Space::Range => "list",
            Space::Policy => "owned",
            Space::Private => "secret",
            Space::Own => "once",
        };
        write!(f, "{space}-{:012}", self.number)
    }
}
