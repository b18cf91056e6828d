//! Random signatures, whole and damaged: each backend says what the library says.
//!
//! `cargo xtask ed25519-differential --signatures N [--seed S]` runs it at length.

use curve25519_dalek::{EdwardsPoint, Scalar};

use super::{Key, Signed, backends, good_ones, response, scalar};
use crate::crypto::combs::Size;
use crate::crypto::ed25519::Check;
use crate::crypto::tests::numbers::{Random, setting};

/// Signatures of a run in an ordinary test.
const SIGNATURES: usize = if cfg!(debug_assertions) {
    20_000
} else {
    100_000
};

const BATCH: usize = 100;

/// Keys of a run.
const KEYS: usize = 12;

/// Nonces with a constant difference: one addition of points each.
struct Nonces {
    nonce: Scalar,
    point: EdwardsPoint,
    step: Scalar,
    step_point: EdwardsPoint,
}

impl Nonces {
    fn new(random: &mut Random) -> Self {
        let (nonce, step) = (scalar(random), scalar(random));
        Self {
            nonce,
            point: EdwardsPoint::mul_base(&nonce),
            step,
            step_point: EdwardsPoint::mul_base(&step),
        }
    }

    fn next(&mut self) -> (Scalar, EdwardsPoint) {
        self.nonce += self.step;
        self.point += self.step_point;
        (self.nonce, self.point)
    }
}

fn flip(bytes: &mut [u8], bit: usize) {
    let at = bit / 8 % bytes.len();
    bytes[at] ^= 1 << (bit % 8);
}

fn random_bytes(random: &mut Random) -> [u8; 32] {
    let bytes: Vec<u8> = (0..4).flat_map(|_| random.next().to_le_bytes()).collect();
    bytes.try_into().unwrap()
}

/// Half of the signatures stay as they are. Tells which key verifies.
fn damage(signed: &mut Signed, key: usize, random: &mut Random) -> usize {
    let bit = random.below(256);
    match random.below(16) {
        0 => flip(&mut signed.r, bit),
        1 => flip(&mut signed.s, bit),
        2 => flip(&mut signed.message, bit),
        3 => return (key + 1) % KEYS,
        4 => signed.r = random_bytes(random),
        5 => signed.s = random_bytes(random),
        // Below L but for one in 2^124.
        6 => signed.s = Scalar::from_bytes_mod_order(random_bytes(random)).to_bytes(),
        _ => {}
    }
    key
}

#[test]
fn random_ed25519_signatures_get_the_librarys_verdict() {
    let count = setting("HEDDLE_ED25519_SIGNATURES", SIGNATURES);
    let seed = setting("HEDDLE_ED25519_SEED", 1_u64);
    println!("{count} signatures, seed {seed}");
    let mut random = Random(seed);
    let keys: Vec<Key> = (0..KEYS)
        .zip(Size::OF_COMBS.iter().cycle())
        .map(|(_, &size)| Key::new(scalar(&mut random), &[size]))
        .collect();
    let mut nonces = Nonces::new(&mut random);
    let mut good = 0;
    for batch in 0..count.div_ceil(BATCH) {
        if batch % 10_000 == 9_999 {
            println!("{} signatures", (batch + 1) * BATCH);
        }
        let mut batch_of: Vec<(&Key, Signed)> = Vec::new();
        // Batches of all lengths, and of few keys or many.
        let (length, keys_used) = (1 + random.below(BATCH), 1 + random.below(KEYS));
        for _ in 0..if batch % 4 == 0 { length } else { BATCH } {
            let at = random.below(keys_used);
            let (nonce, point) = nonces.next();
            let (r, message) = (point.compress().0, random.next().to_le_bytes());
            let signer = &keys[at];
            let mut signed = response(nonce, r, signer.secret, &signer.bytes(), message);
            let key = &keys[damage(&mut signed, at, &mut random)];
            batch_of.push((key, signed));
        }
        let mut expected = Vec::new();
        let mut checks: Vec<Check<'_>> = Vec::new();
        for (key, signed) in &batch_of {
            let verdict = signed.library_says(&key.library);
            let Some(check) = signed.check(key, &key.tables[0]) else {
                assert!(!verdict, "{signed:?}");
                continue;
            };
            good += usize::from(verdict);
            expected.push(verdict);
            checks.push(check);
        }
        for backend in backends() {
            let found = good_ones(backend, &checks);
            assert_eq!(found, expected, "{backend}, seed {seed}, batch {batch}");
        }
    }
    println!("{good} of them good");
    assert!(good > count / 3, "most are good: {good}");
}
