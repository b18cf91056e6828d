//! Distinguished names, and the character sets of ASN.1 strings.
//!
//! Of a name only what Fabric looks at is kept: the common name and the organizational units. All of
//! it must parse, and every attribute of a string type must be in that type's character set.

use crate::x509::der::{Reader, tag};
use crate::x509::error::{Error, OrMalformed as _};
use crate::x509::time;

/// What is kept of a distinguished name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Name {
    /// The last common name; empty without one.
    pub(super) common_name: String,
    /// In the order of the name.
    pub(super) organizational_units: Vec<String>,
}

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATIONAL_UNIT: &[u8] = &[0x55, 0x04, 0x0b];

impl Name {
    /// Reads an `RDNSequence`.
    // Fabric: Go's x509 parseName and pkix.Name.FillFromRDNSequence.
    pub(super) fn parse(sequence: &[u8]) -> Result<Self, Error> {
        const PART: &str = "distinguished name";
        let mut name = Self::default();
        let mut sets = Reader(sequence);
        while !sets.is_empty() {
            let mut attributes = sets.nested(tag::SET).or_malformed(PART)?;
            while !attributes.is_empty() {
                let mut attribute = attributes.nested(tag::SEQUENCE).or_malformed(PART)?;
                let kind = attribute.object_identifier().or_malformed(PART)?;
                let value = attribute_value(&mut attribute).or_malformed(PART)?;
                match (kind, value) {
                    (COMMON_NAME, Some(text)) => name.common_name = text,
                    (ORGANIZATIONAL_UNIT, Some(text)) => name.organizational_units.push(text),
                    _ => {}
                }
            }
        }
        Ok(name)
    }
}

/// The text of an attribute, `Some(None)` where it is not of a string type.
#[expect(clippy::option_option, reason = "outer: parses; inner: is a string")]
fn attribute_value(attribute: &mut Reader<'_>) -> Option<Option<String>> {
    let element = attribute.any()?;
    let mut whole = Reader(element.full);
    match element.tag {
        tag::T61_STRING
        | tag::PRINTABLE_STRING
        | tag::UTF8_STRING
        | tag::BMP_STRING
        | tag::IA5_STRING
        | tag::NUMERIC_STRING => return decode_string(element.tag, element.content).map(Some),
        tag::INTEGER => drop(whole.int64()?),
        tag::BIT_STRING => drop(whole.bit_string()?),
        tag::OBJECT_IDENTIFIER => drop(whole.object_identifier()?),
        tag::UTC_TIME => drop(time::utc_time(element.content)?),
        tag::GENERALIZED_TIME => drop(time::generalized_time(element.content)?),
        tag::BOOLEAN => drop(whole.boolean()?),
        _ => {}
    }
    Some(None)
}

/// Decodes a string of one of the six types; `None` where a character is not in its set.
pub(super) fn decode_string(tag: u8, content: &[u8]) -> Option<String> {
    match tag {
        // Read as Latin-1, as most of the world does.
        tag::T61_STRING => Some(content.iter().map(|&byte| char::from(byte)).collect()),
        tag::UTF8_STRING => std::str::from_utf8(content).ok().map(str::to_owned),
        tag::BMP_STRING => decode_bmp(content),
        tag::PRINTABLE_STRING => ascii_where(content, is_printable),
        tag::NUMERIC_STRING => ascii_where(content, |byte| byte.is_ascii_digit() || byte == b' '),
        tag::IA5_STRING => ascii_where(content, |byte| byte.is_ascii()),
        _ => None,
    }
}

fn ascii_where(content: &[u8], legal: impl Fn(u8) -> bool) -> Option<String> {
    content
        .iter()
        .all(|&byte| legal(byte))
        .then(|| content.iter().map(|&byte| char::from(byte)).collect())
}

/// The characters of a `PrintableString`, and `*` and `&`, which certificates use all the same.
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(&byte)
}

/// UCS-2: no surrogates, no code points that will never be characters; one final zero is dropped.
fn decode_bmp(content: &[u8]) -> Option<String> {
    let (pairs, []) = content.as_chunks::<2>() else {
        return None;
    };
    let pairs = pairs.strip_suffix(&[[0, 0]]).unwrap_or(pairs);
    pairs
        .iter()
        .map(|&pair| match u16::from_be_bytes(pair) {
            0xfffe | 0xffff | 0xfdd0..=0xfdef => None,
            point => char::from_u32(point.into()),
        })
        .collect()
}

/// Whether Go takes `name` for a domain name: labels that are not empty, printable ASCII, no final dot.
/// A constraint may begin with a dot. The empty name is valid.
// Fabric: Go's x509 domainNameValid.
pub(super) fn is_domain_name(name: &[u8], constraint: bool) -> bool {
    if name.is_empty() {
        return true;
    }
    if name.ends_with(b".") {
        return false;
    }
    let labels = if constraint {
        name.strip_prefix(b".").unwrap_or(name)
    } else {
        name
    };
    labels
        .split(|&byte| byte == b'.')
        .all(|label| !label.is_empty() && label.iter().all(|byte| (33..=126).contains(byte)))
}

/// A mailbox of RFC 2821, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Mailbox {
    pub(super) local: Vec<u8>,
    pub(super) domain: Vec<u8>,
}

impl Mailbox {
    // Fabric: Go's x509 parseRFC2821Mailbox.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let (local, rest) = match text {
            [b'"', rest @ ..] => quoted_local_part(rest)?,
            _ => dotted_local_part(text)?,
        };
        let domain = rest.strip_prefix(b"@")?;
        if !is_domain_name(domain, false) || domain.contains(&b'@') {
            return None;
        }
        Some(Self {
            local,
            domain: domain.to_vec(),
        })
    }
}

fn quoted_local_part(mut text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut local = Vec::new();
    loop {
        let (&byte, rest) = text.split_first()?;
        text = rest;
        match byte {
            b'"' => return Some((local, text)),
            b'\\' => {
                let (&escaped, rest) = text.split_first()?;
                if !matches!(escaped, 1..=9 | 11 | 12 | 14..=127) {
                    return None;
                }
                local.push(escaped);
                text = rest;
            }
            1..=8 | 11 | 12 | 14..=33 | 35..=91 | 93..=127 => local.push(byte),
            _ => return None,
        }
    }
}

fn dotted_local_part(mut text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut local = Vec::new();
    while let Some((&byte, rest)) = text.split_first() {
        match byte {
            // Go accepts any byte behind a backslash.
            b'\\' => {
                let (&escaped, rest) = rest.split_first()?;
                local.push(escaped);
                text = rest;
            }
            _ if byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte) => {
                local.push(byte);
                text = rest;
            }
            _ => break,
        }
    }
    let two_dots = local.windows(2).any(|pair| pair == b"..");
    let misplaced = local.first().is_none_or(|&byte| byte == b'.') || local.ends_with(b".");
    (!two_dots && !misplaced).then_some((local, text))
}

/// Whether `host` looks like a host name to Fabric: letters, digits, inner dashes, `_` and `:`, and a
/// first label that may be `*`; one final dot is ignored.
// Fabric: msp/mspimpl.go:validHostname.
pub(super) fn is_host_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let legal = |(at, byte): (usize, u8)| {
        byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':' || (byte == b'-' && at != 0)
    };
    !host.is_empty()
        && host.split('.').enumerate().all(|(at, label)| {
            at == 0 && label == "*" || !label.is_empty() && label.bytes().enumerate().all(legal)
        })
}
