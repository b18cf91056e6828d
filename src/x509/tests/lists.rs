//! Revocation lists.

use super::{
    Parts, START, common_name, ecdsa_sha256, extension, generalized_time, hex, key, oid, seq, sign,
    tlv,
};
use crate::x509::{Crl, Error};

/// The parts of a list, each a whole element.
struct ListParts {
    version: Vec<u8>,
    issuer: Vec<u8>,
    times: Vec<u8>,
    entries: Vec<Vec<u8>>,
    extensions: Vec<Vec<u8>>,
    tail: Vec<u8>,
}

impl ListParts {
    fn new() -> Self {
        Self {
            version: hex("020101"),
            issuer: common_name("CA"),
            times: generalized_time(START),
            entries: vec![entry("020105"), entry("02020100")],
            extensions: vec![authority_key_id("8003010203")],
            tail: Vec::new(),
        }
    }

    fn tbs(&self) -> Vec<u8> {
        let entries = if self.entries.is_empty() {
            Vec::new()
        } else {
            tlv(0x30, self.entries.concat())
        };
        let extensions = if self.extensions.is_empty() {
            Vec::new()
        } else {
            tlv(0xa0, tlv(0x30, self.extensions.concat()))
        };
        seq(&[
            &self.version,
            &ecdsa_sha256(),
            &self.issuer,
            &self.times,
            &entries,
            &extensions,
            &self.tail,
        ])
    }

    fn with_signature(&self, signature: &[u8]) -> Vec<u8> {
        seq(&[
            &self.tbs(),
            &ecdsa_sha256(),
            &tlv(3, [&[0], signature].concat()),
        ])
    }

    fn signed(&self) -> Vec<u8> {
        self.with_signature(&sign(&key(1), &self.tbs()))
    }
}

fn entry(serial: &str) -> Vec<u8> {
    seq(&[&hex(serial), &generalized_time(START)])
}

fn authority_key_id(content: &str) -> Vec<u8> {
    extension("2.5.29.35", false, tlv(0x30, hex(content)))
}

fn parse(change: impl FnOnce(&mut ListParts)) -> Result<Crl, Error> {
    let mut parts = ListParts::new();
    change(&mut parts);
    Crl::parse(&parts.signed())
}

#[test]
fn a_list_names_serials_and_its_authority() {
    let crl = parse(|_| {}).unwrap();
    assert_eq!(crl.authority_key_id(), Some([1, 2, 3].as_slice()));
    assert_eq!(crl.revoked_count(), 2);
    assert!(crl.lists(&[5]) && crl.lists(&[1, 0]) && !crl.lists(&[6]));
    let empty = parse(|parts| parts.entries.clear()).unwrap();
    assert_eq!(empty.revoked_count(), 0);
}

#[test]
fn pem_is_recognised_by_how_it_begins() {
    use base64::Engine as _;
    let der = ListParts::new().signed();
    let base64 = base64::engine::general_purpose::STANDARD.encode(&der);
    let pem = |label: &str| format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n");
    let check = |text: &str, accepted: bool| {
        assert_eq!(Crl::parse(text.as_bytes()).is_ok(), accepted, "{text}");
    };
    check(&pem("X509 CRL"), true);
    check(&format!("{}behind", pem("X509 CRL")), true);
    check(&format!("\n{}", pem("X509 CRL")), false);
    check(&pem("CERTIFICATE"), false);
    check(&pem("X509 CRLX"), false);
    let trailing = Crl::parse(&[der, vec![0]].concat());
    assert_eq!(
        trailing.unwrap_err(),
        Error::Trailing {
            part: "revocation list"
        }
    );
}

