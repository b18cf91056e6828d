//! Name constraints, checked as Go 1.26 checks them.
//!
//! Go keeps each list of subtrees sorted, without those that their predecessor covers, and compares a
//! name with one nearest subtree only. Where that search misses a subtree, so do we: the
//! verdict is Go's, not RFC 5280's.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::x509::Certificate;
use crate::x509::general_names::{IpRange, SubjectAltNames, Subtrees, is_mapped};
use crate::x509::names::{Mailbox, is_domain_name};
use crate::x509::uri;

/// Whether every alternative name in the chain is within the constraints of the authorities above.
// Fabric: Go's x509 checkChainConstraints.
pub(super) fn are_met(chain: &[Certificate]) -> bool {
    let constraints: Vec<(usize, Constraints<'_>)> = chain
        .iter()
        .enumerate()
        .filter(|(_, certificate)| certificate.has_name_constraints())
        .map(|(index, certificate)| (index, Constraints::new(certificate)))
        .collect();
    if constraints.is_empty() {
        return true;
    }
    let named = chain
        .iter()
        .enumerate()
        .filter(|(_, one)| one.alt_names_extension().is_some());
    for (index, certificate) in named {
        let above = constraints.partition_point(|(at, _)| *at <= index);
        let above = constraints.get(above..).unwrap_or_default();
        if above.is_empty() {
            return true; // no authority further up constrains anything
        }
        let Some(names) = Names::new(&certificate.parsed().known.alt_names) else {
            return false;
        };
        if !above
            .iter()
            .all(|(_, constraints)| constraints.allow(&names))
        {
            return false;
        }
    }
    true
}

/// A certificate's alternative names, in the form in which they are compared.
struct Names<'a> {
    dns: &'a [&'a [u8]],
    ips: &'a [&'a [u8]],
    uri_domains: Vec<Vec<u8>>,
    mailboxes: Vec<Mailbox>,
}

impl<'a> Names<'a> {
    /// `None` where a name cannot be compared with any constraint.
    fn new(names: &'a SubjectAltNames<'a>) -> Option<Self> {
        let uri_domains = names
            .uri_hosts
            .iter()
            .map(|host| uri::constrained_domain(host))
            .collect::<Option<_>>()?;
        let mailboxes = names
            .emails
            .iter()
            .map(|email| Mailbox::parse(email).map(lower_case_domain))
            .collect::<Option<_>>()?;
        Some(Self {
            dns: &names.dns,
            ips: &names.ips,
            uri_domains,
            mailboxes,
        })
    }
}

fn lower_case_domain(mailbox: Mailbox) -> Mailbox {
    Mailbox {
        domain: mailbox.domain.to_ascii_lowercase(),
        ..mailbox
    }
}

struct Constraints<'a> {
    permitted: Lists<'a>,
    excluded: Lists<'a>,
}

impl<'a> Constraints<'a> {
    fn new(authority: &'a Certificate) -> Self {
        let constraints = &authority.parsed().known.name_constraints;
        Self {
            permitted: Lists::new(&constraints.permitted, true),
            excluded: Lists::new(&constraints.excluded, false),
        }
    }

    fn allow(&self, names: &Names<'_>) -> bool {
        let both = |query: &dyn Fn(&Lists<'a>) -> Option<bool>| {
            query(&self.permitted) != Some(false) && query(&self.excluded) != Some(true)
        };
        names.ips.iter().all(|ip| both(&|lists| lists.match_ip(ip)))
            && names.dns.iter().all(|name| {
                is_domain_name(name, false) && both(&|lists| lists.dns.as_ref()?.matches(name))
            })
            && names.uri_domains.iter().all(|domain| {
                is_domain_name(domain, false) && both(&|lists| lists.uris.as_ref()?.matches(domain))
            })
            && names.mailboxes.iter().all(|mailbox| {
                is_domain_name(&mailbox.domain, false)
                    && both(&|lists| lists.emails.as_ref()?.matches(mailbox))
            })
    }
}

