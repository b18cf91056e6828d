//! A past height as the endorsement stage asks for it: everything before it is done.

use super::past::Past;
use crate::endorsement::{Frontier, FrontierView};
use crate::ledger::{self, Expiry, StateReader, StateValue, TxKey};
use crate::types::{BlockNumber, NamespaceRef, Version};

/// The state before a block, as the endorsement stage asks for it.
#[derive(Clone, Copy)]
pub(super) struct At<'s> {
    pub(super) state: &'s (dyn StateReader + Sync),
    pub(super) past: &'s dyn Past,
    pub(super) last: Option<BlockNumber>,
}

impl<'s> Frontier for At<'s> {
    type View = Self;

    fn wait_until_validated(&self, block: BlockNumber) -> bool {
        self.last.is_some_and(|last| block <= last)
    }

    fn view(&self) -> Result<Self, ledger::Error> {
        Ok(*self)
    }
}

impl FrontierView for At<'_> {
    fn contains_tx(&self, id: &TxKey) -> Result<bool, ledger::Error> {
        let found = self.past.locate(id)?;
        Ok(found.is_some_and(|found| Some(found.block) <= self.last))
    }

    fn indexed(&self) -> Option<BlockNumber> {
        self.last
    }
}

impl StateReader for At<'_> {
    fn version(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
    ) -> Result<Option<Version>, ledger::Error> {
        self.state.version(namespace, key)
    }

    fn get(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
    ) -> Result<Option<StateValue>, ledger::Error> {
        self.state.get(namespace, key)
    }

    fn range(
        &self,
        namespace: NamespaceRef<'_>,
        start: &[u8],
        end: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &StateValue) -> bool,
    ) -> Result<(), ledger::Error> {
        self.state.range(namespace, start, end, visit)
    }

    fn expiring(&self, block: BlockNumber) -> Result<Vec<Expiry>, ledger::Error> {
        self.state.expiring(block)
    }
}
