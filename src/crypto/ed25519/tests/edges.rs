//! Signatures and keys at the edges of the rule: what a verifier of another rule would judge otherwise.

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::traits::Identity as _;
use curve25519_dalek::{EdwardsPoint, Scalar};

use super::{Key, Signed, backends, challenge, check, plus_order, response, scalar, sign, torsion};
use crate::crypto::combs::Size;
use crate::crypto::tests::numbers::Random;
use crate::crypto::{
    Backend, Ed25519Key, PublicKey, SignatureHash, SignatureJob, SignedMessage, verify_batch_with,
};

fn good_one() -> (Key, Signed) {
    let mut random = Random(3);
    let key = Key::new(scalar(&mut random), &Size::OF_COMBS);
    let signed = sign(&key, scalar(&mut random), [7; 8]);
    (key, signed)
}

/// The library's verdict, which each backend must have through the seam: with the key as it is, and
/// with tables of every size where it may have some.
#[track_caller]
fn check_seam(key: &[u8; 32], signed: &[Signed]) -> Vec<bool> {
    let plain = Ed25519Key::from_bytes(key).unwrap();
    let expected: Vec<bool> = signed.iter().map(|one| one.library_says(&plain)).collect();
    let plain = PublicKey::Ed25519(plain);
    plain.expect_signatures();
    let sizes = [12 << 10, 96 << 10, 384 << 10];
    let mut keys: Vec<PublicKey> = sizes
        .into_iter()
        .filter_map(|b| plain.with_table(b))
        .collect();
    keys.push(plain);
    for key in &keys {
        for backend in [Backend::Library].into_iter().chain(backends()) {
            let signatures: Vec<_> = signed.iter().map(Signed::signature).collect();
            let jobs: Vec<_> = signed
                .iter()
                .zip(&signatures)
                .map(|(one, signature)| SignatureJob {
                    digest: None,
                    key,
                    hash: SignatureHash::Sha256,
                    message: SignedMessage {
                        head: &one.message[..5],
                        tail: &one.message[5..],
                    },
                    signature,
                })
                .collect();
            assert_eq!(verify_batch_with(backend, &jobs), expected, "{backend}");
        }
    }
    expected
}

/// y + p for a y below 19, with the sign that is given.
fn not_reduced(y: u8, sign: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed + y;
    bytes[31] = 0x7f | sign << 7;
    bytes
}

/// All encodings of points with small y, canonical or not: 0 and 1 are of small order.
fn encodings_of_small_y() -> impl Iterator<Item = [u8; 32]> {
    (0..19_u8).flat_map(|y| {
        [0, 1].into_iter().flat_map(move |sign| {
            let mut reduced = [0; 32];
            reduced[0] = y;
            reduced[31] = sign << 7;
            [reduced, not_reduced(y, sign)]
        })
    })
}

#[test]
fn s_must_be_below_the_order() {
    let (key, signed) = good_one();
    let other = (&key, &signed);
    assert!(signed.library_says(&key.library));
    check(&key, &signed, other);
    let order = plus_order(&[0; 32]);
    let mut below = order;
    below[0] -= 1;
    let mut s = signed.s;
    for _ in 0..8 {
        s = plus_order(&s);
        let more = Signed { s, ..signed };
        assert!(!more.library_says(&key.library));
        assert!(more.check(&key, &key.tables[0]).is_none());
        check_seam(&key.bytes(), &[more]);
    }
    for s in [order, below, [0; 32], [0xff; 32], plus_order(&below)] {
        let odd = Signed { s, ..signed };
        check(&key, &odd, other);
        check_seam(&key.bytes(), &[odd, signed]);
    }
}

/// Nonces, challenges and secrets that make S or the sum an end of its range.
#[test]
fn numbers_at_the_ends_of_their_ranges() {
    let (filler_key, filler) = good_one();
    let ends = [0_u64, 1, 2, 3].map(Scalar::from);
    let ends: Vec<Scalar> = ends.into_iter().flat_map(|end| [end, -end]).collect();
    for &secret in &ends[2..] {
        let key = Key::new(secret, &[Size::Warm, Size::Hot]);
        for &nonce in &ends {
            let good = sign(&key, nonce, [1; 8]);
            assert!(good.library_says(&key.library));
            check(&key, &good, (&filler_key, &filler));
        }
        // S as it is wanted: the nonce follows from a challenge that does not, so these are bad.
        for &s in &ends {
            let s = s.to_bytes();
            check(&key, &Signed { s, ..filler }, (&filler_key, &filler));
        }
    }
}

