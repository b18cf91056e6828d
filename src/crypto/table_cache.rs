//! Which keys have tables of multiples, on any curve.
//!
//! ```text
//!            an MSP accepted it         some signatures       many more       and more
//!   any key ------------------> known --------------> warm -----------> hot ---------> wide
//!   (library)                 (library)  ^              |                |               |
//!                                        '--------------'----------------'---------------'
//!                                            a key that is used more needs the room
//! ```
//!
//! Invariants:
//! - the tables' bytes stay within the limits, those of keys in use by a running batch included;
//! - a table is computed only for a key that an MSP accepted, and only after so many signatures that
//!   computing it cost less than verifying them did: a flood of keys cannot make the peer compute
//!   tables instead of verifying;
//! - a newcomer takes the room of another key only if it signed more than twice as much lately, so a
//!   flood of keys that sign little displaces none that sign much;
//! - whether a key has a table changes no verdict.
//!
//! Knows nothing of what is in a table.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwapOption;

use crate::crypto::combs::Size;

/// The table of a key.
pub(crate) trait KeyTable: fmt::Debug + Sized {
    /// What tells keys apart.
    type Name: Eq + Hash;
    /// What tables are computed from.
    type Point: Copy;

    /// Computes a table.
    fn compute(point: Self::Point, size: Size) -> Option<Self>;

    /// Its size.
    fn size(&self) -> Size;

    /// Bytes of any table of this size.
    fn bytes(size: Size) -> usize;

    /// Every size that can be computed.
    #[cfg(any(test, feature = "testing"))]
    const SIZES: &'static [Size];
}

/// What a cache may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableLimits {
    /// Keys that are known, with or without a table.
    pub(crate) keys_max: usize,
    /// The sizes of tables, in the order in which a key earns them.
    pub(crate) classes: &'static [ClassLimits],
}

/// What the tables of one size may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClassLimits {
    /// Their size.
    pub(crate) size: Size,
    /// Their bytes.
    pub(crate) bytes_max: usize,
    /// Signatures that a key must have had verified with what it had before.
    pub(crate) after: u32,
}

/// The keys that may have tables.
pub(crate) struct TableCache<T: KeyTable>(Arc<Shared<T>>);

struct Shared<T: KeyTable> {
    keys_max: usize,
    /// Keys by their names; the keys themselves hold their slots.
    known: Mutex<HashMap<T::Name, Weak<Slot<T>>>>,
    classes: Vec<Class<T>>,
    /// Signatures of all keys: the clock by which uses are forgotten.
    signatures: AtomicU64,
}

/// The tables of one size.
struct Class<T: KeyTable> {
    limits: ClassLimits,
    bytes: Arc<AtomicUsize>,
    /// Those that have such a table, and some that had one, in no order.
    residents: Mutex<Residents<T>>,
}

struct Residents<T: KeyTable> {
    slots: Vec<Weak<Slot<T>>>,
    /// Where the next search for a victim begins.
    hand: usize,
}

/// What the cache knows of a key.
pub(crate) struct Slot<T: KeyTable> {
    cache: Weak<Shared<T>>,
    point: T::Point,
    table: ArcSwapOption<LeasedTable<T>>,
    /// Signatures lately: the upper half says in which epoch that was.
    uses: AtomicU64,
    /// Signatures since the table changed, or was refused.
    earned: AtomicU32,
    /// Whether a thread is computing a table.
    building: AtomicBool,
}

/// A table and the bytes that it takes from its class until nobody uses it any more.
#[derive(Debug)]
pub(crate) struct LeasedTable<T> {
    pub(super) table: T,
    _lease: Lease,
}

/// After so many signatures of all keys, the uses of each count half.
const EPOCH_SIGNATURES: u64 = 1 << 20;

/// Keys that are looked at to find one that is worth less than a newcomer.
const CANDIDATES: usize = 16;

impl<T: KeyTable> TableCache<T> {
    pub(crate) fn new(limits: TableLimits) -> Self {
        Self(Arc::new(Shared {
            keys_max: limits.keys_max,
            known: Mutex::default(),
            classes: limits.classes.iter().map(|&of| Class::new(of)).collect(),
            signatures: AtomicU64::new(0),
        }))
    }

