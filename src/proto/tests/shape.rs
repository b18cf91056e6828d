//! What a reader says of itself: its fields as facts, and its content as canonical bytes.
//!
//! Canonical is what Go writes in deterministic mode: fields by number, no defaults, map entries by
//! key and with both their fields. Unknown fields only where the reader keeps them.

use crate::proto::common::Envelope;
use crate::proto::config::{Capability, ConfigUpdate};
use crate::proto::lifecycle::StateData;
use crate::proto::msp::SignaturePolicy;
use crate::proto::peer::ApplicationPolicy;
use crate::proto::rwset::{KvMetadataEntry, RangeQueryInfo, ReadsInfo};
use crate::proto::wire::{RawBytes, put_bytes, put_element, put_uint, put_varint};

/// Number of the field that stands for an envelope's unknown fields: their length.
pub(crate) const UNKNOWN_LEN_FIELD: u32 = 1000;

/// A reader that can be looked into.
pub(crate) trait Shape {
    /// Name, number and kind of each field; empty where the reader is written by hand.
    const FIELDS: &'static [(&'static str, u32, &'static str)];

    /// Appends the canonical bytes.
    fn write(&self, out: &mut Vec<u8>);

    /// The canonical bytes.
    fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }
}

/// Appends one field of a reader, by its kind.
macro_rules! put_field {
    ($out:ident, $number:literal, $value:expr, bytes) => {
        $crate::proto::wire::put_bytes($out, $number, $value)
    };
    ($out:ident, $number:literal, $value:expr, string) => {
        $crate::proto::wire::put_bytes($out, $number, $value.as_bytes())
    };
    ($out:ident, $number:literal, $value:expr, u64) => {
        $crate::proto::wire::put_uint($out, $number, $value)
    };
    ($out:ident, $number:literal, $value:expr, u32) => {
        $crate::proto::wire::put_uint($out, $number, u64::from($value))
    };
    ($out:ident, $number:literal, $value:expr, i64) => {
        $crate::proto::wire::put_uint($out, $number, $value.cast_unsigned())
    };
    ($out:ident, $number:literal, $value:expr, i32) => {
        $crate::proto::wire::put_uint($out, $number, i64::from($value).cast_unsigned())
    };
    ($out:ident, $number:literal, $value:expr, bool) => {
        $crate::proto::wire::put_uint($out, $number, u64::from($value))
    };
    ($out:ident, $number:literal, $value:expr, message) => {
        if let Some(message) = &$value {
            let inner = $crate::proto::tests::shape::Shape::canonical(message);
            $crate::proto::wire::put_element($out, $number, &inner);
        }
    };
    ($out:ident, $number:literal, $value:expr, repeated) => {
        for message in &$value {
            let inner = $crate::proto::tests::shape::Shape::canonical(message);
            $crate::proto::wire::put_element($out, $number, &inner);
        }
    };
    ($out:ident, $number:literal, $value:expr, repeated_bytes) => {
        for element in &$value {
            $crate::proto::wire::put_element($out, $number, element);
        }
    };
    ($out:ident, $number:literal, $value:expr, repeated_string) => {
        for element in &$value {
            $crate::proto::wire::put_element($out, $number, element.as_bytes());
        }
    };
    ($out:ident, $number:literal, $value:expr, map) => {
        for (key, value) in &$value {
            let value = $crate::proto::tests::shape::Shape::canonical(value);
            $crate::proto::tests::shape::put_entry($out, $number, key, &value);
        }
    };
}

pub(crate) use put_field;

/// Appends a map entry. Go writes both fields, even where they are empty.
pub(crate) fn put_entry(out: &mut Vec<u8>, number: u32, key: &str, value: &[u8]) {
    let mut entry = Vec::new();
    put_element(&mut entry, 1, key.as_bytes());
    put_element(&mut entry, 2, value);
    put_element(out, number, &entry);
}

impl Shape for Envelope<'_> {
    const FIELDS: &'static [(&'static str, u32, &'static str)] = &[];

    fn write(&self, out: &mut Vec<u8>) {
        put_bytes(out, 1, self.payload);
        put_bytes(out, 2, self.signature);
        put_uint(out, UNKNOWN_LEN_FIELD, self.unknown_len as u64);
    }
}

impl Shape for ConfigUpdate<'_> {
    const FIELDS: &'static [(&'static str, u32, &'static str)] = &[];

    fn write(&self, out: &mut Vec<u8>) {
        put_field!(out, 1, self.channel_id, string);
        put_field!(out, 2, self.read_set, message);
        put_field!(out, 3, self.write_set, message);
        for (key, value) in &self.isolated_data {
            put_entry(out, 5, key, value);
        }
    }
}

impl Shape for RawBytes<'_> {
    const FIELDS: &'static [(&'static str, u32, &'static str)] = &[];

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0);
    }
}

impl Shape for Capability {
    const FIELDS: &'static [(&'static str, u32, &'static str)] = &[];

    fn write(&self, _out: &mut Vec<u8>) {}
}

impl Shape for RangeQueryInfo<'_> {
    const FIELDS: &'static [(&'static str, u32, &'static str)] = &[];

    fn write(&self, out: &mut Vec<u8>) {
        put_field!(out, 1, self.start_key, string);
        put_field!(out, 2, self.end_key, string);
        put_field!(out, 3, self.itr_exhausted, bool);
        match &self.reads_info {
            ReadsInfo::Unset => {}
            ReadsInfo::Raw(reads) => put_element(out, 4, &reads.canonical()),
            ReadsInfo::Merkle(summary) => put_element(out, 5, &summary.canonical()),
        }
    }
}

impl Shape for KvMetadataEntry<'_> {
    const FIELDS: &'static [(&'static str, u32, &'static str)] = &[];

    fn write(&self, out: &mut Vec<u8>) {
        put_field!(out, 1, self.name, string);
        put_field!(out, 2, self.value, bytes);
        out.extend_from_slice(&self.unknown);
    }
}

impl Shape for ApplicationPolicy<'_> {
    const FIELDS: &'static [(&'static str, u32, &'static str)] = &[];

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Unset => {}
            Self::Signature(policy) => put_element(out, 1, &policy.canonical()),
            Self::ChannelReference(name) => put_element(out, 2, name.as_bytes()),
        }
    }
}

impl Shape for SignaturePolicy {
    const FIELDS: &'static [(&'static str, u32, &'static str)] = &[];

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Unset => {}
            Self::SignedBy(index) => {
                put_varint(out, 1 << 3);
                put_varint(out, i64::from(*index).cast_unsigned());
            }
            Self::NOutOf(gate) => put_element(out, 2, &gate.canonical()),
        }
    }
}

impl Shape for StateData<'_> {
    const FIELDS: &'static [(&'static str, u32, &'static str)] = &[];

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Unset => {}
            Self::Int64(value) => {
                put_varint(out, 1 << 3);
                put_varint(out, value.cast_unsigned());
            }
            Self::Bytes(value) => put_element(out, 2, value),
            Self::String(value) => put_element(out, 3, value.as_bytes()),
        }
    }
}
