//! Field, points and tables beside another library.

use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::traits::Identity as _;
use curve25519_dalek::{EdwardsPoint, Scalar};
use proptest::prelude::*;

use super::torsion;
use crate::crypto::combs::{Size, comb_bytes};
use crate::crypto::ed25519::field::{D, Fe, MODULUS, invert_all};
use crate::crypto::ed25519::point::{Addend, Affine, Point, canonical, to_affine};
use crate::crypto::ed25519::prepare::{ORDER, combs};
use crate::crypto::ed25519::table::Table;
use crate::crypto::limbs::Limbs;
use crate::crypto::table_cache::KeyTable as _;
use crate::crypto::tests::numbers::{limb, slow_product};

fn number() -> impl Strategy<Value = Limbs> {
    let near = |number: Limbs| {
        any::<u8>().prop_map(move |d| number.minus(Limbs([u64::from(d), 0, 0, 0])).0)
    };
    let twice = MODULUS.plus(MODULUS).0;
    prop_oneof![
        6 => [limb(), limb(), limb(), limb()].prop_map(Limbs),
        1 => near(MODULUS),
        1 => near(twice.plus(Limbs([38, 0, 0, 0])).0),
        1 => near(ORDER),
    ]
}

fn reduced(number: Limbs) -> Limbs {
    number
        .reduced_once(false, MODULUS)
        .reduced_once(false, MODULUS)
}

/// A point by the library.
pub(in crate::crypto::ed25519) fn affine(point: &EdwardsPoint) -> Affine {
    Affine::from_canonical(&point.compress().0).unwrap()
}

fn compressed(point: &EdwardsPoint) -> Limbs {
    Limbs::from_le_bytes(&point.compress().0)
}

/// Points that formulas could stumble over, and some others.
pub(in crate::crypto::ed25519) fn points() -> Vec<EdwardsPoint> {
    let mut points = torsion().to_vec();
    for k in [1_u64, 2, 3, 0x1234_5678] {
        let point = EdwardsPoint::mul_base(&Scalar::from(k));
        points.extend([point, -point, point + torsion()[1], point + torsion()[4]]);
    }
    points
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn coordinates_multiply_add_and_invert(a in number(), b in number()) {
        let (x, y) = (Fe::from_limbs(a), Fe::from_limbs(b));
        let (a, b) = (reduced(a), reduced(b));
        prop_assert_eq!(x.to_limbs(), a);
        prop_assert_eq!(x.is_odd(), a.bit(0));
        prop_assert_eq!(x.times(y).to_limbs(), slow_product(a, b, MODULUS));
        prop_assert_eq!(x.square(), x.times(x));
        prop_assert_eq!(x.plus(y).to_limbs(), a.plus_mod(b, MODULUS));
        prop_assert_eq!(x.minus(y).to_limbs(), a.minus_mod(b, MODULUS));
        prop_assert_eq!(x.double(), x.plus(x));
        if !x.is_zero() {
            prop_assert_eq!(x.times(x.inverse()), Fe::ONE);
            let mut both = [x, Fe::ONE.double()];
            invert_all(&mut both);
            prop_assert_eq!(both[0], x.inverse());
        }
    }

    #[test]
    fn roots_are_found_where_there_are_some(a in number(), b in number()) {
        let (x, y) = (Fe::from_limbs(a), Fe::from_limbs(b));
        prop_assume!(!x.is_zero() && !y.is_zero());
        let root = x.square().times(y).root_of_ratio(y).unwrap();
        prop_assert_eq!(root.square(), x.square());
        // 2 is no square modulo p.
        prop_assert!(x.square().times(y).double().root_of_ratio(y).is_none());
    }

    #[test]
    fn points_are_read_as_the_library_reads_them(bytes: [u8; 32]) {
        let by_library = CompressedEdwardsY(bytes).decompress();
        let canonical = by_library.is_some_and(|point| point.compress().0 == bytes);
        let point = Affine::from_canonical(&bytes);
        prop_assert_eq!(point.is_some(), canonical);
        if let Some(point) = point {
            prop_assert_eq!(point.to_canonical(), Limbs::from_le_bytes(&bytes));
            let (xx, yy) = (point.x.square(), point.y.square());
            prop_assert_eq!(yy.minus(xx), Fe::ONE.plus(D.times(xx).times(yy)));
        }
    }

    /// The digits are 1 and -1, and sum up to the number modulo L.
    #[test]
    fn a_number_is_the_sum_of_its_combs(bytes: [u8; 32]) {
        let scalar = Scalar::from_bytes_mod_order(bytes);
        let two = Scalar::from(2_u64);
        let sum = |combs: [u8; 32]| {
            let digit = |bit: usize| Scalar::from(combs[bit % 32] >> (bit / 32) & 1);
            let horner = |sum: Scalar, bit| sum * two + digit(bit) * two - Scalar::ONE;
            (0..256).rev().fold(Scalar::ZERO, horner)
        };
        prop_assert_eq!(sum(combs(Limbs::from_le_bytes(scalar.as_bytes()))), scalar);
        prop_assert_eq!(sum(comb_bytes(Limbs([u64::MAX; 4]))), {
            (0..256).fold(Scalar::ZERO, |sum, _| sum * two + Scalar::ONE)
        });
    }
}

