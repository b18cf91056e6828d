//! The lanes beside the portable code, number by number, and the bounds that the comments claim.

#![expect(unsafe_code, reason = "instructions that not every CPU has")]

use super::field::{Exact, Factor, Limbs52, Loose, MODULUS, R_SQUARED_BY_SIXTEEN, SIXTEEN, splat};
use super::load;
use super::order;
use super::point::{Entries, Points};
use crate::crypto::combs::Size;
use crate::crypto::lanes::LANES;
use crate::crypto::limbs::Limbs;
use crate::crypto::p256::field::{self, Fp};
use crate::crypto::p256::point::{Affine, Xyzz, to_affine};
use crate::crypto::p256::prepare::Check;
use crate::crypto::p256::scalar::{self, Scalar};
use crate::crypto::p256::table::{Entry, Table};
use crate::crypto::p256::tests::differential::multiple;
use crate::crypto::tests::lanes::{lanes_of, lanes_test, vectors_of};
use crate::crypto::tests::numbers::Random;

fn small(number: i64) -> Fp {
    let limbs = Limbs([number.unsigned_abs(), 0, 0, 0]);
    let element = Fp::from_limbs(limbs).unwrap();
    if number < 0 { -element } else { element }
}

/// The value of limbs, modulo p.
fn value(limbs: Limbs52) -> Fp {
    let shift = small(1 << 52);
    limbs
        .into_iter()
        .rev()
        .fold(Fp::ZERO, |sum, limb| sum * shift + small(limb))
}

/// The value of limbs in units of p, roughly.
#[expect(clippy::cast_precision_loss, reason = "roughly")]
fn size(limbs: Limbs52) -> f64 {
    let real = |limbs: Limbs52| {
        limbs
            .into_iter()
            .rev()
            .fold(0.0, |sum, limb| sum * 2_f64.powi(52) + limb as f64)
    };
    real(limbs) / real(MODULUS)
}

/// An element as 5 limbs below 2^52, plus `moduli` p.
fn limbs52(number: Limbs, moduli: i64) -> Limbs52 {
    let mut limbs = [0; 5];
    for (at, limb) in limbs.iter_mut().enumerate() {
        for bit in 0..52 {
            let position = 52 * at + bit;
            *limb |= i64::from(position < 256 && number.bit(position)) << bit;
        }
    }
    let mut carry = 0;
    for (limb, p) in limbs.iter_mut().zip(MODULUS) {
        let sum = *limb + moduli * p + carry;
        *limb = sum & ((1 << 52) - 1);
        carry = sum >> 52;
    }
    assert_eq!(carry, 0);
    limbs
}

/// `number * R` with R = 2^260.
fn montgomery(element: Fp, moduli: i64) -> Limbs52 {
    let sixteen = small(16);
    limbs52((element * sixteen).0, moduli)
}

/// The element whose form with R = 2^260 the limbs hold.
fn element(limbs: Limbs52) -> Fp {
    value(limbs) * power_of_two(260).inverse()
}

fn power_of_two(exponent: u32) -> Fp {
    (0..exponent).fold(Fp::ONE, |power, _| power.double())
}

/// Numbers below 16 p and at the ends of what five limbs hold.
fn numbers(random: &mut Random) -> [Limbs52; LANES] {
    std::array::from_fn(|lane| match lane {
        0 => [(1 << 52) - 1; 5],
        1 => [0, 0, 0, 0, (1 << 52) - 1],
        2 => [0; 5],
        3 => limbs52(Limbs([u64::MAX; 4]), 0),
        4 => limbs52(field::MODULUS, i64::try_from(random.below(15)).unwrap()),
        _ => limbs52(random.number(), i64::try_from(random.below(15)).unwrap()),
    })
}

lanes_test!(constants_are_what_they_are_said_to_be, constants);

#[target_feature(enable = "avx512f,avx512ifma")]
fn constants() {
    assert_eq!(value(SIXTEEN), power_of_two(264));
    assert_eq!(value(R_SQUARED_BY_SIXTEEN), power_of_two(516));
    assert_eq!(value(MODULUS), Fp::ZERO);
    assert_eq!(lanes_of(Loose::moduli::<3>().0)[5], MODULUS.map(|p| 3 * p));
    assert_eq!(lanes_of([splat(7); 5]), [[7; 5]; LANES]);
}

lanes_test!(products_are_right_and_within_bounds, products);

