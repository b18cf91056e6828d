//! What the valid transactions of one block have written so far: a single-owner hash map whose keys
//! borrow from the transactions.
//!
//! A lookup allocates nothing. A namespace becomes a number once per transaction; keys of a
//! namespace are sorted only if a range of it is read, and then kept sorted.
//!
//! Invariants:
//! - a slot without an effect is not in the batch: its operations were all dropped;
//! - a sorted namespace has exactly the keys with an effect.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::ops::Bound;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use crate::ledger::{Effect, KeyUpdate, NamespaceUpdates};
use crate::types::{BlockNumber, Namespace, NamespaceRef, TxIndex, Version};

/// A namespace's number in one overlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct NamespaceId(u32);

/// A key's number in one overlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SlotId(u32);

/// The last effect of the block on a key, so far.
#[derive(Debug, Clone)]
pub(super) struct InBlock<'a> {
    /// The transaction that had it.
    pub(super) tx: TxIndex,
    /// `None` where it deleted the key.
    pub(super) put: Option<Put<'a>>,
}

/// A key's new value and metadata.
#[derive(Debug, Clone)]
pub(super) struct Put<'a> {
    pub(super) value: Cow<'a, [u8]>,
    pub(super) metadata: Box<[u8]>,
}

pub(super) struct Slot<'a> {
    pub(super) namespace: NamespaceId,
    pub(super) key: &'a [u8],
    pub(super) effect: Option<InBlock<'a>>,
    /// The transaction's operation on this key, while its write set is being read.
    pub(super) operation: Option<u32>,
    hash: u64,
}

struct Entry<'a> {
    namespace: NamespaceRef<'a>,
    /// The keys with an effect, once a range was read.
    sorted: Option<BTreeMap<&'a [u8], SlotId>>,
    /// For how many blocks the collection's data live, once it is known.
    block_to_live: Option<u64>,
}

#[derive(Default)]
pub(super) struct Overlay<'a> {
    numbers: HashMap<NamespaceRef<'a>, NamespaceId>,
    namespaces: Vec<Entry<'a>>,
    table: HashTable<SlotId>,
    slots: Vec<Slot<'a>>,
    hasher: DefaultHashBuilder,
}

impl<'a> Overlay<'a> {
    /// The number of a namespace that is new or known.
    pub(super) fn namespace(&mut self, namespace: NamespaceRef<'a>) -> NamespaceId {
        let next = NamespaceId(number(self.namespaces.len()));
        let id = *self.numbers.entry(namespace).or_insert(next);
        if id == next {
            self.namespaces.push(Entry {
                namespace,
                sorted: None,
                block_to_live: None,
            });
        }
        id
    }

    /// The number of a namespace, `None` where no valid transaction has touched it.
    pub(super) fn known_namespace(&self, namespace: NamespaceRef<'_>) -> Option<NamespaceId> {
        self.numbers.get(&namespace).copied()
    }

    /// Whether the block has an effect on a key, a delete included.
    pub(super) fn touches(&self, namespace: NamespaceId, key: &[u8]) -> bool {
        self.effect(namespace, key).is_some()
    }