#[test]
fn r_is_compared_as_bytes() {
    let (key, filler) = good_one();
    // The nonce is zero, so R is the neutral point in any of its four encodings; x is zero and has no
    // sign in the canonical one.
    let mut verdicts = Vec::new();
    for r in encodings_of_small_y() {
        let signed = response(Scalar::ZERO, r, key.secret, &key.bytes(), [9; 8]);
        check(&key, &signed, (&key, &filler));
        verdicts.extend(check_seam(&key.bytes(), &[signed, filler]).first().copied());
    }
    assert_eq!(verdicts.iter().filter(|&&good| good).count(), 1);
    // R of small order, and R with a part of small order, both as the equation with a cofactor has it.
    let mut random = Random(5);
    for point in torsion() {
        for nonce in [Scalar::ZERO, scalar(&mut random)] {
            let r = (EdwardsPoint::mul_base(&nonce) + point).compress().0;
            let signed = response(nonce, r, key.secret, &key.bytes(), [9; 8]);
            check(&key, &signed, (&key, &filler));
            let found = check_seam(&key.bytes(), &[signed])[0];
            assert_eq!(found, point == EdwardsPoint::identity());
        }
    }
}

/// Keys with a part of small order: the verdict depends on the challenge, and with a cofactor it would
/// not.
#[test]
fn mixed_keys_are_verified_without_the_cofactor() {
    let mut random = Random(17);
    let (mut good, mut bad) = (0, 0);
    for point in torsion() {
        let secret = scalar(&mut random);
        for secret in [secret, Scalar::ZERO] {
            let key = EdwardsPoint::mul_base(&secret) + point;
            let bytes = key.compress().0;
            let honest = point == EdwardsPoint::identity() && secret != Scalar::ZERO;
            let public = PublicKey::Ed25519(Ed25519Key::from_bytes(&bytes).unwrap());
            assert_eq!(public.with_table(12 << 10).is_some(), honest);
            let mut signed = Vec::new();
            for message in 0..24_u64 {
                let message = message.to_le_bytes();
                let nonce = scalar(&mut random);
                let r = EdwardsPoint::mul_base(&nonce).compress().0;
                signed.push(response(nonce, r, secret, &bytes, message));
                // R that makes up for what the key's part adds.
                let r = EdwardsPoint::mul_base(&nonce) + random_torsion(&mut random);
                signed.push(response(nonce, r.compress().0, secret, &bytes, message));
            }
            let verdicts = check_seam(&bytes, &signed);
            let found = verdicts.iter().filter(|&&verdict| verdict).count();
            (good, bad) = (good + found, bad + verdicts.len() - found);
        }
    }
    assert!(good > 100 && bad > 300, "{good} good, {bad} bad");
}

fn random_torsion(random: &mut Random) -> EdwardsPoint {
    EIGHT_TORSION[random.below(8)]
}

/// Keys of small y in all their encodings: what is no point, what is not reduced, x = 0 with a sign.
#[test]
fn keys_are_decoded_permissively() {
    let mut random = Random(19);
    let (mut points, mut good) = (0, 0);
    for bytes in encodings_of_small_y() {
        points += usize::from(ed25519_dalek::VerifyingKey::from_bytes(&bytes).is_ok());
        let mut signed = Vec::new();
        for message in 0..16_u64 {
            // Good where the challenge is a multiple of the key's order, if that is small.
            let nonce = scalar(&mut random);
            let r = EdwardsPoint::mul_base(&nonce).compress().0;
            let secret = Scalar::ZERO;
            signed.push(response(nonce, r, secret, &bytes, message.to_le_bytes()));
        }
        let verdicts = check_seam(&bytes, &signed);
        good += verdicts.iter().filter(|&&verdict| verdict).count();
    }
    assert!(points > 20, "{points} are points");
    // y = 1 in four encodings is the neutral point, and y = 0 of order 4.
    assert!(good >= 4 * 16 + 4, "{good}");
}

/// A key whose y is not reduced goes into the challenge as it came.
#[test]
fn a_key_is_hashed_as_it_came() {
    let neutral = EdwardsPoint::identity().compress().0;
    for bytes in [neutral, not_reduced(1, 0), not_reduced(1, 1)] {
        // With R = S B whatever the challenge is, any encoding verifies.
        let nonce = Scalar::from(6_u64);
        let r = EdwardsPoint::mul_base(&nonce).compress().0;
        let signed = response(nonce, r, Scalar::ZERO, &bytes, [2; 8]);
        assert_eq!(check_seam(&bytes, &[signed]), [true]);
    }
    assert_ne!(
        challenge(&neutral, &neutral, &[]),
        challenge(&neutral, &not_reduced(1, 0), &[])
    );
}

#[test]
fn a_signature_has_64_bytes() {
    let (key, signed) = good_one();
    let public = PublicKey::Ed25519(key.library.clone())
        .with_table(12 << 10)
        .unwrap();
    let signature = signed.signature();
    let longer = [signature.as_slice(), &[0]].concat();
    for signature in [&signature[..63], &longer, &[]] {
        let job = SignatureJob {
            digest: None,
            key: &public,
            hash: SignatureHash::Sha256,
            message: SignedMessage {
                head: &signed.message,
                tail: &[],
            },
            signature,
        };
        for backend in backends() {
            assert_eq!(verify_batch_with(backend, &[job; 9]), [false; 9]);
        }
    }
}
