//! From a signature's numbers to the entries of the tables that are to be summed.
//!
//! A signature (r, s) over a digest e is good where x(u1 G + u2 Q) = r modulo n, with u1 = e/s and
//! u2 = r/s. The inverses of all s of a batch cost one inversion and three products each.

use super::scalar::{MODULUS_LESS_ORDER, Scalar};
use super::table::{Entry, Table};
use super::windows::{Digits, GENERATOR, WIDE};
use crate::crypto::combs::{COMBS, comb_bytes};
use crate::crypto::limbs::Limbs;

/// A signature to check.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Check<'a> {
    /// The table of the signer's key.
    pub(super) table: &'a Table,
    /// Above zero.
    pub(super) r: Scalar,
    /// Above zero.
    pub(super) s: Scalar,
    /// The digest as a number.
    pub(super) digest: Limbs,
}

/// What a backend finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The equation holds.
    Good,
    /// It does not.
    Bad,
    /// One of the cases that the fast formulas leave to the library.
    Unsure,
}

/// A check as the backends take it.
#[derive(Debug, Clone)]
pub(super) struct Sum<'a> {
    pub(super) table: &'a Table,
    /// Which entries of the generator's table.
    pub(super) of_generator: Digits,
    /// Which entries of the key's table.
    pub(super) of_key: OfKey,
    /// What x must be.
    pub(super) r: Limbs,
}

/// Which entries of a key's table are summed, as the table is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OfKey {
    /// By comb.
    Combs([u8; COMBS]),
    /// By window.
    Windows(Digits),
}

impl<'a> Sum<'a> {
    /// `of_generator` and `of_key` are halves of u1 and u2, plus what the tables ask for, modulo n.
    pub(super) fn new(check: &Check<'a>, of_generator: Limbs, of_key: Limbs) -> Self {
        Self {
            table: check.table,
            of_generator: GENERATOR.digits(of_generator),
            of_key: match check.table {
                Table::Combs(_) => OfKey::Combs(comb_bytes(of_key)),
                Table::Windows(_) => OfKey::Windows(WIDE.digits(of_key)),
            },
            r: check.r.limbs(),
        }
    }

    /// So many of the key's entries are summed up between one doubling and the next.
    pub(super) fn between_doublings(&self) -> usize {
        match self.table {
            Table::Combs(combs) => combs.size().blocks(),
            Table::Windows(windows) => windows.cut().windows(),
        }
    }

    /// Sums with doublings between them.
    pub(super) fn rounds(&self) -> usize {
        match self.table {
            Table::Combs(combs) => combs.size().rounds(),
            Table::Windows(_) => 1,
        }
    }

    /// The key's entries in the order in which they are summed, each with whether its negative is meant. `None` stands for one that
    /// the table does not have.
    #[inline]
    pub(super) fn key_entries(
        &self,
        mut each: impl FnMut(&'a Entry, bool) -> Option<()>,
    ) -> Option<()> {
        match (self.table, &self.of_key) {
            (Table::Combs(combs), OfKey::Combs(bytes)) => {
                let (blocks, rounds) = (combs.size().blocks(), combs.size().rounds());
                for round in (0..rounds).rev() {
                    for block in 0..blocks {
                        let (entry, negative) =
                            combs.entry(block, *bytes.get(block * rounds + round)?)?;
                        each(entry, negative)?;
                    }
                }
                Some(())
            }
            (Table::Windows(windows), OfKey::Windows(digits)) => {
                windows.entries(digits).try_for_each(|entry| {
                    let (entry, negative) = entry?;
                    each(entry, negative)
                })
            }
            (Table::Combs(_), OfKey::Windows(_)) | (Table::Windows(_), OfKey::Combs(_)) => None,
        }
    }

    /// The answer where x is not r: below p - n, it may still be r + n.
    pub(super) fn other_x(&self) -> Answer {
        if self.r.less(MODULUS_LESS_ORDER) {
            Answer::Unsure
        } else {
            Answer::Bad
        }
    }
}

/// (2^256 - 1) / 2 modulo n. A comb sum of v is that of 2 v - (2^256 - 1), so v = u/2 + this for u.
pub(super) const HALF_OF_ALL_ONES: Limbs = Limbs([
    0x8623_1a9e_81ce_6d57,
    0x218c_82a9_2c74_30bd,
    0x8000_0000_0000_0000,
    0x0000_0000_7fff_ffff,
]);

impl<'a> Check<'a> {
    /// What the half of u2 is added to: it depends on how the table is made.
    pub(super) fn half_of_all_ones(&self) -> Limbs {
        match self.table {
            Table::Combs(_) => HALF_OF_ALL_ONES,
            Table::Windows(_) => WIDE.half_of_all_ones,
        }
    }
}

/// Prepares a batch.
pub(super) fn prepare<'a>(checks: &[Check<'a>]) -> Vec<Sum<'a>> {
    inverses(checks.iter().map(|check| check.s.double()))
        .into_iter()
        .zip(checks)
        .map(|(inverse, check)| {
            let halved = |of: Scalar, half_of_all_ones: Limbs| {
                of.times(inverse)
                    .plus(Scalar::reduced(half_of_all_ones))
                    .limbs()
            };
            let digest = Scalar::reduced(check.digest);
            let of_generator = halved(digest, GENERATOR.half_of_all_ones);
            Sum::new(
                check,
                of_generator,
                halved(check.r, check.half_of_all_ones()),
            )
        })
        .collect()
}

/// R / x for every x.
pub(super) fn inverses(
    numbers: impl IntoIterator<Item = Scalar, IntoIter: DoubleEndedIterator + Clone>,
) -> Vec<Scalar> {
    let numbers = numbers.into_iter();
    // Each x is taken for the Montgomery form of x / R, so that a chain of products stays in this form.
    // The inverse of the last one lacks a factor R of being in it; so does all that follows from it.
    let mut product = Scalar::ONE;
    let mut inverses: Vec<Scalar> = numbers
        .clone()
        .map(|number| {
            let before = product;
            product = product.times(number);
            before
        })
        .collect();
    let mut inverse = product.inverse();
    for (before, number) in inverses.iter_mut().rev().zip(numbers.rev()) {
        (*before, inverse) = (before.times(inverse), inverse.times(number));
    }
    inverses
}
