//! The extensions that Go's `crypto/x509` knows, read as it reads them.
//!
//! Every known extension must parse, whether it is used here or not, because a certificate with a
//! broken one is no certificate in Go. A critical extension that is not fully understood is noted;
//! chain building refuses it.

use crate::x509::chain::Purpose;
use crate::x509::der::{Reader, tag};
use crate::x509::error::{Error, OrMalformed as _};
use crate::x509::general_names::{NameConstraints, SubjectAltNames};

/// One extension as it stands in the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Content of the DER object identifier.
    pub id: &'a [u8],
    /// Whether it is critical.
    pub critical: bool,
    /// Content of the octet string.
    pub value: &'a [u8],
}

/// 2.5.29.14.
pub(super) const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 14];
/// 2.5.29.17.
pub(super) const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
/// 2.5.29.30.
pub(super) const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
/// 2.5.29.35.
pub(super) const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 35];

/// 2.5.29.37.0, anyExtendedKeyUsage.
const ANY_USAGE: &[u8] = &[0x55, 0x1d, 37, 0];
/// 1.3.6.1.5.5.7.3.1, serverAuth.
const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// Client authentication.
const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
/// 1.3.6.1.5.5.7.1.1.
const AUTHORITY_INFO_ACCESS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 1];

impl<'a> Extension<'a> {
    /// Reads the inside of an `Extension` sequence; what follows the value is ignored.
    fn parse(mut fields: Reader<'a>) -> Result<Self, Error> {
        const PART: &str = "extension";
        let id = fields.object_identifier().or_malformed(PART)?;
        let critical = fields.at(tag::BOOLEAN) && fields.boolean().or_malformed(PART)?;
        let value = fields.content(tag::OCTET_STRING).or_malformed(PART)?;
        Ok(Self {
            id,
            critical,
            value,
        })
    }

    /// Reads the inside of an `Extensions` sequence.
    pub(super) fn parse_all(mut sequence: Reader<'a>) -> Result<Vec<Self>, Error> {
        let mut extensions = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while !sequence.is_empty() {
            let extension = Self::parse(sequence.nested(tag::SEQUENCE).or_malformed("extension")?)?;
            if !seen.insert(extension.id) {
                return Err(Error::DuplicateExtension);
            }
            extensions.push(extension);
        }
        Ok(extensions)
    }
}

/// Basic constraints (RFC 5280 section 4.2.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BasicConstraints {
    pub(super) is_ca: bool,
    pub(super) max_path_len: Option<u64>,
}

/// A policy mapping: object identifiers as they stand, not checked (as Go).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PolicyMapping<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
}

/// What the known extensions say.
#[derive(Debug, Default)]
pub(super) struct Known<'a> {
    pub(super) basic_constraints: Option<BasicConstraints>,
    pub(super) key_usage: u16,
    pub(super) ext_key_usages: Vec<&'a [u8]>,
    pub(super) subject_key_id: &'a [u8],
    pub(super) authority_key_id: &'a [u8],
    pub(super) alt_names: SubjectAltNames<'a>,
    pub(super) name_constraints: NameConstraints<'a>,
    pub(super) policies: Vec<&'a [u8]>,
    pub(super) policy_mappings: Vec<PolicyMapping<'a>>,
    /// `None` also where the number is negative, which Go treats alike.
    pub(super) require_explicit_policy: Option<u64>,
    pub(super) inhibit_policy_mapping: Option<u64>,
    pub(super) inhibit_any_policy: Option<u64>,
    /// A critical extension is unknown or not fully understood.
    pub(super) unhandled_critical: bool,
}

