//! Distinguished names, alternative names, mailboxes, domains and URIs.

use super::{check, common_name, hex, leaf, name, oid, seq, tlv};
use crate::x509::Certificate;
use crate::x509::names::{Mailbox, is_domain_name, is_host_name};
use crate::x509::uri;

#[test]
fn strings_are_decoded_by_their_type() {
    let check = |value: &str, expected: Option<&str>| {
        let mut parts = leaf();
        parts.subject = name(&[("2.5.4.3", hex(value))]);
        let parsed = Certificate::parse(&parts.der());
        assert_eq!(
            parsed.ok().as_ref().map(Certificate::common_name),
            expected,
            "{value}"
        );
    };
    check("0c02c3a4", Some("\u{e4}"));
    check("0c01e4", None);
    check("1402e461", Some("\u{e4}a")); // T.61 is read as Latin-1
    check("1303612a26", Some("a*&"));
    check("130140", None); // @ is not printable
    check("1601ff", None);
    check("160140", Some("@"));
    check("120331 2032", Some("1 2"));
    check("120161", None);
    check("1e0400e40061", Some("\u{e4}a"));
    check("1e0400610000", Some("a")); // a terminator
    check("1e0300610a", None);
    check("1e02d800", None);
    check("1e02fdd0", None);
    check("1e02ffff", None);
    check("1e020000", Some(""));
    // Other types are no text, but must be well formed.
    check("020105", Some(""));
    check("02020005", None);
    check("0209010000000000000000", None);
    check("0101ff", Some(""));
    check("010101", None);
    check("0500", Some(""));
    check("050100", Some(""));
    check("0601 2a", Some(""));
    check("0601 80", None);
    check("03020107", None);
    check("170d3235303130313030303030305a", Some(""));
    check("170d3235313330313030303030305a", None);
    check("3300", Some(""));
    check("1f2000", None);
}

#[test]
fn units_stand_in_the_order_of_the_name_and_the_last_common_name_counts() {
    let value = |text: &str| tlv(0x13, text);
    let mut parts = leaf();
    parts.subject = tlv(
        0x30,
        [
            tlv(0x31, seq(&[&oid("2.5.4.11"), &value("peer")])),
            tlv(0x31, seq(&[&oid("2.5.4.3"), &value("one")])),
            tlv(
                0x31,
                [
                    seq(&[&oid("2.5.4.11"), &value("client"), &hex("0500")]),
                    seq(&[&oid("2.5.4.11"), &value("peer")]),
                    seq(&[&oid("2.5.4.10"), &value("org")]),
                ]
                .concat(),
            ),
            tlv(0x31, seq(&[&oid("2.5.4.11"), &hex("020107")])),
            tlv(0x31, seq(&[&oid("2.5.4.3"), &value("two")])),
            tlv(0x31, []),
        ]
        .concat(),
    );
    let certificate = Certificate::parse(&parts.der()).unwrap();
    assert_eq!(
        certificate.organizational_units(),
        ["peer", "client", "peer"]
    );
    assert_eq!(certificate.common_name(), "two");
    check("attribute without a value", false, |parts| {
        parts.issuer = tlv(0x30, tlv(0x31, seq(&[&oid("2.5.4.3")])));
    });
    check("a sequence where a set belongs", false, |parts| {
        parts.issuer = tlv(0x30, seq(&[&seq(&[&oid("2.5.4.3"), &value("x")])]));
    });
    check("empty name", true, |parts| parts.subject = seq(&[]));
    assert!(!common_name("x").is_empty());
}

#[test]
fn alternative_names_of_known_kinds_must_be_well_formed() {
    let check = |names: &[Vec<u8>], accepted: bool| {
        let value = tlv(0x30, names.concat());
        let parsed = Certificate::parse(&leaf().with("2.5.29.17", false, &value).der());
        assert_eq!(parsed.is_ok(), accepted, "{names:02x?}");
    };
    check(&[tlv(0x82, "any thing .. goes")], true);
    check(&[tlv(0x82, [0x80])], false);
    check(&[tlv(0x81, "not a mailbox")], true);
    check(&[tlv(0x81, [0xc3, 0xa4])], false);
    check(&[tlv(0x87, [1, 2, 3, 4])], true);
    check(&[tlv(0x87, [1, 2, 3])], false);
    check(&[tlv(0x87, [1; 16])], true);
    check(&[tlv(0x87, hex("00000000000000000000ffff01020304"))], false);
    check(&[tlv(0x86, "http://host/")], true);
    check(&[tlv(0x86, "http://host./")], false);
    check(&[tlv(0x86, "http://[::1/")], false);
    check(&[tlv(0x88, [0xff]), tlv(0xa0, [0xff])], true);
    check(&[hex("82")], false);
}

