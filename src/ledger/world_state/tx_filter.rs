//! Which transaction ids the ledger certainly does not have: what nearly every look-up wants to know.
//!
//! The table of ids has random keys, so a look-up walks a tree that is in no cache. The filter answers
//! "not there" from one cache line. It is memory only: after a start it is filled again from the table, a
//! part with every write transaction. Until it is full, the filters that the table's closed segments have
//! answer for these, one line each.
//!
//! Invariants:
//! - no false negative: an id is in the filter before its block is published in the overlay and before its
//!   row is committed, and a reader that sees either, sees its bits (it came by them through a lock or an
//!   atomic pointer that was set later);
//! - `complete` is set only once every id of the table has been added, and unset for good where there are
//!   more ids than the filters may have bytes for;
//! - where `closed` is there, it has every id of the table that has not been added.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::ledger::pending::{KeyFilter, KeyHash};
use crate::ledger::tx_key::TxKey;
use crate::limits;
use crate::types::BlockNumber;

/// The ids of one table.
#[derive(Debug)]
pub(super) struct TxFilter {
    /// Each twice as large as the one before; new ids go into the last.
    parts: ArcSwap<Vec<Part>>,
    complete: AtomicBool,
    /// While it is not complete: the filters of the segments that were closed at the start.
    closed: ArcSwapOption<Vec<KeyFilter>>,
}

/// What the one writer knows of a filter.
#[derive(Debug, Default)]
pub(super) struct Filling {
    /// Ids in the last part.
    in_last: usize,
    /// The last key of the table that was added; `None` before the first, and once all are.
    through: Option<Vec<u8>>,
    state: FillState,
    /// The block after the last whose ids were added as they came.
    next: u64,
}

impl Filling {
    /// Whether what was to be added is there: not where there were too many.
    pub(super) fn has_all(&self) -> bool {
        self.state != FillState::TooMany
    }

