//! Random signatures, whole and damaged: each backend says what the library says.
//!
//! `cargo xtask p256-differential --signatures N [--seed S]` runs it at length.

use super::{Key, SIZES, Signed, backends};
use crate::crypto::limbs::Limbs;
use crate::crypto::p256::field::Fp;
use crate::crypto::p256::point::{Affine, Xyzz, invert_all, to_affine};
use crate::crypto::p256::scalar::{ORDER, R_SQUARED, Scalar};
use crate::crypto::p256::{Answer, Check, answers};
use crate::crypto::tests::numbers::{Random, setting};

/// Signatures of a run in an ordinary test.
const SIGNATURES: usize = 100_000;

const BATCH: usize = 100;

/// Keys of a run.
const KEYS: usize = 12;

impl Random {
    pub(in crate::crypto::p256) fn scalar(&mut self) -> Limbs {
        self.number().reduced_once(false, ORDER)
    }
}

/// Numbers modulo n as the tests write them.
pub(super) fn product(one: Limbs, other: Limbs) -> Limbs {
    // Each product of the engine divides by R.
    let (one, other) = (Scalar::reduced(one), Scalar::reduced(other));
    one.times(other).times(Scalar::reduced(R_SQUARED)).limbs()
}

pub(super) fn sum(one: Limbs, other: Limbs) -> Limbs {
    one.plus_mod(other, ORDER)
}

pub(super) fn negative(number: Limbs) -> Limbs {
    Limbs::ZERO.minus_mod(number, ORDER)
}

pub(super) fn inverse(number: Limbs) -> Limbs {
    let one = Limbs([1, 0, 0, 0]);
    // R / x / R.
    Scalar::reduced(number)
        .inverse()
        .times(Scalar::reduced(one))
        .limbs()
}

/// The multiple of a point, by doubling and adding; `k` is neither 0 nor n - 1.
pub(in crate::crypto::p256) fn multiple(k: Limbs, point: Affine) -> Affine {
    let top = (0..256).rev().find(|&at| k.bit(at)).unwrap();
    let sum = (0..top).rev().fold(Xyzz::from(point), |sum, at| {
        let doubled = sum.double();
        if k.bit(at) {
            doubled.plus(point)
        } else {
            doubled
        }
    });
    to_affine(&[sum]).unwrap()[0]
}

/// The signature of `digest` by a secret key and a nonce with the nonce's point.
pub(super) fn sign(secret: Limbs, nonce: Limbs, point: &Affine, digest: Limbs) -> Signed {
    let r = point.x.to_limbs().reduced_once(false, ORDER);
    let e = digest.reduced_once(false, ORDER);
    let s = product(inverse(nonce), sum(e, product(r, secret)));
    Signed { r, s, digest }
}

/// Nonces with a constant difference: one addition of points each.
struct Nonces {
    nonce: Limbs,
    point: Affine,
    step: Limbs,
    step_point: Affine,
}

impl Nonces {
    fn new(random: &mut Random) -> Self {
        let generator = Affine::generator().unwrap();
        let (nonce, step) = (random.scalar(), random.scalar());
        Self {
            nonce,
            point: multiple(nonce, generator),
            step,
            step_point: multiple(step, generator),
        }
    }

    fn next(&mut self) -> (Limbs, Affine) {
        let mut inverse = [self.step_point.x - self.point.x];
        invert_all(&mut inverse).unwrap();
        self.point = self.point.plus(self.step_point, inverse[0]);
        self.nonce = sum(self.nonce, self.step);
        (self.nonce, self.point)
    }
}

fn flip(number: &mut Limbs, bit: usize) {
    number.0[bit / 64 % 4] ^= 1 << (bit % 64);
}

/// Half of the signatures stay as they are.
fn damage(signed: &mut Signed, random: &mut Random) {
    let bit = random.below(256);
    match random.below(12) {
        0 => flip(&mut signed.r, bit),
        1 => flip(&mut signed.s, bit),
        2 => flip(&mut signed.digest, bit),
        3 => std::mem::swap(&mut signed.r, &mut signed.s),
        4 => signed.r = random.number(),
        5 => signed.s = random.number(),
        // As good as before, but for the low-S rule, which is not looked at here.
        6 => signed.s = negative(signed.s),
        _ => {}
    }
}

#[test]
fn random_signatures_get_the_librarys_verdict() {
    let count = setting("HEDDLE_P256_SIGNATURES", SIGNATURES);
    let seed = setting("HEDDLE_P256_SEED", 1_u64);
    println!("{count} signatures, seed {seed}");
    let mut random = Random(seed);
    let generator = Affine::generator().unwrap();
    let secrets: Vec<Limbs> = (0..KEYS).map(|_| random.scalar()).collect();
    let keys: Vec<Key> = secrets
        .iter()
        .zip(SIZES.iter().cycle())
        .map(|(&secret, &size)| Key::new(&multiple(secret, generator), &[size]))
        .collect();
    let mut nonces = Nonces::new(&mut random);
    let mut good = 0;
    for batch in 0..count.div_ceil(BATCH) {
        if batch % 10_000 == 9_999 {
            println!("{} signatures", (batch + 1) * BATCH);
        }
        let mut expected = Vec::new();
        let mut checks: Vec<Check<'_>> = Vec::new();
        // Batches of all lengths, and of few keys or many.
        let (length, keys_used) = (1 + random.below(BATCH), 1 + random.below(KEYS));
        for _ in 0..if batch % 4 == 0 { length } else { BATCH } {
            let at = random.below(keys_used);
            let (nonce, point) = nonces.next();
            let mut signed = sign(secrets[at], nonce, &point, random.number());
            damage(&mut signed, &mut random);
            let Some(check) = signed.check(&keys[at].tables[0]) else {
                assert!(!signed.library_says(&keys[at]), "{signed:?}");
                continue;
            };
            expected.push(if signed.library_says(&keys[at]) {
                good += 1;
                Answer::Good
            } else {
                Answer::Bad
            });
            checks.push(check);
        }
        for backend in backends() {
            let found = answers(backend, &checks);
            assert_eq!(found, expected, "{backend}, seed {seed}, batch {batch}");
        }
    }
    println!("{good} of them good");
    assert!(good > count / 3, "most are good: {good}");
}

#[test]
fn the_tests_own_arithmetic_is_right() {
    let mut random = Random(7);
    for _ in 0..50 {
        let (a, b) = (random.scalar(), random.scalar());
        let one = Limbs([1, 0, 0, 0]);
        assert_eq!(product(a, one), a);
        assert_eq!(product(a, inverse(a)), one);
        assert_eq!(product(sum(a, b), b), sum(product(a, b), product(b, b)));
        assert_eq!(sum(a, negative(a)), Limbs::ZERO);
    }
    let generator = Affine::generator().unwrap();
    assert_eq!(multiple(Limbs([1, 0, 0, 0]), generator), generator);
    assert!(!Fp::ONE.is_zero());
}
