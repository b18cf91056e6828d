//! The protobuf wire format as Go reads it: the decoding rules on which verdicts depend.
//!
//! Fabric decodes with Go's protobuf runtime. Where a decoder differs from it, codes differ, so this
//! reader follows that runtime, not the letter of the protobuf documentation:
//! - a known field with an unexpected wire type is an unknown field, not an error;
//! - the last scalar wins, singular messages merge, unknown fields are accepted;
//! - a singular `bytes` field that is present but empty is the same as an absent one (nil);
//! - proto3 strings must be UTF-8, or the whole message fails;
//! - messages nest at most [`MESSAGE_DEPTH_MAX`] levels deep, where an entry of a map is a level, too;
//!   unknown groups nest one level more, whatever the depth of the message around them;
//! - field number 0, numbers over 2^29-1, wire types 6 and 7, over-long varints and truncated
//!   fields are errors; over-long tags that fit are not.
//!
//! Everything read borrows from the input. Knows nothing of what the messages mean.

/// How deep messages may nest (Go: `protowire.DefaultRecursionLimit`).
pub const MESSAGE_DEPTH_MAX: u32 = 10_000;

const FIELD_NUMBER_MAX: u64 = (1 << 29) - 1;

/// The bytes are not a protobuf message in Go's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A field extends past the end of its message.
    #[error("message is truncated")]
    Truncated,
    /// A varint has more than 64 bits.
    #[error("varint is longer than 64 bits")]
    VarintOverflow,
    /// A field number outside 1 to 2^29-1.
    #[error("field number is out of range")]
    FieldNumber,
    /// Wire type 6 or 7.
    #[error("wire type does not exist")]
    WireType,
    /// An end-group tag without its start, or the other way round.
    #[error("group is not closed or was not open")]
    Group,
    /// Messages or groups nest deeper than Go follows them.
    #[error("messages nest too deep")]
    Depth,
    /// A proto3 string that is not UTF-8.
    #[error("string is not UTF-8")]
    Utf8,
}

/// The value of one field, by wire type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2: bytes, string, message or packed numbers.
    Bytes(&'a [u8]),
    /// Wire type 3, with everything up to and including its end tag.
    Group(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

/// One field as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The field number, 1 to 2^29-1.
    pub number: u32,
    /// Its value.
    pub value: Value<'a>,
    /// The wire type (0 to 5).
    pub wire_type: u8,
    /// The value's bytes as they stand (length prefix included), without the tag.
    pub raw: &'a [u8],
}

/// Reads the fields of one message in their order.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// A reader over one message's bytes.
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next field, or `None` at the end of the message.
    ///
    /// # Errors
    /// Any [`WireError`] but `Utf8`: the message ends there.
    #[inline]
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = take_varint(&mut self.rest)?;
        let number = tag >> 3;
        if number == 0 || number > FIELD_NUMBER_MAX {
            return Err(WireError::FieldNumber);
        }
        let wire_type = (tag & 7) as u8;
        let start = self.rest;
        let value = take_value(&mut self.rest, number, wire_type)?;
        let raw = taken(start, self.rest);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked against 2^29-1 above"
        )]
        let number = number as u32;
        Ok(Some(Field {
            number,
            value,
            wire_type,
            raw,
        }))
    }
}

/// Takes a varint from the front of `rest`.
///
/// # Errors
/// `Truncated` or `VarintOverflow`.
#[inline]
pub fn take_varint(rest: &mut &[u8]) -> Result<u64, WireError> {
    let mut value = 0_u64;
    let mut bytes = *rest;
    for index in 0..10 {
        let (&byte, tail) = bytes.split_first().ok_or(WireError::Truncated)?;
        bytes = tail;
        if index == 9 && byte > 1 {
            return Err(WireError::VarintOverflow);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *rest = bytes;
            return Ok(value);
        }
    }
    Err(WireError::VarintOverflow)
}

/// The part of `start` that is in front of `rest`, its remainder.
fn taken<'a>(start: &'a [u8], rest: &[u8]) -> &'a [u8] {
    start.get(..start.len() - rest.len()).unwrap_or(start)
}

#[inline]
fn take_value<'a>(rest: &mut &'a [u8], number: u64, wire_type: u8) -> Result<Value<'a>, WireError> {
    match wire_type {
        0 => Ok(Value::Varint(take_varint(rest)?)),
        1 => Ok(Value::Fixed64(u64::from_le_bytes(*take_array(rest)?))),
        2 => {
            let length = take_varint(rest)?;
            let length = usize::try_from(length).map_err(|_| WireError::Truncated)?;
            Ok(Value::Bytes(take(rest, length)?))
        }
        3 => take_group(rest, number).map(Value::Group),
        4 => Err(WireError::Group),
        5 => Ok(Value::Fixed32(u32::from_le_bytes(*take_array(rest)?))),
        _ => Err(WireError::WireType),
    }
}

