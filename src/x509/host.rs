//! Whether a certificate is for a host: its alternative names, as Go reads them. The common name does
//! not count.
//!
//! Fabric: Go's `crypto/x509` `Certificate.VerifyHostname`.

use std::net::IpAddr;

use crate::x509::Certificate;

impl Certificate {
    /// Whether `host`, a DNS name or an IP address (in brackets or not), is among the alternative names.
    #[must_use]
    pub fn is_for_host(&self, host: &str) -> bool {
        let names = &self.parsed().known.alt_names;
        let bare = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(host);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return names.ips.iter().any(|bytes| is_address(bytes, ip));
        }
        let host_is_valid = is_valid(host.as_bytes(), false);
        names.dns.iter().any(|pattern| {
            if host_is_valid && is_valid(pattern, true) {
                matches_labels(pattern, host.as_bytes())
            } else {
                is_exactly(pattern, host.as_bytes())
            }
        })
    }
}

fn is_address(bytes: &[u8], ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => bytes == ip.octets(),
        IpAddr::V6(ip) => bytes == ip.octets(),
    }
}

/// Letters, digits, `_` and inner dashes; the first label of a pattern may be `*`, but not the only one.
// Fabric: Go's x509 validHostname.
pub(super) fn is_valid(name: &[u8], pattern: bool) -> bool {
    let name = match name.strip_suffix(b".") {
        Some(rest) if !pattern => rest,
        _ => name,
    };
    let legal = |(at, byte): (usize, &u8)| {
        byte.is_ascii_alphanumeric() || *byte == b'_' || (*byte == b'-' && at != 0)
    };
    name != b"*"
        && name
            .split(|byte| *byte == b'.')
            .enumerate()
            .all(|(at, label)| {
                let wildcard = pattern && at == 0 && label == b"*";
                wildcard || !label.is_empty() && label.iter().enumerate().all(legal)
            })
}

// Fabric: Go's x509 matchHostnames.
pub(super) fn matches_labels(pattern: &[u8], host: &[u8]) -> bool {
    let host = host.strip_suffix(b".").unwrap_or(host);
    let labels = |name| <[u8]>::split(name, |byte: &u8| *byte == b'.');
    labels(pattern).count() == labels(host).count()
        && labels(pattern)
            .zip(labels(host))
            .enumerate()
            .all(|(at, (want, found))| {
                (at == 0 && want == b"*") || want.eq_ignore_ascii_case(found)
            })
}

// Fabric: Go's x509 matchExactly.
pub(super) fn is_exactly(one: &[u8], other: &[u8]) -> bool {
    let is_name = |name: &[u8]| !name.is_empty() && name != b".";
    is_name(one) && is_name(other) && one.eq_ignore_ascii_case(other)
}
