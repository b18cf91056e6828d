//! An orderer's answers, as they stand on the wire: a block is not decoded, but is a part of its message.

use bytes::Bytes;

use crate::proto::wire::{Fields, Value, WireError};

/// One `orderer.DeliverResponse`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// A `common.Block`, or its header and metadata alone.
    Block(Bytes),
    /// The end of the stream.
    Status(i32),
    /// Neither, or both, or no message at all.
    Garbage(String),
}

impl Answer {
    pub(super) fn read(message: &Bytes) -> Self {
        match Self::parse(message) {
            Ok(answer) => answer,
            Err(error) => Self::Garbage(format!("an answer that does not decode ({error})")),
        }
    }

    fn parse(message: &Bytes) -> Result<Self, WireError> {
        let mut answer = None;
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            let part = match (field.number, field.value) {
                (1, Value::Varint(status)) => {
                    Self::Status(i32::try_from(status).unwrap_or_default())
                }
                (2, Value::Bytes(block)) => Self::Block(message.slice_ref(block)),
                _ => continue,
            };
            if answer.replace(part).is_some() {
                return Ok(Self::Garbage("two answers in one".to_owned()));
            }
        }
        let empty = || Self::Garbage("an answer without block or status".to_owned());
        Ok(answer.unwrap_or_else(empty))
    }
}