#[inline]
fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], WireError> {
    let (head, tail) = rest.split_at_checked(length).ok_or(WireError::Truncated)?;
    *rest = tail;
    Ok(head)
}

fn take_array<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], WireError> {
    let (head, tail) = rest.split_first_chunk().ok_or(WireError::Truncated)?;
    *rest = tail;
    Ok(head)
}

/// Skips an unknown group. Within one, Go allows field numbers up to 2^31-1.
fn take_group<'a>(rest: &mut &'a [u8], number: u64) -> Result<&'a [u8], WireError> {
    let start = *rest;
    let mut open = vec![number];
    while let Some(&innermost) = open.last() {
        let tag = take_varint(rest)?;
        let number = tag >> 3;
        if number == 0 || number > i32::MAX as u64 {
            return Err(WireError::FieldNumber);
        }
        match (tag & 7) as u8 {
            3 if open.len() > MESSAGE_DEPTH_MAX as usize => return Err(WireError::Depth),
            3 => open.push(number),
            4 if number == innermost => drop(open.pop()),
            wire_type => drop(take_value(rest, number, wire_type)?),
        }
    }
    Ok(taken(start, rest))
}

/// A message that borrows from the bytes it was decoded from.
pub trait Message<'a>: Default {
    /// Takes one field. Returns `false` where the field is not one of the message's (unknown number
    /// or unexpected wire type).
    ///
    /// # Errors
    /// A nested message or a string that does not decode.
    fn take_field(&mut self, field: &Field<'a>, depth: u32) -> Result<bool, WireError>;

    /// Takes an unknown field. Only messages that are compared or written again keep them.
    fn take_unknown(&mut self, _field: &Field<'a>) {}

    /// Merges the fields of `bytes` into the message, as Go does with a repeated singular message.
    ///
    /// # Errors
    /// The first thing in `bytes` that Go would refuse.
    fn merge(&mut self, bytes: &'a [u8], depth: u32) -> Result<(), WireError> {
        let depth = depth.checked_sub(1).ok_or(WireError::Depth)?;
        let mut fields = Fields::new(bytes);
        while let Some(field) = fields.next_field()? {
            if !self.take_field(&field, depth)? {
                self.take_unknown(&field);
            }
        }
        Ok(())
    }

    /// Decodes a whole message.
    ///
    /// # Errors
    /// The first thing in `bytes` that Go would refuse.
    fn decode(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut message = Self::default();
        message.merge(bytes, MESSAGE_DEPTH_MAX)?;
        Ok(message)
    }
}

/// A string field's value.
///
/// # Errors
/// `Utf8`.
#[inline]
pub fn utf8(bytes: &[u8]) -> Result<&str, WireError> {
    std::str::from_utf8(bytes).map_err(|_| WireError::Utf8)
}

/// One entry of a `map<string, Message>` field, as Go reads it: last key and value win, the value's
/// messages merge within the entry. `None` where the wire type is not that of a map.
///
/// # Errors
/// As [`Message::decode`]. An entry is a level of its own, and Go counts it before it looks at the
/// wire type.
pub fn map_entry<'a, M: Message<'a>>(
    entry: Value<'a>,
    depth: u32,
) -> Result<Option<(&'a str, M)>, WireError> {
    let depth = depth.checked_sub(1).ok_or(WireError::Depth)?;
    let Value::Bytes(entry) = entry else {
        return Ok(None);
    };
    let mut key = "";
    let mut value = M::default();
    let mut fields = Fields::new(entry);
    while let Some(field) = fields.next_field()? {
        match (field.number, field.value) {
            (1, Value::Bytes(bytes)) => key = utf8(bytes)?,
            (2, Value::Bytes(bytes)) => value.merge(bytes, depth)?,
            _ => {}
        }
    }
    Ok(Some((key, value)))
}

/// The bytes value of a `map<string, bytes>` entry: taken as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawBytes<'a>(pub &'a [u8]);

impl<'a> Message<'a> for RawBytes<'a> {
    fn take_field(&mut self, _field: &Field<'a>, _depth: u32) -> Result<bool, WireError> {
        Ok(false)
    }

    fn merge(&mut self, bytes: &'a [u8], _depth: u32) -> Result<(), WireError> {
        self.0 = bytes;
        Ok(())
    }
}