    /// The slot of a key; the same for equal keys. `None` where the cache knows too many keys.
    pub(crate) fn slot(&self, name: T::Name, point: T::Point) -> Option<Arc<Slot<T>>> {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = known.get(&name).and_then(Weak::upgrade) {
            return Some(slot);
        }
        if known.len() >= self.0.keys_max {
            known.retain(|_, slot| slot.strong_count() > 0);
        }
        if known.len() >= self.0.keys_max {
            return None;
        }
        let slot = Arc::new(Slot {
            cache: Arc::downgrade(&self.0),
            point,
            table: ArcSwapOption::empty(),
            uses: AtomicU64::new(0),
            earned: AtomicU32::new(0),
            building: AtomicBool::new(false),
        });
        known.insert(name, Arc::downgrade(&slot));
        Some(slot)
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> Vec<usize> {
        // Ordering: only tests read it, after all other threads have ended.
        let read = |class: &Class<T>| class.bytes.load(Ordering::Relaxed);
        self.0.classes.iter().map(read).collect()
    }

    #[cfg(test)]
    pub(super) fn residents(&self) -> Vec<usize> {
        let count = |class: &Class<T>| class.residents.lock().unwrap().slots.len();
        self.0.classes.iter().map(count).collect()
    }
}

impl<T: KeyTable> Slot<T> {
    /// A slot of no cache, whose table stays.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn pinned(point: T::Point, bytes: usize) -> Option<Arc<Self>> {
        let sizes = T::SIZES.iter().copied();
        let size = sizes.into_iter().find(|&size| T::bytes(size) == bytes)?;
        let lease = Lease {
            of: Arc::default(),
            bytes: 0,
        };
        let table = LeasedTable {
            table: T::compute(point, size)?,
            _lease: lease,
        };
        Some(Arc::new(Self {
            cache: Weak::new(),
            point,
            table: ArcSwapOption::from_pointee(table),
            uses: AtomicU64::new(0),
            earned: AtomicU32::new(0),
            building: AtomicBool::new(false),
        }))
    }

    /// The key's table, where it has one or gets one for the `signatures` that are to be verified now.
    pub(crate) fn table(self: &Arc<Self>, signatures: u32) -> Option<Arc<LeasedTable<T>>> {
        let table = self.table.load_full();
        let Some(cache) = self.cache.upgrade() else {
            return table;
        };
        self.count(signatures, cache.epoch(signatures));
        // Ordering: counts of uses, which decide about nothing but speed.
        let earned = self.earned.fetch_add(signatures, Ordering::Relaxed) + signatures;
        let size = table.as_ref().map(|leased| leased.table.size());
        match cache.class_after(size) {
            Some(class) if earned >= class.limits.after => self.grow(class, &cache).or(table),
            Some(_) | None => table,
        }
    }

    /// Counts uses, and forgets half of the former ones for every epoch that has passed.
    fn count(&self, signatures: u32, epoch: u64) {
        // Ordering: statistics. A count that is lost to another thread's is no harm.
        let before = self.uses.load(Ordering::Relaxed);
        let decayed = decayed(before, epoch);
        let now = decayed
            .saturating_add(u64::from(signatures))
            .min(u64::from(u32::MAX));
        self.uses.store(epoch << 32 | now, Ordering::Relaxed);
    }

    fn has(&self, size: Size) -> bool {
        let table = self.table.load();
        table
            .as_ref()
            .is_some_and(|leased| leased.table.size() == size)
    }

    fn uses(&self, epoch: u64) -> u64 {
        // Ordering: statistics.
        decayed(self.uses.load(Ordering::Relaxed), epoch)
    }

    /// Computes the next table, unless another thread does or there is no room. Either way the key must
    /// earn the next attempt anew.
    fn grow(self: &Arc<Self>, class: &Class<T>, cache: &Shared<T>) -> Option<Arc<LeasedTable<T>>> {
        // Ordering: Acquire and Release, so that the next thread to build sees the last one's table.
        if self.building.swap(true, Ordering::Acquire) {
            return None;
        }
        self.earned.store(0, Ordering::Relaxed);
        let grown = class.lease(self, cache).and_then(|lease| {
            let table = T::compute(self.point, class.limits.size)?;
            let leased = Arc::new(LeasedTable {
                table,
                _lease: lease,
            });
            self.table.store(Some(Arc::clone(&leased)));
            class.admit(self);
            Some(leased)
        });
        self.building.store(false, Ordering::Release);
        grown
    }
}