/// The lists of one direction. A kind without subtrees is not constrained: `None`.
struct Lists<'a> {
    ips: Option<[Vec<Network<'a>>; 2]>,
    dns: Option<Domains<'a>>,
    uris: Option<Domains<'a>>,
    emails: Option<Emails<'a>>,
}

impl<'a> Lists<'a> {
    fn new(subtrees: &Subtrees<'a>, permitted: bool) -> Self {
        Self {
            ips: networks(&subtrees.ips),
            dns: Domains::new(subtrees.dns.clone(), permitted),
            uris: Domains::new(subtrees.uri_domains.clone(), permitted),
            emails: Emails::new(&subtrees.emails, permitted),
        }
    }

    fn match_ip(&self, ip: &[u8]) -> Option<bool> {
        let [v4, v6] = self.ips.as_ref()?;
        let networks = if ip.len() == 4 { v4 } else { v6 };
        let order = |network: &Network<'_>| network.address.as_slice().cmp(ip);
        Some(nearest(networks, order).is_some_and(|near| match near {
            Nearest::Equal => true,
            Nearest::Below(network) => network.contains(ip),
        }))
    }
}

enum Nearest<'a, T> {
    Equal,
    /// The last member below the value, or the first of all.
    Below(&'a T),
}

/// Go's search: the first member that is not below the value, and otherwise its predecessor.
fn nearest<T>(sorted: &[T], order: impl Fn(&T) -> Ordering) -> Option<Nearest<'_, T>> {
    let at = sorted.partition_point(|member| order(member) == Ordering::Less);
    if sorted
        .get(at)
        .is_some_and(|member| order(member) == Ordering::Equal)
    {
        return Some(Nearest::Equal);
    }
    sorted.get(at.saturating_sub(1)).map(Nearest::Below)
}

/// Sorts, and drops each member that the last one kept covers.
fn sort_and_prune<T>(
    members: &mut Vec<T>,
    order: impl Fn(&T, &T) -> Ordering,
    covers: impl Fn(&T, &T) -> bool,
) {
    members.sort_by(order);
    members.dedup_by(|later, kept| covers(kept, later));
}

struct Network<'a> {
    /// With the bits outside the mask cleared.
    address: Vec<u8>,
    mask: &'a [u8],
}

fn networks<'a>(ranges: &[IpRange<'a>]) -> Option<[Vec<Network<'a>>; 2]> {
    if ranges.is_empty() {
        return None;
    }
    let network = |range: &IpRange<'a>| Network {
        address: range
            .address
            .iter()
            .zip(range.mask)
            .map(|(byte, mask)| byte & mask)
            .collect(),
        mask: range.mask,
    };
    let (mut v4, mut v6): (Vec<_>, Vec<_>) = ranges
        .iter()
        .map(network)
        .partition(|network| network.address.len() == 4);
    for networks in [&mut v4, &mut v6] {
        let order = |one: &Network<'_>, other: &Network<'_>| {
            (&one.address, one.mask).cmp(&(&other.address, other.mask))
        };
        sort_and_prune(networks, order, Network::covers);
    }
    Some([v4, v6])
}

impl Network<'_> {
    fn covers(&self, other: &Self) -> bool {
        let last: Vec<u8> = other
            .address
            .iter()
            .zip(other.mask)
            .map(|(byte, mask)| byte | !mask)
            .collect();
        self.contains(&other.address) && self.contains(&last)
    }

    /// Go's `IPNet.Contains`: sixteen bytes in the form of an IPv4 address are one.
    fn contains(&self, ip: &[u8]) -> bool {
        if is_mapped(ip) != is_mapped(&self.address) || ip.len() != self.address.len() {
            return false;
        }
        let masked = ip.iter().zip(self.mask).map(|(byte, mask)| byte & mask);
        masked.eq(self.address.iter().copied())
    }
}

