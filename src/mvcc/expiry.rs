//! Block-to-live: which hashed keys go with this block, and which it schedules.
//!
//! A hashed key written in block B, in a collection whose data live for b > 0 blocks, goes with the
//! commit of block B + b + 1. That block's own reads still see it. It stays if it was written again
//! since (then with a later end), or if that very block has an effect on it.
//!
//! Expired keys are in the batch, but not in the commit hash and not in the history.
//!
//! Fabric: `pvtstatepurgemgmt/purge_mgr.go`, `expiry_schedule_builder.go`, `pvtdatapolicy/btlpolicy.go`.

use crate::ledger::{self, Effect, Expiry, KeyUpdate, NamespaceUpdates, StateReader};
use crate::lifecycle;
use crate::types::{BlockNumber, NamespaceRef, Version};

/// For how many blocks the data of collections live, by the definitions before the block.
pub trait BlockToLive {
    /// For how many blocks the data of `collection` of chaincode `name` live; 0 is for ever.
    ///
    /// # Errors
    /// The collection is not defined, or its definition is broken: the channel stops.
    fn block_to_live(&self, name: &str, collection: &str) -> Result<u64, lifecycle::Fault>;
}

/// [`BlockToLive`] as the definitions in the state have it.
#[derive(Debug, Clone, Copy)]
pub struct DefinedBlockToLive<'s, S: ?Sized>(pub &'s S);

impl<S: StateReader + ?Sized> BlockToLive for DefinedBlockToLive<'_, S> {
    fn block_to_live(&self, name: &str, collection: &str) -> Result<u64, lifecycle::Fault> {
        lifecycle::block_to_live(self.0, name, collection)
    }
}

/// The block with whose commit a key written in `block` goes; `None` for never.
pub(super) fn expiring_block(block: BlockNumber, blocks_to_live: u64) -> Option<BlockNumber> {
    if blocks_to_live == 0 {
        return None;
    }
    let at = block.0.checked_add(blocks_to_live)?.checked_add(1)?;
    (at != u64::MAX).then_some(BlockNumber(at))
}

/// The expiries of the hashed keys that these updates put.
pub(super) fn schedule(
    block: BlockNumber,
    updates: &[(NamespaceUpdates, Option<u64>)],
) -> Vec<Expiry> {
    let expiring = updates.iter().filter_map(|(namespace, blocks)| {
        namespace.namespace.collection.as_ref()?;
        Some((namespace, expiring_block(block, (*blocks)?)?))
    });
    expiring
        .flat_map(|(namespace, at)| namespace_expiries(namespace, block, at))
        .collect()
}

fn namespace_expiries(
    namespace: &NamespaceUpdates,
    written: BlockNumber,
    at: BlockNumber,
) -> impl Iterator<Item = Expiry> + '_ {
    let puts = |update: &&KeyUpdate| matches!(update.effect, Effect::Put { .. });
    namespace
        .updates
        .iter()
        .filter(puts)
        .map(move |update| Expiry {
            at,
            written,
            namespace: namespace.namespace.clone(),
            key: update.key.clone(),
        })
}

/// The candidates that go with `block`, apart from those that the block touches itself.
///
/// Fabric: `pvtstatepurgemgmt/purge_mgr.go:preloadCommittedVersionsInCache` and what follows: a hash
/// goes if its committed version is still of the block that scheduled it.
pub(super) fn expired<S: StateReader + ?Sized>(
    block: BlockNumber,
    state: &S,
    touched: impl Fn(NamespaceRef<'_>, &[u8]) -> bool,
) -> Result<Vec<Expiry>, ledger::Error> {
    let mut gone = Vec::new();
    for candidate in state.expiring(block)? {
        let namespace = candidate.namespace.as_ref();
        if touched(namespace, &candidate.key) {
            continue;
        }
        let version = state.version(namespace, &candidate.key)?;
        let still_the_one = version.is_some_and(|version| version.block == candidate.written.0);
        if still_the_one {
            gone.push(candidate);
        }
    }
    gone.sort_unstable_by(|a, b| (&a.namespace, &a.key).cmp(&(&b.namespace, &b.key)));
    gone.dedup();
    Ok(gone)
}

/// Adds expired keys to the updates of a block; both are sorted, and stay so.
pub(super) fn add_expired(
    block: BlockNumber,
    gone: Vec<Expiry>,
    namespaces: &mut Vec<NamespaceUpdates>,
) {
    if gone.is_empty() {
        return;
    }
    let version = Version {
        block: block.0,
        tx: u64::MAX,
    };
    for expiry in gone {
        let update = KeyUpdate {
            key: expiry.key,
            version,
            effect: Effect::Expire,
        };
        let namespace = expiry.namespace;
        match namespaces.binary_search_by(|found| found.namespace.cmp(&namespace)) {
            Ok(at) => {
                if let Some(found) = namespaces.get_mut(at) {
                    found.updates.push(update);
                }
            }
            Err(at) => {
                namespaces.insert(
                    at,
                    NamespaceUpdates {
                        namespace,
                        updates: vec![update],
                    },
                );
            }
        }
    }
    for namespace in namespaces {
        namespace.updates.sort_by(|a, b| a.key.cmp(&b.key));
    }
}