impl<'a> Known<'a> {
    /// Reads every known extension.
    // Fabric: Go's x509 processExtensions.
    pub(super) fn parse(extensions: &[Extension<'a>]) -> Result<Self, Error> {
        let mut known = Self::default();
        for extension in extensions {
            let handled = known.take(extension)?;
            known.unhandled_critical |= extension.critical && !handled;
        }
        Ok(known)
    }

    /// Reads one extension; returns whether it is understood in full.
    fn take(&mut self, extension: &Extension<'a>) -> Result<bool, Error> {
        let value = Reader(extension.value);
        match *extension.id {
            [0x55, 0x1d, 14] => self.subject_key_id = subject_key_id(extension)?,
            [0x55, 0x1d, 15] => self.key_usage = key_usage(value)?,
            [0x55, 0x1d, 17] => {
                self.alt_names = SubjectAltNames::parse(value)?;
                return Ok(!self.alt_names.is_empty());
            }
            [0x55, 0x1d, 19] => self.basic_constraints = Some(basic_constraints(value)?),
            [0x55, 0x1d, 30] => {
                self.name_constraints = NameConstraints::parse(value)?;
                return Ok(!self.name_constraints.unhandled);
            }
            [0x55, 0x1d, 31] => {
                crl_distribution_points(value).or_malformed("CRL distribution points")?
            }
            [0x55, 0x1d, 32] => {
                self.policies = policies(value).or_malformed("certificate policies")?
            }
            [0x55, 0x1d, 33] => {
                self.policy_mappings = policy_mappings(value).or_malformed("policy mappings")?;
            }
            [0x55, 0x1d, 35] => self.authority_key_id = authority_key_id(extension)?,
            [0x55, 0x1d, 36] => {
                (self.require_explicit_policy, self.inhibit_policy_mapping) =
                    policy_constraints(value).or_malformed("policy constraints")?;
            }
            [0x55, 0x1d, 37] => {
                self.ext_key_usages = ext_key_usages(value).or_malformed("extended key usages")?;
            }
            [0x55, 0x1d, 54] => {
                let skipped = Reader(extension.value)
                    .int64()
                    .or_malformed("inhibit any policy")?;
                self.inhibit_any_policy = u64::try_from(skipped).ok();
            }
            _ if extension.id == AUTHORITY_INFO_ACCESS => authority_info_access(extension)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether the certificate may be used for that.
    pub(super) fn allows(&self, purpose: Purpose) -> bool {
        let wanted = match purpose {
            Purpose::Server => SERVER_AUTH,
            Purpose::Client => CLIENT_AUTH,
        };
        self.ext_key_usages.is_empty()
            || self
                .ext_key_usages
                .iter()
                .any(|&usage| usage == ANY_USAGE || usage == wanted)
    }
}

fn subject_key_id<'a>(extension: &Extension<'a>) -> Result<&'a [u8], Error> {
    const PART: &str = "subject key identifier";
    if extension.critical {
        return Err(Error::CriticalExtension { extension: PART });
    }
    Reader(extension.value)
        .content(tag::OCTET_STRING)
        .or_malformed(PART)
}

/// The key identifier, empty without one.
fn authority_key_id<'a>(extension: &Extension<'a>) -> Result<&'a [u8], Error> {
    const PART: &str = "authority key identifier";
    if extension.critical {
        return Err(Error::CriticalExtension { extension: PART });
    }
    let mut fields = Reader(extension.value)
        .nested(tag::SEQUENCE)
        .or_malformed(PART)?;
    let key_id = fields.optional(tag::context(0)).or_malformed(PART)?;
    Ok(key_id.map_or(&[], |key_id| key_id.0))
}

fn key_usage(mut value: Reader<'_>) -> Result<u16, Error> {
    let bits = value.bit_string().or_malformed("key usage")?;
    Ok((0..9)
        .filter(|&bit| bits.bit(bit))
        .fold(0, |usage, bit| usage | 1 << bit))
}

