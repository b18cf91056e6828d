//! What is a certificate and what is not, rule by rule; chains; revocation lists.
//!
//! Certificates are built here from readable parts. Every rule was compared with Go on some hundred
//! thousand mutated certificates; these are the ones worth a name.

mod chains;
mod constraints;
mod host;
mod lists;
mod names;
mod parsing;
mod policies;
mod rewriting;
mod texts;

use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer as _;

use crate::crypto::{Curve, EcdsaKey, PublicKey};
use crate::x509::Certificate;

/// 2001-09-09T01:46:40Z.
const START: i64 = 1_000_000_000;
const YEAR: i64 = 365 * 86_400;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text
        .chars()
        .filter_map(|c| if c == ' ' { None } else { c.to_digit(16) })
        .collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap())
        .collect()
}

/// An element with a minimal length.
fn tlv(tag: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let mut element = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ ..=0x7f) => element.push(short),
        Ok(long) => element.extend([0x81, long]),
        Err(_) => {
            element.push(0x82);
            element.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
        }
    }
    element.extend_from_slice(content);
    element
}

fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, parts.concat())
}

/// An object identifier from its dotted form.
fn oid(dotted: &str) -> Vec<u8> {
    let numbers: Vec<u32> = dotted
        .split('.')
        .map(|number| number.parse().unwrap())
        .collect();
    let mut content = Vec::new();
    for number in std::iter::once(40 * numbers[0] + numbers[1]).chain(numbers[2..].iter().copied())
    {
        let digits = (0..5)
            .rev()
            .map(|at| number >> (7 * at))
            .skip_while(|rest| *rest == 0);
        let digits: Vec<u32> = if number == 0 {
            vec![0]
        } else {
            digits.collect()
        };
        let last = digits.len() - 1;
        for (at, digit) in digits.into_iter().enumerate() {
            let more = if at < last { 0x80 } else { 0 };
            content.push(u8::try_from(digit & 0x7f).unwrap() | more);
        }
    }
    tlv(6, content)
}

/// A name of one attribute value each: `(type, value element)`.
fn name(attributes: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let sets: Vec<Vec<u8>> = attributes
        .iter()
        .map(|(kind, value)| tlv(0x31, seq(&[&oid(kind), value])))
        .collect();
    tlv(0x30, sets.concat())
}

fn common_name(text: &str) -> Vec<u8> {
    name(&[("2.5.4.3", tlv(0x0c, text))])
}

fn extension(id: &str, critical: bool, value: impl AsRef<[u8]>) -> Vec<u8> {
    let flag = if critical { tlv(1, [0xff]) } else { Vec::new() };
    seq(&[&oid(id), &flag, &tlv(4, value)])
}

fn generalized_time(seconds: i64) -> Vec<u8> {
    // Howard Hinnant's civil_from_days.
    let (days, rest) = (
        seconds.div_euclid(86_400) + 719_468,
        seconds.rem_euclid(86_400),
    );
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 {
        (month + 3, year)
    } else {
        (month - 9, year + 1)
    };
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let year = year + 400 * era;
    tlv(
        0x18,
        format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z"),
    )
}

fn ecdsa_sha256() -> Vec<u8> {
    seq(&[&oid("1.2.840.10045.4.3.2")])
}

/// A key made of one repeated byte.
fn key(byte: u8) -> SigningKey {
    SigningKey::from_slice(&[byte; 32]).unwrap()
}

fn point(key: &SigningKey) -> Vec<u8> {
    key.verifying_key().to_sec1_point(false).as_bytes().to_vec()
}

fn public_key(key: &SigningKey) -> PublicKey {
    PublicKey::Ecdsa(EcdsaKey::from_uncompressed_point(Curve::P256, &point(key)).unwrap())
}

fn key_info(algorithm: &[&[u8]], bits: &[u8]) -> Vec<u8> {
    seq(&[&seq(algorithm), &tlv(3, [&[0], bits].concat())])
}

