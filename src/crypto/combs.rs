//! Signed combs of eight teeth: how tables of multiples are laid out, whatever the curve.
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
//!  size   blocks   entries   doublings per verification
//!  full     32      4,096        0
//!  hot       8      1,024        3
//!  warm      1        128       31
//! ```
//!
//! No digit is zero. A table with more blocks holds every table with fewer, at the stride of the blocks.
//!
//! Knows nothing of points.

use crate::crypto::limbs::Limbs;

/// Combs that take the bits of a number.
pub(super) const COMBS: usize = 32;

/// Entries of a block.
pub(super) const BLOCK_ENTRIES: usize = 128;

/// Bits that a comb takes.
pub(super) const TEETH: usize = 8;

/// How many blocks a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Size {
    /// For keys that are in use.
    Warm = 0,
    /// For keys that sign very much.
    Hot = 3,
    /// For the generator, where it has no windows.
    Full = 5,
    /// For keys that sign most, where the curve has such tables: no combs but windows.
    Wide = 6,
}

impl Size {
    /// How many there are.
    #[cfg(target_arch = "x86_64")]
    pub(super) const COUNT: usize = 4;

    /// Those that are made of combs.
    #[cfg(any(test, feature = "testing"))]
    pub(super) const OF_COMBS: [Self; 3] = [Self::Warm, Self::Hot, Self::Full];

    /// The logarithm of the number of blocks: blocks of smaller tables are this much further apart.
    pub(super) fn log_blocks(self) -> usize {
        usize::from(self as u8)
    }

    pub(super) fn blocks(self) -> usize {
        1 << self.log_blocks()
    }

    /// Combs between one block and the next, which are reached by doubling.
    pub(super) fn rounds(self) -> usize {
        COMBS >> self.log_blocks()
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
