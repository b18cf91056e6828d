//! The certificate's own fields and its extensions.

use super::{Parts, check, common_name, extension, hex, key, key_info, leaf, oid, point, seq, tlv};
use crate::crypto::{PublicKey, SignatureAlgorithm};
use crate::x509::{Certificate, Error};

#[test]
fn a_plain_certificate_is_read_in_full() {
    let parts = Parts::authority("ca", &key(9))
        .with("2.5.29.15", true, hex("03020106"))
        .with("2.5.29.14", false, tlv(4, [1, 2, 3]))
        .with("2.5.29.35", false, seq(&[&tlv(0x80, [4, 5])]))
        .with(
            "2.5.29.37",
            false,
            seq(&[&oid("1.3.6.1.5.5.7.3.2"), &oid("1.2.3")]),
        );
    let der = parts.der();
    let certificate = Certificate::parse(&der).unwrap();
    assert_eq!(certificate.raw(), der);
    assert_eq!(certificate.raw_tbs(), parts.tbs());
    assert_eq!(certificate.raw_issuer(), common_name("CA"));
    assert_eq!(certificate.raw_subject(), common_name("ca"));
    assert_eq!(certificate.raw_public_key_info(), parts.key_info);
    assert_eq!(certificate.serial(), [5]);
    assert_eq!(certificate.not_before(), super::START);
    assert_eq!(certificate.not_after(), super::START + 10 * super::YEAR);
    assert_eq!(
        certificate.signature_algorithm(),
        SignatureAlgorithm::EcdsaWithSha256
    );
    assert_eq!(certificate.signature(), [1, 2]);
    assert_eq!(certificate.public_key(), Some(&super::public_key(&key(9))));
    assert_eq!(certificate.common_name(), "ca");
    assert!(certificate.is_ca() && certificate.has_basic_constraints());
    assert_eq!(certificate.max_path_len(), None);
    assert_eq!(
        certificate.key_usage(),
        0b110_0000,
        "keyCertSign and cRLSign"
    );
    assert_eq!(certificate.subject_key_id(), [1, 2, 3]);
    assert_eq!(
        certificate.subject_key_id_of_authority(),
        Some([1, 2, 3].as_slice())
    );
    assert_eq!(certificate.authority_key_id(), [4, 5]);
    assert_eq!(certificate.ext_key_usages().len(), 2);
    assert_eq!(certificate.extensions().len(), 5);
    assert!(!certificate.has_unhandled_critical_extension());
    assert!(!certificate.is_self_issued());
    assert_eq!(
        format!("{certificate:?}"),
        "Certificate(CN=\"ca\", serial 05)"
    );
}

#[test]
fn bytes_may_follow_the_signature_but_not_the_certificate() {
    check("behind the signature", true, |parts| {
        parts.tail = hex("0500")
    });
    check("garbage behind the signature", true, |parts| {
        parts.tail = hex("ff")
    });
    check("behind the extensions", true, |parts| {
        parts.tbs_tail = hex("ff")
    });
    let trailing = Certificate::parse(&[leaf().der(), vec![0]].concat());
    assert_eq!(
        trailing.unwrap_err(),
        Error::Trailing {
            part: "certificate"
        }
    );
    let der = leaf().der();
    for length in 0..der.len() {
        assert!(
            Certificate::parse(&der[..length]).is_err(),
            "cut at {length}"
        );
    }
}

#[test]
fn lengths_are_minimal_and_identifiers_have_one_byte() {
    let content = &leaf().with("1.2.3", false, [0; 200]).der()[4..];
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let with = |header: &[u8]| Certificate::parse(&[header, content].concat()).is_ok();
    assert!(with(&[&[0x30, 0x82], length.as_slice()].concat()));
    assert!(
        !with(&[&[0x30, 0x83, 0], length.as_slice()].concat()),
        "leading zero"
    );
    assert!(!with(&[0x30, 0x80]), "indefinite");
    assert!(!with(&[&[0x31, 0x82], length.as_slice()].concat()), "a set");
    assert!(
        !with(&[&[0x3f, 0x10, 0x82], length.as_slice()].concat()),
        "long identifier"
    );
    check("short length in long form", false, |parts| {
        parts.serial = hex("02810105")
    });
}

#[test]
fn versions_are_one_to_three() {
    let check = |content: &str, accepted: bool| {
        check(content, accepted, |parts| {
            parts.version = tlv(0xa0, hex(content))
        });
    };
    check("020100", true);
    check("020101", true);
    check("020102", true);
    check("020103", false);
    check("0201ff", false);
    check("020102 00", false);
    check("", false);
    check("020900ffffffffffffffff", false);
    check("02087ffffffffffffffe", false);
    // Go's sum wraps: neither 3 nor refused.
    check("02087fffffffffffffff", true);
}