    pub(super) fn effect(&self, namespace: NamespaceId, key: &[u8]) -> Option<&InBlock<'a>> {
        let slots = &self.slots;
        let same = |id: &SlotId| is_key(slots, *id, namespace, key);
        let id = self.table.find(self.hash(namespace, key), same)?;
        self.slots.get(id.0 as usize)?.effect.as_ref()
    }

    /// The slot of a key, a new one where it has none.
    pub(super) fn slot(&mut self, namespace: NamespaceId, key: &'a [u8]) -> SlotId {
        let hash = self.hash(namespace, key);
        let next = SlotId(number(self.slots.len()));
        let slots = &self.slots;
        let same = |id: &SlotId| is_key(slots, *id, namespace, key);
        let rehash = |id: &SlotId| slots.get(id.0 as usize).map_or(0, |slot| slot.hash);
        let id = *self.table.entry(hash, same, rehash).or_insert(next).get();
        if id == next {
            self.slots.push(Slot {
                namespace,
                key,
                effect: None,
                operation: None,
                hash,
            });
        }
        id
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "slots are never removed, ids come from `slot`"
    )]
    pub(super) fn slot_mut(&mut self, id: SlotId) -> &mut Slot<'a> {
        &mut self.slots[id.0 as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "ids come from `namespace`")]
    pub(super) fn name(&self, id: NamespaceId) -> NamespaceRef<'a> {
        self.namespaces[id.0 as usize].namespace
    }

    /// Records an effect; the namespace's sorted keys follow.
    pub(super) fn set(&mut self, id: SlotId, effect: InBlock<'a>) {
        let slot = self.slot_mut(id);
        slot.effect = Some(effect);
        let (namespace, key) = (slot.namespace, slot.key);
        if let Some(entry) = self.namespaces.get_mut(namespace.0 as usize)
            && let Some(sorted) = &mut entry.sorted
        {
            sorted.insert(key, id);
        }
    }

    /// Sorts the keys of a namespace, so that [`Self::range`] sees them.
    pub(super) fn sort(&mut self, namespace: NamespaceId) {
        let Some(entry) = self.namespaces.get_mut(namespace.0 as usize) else {
            return;
        };
        let slots = &self.slots;
        entry.sorted.get_or_insert_with(|| {
            let ids = (0..number(slots.len())).map(SlotId).zip(slots);
            let inside = |slot: &Slot<'a>| slot.namespace == namespace && slot.effect.is_some();
            ids.filter(|(_, slot)| inside(slot))
                .map(|(id, slot)| (slot.key, id))
                .collect()
        });
    }

    /// The effects on the keys of `start..end` in byte order; an empty `end` is no bound. Needs
    /// [`Self::sort`] before.
    pub(super) fn range<'s>(
        &'s self,
        namespace: NamespaceId,
        start: &'s [u8],
        end: &'s [u8],
    ) -> impl Iterator<Item = (&'a [u8], &'s InBlock<'a>)> + use<'a, 's> {
        let entry = self.namespaces.get(namespace.0 as usize);
        let sorted = entry.and_then(|entry| entry.sorted.as_ref());
        let bounds = (Bound::Included(start), Bound::Unbounded);
        let from_start = sorted
            .into_iter()
            .flat_map(move |sorted| sorted.range::<[u8], _>(bounds));
        from_start
            .take_while(move |(key, _)| end.is_empty() || **key < end)
            .filter_map(|(key, id)| Some((*key, self.slots.get(id.0 as usize)?.effect.as_ref()?)))
    }

    pub(super) fn block_to_live(&self, namespace: NamespaceId) -> Option<u64> {
        self.namespaces.get(namespace.0 as usize)?.block_to_live
    }

    pub(super) fn set_block_to_live(&mut self, namespace: NamespaceId, blocks: u64) {
        if let Some(entry) = self.namespaces.get_mut(namespace.0 as usize) {
            entry.block_to_live = Some(blocks);
        }
    }

    /// The batch's updates, unsorted, with how long the data of each namespace live.
    pub(super) fn into_updates(self, block: BlockNumber) -> Vec<(NamespaceUpdates, Option<u64>)> {
        let mut names = Names::default();
        let mut updates: Vec<(NamespaceUpdates, Option<u64>)> = self
            .namespaces
            .iter()
            .map(|entry| {
                let namespace = names.namespace(entry.namespace);
                (
                    NamespaceUpdates {
                        namespace,
                        updates: Vec::new(),
                    },
                    entry.block_to_live,
                )
            })
            .collect();
        for slot in self.slots {
            let Some(InBlock { tx, put }) = slot.effect else {
                continue;
            };
            let effect = match put {
                Some(Put { value, metadata }) => Effect::Put {
                    value: value.into(),
                    metadata,
                },
                None => Effect::Delete,
            };
            let version = Version::new(block, tx);
            if let Some((namespace, _)) = updates.get_mut(slot.namespace.0 as usize) {
                namespace.updates.push(KeyUpdate {
                    key: slot.key.into(),
                    version,
                    effect,
                });
            }
        }
        updates
    }

    #[inline]
    fn hash(&self, namespace: NamespaceId, key: &[u8]) -> u64 {
        self.hasher.hash_one((namespace.0, key))
    }
}

/// Shares the names of one block's namespaces.
#[derive(Default)]
pub(super) struct Names<'a>(HashMap<&'a str, Arc<str>>);

impl<'a> Names<'a> {
    pub(super) fn share(&mut self, name: &'a str) -> Arc<str> {
        Arc::clone(self.0.entry(name).or_insert_with(|| name.into()))
    }

    fn namespace(&mut self, namespace: NamespaceRef<'a>) -> Namespace {
        Namespace {
            name: self.share(namespace.name),
            collection: namespace
                .collection
                .map(|collection| self.share(collection)),
        }
    }
}

fn is_key(slots: &[Slot<'_>], id: SlotId, namespace: NamespaceId, key: &[u8]) -> bool {
    slots
        .get(id.0 as usize)
        .is_some_and(|slot| slot.namespace == namespace && slot.key == key)
}

/// A block is bounded to far less than 2^32 bytes, and each key and namespace takes some.
fn number(count: usize) -> u32 {
    const { assert!(crate::limits::BLOCK_BYTES_MAX < u32::MAX as usize) };
    u32::try_from(count).unwrap_or(u32::MAX)
}
