//! Sums of many runs of affine points at once: two by two, with one inversion for all pairs of a level.
//!
//! ```text
//!   run of 5:   a   b   c   d   e        run of 3:   f   g   h
//!                \ /     \ /    |                     \ /    |      one inversion for three pairs
//!                a+b     c+d    e                     f+g    h
//!                   \   /       |                        \  /       one for two
//!                   ...         e                         ...
//! ```
//!
//! An addition takes five products and a square, its share of the inversion included, where an
//! [`Xyzz`](super::point::Xyzz) takes eight and two. Equal and opposite points, which the formula cannot
//! add, are found before it is used.

use super::field::Fp;
use super::point::{Affine, invert_all};

/// Chains of products side by side: each has to wait for its own last product only.
const CHAINS: usize = 4;

/// Runs of points that are to become one point each.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// One run after the other.
    points: Vec<Affine>,
    lengths: Vec<usize>,
    /// Runs that met equal or opposite points.
    broken: Vec<bool>,
    /// Per pair of a level the product of the differences behind it in its chain, and its own.
    products: Vec<(Fp, Fp)>,
}

impl Runs {
    pub(super) fn clear(&mut self) {
        self.points.clear();
        self.lengths.clear();
        self.broken.clear();
    }

    /// Begins a run, which must not stay empty.
    pub(super) fn begin(&mut self) {
        self.lengths.push(0);
        self.broken.push(false);
    }

    /// Appends to the last run.
    #[inline]
    pub(super) fn push(&mut self, point: Affine) {
        if let Some(length) = self.lengths.last_mut() {
            self.points.push(point);
            *length += 1;
        }
    }

    /// Adds up every run; `None` for those that met points that have no sum by the formula.
    pub(super) fn add_up(&mut self) -> impl Iterator<Item = Option<Affine>> {
        while self.lengths.iter().any(|&length| length > 1) {
            self.add_pairs();
        }
        let sums = self.points.iter().zip(&self.broken);
        sums.map(|(point, broken)| (!broken).then_some(*point))
    }

    /// Halves the runs' lengths. Goes forward, so that a sum is written where nothing is read any more.
    fn add_pairs(&mut self) {
        let mut inverses = self.inverses();
        let mut products = self.products.iter().rev();
        let (mut from, mut to, mut pair) = (0, 0, 0);
        for length in &mut self.lengths {
            for _ in 0..*length / 2 {
                let (Some(&[one, other]), Some((behind, difference)), Some(inverse)) = (
                    self.points
                        .get(from..from + 2)
                        .and_then(|pair| pair.as_array()),
                    products.next(),
                    inverses.get_mut(pair % CHAINS),
                ) else {
                    return;
                };
                let own = *inverse * *behind;
                *inverse = *inverse * *difference;
                if let Some(point) = self.points.get_mut(to) {
                    *point = one.plus(other, own);
                }
                from += 2;
                to += 1;
                pair += 1;
            }
            if *length % 2 == 1 {
                self.points.copy_within(from..=from, to);
                from += 1;
                to += 1;
            }
            *length = length.div_ceil(2);
        }
        self.points.truncate(to);
    }

    /// The inverses of the chains' products of differences. Goes backwards, so that the products are
    /// there in the order in which they are used up.
    fn inverses(&mut self) -> [Fp; CHAINS] {
        let mut chains = [Fp::ONE; CHAINS];
        self.products.clear();
        let mut pair = self.lengths.iter().map(|length| length / 2).sum::<usize>();
        let mut end = self.points.len();
        for (length, broken) in self.lengths.iter().zip(&mut self.broken).rev() {
            let start = end - length;
            let points = self.points.get(start..end).unwrap_or_default();
            let (pairs, _) = points.as_chunks::<2>();
            for [one, other] in pairs.iter().rev() {
                pair -= 1;
                let mut difference = other.x - one.x;
                if difference.is_zero() {
                    *broken = true;
                    difference = Fp::ONE;
                }
                if let Some(chain) = chains.get_mut(pair % CHAINS) {
                    self.products.push((*chain, difference));
                    *chain = *chain * difference;
                }
            }
            end = start;
        }
        // No factor is zero.
        let _ = invert_all(&mut chains);
        chains
    }
}
