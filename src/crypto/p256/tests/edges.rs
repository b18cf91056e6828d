//! Signatures made to meet the special cases of the equation and of the formulas.

use ::p256::AffinePoint;
use ::p256::elliptic_curve::PrimeField as _;
use ::p256::elliptic_curve::point::DecompressPoint as _;
use ::p256::elliptic_curve::subtle::Choice;
use ::p256::{ProjectivePoint, Scalar as Reference};

use super::arithmetic::affine;
use super::differential::{inverse, multiple, negative, product, sign, sum};
use super::{Key, SIZES, Signed, backends, check, check_or_leave};
use crate::crypto::combs::{Size, comb_bytes};
use crate::crypto::limbs::Limbs;
use crate::crypto::p256::point::Affine;
use crate::crypto::p256::scalar::{MODULUS_LESS_ORDER, ORDER};
use crate::crypto::p256::windows::{Cut, GENERATOR, WIDE};

use crate::crypto::Backend;
use crate::crypto::p256::Answer;
use crate::crypto::tests::numbers::Random;

const ONE: Limbs = Limbs([1, 0, 0, 0]);

const HALF_OF_ALL_ONES: Limbs = crate::crypto::p256::prepare::HALF_OF_ALL_ONES;

fn small(number: u64) -> Limbs {
    Limbs([number, 0, 0, 0])
}

fn good_one() -> (Key, Signed) {
    let mut random = Random(3);
    let generator = Affine::generator().unwrap();
    let (secret, nonce) = (random.scalar(), random.scalar());
    let point = multiple(nonce, generator);
    let signed = sign(secret, nonce, &point, random.number());
    (Key::new(&multiple(secret, generator), &SIZES), signed)
}

/// `secret * G` by another library: the tests' own `multiple` stops at n - 1.
fn point_of(secret: Limbs) -> Affine {
    let secret = Reference::from_repr(secret.to_be_bytes().into()).unwrap();
    affine(&(ProjectivePoint::GENERATOR * secret))
}

/// The good signature of the key with this secret whose u1 and u2 are these.
fn with_multiples(secret: Limbs, u1: Limbs, u2: Limbs) -> Signed {
    let nonce = sum(u1, product(u2, secret));
    let r = point_of(nonce).x.to_limbs().reduced_once(false, ORDER);
    let s = product(r, inverse(u2));
    Signed {
        r,
        s,
        digest: product(u1, s),
    }
}

/// What an entry of a table is, as a multiple of its point.
fn entry(comb: usize, byte: u8) -> Limbs {
    (0..8).fold(Limbs::ZERO, |multiple, tooth| {
        let power = (0..comb + 32 * tooth).fold(ONE, |power, _| sum(power, power));
        let set = byte >> tooth & 1 == 1;
        sum(multiple, if set { power } else { negative(power) })
    })
}

fn combs_of(u: Limbs) -> [u8; 32] {
    comb_bytes(sum(product(u, inverse(small(2))), HALF_OF_ALL_ONES))
}

fn digits_of(cut: Cut, u: Limbs) -> Vec<u64> {
    let v = sum(product(u, inverse(small(2))), cut.half_of_all_ones);
    let bit = |at: usize| u64::from(at < 256 && v.bit(at));
    let window = |window: usize| (0..cut.bits()).map(move |at| bit(window * cut.bits() + at) << at);
    let windows = 0..cut.windows();
    windows.map(|at| window(at).sum()).collect()
}

/// What an entry of a table of windows is, as a multiple of its point.
fn entry_of_window(cut: Cut, window: usize, digit: u64) -> Limbs {
    let odd = sum(small(2 * digit + 1), negative(small(1 << cut.bits())));
    (0..window * cut.bits()).fold(odd, |multiple, _| sum(multiple, multiple))
}

/// The entries whose sum is `u`, lowest window first.
fn windows_of(cut: Cut, u: Limbs) -> Vec<Limbs> {
    let digits = digits_of(cut, u).into_iter().enumerate();
    digits
        .map(|(window, digit)| entry_of_window(cut, window, digit))
        .collect()
}

/// The entries of a key that are summed after the last doubling.
fn last_round_of(size: Size, u: Limbs) -> Vec<Limbs> {
    if size == Size::Wide {
        return windows_of(WIDE, u);
    }
    let combs = combs_of(u);
    let chosen = (0..size.blocks()).map(|block| block * size.rounds());
    chosen.map(|comb| entry(comb, combs[comb])).collect()
}

fn total(entries: &[Limbs]) -> Limbs {
    entries.iter().copied().fold(Limbs::ZERO, sum)
}

#[test]
fn a_number_is_the_sum_of_its_entries() {
    let mut random = Random(5);
    for u in [
        small(0),
        ONE,
        negative(ONE),
        random.scalar(),
        random.scalar(),
    ] {
        assert_eq!(total(&last_round_of(Size::Full, u)), u);
        for cut in [GENERATOR, WIDE] {
            assert_eq!(total(&windows_of(cut, u)), u);
        }
    }
}

