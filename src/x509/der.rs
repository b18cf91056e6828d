//! DER as Go's `cryptobyte` reads it: what `crypto/x509` parses certificates with.
//!
//! - one-byte identifiers only; they are compared as a whole, class and constructed bit included;
//! - minimal lengths of at most four bytes; minimal integers;
//! - a reader never looks past the element that it was made from.
//!
//! Knows nothing of certificates.

/// Identifier bytes.
pub(super) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const NUMERIC_STRING: u8 = 0x12;
    pub(crate) const PRINTABLE_STRING: u8 = 0x13;
    pub(crate) const T61_STRING: u8 = 0x14;
    pub(crate) const IA5_STRING: u8 = 0x16;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const BMP_STRING: u8 = 0x1e;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// `[number]`, primitive.
    pub(crate) const fn context(number: u8) -> u8 {
        0x80 | number
    }

    /// `[number]`, constructed.
    pub(crate) const fn constructed(number: u8) -> u8 {
        0xa0 | number
    }
}

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// With identifier and length.
    pub(super) full: &'a [u8],
}

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether the next byte is `tag`.
    pub(super) fn at(self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// The next element, whatever it is.
    pub(super) fn any(&mut self) -> Option<Element<'a>> {
        let (&[tag, first], rest) = self.0.split_first_chunk::<2>()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x80 => return None,
            _ => long_length(rest, usize::from(first & 0x7f))?,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let (full, _) = self.0.split_at_checked(self.0.len() - rest.len())?;
        self.0 = rest;
        Some(Element { tag, content, full })
    }

    /// The next element, which must have this tag.
    pub(super) fn element(&mut self, tag: u8) -> Option<Element<'a>> {
        self.any().filter(|element| element.tag == tag)
    }

    /// The content of the next element, which must have this tag.
    pub(super) fn content(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element(tag).map(|element| element.content)
    }

    /// The content of the next element, to be read further.
    pub(super) fn nested(&mut self, tag: u8) -> Option<Self> {
        self.content(tag).map(Self)
    }

    /// The content of the next element if it has this tag; `None` where it has and is malformed.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Option<Self>> {
        if self.at(tag) {
            self.nested(tag).map(Some)
        } else {
            Some(None)
        }
    }

    /// The content of a minimal integer: two's complement, never empty.
    pub(super) fn integer(&mut self) -> Option<&'a [u8]> {
        self.content(tag::INTEGER)
            .filter(|content| is_minimal_integer(content))
    }

    /// An integer of at most 64 bits.
    pub(super) fn int64(&mut self) -> Option<i64> {
        self.int64_tagged(tag::INTEGER)
    }

    /// An integer of at most 64 bits under an implicit tag.
    pub(super) fn int64_tagged(&mut self, tag: u8) -> Option<i64> {
        self.content(tag).and_then(to_int64)
    }

    /// TRUE is 0xff and FALSE is 0.
    pub(super) fn boolean(&mut self) -> Option<bool> {
        match self.content(tag::BOOLEAN)? {
            [0] => Some(false),
            [0xff] => Some(true),
            _ => None,
        }
    }

    pub(super) fn bit_string(&mut self) -> Option<BitString<'a>> {
        self.content(tag::BIT_STRING).and_then(BitString::new)
    }

    /// The content of an object identifier whose numbers are minimal and have at most 31 bits.
    /// Equal identifiers are equal bytes.
    pub(super) fn object_identifier(&mut self) -> Option<&'a [u8]> {
        self.content(tag::OBJECT_IDENTIFIER)
            .filter(|content| is_object_identifier(content))
    }
}

/// A length in `count` bytes: no leading zero, and not one that fits the short form.
fn long_length(bytes: &[u8], count: usize) -> Option<(usize, &[u8])> {
    if count > 4 {
        return None;
    }
    let (digits, rest) = bytes.split_at_checked(count)?;
    if digits.first() == Some(&0) {
        return None;
    }
    let length = digits
        .iter()
        .fold(0_u64, |sum, &digit| sum << 8 | u64::from(digit));
    if length < 0x80 {
        return None;
    }
    Some((usize::try_from(length).ok()?, rest))
}

/// Whether these bytes are an integer in two's complement, in as few bytes as possible.
pub(super) fn is_minimal_integer(content: &[u8]) -> bool {
    !matches!(content, [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..])
}

/// A minimal integer of at most eight bytes.
pub(super) fn to_int64(content: &[u8]) -> Option<i64> {
    if content.len() > 8 || !is_minimal_integer(content) {
        return None;
    }
    let negative = content.first().is_some_and(|&byte| byte >= 0x80);
    let start = if negative { -1 } else { 0 };
    Some(
        content
            .iter()
            .fold(start, |sum, &byte| sum << 8 | i64::from(byte)),
    )
}

/// Whether these bytes are an object identifier: numbers in base 128, minimal, below 2^31.
pub(super) fn is_object_identifier(content: &[u8]) -> bool {
    let mut number = 0_u64;
    let mut started = false;
    for &byte in content {
        if !started && byte == 0x80 {
            return false;
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if number > i32::MAX.unsigned_abs().into() {
            return false;
        }
        started = byte >= 0x80;
        if !started {
            number = 0;
        }
    }
    !content.is_empty() && !started
}

/// A bit string: whole bytes, the last of which may have unused bits, all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BitString<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) unused: u8,
}

impl<'a> BitString<'a> {
    /// From the content of a BIT STRING.
    pub(super) fn new(content: &'a [u8]) -> Option<Self> {
        let (&unused, bytes) = content.split_first()?;
        let padding_zero = match bytes.last() {
            Some(last) => unused <= 7 && last & ((1 << unused) - 1) == 0,
            None => unused == 0,
        };
        padding_zero.then_some(Self { bytes, unused })
    }

    /// Whether bit `index` (from the left) is set.
    pub(super) fn bit(self, index: usize) -> bool {
        let within = index < 8 * self.bytes.len() - usize::from(self.unused);
        within
            && self
                .bytes
                .get(index / 8)
                .is_some_and(|byte| byte >> (7 - index % 8) & 1 == 1)
    }

    /// The bits moved right so that the last one ends a byte (Go: `asn1.BitString.RightAlign`).
    pub(super) fn right_aligned(self) -> std::borrow::Cow<'a, [u8]> {
        if self.unused == 0 {
            return self.bytes.into();
        }
        let carried = self.bytes.iter().scan(0, |previous: &mut u8, &byte| {
            let aligned = *previous << (8 - self.unused) | byte >> self.unused;
            *previous = byte;
            Some(aligned)
        });
        carried.collect::<Vec<u8>>().into()
    }
}