#[test]
fn extensions_exist_in_version_3_only() {
    let critical = |version: &str| {
        let mut parts = leaf().with("1.2.3", true, []);
        parts.version = hex(version);
        Certificate::parse(&parts.der())
            .unwrap()
            .has_unhandled_critical_extension()
    };
    assert!(critical("a003020102"));
    assert!(!critical("a003020101"));
    assert!(!critical(""));
    assert!(!critical("a00a02087fffffffffffffff"));
    check("a broken one in version 1", true, |parts| {
        parts.version = Vec::new();
        parts.extensions = vec![hex("ffff")];
    });
    check("unique ids in version 2", true, |parts| {
        parts.version = hex("a003020101");
        parts.unique_ids = hex("810100 820100");
    });
    check("a broken unique id in version 2", false, |parts| {
        parts.version = hex("a003020101");
        parts.tbs_tail = hex("8105 00");
    });
}

#[test]
fn serial_numbers_are_minimal_and_not_negative() {
    let check = |serial: &str, accepted: bool| {
        check(serial, accepted, |parts| parts.serial = hex(serial));
    };
    check("020100", true);
    check("02020080", true);
    check(&format!("0220 7f{}", "00".repeat(31)), true);
    check("0201ff", false);
    check("020180", false);
    check("02020001", false);
    check("0202ff80", false);
    check("0200", false);
    let mut negative = leaf();
    negative.serial = hex("0201ff");
    assert_eq!(
        Certificate::parse(&negative.der()).unwrap_err(),
        Error::NegativeSerial
    );
}

#[test]
fn both_signature_algorithms_are_the_same_bytes() {
    let check = |inside: &[&[u8]], beside: &[&[u8]], expected: Option<SignatureAlgorithm>| {
        let mut parts = leaf();
        parts.algorithm = seq(inside);
        parts.outer_algorithm = seq(beside);
        let parsed = Certificate::parse(&parts.der());
        assert_eq!(parsed.ok().map(|one| one.signature_algorithm()), expected);
    };
    let same = |parts: &[&[u8]], expected| check(parts, parts, Some(expected));
    let (ecdsa, null) = (oid("1.2.840.10045.4.3.3"), hex("0500"));
    check(&[&ecdsa], &[&ecdsa, &null], None);
    same(&[&ecdsa], SignatureAlgorithm::EcdsaWithSha384);
    same(&[&ecdsa, &null], SignatureAlgorithm::EcdsaWithSha384);
    same(&[&ecdsa, &null, &null], SignatureAlgorithm::EcdsaWithSha384);
    same(&[&oid("1.3.101.112")], SignatureAlgorithm::PureEd25519);
    same(&[&oid("1.3.101.112"), &null], SignatureAlgorithm::Unknown);
    same(&[&oid("1.3.14.3.2.29")], SignatureAlgorithm::Sha1WithRsa);
    same(
        &[&oid("1.2.840.10045.4.1")],
        SignatureAlgorithm::EcdsaWithSha1,
    );
    same(&[&oid("1.2.3")], SignatureAlgorithm::Unknown);
    check(&[], &[], None);
    check(&[&hex("0603 2a8001")], &[&hex("0603 2a8001")], None);
}

#[test]
fn pss_parameters_are_one_of_three_sets() {
    let hash = |id: &str, parameters: &str| seq(&[&oid(id), &hex(parameters)]);
    let (sha256, sha384) = ("2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2");
    let mgf1 = |hash: &[u8]| seq(&[&oid("1.2.840.113549.1.1.8"), hash]);
    let explicit = |number: u8, content: &[u8]| tlv(0xa0 | number, content);
    let check = |fields: &[&[u8]], expected: SignatureAlgorithm| {
        let mut parts = leaf();
        parts.algorithm = seq(&[&oid("1.2.840.113549.1.1.10"), &seq(fields)]);
        parts.outer_algorithm = parts.algorithm.clone();
        let certificate = Certificate::parse(&parts.der()).unwrap();
        assert_eq!(certificate.signature_algorithm(), expected);
    };
    let first = explicit(0, &hash(sha256, "0500"));
    let second = explicit(1, &mgf1(&hash(sha256, "0500")));
    let salt = explicit(2, &hex("020120"));
    let pss = SignatureAlgorithm::Sha256WithRsaPss;
    check(&[&first, &second, &salt], pss);
    check(&[&first, &second, &salt, &explicit(3, &hex("020101"))], pss);
    check(
        &[
            &explicit(0, &hash(sha256, "")),
            &explicit(1, &mgf1(&hash(sha256, ""))),
            &salt,
        ],
        pss,
    );
    let unknown = SignatureAlgorithm::Unknown;
    check(
        &[&first, &second, &salt, &explicit(3, &hex("020102"))],
        unknown,
    );
    check(&[&first, &second, &explicit(2, &hex("020114"))], unknown);
    check(
        &[&first, &explicit(1, &mgf1(&hash(sha384, "0500"))), &salt],
        unknown,
    );
    check(
        &[&explicit(0, &hash(sha256, "0400")), &second, &salt],
        unknown,
    );
    check(&[&first, &second], unknown);
    check(&[], unknown);
}

