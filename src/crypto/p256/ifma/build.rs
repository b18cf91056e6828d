//! Tables of windows, eight entries at a time.
//!
//! Every entry of the upper half of a window is one of the lower half plus a power of two of the point,
//! and some hundred sums of a level in each lane share the inversion of their product.
//!
//! Tables hold x R' with R' = 2^256, and a product of two such numbers in lanes lacks a factor 16:
//! - products of differences begin with 16, so that each inverse comes out as the tables hold it,
//!   whatever was lost on the way;
//! - the inverses carry a factor 2^8, which makes slopes those of the form with R = 2^260. A slope times
//!   a coordinate then is what tables hold, and its square lacks nothing but a sixteenth.

use std::ops::Range;

use super::field::{Exact, Factor, Loose, SIXTEEN};
use super::load;
use crate::crypto::lanes::{LANES, Row, to_row, transposed};
use crate::crypto::limbs::Limbs;
use crate::crypto::p256::field::Fp;
use crate::crypto::p256::point::{Affine, invert_all};
use crate::crypto::p256::table::Entry;
use crate::crypto::p256::windows::Cut;

/// What [`Windows::new`](crate::crypto::p256::windows::Windows::new) computes, from the same doubles.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn entries(doubles: &[Affine], cut: Cut) -> Option<Vec<Entry>> {
    let mut entries = vec![Entry([0; 8]); cut.windows() * cut.entries()];
    let mut of_window = entries.chunks_exact_mut(cut.entries());
    for double in doubles.iter().step_by(cut.bits()) {
        *of_window.next()?.first_mut()? = Entry::from(double);
    }
    let doubles: Vec<Entry> = doubles.iter().map(Entry::from).collect();
    let mut before = Vec::with_capacity(SUMS_TOGETHER);
    for bit in 1..cut.bits() {
        let steps: Vec<&Entry> = doubles.iter().skip(bit).step_by(cut.bits()).collect();
        let level = Level {
            window: cut.entries(),
            log: bit - 1,
            steps: &steps,
        };
        let count = steps.len() << level.log;
        for from in (0..count).step_by(SUMS_TOGETHER * LANES) {
            let to = count.min(from + SUMS_TOGETHER * LANES);
            level.append(&mut entries, from..to, &mut before)?;
        }
    }
    Some(entries)
}

/// Sums in each lane that share an inversion: many enough that it does not count, few enough for the cache.
const SUMS_TOGETHER: usize = 256;

/// The first `1 << log` entries of each window are there; as many more are appended, for some of the pairs
/// at a time.
struct Level<'a> {
    window: usize,
    log: usize,
    /// What is added, by window.
    steps: &'a [&'a Entry],
}

/// Entries and what is added to them.
struct Pairs {
    x: Factor,
    y: Factor,
    step_x: Factor,
    step_y: Factor,
}

impl Level<'_> {
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn append(
        &self,
        entries: &mut [Entry],
        numbers: Range<usize>,
        before: &mut Vec<Factor>,
    ) -> Option<()> {
        let mut product = sixteen();
        for from in numbers.clone().step_by(LANES) {
            before.push(product);
            let difference = self.pairs(entries, from)?.difference();
            product = product.times(difference).carried_factor();
        }
        let mut inverse = inverted(product)?;
        for from in numbers.clone().step_by(LANES).rev() {
            let pairs = self.pairs(entries, from)?;
            let own = inverse.times(before.pop()?).carried_factor();
            inverse = inverse.times(pairs.difference()).carried_factor();
            let [x, y] = pairs.sums(own);
            let [x0, x1, x2, x3] = x.canonical().words();
            let [y0, y1, y2, y3] = y.canonical().words();
            let rows = transposed([x0, x1, x2, x3, y0, y1, y2, y3]);
            for (at, sum) in (from..numbers.end).zip(rows) {
                let to = self.place(at) + (1 << self.log);
                *entries.get_mut(to)? = Entry(to_row(sum));
            }
        }
        Some(())
    }

    /// Where the entry of a pair is.
    fn place(&self, pair: usize) -> usize {
        (pair >> self.log) * self.window + (pair & ((1 << self.log) - 1))
    }

    /// Eight pairs from number `from` on; beyond the end, the last one again.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn pairs(&self, entries: &[Entry], from: usize) -> Option<Pairs> {
        let last = (self.steps.len() << self.log).checked_sub(1)?;
        let mut rows: [&Row; LANES] = [&[0; 8]; LANES];
        let mut steps = rows;
        for (lane, (row, step)) in rows.iter_mut().zip(&mut steps).enumerate() {
            let pair = last.min(from + lane);
            *row = &entries.get(self.place(pair))?.0;
            *step = &self.steps.get(pair >> self.log)?.0;
        }
        let (entries, steps) = (load::entries(rows, 0), load::entries(steps, 0));
        Some(Pairs {
            x: entries.x,
            y: entries.y,
            step_x: steps.x,
            step_y: steps.y,
        })
    }
}

impl Pairs {
    /// Below 3 p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn difference(&self) -> Factor {
        less(self.step_x, self.x)
    }

    /// x and y of the sums, below 1.01 p, given 2^8 times the inverses of the differences.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn sums(&self, inverse: Factor) -> [Exact; 2] {
        // Below 1.3 p.
        let slope = less(self.step_y, self.y).times(inverse).carried_factor();
        // Before it is reduced below (1.1 + 2) p.
        let x = slope
            .square()
            .carried_factor()
            .sixteenth()
            .plus(Loose::moduli::<2>())
            .minus(self.x.exact().loose())
            .minus(self.step_x.exact().loose())
            .reduced();
        // Below 1.3 p, and 2.3 p before it is reduced.
        let y = slope
            .times(less(self.x, x.factor()).exact().factor())
            .plus(Loose::moduli::<1>())
            .minus(self.y.exact().loose())
            .reduced();
        [x, y]
    }
}

/// `one - other`, for numbers below 1.01 p; below 3.01 p.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn less(one: Factor, other: Factor) -> Factor {
    one.exact()
        .loose()
        .plus(Loose::moduli::<2>())
        .minus(other.exact().loose())
        .carried_factor()
}

/// 16 R', which is R.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn sixteen() -> Factor {
    Exact::splat(SIXTEEN).factor().sixteenth().carried_factor()
}

/// 2^8 / `product` in each lane; `None` where one is zero.
#[target_feature(enable = "avx512f,avx512ifma")]
fn inverted(product: Factor) -> Option<Factor> {
    let words = product.exact().canonical().words();
    let words = words.map(|words| to_row(words));
    let mut elements = [Fp::ZERO; LANES];
    for (lane, element) in elements.iter_mut().enumerate() {
        *element = Fp(Limbs(load::number(&words, lane)?));
    }
    invert_all(&mut elements)?;
    let scaled = elements.map(|element| (0..8).fold(element, |element, _| element.double()));
    Some(load::numbers(&scaled.map(|element| element.0.0)))
}
