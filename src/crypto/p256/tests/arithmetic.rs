//! Fields, points and tables beside another library.

use ::p256::elliptic_curve::sec1::ToSec1Point as _;
use ::p256::elliptic_curve::{Group as _, PrimeField as _};
use ::p256::{ProjectivePoint, Scalar as Reference};
use proptest::prelude::*;

use crate::crypto::Backend;
use crate::crypto::combs::{Size, comb_bytes};
use crate::crypto::inverse::Inverter;
use crate::crypto::limbs::Limbs;
use crate::crypto::p256::field::{self, Fp};
use crate::crypto::p256::point::{Affine, Xyzz, invert_all, to_affine};
use crate::crypto::p256::scalar::{MODULUS_LESS_ORDER, ORDER, Scalar};
use crate::crypto::p256::table::Table;
use crate::crypto::p256::windows::{self, Windows};
use crate::crypto::tests::numbers::{Random, limb, slow_product};

fn number() -> impl Strategy<Value = Limbs> {
    let near = |modulus: Limbs| {
        any::<u8>().prop_map(move |d| modulus.minus(Limbs([u64::from(d) + 1, 0, 0, 0])).0)
    };
    prop_oneof![
        6 => [limb(), limb(), limb(), limb()].prop_map(Limbs),
        1 => near(ORDER),
        1 => near(field::MODULUS),
    ]
}

fn reduced(number: Limbs, modulus: Limbs) -> Limbs {
    number.reduced_once(false, modulus)
}

fn fp(number: Limbs) -> Fp {
    Fp::from_limbs(reduced(number, field::MODULUS)).unwrap()
}

fn reference_point(k: Limbs) -> ProjectivePoint {
    let bytes = reduced(k, ORDER).to_be_bytes();
    ProjectivePoint::GENERATOR * Reference::from_repr(bytes.into()).unwrap()
}