#[test]
fn the_host_of_a_uri_is_gos() {
    let check = |text: &str, expected: Option<&str>| {
        let host = uri::host(text.as_bytes()).map(|host| String::from_utf8(host).unwrap());
        assert_eq!(host.as_deref(), expected, "{text}");
    };
    check("http://a.b:80/c%20d?%zz#e", Some("a.b:80"));
    check("http://user:pass@word@a/", Some("a"));
    check("http://us er@a/", None);
    check("http://u%4@a/", None);
    check("HTTP://A", Some("A"));
    check("mailto:%zz", Some("")); // opaque
    check("x:", Some(""));
    check(":x", None);
    check("1:2", None); // no scheme, and a colon in the first segment
    check("a/1:2", Some(""));
    check("//a/b", Some("a"));
    check("///a", Some(""));
    check("x:///a", Some(""));
    check("*", Some(""));
    check("", Some(""));
    check("/a%4", None);
    check("http://a/#%4", None);
    check("http://a\u{1}/", None);
    check("http://a/\u{7f}", None);
    check("http://a:b/", None);
    check("http://a:/", Some("a:"));
    check("http://a:1:2/", None); // http and https take one colon
    check("ftp://a:1:2/", Some("a:1:2"));
    check("ftp://a:b:2/", Some("a:b:2"));
    check("http://a%41/", None); // only bytes beyond ASCII may be escaped
    check("http://a%25b/", Some("a%b"));
    check("http://a b/", None);
    check("http://a{/", None);
    check("http://[::1]:80/", Some("[::1]:80"));
    check("http://[::1]80/", None);
    check("http://[::1", None);
    check("http://a[::1]/", None);
    check("http://[1.2.3.4]/", None);
    check("http://[::ffff:1.2.3.4]/", Some("[::ffff:1.2.3.4]"));
    check("http://[fe80::1%25a%41]/", Some("[fe80::1%aA]"));
    check("http://[fe80::1%25]/", None);
    check("http://[fe80::1%a]/", None);
    assert_eq!(uri::host(b"http://%ff/"), Some(vec![0xff]));
}

#[test]
fn constraints_compare_hosts_without_ports_and_refuse_addresses() {
    let check = |host: &str, expected: Option<&str>| {
        let domain = uri::constrained_domain(host.as_bytes());
        assert_eq!(domain.as_deref(), expected.map(str::as_bytes), "{host}");
    };
    check("A.b", Some("a.b"));
    check("A.b:80", Some("A.b"));
    check(":80", Some(""));
    check("", None);
    check("1.2.3.4", None);
    check("1.2.3.4:80", None);
    check("[::1]", None);
    check("[::1]:80", None);
    check("a:1:2", None);
    check("[a]b", Some("[a]b"));
    check("a]:1", None);
}

#[test]
fn mailboxes_are_those_of_rfc_2821() {
    let check = |text: &str, expected: Option<(&str, &str)>| {
        let mailbox = Mailbox::parse(text.as_bytes());
        let parts = mailbox
            .as_ref()
            .map(|mailbox| (&mailbox.local[..], &mailbox.domain[..]));
        assert_eq!(
            parts,
            expected.map(|(l, d)| (l.as_bytes(), d.as_bytes())),
            "{text}"
        );
    };
    check("a.b@c.d", Some(("a.b", "c.d")));
    check("a@", Some(("a", "")));
    check("@a", None);
    check("", None);
    check(".a@b", None);
    check("a.@b", None);
    check("a..b@c", None);
    check("a b@c", None);
    check("a\\ b@c", Some(("a b", "c")));
    check("a\\", None);
    check("a@b@c", None);
    check("a@b.", None);
    check("a@.b", None);
    check("\"a b\\\"\"@c", Some(("a b\"", "c")));
    check("\"\"@c", Some(("", "c")));
    check("\"a\u{0}\"@c", None);
    check("\"a\\\u{a}\"@c", None);
    check("\"a@c", None);
    check("\"a\"c", None);
}

#[test]
fn domain_names_have_labels() {
    for (text, plain, constraint) in [
        ("", true, true),
        ("a", true, true),
        ("a.b-c_.*", true, true),
        ("a.", false, false),
        (".a", false, true),
        ("..a", false, false),
        (".", false, false),
        ("a..b", false, false),
        ("a b", false, false),
        ("a\u{7f}", false, false),
    ] {
        assert_eq!(is_domain_name(text.as_bytes(), false), plain, "{text}");
        assert_eq!(
            is_domain_name(text.as_bytes(), true),
            constraint,
            "constraint {text}"
        );
    }
}

#[test]
fn a_common_name_looks_like_a_host_to_fabric() {
    for (text, host) in [
        ("a", true),
        ("peer0.org1.example.com", true),
        ("a.b.", true),
        ("*.a", true),
        ("*", true),
        ("a_b:7051", true),
        ("a-", true),
        ("User1@org1.example.com", false),
        ("", false),
        (".", false),
        ("a..b", false),
        ("a..", false),
        ("-a", false),
        ("a.*", false),
        ("a b", false),
        ("\u{e4}", false),
    ] {
        assert_eq!(is_host_name(text), host, "{text}");
    }
}
