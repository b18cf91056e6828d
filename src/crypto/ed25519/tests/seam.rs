//! Through the front door: both kinds of keys in one batch, tables earned on the way.

use p256::ecdsa::signature::Signer as _;

use super::{Key, scalar, sign};
use crate::crypto::tests::numbers::Random;
use crate::crypto::{
    Backend, Curve, EcdsaKey, PublicKey, SignatureHash, SignatureJob, SignedMessage, verify,
    verify_batch_with,
};

/// Whole batches of every kind of damage, at every backend, among signatures of the other kind.
#[test]
fn every_backend_gives_every_job_its_verdict() {
    let mut random = Random(61);
    let signers: Vec<Key> = (0..4).map(|_| Key::new(scalar(&mut random), &[])).collect();
    let keys: Vec<PublicKey> = signers
        .iter()
        .map(|signer| PublicKey::Ed25519(signer.library.clone()))
        .collect();
    // The last one is known to no MSP: it never has a table.
    keys[..3].iter().for_each(PublicKey::expect_signatures);
    let other = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let point = other.verifying_key().to_sec1_point(false);
    let point = EcdsaKey::from_uncompressed_point(Curve::P256, point.as_bytes()).unwrap();
    let other_key = PublicKey::Ecdsa(point);
    other_key.expect_signatures();
    let mut cases: Vec<(&PublicKey, [u8; 8], Vec<u8>)> = Vec::new();
    for _ in 0..600 {
        let mut message = random.next().to_le_bytes();
        let at = random.below(signers.len() + 1);
        let (mut key, mut signature) = match signers.get(at) {
            Some(signer) => {
                let signed = sign(signer, scalar(&mut random), message);
                (&keys[at], signed.signature().to_vec())
            }
            None => {
                let signature: p256::ecdsa::Signature = other.sign(&message);
                let signature = signature.normalize_s().to_der();
                (&other_key, signature.as_bytes().to_vec())
            }
        };
        let place = random.below(signature.len());
        match random.below(10) {
            0 => signature[place] ^= 1 << random.below(8),
            1 => message[0] ^= 1,
            2 => key = &keys[random.below(keys.len())],
            3 => signature.truncate(place),
            _ => {}
        }
        cases.push((key, message, signature));
    }
    let jobs: Vec<SignatureJob<'_>> = cases
        .iter()
        .map(|(key, message, signature)| SignatureJob {
            digest: None,
            key,
            hash: SignatureHash::Sha256,
            message: SignedMessage {
                head: &message[..3],
                tail: &message[3..],
            },
            signature,
        })
        .collect();
    let expected: Vec<bool> = jobs.iter().map(verify).collect();
    let good = expected.iter().filter(|&&good| good).count();
    assert!((300..500).contains(&good), "{good} are good");
    for backend in Backend::ALL {
        if !backend.is_available() {
            continue;
        }
        for length in [1, 3, 8, 64, 256, 600] {
            let found: Vec<bool> = jobs
                .chunks(length)
                .flat_map(|jobs| verify_batch_with(backend, jobs))
                .collect();
            assert_eq!(found, expected, "{backend}, {length} together");
        }
    }
    for signer in &signers[..3] {
        assert!(signer.library.table_slot().unwrap().table(0).is_some());
    }
    assert!(signers[3].library.table_slot().is_none());
}
