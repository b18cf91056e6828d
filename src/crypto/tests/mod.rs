//! Accept sets, pinned. The vector files hold verdicts of the reference on bytes made for them.

#[cfg(target_arch = "x86_64")]
pub(super) mod lanes;
pub(super) mod numbers;
mod signing;
mod table_cache;
mod twin;
mod wycheproof;

use crate::crypto::ecdsa_der::parse_strict;
use crate::crypto::{
    Curve, EcdsaKey, Ed25519Key, HashFunction, KeyError, PublicKey, RsaKey, SignatureAlgorithm,
    SignatureHash, SignatureJob, SignedMessage, encode_ecdsa_signature, parse_ecdsa_signature,
    sha256, sha256_parts, verify, verify_batch, verify_certificate_signature, verify_crl_signature,
};

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

/// The lines of a vector file, as fields.
fn vectors(file: &str) -> impl Iterator<Item = Vec<&str>> {
    file.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(' ').collect())
}

fn job<'a>(
    key: &'a PublicKey,
    hash: SignatureHash,
    message: &'a [u8],
    signature: &'a [u8],
) -> SignatureJob<'a> {
    SignatureJob {
        digest: None,
        key,
        hash,
        message: SignedMessage {
            head: message,
            tail: &[],
        },
        signature,
    }
}

fn curve(name: &str) -> Curve {
    match name {
        "P224" => Curve::P224,
        "P256" => Curve::P256,
        "P384" => Curve::P384,
        "P521" => Curve::P521,
        _ => panic!("no curve {name}"),
    }
}

#[test]
fn hashes_of_abc_are_the_published_ones() {
    let abc: [&[u8]; 3] = [b"a", b"", b"bc"];
    let check = |function: HashFunction, expected: &str| {
        assert_eq!(function.hash(&abc), hex(expected), "{function:?}");
    };
    let sha2 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    check(HashFunction::Sha256, sha2);
    check(
        HashFunction::Sha384,
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
         8086072ba1e7cc2358baeca134c825a7",
    );
    check(
        HashFunction::Sha3_256,
        "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
    );
    check(
        HashFunction::Sha3_384,
        "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b2\
         98d88cea927ac7f539f1edf228376d25",
    );
    assert_eq!(sha256(b"abc").to_string(), sha2);
    assert_eq!(sha256_parts(&[b"abc"]).to_string(), sha2);
    assert_eq!(sha256_parts(&[]), sha256(b""));
}

#[test]
fn ecdsa_verdicts_are_the_references() {
    for fields in vectors(include_str!("ecdsa_vectors.txt")) {
        let [name, curve_name, point, signature, message, expected @ ..] = &fields[..] else {
            panic!("short line {fields:?}");
        };
        let key = EcdsaKey::from_uncompressed_point(curve(curve_name), &hex(point)).unwrap();
        let (key, signature, message) = (PublicKey::Ecdsa(key), hex(signature), hex(message));
        let certificate =
            |algorithm| verify_certificate_signature(&key, algorithm, &message, &signature);
        let sha1 = SignatureAlgorithm::EcdsaWithSha1;
        let verdicts = [
            verify(&job(&key, SignatureHash::Sha256, &message, &signature)),
            verify(&job(&key, SignatureHash::Sha3_256, &message, &signature)),
            certificate(SignatureAlgorithm::EcdsaWithSha256),
            certificate(SignatureAlgorithm::EcdsaWithSha384),
            certificate(SignatureAlgorithm::EcdsaWithSha512),
            verify_crl_signature(&key, sha1, &message, &signature),
        ];
        assert_eq!(
            verdicts.map(|verdict| verdict.to_string()),
            expected,
            "{name} {curve_name}"
        );
        assert!(
            !certificate(sha1),
            "SHA-1 in a certificate: {name} {curve_name}"
        );
        assert!(
            !certificate(SignatureAlgorithm::Sha256WithRsa),
            "{name} {curve_name}"
        );
    }
}

#[test]
fn ed25519_verdicts_are_the_references() {
    for fields in vectors(include_str!("ed25519_vectors.txt")) {
        let [key, signature, message, expected] = [0, 1, 2, 3].map(|at| fields[at]);
        let key = PublicKey::Ed25519(Ed25519Key::from_bytes(&hex(key)).unwrap());
        let (signature, message) = (hex(signature), hex(message));
        // The MSP's hash does not matter, and the message's pieces are one message.
        let (head, tail) = message.split_at(message.len() / 2);
        let pieces = SignedMessage { head, tail };
        for hash in [SignatureHash::Sha256, SignatureHash::Sha3_256] {
            let whole = SignatureJob {
                digest: None,
                key: &key,
                hash,
                message: pieces,
                signature: &signature,
            };
            assert_eq!(verify(&whole).to_string(), expected, "{fields:?}");
        }
        let pure = SignatureAlgorithm::PureEd25519;
        let verdict = verify_certificate_signature(&key, pure, &message, &signature);
        assert_eq!(verdict.to_string(), expected, "{fields:?}");
    }
}

