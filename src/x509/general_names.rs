//! Subject alternative names and name constraints, as they stand in their extensions.

use std::net::IpAddr;

use crate::x509::der::{Reader, tag};
use crate::x509::error::{Error, OrMalformed as _};
use crate::x509::names::{Mailbox, is_domain_name};
use crate::x509::uri;

const EMAIL: u8 = tag::context(1);
const DNS: u8 = tag::context(2);
const URI: u8 = tag::context(6);
const IP: u8 = tag::context(7);

/// The alternative names of the four kinds that Go reads; others are skipped.
#[derive(Debug, Default)]
pub(super) struct SubjectAltNames<'a> {
    pub(super) dns: Vec<&'a [u8]>,
    pub(super) emails: Vec<&'a [u8]>,
    /// 4 or 16 bytes each.
    pub(super) ips: Vec<&'a [u8]>,
    /// Of a URI only the host matters.
    pub(super) uri_hosts: Vec<Vec<u8>>,
}

impl<'a> SubjectAltNames<'a> {
    // Fabric: Go's x509 parseSANExtension.
    pub(super) fn parse(mut value: Reader<'a>) -> Result<Self, Error> {
        const PART: &str = "subject alternative name";
        let mut names = Self::default();
        let mut sequence = value.nested(tag::SEQUENCE).or_malformed(PART)?;
        while !sequence.is_empty() {
            let name = sequence.any().or_malformed(PART)?;
            let ascii = name.content.is_ascii().then_some(name.content);
            match name.tag {
                EMAIL => names.emails.push(ascii.or_malformed(PART)?),
                DNS => names.dns.push(ascii.or_malformed(PART)?),
                URI => {
                    let host = ascii.and_then(uri::host);
                    let host = host.filter(|host| is_domain_name(host, false));
                    names.uri_hosts.push(host.or_malformed(PART)?);
                }
                IP if is_ip(name.content) => names.ips.push(name.content),
                IP => return Err(Error::Malformed { part: PART }),
                _ => {}
            }
        }
        Ok(names)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.dns.is_empty()
            && self.emails.is_empty()
            && self.ips.is_empty()
            && self.uri_hosts.is_empty()
    }
}

/// Four bytes, or sixteen that are not an IPv4 address in IPv6 form.
fn is_ip(bytes: &[u8]) -> bool {
    bytes.len() == 4 || bytes.len() == 16 && !is_mapped(bytes)
}

/// Whether sixteen bytes are `::ffff:a.b.c.d`.
pub(super) fn is_mapped(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, _, _, _, _]
    )
}

/// A range of addresses: 4 or 16 bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IpRange<'a> {
    pub(super) address: &'a [u8],
    pub(super) mask: &'a [u8],
}

/// Subtrees of one direction, by kind.
#[derive(Debug, Default)]
pub(super) struct Subtrees<'a> {
    pub(super) dns: Vec<&'a [u8]>,
    pub(super) ips: Vec<IpRange<'a>>,
    pub(super) emails: Vec<&'a [u8]>,
    pub(super) uri_domains: Vec<&'a [u8]>,
}

/// The name constraints of an authority.
#[derive(Debug, Default)]
pub(super) struct NameConstraints<'a> {
    pub(super) permitted: Subtrees<'a>,
    pub(super) excluded: Subtrees<'a>,
    /// There is a subtree of a kind that Go does not know.
    pub(super) unhandled: bool,
}

impl<'a> NameConstraints<'a> {
    // Fabric: Go's x509 parseNameConstraintsExtension.
    pub(super) fn parse(mut value: Reader<'a>) -> Result<Self, Error> {
        const PART: &str = "name constraints";
        let mut fields = value.nested(tag::SEQUENCE).or_malformed(PART)?;
        let permitted = fields.optional(tag::constructed(0)).or_malformed(PART)?;
        let excluded = fields.optional(tag::constructed(1)).or_malformed(PART)?;
        if !value.is_empty() || !fields.is_empty() {
            return Err(Error::Trailing { part: PART });
        }
        let [permitted, excluded] = [permitted, excluded].map(|list| list.unwrap_or(Reader(&[])));
        if permitted.is_empty() && excluded.is_empty() {
            return Err(Error::Malformed { part: PART });
        }
        let mut unhandled = false;
        let permitted = Subtrees::parse(permitted, &mut unhandled).or_malformed(PART)?;
        let excluded = Subtrees::parse(excluded, &mut unhandled).or_malformed(PART)?;
        Ok(Self {
            permitted,
            excluded,
            unhandled,
        })
    }
}

impl<'a> Subtrees<'a> {
    fn parse(mut list: Reader<'a>, unhandled: &mut bool) -> Option<Self> {
        let mut subtrees = Self::default();
        while !list.is_empty() {
            // Minimum and maximum behind the base are not looked at.
            let base = list.nested(tag::SEQUENCE)?.any()?;
            let ascii = base.content.is_ascii().then_some(base.content);
            match base.tag {
                DNS => {
                    subtrees
                        .dns
                        .push(ascii.filter(|domain| is_domain_name(domain, true))?);
                }
                EMAIL => {
                    let legal = |mailbox: &&[u8]| match mailbox.contains(&b'@') {
                        true => Mailbox::parse(mailbox).is_some(),
                        false => is_domain_name(mailbox, true),
                    };
                    subtrees.emails.push(ascii.filter(legal)?);
                }
                URI => {
                    let legal =
                        |domain: &&[u8]| !is_plain_ip(domain) && is_domain_name(domain, true);
                    subtrees.uri_domains.push(ascii.filter(legal)?);
                }
                IP => subtrees.ips.push(IpRange::parse(base.content)?),
                _ => *unhandled = true,
            }
        }
        Some(subtrees)
    }
}

/// Whether the text is an IP address without a zone (Go: `net.ParseIP`).
fn is_plain_ip(text: &[u8]) -> bool {
    matches!(
        uri::parse_ip(text),
        Some((IpAddr::V4(_) | IpAddr::V6(_), false))
    )
}

impl<'a> IpRange<'a> {
    fn parse(content: &'a [u8]) -> Option<Self> {
        if !matches!(content.len(), 8 | 32) {
            return None;
        }
        let (address, mask) = content.split_at_checked(content.len() / 2)?;
        (is_mask(mask) && !is_mapped(address)).then_some(Self { address, mask })
    }
}

/// Ones, then zeros.
fn is_mask(mask: &[u8]) -> bool {
    let mut rest = mask.iter().skip_while(|byte| **byte == 0xff);
    rest.next()
        .is_none_or(|byte| byte.leading_ones() + byte.trailing_zeros() == 8)
        && rest.all(|byte| *byte == 0)
}