#[test]
fn keys_near_the_generator_are_like_any_other() {
    let (filler_key, filler) = good_one();
    let mut random = Random(11);
    let secrets = (1..20).flat_map(|k| [small(k), negative(small(k))]);
    let powers = (1..9).map(|k| entry(0, 0).plus_mod(small(k), ORDER));
    for secret in secrets.chain(powers) {
        let key = Key::new(&point_of(secret), &[Size::Warm, Size::Hot, Size::Wide]);
        let nonce = random.scalar();
        let signed = sign(secret, nonce, &point_of(nonce), random.number());
        assert!(signed.library_says(&key), "{secret:?}");
        check(&key, &signed, Answer::Good, (&filler_key, &filler));
        let other = Signed {
            digest: random.number(),
            ..signed
        };
        assert!(!other.library_says(&key));
        check(&key, &other, Answer::Bad, (&filler_key, &filler));
    }
}

#[test]
fn numbers_at_the_ends_of_their_ranges() {
    let (filler_key, filler) = good_one();
    let mut random = Random(13);
    let secret = random.scalar();
    let key = Key::new(&point_of(secret), &SIZES);
    let half = product(inverse(small(2)), negative(ONE));
    let ends = [
        ONE,
        small(2),
        negative(ONE),
        negative(small(2)),
        half,
        sum(half, ONE),
    ];
    // s as wanted, by the digest that it fits.
    for s in ends {
        let nonce = random.scalar();
        let r = point_of(nonce).x.to_limbs().reduced_once(false, ORDER);
        let digest = sum(product(s, nonce), negative(product(r, secret)));
        let signed = Signed { r, s, digest };
        assert!(signed.library_says(&key), "{s:?}");
        check(&key, &signed, Answer::Good, (&filler_key, &filler));
    }
    // Zero modulo n, so u1 = 0: the generator's entries add up to infinity.
    for digest in [Limbs::ZERO, ORDER] {
        let nonce = random.scalar();
        let signed = sign(secret, nonce, &point_of(nonce), digest);
        assert!(signed.library_says(&key), "{digest:?}");
        check_or_leave(&key, &signed, (&filler_key, &filler));
        for r in ends {
            check_or_leave(&key, &Signed { r, ..signed }, (&filler_key, &filler));
        }
    }
    // r as it comes out; digests not below n.
    for digest in [ORDER.plus(ONE).0, Limbs([u64::MAX; 4])] {
        let nonce = random.scalar();
        let signed = sign(secret, nonce, &point_of(nonce), digest);
        assert!(signed.library_says(&key), "{digest:?}");
        check(&key, &signed, Answer::Good, (&filler_key, &filler));
        for r in ends {
            let other = Signed { r, ..signed };
            let expected = if r.less(MODULUS_LESS_ORDER) {
                Answer::Unsure
            } else {
                Answer::Bad
            };
            assert!(!other.library_says(&key));
            check(&key, &other, expected, (&filler_key, &filler));
        }
    }
    for outside in [Limbs::ZERO, ORDER, ORDER.plus(ONE).0, Limbs([u64::MAX; 4])] {
        let r_outside = Signed {
            r: outside,
            ..filler
        };
        let s_outside = Signed {
            s: outside,
            ..filler
        };
        for signed in [r_outside, s_outside] {
            assert!(signed.check(&key.tables[0]).is_none());
            assert!(!signed.library_says(&filler_key), "{outside:?}");
        }
    }
}

/// x of the sum is r + n: only r below p - n leaves room for that.
#[test]
fn x_beyond_the_order_is_left_to_the_library() {
    let (filler_key, filler) = good_one();
    let mut random = Random(17);
    let mut found = (0, 0);
    for k in 0..24 {
        // The points with x = n + k and with x = k, where there are any.
        for (x, beyond) in [(ORDER.plus(small(k)).0, true), (small(k), false)] {
            let decompressed = AffinePoint::decompress(&x.to_be_bytes().into(), Choice::from(0));
            let Some(point) = Option::<AffinePoint>::from(decompressed) else {
                continue;
            };
            if k == 0 {
                continue; // r would be zero
            }
            let reference = |n: Limbs| Reference::from_repr(n.to_be_bytes().into()).unwrap();
            let (s, digest) = (random.scalar(), random.scalar());
            let (of_point, of_generator) = (
                product(s, inverse(small(k))),
                negative(product(digest, inverse(small(k)))),
            );
            let public = ProjectivePoint::from(point) * reference(of_point)
                + ProjectivePoint::GENERATOR * reference(of_generator);
            let key = Key::new(&affine(&public), &SIZES);
            let signed = Signed {
                r: small(k),
                s,
                digest,
            };
            assert!(signed.library_says(&key), "{k}");
            if beyond {
                found.0 += 1;
                check(&key, &signed, Answer::Unsure, (&filler_key, &filler));
            } else {
                found.1 += 1;
                check(&key, &signed, Answer::Good, (&filler_key, &filler));
            }
        }
    }
    assert!(found.0 > 3 && found.1 > 3, "{found:?}");
}