#[test]
fn numbers_at_the_ends_have_combs() {
    let ends = [0_u64, 1, 2, 3].map(Scalar::from);
    for scalar in ends.into_iter().flat_map(|scalar| [scalar, -scalar]) {
        let combs = combs(Limbs::from_le_bytes(scalar.as_bytes()));
        let bit = |bit: usize| combs[bit % 32] >> (bit / 32) & 1;
        let total = (0..256).rev().fold(Scalar::ZERO, |sum, at| {
            let digit = Scalar::from(bit(at)) * Scalar::from(2_u64) - Scalar::ONE;
            sum * Scalar::from(2_u64) + digit
        });
        assert_eq!(total, scalar);
    }
}

/// Every pair of points, the formulas' own special cases among them.
#[test]
fn any_two_points_have_a_sum() {
    let points = points();
    for one in &points {
        let own = Point::NEUTRAL.plus(&affine(one).addend());
        let doubled = to_affine(&[own.double()])[0];
        assert_eq!(doubled.to_canonical(), compressed(&(one + one)));
        for other in &points {
            let addend = affine(other).addend();
            let sums = [
                own.plus(&addend),
                own.plus(&addend.negated_if(true)),
                own.plus(&addend.negated_if(false)).double(),
            ];
            let expected = [one + other, one - other, one + other + one + other];
            let found = to_affine(&sums).into_iter().map(Affine::to_canonical);
            assert!(found.eq(expected.iter().map(compressed)));
        }
    }
    let (x, y, z) = Point::NEUTRAL.fractions();
    assert_eq!((x, y), (Fe::ZERO, z));
    assert_eq!(
        canonical(false, Fe::ONE),
        compressed(&EdwardsPoint::identity())
    );
}

#[test]
fn the_generator_is_the_librarys() {
    let generator = Affine::generator().unwrap();
    assert_eq!(
        generator.to_canonical(),
        compressed(&EdwardsPoint::mul_base(&Scalar::ONE))
    );
}

#[test]
fn table_entries_are_the_documented_multiples() {
    let mixed = EdwardsPoint::mul_base(&Scalar::from(5_u64)) + torsion()[1];
    for (point, size) in [
        (EdwardsPoint::mul_base(&Scalar::ONE), Size::Warm),
        (EdwardsPoint::mul_base(&Scalar::from(77_u64)), Size::Hot),
        (mixed, Size::Full),
        (torsion()[3], Size::Warm),
    ] {
        let table = Table::new(affine(&point), size).unwrap();
        assert_eq!(table.size(), size);
        for block in [0, size.blocks() / 2, size.blocks() - 1] {
            let offset = block * 32 / size.blocks();
            for index in [0_u8, 1, 2, 64, 77, 127] {
                let mut expected = EdwardsPoint::identity();
                for tooth in (0..8).rev() {
                    let power = (0..offset + 32 * tooth).fold(point, |power, _| power + power);
                    let plus = tooth == 7 || index >> tooth & 1 == 1;
                    expected += if plus { power } else { -power };
                }
                let found = &table.block(size, block).unwrap()[usize::from(index)];
                let found = Point::NEUTRAL.plus(&Addend::from(found));
                let found = to_affine(&[found])[0].to_canonical();
                assert_eq!(found, compressed(&expected), "{block} {index}");
            }
        }
        // A smaller size is a part of it.
        let small = Table::new(affine(&point), Size::Warm).unwrap();
        assert_eq!(small.block(Size::Warm, 0), table.block(Size::Warm, 0));
        assert_eq!(small.block(Size::Warm, 1), None);
    }
}
