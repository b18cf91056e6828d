//! DER as Go's `encoding/asn1` reads it: what Fabric reads revocation lists, key identifiers and
//! certificates to be re-encoded with.
//!
//! It differs from `cryptobyte` ([`super::der`]): identifiers of several bytes exist, a field that is
//! optional is absent when its identifier differs, bytes at the end of a sequence are ignored unless
//! an optional field looks at them. Knows nothing of certificates.

use crate::x509::der::{BitString, is_minimal_integer, is_object_identifier, to_int64};
use crate::x509::names::decode_string;
use crate::x509::{der::tag, time};

/// What Go's struct field asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    class: u8,
    number: u32,
    compound: bool,
}

impl Kind {
    pub(super) const INTEGER: Self = Self::universal(2, false);
    pub(super) const BIT_STRING: Self = Self::universal(3, false);
    pub(super) const OCTET_STRING: Self = Self::universal(4, false);
    pub(super) const OBJECT_IDENTIFIER: Self = Self::universal(6, false);
    pub(super) const BOOLEAN: Self = Self::universal(1, false);
    pub(super) const SEQUENCE: Self = Self::universal(16, true);
    pub(super) const SET: Self = Self::universal(17, true);

    const fn universal(number: u32, compound: bool) -> Self {
        Self {
            class: 0,
            number,
            compound,
        }
    }

    /// An implicit context tag.
    pub(super) const fn context(number: u32, compound: bool) -> Self {
        Self {
            class: 2,
            number,
            compound,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Header {
    kind: Kind,
    length: usize,
}

/// The fields of a struct, read in order. `None` is always a parse error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next field, which must be there and be of this kind.
    pub(super) fn required(&mut self, kind: Kind) -> Option<&'a [u8]> {
        self.optional(kind)?
    }

    /// The next field if it is of this kind.
    #[expect(clippy::option_option, reason = "outer: parses; inner: is there")]
    pub(super) fn optional(&mut self, kind: Kind) -> Option<Option<&'a [u8]>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let (header, rest) = header(self.0)?;
        self.take(header, rest, kind)
    }

    /// The next field under an explicit context tag, if it is there.
    #[expect(clippy::option_option, reason = "outer: parses; inner: is there")]
    pub(super) fn explicit(&mut self, number: u32, kind: Kind) -> Option<Option<&'a [u8]>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let (outer, rest) = header(self.0)?;
        if rest.is_empty() {
            return None;
        }
        let Kind {
            class,
            number: found,
            compound,
        } = outer.kind;
        if class != 2 || found != number || !(outer.length == 0 || compound) {
            return Some(None);
        }
        if outer.length == 0 {
            return None;
        }
        // The inner element is not held within the outer one: Go reads on from where it stands.
        let (inner, rest) = header(rest)?;
        self.take(inner, rest, kind)
    }

    /// The next element of any kind, whole (Go: `asn1.RawValue`).
    #[expect(clippy::option_option, reason = "outer: parses; inner: is there")]
    pub(super) fn raw(&mut self) -> Option<Option<&'a [u8]>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let all = self.0;
        self.any()?;
        all.get(..all.len() - self.0.len()).map(Some)
    }

    /// The next element of any kind: its kind and content.
    pub(super) fn any(&mut self) -> Option<(Kind, &'a [u8])> {
        let (header, rest) = header(self.0)?;
        let (content, rest) = rest.split_at_checked(header.length)?;
        self.0 = rest;
        Some((header.kind, content))
    }

    /// A time of either type, if it is there.
    #[expect(clippy::option_option, reason = "outer: parses; inner: is there")]
    pub(super) fn time(&mut self) -> Option<Option<i64>> {
        let generalized = match self.0.is_empty() {
            true => return Some(None),
            false => header(self.0)?.0.kind.number == u32::from(tag::GENERALIZED_TIME),
        };
        let number = if generalized {
            tag::GENERALIZED_TIME
        } else {
            tag::UTC_TIME
        };
        let Some(text) = self.optional(Kind::universal(number.into(), false))? else {
            return Some(None);
        };
        let seconds = if generalized {
            time::generalized_time_with_fraction(text)
        } else {
            time::utc_time(text)
        };
        seconds.map(Some)
    }

    fn take(&mut self, header: Header, rest: &'a [u8], kind: Kind) -> Option<Option<&'a [u8]>> {
        if header.kind != kind {
            return Some(None);
        }
        let (content, rest) = rest.split_at_checked(header.length)?;
        self.0 = rest;
        Some(Some(content))
    }
}

