//! Through the front door: DER in, verdicts out, tables earned on the way.

use super::differential::{multiple, negative, sign};
use super::key_of;
use crate::crypto::limbs::Limbs;
use crate::crypto::p256::point::Affine;
use crate::crypto::p256::scalar::ORDER;
use crate::crypto::tests::numbers::Random;
use crate::crypto::{
    Backend, BackendError, PublicKey, SignatureHash, SignatureJob, SignedMessage,
    encode_ecdsa_signature, sha256, verify, verify_batch_with,
};

struct Signer {
    secret: Limbs,
    key: PublicKey,
}

impl Signer {
    fn new(random: &mut Random) -> Self {
        let secret = random.scalar();
        let point = multiple(secret, Affine::generator().unwrap());
        let key = PublicKey::Ecdsa(key_of(&point));
        key.expect_signatures();
        Self { secret, key }
    }

    /// A good signature with low S: r and s.
    fn sign(&self, message: &[u8], random: &mut Random) -> (Limbs, Limbs) {
        let nonce = random.scalar();
        let point = multiple(nonce, Affine::generator().unwrap());
        let digest = Limbs::from_be_bytes(&sha256(message).0);
        let signed = sign(self.secret, nonce, &point, digest);
        let other = negative(signed.s);
        let low = if other.less(signed.s) {
            other
        } else {
            signed.s
        };
        (signed.r, low)
    }
}

fn available() -> impl Iterator<Item = Backend> {
    Backend::ALL
        .into_iter()
        .filter(|backend| backend.is_available())
}

/// Whole batches of every kind of signature and of damage, at every backend.
#[test]
fn every_backend_gives_every_job_its_verdict() {
    let mut random = Random(31);
    let signers: Vec<Signer> = (0..5).map(|_| Signer::new(&mut random)).collect();
    // One key is known to no MSP: it never has a table.
    let stranger = multiple(signers[0].secret, Affine::generator().unwrap());
    let stranger = PublicKey::Ecdsa(key_of(&stranger));
    let message: Vec<u8> = (0..=255).collect();
    let odd = [
        Limbs::ZERO,
        Limbs([1, 0, 0, 0]),
        ORDER,
        ORDER.minus(Limbs([1, 0, 0, 0])).0,
        Limbs([u64::MAX; 4]),
    ];
    let mut cases: Vec<(usize, usize, Vec<u8>)> = Vec::new();
    for at in 0..600 {
        let signer = random.below(signers.len());
        let length = random.below(message.len());
        let (r, s) = signers[signer].sign(&message[..length], &mut random);
        let number = |number: Limbs| number.to_be_bytes();
        let encode = |r: Limbs, s: Limbs| encode_ecdsa_signature(&number(r), &number(s));
        let mut signature = match random.below(10) {
            0 => encode(r, negative(s)),
            1 => encode(odd[at % 5], s),
            2 => encode(r, odd[at % 5]),
            3 => encode(s, r),
            4 => [encode(r, s), vec![at.to_le_bytes()[0]; 3]].concat(),
            _ => encode(r, s),
        };
        if random.below(10) == 0 {
            let place = random.below(signature.len());
            signature[place] ^= 1 << random.below(8);
        }
        cases.push((signer, length, signature));
    }
    let jobs: Vec<SignatureJob<'_>> = cases
        .iter()
        .map(|(signer, length, signature)| SignatureJob {
            digest: None,
            key: if random.below(20) == 0 {
                &stranger
            } else {
                &signers[*signer].key
            },
            hash: match random.below(10) {
                0 => SignatureHash::Sha3_256,
                _ => SignatureHash::Sha256,
            },
            message: SignedMessage {
                head: &message[..length / 2],
                tail: &message[length / 2..*length],
            },
            signature,
        })
        .collect();
    let expected: Vec<bool> = jobs.iter().map(verify).collect();
    let good = expected.iter().filter(|&&good| good).count();
    assert!((200..500).contains(&good), "{good} are good");
    for backend in available() {
        for length in [1, 3, 8, 64, 256, 600] {
            let found: Vec<bool> = jobs
                .chunks(length)
                .flat_map(|jobs| verify_batch_with(backend, jobs))
                .collect();
            assert_eq!(found, expected, "{backend}, {length} together");
        }
    }
    let tables = |signer: &Signer| signer.key.p256_slot().unwrap().table(0);
    assert!(signers.iter().all(|signer| tables(signer).is_some()));
    assert!(stranger.p256_slot().is_none());
}

#[test]
fn the_switch_is_understood() {
    for backend in Backend::ALL {
        assert_eq!(backend.to_string().parse(), Ok(backend));
    }
    let unknown = "sse".parse::<Backend>().unwrap_err();
    assert_eq!(unknown, BackendError::Unknown { name: "sse".into() });
    assert_eq!(Backend::choose_by_name(None), Ok(()));
    assert_eq!(Backend::choose_by_name(Some("")), Ok(()));
    assert!(Backend::choose_by_name(Some("sse")).is_err());
    assert!(Backend::in_use().is_available());
    assert!(Backend::fastest().is_available());
    let chosen = Backend::Avx512Ifma.choose();
    assert_eq!(chosen.is_ok(), Backend::Avx512Ifma.is_available());
    Backend::fastest().choose().unwrap();
    assert_eq!(Backend::in_use(), Backend::fastest());
}