#[test]
fn rsa_verdicts_are_the_references() {
    for fields in vectors(include_str!("rsa_vectors.txt")) {
        let [key, signature, algorithm, message] = [0, 1, 2, 3].map(|at| fields[at]);
        let key = PublicKey::Rsa(RsaKey::from_pkcs1_der(&hex(key)).unwrap());
        let (signature, message) = (hex(signature), hex(message));
        let algorithm = match algorithm {
            "2" => SignatureAlgorithm::Md5WithRsa,
            "3" => SignatureAlgorithm::Sha1WithRsa,
            "4" => SignatureAlgorithm::Sha256WithRsa,
            "13" => SignatureAlgorithm::Sha256WithRsaPss,
            "15" => SignatureAlgorithm::Sha512WithRsaPss,
            _ => panic!("no algorithm {algorithm}"),
        };
        let verdicts = [
            verify_certificate_signature(&key, algorithm, &message, &signature),
            verify_crl_signature(&key, algorithm, &message, &signature),
        ];
        assert_eq!(
            verdicts.map(|verdict| verdict.to_string()),
            fields[4..],
            "{fields:?}"
        );
        // An RSA identity verifies nothing, whatever the signature.
        assert!(!verify(&job(
            &key,
            SignatureHash::Sha256,
            &message,
            &signature
        )));
    }
}

#[test]
fn an_identity_signature_may_have_anything_behind_s() {
    // (bytes, whether Fabric's reader takes them, whether Go's strict one does)
    let cases: &[(&str, bool, bool)] = &[
        ("3006 020101 020102", true, true),
        ("3006 020101 020102 00", true, false),
        ("3006 020101 020102 ffffffff", true, false),
        ("3007 020101 020102 00", true, false),
        ("3007 020101 020102 ff", true, false),
        ("3009 020101 020102 020103", true, false),
        ("3008 02020080 020200ff", true, true),
    ];
    for &(bytes, lenient, strict) in cases {
        let bytes_read = hex(bytes);
        assert_eq!(
            parse_ecdsa_signature(&bytes_read).is_some(),
            lenient,
            "lenient {bytes}"
        );
        assert_eq!(
            parse_strict(&bytes_read).is_some(),
            strict,
            "strict {bytes}"
        );
    }
}

#[test]
fn a_signature_is_minimal_der_of_two_positive_integers() {
    let refused = [
        "",
        "30",
        "3000",
        "3003 020101",
        "3005 020101 0201",
        "3007 020101 020102",
        "3005 020101 020102",
        "3106 020101 020102",
        "1006 020101 020102",
        "b006 020101 020102",
        "7006 020101 020102",
        "3f1006 020101 020102",
        "3006 220101 020102",
        "3006 0a0101 020102",
        "3006 820101 020102",
        "3006 020100 020102",
        "3006 020101 020100",
        "3006 020181 020102",
        "3006 020101 0201ff",
        "3007 02020001 020102",
        "3007 020101 0202007f",
        "3007 0202ff80 020102",
        "3005 0200 020102",
        "308106 020101 020102",
        "30820006 020101 020102",
        "3080 020101 020102 0000",
        "30847fffffff 020101 020102",
        "3085010000000000 020101 020102",
        "30ff 020101 020102",
        "3007 02810101 020102",
    ];
    for bytes in refused {
        assert_eq!(parse_ecdsa_signature(&hex(bytes)), None, "lenient {bytes}");
        assert_eq!(parse_strict(&hex(bytes)), None, "strict {bytes}");
    }
    // A length in several bytes: 0x81 from 128 on, 0x82 from 256 on, not before.
    for (length, header, fits) in [
        (127_usize, "3081", false),
        (128, "3081", true),
        (255, "3081", true),
        (255, "308200", false),
        (256, "3082", true),
    ] {
        let mut bytes = hex(header);
        let digits = length.to_be_bytes();
        bytes.extend(if length < 256 {
            &digits[7..]
        } else {
            &digits[6..]
        });
        bytes.extend(hex("020101 020102"));
        bytes.resize(bytes.len() + length - 6, 0);
        assert_eq!(
            parse_ecdsa_signature(&bytes).is_some(),
            fits,
            "{header} {length}"
        );
    }
}