#[target_feature(enable = "avx512f,avx512ifma")]
fn products() {
    let mut random = Random(41);
    let radix = power_of_two(260).inverse();
    for round in 0..200 {
        let operands: [[Limbs52; LANES]; 4] = std::array::from_fn(|at| {
            let mut numbers = numbers(&mut random);
            numbers.rotate_left((at * round) % LANES);
            numbers
        });
        // What stands above the 52 bits does not count.
        let rubbish = splat(random.next().cast_signed() << 52);
        let [a, b, c, d] = operands.map(|numbers| {
            let mut vectors = vectors_of(numbers);
            for vector in &mut vectors {
                *vector = std::arch::x86_64::_mm512_or_si512(*vector, rubbish);
            }
            Factor(vectors)
        });
        let results = [
            lanes_of(a.times(b).0),
            lanes_of(a.square().0),
            lanes_of(a.times_plus(b, c, d).0),
            lanes_of(a.sixteenth().0),
        ];
        for lane in 0..LANES {
            let [a, b, c, d] = operands.map(|numbers| numbers[lane]);
            let [product, square, sum, sixteenth] = results.map(|lanes| lanes[lane]);
            let ab = value(a) * value(b);
            assert_eq!(value(product), ab * radix);
            assert_eq!(value(square), value(a).square() * radix);
            assert_eq!(value(sum), (ab + value(c) * value(d)) * radix);
            assert_eq!(value(sixteenth), value(a) * small(16).inverse());
            let [a, b, c, d] = [a, b, c, d].map(size);
            let above = 1.0 + 1e-9;
            assert!(size(product) < (1.0 + a * b / 16.0) * above);
            assert!(size(square) < (1.0 + a * a / 16.0) * above);
            assert!(size(sum) < (1.0 + (a * b + c * d) / 16.0) * above);
            assert!(size(sixteenth) < (1.0 + a / 16.0) * above);
            for limbs in [product, square, sum, sixteenth] {
                assert!(limbs.iter().all(|limb| (0..1 << 57).contains(limb)));
            }
        }
    }
}

lanes_test!(values_are_carried_and_reduced, reductions);

#[target_feature(enable = "avx512f,avx512ifma")]
fn reductions() {
    let mut random = Random(43);
    for _ in 0..300 {
        // Any value below 16 p, in limbs that went astray by up to 2^57.
        let mut numbers = numbers(&mut random).map(|limbs| {
            if size(limbs) < 15.99 {
                limbs
            } else {
                limbs52(Limbs([u64::MAX, u64::MAX, u64::MAX, u64::MAX >> 1]), 14)
            }
        });
        for limbs in &mut numbers {
            for at in 0..4 {
                let stray = (random.next() >> 58).cast_signed() - 32;
                limbs[at] += stray << 52;
                limbs[at + 1] -= stray;
            }
        }
        let loose = Loose(vectors_of(numbers));
        let carried = lanes_of(loose.carried().0);
        let factors = lanes_of(loose.carried_factor().exact().0);
        let reduced = lanes_of(loose.reduced().0);
        assert_eq!(carried, factors);
        for (lane, limbs) in numbers.into_iter().enumerate() {
            for result in [carried[lane], reduced[lane]] {
                assert_eq!(value(result), value(limbs));
                assert!(result.iter().all(|limb| (0..1 << 52).contains(limb)));
            }
            assert!(size(reduced[lane]) < 1.0 + 2_f64.powi(-27));
        }
    }
}

lanes_test!(zero_is_found_in_both_its_forms, zeros);

#[target_feature(enable = "avx512f,avx512ifma")]
fn zeros() {
    let numbers = [
        [0; 5],
        MODULUS,
        [1, 0, 0, 0, 0],
        [0, 0, 0, 0, 1],
        limbs52(Limbs([1, 0, 0, 0]), 1),
        [MODULUS[0], MODULUS[1], 0, MODULUS[3], MODULUS[4] - 1],
        [MODULUS[0] - 1, MODULUS[1], 0, MODULUS[3], MODULUS[4]],
        [0, 0, 1, 0, 0],
    ];
    assert_eq!(Exact(vectors_of(numbers)).zero_lanes(), 0b11);
}

/// Points of the portable code in lanes, each value at the upper end of what its bound allows.
#[target_feature(enable = "avx512f,avx512ifma")]
fn points(portable: &[Xyzz; LANES], turned: bool) -> Points {
    let highest = |element: Fp, bound: f64| {
        (0..3)
            .rev()
            .map(|moduli| montgomery(element, moduli))
            .find(|limbs| size(*limbs) < bound)
            .unwrap()
    };
    let sixteen = |element: Fp| element * small(16);
    Points {
        x: Exact(vectors_of(portable.map(|point| highest(point.x, 1.1)))),
        y: Exact(vectors_of(portable.map(|point| highest(point.y, 2.5)))),
        zz: Factor(vectors_of(
            portable.map(|point| highest(sixteen(point.zz), 1.25)),
        )),
        zzz: Factor(vectors_of(portable.map(|point| {
            let zzz = if turned { -point.zzz } else { point.zzz };
            highest(sixteen(zzz), 1.25)
        }))),
        turned: if turned { 0xff } else { 0 },
    }
}

