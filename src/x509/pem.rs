//! The PEM blocks of a text, as Go's `encoding/pem` finds them.
//!
//! Text around the block, headers and the block's label do not matter; a block that is not well
//! formed is skipped. Every byte is looked at a bounded number of times.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// A decoded block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PemBlock<'a> {
    /// What stands after `BEGIN`, such as `CERTIFICATE`.
    pub label: &'a [u8],
    /// The decoded bytes.
    pub bytes: Vec<u8>,
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"\n-----END ";
const DASHES: &[u8] = b"-----";

/// Go does not ask that the unused bits of the last character are zero.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// The first well-formed block.
///
// Fabric: msp/mspimpl.go:getCertFromPem over Go's pem.Decode.
#[must_use]
pub fn first_block(text: &[u8]) -> Option<PemBlock<'_>> {
    blocks(text).next()
}

/// Every well-formed block, in order.
///
// Fabric: Go's pem.Decode, called until it finds nothing more.
pub fn blocks(text: &[u8]) -> impl Iterator<Item = PemBlock<'_>> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        loop {
            match attempt(rest?) {
                Some(Attempt::Block(block, next)) => {
                    rest = Some(next);
                    return Some(block);
                }
                Some(Attempt::Skip(next)) => rest = Some(next),
                None => rest = None,
            }
        }
    })
}

enum Attempt<'a> {
    /// A block, and what follows its END.
    Block(PemBlock<'a>, &'a [u8]),
    /// Not a block: go on behind its END.
    Skip(&'a [u8]),
}

/// Tries the block that ends at the first END line: it begins at the last BEGIN before it.
fn attempt(text: &[u8]) -> Option<Attempt<'_>> {
    let end = find(text, END)?;
    let behind_end = text.get(end + END.len()..)?;
    let skip = Some(Attempt::Skip(behind_end));
    let before_end = text.get(..end)?;
    let begin = match rfind(before_end, BEGIN) {
        Some(begin) if begin == 0 || before_end.get(begin - 1) == Some(&b'\n') => begin,
        _ => return skip,
    };
    let (type_line, mut body) = line(text.get(begin + BEGIN.len()..)?);
    let Some(label) = type_line.strip_suffix(DASHES) else {
        return skip;
    };
    let mut headers = false;
    loop {
        if body.is_empty() {
            return None; // as Go: a BEGIN with nothing but headers ends the search
        }
        let (header, next) = line(body);
        if !header.contains(&b':') {
            break;
        }
        headers = true;
        body = next;
    }
    // What is left of the body before END; negative where lines were read past it.
    let Some(tail_length) = text.len().checked_sub(body.len()) else {
        return skip;
    };
    let content = match end.checked_sub(tail_length) {
        Some(length) => body.get(..length)?,
        None if tail_length > end + END.len() => return None, // as Go: END itself was a header
        None if headers => return skip,
        None => &[],
    };
    if !ends_with_label(behind_end, label) {
        return skip;
    }
    match decode(content) {
        Some(bytes) => Some(Attempt::Block(PemBlock { label, bytes }, behind_end)),
        None => skip,
    }
}

/// Whether an END line goes on with the label and dashes, and then has nothing but blanks.
fn ends_with_label(behind_end: &[u8], label: &[u8]) -> bool {
    behind_end
        .strip_prefix(label)
        .and_then(|rest| rest.strip_prefix(DASHES))
        .is_some_and(|rest| line(rest).0.is_empty())
}

fn decode(content: &[u8]) -> Option<Vec<u8>> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let characters: Cow<'_, [u8]> = if content.iter().any(blank) {
        content
            .iter()
            .filter(|byte| !blank(byte))
            .copied()
            .collect::<Vec<u8>>()
            .into()
    } else {
        content.into()
    };
    BASE64.decode(&characters).ok()
}

/// The first line without its end and trailing blanks, and what follows it.
fn line(text: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = match text.iter().position(|&byte| byte == b'\n') {
        Some(at) => (text.get(..at), text.get(at + 1..)),
        None => (Some(text), None),
    };
    let line = line.unwrap_or_default();
    let line = if rest.is_some() {
        line.strip_suffix(b"\r").unwrap_or(line)
    } else {
        line
    };
    let blanks = line
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    (
        line.get(..line.len() - blanks).unwrap_or_default(),
        rest.unwrap_or_default(),
    )
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len())
        .position(|window| window == pattern)
}

fn rfind(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len())
        .rposition(|window| window == pattern)
}
