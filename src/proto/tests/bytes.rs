//! Builders of wire bytes, right and wrong ones.

use crate::proto::wire::{put_element, put_varint};

/// A tag.
pub(super) fn tag(number: u64, wire_type: u64) -> Vec<u8> {
    varint(number << 3 | wire_type)
}

/// A varint in its shortest form.
pub(super) fn varint(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, value);
    out
}

/// A varint of exactly `length` bytes, padded with zero groups.
pub(super) fn long_varint(value: u64, length: usize) -> Vec<u8> {
    let mut out = varint(value);
    assert!(
        out.len() <= length,
        "{value} needs more than {length} bytes"
    );
    while out.len() < length {
        if let Some(last) = out.last_mut() {
            *last |= 0x80;
        }
        out.push(0);
    }
    out
}

/// A varint field.
pub(super) fn number(field: u64, value: u64) -> Vec<u8> {
    [tag(field, 0), varint(value)].concat()
}

/// A length-delimited field.
pub(super) fn bytes(field: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_element(&mut out, field, value);
    out
}

/// A group around `inner`.
pub(super) fn group(field: u64, inner: &[u8]) -> Vec<u8> {
    [&tag(field, 3), inner, &tag(field, 4)].concat()
}

/// `depth` groups within each other.
pub(super) fn groups(field: u64, depth: usize) -> Vec<u8> {
    [tag(field, 3).repeat(depth), tag(field, 4).repeat(depth)].concat()
}

/// `wrap` applied `times` times.
pub(super) fn nest(times: usize, inner: Vec<u8>, wrap: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    (0..times).fold(inner, |inner, _| wrap(&inner))
}
