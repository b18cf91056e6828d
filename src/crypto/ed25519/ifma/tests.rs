//! The lanes beside the portable code, number by number, and the bounds that the comments claim.

#![expect(unsafe_code, reason = "instructions that not every CPU has")]

use std::arch::x86_64::{_mm512_or_si512, _mm512_set1_epi64};

use super::field::{Factor, Limbs52, Loose, RAISE};
use super::point::{Entries, Points};
use super::{inverse_of_each_lane, load};
use crate::crypto::ed25519::field::{Fe, MODULUS};
use crate::crypto::ed25519::point::{Addend, Point};
use crate::crypto::ed25519::table::Entry;
use crate::crypto::ed25519::tests::arithmetic::{affine, points};
use crate::crypto::lanes::{LANES, to_row};
use crate::crypto::limbs::Limbs;
use crate::crypto::tests::lanes::{lanes_of, lanes_test, vectors_of};
use crate::crypto::tests::numbers::Random;

const MASK: i64 = (1 << 52) - 1;

/// The most that a limb of a product can be, less 1.
const PRODUCT: i64 = 10 * (1 << 52) + 608;

/// The largest factor: 2^255 + 2^215 - 1.
const LARGEST: Limbs52 = [MASK, MASK, MASK, MASK, (1 << 47) + (1 << 7) - 1];

/// The value of limbs, modulo p.
fn value(limbs: Limbs52) -> Fe {
    let shift = Fe::from_limbs(Limbs([1 << 52, 0, 0, 0]));
    limbs.into_iter().rev().fold(Fe::ZERO, |sum, limb| {
        let limb = Fe::from_limbs(Limbs([u64::try_from(limb).unwrap(), 0, 0, 0]));
        sum.times(shift).plus(limb)
    })
}

fn limbs52(number: Limbs) -> Limbs52 {
    let bits = |from: usize| {
        let bit = |at: usize| i64::from(at < 256 && number.bit(at)) << (at - from);
        (from..from + 52).map(bit).sum()
    };
    [bits(0), bits(52), bits(104), bits(156), bits(208)]
}

fn below_2_255(random: &mut Random) -> Limbs {
    let [w0, w1, w2, w3] = random.number().0;
    Limbs([w0, w1, w2, w3 >> 1])
}

/// Factors, the largest ones among them.
fn factors(random: &mut Random) -> [Limbs52; LANES] {
    std::array::from_fn(|lane| match lane {
        0 => LARGEST,
        1 => limbs52(MODULUS),
        2 => [0; 5],
        3 => [MASK, 0, MASK, 0, (1 << 47) + 1],
        4 => [0, MASK, 0, MASK, LARGEST[4]],
        _ => limbs52(below_2_255(random)),
    })
}

/// Limbs with bits above the 52 that count.
#[target_feature(enable = "avx512f,avx512ifma")]
fn factor(lanes: [Limbs52; LANES], random: &mut Random) -> Factor {
    let rubbish = _mm512_set1_epi64(random.next().cast_signed() << 52);
    Factor(vectors_of(lanes).map(|limb| _mm512_or_si512(limb, rubbish)))
}

/// The lanes of factors, which must keep their bound.
#[track_caller]
#[target_feature(enable = "avx512f,avx512ifma")]
fn values_of(found: Factor) -> [Fe; LANES] {
    lanes_of(found.exact().0).map(|limbs| {
        assert!(limbs[4] <= LARGEST[4], "{limbs:?}");
        value(limbs)
    })
}

lanes_test!(products_are_right_and_within_bounds, products);

#[target_feature(enable = "avx512f,avx512ifma")]
fn products() {
    assert_eq!(value(RAISE), Fe::ZERO);
    assert!(RAISE.iter().all(|&limb| limb >= PRODUCT));
    assert_eq!(lanes_of(Loose::raise().0), [RAISE; LANES]);
    let mut random = Random(41);
    for round in 0..200 {
        let one = factors(&mut random);
        let mut other = factors(&mut random);
        other.rotate_left(round % LANES);
        let (a, b) = (factor(one, &mut random), factor(other, &mut random));
        let plain = [lanes_of(a.times(b).0), lanes_of(a.square().0)];
        let raised = [lanes_of(a.times_raised(b).0), lanes_of(a.square_raised().0)];
        for lane in 0..LANES {
            let (a, b) = (value(one[lane]), value(other[lane]));
            let expected = [a.times(b), a.square()];
            for at in 0..2 {
                let (plain, raised) = (plain[at][lane], raised[at][lane]);
                assert_eq!(value(plain), expected[at], "{round} {lane}");
                assert!(plain.iter().all(|limb| (0..PRODUCT).contains(limb)));
                let added: Limbs52 = std::array::from_fn(|limb| raised[limb] - RAISE[limb]);
                assert_eq!(added, plain);
            }
        }
    }
}

lanes_test!(sums_become_factors, reductions);

#[target_feature(enable = "avx512f,avx512ifma")]
fn reductions() {
    let mut random = Random(43);
    for round in 0..300 {
        let mut limb = || (random.next() >> 6).cast_signed();
        let lanes: [Limbs52; LANES] = std::array::from_fn(|lane| match lane {
            0 => [(1 << 58) - 1; 5],
            1 => [0, 0, 0, 0, (1 << 58) - 1],
            2 => [0; 5],
            3 => [MASK, MASK, MASK, MASK, (1 << 47) - 1],
            _ => std::array::from_fn(|at| limb() >> (if round % 2 == 0 { 0 } else { 11 * at })),
        });
        let loose = Loose(vectors_of(lanes));
        let found = values_of(loose.factor());
        assert!(found.into_iter().eq(lanes.map(value)));
    }
}

