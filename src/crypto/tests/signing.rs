//! Private keys: what they sign is accepted, and they survive their files.

use p384::pkcs8::EncodePrivateKey as _;

use super::{hex, job};
use crate::crypto::{PrivateKey, PrivateKeyError, SignatureHash, parse_ecdsa_signature, verify};

fn keys() -> [PrivateKey; 3] {
    let p384 = p384::SecretKey::from_slice(&[7; 48]).unwrap();
    let p384 = p384.to_pkcs8_der().unwrap();
    [
        PrivateKey::p256_from([7; 32]),
        PrivateKey::ed25519_from(&[7; 32]),
        PrivateKey::from_der(p384.as_bytes()).unwrap(),
    ]
}

#[test]
fn signatures_are_accepted() {
    for key in keys() {
        let public = key.public_key().unwrap();
        for message in [&b"one"[..], b"two", b"three", b"four"] {
            let (head, tail) = message.split_at(1);
            let signature = key.sign(&[head, tail]);
            assert_eq!(signature, key.sign(&[message]), "always the same");
            let accepts =
                |message| verify(&job(&public, SignatureHash::Sha256, message, &signature));
            assert!(accepts(message), "low S, by {key:?}");
            assert!(!accepts(b"another"));
        }
    }
    let [p256, ..] = keys();
    assert!(parse_ecdsa_signature(&p256.sign(&[b"x"])).is_some());
}

#[test]
fn keys_survive_their_files() {
    for key in keys() {
        let read = PrivateKey::from_der(&key.to_pkcs8_der()).unwrap();
        assert_eq!(read.public_bytes(), key.public_bytes());
    }
    let p256 = p256::SecretKey::from_slice(&[7; 32]).unwrap();
    let sec1 = p256.to_sec1_der().unwrap();
    let [key, ..] = keys();
    let read = PrivateKey::from_der(&sec1).unwrap();
    assert_eq!(read.public_bytes(), key.public_bytes());
    assert_eq!(format!("{read:?}"), "PrivateKey(..)");
}

#[test]
fn other_keys_are_refused() {
    let refused = |der: &[u8]| PrivateKey::from_der(der).unwrap_err();
    assert_eq!(refused(b""), PrivateKeyError::Undecodable);
    assert_eq!(refused(b"key"), PrivateKeyError::Undecodable);
    // X25519, which nobody signs with.
    let x25519 = hex(
        "302e020100300506032b656e04220420 07070707070707070707070707070707 07070707070707070707070707070707",
    );
    assert_eq!(
        refused(&x25519).to_string(),
        "a private key of algorithm 1.3.101.110: expected ECDSA on P-256 or P-384, or Ed25519"
    );
    let mut cut = PrivateKey::ed25519_from(&[7; 32]).to_pkcs8_der();
    cut.pop();
    assert_eq!(refused(&cut), PrivateKeyError::Undecodable);
}
