//! The host of a URI as Go's `net/url` finds it, and IP addresses as Go's `net/netip` reads them.
//!
//! Only ASCII comes in. A URI is kept as its host, the only part that name constraints look at.

use std::net::{IpAddr, Ipv6Addr};

/// The host (with port) of a URI, unescaped, possibly empty; `None` where Go does not parse the URI.
// Fabric: Go's url.Parse, reached through subject alternative names.
pub(super) fn host(uri: &[u8]) -> Option<Vec<u8>> {
    let (uri, fragment) = cut(uri, b'#');
    let host = host_without_fragment(uri)?;
    is_well_escaped(fragment).then_some(host)
}

fn host_without_fragment(uri: &[u8]) -> Option<Vec<u8>> {
    if uri.iter().any(u8::is_ascii_control) {
        return None;
    }
    if uri == b"*" {
        return Some(Vec::new());
    }
    let (scheme, rest) = split_scheme(uri)?;
    let (rest, _query) = cut(rest, b'?');
    let Some(hierarchy) = rest.strip_prefix(b"/") else {
        if !scheme.is_empty() {
            return Some(Vec::new()); // opaque: not looked at
        }
        let (segment, _) = cut(rest, b'/');
        return (!segment.contains(&b':') && is_well_escaped(rest)).then(Vec::new);
    };
    let authority = match hierarchy.strip_prefix(b"/") {
        Some(behind) if !scheme.is_empty() || !behind.starts_with(b"/") => behind,
        _ => return is_well_escaped(rest).then(Vec::new),
    };
    let end = authority
        .iter()
        .position(|&byte| byte == b'/')
        .unwrap_or(authority.len());
    let (authority, path) = authority.split_at_checked(end)?;
    let host = authority_host(scheme, authority)?;
    is_well_escaped(path).then_some(host)
}

/// Scheme and rest. Without a scheme it is empty; a URI that begins with a colon is none.
fn split_scheme(uri: &[u8]) -> Option<(&[u8], &[u8])> {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let length = uri.iter().take_while(|byte| legal(byte)).count();
    let (scheme, rest) = uri.split_at_checked(length)?;
    match (scheme, rest) {
        ([], [b':', ..]) => None,
        ([first, ..], [b':', rest @ ..]) if first.is_ascii_alphabetic() => Some((scheme, rest)),
        _ => Some((&[], uri)),
    }
}

fn authority_host(scheme: &[u8], authority: &[u8]) -> Option<Vec<u8>> {
    let Some(at) = authority.iter().rposition(|&byte| byte == b'@') else {
        return unescaped_host(scheme, authority);
    };
    let user = authority.get(..at)?;
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte);
    // Name and password are unescaped apart: an escape may not reach over the colon, and a colon is
    // no hexadecimal digit anyway.
    if !user.iter().all(legal) || !is_well_escaped(user) {
        return None;
    }
    unescaped_host(scheme, authority.get(at + 1..)?)
}

fn unescaped_host(scheme: &[u8], host: &[u8]) -> Option<Vec<u8>> {
    match host.iter().rposition(|&byte| byte == b'[') {
        Some(0) => return bracketed_host(host),
        Some(_) => return None,
        None => {}
    }
    if let Some(first) = host.iter().position(|&byte| byte == b':') {
        let last = host.iter().rposition(|&byte| byte == b':').unwrap_or(first);
        let strict = [b"http".as_slice(), b"https"]
            .iter()
            .any(|name| scheme.eq_ignore_ascii_case(name));
        if !is_optional_port(host.get(if strict { first } else { last }..)?) {
            return None;
        }
    }
    unescape(host, false)
}

/// `[IPv6]`, `[IPv6%25zone]`, each with an optional port.
fn bracketed_host(host: &[u8]) -> Option<Vec<u8>> {
    let close = host.iter().rposition(|&byte| byte == b']')?;
    let (name, port) = (host.get(1..close)?, host.get(close + 1..)?);
    if !is_optional_port(port) {
        return None;
    }
    let name = match name.windows(3).position(|window| window == b"%25") {
        Some(zone) => {
            let (address, zone) = name.split_at_checked(zone)?;
            [unescape(address, false)?, unescape(zone, true)?].concat()
        }
        None => unescape(name, false)?,
    };
    if !matches!(parse_ip(&name), Some((IpAddr::V6(_), _))) {
        return None;
    }
    Some([b"[".as_slice(), &name, b"]", port].concat())
}