pub(super) fn affine(point: &ProjectivePoint) -> Affine {
    Affine::from_uncompressed(point.to_affine().to_sec1_point(false).as_bytes()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn coordinates_multiply_add_and_invert(a in number(), b in number()) {
        let modulus = field::MODULUS;
        let (x, y) = (fp(a), fp(b));
        let (a, b) = (reduced(a, modulus), reduced(b, modulus));
        prop_assert_eq!(x.to_limbs(), a);
        prop_assert_eq!((x * y).to_limbs(), slow_product(a, b, modulus));
        prop_assert_eq!(x.square(), x * x);
        prop_assert_eq!((x + y).to_limbs(), a.plus_mod(b, modulus));
        prop_assert_eq!((x - y).to_limbs(), a.minus_mod(b, modulus));
        prop_assert_eq!(x - y, -(y - x));
        prop_assert_eq!(x.double(), x + x);
        if !x.is_zero() {
            prop_assert_eq!(x * x.inverse(), Fp::ONE);
        }
    }

    #[test]
    fn scalars_multiply_and_invert(a in number(), b in number()) {
        let (x, y) = (Scalar::reduced(a), Scalar::reduced(b));
        let product = slow_product(x.limbs(), y.limbs(), ORDER);
        // 1 in Montgomery form is R.
        let times_r = slow_product(x.times(y).limbs(), Scalar::ONE.limbs(), ORDER);
        prop_assert_eq!(times_r, product);
        prop_assert_eq!(x.plus(x), x.double());
        if !x.is_zero() {
            prop_assert_eq!(x.times(x.inverse()).limbs(), Limbs([1, 0, 0, 0]));
        }
    }

    #[test]
    fn points_add_and_double(k in number(), l in number()) {
        let (k, l) = (reduced(k, ORDER), reduced(l, ORDER));
        prop_assume!(!k.is_zero() && !l.is_zero() && k != l && k.plus_mod(l, ORDER) != Limbs::ZERO);
        let (one, other) = (reference_point(k), reference_point(l));
        let sum = affine(&(one + other));
        let (one_affine, other_affine) = (affine(&one), affine(&other));
        let computed = Xyzz::from(one_affine).plus(other_affine);
        let doubled = Xyzz::from(one_affine).plus(other_affine).double().plus(other_affine);
        let again = affine(&(one.double() + other.double() + other));
        prop_assert_eq!(to_affine(&[computed, doubled]).unwrap(), [sum, again]);
        let inverse = (other_affine.x - one_affine.x).inverse();
        prop_assert_eq!(one_affine.plus(other_affine, inverse), sum);
        prop_assert_eq!(to_affine(&[Xyzz::from(one_affine).double()]).unwrap(), [affine(&one.double())]);
    }

    #[test]
    fn combs_take_every_bit(number in number()) {
        for (comb, byte) in comb_bytes(number).into_iter().enumerate() {
            for tooth in 0..8 {
                let bit = byte >> tooth & 1 == 1;
                prop_assert_eq!(bit, number.bit(comb + 32 * tooth), "{} {}", comb, tooth);
            }
        }
    }
}

#[test]
fn zero_has_no_inverse() {
    let inverter = Inverter::new(ORDER);
    assert_eq!(inverter.inverse(Limbs::ZERO), Limbs::ZERO);
    assert_eq!(inverter.inverse(Limbs([1, 0, 0, 0])), Limbs([1, 0, 0, 0]));
    assert_eq!(invert_all(&mut [Fp::ONE, Fp::ZERO]), None);
    assert_eq!(invert_all(&mut []), Some(()));
}

#[test]
fn numbers_are_read_below_their_modulus_only() {
    assert_eq!(Fp::from_limbs(field::MODULUS), None);
    assert_eq!(Scalar::new(ORDER), None);
    let below = |modulus: Limbs| modulus.minus(Limbs([1, 0, 0, 0])).0;
    assert!(Fp::from_limbs(below(field::MODULUS)).is_some());
    assert!(Scalar::new(below(ORDER)).is_some());
    assert_eq!(field::MODULUS.minus(ORDER), (MODULUS_LESS_ORDER, false));
}

/// Equal and opposite points have no sum by the fast formulas, and it shows at the very end.
#[test]
fn a_broken_sum_stays_broken() {
    let generator = Affine::generator().unwrap();
    for other in [generator, generator.negated_if(true)] {
        let mut sum = Xyzz::from(generator).plus(other);
        for _ in 0..3 {
            assert!(sum.zz.is_zero());
            sum = sum.double().plus(generator);
        }
        assert!(sum.zz.is_zero());
        assert_eq!(to_affine(&[Xyzz::from(generator), sum]), None);
    }
}

#[test]
fn table_entries_are_the_documented_multiples() {
    for (k, size) in [(1, Size::Warm), (2, Size::Hot), (0x1234_5678, Size::Full)] {
        let point = reference_point(Limbs([k, 0, 0, 0]));
        let Some(Table::Combs(table)) = Table::new(affine(&point), size) else {
            panic!("{size:?} is made of combs");
        };
        assert_eq!(table.size(), size);
        for block in [0, size.blocks() / 2, size.blocks() - 1] {
            let offset = block * 32 / size.blocks();
            for index in [0_u8, 1, 2, 64, 77, 127] {
                let mut expected = ProjectivePoint::IDENTITY;
                for tooth in (0..8).rev() {
                    let power = (0..offset + 32 * tooth).fold(point, |power, _| power.double());
                    let plus = tooth == 7 || index >> tooth & 1 == 1;
                    expected += if plus { power } else { -power };
                }
                let (found, negative) = table.entry(block, 0x80 | index).unwrap();
                assert_eq!(Affine::from(found), affine(&expected), "{block} {index}");
                assert!(!negative);
                assert_eq!(table.entry(block, 0x7f ^ index), Some((found, true)));
            }
        }
        assert_eq!(table.entry(size.blocks(), 0), None);
    }
}

#[test]
fn windows_take_every_bit_and_their_entries_are_the_documented_multiples() {
    let mut random = Random(37);
    let point = reference_point(random.number());
    for cut in [windows::GENERATOR, windows::WIDE] {
        let table = Windows::new(affine(&point), cut, Backend::Scalar).unwrap();
        let number = random.number();
        let entries = table.entries(&cut.digits(number));
        assert_eq!(table.cut(), cut);
        let mut power = point;
        let mut count = 0;
        for (window, entry) in entries.enumerate() {
            let (entry, negative) = entry.unwrap();
            let mut expected = ProjectivePoint::IDENTITY;
            for at in window * cut.bits()..(window + 1) * cut.bits() {
                let bit = at < 256 && number.bit(at);
                expected += if bit { power } else { -power };
                power = power.double();
            }
            let found = Affine::from(entry).negated_if(negative);
            assert_eq!(found, affine(&expected), "{cut:?} {window}");
            count += 1;
        }
        assert_eq!(count, cut.windows());
        assert_eq!(size_of_val(table.all()), cut.bytes());
    }
}

/// The lanes compute whole tables like the portable code.
#[test]
fn windows_are_the_same_in_lanes() {
    let mut random = Random(39);
    for cut in [windows::GENERATOR, windows::WIDE] {
        let point = affine(&reference_point(random.number()));
        let [portable, lanes] =
            [Backend::Scalar, Backend::Avx512Ifma].map(|backend| Windows::new(point, cut, backend));
        assert!(portable.unwrap().all() == lanes.unwrap().all(), "{cut:?}");
    }
}