#[test]
fn the_sum_is_infinity() {
    let (filler_key, filler) = good_one();
    let mut random = Random(19);
    let secret = random.scalar();
    let key = Key::new(&point_of(secret), &SIZES);
    let (r, s) = (random.scalar(), random.scalar());
    let digest = negative(product(r, secret));
    let signed = Signed { r, s, digest };
    assert!(!signed.library_says(&key));
    check(&key, &signed, Answer::Unsure, (&filler_key, &filler));
}

/// Whoever knows a secret can choose u1 and u2 so that a partial sum meets an entry, or its opposite.
/// The signature is good nevertheless.
#[test]
fn partial_sums_that_meet_an_entry_are_left_to_the_library() {
    let (filler_key, filler) = good_one();
    let mut random = Random(23);
    for secret in [ONE, negative(ONE), small(2), random.scalar()] {
        let key = Key::new(&point_of(secret), &SIZES);
        for window in [0, 1, 9, 18, 19] {
            let u1 = random.scalar();
            let entries = windows_of(GENERATOR, u1);
            let (before, meets) = (total(&entries[..window]), entries[window]);
            for meets in [meets, negative(meets)] {
                if window == 19 && meets != entries[window] {
                    continue; // the sum of all is infinity
                }
                let of_key = sum(meets, negative(before));
                let signed = with_multiples(secret, u1, product(of_key, inverse(secret)));
                assert!(signed.library_says(&key), "{window}");
                let left = check_or_leave(&key, &signed, (&filler_key, &filler));
                check_left_in_order(&left);
            }
        }
    }
}

/// Those that add entries one after the other left a signature to the library: the lanes, and the
/// portable backend with few.
fn check_left_in_order(left: &[(Backend, bool)]) {
    assert!(left.contains(&(Backend::Scalar, false)), "{left:?}");
    for backend in backends().filter(|backend| *backend == Backend::Avx512Ifma) {
        assert!(left.contains(&(backend, true)), "{left:?}");
    }
}

/// The portable backend adds many signatures' entries two by two: the key's half of the tree meets the
/// generator's, or its opposite, where the secret is chosen so.
#[test]
fn halves_that_meet_are_left_to_the_library() {
    let (filler_key, filler) = good_one();
    let mut random = Random(31);
    for size in SIZES {
        for opposite in [false, true] {
            let (u1, u2) = (random.scalar(), random.scalar());
            // The last of the key's entries that are not doubled afterwards, and the generator's first:
            // as many as come together on one level.
            let (of_key, of_generator) = match size {
                Size::Warm => (0..1, 0..1),
                Size::Hot => (0..8, 0..8),
                Size::Full => (0..32, 0..20),
                Size::Wide => (20..22, 0..2),
            };
            let key_half = total(&last_round_of(size, u2)[of_key]);
            let half = total(&windows_of(GENERATOR, u1)[of_generator]);
            let half = if opposite { negative(half) } else { half };
            let secret = product(half, inverse(key_half));
            let key = Key::new(&point_of(secret), &[size]);
            if opposite && size == Size::Full {
                continue; // the sum of all is infinity
            }
            let signed = with_multiples(secret, u1, u2);
            assert!(signed.library_says(&key));
            let left = check_or_leave(&key, &signed, (&filler_key, &filler));
            assert!(left.contains(&(Backend::Scalar, true)), "{size:?} {left:?}");
        }
    }
}

/// Likewise among the key's own entries: the last one is the sum of all others.
#[test]
fn a_keys_own_entries_that_meet_are_left_to_the_library() {
    let (filler_key, filler) = good_one();
    let mut random = Random(29);
    let secret = random.scalar();
    let mut found = 0;
    for size in Size::OF_COMBS {
        let key = Key::new(&point_of(secret), &[size]);
        let last = (size.blocks() - 1) * size.rounds();
        for byte in 0..=255 {
            let u2 = sum(entry(last, byte), entry(last, byte));
            if combs_of(u2)[last] != byte {
                continue;
            }
            found += 1;
            let signed = with_multiples(secret, random.scalar(), u2);
            assert!(signed.library_says(&key));
            check_left_in_order(&check_or_leave(&key, &signed, (&filler_key, &filler)));
        }
    }
    assert!(found > 0, "no byte fits");
    let key = Key::new(&point_of(secret), &[Size::Wide]);
    let last_window = WIDE.windows() - 1;
    for digit in 0..16 {
        let last = entry_of_window(WIDE, last_window, digit);
        let u2 = sum(last, last);
        if digits_of(WIDE, u2)[last_window] != digit {
            continue;
        }
        found += 1;
        let signed = with_multiples(secret, random.scalar(), u2);
        assert!(signed.library_says(&key));
        check_left_in_order(&check_or_leave(&key, &signed, (&filler_key, &filler)));
    }
    assert!(found > 1, "no digit fits");
}
