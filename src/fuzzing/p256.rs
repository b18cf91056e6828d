//! P-256 signatures: the backends with tables beside the library.
//!
//! Numbers come from edge cases as often as from anywhere, and many signatures are made good first, so
//! that both answers are met. Messages hash to digests that nobody chooses, so digests are given; the
//! way from messages to digests is checked for itself.

use std::sync::{Arc, LazyLock};

use p256::elliptic_curve::PrimeField;
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{FieldBytes, ProjectivePoint, Scalar};

use super::choices::Choices;
use crate::crypto::{
    Backend, Curve, EcdsaKey, Ed25519Key, FuzzCheck, FuzzKey, PublicKey, SignatureHash,
    SignatureJob, SignedMessage, check_backends, verify, verify_batch_with,
};
use crate::testing::kit::{Key, KeyKind, Seed, Signer};

/// Signatures that are verified together.
const BATCH_MAX: usize = 20;

/// One more than the messages that are.
const MESSAGES_MAX: u8 = 20;

/// Batches of signatures, each backend against the library.
pub fn p256_differential(data: &[u8]) {
    let mut choices = Choices::new(data);
    let secrets = Vec::from_iter((0..choices.below(3)).map(|_| scalar(&mut choices)));
    let made = Vec::from_iter(
        secrets
            .iter()
            .filter_map(|secret| Some((*secret, FuzzKey::new(&point(*secret)?, false)?))),
    );
    let keys = Vec::from_iter(KEYS.iter().chain(&made));
    messages(&mut choices);
    let mut numbers = Vec::new();
    while !choices.are_made() && numbers.len() < BATCH_MAX {
        let Some((secret, key)) = choices.one_of(&keys) else {
            return;
        };
        numbers.push(signature(&mut choices, *secret, key));
    }
    check_backends(&numbers);
}

/// Keys whose tables are computed once: multiples of the generator that its own table has, too, and some
/// others.
static KEYS: LazyLock<Vec<(Scalar, FuzzKey)>> = LazyLock::new(|| {
    let one = Scalar::ONE;
    let high = power(224);
    let other = <Scalar as Reduce<FieldBytes>>::reduce(&[0x5a; 32].into());
    [one, -one, one.double(), one.double() + one, high, other]
        .into_iter()
        .filter_map(|secret| Some((secret, FuzzKey::new(&point(secret)?, true)?)))
        .collect()
});

fn point(secret: Scalar) -> Option<Vec<u8>> {
    if secret == Scalar::ZERO {
        return None;
    }
    let point = (ProjectivePoint::GENERATOR * secret).to_affine();
    Some(point.to_sec1_point(false).as_bytes().to_vec())
}

/// A number modulo the order, likely one at some edge.
fn scalar(choices: &mut Choices<'_>) -> Scalar {
    let small = |choices: &mut Choices<'_>| Scalar::from(u64::from(choices.byte()));
    // A comb's digits are the bits of u/2 + (2^256 - 1)/2.
    let of_combs = |combs: Scalar| combs.double() - (power(255).double() - Scalar::ONE);
    match choices.below(9) {
        0 => small(choices),
        1 => -small(choices),
        2 => power(choices.byte()) + small(choices),
        3 => power(choices.byte()) - small(choices),
        4 => reduced([choices.byte(); 32]),
        5 => of_combs(reduced([choices.byte(); 32])),
        6 => of_combs(power(choices.byte()) - small(choices)),
        7 => of_combs(reduced(choices.bytes())),
        _ => reduced(choices.bytes()),
    }
}

/// Two to the power of `exponent`.
fn power(exponent: u8) -> Scalar {
    (0..exponent).fold(Scalar::ONE, |power, _| power.double())
}

fn reduced(bytes: [u8; 32]) -> Scalar {
    <Scalar as Reduce<FieldBytes>>::reduce(&bytes.into())
}

