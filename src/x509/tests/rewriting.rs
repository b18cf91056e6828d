//! High-S certificates, written again.

use super::{Parts, check, hex, key, leaf, public_key, seq, sign, tlv};
use crate::crypto::{Curve, PublicKey, RsaKey, encode_ecdsa_signature, parse_ecdsa_signature};
use crate::x509::{Certificate, Error};

/// The same signature with n-s for s.
fn other_s(signature: &[u8]) -> Vec<u8> {
    let parsed = parse_ecdsa_signature(signature).unwrap();
    let mut s = vec![0; 32 - parsed.s.len()];
    s.extend_from_slice(parsed.s);
    let mut borrow = 0;
    let mut negated: Vec<u8> = Vec::new();
    for (n, s) in Curve::P256.order().iter().zip(&s).rev() {
        let difference = i16::from(*n) - i16::from(*s) - borrow;
        borrow = i16::from(difference < 0);
        negated.push(u8::try_from(difference.rem_euclid(256)).unwrap());
    }
    negated.reverse();
    encode_ecdsa_signature(parsed.r, &negated)
}

fn with_signature(parts: &Parts, signature: &[u8]) -> Vec<u8> {
    parts.with_signature_bits(&[&[0], signature].concat())
}

fn rewritten(der: &[u8]) -> Result<Vec<u8>, Error> {
    Certificate::parse(der)
        .unwrap()
        .with_low_s(&public_key(&key(1)))
        .map(|one| one.raw().to_vec())
}

#[test]
fn high_and_low_s_are_one_certificate() {
    let parts = leaf();
    let low = sign(&key(1), &parts.tbs());
    let high = other_s(&low);
    assert_ne!(low, high);
    let (low_der, high_der) = (with_signature(&parts, &low), with_signature(&parts, &high));
    assert_eq!(rewritten(&high_der), Ok(low_der.clone()));
    assert_eq!(rewritten(&low_der), Ok(low_der.clone()));
    // What stands around the signature is dropped when the signature is written again, and only then.
    let mut tailed = leaf();
    tailed.tail = hex("0500");
    assert_eq!(rewritten(&with_signature(&tailed, &high)), Ok(low_der));
    let untouched = with_signature(&tailed, &low);
    assert_eq!(rewritten(&untouched), Ok(untouched));
    // So are bytes behind the sequence of a low-S signature.
    let loose = [&low, hex("00").as_slice()].concat();
    assert_eq!(
        rewritten(&with_signature(&leaf(), &loose)),
        Ok(with_signature(&leaf(), &low))
    );
    // And unused bits: the same signature, moved by two.
    let mut carried = 0;
    let mut moved: Vec<u8> = Vec::new();
    for byte in low.iter().rev() {
        moved.push(byte << 2 | carried);
        carried = byte >> 6;
    }
    moved.push(2);
    moved.reverse();
    let der = leaf().with_signature_bits(&moved);
    assert_eq!(
        rewritten(&der),
        Ok(der),
        "same signature: nothing is written"
    );
}

#[test]
fn the_signed_part_stays_as_it_is() {
    let mut parts = leaf();
    // Go would write this time as a UTCTime.
    parts.not_before = tlv(0x18, "20200101000000+0100");
    let low = sign(&key(1), &parts.tbs());
    let written = rewritten(&with_signature(&parts, &other_s(&low))).unwrap();
    assert_eq!(written, with_signature(&parts, &low));
}

#[test]
fn what_encoding_asn1_cannot_read_cannot_be_written() {
    let check = |what: &str, accepted: bool, change: &dyn Fn(&mut Parts)| {
        let mut parts = leaf();
        change(&mut parts);
        let high = other_s(&sign(&key(1), &parts.tbs()));
        let result = rewritten(&with_signature(&parts, &high));
        assert_eq!(result.is_ok(), accepted, "{what}: {result:?}");
    };
    let version_1 = |parts: &mut Parts| parts.version.clear();
    check("plain", true, &|_| {});
    check("version 1", true, &version_1);
    check("unique ids", true, &|parts| {
        parts.unique_ids = hex("810100 820100")
    });
    check("a unique id that is no bit string", false, &|parts| {
        parts.unique_ids = hex("8100")
    });
    check("a unique id in version 1", false, &|parts| {
        version_1(parts);
        parts.unique_ids = hex("8100");
    });
    check(
        "garbage behind the extensions of version 3",
        true,
        &|parts| {
            parts.extensions = vec![super::extension("1.2.3", false, [])];
            parts.tbs_tail = hex("ff");
        },
    );
    check("garbage where extensions could be", false, &|parts| {
        parts.tbs_tail = hex("ff")
    });
    check("an element where extensions could be", true, &|parts| {
        parts.tbs_tail = hex("040100")
    });
    check("an element that ends with its header", false, &|parts| {
        parts.tbs_tail = hex("0500")
    });
    check("broken extensions of version 1", false, &|parts| {
        version_1(parts);
        parts.extensions = vec![hex("0500")];
    });
    check("more in the algorithm", false, &|parts| {
        let ecdsa = super::oid("1.2.840.10045.4.3.2");
        parts.algorithm = seq(&[&ecdsa, &hex("0500"), &hex("0500")]);
        parts.outer_algorithm = parts.algorithm.clone();
    });
    check("more behind the key", true, &|parts| {
        let info = &parts.key_info[2..];
        parts.key_info = tlv(0x30, [info, &hex("0500")].concat());
    });
}

#[test]
fn only_ecdsa_issuers_have_an_s() {
    let certificate = Certificate::parse(&with_signature(&leaf(), &hex("3006020101020101")));
    let certificate = certificate.unwrap();
    assert!(certificate.is_ecdsa_signed());
    let rsa = PublicKey::Rsa(RsaKey::from_pkcs1_der(&hex("3006 02010f 020103")).unwrap());
    assert_eq!(certificate.with_low_s(&rsa).unwrap_err(), Error::IssuerKey);
    let broken = Certificate::parse(&with_signature(&leaf(), &hex("3000"))).unwrap();
    let refused = broken.with_low_s(&public_key(&key(1)));
    assert_eq!(refused.unwrap_err(), Error::Malformed { part: "signature" });
    check("any signature parses", true, |_| {});
}
