//! An orderer's answers, as they stand on the wire: a block is not decoded, but copied out, into a buffer
//! that is used again. The stream then reads the next message where this one was: fresh memory for each
//! block, which the system clears first, costs more than the copy.

use bytes::{Buf, BufMut, Bytes};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::ingress::Buffers;
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
    pub(super) fn read(message: &[u8], buffers: &Buffers) -> Self {
        match Self::parse(message, buffers) {
            Ok(answer) => answer,
            Err(error) => Self::Garbage(format!("an answer that does not decode ({error})")),
        }
    }

    fn parse(message: &[u8], buffers: &Buffers) -> Result<Self, WireError> {
        let mut answer = None;
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            let part = match (field.number, field.value) {
                (1, Value::Varint(status)) => {
                    Self::Status(i32::try_from(status).unwrap_or_default())
                }
                (2, Value::Bytes(block)) => Self::Block(buffers.copy(block)),
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

/// Bytes out, answers in.
#[derive(Debug, Clone, Default)]
pub(super) struct AnswerCodec(Buffers);

impl Codec for AnswerCodec {
    type Encode = Bytes;
    type Decode = Answer;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        self.clone()
    }

    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Encoder for AnswerCodec {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for AnswerCodec {
    type Item = Answer;
    type Error = tonic::Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Answer>, tonic::Status> {
        let remaining = message.remaining();
        if message.chunk().len() == remaining {
            let answer = Answer::read(message.chunk(), &self.0);
            message.advance(remaining);
            return Ok(Some(answer));
        }
        let message = message.copy_to_bytes(remaining);
        Ok(Some(Answer::read(&message, &self.0)))
    }
}
