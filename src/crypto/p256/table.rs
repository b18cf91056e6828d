//! Tables of multiples of one point: the combs of [`crate::crypto::combs`].
//!
//! ```text
//!  size    bytes
//!  wide    2.75 MiB, of windows instead of combs (see `windows`)
//!  hot      64 KiB
//!  warm      8 KiB
//! ```
//!
//! No entry is infinity, whatever the point: all entries are fixed multiples, smaller than 2^256 and no
//! multiple of n, of a point whose order is n.
//!
//! Knows nothing of keys and their use.

use super::field::Fp;
use super::point::{Affine, Xyzz, invert_all, to_affine};
use super::windows::{WIDE, Windows};
use crate::crypto::Backend;
use crate::crypto::combs::{BLOCK_ENTRIES, COMBS, Size, TEETH, entry_of};
use crate::crypto::limbs::Limbs;
use crate::crypto::table_cache::KeyTable;

/// A point as the backends load it: x and y as [`Fp`] holds them, in one line of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Entry(pub(super) [u64; 8]);

/// Bytes of an entry.
pub(super) const ENTRY_BYTES: usize = 64;

/// The table of a point.
#[derive(Debug)]
pub(in crate::crypto) enum Table {
    /// Small.
    Combs(Combs),
    /// Large.
    Windows(Windows),
}

/// A table of combs.
#[derive(Debug)]
pub(in crate::crypto) struct Combs {
    size: Size,
    entries: Box<[[Entry; BLOCK_ENTRIES]]>,
}

impl Table {
    /// Computes the table of a point; `None` if it is not on the curve.
    pub(super) fn new(point: Affine, size: Size) -> Option<Self> {
        match size {
            Size::Wide => Windows::new(point, WIDE, Backend::in_use()).map(Self::Windows),
            Size::Warm | Size::Hot | Size::Full => Combs::new(point, size).map(Self::Combs),
        }
    }
}

impl Combs {
    fn new(point: Affine, size: Size) -> Option<Self> {
        let (teeth, steps) = teeth(point, size)?;
        let lowest = to_affine(
            &teeth
                .iter()
                .map(|teeth| lowest_entry(teeth))
                .collect::<Vec<_>>(),
        )?;
        let mut blocks: Vec<Vec<Affine>> = lowest.into_iter().map(|entry| vec![entry]).collect();
        for tooth in 0..TEETH - 1 {
            append_with_bit(&mut blocks, steps.iter().map(|steps| steps.get(tooth)))?;
        }
        let entries = blocks
            .iter()
            .map(|block| {
                let entries: Vec<Entry> = block.iter().map(Entry::from).collect();
                entries.try_into().ok()
            })
            .collect::<Option<_>>()?;
        Some(Self { size, entries })
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// The entry that a comb's byte names, in block `index` of `size().blocks()`, and whether its negative is meant.
    #[inline]
    pub(super) fn entry(&self, index: usize, byte: u8) -> Option<(&Entry, bool)> {
        let (entry, negative) = entry_of(byte);
        Some((self.entries.get(index)?.get(entry)?, negative))
    }
}

impl KeyTable for Table {
    type Name = [u8; 65];
    type Point = Affine;

    fn compute(point: Affine, size: Size) -> Option<Self> {
        Self::new(point, size)
    }

    fn size(&self) -> Size {
        match self {
            Self::Combs(combs) => combs.size,
            Self::Windows(_) => Size::Wide,
        }
    }

    fn bytes(size: Size) -> usize {
        match size {
            Size::Wide => WIDE.bytes(),
            Size::Warm | Size::Hot | Size::Full => size.blocks() * BLOCK_ENTRIES * ENTRY_BYTES,
        }
    }

    #[cfg(any(test, feature = "testing"))]
    const SIZES: &'static [Size] = &[Size::Warm, Size::Hot, Size::Full, Size::Wide];
}

impl From<&Affine> for Entry {
    fn from(point: &Affine) -> Self {
        let ([x0, x1, x2, x3], [y0, y1, y2, y3]) = (point.x.0.0, point.y.0.0);
        Self([x0, x1, x2, x3, y0, y1, y2, y3])
    }
}

impl From<&Entry> for Affine {
    #[inline]
    fn from(entry: &Entry) -> Self {
        let [x0, x1, x2, x3, y0, y1, y2, y3] = entry.0;
        Self {
            x: Fp(Limbs([x0, x1, x2, x3])),
            y: Fp(Limbs([y0, y1, y2, y3])),
        }
    }
}

/// Per block the points 2^(offset + 32 t) Q, and for all teeth but the last their doubles.
#[expect(clippy::type_complexity, reason = "two lists that belong together")]
fn teeth(point: Affine, size: Size) -> Option<(Vec<Vec<Affine>>, Vec<Vec<Affine>>)> {
    let doubles = doubles(point, COMBS * TEETH);
    let wanted = |extra: usize| {
        (0..size.blocks()).flat_map(move |block| {
            (0..TEETH).map(move |tooth| block * size.rounds() + COMBS * tooth + extra)
        })
    };
    // The double of the highest tooth of the last block is not needed, and may not be there.
    let points: Vec<Xyzz> = wanted(0)
        .chain(wanted(1))
        .filter_map(|exponent| doubles.get(exponent).or(doubles.last()).copied())
        .collect();
    let points = to_affine(&points)?;
    let (teeth, steps) = points.split_at_checked(size.blocks() * TEETH)?;
    let by_block = |points: &[Affine]| points.chunks(TEETH).map(<[_]>::to_vec).collect();
    Some((by_block(teeth), by_block(steps)))
}

/// 2^e Q for `count` exponents e from 0.
fn doubles(point: Affine, count: usize) -> Vec<Xyzz> {
    std::iter::successors(Some(Xyzz::from(point)), |point| Some(point.double()))
        .take(count)
        .collect()
}

/// The same in affine form.
pub(super) fn affine_doubles(point: Affine, count: usize) -> Option<Vec<Affine>> {
    to_affine(&doubles(point, count))
}

/// Entry 0 of a block: the last tooth less all others.
fn lowest_entry(teeth: &[Affine]) -> Xyzz {
    let mut teeth = teeth.iter().rev().copied();
    let last = teeth.next().map(Xyzz::from);
    let sum = teeth.fold(last, |sum, tooth| {
        sum.map(|sum| sum.plus(tooth.negated_if(true)))
    });
    // Without teeth there is no entry: infinity, which has no affine form.
    sum.unwrap_or(Xyzz {
        x: Fp::ONE,
        y: Fp::ONE,
        zz: Fp::ZERO,
        zzz: Fp::ZERO,
    })
}

/// Appends to each block its entries again, each with one more bit set: plus twice a tooth.
pub(super) fn append_with_bit<'a>(
    blocks: &mut [Vec<Affine>],
    steps: impl Iterator<Item = Option<&'a Affine>>,
) -> Option<()> {
    let steps: Vec<Affine> = steps
        .map(Option::<&Affine>::copied)
        .collect::<Option<_>>()?;
    let mut inverses: Vec<Fp> = blocks
        .iter()
        .zip(&steps)
        .flat_map(|(block, step)| block.iter().map(|entry| step.x - entry.x))
        .collect();
    invert_all(&mut inverses)?;
    let mut inverses = inverses.into_iter();
    for (block, step) in blocks.iter_mut().zip(steps) {
        let more: Vec<Affine> = block
            .iter()
            .zip(inverses.by_ref())
            .map(|(entry, inverse)| entry.plus(step, inverse))
            .collect();
        block.extend(more);
    }
    Some(())
}
