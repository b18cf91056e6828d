//! DER, as much of it as certificates and keys need, and PEM.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A value with its tag and length.
pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(content.len() + 6);
    bytes.push(tag);
    let length = content.len().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count();
    let digits = length.get(zeros..).unwrap_or_default();
    match digits {
        [] => bytes.push(0),
        [short @ 0..0x80] => bytes.push(*short),
        long => {
            bytes.push(0x80 | long.len().to_le_bytes()[0]);
            bytes.extend_from_slice(long);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

pub(super) fn sequence(fields: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &fields.concat())
}

pub(super) fn set(fields: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x31, &fields.concat())
}

pub(super) fn oid(content: &[u8]) -> Vec<u8> {
    tlv(0x06, content)
}

/// A positive integer in its shortest form.
pub(super) fn integer(big_endian: &[u8]) -> Vec<u8> {
    let zeros = big_endian.iter().take_while(|byte| **byte == 0).count();
    let digits = big_endian.get(zeros..).unwrap_or_default();
    let mut content = Vec::with_capacity(digits.len() + 1);
    if digits.first().is_none_or(|first| *first >= 0x80) {
        content.push(0);
    }
    content.extend_from_slice(digits);
    tlv(0x02, &content)
}

pub(super) fn boolean(value: bool) -> Vec<u8> {
    tlv(0x01, &[if value { 0xff } else { 0 }])
}

pub(super) fn octet_string(bytes: &[u8]) -> Vec<u8> {
    tlv(0x04, bytes)
}

/// A bit string whose last `unused` bits do not count.
pub(super) fn bit_string(bytes: &[u8], unused: u8) -> Vec<u8> {
    tlv(0x03, &[&[unused], bytes].concat())
}

pub(super) fn utf8_string(text: &str) -> Vec<u8> {
    tlv(0x0c, text.as_bytes())
}

/// `YYMMDDHHMMSSZ` as a UTCTime, longer text as a GeneralizedTime.
pub(super) fn time(text: &str) -> Vec<u8> {
    let tag = if text.len() == 13 { 0x17 } else { 0x18 };
    tlv(tag, text.as_bytes())
}

/// The element [`tag`] of a choice, constructed.
pub(super) fn explicit(number: u8, content: &[u8]) -> Vec<u8> {
    tlv(0xa0 | number, content)
}

/// The text form of what a label names.
pub(super) fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let mut pem = format!("-----BEGIN {label}-----\n").into_bytes();
    for line in STANDARD.encode(der).as_bytes().chunks(64) {
        pem.extend_from_slice(line);
        pem.push(b'\n');
    }
    pem.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
    pem
}