/// Domain subtrees, for names and for the hosts of URIs and mailboxes.
enum Domains<'a> {
    All,
    Some {
        sorted: Vec<&'a [u8]>,
        /// Of excluded subtrees: their parents with a leading dot, in lower case, for wildcards.
        parents: HashSet<Vec<u8>>,
    },
}

impl<'a> Domains<'a> {
    fn new(mut domains: Vec<&'a [u8]>, permitted: bool) -> Option<Self> {
        if domains.is_empty() {
            return None;
        }
        if domains.iter().any(|domain| domain.is_empty()) {
            return Some(Self::All);
        }
        sort_and_prune(
            &mut domains,
            |one, other| compare_domains(one, other),
            |kept, later| is_within(later, kept),
        );
        let parents = if permitted {
            HashSet::new()
        } else {
            domains
                .iter()
                .filter_map(|domain| without_first_label(domain))
                .collect()
        };
        Some(Self::Some {
            sorted: domains,
            parents,
        })
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "shape of a query that may not be constrained"
    )]
    fn matches(&self, name: &[u8]) -> Option<bool> {
        let Self::Some { sorted, parents } = self else {
            return Some(true);
        };
        let near = nearest(sorted, |domain| compare_domains(domain, name));
        let found = near.is_some_and(|near| match near {
            Nearest::Equal => true,
            Nearest::Below(domain) => is_within(name, domain),
        });
        let wildcard = || {
            name.starts_with(b"*")
                && without_first_label(name).is_some_and(|parent| parents.contains(&parent))
        };
        Some(found || wildcard())
    }
}

/// What follows the first label, with its dot, in lower case.
fn without_first_label(name: &[u8]) -> Option<Vec<u8>> {
    let dot = name.iter().position(|&byte| byte == b'.')?;
    name.get(dot..).map(<[u8]>::to_ascii_lowercase)
}

/// Order from the last character to the first, without case, the dot before everything else.
fn compare_domains(one: &[u8], other: &[u8]) -> Ordering {
    let key = |byte: &u8| {
        if *byte == b'.' {
            0
        } else {
            byte.to_ascii_lowercase()
        }
    };
    one.iter().rev().map(key).cmp(other.iter().rev().map(key))
}

/// Whether `name` ends with `domain` at the beginning of a label; a domain with a leading dot is met by
/// longer names only.
// Fabric: Go's x509 dnsHasSuffix.
fn is_within(name: &[u8], domain: &[u8]) -> bool {
    let Some(before) = name.len().checked_sub(domain.len()) else {
        return false;
    };
    let (head, tail) = name.split_at_checked(before).unwrap_or_default();
    tail.eq_ignore_ascii_case(domain)
        && (domain.starts_with(b".") || head.last().is_none_or(|&byte| byte == b'.'))
}

/// Mailbox subtrees: whole mailboxes, and domains.
struct Emails<'a> {
    whole: HashSet<Mailbox>,
    domains: Option<Domains<'a>>,
}

impl<'a> Emails<'a> {
    fn new(subtrees: &[&'a [u8]], permitted: bool) -> Option<Self> {
        if subtrees.is_empty() {
            return None;
        }
        let (whole, domains): (Vec<_>, Vec<_>) = subtrees
            .iter()
            .copied()
            .partition(|subtree| subtree.contains(&b'@'));
        let whole = whole
            .into_iter()
            .filter_map(|text| Mailbox::parse(text).map(lower_case_domain));
        Some(Self {
            whole: whole.collect(),
            domains: Domains::new(domains, permitted),
        })
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "shape of a query that may not be constrained"
    )]
    fn matches(&self, mailbox: &Mailbox) -> Option<bool> {
        let domain = || {
            self.domains
                .as_ref()
                .and_then(|domains| domains.matches(&mailbox.domain))
        };
        Some(self.whole.contains(mailbox) || domain() == Some(true))
    }
}