    /// Whether a block has not come before; it has now.
    pub(super) fn is_new(&mut self, block: BlockNumber) -> bool {
        let is_new = block.0 >= self.next;
        self.next = self.next.max(block.0.saturating_add(1));
        is_new
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum FillState {
    #[default]
    Filling,
    Full,
    TooMany,
}

/// Words of 64 bits; eight of them, a cache line, are one id's block.
#[derive(Debug, Clone)]
struct Part(Arc<[AtomicU64]>);

const BLOCK_WORDS: usize = 8;

/// Bits that an id sets.
const BITS: usize = 6;

/// Bits that a part has for each id: about one wrong "perhaps" in a hundred.
const BITS_PER_ID: usize = 12;

/// Ids of the first part.
const FIRST_IDS: usize = 1 << 16;

impl TxFilter {
    /// A filter that knows nothing yet.
    pub(super) fn new() -> Self {
        Self {
            parts: ArcSwap::from_pointee(vec![Part::for_ids(FIRST_IDS)]),
            complete: AtomicBool::new(false),
            closed: ArcSwapOption::empty(),
        }
    }

    /// Has other filters answer for the ids that are not here. All ids of the table that are in none of
    /// them must have been added.
    pub(super) fn answer_by(&self, closed: Vec<KeyFilter>) {
        self.closed.store(Some(Arc::new(closed)));
    }

    /// Whether the ledger may have the id: `false` only where it certainly has not.
    pub(super) fn may_contain(&self, key: &TxKey) -> bool {
        // Ordering: Acquire, for the bits of all ids that were added before the filter was complete.
        if !self.complete.load(Ordering::Acquire) {
            let hash = KeyHash::of_tx(key);
            match &*self.closed.load() {
                None => return true,
                Some(closed) if closed.iter().any(|filter| filter.contains(hash)) => return true,
                Some(_) => {}
            }
        }
        self.parts.load().iter().any(|part| part.may_contain(key))
    }

    /// Adds an id that is about to be written.
    pub(super) fn add(&self, filling: &mut Filling, key: &TxKey) {
        if filling.state == FillState::TooMany {
            return;
        }
        let parts = self.parts.load();
        let capacity = FIRST_IDS << (parts.len() - 1);
        if filling.in_last < capacity {
            if let Some(last) = parts.last() {
                last.add(key);
                filling.in_last += 1;
            }
            return;
        }
        let next = Part::for_ids(capacity * 2);
        let bytes = parts.iter().map(Part::bytes).sum::<usize>() + next.bytes();
        if bytes > limits::TX_FILTER_BYTES_MAX {
            filling.state = FillState::TooMany;
            // Ordering: Release, before the id's row is written.
            // The parts stay: a reader that saw it complete may be about to look into them.
            self.complete.store(false, Ordering::Release);
            self.closed.store(None);
            return;
        }
        next.add(key);
        filling.in_last = 1;
        let grown = parts.iter().cloned().chain([next]).collect();
        self.parts.store(Arc::new(grown));
    }

    /// Whether rows of the table have yet to be added, and the key behind which they stand.
    pub(super) fn wanted(&self, filling: &Filling) -> Option<Vec<u8>> {
        (filling.state == FillState::Filling).then(|| filling.through.clone().unwrap_or_default())
    }

    /// Notes that the rows up to `last` were added; `None`: there are no more.
    pub(super) fn filled(&self, filling: &mut Filling, last: Option<Vec<u8>>) {
        if filling.state == FillState::TooMany {
            return;
        }
        if last.is_none() {
            filling.state = FillState::Full;
            // Ordering: Release, after all bits.
            self.complete.store(true, Ordering::Release);
            self.closed.store(None);
        }
        filling.through = last;
    }
}

impl Part {
    fn for_ids(ids: usize) -> Self {
        let words = ids * BITS_PER_ID / 64;
        let words = words.next_multiple_of(BLOCK_WORDS);
        Self((0..words).map(|_| AtomicU64::new(0)).collect())
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    fn add(&self, key: &TxKey) {
        let (block, bits) = self.place(key);
        for bit in bits {
            if let Some(word) = block.get(bit / 64) {
                // Ordering: published by `complete` and by the locks that come before the row.
                word.fetch_or(1 << (bit % 64), Ordering::Relaxed);
            }
        }
    }

    fn may_contain(&self, key: &TxKey) -> bool {
        let (block, mut bits) = self.place(key);
        bits.all(|bit| {
            // Ordering: as in `add`.
            block
                .get(bit / 64)
                .is_some_and(|word| word.load(Ordering::Relaxed) >> (bit % 64) & 1 == 1)
        })
    }

    /// The block of an id, and its bits there. Ids are hashes already; whoever grinds some to meet in a
    /// block makes look-ups of these slower, no more.
    fn place(&self, key: &TxKey) -> (&[AtomicU64], impl Iterator<Item = usize>) {
        let (head, tail) = key.bytes().split_first_chunk().unwrap_or((&[0; 8], &[]));
        let blocks = self.0.len() / BLOCK_WORDS;
        let wide = u128::from(u64::from_le_bytes(*head)) * blocks as u128;
        let at = usize::try_from(wide >> 64).unwrap_or(0) * BLOCK_WORDS;
        let block = self.0.get(at..at + BLOCK_WORDS).unwrap_or_default();
        let pick = tail
            .first_chunk()
            .map_or(0, |chunk| u64::from_le_bytes(*chunk));
        let bits = (0..BITS).map(move |bit| (pick >> (9 * bit) & 0x1ff) as usize);
        (block, bits)
    }
}

#[cfg(test)]
mod tests {
    //! No false negative, few false positives, and an end to growing.

    use super::{FIRST_IDS, Filling, TxFilter};
    use crate::crypto::sha256;
    use crate::ledger::pending::{KeyFilter, KeyHash};
    use crate::ledger::tx_key::TxKey;

    fn id(number: usize) -> TxKey {
        TxKey::of(&sha256(&number.to_le_bytes()).to_string())
    }

    #[test]
    fn what_was_added_may_be_there_and_little_else() {
        let (filter, mut filling) = (TxFilter::new(), Filling::default());
        let count = FIRST_IDS * 2;
        assert!(filter.may_contain(&id(0)), "nothing is known yet");
        (0..count).for_each(|number| filter.add(&mut filling, &id(number)));
        assert!(filter.may_contain(&id(count)), "rows are missing still");
        filter.filled(&mut filling, None);
        assert!((0..count).all(|number| filter.may_contain(&id(number))));
        let wrong = (count..2 * count).filter(|number| filter.may_contain(&id(*number)));
        assert!(wrong.count() < count / 20);
        filter.add(&mut filling, &id(count));
        assert!(filter.may_contain(&id(count)));
    }

    #[test]
    fn others_answer_until_it_is_full() {
        let (filter, mut filling) = (TxFilter::new(), Filling::default());
        let mut closed = KeyFilter::with_keys(1000);
        (0..1000).for_each(|number| closed.insert(KeyHash::of_tx(&id(number))));
        filter.add(&mut filling, &id(1000));
        assert!(filter.may_contain(&id(1001)), "nobody answers yet");
        filter.answer_by(vec![closed]);
        filter.add(&mut filling, &id(1002));
        assert!((0..=1000).all(|number| filter.may_contain(&id(number))));
        assert!(!filter.may_contain(&id(1001)));
        assert!(filter.may_contain(&id(1002)));
        (0..1000).for_each(|number| filter.add(&mut filling, &id(number)));
        filter.filled(&mut filling, None);
        assert!((0..=1000).all(|number| filter.may_contain(&id(number))));
        assert!(!filter.may_contain(&id(1001)));
    }

    #[test]
    fn ids_that_are_no_hashes_are_found_too() {
        let (filter, mut filling) = (TxFilter::new(), Filling::default());
        filter.filled(&mut filling, None);
        let odd = TxKey::of("an id of nobody's");
        assert!(!filter.may_contain(&odd));
        filter.add(&mut filling, &odd);
        assert!(filter.may_contain(&odd));
    }
}