fn is_optional_port(port: &[u8]) -> bool {
    match port {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// Whether every percent sign begins an escape.
fn is_well_escaped(text: &[u8]) -> bool {
    unescape_where(text, |_, _| true, |_| true).is_some()
}

/// Unescapes a host, or the zone of an IPv6 address, where more escapes are allowed.
fn unescape(host: &[u8], zone: bool) -> Option<Vec<u8>> {
    let legal = |byte: u8| !byte.is_ascii() || is_host_byte(byte);
    unescape_where(
        host,
        |escape, value| {
            escape == b"%25"
                || if zone {
                    value == b' ' || is_host_byte(value)
                } else {
                    value >= 0x80
                }
        },
        legal,
    )
}

fn unescape_where(
    mut text: &[u8],
    legal_escape: impl Fn(&[u8], u8) -> bool,
    legal: impl Fn(u8) -> bool,
) -> Option<Vec<u8>> {
    let mut unescaped = Vec::with_capacity(text.len());
    while let Some((&byte, rest)) = text.split_first() {
        if byte == b'%' {
            let (escape, behind) = text.split_first_chunk::<3>()?;
            let &[_, high, low] = escape;
            let value = char::from(high).to_digit(16)? << 4 | char::from(low).to_digit(16)?;
            let value = u8::try_from(value).ok()?;
            if !legal_escape(escape, value) {
                return None;
            }
            unescaped.push(value);
            text = behind;
        } else {
            if !legal(byte) {
                return None;
            }
            unescaped.push(byte);
            text = rest;
        }
    }
    Some(unescaped)
}

/// What stands unescaped in a host (Go: `net/url` encoding table, host and zone columns).
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!\"$&'()*+,-.:;<=>[]_~".contains(&byte)
}

/// An IP address and whether it has a zone.
// Fabric: Go's netip.ParseAddr.
pub(super) fn parse_ip(text: &[u8]) -> Option<(IpAddr, bool)> {
    let text = std::str::from_utf8(text).ok()?;
    match text.split_once('%') {
        Some((_, "")) => None,
        Some((address, _zone)) => address
            .parse::<Ipv6Addr>()
            .ok()
            .map(|address| (address.into(), true)),
        None => text.parse::<IpAddr>().ok().map(|address| (address, false)),
    }
}

/// The host that name constraints are compared with: no port; `None` for IP addresses and for hosts that
/// Go cannot take apart.
// Fabric: Go's x509 parseURIs.
pub(super) fn constrained_domain(host: &[u8]) -> Option<Vec<u8>> {
    let mut domain = host.to_ascii_lowercase();
    if domain.is_empty() {
        return None;
    }
    if domain.contains(&b':') && !domain.ends_with(b"]") {
        domain = split_port(host)?.to_vec();
    }
    let bracketed = domain.starts_with(b"[") && domain.ends_with(b"]");
    (!bracketed && parse_ip(&domain).is_none()).then_some(domain)
}

/// The host of `host:port` or `[host]:port`.
// Fabric: Go's net.SplitHostPort.
fn split_port(text: &[u8]) -> Option<&[u8]> {
    let colon = text.iter().rposition(|&byte| byte == b':')?;
    let (host, behind_bracket) = if text.starts_with(b"[") {
        let close = text.iter().position(|&byte| byte == b']')?;
        if close + 1 != colon {
            return None;
        }
        (text.get(1..close)?, text.get(colon..)?)
    } else {
        let host = text.get(..colon)?;
        if host.contains(&b':') {
            return None;
        }
        (host, text)
    };
    let no_brackets =
        !host.contains(&b'[') && !text.get(1..)?.contains(&b'[') && !behind_bracket.contains(&b']');
    no_brackets.then_some(host)
}

fn cut(text: &[u8], at: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|&byte| byte == at) {
        Some(position) => (
            text.get(..position).unwrap_or_default(),
            text.get(position + 1..).unwrap_or_default(),
        ),
        None => (text, &[]),
    }
}