impl<T: KeyTable> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.table.load();
        f.debug_struct("Slot")
            .field("size", &table.as_ref().map(|leased| leased.table.size()))
            .finish_non_exhaustive()
    }
}

fn decayed(uses: u64, epoch: u64) -> u64 {
    let passed = epoch.saturating_sub(uses >> 32);
    let uses = uses & u64::from(u32::MAX);
    u32::try_from(passed)
        .ok()
        .and_then(|passed| uses.checked_shr(passed))
        .unwrap_or(0)
}

impl<T: KeyTable> Shared<T> {
    fn epoch(&self, signatures: u32) -> u64 {
        // Ordering: statistics.
        let before = self
            .signatures
            .fetch_add(u64::from(signatures), Ordering::Relaxed);
        before / EPOCH_SIGNATURES
    }

    fn epoch_now(&self) -> u64 {
        self.epoch(0)
    }

    /// The tables that a key with a table of this size may earn next.
    fn class_after(&self, size: Option<Size>) -> Option<&Class<T>> {
        let at = |of: Size| {
            self.classes
                .iter()
                .position(|class| class.limits.size == of)
        };
        let next = match size {
            None => 0,
            Some(size) => at(size)? + 1,
        };
        self.classes.get(next)
    }
}

impl<T: KeyTable> Class<T> {
    fn new(limits: ClassLimits) -> Self {
        Self {
            limits,
            bytes: Arc::default(),
            residents: Mutex::new(Residents {
                slots: Vec::new(),
                hand: 0,
            }),
        }
    }

    /// Room for one more table, if need be that of another key.
    fn lease(&self, newcomer: &Slot<T>, cache: &Shared<T>) -> Option<Lease> {
        self.free_room().or_else(|| {
            self.evict_for(newcomer.uses(cache.epoch_now()), cache);
            // None still where a running batch holds the victim's table.
            self.free_room()
        })
    }

    fn free_room(&self) -> Option<Lease> {
        let bytes = T::bytes(self.limits.size);
        let add = |taken: usize| Some(taken + bytes).filter(|&sum| sum <= self.limits.bytes_max);
        // Ordering: the counter stands for itself; nothing is read on the strength of it.
        self.bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add)
            .ok()?;
        Some(Lease {
            of: Arc::clone(&self.bytes),
            bytes,
        })
    }

    /// Takes the table of the key that was used least lately among a few, if that is less than half of
    /// `uses`.
    fn evict_for(&self, uses: u64, cache: &Shared<T>) {
        let epoch = cache.epoch_now();
        let mut residents = self.lock();
        let mut victim: Option<(u64, Arc<Slot<T>>)> = None;
        for _ in 0..CANDIDATES {
            let Some(slot) = residents.next_of(self.limits.size) else {
                break;
            };
            let uses = slot.uses(epoch);
            if victim.as_ref().is_none_or(|(least, _)| uses < *least) {
                victim = Some((uses, slot));
            }
        }
        if let Some((least, slot)) = victim
            && least < uses / 2
        {
            slot.table.store(None);
            slot.earned.store(0, Ordering::Relaxed);
        }
    }

    fn admit(&self, slot: &Arc<Slot<T>>) {
        let mut residents = self.lock();
        // Those that left are taken out when they are come across; so many cannot all be here.
        if residents.slots.len()
            > CANDIDATES + 2 * self.limits.bytes_max / T::bytes(self.limits.size)
        {
            residents.slots.retain(|slot| {
                slot.upgrade()
                    .is_some_and(|slot| slot.has(self.limits.size))
            });
        }
        residents.slots.push(Arc::downgrade(slot));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Residents<T>> {
        self.residents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: KeyTable> Residents<T> {
    /// The next key that has a table of this size; those on the way that have none are taken out.
    fn next_of(&mut self, size: Size) -> Option<Arc<Slot<T>>> {
        loop {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            match self.slots.get(self.hand)?.upgrade() {
                Some(slot) if slot.has(size) => {
                    self.hand += 1;
                    return Some(slot);
                }
                _ => drop(self.slots.swap_remove(self.hand)),
            }
        }
    }
}

/// Bytes taken from a class; dropping it gives them back.
#[derive(Debug)]
struct Lease {
    of: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Ordering: as in `free_room`.
        self.of.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