lanes_test!(canonical_numbers_are_below_p, canonical);

#[target_feature(enable = "avx512f,avx512ifma")]
fn canonical() {
    let mut random = Random(47);
    let near = |more: i64| {
        let mut limbs = limbs52(MODULUS);
        limbs[0] += more;
        limbs
    };
    for round in 0..100_u64 {
        let lanes = [
            near(0),
            near(-1),
            near(i64::try_from(round % 19).unwrap()),
            LARGEST,
            [0; 5],
            [0, 0, 0, 0, 1 << 47],
            limbs52(below_2_255(&mut random)),
            [i64::try_from(round).unwrap(), 0, 0, 0, 0],
        ];
        let factor = factor(lanes, &mut random);
        let expected = lanes.map(|limbs| value(limbs).to_limbs());
        assert_eq!(lanes_of(factor.canonical().0), expected.map(limbs52));
        let words = factor.to_words().map(|words| to_row(words));
        for (lane, limbs) in expected.iter().enumerate() {
            assert_eq!(words.map(|words| words[lane]), limbs.0);
        }
        let inverses = inverse_of_each_lane(Factor(vectors_of(lanes.map(|limbs| {
            let number = value(limbs);
            let number = if number.is_zero() { Fe::ONE } else { number };
            limbs52(number.to_limbs())
        }))));
        for (inverse, limbs) in values_of(inverses).into_iter().zip(lanes) {
            let product = inverse.times(value(limbs));
            assert!(product == Fe::ONE || product.is_zero());
        }
    }
}

lanes_test!(canonical_forms_are_compared_in_every_lane, comparisons);

#[target_feature(enable = "avx512f,avx512ifma")]
fn comparisons() {
    let mut random = Random(53);
    for _ in 0..20 {
        let (x, y) = (factors(&mut random), factors(&mut random));
        let form = |lane: usize| {
            let [w0, w1, w2, w3] = value(y[lane]).to_limbs().0;
            Limbs([w0, w1, w2, w3 | u64::from(value(x[lane]).is_odd()) << 63])
        };
        let (in_x, in_y) = (factor(x, &mut random), factor(y, &mut random));
        let compared = |expected: [Limbs; LANES], random: &mut Random| {
            Factor::encodes(in_x, in_y, factor(expected.map(limbs52), random))
        };
        let right: [Limbs; LANES] = std::array::from_fn(form);
        assert_eq!(compared(right, &mut random), 0xff);
        for bit in 0..256 {
            let mut wrong = right;
            wrong[bit % LANES].0[bit / 64] ^= 1 << (bit % 64);
            assert_eq!(compared(wrong, &mut random), !(1 << (bit % LANES)));
        }
    }
}

/// Entries of points, some of them turned over, and what the portable code adds.
#[target_feature(enable = "avx512f,avx512ifma")]
fn entries(random: &mut Random) -> (Entries, [Addend; LANES]) {
    let points = points();
    let rows: [Entry; LANES] =
        std::array::from_fn(|_| Entry::from(&affine(&points[random.below(points.len())])));
    let negative = u8::try_from(random.below(256)).unwrap();
    let addends =
        std::array::from_fn(|lane| Addend::from(&rows[lane]).negated_if(negative >> lane & 1 == 1));
    (load::entries(rows.each_ref(), negative), addends)
}

#[track_caller]
#[target_feature(enable = "avx512f,avx512ifma")]
fn check(found: &Points, expected: impl Fn(usize) -> Point) {
    let found = [found.e, found.f, found.g, found.h].map(|part| values_of(part));
    for lane in 0..LANES {
        let Point { e, f, g, h } = expected(lane);
        assert_eq!(found.map(|part| part[lane]), [e, f, g, h], "lane {lane}");
    }
}

lanes_test!(sums_and_doubles_are_the_portable_ones, sums);

/// The formulas are polynomials, so any numbers will do, and the largest are tried.
#[target_feature(enable = "avx512f,avx512ifma")]
fn sums() {
    let mut random = Random(59);
    for round in 0..200 {
        let numbers: [[Limbs52; LANES]; 4] = std::array::from_fn(|at| {
            let mut numbers = factors(&mut random);
            numbers.rotate_left(at * round % LANES);
            if round % LANES == 0 {
                numbers[0] = LARGEST;
            }
            numbers
        });
        let [e, f, g, h] = numbers.map(|part| factor(part, &mut random));
        let lanes = Points { e, f, g, h };
        let portable = |lane: usize| {
            let [e, f, g, h] = numbers.map(|part| value(part[lane]));
            Point { e, f, g, h }
        };
        let (entries, addends) = entries(&mut random);
        check(&Points::new(&entries), |lane| {
            Point::NEUTRAL.plus(&addends[lane])
        });
        check(&lanes.plus(&entries), |lane| {
            portable(lane).plus(&addends[lane])
        });
        check(&lanes.double(), |lane| portable(lane).double());
        let fractions = lanes.fractions();
        let found = [fractions.x, fractions.y, fractions.z].map(|part| values_of(part));
        for lane in 0..LANES {
            let (x, y, z) = portable(lane).fractions();
            assert_eq!(found.map(|part| part[lane]), [x, y, z]);
        }
    }
}