#[test]
fn ecdsa_keys_are_uncompressed_points_on_a_known_curve() {
    let check = |what: &str, accepted: bool, info: Vec<u8>| {
        check(what, accepted, |parts| parts.key_info = info);
    };
    let (ecdsa, p256) = (oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7"));
    let good = point(&key(9));
    check("P-256", true, key_info(&[&ecdsa, &p256], &good));
    check(
        "behind the curve",
        true,
        key_info(&[&ecdsa, &p256, &hex("0500")], &good),
    );
    check(
        "compressed",
        false,
        key_info(&[&ecdsa, &p256], &[&[2], &good[1..33]].concat()),
    );
    check(
        "another curve",
        false,
        key_info(&[&ecdsa, &oid("1.3.132.0.34")], &good),
    );
    check(
        "secp256k1",
        false,
        key_info(&[&ecdsa, &oid("1.3.132.0.10")], &good),
    );
    check("no curve", false, key_info(&[&ecdsa], &good));
}

#[test]
fn keys_without_a_curve_have_the_parameters_of_their_algorithm() {
    let check = |what: &str, accepted: bool, info: Vec<u8>| {
        check(what, accepted, |parts| parts.key_info = info);
    };
    let ed25519 = oid("1.3.101.112");
    check("Ed25519", true, key_info(&[&ed25519], &[2; 32]));
    check(
        "Ed25519 with NULL",
        false,
        key_info(&[&ed25519, &hex("0500")], &[2; 32]),
    );
    check("short Ed25519", false, key_info(&[&ed25519], &[2; 31]));
    let rsa = oid("1.2.840.113549.1.1.1");
    let small = hex("3006 02010f 020103");
    check("RSA", true, key_info(&[&rsa, &hex("0500")], &small));
    check("RSA without NULL", false, key_info(&[&rsa], &small));
    check(
        "RSA of nothing",
        false,
        key_info(&[&rsa, &hex("0500")], &hex("3006 020100 020103")),
    );
    let dsa = oid("1.2.840.10040.4.1");
    let numbers = hex("3009 020101 020102 020103");
    check("DSA", true, key_info(&[&dsa, &numbers], &hex("020105")));
    check(
        "DSA zero",
        false,
        key_info(&[&dsa, &numbers], &hex("020100")),
    );
    check(
        "unknown",
        true,
        key_info(&[&oid("1.2.3"), &hex("0500")], &[]),
    );
    check(
        "unused bits that are set",
        false,
        seq(&[&seq(&[&oid("1.2.3")]), &hex("03020101")]),
    );
    let shifted = seq(&[
        &seq(&[&ed25519]),
        &tlv(3, [&[1], [4; 32].as_slice()].concat()),
    ]);
    let mut parts = leaf();
    parts.key_info = shifted;
    let certificate = Certificate::parse(&parts.der()).unwrap();
    let Some(PublicKey::Ed25519(ed25519)) = certificate.public_key() else {
        panic!("not Ed25519");
    };
    assert_eq!(ed25519.as_bytes(), &[2; 32], "bits are moved right");
}

#[test]
fn the_signature_may_be_any_bit_string() {
    let parse = |bits: &str| {
        let parsed = Certificate::parse(&leaf().with_signature_bits(&hex(bits)));
        parsed
            .ok()
            .map(|certificate| certificate.signature().to_vec())
    };
    assert_eq!(parse("00"), Some(vec![]));
    assert_eq!(parse("00 8001"), Some(hex("8001")));
    assert_eq!(parse("01 8002"), Some(hex("4001")), "moved right");
    assert_eq!(parse("04 abc0"), Some(hex("0abc")));
    assert_eq!(parse("01 8001"), None, "unused bit set");
    assert_eq!(parse("08 8000"), None);
    assert_eq!(parse("01"), None);
    assert_eq!(parse(""), None);
}

/// Whether a leaf with this extension parses, and whether it is understood where it is critical.
fn check_extension(id: &str, critical: bool, value: &str, expected: Option<bool>) {
    let parsed = Certificate::parse(&leaf().with(id, critical, hex(value)).der());
    let understood = parsed
        .as_ref()
        .map(|one| !one.has_unhandled_critical_extension());
    assert_eq!(understood.ok(), expected, "{id} {value}: {parsed:?}");
}

#[test]
fn known_extensions_must_parse() {
    let (understood, broken) = (Some(true), None);
    let check = |id: &str, value: &str, expected| check_extension(id, false, value, expected);
    // Key usage; what follows the value is ignored in most extensions.
    check("2.5.29.15", "03020106", understood);
    check("2.5.29.15", "03020106 ff", understood);
    check("2.5.29.15", "03020107", broken);
    check("2.5.29.15", "0400", broken);
    // Basic constraints.
    check("2.5.29.19", "3000", understood);
    check("2.5.29.19", "3006 0101ff 020100", understood);
    check("2.5.29.19", "3003 020105", understood);
    check("2.5.29.19", "3003 0101ff 0400", understood);
    check("2.5.29.19", "3003 010101", broken);
    check("2.5.29.19", "3003 0201ff", broken);
    check("2.5.29.19", "300b 02090080000000000000 00", broken);
    // Subject key identifier, authority key identifier, information access.
    check("2.5.29.14", "0400", understood);
    check("2.5.29.14", "0c00", broken);
    check("2.5.29.35", "3000", understood);
    check("2.5.29.35", "3002 8100", understood);
    check("2.5.29.35", "3002 8001", broken);
    check("2.5.29.35", "0400", broken);
    check("1.3.6.1.5.5.7.1.1", "3007 3005 06012a 8600", understood);
    check("1.3.6.1.5.5.7.1.1", "3005 3003 06012a", understood);
    check("1.3.6.1.5.5.7.1.1", "3002 3000", broken);
    // Extended key usage, CRL distribution points.
    check("2.5.29.37", "3000", understood);
    check("2.5.29.37", "3003 06012a", understood);
    check("2.5.29.37", "3002 0600", broken);
    check("2.5.29.31", "3008 3006 a004 a002 8600", understood);
    check("2.5.29.31", "3002 3000", understood);
    check("2.5.29.31", "3004 3002 a000", broken);
    // Policies, mappings, constraints, inhibit any policy.
    check("2.5.29.32", "300a 3003 06012a 3003 06012b", understood);
    check("2.5.29.32", "300a 3003 06012a 3003 06012a", broken);
    check("2.5.29.32", "3006 3004 06028001", broken);
    check("2.5.29.32", "300a 3008 0606 8fffffffff7f", understood);
    check("2.5.29.33", "3007 3005 06012a 0600", understood);
    check("2.5.29.33", "3005 3003 06012a", broken);
    check("2.5.29.36", "3006 800100 810101", understood);
    check("2.5.29.36", "3003 8001ff", understood);
    check("2.5.29.36", "3002 8000", broken);
    check("2.5.29.54", "020100", understood);
    check("2.5.29.54", "0209 00ffffffffffffffff", broken);
}

#[test]
fn what_go_does_not_understand_matters_only_where_it_is_critical() {
    for (critical, expected) in [(false, Some(true)), (true, Some(false))] {
        check_extension("1.2.3", critical, "", expected);
        check_extension("2.5.29.99", critical, "", expected);
        check_extension("2.5.29.14.1", critical, "", expected);
        // Alternative names of no known kind; a constraint of an unknown kind.
        check_extension("2.5.29.17", critical, "3000", expected);
        check_extension("2.5.29.17", critical, "3004 a4023000", expected);
        check_extension("2.5.29.30", critical, "3008 a006 3004 a4023000", expected);
    }
    check_extension("2.5.29.17", true, "3003 820161", Some(true));
    check_extension("2.5.29.30", true, "3007 a005 3003 820161", Some(true));
    // These three must not be critical.
    check_extension("2.5.29.14", true, "0400", None);
    check_extension("2.5.29.35", true, "3000", None);
    check_extension("1.3.6.1.5.5.7.1.1", true, "3000", None);
}

#[test]
fn an_extension_stands_once() {
    let twice = leaf().with("1.2.3", false, []).with("1.2.3", false, [1]);
    assert_eq!(
        Certificate::parse(&twice.der()).unwrap_err(),
        Error::DuplicateExtension
    );
    check("no value", false, |parts| {
        parts.extensions = vec![seq(&[&oid("1.2.3")])]
    });
    check("explicitly not critical", true, |parts| {
        parts.extensions = vec![seq(&[&oid("1.2.3"), &hex("010100"), &hex("0400")])];
    });
    check("critical is neither 0 nor 255", false, |parts| {
        parts.extensions = vec![seq(&[&oid("1.2.3"), &hex("010101"), &hex("0400")])];
    });
    check("behind the value", true, |parts| {
        parts.extensions = vec![seq(&[&oid("1.2.3"), &hex("0400"), &hex("0500")])];
    });
    check("not a sequence", false, |parts| {
        parts.extensions = vec![extension("1.2.3", false, []), hex("0500")];
    });
}
