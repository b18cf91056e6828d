//! Name constraints, where Go's search finds a subtree and where it misses one.

use super::{Parts, START, YEAR, hex, key, tlv};
use crate::x509::{CertPool, chains};

const NOW: i64 = START + YEAR;

/// `kind:text`, or for an address its bytes in hexadecimal, as a general name.
fn general_name(text: &str) -> Vec<u8> {
    match text.split_once(':').unwrap() {
        ("email", text) => tlv(0x81, text),
        ("dns", text) => tlv(0x82, text),
        ("uri", text) => tlv(0x86, text),
        ("ip", text) => tlv(0x87, hex(text)),
        (kind, _) => panic!("no kind {kind}"),
    }
}

fn subtrees(tag: u8, names: &[&str]) -> Vec<u8> {
    let list: Vec<Vec<u8>> = names
        .iter()
        .map(|name| tlv(0x30, general_name(name)))
        .collect();
    if list.is_empty() {
        Vec::new()
    } else {
        tlv(tag, list.concat())
    }
}

/// Whether a leaf with these alternative names passes under a root with these constraints.
fn passes(permitted: &[&str], excluded: &[&str], names: &[&str]) -> bool {
    let constraints = [subtrees(0xa0, permitted), subtrees(0xa1, excluded)].concat();
    let names: Vec<Vec<u8>> = names.iter().map(|name| general_name(name)).collect();
    let root = Parts::authority("root", &key(1))
        .issued_by("root")
        .with("2.5.29.30", true, tlv(0x30, constraints))
        .signed(&key(1));
    let leaf = Parts::new("leaf", &key(2))
        .issued_by("root")
        .with("2.5.29.17", false, tlv(0x30, names.concat()))
        .signed(&key(1));
    let roots: CertPool = [root].into_iter().collect();
    !chains(&leaf, &roots, &CertPool::new(), NOW).is_empty()
}

#[test]
fn domains_are_permitted_with_what_is_below_them() {
    let check = |subtree: &str, name: &str, expected: bool| {
        assert_eq!(
            passes(&[subtree], &[], &[name]),
            expected,
            "permitted {subtree}, {name}"
        );
    };
    check("dns:a.com", "dns:a.com", true);
    check("dns:a.com", "dns:B.A.Com", true);
    check("dns:a.com", "dns:xa.com", false);
    check("dns:a.com", "dns:com", false);
    check("dns:.a.com", "dns:a.com", false);
    check("dns:.a.com", "dns:b.a.com", true);
    check("dns:", "dns:anything", true);
    check("dns:a.com", "dns:*.a.com", true);
    check("dns:b.a.com", "dns:*.a.com", false);
    // Another kind is not constrained.
    check("dns:a.com", "ip:01020304", true);
    // A name that is no domain name cannot be compared.
    check("dns:a.com", "dns:b..a.com", false);
    check("uri:a.com", "uri:http://b.a.com:80/", true);
    check("uri:a.com", "uri:http://b.com", false);
    check("uri:a.com", "uri:/path", false);
    check("uri:a.com", "uri:http://[::1]/", false);
    check("dns:a.com", "uri:mailto:x", false); // refused whatever is constrained
    check("email:a.com", "email:x@A.com", true);
    check("email:a.com", "email:x@b.a.com", true);
    check("email:x@a.com", "email:x@A.COM", true);
    check("email:x@a.com", "email:X@a.com", false);
    check("email:x@a.com", "email:y@a.com", false);
    check("dns:a.com", "email:broken", false);
}

#[test]
fn excluded_domains_win() {
    let check = |subtree: &str, name: &str, expected: bool| {
        assert_eq!(
            passes(&[], &[subtree], &[name]),
            expected,
            "excluded {subtree}, {name}"
        );
    };
    check("dns:a.com", "dns:b.a.com", false);
    check("dns:a.com", "dns:b.com", true);
    check("dns:", "dns:b.com", false);
    // A wildcard could stand for the excluded name.
    check("dns:b.a.com", "dns:*.a.com", false);
    check("dns:c.b.a.com", "dns:*.a.com", true);
    check("email:x@a.com", "email:x@a.com", false);
    assert!(!passes(
        &["dns:a.com"],
        &["dns:b.a.com"],
        &["dns:c.b.a.com"]
    ));
    assert!(passes(&["dns:a.com"], &["dns:b.a.com"], &["dns:c.a.com"]));
    assert!(
        !passes(&["dns:a.com"], &[], &["dns:a.com", "dns:b.com"]),
        "every name counts"
    );
}