fn basic_constraints(mut value: Reader<'_>) -> Result<BasicConstraints, Error> {
    const PART: &str = "basic constraints";
    let mut fields = value.nested(tag::SEQUENCE).or_malformed(PART)?;
    let is_ca = fields.at(tag::BOOLEAN) && fields.boolean().or_malformed(PART)?;
    let max_path_len = if fields.at(tag::INTEGER) {
        let length = fields.int64().and_then(|length| u64::try_from(length).ok());
        Some(length.or_malformed(PART)?)
    } else {
        None
    };
    Ok(BasicConstraints {
        is_ca,
        max_path_len,
    })
}

fn crl_distribution_points(mut value: Reader<'_>) -> Option<()> {
    let mut points = value.nested(tag::SEQUENCE)?;
    while !points.is_empty() {
        let mut point = points.nested(tag::SEQUENCE)?;
        let Some(mut name) = point.optional(tag::constructed(0))? else {
            continue;
        };
        let mut full_name = name.nested(tag::constructed(0))?;
        while full_name.at(tag::context(6)) {
            full_name.content(tag::context(6))?;
        }
    }
    Some(())
}

fn policies(mut value: Reader<'_>) -> Option<Vec<&[u8]>> {
    let mut sequence = value.nested(tag::SEQUENCE)?;
    let mut policies = Vec::new();
    let mut seen = std::collections::HashSet::new();
    while !sequence.is_empty() {
        let policy = sequence
            .nested(tag::SEQUENCE)?
            .content(tag::OBJECT_IDENTIFIER)?;
        if !seen.insert(policy) || !is_long_object_identifier(policy) {
            return None;
        }
        policies.push(policy);
    }
    Some(policies)
}

/// Whether these bytes are an object identifier whose numbers may have any size.
fn is_long_object_identifier(content: &[u8]) -> bool {
    let minimal = content
        .split_inclusive(|byte| *byte < 0x80)
        .all(|number| number.first() != Some(&0x80));
    content.last().is_some_and(|byte| *byte < 0x80) && minimal
}

fn policy_mappings(mut value: Reader<'_>) -> Option<Vec<PolicyMapping<'_>>> {
    let mut sequence = value.nested(tag::SEQUENCE)?;
    let mut mappings = Vec::new();
    while !sequence.is_empty() {
        let mut mapping = sequence.nested(tag::SEQUENCE)?;
        let issuer = mapping.content(tag::OBJECT_IDENTIFIER)?;
        let subject = mapping.content(tag::OBJECT_IDENTIFIER)?;
        mappings.push(PolicyMapping { issuer, subject });
    }
    Some(mappings)
}

fn policy_constraints(mut value: Reader<'_>) -> Option<(Option<u64>, Option<u64>)> {
    let mut fields = value.nested(tag::SEQUENCE)?;
    let mut numbers = [None; 2];
    for (number, context) in numbers.iter_mut().zip([tag::context(0), tag::context(1)]) {
        if fields.at(context) {
            *number = u64::try_from(fields.int64_tagged(context)?).ok();
        }
    }
    let [require_explicit_policy, inhibit_policy_mapping] = numbers;
    Some((require_explicit_policy, inhibit_policy_mapping))
}

fn ext_key_usages(mut value: Reader<'_>) -> Option<Vec<&[u8]>> {
    let mut sequence = value.nested(tag::SEQUENCE)?;
    let mut usages = Vec::new();
    while !sequence.is_empty() {
        usages.push(sequence.object_identifier()?);
    }
    Some(usages)
}

fn authority_info_access(extension: &Extension<'_>) -> Result<(), Error> {
    const PART: &str = "authority information access";
    if extension.critical {
        return Err(Error::CriticalExtension { extension: PART });
    }
    let mut sequence = Reader(extension.value)
        .nested(tag::SEQUENCE)
        .or_malformed(PART)?;
    while !sequence.is_empty() {
        let mut access = sequence.nested(tag::SEQUENCE).or_malformed(PART)?;
        access.object_identifier().or_malformed(PART)?;
        access.optional(tag::context(6)).or_malformed(PART)?;
    }
    Ok(())
}
