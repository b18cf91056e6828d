//! Tables of multiples of one point: the combs of [`crate::crypto::combs`].
//!
//! ```text
//!  size    bytes
//!  full    384 KiB
//!  hot      96 KiB
//!  warm     12 KiB
//! ```
//!
//! The formulas are complete, so nothing is said of the point: it may be of small order, and entries may
//! be neutral. What else must hold of a key is said in `prepare`.
//!
//! Knows nothing of keys and their use.

use super::field::Fe;
use super::point::{Addend, Affine, Point, to_affine};
use crate::crypto::combs::{BLOCK_ENTRIES, COMBS, Size, TEETH};
use crate::crypto::limbs::Limbs;
use crate::crypto::table_cache::KeyTable;

/// A point as the backends load it: y + x, y - x and 2 d x y, all of them below p. In two lines of the
/// cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(32))]
pub(super) struct Entry {
    /// y + x, then y - x.
    pub(super) sum_and_difference: [u64; 8],
    pub(super) product: [u64; 4],
}

#[cfg(target_arch = "x86_64")]
impl Entry {
    /// Stands where no entry was chosen yet.
    pub(super) const NOTHING: Self = Self {
        sum_and_difference: [0; 8],
        product: [0; 4],
    };
}

/// Bytes of an entry.
pub(super) const ENTRY_BYTES: usize = 96;

const _: () = assert!(size_of::<Entry>() == ENTRY_BYTES);

/// The table of a point.
#[derive(Debug)]
pub(in crate::crypto) struct Table {
    size: Size,
    entries: Box<[[Entry; BLOCK_ENTRIES]]>,
}

impl Table {
    /// Computes the table of a point.
    pub(super) fn new(point: Affine, size: Size) -> Option<Self> {
        let teeth = teeth(point, size);
        let mut points = Vec::with_capacity(size.blocks() * BLOCK_ENTRIES);
        for teeth in teeth.as_chunks::<TEETH>().0 {
            append_block(teeth, &mut points);
        }
        let entries: Vec<Entry> = to_affine(&points).iter().map(Entry::from).collect();
        let (blocks, _) = entries.as_chunks::<BLOCK_ENTRIES>();
        Some(Self {
            size,
            entries: blocks.into(),
        })
    }

    /// Block `index` of `size.blocks()`, for a `size` that is not larger than the table's own.
    #[inline]
    pub(super) fn block(&self, size: Size, index: usize) -> Option<&[Entry; BLOCK_ENTRIES]> {
        let stride = self.size.log_blocks() - size.log_blocks();
        self.entries.get(index << stride)
    }
}

impl KeyTable for Table {
    type Name = [u8; 32];
    type Point = Affine;

    fn compute(point: Affine, size: Size) -> Option<Self> {
        Self::new(point, size)
    }

    fn size(&self) -> Size {
        self.size
    }

    fn bytes(size: Size) -> usize {
        size.blocks() * BLOCK_ENTRIES * ENTRY_BYTES
    }

    #[cfg(any(test, feature = "testing"))]
    const SIZES: &'static [Size] = &Size::OF_COMBS;
}

impl From<&Affine> for Entry {
    fn from(point: &Affine) -> Self {
        let addend = point.addend();
        let [s0, s1, s2, s3] = addend.sum.to_limbs().0;
        let [d0, d1, d2, d3] = addend.difference.to_limbs().0;
        Self {
            sum_and_difference: [s0, s1, s2, s3, d0, d1, d2, d3],
            product: addend.product.to_limbs().0,
        }
    }
}

impl From<&Entry> for Addend {
    #[inline]
    fn from(entry: &Entry) -> Self {
        let [s0, s1, s2, s3, d0, d1, d2, d3] = entry.sum_and_difference;
        Self {
            sum: Fe::from_limbs(Limbs([s0, s1, s2, s3])),
            difference: Fe::from_limbs(Limbs([d0, d1, d2, d3])),
            product: Fe::from_limbs(Limbs(entry.product)),
        }
    }
}

/// The points 2^(offset + 32 t) Q, eight for each block.
fn teeth(point: Affine, size: Size) -> Vec<Affine> {
    let mut double = Point::NEUTRAL.plus(&point.addend());
    let mut teeth = Vec::with_capacity(size.blocks() * TEETH);
    for exponent in 0..COMBS * TEETH {
        if exponent % size.rounds() == 0 {
            teeth.push(double);
        }
        double = double.double();
    }
    // In the order of their exponents; each block has every 32nd.
    let teeth = to_affine(&teeth);
    (0..size.blocks())
        .flat_map(|block| teeth.iter().skip(block).step_by(size.blocks()).copied())
        .collect()
}

/// All entries of a block: the last tooth less all others, then again with one more bit set each, which
/// adds twice a tooth.
fn append_block(teeth: &[Affine; TEETH], points: &mut Vec<Point>) {
    let start = points.len();
    let [lower @ .., last] = teeth;
    let lowest = lower
        .iter()
        .fold(Point::NEUTRAL.plus(&last.addend()), |sum, tooth| {
            sum.plus(&tooth.negated().addend())
        });
    points.push(lowest);
    for tooth in lower {
        let addend = tooth.addend();
        for at in start..points.len() {
            if let Some(point) = points.get(at) {
                let more = point.plus(&addend).plus(&addend);
                points.push(more);
            }
        }
    }
}
