//! The write set of a valid transaction: operations are gathered per key, then become effects.
//!
//! A key's operations are numbers that are added in one byte, as in Fabric, so that doubled and
//! contradicting writes mean what they mean there. The first rule that matches decides:
//!
//! 1. 8 is set: the key is deleted, metadata and all.
//! 2. 1 is set, and 2 or 4: the value is put with the new metadata.
//! 3. the sum is 1, or 0 (it has wrapped around): the value is put, the metadata stay.
//! 4. else: the old value stays, with the new metadata; without an old value nothing happens.
//!
//! Where Fabric panics, since there is no value to put (4 after an in-block delete, or 3 without any
//! put), nothing happens, either.
//!
//! Fabric: `validation/tx_ops.go`.

use std::borrow::Cow;

use super::overlay::{InBlock, NamespaceId, Overlay, Put, SlotId};
use super::reads::{committed_metadata, written_namespace};
use crate::ledger::{self, StateReader};
use crate::proto::rwset::KvMetadataEntry;
use crate::proto::wire::{put_bytes, put_element};
use crate::rwset::{RwSet, is_delete, is_hash_delete};
use crate::types::{NamespaceRef, TxIndex};

const UPSERT: u8 = 1;
const METADATA_UPDATE: u8 = 2;
const METADATA_DELETE: u8 = 4;
const KEY_DELETE: u8 = 8;

/// What one transaction does to one key.
pub(super) struct Operation<'a> {
    slot: SlotId,
    sum: u8,
    /// The value of the last put.
    value: Option<&'a [u8]>,
    /// The entries of the last metadata update.
    entries: &'a [KvMetadataEntry<'a>],
    /// Which of the transaction's puts this one is, for the prefetched metadata.
    put_index: usize,
    /// Whether the key stands in the history for this transaction.
    in_history: bool,
}

/// The operations of one transaction, in the order in which their keys first appear. Reused from
/// one transaction to the next.
#[derive(Default)]
pub(super) struct Operations<'a> {
    all: Vec<Operation<'a>>,
    puts: usize,
}

/// The committed metadata of a transaction's puts.
#[derive(Clone, Copy)]
pub(super) enum PutMetadata<'p> {
    /// Not prefetched.
    Unknown,
    /// As in [`super::reads::TxPrefetched`].
    Prefetched(&'p [Box<[u8]>]),
}

impl<'a> Operations<'a> {
    /// Gathers a read-write set's operations.
    pub(super) fn gather(&mut self, rwset: &'a RwSet<'a>, overlay: &mut Overlay<'a>) {
        for ns in &rwset.namespaces {
            if !ns.writes.is_empty() || !ns.metadata_writes.is_empty() {
                let id = overlay.namespace(NamespaceRef::public(ns.name));
                for write in &ns.writes {
                    let value = (!is_delete(write)).then_some(write.value);
                    self.write(overlay, id, write.key.as_bytes(), value)
                        .in_history = true;
                }
                for write in &ns.metadata_writes {
                    self.metadata(overlay, id, write.key.as_bytes(), &write.entries);
                }
            }
            for collection in ns
                .collections
                .iter()
                .filter(|found| found.writes_anything())
            {
                let id = overlay.namespace(written_namespace(ns.name, collection.name));
                for write in &collection.hashed_writes {
                    let value = (!is_hash_delete(write)).then_some(write.value_hash);
                    self.write(overlay, id, write.key_hash, value);
                }
                for write in &collection.metadata_writes {
                    self.metadata(overlay, id, write.key_hash, &write.entries);
                }
            }
        }
    }

    /// Gathers one public put that is not in the history.
    pub(super) fn gather_put(
        &mut self,
        name: &'a str,
        key: &'a [u8],
        value: &'a [u8],
        overlay: &mut Overlay<'a>,
    ) {
        let id = overlay.namespace(NamespaceRef::public(name));
        self.write(overlay, id, key, (!value.is_empty()).then_some(value));
    }

    /// Turns the gathered operations into effects, and calls `history` for each key that was
    /// written.
    pub(super) fn apply<S: StateReader + ?Sized>(
        &mut self,
        tx: TxIndex,
        committed: PutMetadata<'_>,
        overlay: &mut Overlay<'a>,
        state: &S,
        history: &mut dyn FnMut(&'a str, &'a [u8]),
    ) -> Result<(), ledger::Error> {
        self.puts = 0;
        for operation in self.all.drain(..) {
            let slot = overlay.slot_mut(operation.slot);
            slot.operation = None;
            let (namespace, key) = (slot.namespace, slot.key);
            let namespace = overlay.name(namespace);
            if operation.in_history {
                history(namespace.name, key);
            }
            let before = overlay.slot_mut(operation.slot).effect.take();
            let after =
                match operation.effect(tx, namespace, key, before.as_ref(), committed, state)? {
                    Some(effect) => Some(effect),
                    None => before,
                };
            if let Some(effect) = after {
                overlay.set(operation.slot, effect);
            }
        }
        Ok(())
    }