#[test]
fn the_parts_are_read_by_encoding_asn1() {
    let check = |what: &str, accepted: bool, change: &dyn Fn(&mut ListParts)| {
        let parsed = parse(change);
        assert_eq!(parsed.is_ok(), accepted, "{what}: {parsed:?}");
    };
    check("without a version", true, &|parts| parts.version.clear());
    check("any version", true, &|parts| parts.version = hex("020163"));
    check("no version", false, &|parts| {
        parts.version = hex("02020001")
    });
    check("a second time", true, &|parts| {
        parts.times = generalized_time(START).repeat(2)
    });
    check("no time", false, &|parts| parts.times.clear());
    check("a fraction of a second", true, &|parts| {
        parts.times = tlv(0x18, "20200101000000.5Z");
    });
    check("a broken time", false, &|parts| {
        parts.times = tlv(0x17, "20200101000000Z")
    });
    check("a negative serial", true, &|parts| {
        parts.entries = vec![entry("0201ff")]
    });
    check("a serial with a leading zero", false, &|parts| {
        parts.entries = vec![entry("02020005")];
    });
    check("an entry's extensions", true, &|parts| {
        let extensions = tlv(0x30, extension("2.5.29.21", true, hex("0a0101")));
        parts.entries = vec![seq(&[
            &hex("020105"),
            &generalized_time(START),
            &extensions,
        ])];
    });
    check("a broken extension of an entry", false, &|parts| {
        let extensions = tlv(0x30, seq(&[&oid("1.2.3")]));
        parts.entries = vec![seq(&[
            &hex("020105"),
            &generalized_time(START),
            &extensions,
        ])];
    });
    check("an entry that is no sequence", false, &|parts| {
        parts.entries = vec![hex("020105")]
    });
    check("something unknown at the end", true, &|parts| {
        parts.tail = hex("ff")
    });
    check("garbage where extensions could be", false, &|parts| {
        parts.extensions.clear();
        parts.tail = hex("ff");
    });
    check("a broken string in the issuer", false, &|parts| {
        parts.issuer = super::name(&[("2.5.4.3", tlv(0x0c, [0xff]))]);
    });
    check("an integer of nine bytes in the issuer", false, &|parts| {
        parts.issuer = super::name(&[("2.5.4.3", tlv(2, [1; 9]))]);
    });
    check("a long identifier in the issuer", true, &|parts| {
        parts.issuer = super::name(&[("2.5.4.3", hex("1f2000"))]);
    });
}

#[test]
fn the_authoritys_key_identifier_is_read_as_fabrics_struct_has_it() {
    let check = |content: &str, expected: Option<&str>| {
        let crl = parse(|parts| parts.extensions = vec![authority_key_id(content)]).unwrap();
        assert_eq!(
            crl.authority_key_id().map(<[u8]>::to_vec),
            expected.map(hex),
            "{content}"
        );
    };
    check("800105", Some("05"));
    check("", Some(""));
    check("800105 a1048202 6162 820101", Some("05")); // what a full one has
    check("800105 820101", Some("05"));
    check("820101", Some(""));
    check("a003040105", Some("")); // constructed: passed over
    check("800105 a203020101", None); // Go cannot fill a big.Int from a sequence
    check("800105 ff", None);
    let missing = parse(|parts| parts.extensions.clear()).unwrap();
    assert_eq!(missing.authority_key_id(), None);
    let twice = parse(|parts| {
        parts.extensions = vec![authority_key_id("800105"), authority_key_id("800106")];
    });
    assert_eq!(
        twice.unwrap().authority_key_id(),
        Some([5].as_slice()),
        "the first one counts"
    );
    let no_sequence = parse(|parts| {
        parts.extensions = vec![extension("2.5.29.35", false, hex("0400"))];
    });
    assert_eq!(no_sequence.unwrap().authority_key_id(), None);
}

#[test]
fn a_list_is_checked_with_the_issuers_key_only() {
    let parts = ListParts::new();
    let crl = Crl::parse(&parts.signed()).unwrap();
    // Not an authority, expired, whatever: the key counts.
    let issuer = Parts::new("CA", &key(1)).valid(0, 1).signed(&key(2));
    let other = Parts::authority("CA", &key(2)).signed(&key(2));
    assert!(crl.is_signed_by(&issuer) && !crl.is_signed_by(&other));
    // An ECDSA signature is read leniently and written again.
    let signature = sign(&key(1), &parts.tbs());
    let loose = [&signature, hex("0000").as_slice()].concat();
    assert!(
        Crl::parse(&parts.with_signature(&loose))
            .unwrap()
            .is_signed_by(&issuer)
    );
    let wrong = hex("3006 020101 020101");
    assert!(
        !Crl::parse(&parts.with_signature(&wrong))
            .unwrap()
            .is_signed_by(&issuer)
    );
    let broken = Crl::parse(&parts.with_signature(&hex("3000")));
    assert_eq!(broken.unwrap_err(), Error::Malformed { part: "signature" });
}