/// The contents of a sequence's elements, all of which must be of one kind.
pub(super) fn elements(content: &[u8], kind: Kind) -> Option<Vec<&[u8]>> {
    let mut fields = Fields(content);
    let mut elements = Vec::new();
    while !fields.0.is_empty() {
        let (found, element) = fields.any()?;
        if found != kind {
            return None;
        }
        elements.push(element);
    }
    Some(elements)
}

/// `AlgorithmIdentifier`: the identifier and, where present, its parameters as a whole element.
pub(super) fn algorithm_identifier(content: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let mut fields = Fields(content);
    let identifier = object_identifier(fields.required(Kind::OBJECT_IDENTIFIER)?)?;
    Some((identifier, fields.raw()?))
}

pub(super) fn object_identifier(content: &[u8]) -> Option<&[u8]> {
    is_object_identifier(content).then_some(content)
}

/// `Extension`: identifier and value.
pub(super) fn extension(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut fields = Fields(content);
    let id = object_identifier(fields.required(Kind::OBJECT_IDENTIFIER)?)?;
    if let Some(critical) = fields.optional(Kind::BOOLEAN)? {
        matches!(critical, [0] | [0xff]).then_some(())?;
    }
    Some((id, fields.required(Kind::OCTET_STRING)?))
}

/// `RDNSequence`: nothing is kept, it must parse.
pub(super) fn check_name(content: &[u8]) -> Option<()> {
    for set in elements(content, Kind::SET)? {
        for attribute in elements(set, Kind::SEQUENCE)? {
            let mut fields = Fields(attribute);
            object_identifier(fields.required(Kind::OBJECT_IDENTIFIER)?)?;
            check_any(fields.any()?)?;
        }
    }
    Some(())
}

/// A value of any type: the universal primitive ones that Go knows must be well formed.
fn check_any((kind, content): (Kind, &[u8])) -> Option<()> {
    if kind.class != 0 || kind.compound {
        return Some(());
    }
    let Ok(number) = u8::try_from(kind.number) else {
        return Some(());
    };
    match number {
        tag::BOOLEAN => matches!(content, [0] | [0xff]).then_some(()),
        tag::INTEGER => to_int64(content).map(drop),
        tag::BIT_STRING => BitString::new(content).map(drop),
        tag::OBJECT_IDENTIFIER => object_identifier(content).map(drop),
        tag::UTC_TIME => time::utc_time(content).map(drop),
        tag::GENERALIZED_TIME => time::generalized_time_with_fraction(content).map(drop),
        tag::UTF8_STRING
        | tag::NUMERIC_STRING
        | tag::PRINTABLE_STRING
        | tag::T61_STRING
        | tag::IA5_STRING
        | tag::BMP_STRING => decode_string(number, content).map(drop),
        _ => Some(()),
    }
}

/// A minimal integer.
pub(super) fn integer(content: &[u8]) -> Option<&[u8]> {
    is_minimal_integer(content).then_some(content)
}

fn header(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let (&identifier, rest) = bytes.split_first()?;
    let (number, rest) = match identifier & 0x1f {
        0x1f => {
            let (number, rest) = base_128(rest)?;
            (number >= 0x1f).then_some((number, rest))?
        }
        low => (u32::from(low), rest),
    };
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x80 => return None,
        _ => long_length(rest, first & 0x7f)?,
    };
    let kind = Kind {
        class: identifier >> 6,
        number,
        compound: identifier & 0x20 != 0,
    };
    Some((Header { kind, length }, rest))
}

/// A number in base 128 of at most 31 bits, in as few bytes as possible.
fn base_128(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let length = bytes.iter().position(|byte| *byte < 0x80)? + 1;
    let (number, rest) = bytes.split_at_checked(length)?;
    if !is_object_identifier(number) {
        return None;
    }
    let number = number
        .iter()
        .fold(0, |sum, &byte| sum << 7 | u32::from(byte & 0x7f));
    Some((number, rest))
}

/// A length of at most 31 bits: no leading zero, and not one that fits the short form.
fn long_length(mut bytes: &[u8], count: u8) -> Option<(usize, &[u8])> {
    let mut length = 0_usize;
    for _ in 0..count {
        let (&digit, rest) = bytes.split_first()?;
        if length >= 1 << 23 {
            return None;
        }
        length = length << 8 | usize::from(digit);
        if length == 0 {
            return None;
        }
        bytes = rest;
    }
    (length >= 0x80).then_some((length, bytes))
}