    fn write(
        &mut self,
        overlay: &mut Overlay<'a>,
        namespace: NamespaceId,
        key: &'a [u8],
        value: Option<&'a [u8]>,
    ) -> &mut Operation<'a> {
        let put_index = self.puts;
        self.puts += usize::from(value.is_some());
        let operation = self.operation(overlay, namespace, key);
        match value {
            Some(_) => {
                operation.sum = operation.sum.wrapping_add(UPSERT);
                operation.value = value;
                operation.put_index = put_index;
            }
            None => operation.sum = operation.sum.wrapping_add(KEY_DELETE),
        }
        operation
    }

    fn metadata(
        &mut self,
        overlay: &mut Overlay<'a>,
        namespace: NamespaceId,
        key: &'a [u8],
        entries: &'a [KvMetadataEntry<'a>],
    ) {
        let operation = self.operation(overlay, namespace, key);
        if entries.is_empty() {
            operation.sum = operation.sum.wrapping_add(METADATA_DELETE);
        } else {
            operation.sum = operation.sum.wrapping_add(METADATA_UPDATE);
            operation.entries = entries;
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a slot's operation is below the length here"
    )]
    fn operation(
        &mut self,
        overlay: &mut Overlay<'a>,
        namespace: NamespaceId,
        key: &'a [u8],
    ) -> &mut Operation<'a> {
        let slot = overlay.slot(namespace, key);
        let next = self.all.len();
        let at = match overlay.slot_mut(slot).operation {
            Some(at) => at as usize,
            None => {
                overlay.slot_mut(slot).operation = u32::try_from(next).ok();
                self.all.push(Operation {
                    slot,
                    sum: 0,
                    value: None,
                    entries: &[],
                    put_index: 0,
                    in_history: false,
                });
                next
            }
        };
        &mut self.all[at]
    }
}

impl<'a> Operation<'a> {
    /// The effect on the key, `None` where nothing happens.
    fn effect<S: StateReader + ?Sized>(
        &self,
        tx: TxIndex,
        namespace: NamespaceRef<'_>,
        key: &[u8],
        before: Option<&InBlock<'a>>,
        committed: PutMetadata<'_>,
        state: &S,
    ) -> Result<Option<InBlock<'a>>, ledger::Error> {
        let set = |bits: u8| self.sum & bits != 0;
        if set(KEY_DELETE) {
            return Ok(Some(InBlock { tx, put: None }));
        }
        let put = if set(UPSERT) && set(METADATA_UPDATE | METADATA_DELETE) {
            self.value.map(|value| Put {
                value: value.into(),
                metadata: self.new_metadata(),
            })
        } else if self.sum | UPSERT == UPSERT {
            let Some(value) = self.value else {
                return Ok(None);
            };
            let metadata = match before {
                Some(InBlock { put: Some(put), .. }) => put.metadata.clone(),
                Some(InBlock { put: None, .. }) => Box::default(),
                None => self.kept_metadata(namespace, key, committed, state)?,
            };
            Some(Put {
                value: value.into(),
                metadata,
            })
        } else {
            let value = match before {
                Some(InBlock { put, .. }) => put.as_ref().map(|put| put.value.clone()),
                None => state
                    .get(namespace, key)?
                    .map(|state| Cow::Owned(state.value)),
            };
            value.map(|value| Put {
                value,
                metadata: self.new_metadata(),
            })
        };
        Ok(put.map(|put| InBlock { tx, put: Some(put) }))
    }

    fn kept_metadata<S: StateReader + ?Sized>(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
        committed: PutMetadata<'_>,
        state: &S,
    ) -> Result<Box<[u8]>, ledger::Error> {
        match committed {
            PutMetadata::Unknown => committed_metadata(namespace, key, state),
            PutMetadata::Prefetched(all) => {
                Ok(all.get(self.put_index).cloned().unwrap_or_default())
            }
        }
    }

    /// A serialized `KVMetadataWrite` without key; empty where the metadata are deleted.
    fn new_metadata(&self) -> Box<[u8]> {
        let mut out = Vec::new();
        for entry in self.entries {
            let mut inner = Vec::with_capacity(entry.name.len() + entry.value.len() + 8);
            put_bytes(&mut inner, 1, entry.name.as_bytes());
            put_bytes(&mut inner, 2, entry.value);
            inner.extend_from_slice(&entry.unknown);
            put_element(&mut out, 2, &inner);
        }
        out.into()
    }
}
