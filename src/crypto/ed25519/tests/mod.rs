//! The engine beside the library, signature by signature.

pub(super) mod arithmetic;
mod differential;
mod edges;
mod seam;

use aws_lc_rs::digest::{SHA512, digest};
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::{EdwardsPoint, Scalar};

use super::prepare::key_point;
use super::{Check, Table, good_ones};
use crate::crypto::combs::Size;
use crate::crypto::limbs::Limbs;
use crate::crypto::table_cache::KeyTable as _;
use crate::crypto::tests::numbers::Random;
use crate::crypto::{Backend, Ed25519Key};

/// A key for the engine and for the library: `secret` times the generator.
struct Key {
    secret: Scalar,
    library: Ed25519Key,
    tables: Vec<Table>,
}

impl Key {
    fn new(secret: Scalar, sizes: &[Size]) -> Self {
        let bytes = EdwardsPoint::mul_base(&secret).compress().0;
        let point = ed25519_dalek::VerifyingKey::from_bytes(&bytes).unwrap();
        let negative = key_point(&point).unwrap();
        let tables = sizes
            .iter()
            .map(|&size| Table::new(negative, size).unwrap());
        Self {
            secret,
            library: Ed25519Key::from_bytes(&bytes).unwrap(),
            tables: tables.collect(),
        }
    }

    fn bytes(&self) -> [u8; 32] {
        *self.library.as_bytes()
    }
}

/// A message and its signature: R and S.
#[derive(Debug, Clone, Copy)]
struct Signed {
    message: [u8; 8],
    r: [u8; 32],
    s: [u8; 32],
}

impl Signed {
    fn signature(&self) -> [u8; 64] {
        [self.r, self.s].concat().try_into().unwrap()
    }

    fn library_says(&self, key: &Ed25519Key) -> bool {
        key.verify(&[&self.message], &self.signature())
    }

    /// `None` where S is not below L.
    fn check<'a>(&'a self, key: &'a Key, table: &'a Table) -> Option<Check<'a>> {
        let (head, tail) = self.message.split_at(3);
        Check::new(
            table,
            key.library.as_bytes(),
            [head, tail],
            &self.signature(),
        )
    }
}

/// k of any bytes.
fn challenge(r: &[u8; 32], key: &[u8; 32], message: &[u8]) -> Scalar {
    let digest = digest(&SHA512, &[r, key, message].concat());
    Scalar::from_bytes_mod_order_wide(digest.as_ref().try_into().unwrap())
}

/// S that goes with R in the bytes that are given, for a nonce and a key.
fn response(
    nonce: Scalar,
    r: [u8; 32],
    secret: Scalar,
    key: &[u8; 32],
    message: [u8; 8],
) -> Signed {
    let s = nonce + challenge(&r, key, &message) * secret;
    Signed {
        message,
        r,
        s: s.to_bytes(),
    }
}

/// A good signature.
fn sign(key: &Key, nonce: Scalar, message: [u8; 8]) -> Signed {
    let r = EdwardsPoint::mul_base(&nonce).compress().0;
    response(nonce, r, key.secret, &key.bytes(), message)
}

fn scalar(random: &mut Random) -> Scalar {
    let bytes: Vec<u8> = (0..8).flat_map(|_| random.next().to_le_bytes()).collect();
    Scalar::from_bytes_mod_order_wide(&bytes.try_into().unwrap())
}

/// The eight points of small order.
fn torsion() -> [EdwardsPoint; 8] {
    EIGHT_TORSION
}

/// The backends that compute sums, as far as this CPU has them.
fn backends() -> impl Iterator<Item = Backend> {
    let computing = Backend::ALL.into_iter().skip(1);
    computing.filter(|backend| backend.is_available())
}

/// Each backend finds what the library finds: alone, and in every place of a batch whose other
/// signatures are good.
#[track_caller]
fn check(key: &Key, signed: &Signed, other: (&Key, &Signed)) {
    let expected = signed.library_says(&key.library);
    for backend in backends() {
        for table in &key.tables {
            let Some(check) = signed.check(key, table) else {
                assert!(!expected, "{signed:?}");
                continue;
            };
            let alone = good_ones(backend, std::slice::from_ref(&check));
            assert_eq!(alone, [expected], "{backend} {:?} {signed:?}", table.size());
            let filler = other.1.check(other.0, &other.0.tables[0]).unwrap();
            for place in [0, 7, 8, 18] {
                let mut checks = [filler; 19];
                checks[place] = check;
                let mut all = [true; 19];
                all[place] = expected;
                assert_eq!(good_ones(backend, &checks), all, "{backend} {place}");
            }
        }
    }
}

/// `bytes` plus L, which must have 256 bits.
fn plus_order(bytes: &[u8; 32]) -> [u8; 32] {
    let (sum, carry) = Limbs::from_le_bytes(bytes).plus(super::prepare::ORDER);
    assert!(!carry);
    let bytes: Vec<u8> = sum.0.into_iter().flat_map(u64::to_le_bytes).collect();
    bytes.try_into().unwrap()
}
