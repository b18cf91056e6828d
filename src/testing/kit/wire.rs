//! A message written field by field, in the order of the calls.

use crate::proto::wire::{put_bytes, put_element, put_uint};

/// A serialized message under construction. What is written is canonical if the calls come in the order
/// of the field numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wire(Vec<u8>);

impl Wire {
    /// An empty message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty message with room for so many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Adds a varint field, unless it is 0.
    #[must_use]
    pub fn uint(mut self, number: u32, value: u64) -> Self {
        put_uint(&mut self.0, number, value);
        self
    }

    /// Adds a bytes, string or message field, unless it is empty.
    #[must_use]
    pub fn bytes(mut self, number: u32, value: impl AsRef<[u8]>) -> Self {
        put_bytes(&mut self.0, number, value.as_ref());
        self
    }

    /// Adds a bytes, string or message field even where it is empty.
    #[must_use]
    pub fn element(mut self, number: u32, value: impl AsRef<[u8]>) -> Self {
        put_element(&mut self.0, number, value.as_ref());
        self
    }

    /// Adds one field per element.
    #[must_use]
    pub fn elements<T: AsRef<[u8]>>(
        mut self,
        number: u32,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        for value in values {
            put_element(&mut self.0, number, value.as_ref());
        }
        self
    }

    /// Adds bytes as they are.
    #[must_use]
    pub fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    /// The message.
    #[must_use]
    pub fn done(self) -> Vec<u8> {
        self.0
    }
}

impl AsRef<[u8]> for Wire {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Wire> for Vec<u8> {
    fn from(wire: Wire) -> Self {
        wire.0
    }
}