fn p256_info(key: &SigningKey) -> Vec<u8> {
    key_info(
        &[&oid("1.2.840.10045.2.1"), &oid("1.2.840.10045.3.1.7")],
        &point(key),
    )
}

/// The low-S signature that the key makes, as DER.
fn sign(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    let signature: p256::ecdsa::Signature = key.sign(message);
    signature.normalize_s().to_der().as_bytes().to_vec()
}

/// The parts of a certificate, each a whole element.
#[derive(Clone)]
struct Parts {
    version: Vec<u8>,
    serial: Vec<u8>,
    algorithm: Vec<u8>,
    issuer: Vec<u8>,
    not_before: Vec<u8>,
    not_after: Vec<u8>,
    subject: Vec<u8>,
    key_info: Vec<u8>,
    /// Between the key and the extensions.
    unique_ids: Vec<u8>,
    extensions: Vec<Vec<u8>>,
    /// Behind everything in the signed part.
    tbs_tail: Vec<u8>,
    outer_algorithm: Vec<u8>,
    /// Behind the signature in the outer sequence.
    tail: Vec<u8>,
}

impl Parts {
    /// A version 3 certificate without extensions.
    fn new(subject: &str, key: &SigningKey) -> Self {
        Self {
            version: tlv(0xa0, tlv(2, [2])),
            serial: tlv(2, [5]),
            algorithm: ecdsa_sha256(),
            issuer: common_name("CA"),
            not_before: generalized_time(START),
            not_after: generalized_time(START + 10 * YEAR),
            subject: common_name(subject),
            key_info: p256_info(key),
            unique_ids: Vec::new(),
            extensions: Vec::new(),
            tbs_tail: Vec::new(),
            outer_algorithm: ecdsa_sha256(),
            tail: Vec::new(),
        }
    }

    /// An authority.
    fn authority(subject: &str, key: &SigningKey) -> Self {
        Self::new(subject, key).with("2.5.29.19", true, seq(&[&tlv(1, [0xff])]))
    }

    fn with(mut self, id: &str, critical: bool, value: impl AsRef<[u8]>) -> Self {
        self.extensions.push(extension(id, critical, value));
        self
    }

    fn issued_by(mut self, issuer: &str) -> Self {
        self.issuer = common_name(issuer);
        self
    }

    fn valid(mut self, from: i64, to: i64) -> Self {
        self.not_before = generalized_time(from);
        self.not_after = generalized_time(to);
        self
    }

    fn tbs(&self) -> Vec<u8> {
        let extensions = if self.extensions.is_empty() {
            Vec::new()
        } else {
            tlv(0xa3, tlv(0x30, self.extensions.concat()))
        };
        seq(&[
            &self.version,
            &self.serial,
            &self.algorithm,
            &self.issuer,
            &seq(&[&self.not_before, &self.not_after]),
            &self.subject,
            &self.key_info,
            &self.unique_ids,
            &extensions,
            &self.tbs_tail,
        ])
    }

    fn with_signature_bits(&self, bits: &[u8]) -> Vec<u8> {
        seq(&[
            &self.tbs(),
            &self.outer_algorithm,
            &tlv(3, bits),
            &self.tail,
        ])
    }

    /// The certificate with two bytes for a signature: good enough to be parsed.
    fn der(&self) -> Vec<u8> {
        self.with_signature_bits(&[0, 1, 2])
    }

    fn signed_der(&self, signer: &SigningKey) -> Vec<u8> {
        self.with_signature_bits(&[&[0], sign(signer, &self.tbs()).as_slice()].concat())
    }

    fn signed(&self, signer: &SigningKey) -> Certificate {
        Certificate::parse(&self.signed_der(signer)).unwrap()
    }
}

fn leaf() -> Parts {
    Parts::new("leaf", &key(9))
}

/// Whether the changed leaf parses.
fn check(what: &str, accepted: bool, change: impl FnOnce(&mut Parts)) {
    let mut parts = leaf();
    change(&mut parts);
    let parsed = Certificate::parse(&parts.der());
    assert_eq!(parsed.is_ok(), accepted, "{what}: {parsed:?}");
}
