//! Ed25519 signatures: the backends with tables beside the library.
//!
//! Keys, nonces and points come from edge cases as often as from anywhere: keys near the generator, keys
//! and points with a part of small order, encodings that are not canonical. Most signatures
//! follow the equation first, so that both answers are met.

use std::sync::LazyLock;

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::{EdwardsPoint, Scalar};

use super::choices::Choices;
use crate::crypto::{
    Backend, Ed25519Key, FuzzSignature, PublicKey, SignatureHash, SignatureJob, SignedMessage,
    check_ed25519_backends, verify, verify_batch_with,
};

/// Signatures that are verified together.
const BATCH_MAX: usize = 40;

/// A key and its secret, but for a part of small order.
struct Signer {
    secret: Scalar,
    key: Ed25519Key,
}

/// Batches of signatures, each backend against the library.
pub fn ed25519_differential(data: &[u8]) {
    let mut choices = Choices::new(data);
    let made = Vec::from_iter((0..choices.below(3)).filter_map(|_| {
        let (secret, torsion) = (scalar(&mut choices), choices.one_in(2));
        let point = EdwardsPoint::mul_base(&secret);
        let small = if torsion {
            small_order(&mut choices)
        } else {
            None
        };
        signer(secret, point + small.unwrap_or_default(), 12 << 10)
    }));
    let signers = Vec::from_iter(SIGNERS.iter().chain(&made));
    let mut signatures = Vec::new();
    while !choices.are_made() && signatures.len() < BATCH_MAX {
        let Some(signer) = choices.one_of(&signers) else {
            return;
        };
        signatures.push(signature(&mut choices, signer, &signers));
    }
    check_ed25519_backends(&signatures);
    let keys = Vec::from_iter(
        signatures
            .iter()
            .map(|one| PublicKey::Ed25519(one.key.clone())),
    );
    let jobs: Vec<_> = signatures
        .iter()
        .zip(&keys)
        .map(|(one, key)| {
            let [head, tail] = &one.message;
            SignatureJob {
                digest: None,
                key,
                hash: SignatureHash::Sha256,
                message: SignedMessage { head, tail },
                signature: &one.signature,
            }
        })
        .collect();
    let expected: Vec<bool> = jobs.iter().map(verify).collect();
    for backend in Backend::ALL {
        if backend.is_available() {
            assert_eq!(verify_batch_with(backend, &jobs), expected, "{backend}");
        }
    }
}

/// Signers whose tables are computed once: near the generator, others, and keys that have no tables.
static SIGNERS: LazyLock<Vec<Signer>> = LazyLock::new(|| {
    let one = Scalar::ONE;
    let other = Scalar::from_bytes_mod_order([0x5a; 32]);
    let honest = [one, -one, one + one, power(224), other];
    let sizes = [12 << 10, 96 << 10, 384 << 10];
    let of_order = honest.into_iter().zip(sizes.into_iter().cycle());
    let of_order = of_order
        .filter_map(|(secret, bytes)| signer(secret, EdwardsPoint::mul_base(&secret), bytes));
    let mixed = EIGHT_TORSION
        .into_iter()
        .flat_map(|small| [Scalar::ZERO, other].map(|secret| (secret, small)));
    let mixed = mixed.filter_map(|(secret, small)| {
        signer(secret, EdwardsPoint::mul_base(&secret) + small, 12 << 10)
    });
    // The neutral point, not reduced, with a sign that zero does not have.
    let mut bytes = [0xff; 32];
    let [first, ..] = &mut bytes;
    *first = 0xee;
    let odd = Ed25519Key::from_bytes(&bytes).ok().map(|key| Signer {
        secret: Scalar::ZERO,
        key,
    });
    of_order.chain(mixed).chain(odd).collect()
});

