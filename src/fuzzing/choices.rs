//! Bytes taken for decisions: what makes structured input of a fuzzer's bytes.

/// Decisions, one after the other; zeros once the bytes are used up, so that every input is one.
#[derive(Debug)]
pub(super) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether no bytes are left.
    pub(super) fn are_made(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> u8 {
        self.bytes::<1>().first().copied().unwrap_or(0)
    }

    /// A number below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: u8) -> u8 {
        self.byte().checked_rem(bound).unwrap_or(0)
    }

    /// Yes in one of `n` cases; no once the bytes are used up.
    pub(super) fn one_in(&mut self, n: u8) -> bool {
        self.below(n) == n.saturating_sub(1)
    }

    /// The next `N` bytes.
    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_at(N.min(self.0.len()));
        self.0 = rest;
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().zip(taken) {
            *to = *from;
        }
        bytes
    }

    /// One of some; the first once the bytes are used up.
    pub(super) fn one_of<'t, T>(&mut self, all: &'t [T]) -> Option<&'t T> {
        let at = usize::from(self.byte()).checked_rem(all.len())?;
        all.get(at)
    }
}
