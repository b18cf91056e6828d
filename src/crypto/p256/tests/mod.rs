//! The engine beside the library, number by number.

mod arithmetic;
pub(super) mod differential;
mod edges;
mod seam;

use crate::crypto::combs::Size;
use crate::crypto::ecdsa::verify_numbers;
use crate::crypto::ecdsa_der::EcdsaSignature;
use crate::crypto::limbs::Limbs;
use crate::crypto::p256::point::Affine;
use crate::crypto::p256::table::Table;
use crate::crypto::p256::{Answer, Check, Numbers, answers};
use crate::crypto::table_cache::KeyTable as _;
use crate::crypto::{Backend, Curve, EcdsaKey};

/// Every size that the engine computes.
const SIZES: [Size; 4] = [Size::Warm, Size::Hot, Size::Full, Size::Wide];

/// A key for the engine and for the library.
struct Key {
    tables: Vec<Table>,
    library: EcdsaKey,
}

impl Key {
    fn new(point: &Affine, sizes: &[Size]) -> Self {
        let tables = sizes.iter().map(|&size| Table::new(*point, size).unwrap());
        Self {
            tables: tables.collect(),
            library: key_of(point),
        }
    }
}

fn key_of(point: &Affine) -> EcdsaKey {
    let (x, y) = (point.x.to_limbs(), point.y.to_limbs());
    let bytes = [[4].as_slice(), &x.to_be_bytes(), &y.to_be_bytes()].concat();
    EcdsaKey::from_uncompressed_point(Curve::P256, &bytes).unwrap()
}

/// A signature and its digest.
#[derive(Debug, Clone, Copy)]
struct Signed {
    r: Limbs,
    s: Limbs,
    digest: Limbs,
}

impl Signed {
    fn library_says(&self, key: &Key) -> bool {
        let signature = EcdsaSignature {
            r: &self.r.to_be_bytes(),
            s: &self.s.to_be_bytes(),
        };
        verify_numbers(&key.library, &self.digest.to_be_bytes(), signature)
    }

    /// `None` where r or s is out of range.
    fn check<'a>(&self, table: &'a Table) -> Option<Check<'a>> {
        let numbers = Numbers::new(&self.r.to_be_bytes(), &self.s.to_be_bytes())?;
        Some(Check {
            table,
            r: numbers.r,
            s: numbers.s,
            digest: self.digest,
        })
    }
}

/// The backends that compute sums, as far as this CPU has them.
fn backends() -> impl Iterator<Item = Backend> {
    let computing = Backend::ALL.into_iter().skip(1);
    computing.filter(|backend| backend.is_available())
}

/// Each backend gives the answer for a signature: alone, and in every place of a batch whose other
/// signatures are good.
#[track_caller]
fn check(key: &Key, signed: &Signed, expected: Answer, other: (&Key, &Signed)) {
    for backend in backends() {
        for table in &key.tables {
            let check = signed.check(table).unwrap();
            let alone = answers(backend, &[check]);
            assert_eq!(alone, [expected], "{backend} {:?} {signed:?}", table.size());
            let filler = other.1.check(&other.0.tables[0]).unwrap();
            for place in [0, 7, 8, 18] {
                let mut checks = [filler; 19];
                checks[place] = check;
                let mut all = [Answer::Good; 19];
                all[place] = expected;
                assert_eq!(answers(backend, &checks), all, "{backend} {place}");
            }
        }
    }
}

/// Each backend leaves a signature to the library or finds the library's verdict, alone and among 19.
/// Tells which left it: the backend, and whether there were others.
#[track_caller]
fn check_or_leave(key: &Key, signed: &Signed, other: (&Key, &Signed)) -> Vec<(Backend, bool)> {
    let right = if signed.library_says(key) {
        Answer::Good
    } else {
        Answer::Bad
    };
    let mut left = Vec::new();
    for backend in backends() {
        for table in &key.tables {
            let check = signed.check(table).unwrap();
            let filler = other.1.check(&other.0.tables[0]).unwrap();
            let mut checks = [filler; 19];
            checks[9] = check;
            let alone = answers(backend, &[check])[0];
            let mut all = answers(backend, &checks);
            let among = std::mem::replace(&mut all[9], Answer::Good);
            assert_eq!(all, [Answer::Good; 19]);
            for (found, others) in [(alone, false), (among, true)] {
                if found == Answer::Unsure {
                    left.push((backend, others));
                } else {
                    assert_eq!(found, right, "{backend} {:?} {signed:?}", table.size());
                }
            }
        }
    }
    left
}
