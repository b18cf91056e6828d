//! Numbers of 256 bits as four limbs, least significant first: what all moduli share.
//!
//! Knows nothing of curves. Nothing here is constant in time: verification handles public data only.

/// Four limbs, least significant first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Limbs(pub(super) [u64; 4]);

impl Limbs {
    pub(super) const ZERO: Self = Self([0; 4]);

    pub(super) fn from_be_bytes(bytes: &[u8; 32]) -> Self {
        let mut limbs = [0; 4];
        let (words, _) = bytes.as_chunks::<8>();
        for (limb, word) in limbs.iter_mut().rev().zip(words) {
            *limb = u64::from_be_bytes(*word);
        }
        Self(limbs)
    }

    pub(super) fn from_le_bytes(bytes: &[u8; 32]) -> Self {
        let mut limbs = [0; 4];
        let (words, _) = bytes.as_chunks::<8>();
        for (limb, word) in limbs.iter_mut().zip(words) {
            *limb = u64::from_le_bytes(*word);
        }
        Self(limbs)
    }

    #[cfg(test)]
    pub(super) fn to_be_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let (words, _) = bytes.as_chunks_mut::<8>();
        for (limb, word) in self.0.iter().rev().zip(words) {
            *word = limb.to_be_bytes();
        }
        bytes
    }

    pub(super) fn is_zero(self) -> bool {
        self.0 == [0; 4]
    }

    pub(super) fn less(self, other: Self) -> bool {
        self.minus(other).1
    }

    /// The sum modulo 2^256, and whether it overflowed.
    #[inline(always)]
    pub(super) fn plus(self, other: Self) -> (Self, bool) {
        let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (self.0, other.0);
        let (c0, carry) = a0.carrying_add(b0, false);
        let (c1, carry) = a1.carrying_add(b1, carry);
        let (c2, carry) = a2.carrying_add(b2, carry);
        let (c3, carry) = a3.carrying_add(b3, carry);
        (Self([c0, c1, c2, c3]), carry)
    }

    /// The difference modulo 2^256, and whether it is negative.
    #[inline(always)]
    pub(super) fn minus(self, other: Self) -> (Self, bool) {
        let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (self.0, other.0);
        let (c0, borrow) = a0.borrowing_sub(b0, false);
        let (c1, borrow) = a1.borrowing_sub(b1, borrow);
        let (c2, borrow) = a2.borrowing_sub(b2, borrow);
        let (c3, borrow) = a3.borrowing_sub(b3, borrow);
        (Self([c0, c1, c2, c3]), borrow)
    }

    /// `self + other` modulo `modulus`; both are below it.
    #[inline(always)]
    pub(super) fn plus_mod(self, other: Self, modulus: Self) -> Self {
        let (sum, carry) = self.plus(other);
        sum.reduced_once(carry, modulus)
    }

    /// `self - other` modulo `modulus`; both are below it.
    #[inline(always)]
    pub(super) fn minus_mod(self, other: Self, modulus: Self) -> Self {
        let (difference, borrow) = self.minus(other);
        let correction = if borrow { modulus } else { Self::ZERO };
        difference.plus(correction).0
    }

    /// The number with `carry` * 2^256 on top, less `modulus` where it is not below it.
    #[inline(always)]
    pub(super) fn reduced_once(self, carry: bool, modulus: Self) -> Self {
        let (reduced, borrow) = self.minus(modulus);
        if borrow && !carry { self } else { reduced }
    }

    #[cfg(test)]
    pub(super) fn bit(self, at: usize) -> bool {
        self.0[at / 64] >> (at % 64) & 1 == 1
    }

    /// The product in eight limbs.
    #[inline(always)]
    pub(super) fn times(self, other: Self) -> [u64; 8] {
        let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (self.0, other.0);
        let (t0, c) = a0.carrying_mul(b0, 0);
        let (t1, c) = a1.carrying_mul(b0, c);
        let (t2, c) = a2.carrying_mul(b0, c);
        let (t3, t4) = a3.carrying_mul(b0, c);

        let (t1, c) = a0.carrying_mul_add(b1, t1, 0);
        let (t2, c) = a1.carrying_mul_add(b1, t2, c);
        let (t3, c) = a2.carrying_mul_add(b1, t3, c);
        let (t4, t5) = a3.carrying_mul_add(b1, t4, c);

        let (t2, c) = a0.carrying_mul_add(b2, t2, 0);
        let (t3, c) = a1.carrying_mul_add(b2, t3, c);
        let (t4, c) = a2.carrying_mul_add(b2, t4, c);
        let (t5, t6) = a3.carrying_mul_add(b2, t5, c);

        let (t3, c) = a0.carrying_mul_add(b3, t3, 0);
        let (t4, c) = a1.carrying_mul_add(b3, t4, c);
        let (t5, c) = a2.carrying_mul_add(b3, t5, c);
        let (t6, t7) = a3.carrying_mul_add(b3, t6, c);
        [t0, t1, t2, t3, t4, t5, t6, t7]
    }

    /// The square in eight limbs: the products off the diagonal, twice, and those on it.
    #[inline(always)]
    pub(super) fn squared(self) -> [u64; 8] {
        let [a0, a1, a2, a3] = self.0;
        let (t1, c) = a0.carrying_mul(a1, 0);
        let (t2, c) = a0.carrying_mul(a2, c);
        let (t3, t4) = a0.carrying_mul(a3, c);
        let (t3, c) = a1.carrying_mul_add(a2, t3, 0);
        let (t4, t5) = a1.carrying_mul_add(a3, t4, c);
        let (t5, t6) = a2.carrying_mul_add(a3, t5, 0);

        let t7 = t6 >> 63;
        let t6 = t6 << 1 | t5 >> 63;
        let t5 = t5 << 1 | t4 >> 63;
        let t4 = t4 << 1 | t3 >> 63;
        let t3 = t3 << 1 | t2 >> 63;
        let t2 = t2 << 1 | t1 >> 63;
        let t1 = t1 << 1;

        let (t0, h0) = a0.carrying_mul(a0, 0);
        let (l1, h1) = a1.carrying_mul(a1, 0);
        let (l2, h2) = a2.carrying_mul(a2, 0);
        let (l3, h3) = a3.carrying_mul(a3, 0);
        let (t1, c) = t1.carrying_add(h0, false);
        let (t2, c) = t2.carrying_add(l1, c);
        let (t3, c) = t3.carrying_add(h1, c);
        let (t4, c) = t4.carrying_add(l2, c);
        let (t5, c) = t5.carrying_add(h2, c);
        let (t6, c) = t6.carrying_add(l3, c);
        let (t7, _) = t7.carrying_add(h3, c);
        [t0, t1, t2, t3, t4, t5, t6, t7]
    }
}
