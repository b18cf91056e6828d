//! The fold: one pass over a block's transactions, each against the state and those before it.
//!
//! Per transaction, in the order of its namespaces: public reads (11), ranges (12), hashed reads
//! (11); the first that fails is its code. A transaction that passes applies its writes at once, so
//! that the next one is checked against them. Its own writes never conflict with its own reads.
//!
//! Fabric: `validation/validator.go:validateAndPrepareBatch`.

use super::error::Fault;
use super::expiry::{self, BlockToLive};
use super::overlay::{Names, Overlay};
use super::range::ranges_hold;
use super::reads::{
    Prefetched, Stale, TxPrefetched, first_stale, hashed_conflict, public_conflict,
    written_namespace,
};
use super::write_set::{Operations, PutMetadata};
use crate::ledger::{HistoryEntry, StateReader, UpdateBatch};
use crate::rwset::RwSet;
use crate::types::{BlockNumber, NamespaceRef, TxIndex, ValidationCode, Version};

/// The key of the channel configuration, in the namespace without a name.
const CONFIG_KEY: &[u8] = b"CHANNEL_CONFIG_ENV_BYTES";

/// A transaction that is valid up to here.
#[derive(Debug, Clone, Copy)]
pub struct TxInput<'a> {
    /// Its place in the block.
    pub tx: TxIndex,
    /// What it writes.
    pub writes: TxWrites<'a>,
}

/// What a transaction writes, by its type.
#[derive(Debug, Clone, Copy)]
pub enum TxWrites<'a> {
    /// An endorser transaction: its read-write set.
    Endorser(&'a RwSet<'a>),
    /// A config transaction: `Payload.data`, a serialized `ConfigEnvelope`.
    Config(&'a [u8]),
}

/// What the fold says of a block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded {
    /// The code of each transaction that was passed in: valid, 11 or 12.
    pub codes: Vec<(TxIndex, ValidationCode)>,
    /// What the block does to the state.
    pub batch: UpdateBatch,
}

/// Folds a block: the codes of its transactions and the update batch.
///
/// `prefetched` is what [`super::prefetch`] gives for the same transactions and state; where it ends
/// early, the state is asked instead.
///
/// # Errors
/// The state cannot be read, a valid transaction writes to a collection that is not defined, or a
/// range was recorded so that Fabric stops, too: the block cannot be committed.
pub fn fold_block<'a, S: StateReader + ?Sized, B: BlockToLive + ?Sized>(
    block: BlockNumber,
    inputs: &[TxInput<'a>],
    prefetched: &Prefetched,
    state: &S,
    block_to_live: &B,
) -> Result<Folded, Fault> {
    let mut fold = Fold::new(block, state, block_to_live);
    let mut prefetched = prefetched.txs.iter();
    let mut codes = Vec::with_capacity(inputs.len());
    for input in inputs {
        let prefetched = prefetched.next();
        let code = fold.check(input, prefetched)?;
        if code.is_valid() {
            fold.apply(input, prefetched)?;
        }
        codes.push((input.tx, code));
    }
    Ok(Folded {
        codes,
        batch: fold.into_batch()?,
    })
}

/// The batch of a block whose codes are known: `inputs` are its valid transactions, reads are not
/// looked at.
///
/// # Errors
/// As [`fold_block`].
///
/// Fabric: `txmgr/lockbased_txmgr.go:CommitLostBlock`.
pub fn replay_block<'a, S: StateReader + ?Sized, B: BlockToLive + ?Sized>(
    block: BlockNumber,
    inputs: &[TxInput<'a>],
    state: &S,
    block_to_live: &B,
) -> Result<UpdateBatch, Fault> {
    let mut fold = Fold::new(block, state, block_to_live);
    for input in inputs {
        fold.apply(input, None)?;
    }
    fold.into_batch()
}

struct Fold<'s, 'a, S: ?Sized, B: ?Sized> {
    block: BlockNumber,
    state: &'s S,
    block_to_live: &'s B,
    overlay: Overlay<'a>,
    operations: Operations<'a>,
    names: Names<'a>,
    history: Vec<HistoryEntry>,
}