#[test]
fn a_written_signature_is_minimal() {
    let check = |r: &str, s: &str, expected: &str| {
        assert_eq!(
            encode_ecdsa_signature(&hex(r), &hex(s)),
            hex(expected),
            "{r} {s}"
        );
    };
    check("0001", "7f", "3006 020101 02017f");
    check("80", "00ff", "3008 02020080 020200ff");
    let long = "7f".repeat(66);
    check(&long, &long, &format!("308188 0242{long} 0242{long}"));
}

#[test]
fn a_shared_head_is_hashed_once_and_changes_no_verdict() {
    use p256::ecdsa::signature::Signer as _;
    let signer = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let point = signer.verifying_key().to_sec1_point(false);
    let key = EcdsaKey::from_uncompressed_point(Curve::P256, point.as_bytes()).unwrap();
    let key = PublicKey::Ecdsa(key);
    let sign = |message: &[u8]| {
        let signature: p256::ecdsa::Signature = signer.sign(message);
        signature.normalize_s().to_der().as_bytes().to_vec()
    };
    let (payload, copy) = (vec![1_u8; 1000], vec![1_u8; 1000]);
    let messages: Vec<(&[u8], &[u8])> = vec![
        (&payload, b"org1"),
        (&payload, b"org2"),
        (&payload, b""),
        (&payload[..999], b"org1"), // same address, other length
        (&copy, b"org1"),           // same bytes, other address
        (b"", b"org1"),
        (&payload, b""),
        (&payload, b"org3"),
    ];
    let signatures: Vec<Vec<u8>> = messages
        .iter()
        .map(|(head, tail)| sign(&[*head, *tail].concat()))
        .collect();
    let mut jobs: Vec<SignatureJob<'_>> = messages
        .iter()
        .zip(&signatures)
        .map(|(&(head, tail), signature)| SignatureJob {
            digest: None,
            key: &key,
            hash: SignatureHash::Sha256,
            message: SignedMessage { head, tail },
            signature,
        })
        .collect();
    assert_eq!(verify_batch(&jobs), [true; 8]);
    // Another family in the middle of a run, and a signature of another message.
    jobs[1].hash = SignatureHash::Sha3_256;
    jobs[7].signature = &signatures[6];
    let expected = [true, false, true, true, true, true, true, false];
    assert_eq!(verify_batch(&jobs), expected);
    assert_eq!(jobs.iter().map(verify).collect::<Vec<_>>(), expected);
    assert!(verify_batch(&[]).is_empty());
}

#[test]
fn only_uncompressed_points_on_the_curve_are_keys() {
    let x = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
    let y = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    let p = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
    let zero = "00".repeat(32);
    // y of the point with x = 0; the same point with x = p is not reduced.
    let y_of_0 = "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4";
    let check = |bytes: &str, accepted: bool| {
        let key = EcdsaKey::from_uncompressed_point(Curve::P256, &hex(bytes));
        assert_eq!(key.is_ok(), accepted, "{bytes}");
    };
    check(&format!("04{x}{y}"), true);
    check(&format!("04{zero}{y_of_0}"), true);
    check(&format!("04{p}{y_of_0}"), false);
    check(&format!("04{y}{x}"), false);
    check(&format!("03{x}"), false);
    check(&format!("07{x}{y}"), false);
    check(&format!("04{x}{y}00"), false);
    check(&format!("04{x}"), false);
    check(&format!("04{zero}{zero}"), false);
    check("00", false);
    check("", false);
    let refused = EcdsaKey::from_uncompressed_point(Curve::P384, &hex(&format!("04{x}{y}")));
    assert_eq!(refused.unwrap_err(), KeyError::Point { curve: Curve::P384 });
}

#[test]
fn any_32_bytes_are_an_ed25519_key() {
    assert!(
        Ed25519Key::from_bytes(&[2; 32]).is_ok(),
        "no point, but a key"
    );
    let short = Ed25519Key::from_bytes(&[2; 31]);
    assert_eq!(short.unwrap_err(), KeyError::Ed25519Length { length: 31 });
}

#[test]
fn an_rsa_key_is_two_positive_integers() {
    let check = |bytes: &str, accepted: bool| {
        assert_eq!(
            RsaKey::from_pkcs1_der(&hex(bytes)).is_ok(),
            accepted,
            "{bytes}"
        );
    };
    check("3006 02010f 020103", true);
    check("3007 02010f 020103 00", true); // what follows is not looked at
    check("3006 02010f 020103 00", true);
    check("300d 02010f 02087fffffffffffffff", true);
    check("300e 02010f 0209008000000000000000", false); // more than 63 bits
    check("3006 020100 020103", false);
    check("3006 02018f 020103", false);
    check("3006 02010f 020100", false);
    check("3003 02010f", false);
    let key = RsaKey::from_pkcs1_der(&hex("3008 02020080 02020101")).unwrap();
    assert_eq!((key.modulus(), key.exponent()), ([0x80].as_slice(), 257));
}
