//! Tables for keys that sign most, and for the generator: a number's bits in windows, no doublings.
//!
//! A number v of N bits stands for the N signed digits 2 b_i - 1 of its bits, as in
//! [`crate::crypto::combs`]. Here neighbours are taken together: window `i` of `w` bits is an odd number
//! between -2^w and 2^w, times 2^(w i).
//!
//! ```text
//!  entry k of window i, 0 <= k < 2^(w-1):  (2 k + 1) 2^(w i) Q
//!  w bits, the highest on top:   1kkk...k  is entry k,   0kkk...k is minus entry ~k
//!
//!  table        w   windows   entries     bytes
//!  generator   13        20    81,920   5.0 MiB
//!  wide        12        22    45,056   2.75 MiB
//! ```
//!
//! No entry is infinity: its multiple is a product of numbers that the prime n does not divide.

#[cfg(target_arch = "x86_64")]
use super::ifma;
use super::point::Affine;
use super::table::{ENTRY_BYTES, Entry, affine_doubles, append_with_bit};
use crate::crypto::Backend;
#[cfg(target_arch = "x86_64")]
use crate::crypto::lanes::Lanes;
use crate::crypto::limbs::Limbs;

/// How a number is cut into windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// Bits of a window, 15 at most.
    bits: usize,
    windows: usize,
    /// (2^N - 1) / 2 modulo n. A sum of digits of v is 2 v - (2^N - 1), so v = u/2 + this for u.
    pub(super) half_of_all_ones: Limbs,
}

/// The generator's.
pub(super) const GENERATOR: Cut = Cut {
    bits: 13,
    windows: 20,
    half_of_all_ones: Limbs([
        0xdc0e_8f49_9b18_6820,
        0xf73b_a7e9_9ace_db1a,
        0x8000_0000_0000_0001,
        0x8000_0007_7fff_fff8,
    ]),
};

/// That of keys that sign most.
pub(super) const WIDE: Cut = Cut {
    bits: 12,
    windows: 22,
    half_of_all_ones: Limbs([
        0x9cf7_83e3_4c9e_ea28,
        0x6af6_2683_47bc_8cc8,
        0x8000_0000_0000_0021,
        0x8000_007f_7fff_ff80,
    ]),
};

/// Windows of any cut.
pub(super) const WINDOWS_MAX: usize = 22;

/// Windows whose entries are computed together: they stay in the cache, and share inversions.
const WINDOWS_TOGETHER: usize = 4;

/// The windows of a number, the lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digits([u16; WINDOWS_MAX]);

impl Cut {
    /// Bits of a window.
    pub(super) const fn bits(self) -> usize {
        self.bits
    }

    /// Entries of a window.
    pub(super) const fn entries(self) -> usize {
        1 << (self.bits - 1)
    }

    pub(super) const fn windows(self) -> usize {
        self.windows
    }

    /// Bytes of a table.
    pub(super) const fn bytes(self) -> usize {
        self.windows * self.entries() * ENTRY_BYTES
    }

    /// The windows of a number.
    #[inline]
    pub(super) fn digits(self, number: Limbs) -> Digits {
        let mut digits = [0; WINDOWS_MAX];
        let [l0, l1, l2, l3] = number.0;
        let pairs = [(l0, l1), (l1, l2), (l2, l3), (l3, 0)];
        for (window, digit) in digits.iter_mut().take(self.windows).enumerate() {
            let from = window * self.bits;
            // Windows above the number have no bits.
            let Some(&(low, high)) = pairs.get(from / 64) else {
                continue;
            };
            let both = u128::from(low) | u128::from(high) << 64;
            let bits = (both >> (from % 64)) & ((1 << self.bits) - 1);
            *digit = u16::try_from(bits).unwrap_or(0);
        }
        Digits(digits)
    }

    /// Which entry a window names, and whether its negative is meant.
    #[inline]
    fn entry_of(self, digit: u16) -> (usize, bool) {
        let half = self.entries();
        let digit = usize::from(digit);
        let negative = digit < half;
        let flipped = if negative { !digit } else { digit };
        (flipped & (half - 1), negative)
    }
}

/// The table of a point.
#[derive(Debug)]
pub(in crate::crypto) struct Windows {
    cut: Cut,
    entries: Box<[Entry]>,
}

impl Windows {
    /// Computes the table of a point; `None` if it is not on the curve.
    pub(super) fn new(point: Affine, cut: Cut, backend: Backend) -> Option<Self> {
        let doubles = affine_doubles(point, cut.windows * cut.bits)?;
        let entries = match backend {
            Backend::Library | Backend::Scalar => entries(&doubles, cut),
            Backend::Avx512Ifma => in_lanes(&doubles, cut),
        }?;
        Some(Self {
            cut,
            entries: entries.into_boxed_slice(),
        })
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn cut(&self) -> Cut {
        self.cut
    }

    /// The entries that a number's windows name, each with whether its negative is meant. `None` would
    /// be a digit of another cut.
    #[inline]
    pub(super) fn entries(
        &self,
        digits: &Digits,
    ) -> impl Iterator<Item = Option<(&Entry, bool)>> + use<'_> {
        let windows = self.entries.chunks_exact(self.cut.entries());
        windows.zip(digits.0).map(|(window, digit)| {
            let (index, negative) = self.cut.entry_of(digit);
            Some((window.get(index)?, negative))
        })
    }
}

/// All entries: each is one of the lower half of its window plus a power of two of the point.
fn entries(doubles: &[Affine], cut: Cut) -> Option<Vec<Entry>> {
    let mut entries = Vec::with_capacity(cut.windows * cut.entries());
    for doubles in doubles.chunks(WINDOWS_TOGETHER * cut.bits) {
        let of_windows = doubles.chunks_exact(cut.bits);
        let mut some: Vec<Vec<Affine>> = of_windows
            .clone()
            .filter_map(|doubles| doubles.first().map(|&lowest| vec![lowest]))
            .collect();
        for bit in 1..cut.bits {
            append_with_bit(
                &mut some,
                of_windows.clone().map(|doubles| doubles.get(bit)),
            )?;
        }
        entries.extend(some.iter().flatten().map(Entry::from));
    }
    Some(entries)
}

#[cfg(target_arch = "x86_64")]
fn in_lanes(doubles: &[Affine], cut: Cut) -> Option<Vec<Entry>> {
    match Lanes::detect() {
        Some(lanes) => ifma::entries(lanes, doubles, cut),
        None => entries(doubles, cut),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn in_lanes(doubles: &[Affine], cut: Cut) -> Option<Vec<Entry>> {
    entries(doubles, cut)
}