fn signature<'k>(choices: &mut Choices<'_>, secret: Scalar, key: &'k FuzzKey) -> FuzzCheck<'k> {
    let table = choices.byte();
    let (digest, r, s) = match choices.below(4) {
        0 => (scalar(choices), scalar(choices), scalar(choices)),
        1 => {
            let (digest, nonce) = (scalar(choices), scalar(choices));
            let r = x(ProjectivePoint::GENERATOR * nonce);
            (digest, r, (digest + r * secret) * inverse(nonce))
        }
        // Good for these two multiples.
        _ => {
            let (of_generator, of_key) = (scalar(choices), scalar(choices));
            let r = x(ProjectivePoint::GENERATOR * (of_generator + of_key * secret));
            let s = r * inverse(of_key);
            (of_generator * s, r, s)
        }
    };
    let mut check = FuzzCheck {
        key,
        table,
        digest: digest.to_repr().into(),
        r: r.to_repr().into(),
        s: s.to_repr().into(),
    };
    match choices.below(8) {
        5 => check.s = (-s).to_repr().into(),
        6 => {
            let number = match choices.below(3) {
                0 => &mut check.digest,
                1 => &mut check.r,
                _ => &mut check.s,
            };
            let at = usize::from(choices.byte());
            if let Some(byte) = number.get_mut(at / 8) {
                *byte ^= 1 << (at % 8);
            }
        }
        7 => add_order(match choices.below(2) {
            0 => &mut check.digest,
            _ => &mut check.r,
        }),
        _ => {}
    }
    check
}

/// x modulo the order; 0 for infinity.
fn x(point: ProjectivePoint) -> Scalar {
    let x = point.to_affine().x();
    <Scalar as Reduce<FieldBytes>>::reduce(&x)
}

fn inverse(number: Scalar) -> Scalar {
    Option::from(number.invert()).unwrap_or(Scalar::ZERO)
}

/// Adds the order where the sum has 256 bits.
fn add_order(number: &mut [u8; 32]) {
    let mut sum = *number;
    let mut carry = 0;
    for (byte, order) in sum.iter_mut().zip(Curve::P256.order()).rev() {
        let digit = u16::from(*byte) + u16::from(*order) + carry;
        let [high, low] = digit.to_be_bytes();
        (*byte, carry) = (low, u16::from(high));
    }
    if carry == 0 {
        *number = sum;
    }
}

struct MessageSigner {
    key: PublicKey,
    hash: SignatureHash,
    signer: Arc<dyn Signer>,
}

/// Signers of messages: two kinds of hashes, two kinds of keys.
static SIGNERS: LazyLock<Vec<MessageSigner>> = LazyLock::new(|| {
    let signer = |number, kind, hash| {
        let secret = Key::derive(kind, &Seed::new(number));
        let bytes = secret.public_bytes();
        let key = match kind {
            KeyKind::P256 => EcdsaKey::from_uncompressed_point(Curve::P256, &bytes)
                .map(PublicKey::Ecdsa)
                .ok()?,
            KeyKind::Ed25519 => PublicKey::Ed25519(Ed25519Key::from_bytes(&bytes).ok()?),
        };
        key.expect_signatures();
        let signer = secret.signer(hash);
        Some(MessageSigner { key, hash, signer })
    };
    let signers = [
        signer(1, KeyKind::P256, SignatureHash::Sha256),
        signer(2, KeyKind::P256, SignatureHash::Sha3_256),
        signer(3, KeyKind::P256, SignatureHash::Sha256),
        signer(4, KeyKind::Ed25519, SignatureHash::Sha256),
    ];
    signers.into_iter().flatten().collect()
});

/// Signatures over messages, some of them damaged: batches beside single verifications.
fn messages(choices: &mut Choices<'_>) {
    let heads = [choices.bytes::<3>(), choices.bytes::<3>()];
    let mut signed = Vec::new();
    for _ in 0..choices.below(MESSAGES_MAX) {
        let (Some(head), Some(signer)) = (choices.one_of(&heads), choices.one_of(&SIGNERS)) else {
            return;
        };
        let tail = choices.bytes::<2>();
        let tail = tail
            .get(..usize::from(choices.below(3)))
            .unwrap_or_default();
        let mut signature = signer.signer.sign(&[head, tail]);
        if choices.one_in(4)
            && let Some(byte) = signature.get_mut(usize::from(choices.below(72)))
        {
            *byte ^= choices.byte();
        }
        signed.push((head, tail.to_vec(), signer, signature));
    }
    let jobs: Vec<_> = signed
        .iter()
        .map(|(head, tail, signer, signature)| SignatureJob {
            digest: None,
            key: &signer.key,
            hash: signer.hash,
            message: SignedMessage {
                head: head.as_slice(),
                tail,
            },
            signature,
        })
        .collect();
    let expected: Vec<bool> = jobs.iter().map(verify).collect();
    for backend in Backend::ALL {
        if backend.is_available() {
            assert_eq!(verify_batch_with(backend, &jobs), expected, "{backend}");
        }
    }
}