/// Declares a message by its fields: `name = number: kind`.
///
/// Kinds: `bytes` (`&[u8]`, absent is empty), `string` (`&str`), `u64 u32 i32 i64 bool`,
/// `message(T)` (`Option<T>`), `repeated(T)` (`Vec<T>`), `repeated_bytes`, `repeated_string`,
/// `map(T)` (`BTreeMap<&str, T>`).
macro_rules! wire_message {
    ($(#[$meta:meta])* $name:ident $(<$life:lifetime>)? { $( $(#[$fmeta:meta])* $field:ident = $number:literal : $kind:ident $(($inner:ty))? ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name $(<$life>)? {
            $( $(#[$fmeta])* pub $field: $crate::proto::wire::field_type!($kind $(($inner))?), )*
        }
        impl<'a> $crate::proto::wire::Message<'a> for $name $(<$life>)? {
            #[inline]
            fn take_field(
                &mut self,
                field: &$crate::proto::wire::Field<'a>,
                depth: u32,
            ) -> Result<bool, $crate::proto::wire::WireError> {
                let _ = depth;
                match (field.number, field.value) {
                    $( ($number, $crate::proto::wire::field_pattern!($kind value)) => {
                        $crate::proto::wire::field_take!(self.$field, value, depth, $kind $(($inner))?);
                    } )*
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }
        #[cfg(test)]
        impl $(<$life>)? $crate::proto::tests::shape::Shape for $name $(<$life>)? {
            const FIELDS: &'static [(&'static str, u32, &'static str)] =
                &[$( (stringify!($field), $number, stringify!($kind $(($inner))?)) ),*];
            fn write(&self, out: &mut Vec<u8>) {
                let _ = &out;
                $( $crate::proto::tests::shape::put_field!(out, $number, self.$field, $kind); )*
            }
        }
    };
}

macro_rules! field_type {
    (bytes) => { &'a [u8] };
    (string) => { &'a str };
    (u64) => { u64 };
    (u32) => { u32 };
    (i64) => { i64 };
    (i32) => { i32 };
    (bool) => { bool };
    (message($inner:ty)) => { Option<$inner> };
    (repeated($inner:ty)) => { Vec<$inner> };
    (repeated_bytes) => { Vec<&'a [u8]> };
    (repeated_string) => { Vec<&'a str> };
    (map($inner:ty)) => { std::collections::BTreeMap<&'a str, $inner> };
}

macro_rules! field_pattern {
    (u64 $value:ident) => {
        $crate::proto::wire::Value::Varint($value)
    };
    (u32 $value:ident) => {
        $crate::proto::wire::Value::Varint($value)
    };
    (i64 $value:ident) => {
        $crate::proto::wire::Value::Varint($value)
    };
    (i32 $value:ident) => {
        $crate::proto::wire::Value::Varint($value)
    };
    (bool $value:ident) => {
        $crate::proto::wire::Value::Varint($value)
    };
    (map $value:ident) => {
        $value
    };
    ($kind:ident $value:ident) => {
        $crate::proto::wire::Value::Bytes($value)
    };
}

macro_rules! field_take {
    ($to:expr, $value:ident, $depth:ident, bytes) => {
        $to = $value
    };
    ($to:expr, $value:ident, $depth:ident, string) => {
        $to = $crate::proto::wire::utf8($value)?
    };
    ($to:expr, $value:ident, $depth:ident, u64) => {
        $to = $value
    };
    ($to:expr, $value:ident, $depth:ident, u32) => {
        $to = $crate::proto::wire::low_u32($value)
    };
    ($to:expr, $value:ident, $depth:ident, i64) => {
        $to = $value.cast_signed()
    };
    ($to:expr, $value:ident, $depth:ident, i32) => {
        $to = $crate::proto::wire::low_u32($value).cast_signed()
    };
    ($to:expr, $value:ident, $depth:ident, bool) => {
        $to = $value != 0
    };
    ($to:expr, $value:ident, $depth:ident, message($inner:ty)) => {
        $crate::proto::wire::Message::merge(
            $to.get_or_insert_with(<$inner>::default),
            $value,
            $depth,
        )?
    };
    ($to:expr, $value:ident, $depth:ident, repeated($inner:ty)) => {{
        let mut element = <$inner>::default();
        $crate::proto::wire::Message::merge(&mut element, $value, $depth)?;
        $to.push(element);
    }};
    ($to:expr, $value:ident, $depth:ident, repeated_bytes) => {
        $to.push($value)
    };
    ($to:expr, $value:ident, $depth:ident, repeated_string) => {
        $to.push($crate::proto::wire::utf8($value)?)
    };
    ($to:expr, $value:ident, $depth:ident, map($inner:ty)) => {{
        let Some((key, element)) = $crate::proto::wire::map_entry($value, $depth)? else {
            return Ok(false);
        };
        $to.insert(key, element);
    }};
}

pub(crate) use {field_pattern, field_take, field_type, wire_message};

/// The low half of a varint: how Go reads 32-bit fields.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "Go truncates 32-bit varint fields"
)]
pub fn low_u32(value: u64) -> u32 {
    value as u32
}

/// Appends a varint.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Appends a varint field, nothing where it is 0 (proto3 canonical form).
pub fn put_uint(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        put_varint(out, u64::from(number) << 3);
        put_varint(out, value);
    }
}

/// Appends a bytes, string or message field, nothing where it is empty (proto3 canonical form).
pub fn put_bytes(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    if !value.is_empty() {
        put_element(out, number, value);
    }
}

/// Appends a length-delimited field even where it is empty: an element of a repeated field, a
/// present message, a oneof member.
pub fn put_element(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// How many bytes [`put_varint`] writes.
pub fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}
