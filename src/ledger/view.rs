//! A view: everything that the ledger says, at one height.

use std::sync::Arc;

use super::batch::{Expiry, KeyUpdate, StateValue};
use super::block_store::{BlockBytes, BlockLocation, BlockReader};
use super::error::Error;
use super::layers::LayeredState;
use super::overlay::Overlay;
use super::pending::PendingBatch;
use super::state::StateReader;
use super::stored_block::StoredBlock;
use super::tx_key::TxKey;
use super::world_state::{Snapshot, StateStore};
use crate::types::{
    BlockNumber, Digest, Namespace, NamespaceRef, TxIndex, ValidationCode, Version,
};

/// The ledger at one height: what was durable when the view was opened.
///
/// Opening one is cheap and never waits for a commit. A view can be sent to and shared between threads.
/// It can be read for [`crate::limits::VIEW_AGE_MAX`]; afterwards reads may say
/// [`Error::ViewExpired`], and a new one is to be opened. Do not keep one across
/// [`super::Ledger::append`] or [`super::Ledger::apply`] on the same thread: where the database has to
/// grow, these wait until the view is too old.
#[derive(Debug, Clone)]
pub struct View {
    state: LayeredState,
    overlay: Arc<Overlay>,
    reader: Arc<BlockReader>,
}

/// Where a transaction is, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxLocation {
    /// Its block.
    pub block: BlockNumber,
    /// Its place there.
    pub index: TxIndex,
    /// Its validation code.
    pub code: ValidationCode,
}

impl View {
    /// Opens a view: the newest overlay, and a state of the database that it fits on.
    pub(crate) fn open(
        overlay: impl Fn() -> Arc<Overlay>,
        store: &Arc<StateStore>,
        reader: &Arc<BlockReader>,
        readers: usize,
    ) -> Result<Self, Error> {
        loop {
            // The overlay first: the database never falls behind an overlay's first block afterwards.
            // It may get ahead of its last one, if blocks are appended and applied in between.
            let overlay = overlay();
            let snapshot = store.snapshot(readers)?;
            if snapshot.height() <= overlay.height() {
                return Self::over(snapshot, overlay, Arc::clone(reader));
            }
        }
    }

    fn over(
        snapshot: Arc<Snapshot>,
        overlay: Arc<Overlay>,
        reader: Arc<BlockReader>,
    ) -> Result<Self, Error> {
        let height = snapshot.height();
        let durable = overlay
            .since(height)
            .iter()
            .map(|block| block.batch.clone());
        let durable: Vec<_> = durable.collect();
        let state = LayeredState::of(snapshot).with_pending(&durable)?;
        Ok(Self {
            state,
            overlay,
            reader,
        })
    }