/// The lanes hold the points, within their bounds.
#[track_caller]
#[target_feature(enable = "avx512f,avx512ifma")]
fn check(found: &Points, expected: &[Xyzz; LANES]) {
    let (x, y) = (lanes_of(found.x.0), lanes_of(found.y.0));
    let (zz, zzz) = (lanes_of(found.zz.exact().0), lanes_of(found.zzz.exact().0));
    let sixteenth = small(16).inverse();
    for (lane, expected) in expected.iter().enumerate() {
        assert!(size(x[lane]) < 1.1 && size(y[lane]) < 2.5, "{lane}");
        assert!(size(zz[lane]) < 1.25 && size(zzz[lane]) < 1.25, "{lane}");
        let turned = found.turned >> lane & 1 == 1;
        let zzz = element(zzz[lane]) * sixteenth;
        let found = Xyzz {
            x: element(x[lane]),
            y: element(y[lane]),
            zz: element(zz[lane]) * sixteenth,
            zzz: if turned { -zzz } else { zzz },
        };
        if expected.zz.is_zero() {
            assert!(found.zz.is_zero(), "{lane}");
        } else {
            assert_eq!(to_affine(&[found]), to_affine(&[*expected]), "{lane}");
        }
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn entries(points: &[(Affine, bool); LANES]) -> Entries {
    let rows = points.map(|(point, _)| Entry::from(&point));
    let mut negative = 0;
    for (lane, (_, is_negative)) in points.iter().enumerate() {
        negative |= u8::from(*is_negative) << lane;
    }
    load::entries(rows.each_ref().map(|entry| &entry.0), negative)
}

lanes_test!(sums_and_doubles_are_the_portable_ones, sums);

#[target_feature(enable = "avx512f,avx512ifma")]
fn sums() {
    let mut random = Random(47);
    let generator = Affine::generator().unwrap();
    let mut entry = || (multiple(random.scalar(), generator), random.below(2) == 0);
    for start in 0..4 {
        let first: [(Affine, bool); LANES] = std::array::from_fn(|_| entry());
        let mut lanes = Points::new(&entries(&first));
        let mut portable = first.map(|(point, negative)| Xyzz::from(point.negated_if(negative)));
        check(&lanes, &portable);
        for step in 0..12 {
            if step != 6 && (step + start) % 3 == 0 {
                lanes = lanes.double();
                portable = portable.map(Xyzz::double);
            } else {
                let mut next: [(Affine, bool); LANES] = std::array::from_fn(|_| entry());
                // Lane 5 meets its own point, lane 6 its opposite: broken ever after.
                if step == 6 {
                    let met = to_affine(&portable).unwrap();
                    next[5] = (met[5], false);
                    next[6] = (met[6], true);
                }
                lanes = lanes.plus(&entries(&next));
                for (point, (other, negative)) in portable.iter_mut().zip(next) {
                    *point = point.plus(other.negated_if(negative));
                }
            }
            check(&lanes, &portable);
            // The same from values as large as they may be, with either sign.
            for turned in [false, true] {
                let large = points(&portable, turned);
                check(&large, &portable);
                check(&large.double(), &portable.map(Xyzz::double));
                let (other, negative) = first[0];
                let plus = portable.map(|point| point.plus(other.negated_if(negative)));
                check(&large.plus(&entries(&[first[0]; LANES])), &plus);
            }
        }
        let broken = lanes.compare(Exact::splat([1, 0, 0, 0, 0]).factor()).broken;
        assert_eq!(broken, 0b0110_0000);
    }
}

lanes_test!(x_is_compared_in_every_lane, comparisons);

#[target_feature(enable = "avx512f,avx512ifma")]
fn comparisons() {
    let mut random = Random(53);
    let generator = Affine::generator().unwrap();
    let portable: [Xyzz; LANES] = std::array::from_fn(|_| {
        Xyzz::from(multiple(random.scalar(), generator))
            .plus(multiple(random.scalar(), generator))
            .double()
    });
    let x: [Fp; LANES] = std::array::from_fn(|lane| to_affine(&portable).unwrap()[lane].x);
    let lanes = points(&portable, true);
    for wrong in 0..LANES {
        let numbers = std::array::from_fn(|lane| {
            let differs = if lane == wrong { Fp::ONE } else { Fp::ZERO };
            limbs52((x[lane] + differs).to_limbs(), 0)
        });
        let found = lanes.compare(Factor(vectors_of(numbers)));
        assert_eq!((found.equal, found.broken), (!(1 << wrong), 0));
    }
}

lanes_test!(
    products_modulo_the_order_are_right_and_within_bounds,
    order_products
);

#[target_feature(enable = "avx512f,avx512ifma")]
fn order_products() {
    let scalar = |limbs: Limbs52| {
        let shift = Scalar::new(Limbs([1 << 52, 0, 0, 0])).unwrap();
        let zero = Scalar::new(Limbs::ZERO).unwrap();
        // Products of scalars lack a factor: both sides lack it as often.
        limbs.into_iter().rev().fold(zero, |sum, limb| {
            let limb = Limbs([limb.unsigned_abs(), 0, 0, 0]);
            times_plainly(sum, shift).plus(Scalar::new(limb).unwrap())
        })
    };
    assert_eq!(scalar(order::ORDER), scalar([0; 5]));
    let radix = scalar([0, 0, 0, 0, 1 << 51]).double();
    assert_eq!(scalar(order::ONE), radix);
    let order_size = size(order::ORDER);
    let mut random = Random(47);
    for round in 0..200 {
        let operands: [[Limbs52; LANES]; 2] = std::array::from_fn(|at| {
            let mut numbers = numbers(&mut random);
            numbers.rotate_left((at * round) % LANES);
            numbers
        });
        let [a, b] = operands.map(|numbers| Factor(vectors_of(numbers)));
        let products = lanes_of(order::times(a, b).0);
        for (lane, product) in products.into_iter().enumerate() {
            let [a, b] = operands.map(|numbers| numbers[lane]);
            assert_eq!(
                times_plainly(scalar(product), radix),
                times_plainly(scalar(a), scalar(b))
            );
            let [a, b, product] = [a, b, product].map(|limbs| size(limbs) / order_size);
            assert!(product < (1.0 + a * b / 16.0) * (1.0 + 1e-9));
        }
        for limbs in products {
            assert!(limbs.iter().all(|limb| (0..1 << 57).contains(limb)));
        }
    }
}

/// A product without the factor that [`Scalar::times`] takes away.
fn times_plainly(one: Scalar, other: Scalar) -> Scalar {
    let r_squared = Scalar::new(scalar::R_SQUARED).unwrap();
    one.times(other).times(r_squared)
}

lanes_test!(signatures_are_prepared_as_the_portable_code_does, prepared);

#[target_feature(enable = "avx512f,avx512ifma")]
fn prepared() {
    let mut random = Random(53);
    let point = Affine::generator().unwrap();
    let tables = [Size::Warm, Size::Hot, Size::Wide].map(|size| Table::new(point, size).unwrap());
    let less_one = Limbs([scalar::ORDER.0[0] - 1, 0, 0, 0]);
    let largest = Limbs([
        less_one.0[0],
        scalar::ORDER.0[1],
        u64::MAX,
        scalar::ORDER.0[3],
    ]);
    for count in (1..=20).chain([63, 64, 65, 250]) {
        let checks: Vec<Check<'_>> = (0..count)
            .map(|_| {
                let mut number = || loop {
                    let number = match random.below(8) {
                        0 => Limbs([1 + random.next() % 3, 0, 0, 0]),
                        1 => largest,
                        _ => random.number(),
                    };
                    if let Some(scalar) = Scalar::new(number).filter(|scalar| !scalar.is_zero()) {
                        break scalar;
                    }
                };
                let (r, s) = (number(), number());
                let digest = match random.below(8) {
                    0 => Limbs::ZERO,
                    1 => Limbs([u64::MAX; 4]),
                    2 => scalar::ORDER,
                    _ => random.number(),
                };
                let table = &tables[random.below(3)];
                Check {
                    table,
                    r,
                    s,
                    digest,
                }
            })
            .collect();
        let in_lanes = super::prepare::prepare(&checks).unwrap();
        let portable = crate::crypto::p256::prepare::prepare(&checks);
        assert_eq!(in_lanes.len(), portable.len());
        for (one, other) in in_lanes.iter().zip(&portable) {
            assert!(std::ptr::eq(one.table, other.table));
            assert_eq!(one.of_generator, other.of_generator);
            assert_eq!(one.of_key, other.of_key);
            assert_eq!(one.r, other.r);
        }
    }
}