#[test]
fn many_subtrees_are_searched_in_gos_order() {
    let many = [
        "dns:a.com",
        "dns:a-a.com",
        "dns:a.a.com",
        "dns:b.com",
        "dns:.c.com",
    ];
    for (name, expected) in [
        ("dns:x.a.com", true),
        ("dns:a.a.com", true),
        ("dns:x.a-a.com", true),
        ("dns:x.b.com", true),
        ("dns:x.c.com", true),
        ("dns:c.com", false),
        ("dns:z.com", false),
        ("dns:0.com", false),
    ] {
        assert_eq!(passes(&many, &[], &[name]), expected, "{name}");
    }
}

#[test]
fn addresses_are_compared_with_their_networks() {
    let check = |subtree: &str, name: &str, expected: bool| {
        assert_eq!(
            passes(&[subtree], &[], &[name]),
            expected,
            "permitted {subtree}, {name}"
        );
    };
    check("ip:0a000000ff000000", "ip:0a010203", true);
    check("ip:0a000000ff000000", "ip:0b010203", false);
    check("ip:0a010203ff000000", "ip:0affffff", true); // bits outside the mask are cleared
    check("ip:0000000000000000", "ip:01020304", true);
    let loopback = "00000000000000000000000000000001";
    check("ip:0a000000ff000000", &format!("ip:{loopback}"), false);
    check(
        &format!("ip:{loopback}{}", "ff".repeat(16)),
        &format!("ip:{loopback}"),
        true,
    );
    assert!(!passes(
        &["ip:0a000000ff000000"],
        &["ip:0a010000ffff0000"],
        &["ip:0a010203"]
    ));
    // ::/64 covers ::/80, but Go sees the end of ::/80 as an IPv4 address and keeps both; its search
    // then stops at the smaller one.
    let zeros = "00".repeat(16);
    let mask = |bytes: usize| format!("{}{}", "ff".repeat(bytes), "00".repeat(16 - bytes));
    let (wide, narrow) = (
        format!("ip:{zeros}{}", mask(8)),
        format!("ip:{zeros}{}", mask(10)),
    );
    let between = "ip:00000000000000000001000000000000";
    assert!(passes(&[&wide], &[], &[between]));
    assert!(!passes(&[&wide, &narrow], &[], &[between]));
}

#[test]
fn constraints_bind_what_is_below_and_not_the_authority_itself() {
    let names = |name: &str| tlv(0x30, general_name(name));
    let constraints = tlv(0x30, subtrees(0xa0, &["dns:a.com"]));
    let passes = |own: &str, below: &str| {
        let root = Parts::authority("root", &key(1))
            .issued_by("root")
            .signed(&key(1));
        let middle = Parts::authority("middle", &key(2))
            .issued_by("root")
            .with("2.5.29.30", true, &constraints)
            .with("2.5.29.17", false, names(own))
            .signed(&key(1));
        let leaf = Parts::new("leaf", &key(3))
            .issued_by("middle")
            .with("2.5.29.17", false, names(below))
            .signed(&key(2));
        let (roots, intermediates): (CertPool, CertPool) =
            ([root].into_iter().collect(), [middle].into_iter().collect());
        !chains(&leaf, &roots, &intermediates, NOW).is_empty()
    };
    assert!(passes("dns:b.com", "dns:a.com"));
    assert!(!passes("dns:a.com", "dns:b.com"));
}

#[test]
fn broken_constraints_are_no_certificate() {
    let check = |value: &str, accepted: bool| {
        let der = Parts::authority("root", &key(1))
            .with("2.5.29.30", false, hex(value))
            .der();
        assert_eq!(
            crate::x509::Certificate::parse(&der).is_ok(),
            accepted,
            "{value}"
        );
    };
    check("3007 a005 3003 820161", true);
    check("300c a00a 3008 820161 800100 0500", true); // minimum and maximum are not looked at
    check("3000", false);
    check("3004 a000 a100", false);
    check("3007 a005 3003 820161 00", false);
    check("3009 a005 3003 820161 0500", false);
    check("3008 a006 3004 8202612e", false); // a final dot
    check("300e a00c 300a 8708 0a000000ff000000", true);
    check("300e a00c 300a 8708 0a000000ff00ff00", false);
    check("300e a00c 300a 8708 0a000000fd000000", false);
    check("3009 a007 3005 8703 0a0000", false);
    check(
        "3026 a024 3022 8720 00000000000000000000ffff01020304 ffffffffffffffffffffffffffffffff",
        false,
    );
    check("300d a00b 3009 8607 312e322e332e34", false); // a URI constraint is no address
    check("3008 a006 3004 81022e40", false);
    check("3007 a005 3003 8101 ff", false);
}