    /// How many blocks the ledger has at this height.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.state.height()
    }

    /// The world state.
    #[must_use]
    pub fn state(&self) -> &LayeredState {
        &self.state
    }

    /// The world state with the batches of blocks that are not durable yet. Batches of blocks that the
    /// view has are passed over.
    ///
    /// # Errors
    /// The batches, which are in the order of their blocks, do not continue the view.
    pub fn with_pending(&self, batches: &[PendingBatch]) -> Result<LayeredState, Error> {
        self.state.with_pending(batches)
    }

    /// A block, `None` where the view does not have it.
    ///
    /// # Errors
    /// It cannot be read, or is not what was written.
    pub fn block(&self, number: BlockNumber) -> Result<Option<BlockBytes>, Error> {
        self.location(number)?
            .map(|location| self.reader.read(location, number))
            .transpose()
    }

    /// A block's header hash, `None` where the view does not have the block.
    ///
    /// # Errors
    /// It cannot be read, or is not what was written.
    pub fn header_hash(&self, number: BlockNumber) -> Result<Option<Digest>, Error> {
        let block = self.block(number)?;
        block
            .map(|block| Ok(StoredBlock::read(&block, number)?.header_hash()))
            .transpose()
    }

    /// The number of the block with this header hash.
    ///
    /// # Errors
    /// The store failed.
    pub fn block_number_by_hash(&self, hash: &Digest) -> Result<Option<BlockNumber>, Error> {
        match self.overlay.number_by_hash(hash) {
            Some(number) => Ok(Some(number)),
            None => self.state.snapshot().number_by_hash(hash),
        }
    }

    /// Whether a transaction with this id is in the ledger, valid or not.
    ///
    /// # Errors
    /// The store failed.
    pub fn contains_tx(&self, key: &TxKey) -> Result<bool, Error> {
        // Nearly every id is new, which one look into the filter says.
        let snapshot = self.state.snapshot();
        if !snapshot.may_have_tx(key) {
            return Ok(false);
        }
        Ok(self.overlay.find_tx(key).is_some() || snapshot.contains_tx(key)?)
    }

    /// The first transaction with this id.
    ///
    /// # Errors
    /// The store failed, or the stored block's filter has no code for it.
    pub fn tx(&self, key: &TxKey) -> Result<Option<TxLocation>, Error> {
        let stored = self.state.snapshot().find_tx(key)?;
        let Some((number, index)) = stored.or_else(|| self.overlay.find_tx(key)) else {
            return Ok(None);
        };
        let block = self
            .block(number)?
            .ok_or(Error::DamagedRow { table: "blocks" })?;
        let code = StoredBlock::read(&block, number)?.code(index);
        let code = code.ok_or(Error::DamagedRow { table: "tx_ids" })?;
        Ok(Some(TxLocation {
            block: number,
            index,
            code,
        }))
    }

    /// Calls `visit` with the versions that a public key of a chaincode had, newest first, deletes
    /// included, until it returns `false`.
    ///
    /// # Errors
    /// The store failed.
    pub fn history(
        &self,
        chaincode: &str,
        key: &[u8],
        visit: &mut dyn FnMut(Version) -> bool,
    ) -> Result<(), Error> {
        for layer in self.state.layers().iter().rev() {
            let mut versions: Vec<Version> = layer
                .history
                .iter()
                .filter(|entry| &*entry.name == chaincode && *entry.key == *key)
                .map(|entry| entry.version)
                .collect();
            versions.sort_unstable();
            if !versions.into_iter().rev().all(&mut *visit) {
                return Ok(());
            }
        }
        let namespace = NamespaceRef::public(chaincode);
        let mut below = None;
        loop {
            let versions = self.state.snapshot().history_chunk(namespace, key, below)?;
            below = versions.last().copied();
            if versions.is_empty() || !versions.into_iter().all(&mut *visit) {
                return Ok(());
            }
        }
    }

    /// Calls `visit` with the whole state in the order of namespaces (name, then public keys, then
    /// collections by name) and keys, until it returns `false`. Memory is bounded; but it must be done
    /// before the view is too old.
    ///
    /// # Errors
    /// The store failed.
    pub fn visit_state(
        &self,
        visit: &mut dyn FnMut(NamespaceRef<'_>, &[u8], &StateValue) -> bool,
    ) -> Result<(), Error> {
        self.state.visit_all(visit)
    }

    /// The namespaces in which a key has or had metadata: outside them, no key has a policy of its own.
    ///
    /// # Errors
    /// The store failed.
    pub fn namespaces_with_metadata(&self) -> Result<Vec<Namespace>, Error> {
        let mut namespaces = self.state.snapshot().with_metadata()?;
        for entry in self
            .state
            .layers()
            .iter()
            .flat_map(|layer| &layer.namespaces)
        {
            if entry.updates.iter().any(KeyUpdate::gives_metadata) {
                namespaces.push(entry.namespace.clone());
            }
        }
        namespaces.sort_unstable();
        namespaces.dedup();
        Ok(namespaces)
    }

    fn location(&self, number: BlockNumber) -> Result<Option<BlockLocation>, Error> {
        if number.0 >= self.height() {
            return Ok(None);
        }
        if let Some(location) = self.overlay.location(number) {
            return Ok(Some(location));
        }
        let location = self.state.snapshot().location(number)?;
        location
            .map(Some)
            .ok_or(Error::DamagedRow { table: "blocks" })
    }
}

impl StateReader for View {
    fn version(&self, namespace: NamespaceRef<'_>, key: &[u8]) -> Result<Option<Version>, Error> {
        self.state.version(namespace, key)
    }

    fn get(&self, namespace: NamespaceRef<'_>, key: &[u8]) -> Result<Option<StateValue>, Error> {
        self.state.get(namespace, key)
    }

    fn range(
        &self,
        namespace: NamespaceRef<'_>,
        start: &[u8],
        end: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &StateValue) -> bool,
    ) -> Result<(), Error> {
        self.state.range(namespace, start, end, visit)
    }

    fn may_have_metadata(&self, namespace: NamespaceRef<'_>) -> bool {
        self.state.may_have_metadata(namespace)
    }

    fn expiring(&self, block: BlockNumber) -> Result<Vec<Expiry>, Error> {
        self.state.expiring(block)
    }
}
