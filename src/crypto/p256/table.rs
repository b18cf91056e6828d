//! Tables of multiples of one point: signed combs of eight teeth.
//!
//! A number v of 256 bits stands for the 256 signed digits 2 b_i - 1 of its bits b_i, each 1 or -1,
//! which sum up to 2 v - (2^256 - 1). Teeth are 32 bits apart: comb `c` takes the bits c, c + 32, ...,
//! c + 224, so that 32 combs take every bit once, and comb `c` is comb 0 shifted by `c` bits.
//!
//! ```text
//!  entry k of block b, 0 <= k < 128, with offset = b * 32 / blocks:
//!      2^(offset + 224) Q  +  sum over t < 7 of (2 k_t - 1) 2^(offset + 32 t) Q
//!  eight bits, tooth 7 on top, as a byte:   1kkkkkkk  is entry k,   0kkkkkkk is minus entry ~k
//!
//!  blocks   bytes     doublings per verification
//!     32    256 KiB       0
//!      8     64 KiB       3
//!      1      8 KiB      31
//! ```
//!
//! No digit is zero and no entry infinity, whatever the point: all entries are fixed multiples, smaller
//! than 2^256 and no multiple of n, of a point whose order is n. A table with more blocks holds every
//! table with fewer, at the stride of the blocks.
//!
//! Knows nothing of keys and their use.

use super::field::Fp;
use super::limbs::Limbs;
use super::point::{Affine, Xyzz, invert_all, to_affine};

/// Combs that take the bits of a number.
pub(super) const COMBS: usize = 32;

/// Entries of a block.
pub(super) const BLOCK_ENTRIES: usize = 128;

const TEETH: usize = 8;

/// A point as the backends load it: x and y as [`Fp`] holds them, in one line of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Entry(pub(super) [u64; 8]);

/// Bytes of an entry.
pub(super) const ENTRY_BYTES: usize = 64;

/// How many blocks a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Size {
    /// For keys that are in use: 8 KiB.
    Warm = 0,
    /// 64 KiB.
    Hot = 3,
    /// For the generator: 256 KiB.
    Full = 5,
}

impl Size {
    /// Every size that is computed.
    #[cfg(any(test, feature = "testing"))]
    pub(super) const ALL: [Self; 3] = [Self::Warm, Self::Hot, Self::Full];

    fn log_blocks(self) -> usize {
        usize::from(self as u8)
    }

    pub(super) fn blocks(self) -> usize {
        1 << self.log_blocks()
    }

    /// Combs between one block and the next, which are reached by doubling.
    pub(super) fn rounds(self) -> usize {
        COMBS >> self.log_blocks()
    }

    /// Bytes of such a table.
    pub(super) fn bytes(self) -> usize {
        self.blocks() * BLOCK_ENTRIES * ENTRY_BYTES
    }
}

/// The table of a point.
#[derive(Debug)]
pub(super) struct Table {
    size: Size,
    entries: Box<[[Entry; BLOCK_ENTRIES]]>,
}

impl Table {
    /// Computes the table of a point; `None` if it is not on the curve.
    pub(super) fn new(point: Affine, size: Size) -> Option<Self> {
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

    /// Block `index` of `size.blocks()`, for a `size` that is not larger than the table's own.
    #[inline]
    pub(super) fn block(&self, size: Size, index: usize) -> Option<&[Entry; BLOCK_ENTRIES]> {
        let stride = self.size.log_blocks() - size.log_blocks();
        self.entries.get(index << stride)
    }
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

/// Which entry a comb's byte names, and whether its negative is meant.
#[inline]
pub(super) fn entry_of(byte: u8) -> (usize, bool) {
    let negative = byte < 0x80;
    let flipped = if negative { !byte } else { byte };
    (usize::from(flipped & 0x7f), negative)
}

/// The bytes of the 32 combs of a number: the bits of comb c are c, c + 32, ..., c + 224.
#[inline]
pub(super) fn comb_bytes(number: Limbs) -> [u8; COMBS] {
    let mut combs = [0; COMBS];
    let (words, _) = combs.as_chunks_mut::<8>();
    for (word, shift) in words.iter_mut().zip([0, 8, 16, 24]) {
        // Byte t of the square is what tooth t has for eight combs.
        let mut square = 0_u64;
        for (limb, to) in number.0.iter().zip([0, 16, 32, 48]) {
            let low = limb >> shift & 0xff;
            let high = limb >> (32 + shift) & 0xff;
            square |= (low | high << 8) << to;
        }
        *word = transposed(square).to_le_bytes();
    }
    combs
}

/// Bit j of byte i becomes bit i of byte j.
#[inline]
fn transposed(square: u64) -> u64 {
    let exchange = |square: u64, shift: u32, mask: u64| {
        let differ = (square ^ square >> shift) & mask;
        square ^ differ ^ differ << shift
    };
    let square = exchange(square, 7, 0x00aa_00aa_00aa_00aa);
    let square = exchange(square, 14, 0x0000_cccc_0000_cccc);
    exchange(square, 28, 0x0000_0000_f0f0_f0f0)
}

/// Per block the points 2^(offset + 32 t) Q, and for all teeth but the last their doubles.
#[expect(clippy::type_complexity, reason = "two lists that belong together")]
fn teeth(point: Affine, size: Size) -> Option<(Vec<Vec<Affine>>, Vec<Vec<Affine>>)> {
    let mut doubles = vec![Xyzz::from(point)];
    let highest = COMBS * (TEETH - 1) + COMBS - size.rounds();
    let mut last = Xyzz::from(point);
    for _ in 0..highest {
        last = last.double();
        doubles.push(last);
    }
    let wanted = |extra: usize| {
        (0..size.blocks()).flat_map(move |block| {
            (0..TEETH).map(move |tooth| block * size.rounds() + COMBS * tooth + extra)
        })
    };
    // The double of the highest tooth of the last block is not needed, and is not there.
    let points: Vec<Xyzz> = wanted(0)
        .chain(wanted(1))
        .map(|exponent| doubles.get(exponent).copied().unwrap_or(last))
        .collect();
    let points = to_affine(&points)?;
    let (teeth, steps) = points.split_at_checked(size.blocks() * TEETH)?;
    let by_block = |points: &[Affine]| points.chunks(TEETH).map(<[_]>::to_vec).collect();
    Some((by_block(teeth), by_block(steps)))
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
fn append_with_bit<'a>(
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