impl<'s, 'a, S: StateReader + ?Sized, B: BlockToLive + ?Sized> Fold<'s, 'a, S, B> {
    fn new(block: BlockNumber, state: &'s S, block_to_live: &'s B) -> Self {
        Self {
            block,
            state,
            block_to_live,
            overlay: Overlay::default(),
            operations: Operations::default(),
            names: Names::default(),
            history: Vec::new(),
        }
    }

    fn check(
        &mut self,
        input: &TxInput<'a>,
        prefetched: Option<&TxPrefetched>,
    ) -> Result<ValidationCode, Fault> {
        let TxWrites::Endorser(rwset) = input.writes else {
            return Ok(ValidationCode::Valid);
        };
        let stale = match prefetched {
            Some(prefetched) => prefetched.stale,
            None => first_stale(rwset, self.state)?,
        };
        let at = (self.block, input.tx);
        for (namespace, ns) in rwset.namespaces.iter().enumerate() {
            let stale = |hashed| stale == Some(Stale { namespace, hashed });
            if stale(false) || public_conflict(ns, &self.overlay) {
                return Ok(ValidationCode::MvccReadConflict);
            }
            if !ranges_hold(at, ns, &mut self.overlay, self.state)? {
                return Ok(ValidationCode::PhantomReadConflict);
            }
            if stale(true) || hashed_conflict(ns, &self.overlay) {
                return Ok(ValidationCode::MvccReadConflict);
            }
        }
        Ok(ValidationCode::Valid)
    }

    fn apply(
        &mut self,
        input: &TxInput<'a>,
        prefetched: Option<&TxPrefetched>,
    ) -> Result<(), Fault> {
        let mut committed = PutMetadata::Unknown;
        match input.writes {
            TxWrites::Config(config) => {
                self.operations
                    .gather_put("", CONFIG_KEY, config, &mut self.overlay);
            }
            TxWrites::Endorser(rwset) => {
                self.define_collections(rwset)?;
                self.operations.gather(rwset, &mut self.overlay);
                if let Some(prefetched) = prefetched {
                    committed = PutMetadata::Prefetched(&prefetched.metadata);
                }
            }
        }
        let version = Version::new(self.block, input.tx);
        let Self {
            state,
            overlay,
            operations,
            names,
            history,
            ..
        } = self;
        let mut add = |name: &'a str, key: &'a [u8]| {
            history.push(HistoryEntry {
                name: names.share(name),
                key: key.into(),
                version,
            });
        };
        Ok(operations.apply(input.tx, committed, overlay, *state, &mut add)?)
    }

    /// Every collection that a valid transaction writes to must be defined, even if the write then
    /// has no effect.
    ///
    /// Fabric: `gossip/privdata/coordinator.go:getTxPvtdataInfoFromBlock`.
    fn define_collections(&mut self, rwset: &'a RwSet<'a>) -> Result<(), Fault> {
        for ns in &rwset.namespaces {
            for collection in ns
                .collections
                .iter()
                .filter(|found| found.writes_anything())
            {
                let id = self
                    .overlay
                    .namespace(written_namespace(ns.name, collection.name));
                if self.overlay.block_to_live(id).is_none() {
                    let blocks = self.block_to_live.block_to_live(ns.name, collection.name)?;
                    self.overlay.set_block_to_live(id, blocks);
                }
            }
        }
        Ok(())
    }

    fn into_batch(self) -> Result<UpdateBatch, Fault> {
        let Self {
            block,
            state,
            overlay,
            history,
            ..
        } = self;
        let touched = |namespace: NamespaceRef<'_>, key: &[u8]| {
            overlay
                .known_namespace(namespace)
                .is_some_and(|id| overlay.touches(id, key))
        };
        let gone = expiry::expired(block, state, touched)?;
        let mut updates = overlay.into_updates(block);
        updates.retain(|(namespace, _)| !namespace.updates.is_empty());
        updates.sort_unstable_by(|(a, _), (b, _)| a.namespace.cmp(&b.namespace));
        for (namespace, _) in &mut updates {
            namespace.updates.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        }
        let expiries = expiry::schedule(block, &updates);
        let mut namespaces = updates
            .into_iter()
            .map(|(namespace, _)| namespace)
            .collect();
        expiry::add_expired(block, gone, &mut namespaces);
        Ok(UpdateBatch {
            block,
            namespaces,
            expiries,
            history,
        })
    }
}