/// With a table of so many bytes where the key may have one.
fn signer(secret: Scalar, point: EdwardsPoint, bytes: usize) -> Option<Signer> {
    let plain = Ed25519Key::from_bytes(&point.compress().0).ok()?;
    let key = PublicKey::Ed25519(plain.clone()).with_table(bytes);
    let key = match key {
        Some(PublicKey::Ed25519(key)) => key,
        _ => plain,
    };
    Some(Signer { secret, key })
}

/// A number modulo the order, likely one at some edge.
fn scalar(choices: &mut Choices<'_>) -> Scalar {
    let small = |choices: &mut Choices<'_>| Scalar::from(choices.byte());
    match choices.below(7) {
        0 => small(choices),
        1 => -small(choices),
        2 => power(choices.byte()) + small(choices),
        3 => power(choices.byte()) - small(choices),
        4 => Scalar::from_bytes_mod_order([choices.byte(); 32]),
        _ => Scalar::from_bytes_mod_order(choices.bytes()),
    }
}

/// Two to the power of `exponent`.
fn power(exponent: u8) -> Scalar {
    (0..exponent).fold(Scalar::ONE, |power, _| power + power)
}

fn small_order(choices: &mut Choices<'_>) -> Option<EdwardsPoint> {
    choices.one_of(&EIGHT_TORSION).copied()
}

fn signature<'k>(
    choices: &mut Choices<'_>,
    signer: &'k Signer,
    signers: &[&'k Signer],
) -> FuzzSignature<'k> {
    let nonce = scalar(choices);
    let mut point = EdwardsPoint::mul_base(&nonce);
    if choices.one_in(4) {
        point += small_order(choices).unwrap_or_default();
    }
    let mut r = point.compress().0;
    if choices.one_in(8) {
        not_canonical(&mut r, choices.byte());
    }
    let message = [choices.bytes::<2>().to_vec(), vec![choices.byte(); 3]];
    let s = nonce + challenge(&r, signer.key.as_bytes(), &message) * signer.secret;
    let mut one = FuzzSignature {
        key: &signer.key,
        message,
        signature: [r, s.to_bytes()].concat(),
    };
    match choices.below(8) {
        4 => {
            let bit = usize::from(choices.byte()) << 1 | usize::from(choices.below(2));
            if let Some(byte) = one.signature.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        }
        5 => {
            let [head, _] = &mut one.message;
            head.push(choices.byte());
        }
        6 => {
            if let Some(other) = choices.one_of(signers) {
                one.key = &other.key;
            }
        }
        7 => match choices.below(3) {
            0 => one.signature.truncate(usize::from(choices.below(64))),
            1 => one.signature.push(choices.byte()),
            _ => add_order(&mut one.signature),
        },
        _ => {}
    }
    one
}

/// Another encoding, of the same point where y is below 19 or x is zero.
fn not_canonical(bytes: &mut [u8; 32], how: u8) {
    let [first, middle @ .., last] = bytes;
    if how & 1 == 1 {
        *last ^= 0x80;
    }
    if how & 2 == 2 && *first < 19 && middle.iter().all(|&byte| byte == 0) {
        *first += 0xed;
        middle.fill(0xff);
        *last |= 0x7f;
    }
}

/// k.
fn challenge(r: &[u8; 32], key: &[u8; 32], message: &[Vec<u8>; 2]) -> Scalar {
    let [head, tail] = message;
    let bytes = [r.as_slice(), key, head, tail].concat();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, &bytes);
    let mut wide = [0; 64];
    for (to, from) in wide.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    Scalar::from_bytes_mod_order_wide(&wide)
}

/// Adds the order to S.
fn add_order(signature: &mut [u8]) {
    let less_one = (-Scalar::ONE).to_bytes();
    let mut carry = 1;
    for (byte, order) in signature.iter_mut().skip(32).zip(less_one) {
        let digit = u16::from(*byte) + u16::from(order) + carry;
        let [high, low] = digit.to_be_bytes();
        (*byte, carry) = (low, u16::from(high));
    }
}
