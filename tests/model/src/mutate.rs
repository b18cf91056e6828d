//! Messages changed at protobuf level: whole fields, at any depth, with lengths that fit.

use heddle::proto::wire::{Field, Fields, Value, put_varint};

/// Changes `message` once for each number, which says where and how.
#[must_use]
pub fn mutate(message: &[u8], edits: &[u32]) -> Vec<u8> {
    let once = |bytes: Vec<u8>, edit: &u32| mutate_once(&bytes, *edit, 6);
    edits.iter().fold(message.to_vec(), once)
}

fn mutate_once(message: &[u8], edit: u32, depth: u32) -> Vec<u8> {
    let fields = fields_of(message);
    let count = u32::try_from(fields.len()).unwrap_or(u32::MAX);
    let (how, edit) = (edit % 16, edit / 16);
    if count == 0 || how == 15 {
        return garbled(message, edit);
    }
    let (at, edit) = ((edit % count) as usize, edit / count);
    let mut changed = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        if index != at {
            put(&mut changed, field.number, field.wire_type, field.raw);
            continue;
        }
        match (how, field.value) {
            // Mostly further in, where there is something.
            (0..=8, Value::Bytes(bytes)) if depth > 0 && !fields_of(bytes).is_empty() => {
                let inner = mutate_once(bytes, edit.wrapping_mul(0x9e37_79b1) ^ how, depth - 1);
                put_bytes(&mut changed, field.number, &inner);
            }
            (0..=2, _) => {}
            (3, _) => {
                put(&mut changed, field.number, field.wire_type, field.raw);
                put(&mut changed, field.number, field.wire_type, field.raw);
            }
            (4, _) => put(&mut changed, 1 + edit % 9, field.wire_type, field.raw),
            (5, _) => put(&mut changed, field.number, 0, &[7]),
            (6, _) => put(&mut changed, field.number, 5, &[1, 2, 3, 4]),
            (7 | 8, Value::Bytes(bytes)) => {
                put_bytes(&mut changed, field.number, &garbled(bytes, edit));
            }
            (9, _) => put_bytes(&mut changed, field.number, b""),
            (10, _) => put_bytes(&mut changed, field.number, &[0xff, 0xfe]),
            (11, _) => {
                put_bytes(&mut changed, 999, b"unknown");
                put(&mut changed, field.number, field.wire_type, field.raw);
            }
            _ => {
                let mut raw = Vec::new();
                put_varint(&mut raw, u64::from(edit));
                put(&mut changed, field.number, 0, &raw);
            }
        }
    }
    changed
}

/// The fields of a message; none where it is not one.
fn fields_of(message: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Fields::new(message);
    let mut found = Vec::new();
    loop {
        match fields.next_field() {
            Ok(Some(field)) => found.push(field),
            Ok(None) => return found,
            Err(_) => return Vec::new(),
        }
    }
}

/// One byte turned over, or the end cut off.
fn garbled(bytes: &[u8], edit: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let length = bytes.len().max(1);
    let at = (edit / 8) as usize % length;
    if edit.is_multiple_of(3) {
        bytes.truncate(at);
    } else if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << (edit % 8);
    }
    bytes
}

fn put(out: &mut Vec<u8>, number: u32, wire_type: u8, raw: &[u8]) {
    put_varint(out, u64::from(number) << 3 | u64::from(wire_type));
    out.extend_from_slice(raw);
}

fn put_bytes(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    let mut raw = Vec::new();
    put_varint(&mut raw, value.len() as u64);
    raw.extend_from_slice(value);
    put(out, number, 2, &raw);
}
