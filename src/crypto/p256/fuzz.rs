//! Every backend beside the library on numbers of the caller's choice: what a fuzz target calls.

use super::point::Affine;
use super::prepare::{Answer, Check};
use super::table::Table;
use super::{Numbers, answers};
use crate::crypto::combs::Size;
use crate::crypto::ecdsa::verify_numbers;
use crate::crypto::limbs::Limbs;
use crate::crypto::{Backend, Curve, EcdsaKey, EcdsaSignature};

/// A key with tables.
pub(crate) struct FuzzKey {
    key: EcdsaKey,
    tables: Vec<Table>,
}

impl FuzzKey {
    /// The key of an uncompressed point, with tables of every size or of the smallest only.
    pub(crate) fn new(point: &[u8], every_size: bool) -> Option<Self> {
        let sizes = [Size::Warm, Size::Hot, Size::Wide];
        let sizes = sizes.into_iter().take(if every_size { 3 } else { 1 });
        let affine = Affine::from_uncompressed(point)?;
        Some(Self {
            key: EcdsaKey::from_uncompressed_point(Curve::P256, point).ok()?,
            tables: sizes
                .map(|size| Table::new(affine, size))
                .collect::<Option<_>>()?,
        })
    }
}

/// A signature in numbers.
pub(crate) struct FuzzCheck<'k> {
    /// The signer.
    pub(crate) key: &'k FuzzKey,
    /// Which of its tables, modulo their number.
    pub(crate) table: u8,
    /// The digest that was signed.
    pub(crate) digest: [u8; 32],
    /// The signature's first number.
    pub(crate) r: [u8; 32],
    /// Its second.
    pub(crate) s: [u8; 32],
}

/// Verifies the signatures as one batch on each backend that is available: what is found good or bad
/// must be so for the library.
pub(crate) fn check_backends(signatures: &[FuzzCheck<'_>]) {
    let by_library = |one: &FuzzCheck<'_>| {
        let (r, s) = (&one.r, &one.s);
        verify_numbers(&one.key.key, &one.digest, EcdsaSignature { r, s })
    };
    let mut checks = Vec::new();
    let mut expected = Vec::new();
    for one in signatures {
        let good = by_library(one);
        let Some(numbers) = Numbers::new(&one.r, &one.s) else {
            assert!(!good, "numbers out of range are refused");
            continue;
        };
        let table = usize::from(one.table).checked_rem(one.key.tables.len());
        let Some(table) = table.and_then(|table| one.key.tables.get(table)) else {
            continue;
        };
        checks.push(Check {
            table,
            r: numbers.r,
            s: numbers.s,
            digest: Limbs::from_be_bytes(&one.digest),
        });
        expected.push(good);
    }
    let tables = Backend::ALL.into_iter().skip(1);
    for backend in tables.filter(|backend| backend.is_available()) {
        let answers = answers(backend, &checks);
        assert_eq!(answers.len(), expected.len());
        for (at, (answer, good)) in answers.iter().zip(&expected).enumerate() {
            let agree = match answer {
                Answer::Good => *good,
                Answer::Bad => !*good,
                Answer::Unsure => true,
            };
            assert!(
                agree,
                "{backend}: signature {at} is {answer:?}, the library says {good}"
            );
        }
    }
}
