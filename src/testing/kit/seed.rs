//! Where all chance comes from: a tree of seeds, each made from its parent and a label.

use crate::crypto::sha256_parts;

/// 32 bytes from which everything below is derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The root of a tree.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(sha256_parts(&[b"seed", &number.to_be_bytes()]).0)
    }

    /// The root of a tree from bytes that nobody else knows.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The seed of the part called `label`.
    #[must_use]
    pub fn child(&self, label: &str) -> Self {
        Self(sha256_parts(&[&self.0, b"/", label.as_bytes()]).0)
    }

    /// The seed of the part with this number.
    #[must_use]
    pub fn numbered(&self, number: u64) -> Self {
        Self(sha256_parts(&[&self.0, b"#", &number.to_be_bytes()]).0)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A number from this seed, evenly spread.
    #[must_use]
    pub fn number(&self) -> u64 {
        let (head, _) = self.0.split_first_chunk().unwrap_or((&[0; 8], &[]));
        u64::from_be_bytes(*head)
    }

    /// A number below `bound` (0 where that is 0).
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        self.number().checked_rem(bound).unwrap_or(0)
    }
}
