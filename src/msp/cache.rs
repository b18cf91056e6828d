//! A bounded cache by bytes that many threads read without waiting.
//!
//! Shards by hash; each shard's table is immutable and replaced as a whole when an entry is added,
//! so a reader only loads a pointer. Adding costs a copy of the shard's table, which is little
//! against what it takes to compute an entry (parsing a certificate and building its chain).
//!
//! Admission and eviction are those of a small and a main queue: a new entry waits in the small
//! queue and is dropped at its end unless it was used again meanwhile; the main queue gives used
//! entries another round. So entries that are seen once, however many, displace no entry that is in
//! use.
//!
//! Invariants:
//! - entries and bytes stay within the limits given to [`Cache::new`], up to rounding by shard;
//! - what is cached never changes a verdict: a value depends on its key alone;
//! - a flood of keys with equal hashes costs at most one shard's table per look-up.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use hashbrown::{DefaultHashBuilder, HashTable};

/// A power of two.
const SHARDS: usize = 64;

/// How many uses an entry is credited with at most: so many rounds it survives in the main queue.
const USES_MAX: u8 = 3;

/// One part in so many of a shard's entries may be in the small queue when the shard is full.
const SMALL_QUEUE_PART: usize = 8;

/// The cache; `V` is cheap to clone.
#[derive(Debug)]
pub(super) struct Cache<V> {
    hasher: DefaultHashBuilder,
    shards: Vec<Shard<V>>,
    /// Per shard.
    entries_max: usize,
    /// Per shard.
    bytes_max: usize,
}

#[derive(Debug)]
struct Shard<V> {
    table: ArcSwap<Table<V>>,
    queues: Mutex<Queues<V>>,
}

type Table<V> = HashTable<Arc<Slot<V>>>;

#[derive(Debug)]
struct Slot<V> {
    hash: u64,
    key: Box<[u8]>,
    value: V,
    bytes: usize,
    uses: AtomicU8,
}

#[derive(Debug)]
struct Queues<V> {
    small: VecDeque<Arc<Slot<V>>>,
    main: VecDeque<Arc<Slot<V>>>,
    bytes: usize,
}

impl<V: Clone> Cache<V> {
    /// A cache of so many entries and bytes over all shards.
    pub(super) fn new(entries_max: usize, bytes_max: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Shard::new()).collect();
        Self {
            hasher: DefaultHashBuilder::default(),
            shards,
            entries_max: entries_max.div_ceil(SHARDS),
            bytes_max: bytes_max.div_ceil(SHARDS),
        }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<V> {
        let hash = self.hasher.hash_one(key);
        self.shard(hash)?.get(hash, key)
    }

    /// Adds the value of a key, which takes `bytes` altogether, and returns what is to be used from
    /// now on: where another thread was faster, the value that it added.
    pub(super) fn insert(&self, key: &[u8], value: V, bytes: usize) -> V {
        let hash = self.hasher.hash_one(key);
        let Some(shard) = self.shard(hash) else {
            return value;
        };
        if bytes > self.bytes_max {
            return value;
        }
        let mut queues = shard.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let current = shard.table.load();
        if let Some(slot) = current.find(hash, |slot| *slot.key == *key) {
            return slot.value.clone();
        }
        let mut table = Table::clone(&current);
        drop(current);
        queues.bytes += bytes;
        let slot = Slot {
            hash,
            key: key.into(),
            value,
            bytes,
            uses: AtomicU8::new(0),
        };
        let slot = Arc::new(slot);
        queues.small.push_back(Arc::clone(&slot));
        table.insert_unique(hash, Arc::clone(&slot), |slot| slot.hash);
        while table.len() > self.entries_max || queues.bytes > self.bytes_max {
            let Some(evicted) = queues.evict(self.entries_max / SMALL_QUEUE_PART) else {
                break;
            };
            if let Ok(entry) = table.find_entry(evicted.hash, |slot| Arc::ptr_eq(slot, &evicted)) {
                entry.remove();
            }
        }
        shard.table.store(Arc::new(table));
        slot.value.clone()
    }

    fn shard(&self, hash: u64) -> Option<&Shard<V>> {
        // The table uses the high bits and the lowest ones; these are in between.
        let index = usize::try_from(hash >> 40 & (SHARDS as u64 - 1)).ok()?;
        self.shards.get(index)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.table.load().len())
            .sum()
    }
}

impl<V: Clone> Shard<V> {
    fn new() -> Self {
        Self {
            table: ArcSwap::from_pointee(HashTable::new()),
            queues: Mutex::new(Queues {
                small: VecDeque::new(),
                main: VecDeque::new(),
                bytes: 0,
            }),
        }
    }

    fn get(&self, hash: u64, key: &[u8]) -> Option<V> {
        let table = self.table.load();
        let slot = table.find(hash, |slot| *slot.key == *key)?;
        // Ordering: a lost or late count only makes eviction a little less precise. Hot entries
        // stand at the maximum, so that reading them writes nothing.
        let uses = slot.uses.load(Ordering::Relaxed);
        if uses < USES_MAX {
            slot.uses.store(uses + 1, Ordering::Relaxed);
        }
        Some(slot.value.clone())
    }
}

impl<V> Queues<V> {
    /// Takes out the entry that is worth least. Ends: every round takes a use away.
    fn evict(&mut self, small_max: usize) -> Option<Arc<Slot<V>>> {
        loop {
            if self.small.len() > small_max || self.main.is_empty() {
                let slot = self.small.pop_front()?;
                if slot.uses.swap(0, Ordering::Relaxed) == 0 {
                    self.bytes -= slot.bytes;
                    return Some(slot);
                }
                self.main.push_back(slot);
            } else {
                let slot = self.main.pop_front()?;
                let uses = slot.uses.load(Ordering::Relaxed);
                if uses == 0 {
                    self.bytes -= slot.bytes;
                    return Some(slot);
                }
                slot.uses.store(uses - 1, Ordering::Relaxed);
                self.main.push_back(slot);
            }
        }
    }
}
