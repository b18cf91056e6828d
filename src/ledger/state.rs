//! Reading the world state, whatever holds it: the seam between the stages and the store.

use super::batch::StateValue;
use super::error::Error;
use crate::types::{BlockNumber, NamespaceRef, Version};

/// The world state at one height.
///
/// Reads at different times through the same value see the same state.
pub trait StateReader {
    /// A key's version, `None` where the key does not exist.
    ///
    /// # Errors
    /// The store failed.
    fn version(&self, namespace: NamespaceRef<'_>, key: &[u8]) -> Result<Option<Version>, Error> {
        Ok(self.get(namespace, key)?.map(|state| state.version))
    }

    /// A key's value, metadata and version, `None` where the key does not exist.
    ///
    /// # Errors
    /// The store failed.
    fn get(&self, namespace: NamespaceRef<'_>, key: &[u8]) -> Result<Option<StateValue>, Error>;

    /// Calls `visit` with each key of `start..end` in byte order and its version, until there are no
    /// more or `visit` returns `false`. An empty `start` is the first key, `None` as `end` no bound.
    ///
    /// # Errors
    /// The store failed.
    fn range(
        &self,
        namespace: NamespaceRef<'_>,
        start: &[u8],
        end: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &StateValue) -> bool,
    ) -> Result<(), Error>;

    /// Whether some key of a namespace may have metadata: `false` only where certainly none has.
    fn may_have_metadata(&self, _namespace: NamespaceRef<'_>) -> bool {
        true
    }

    /// The hashed keys whose time to live ends with the commit of `block`, as written by
    /// [`super::batch::Expiry`], in no particular order.
    ///
    /// # Errors
    /// The store failed.
    fn expiring(&self, block: BlockNumber) -> Result<Vec<super::batch::Expiry>, Error>;
}

impl<S: StateReader + ?Sized> StateReader for &S {
    fn version(&self, namespace: NamespaceRef<'_>, key: &[u8]) -> Result<Option<Version>, Error> {
        (**self).version(namespace, key)
    }

    fn get(&self, namespace: NamespaceRef<'_>, key: &[u8]) -> Result<Option<StateValue>, Error> {
        (**self).get(namespace, key)
    }

    fn range(
        &self,
        namespace: NamespaceRef<'_>,
        start: &[u8],
        end: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &StateValue) -> bool,
    ) -> Result<(), Error> {
        (**self).range(namespace, start, end, visit)
    }

    fn may_have_metadata(&self, namespace: NamespaceRef<'_>) -> bool {
        (**self).may_have_metadata(namespace)
    }

    fn expiring(&self, block: BlockNumber) -> Result<Vec<super::batch::Expiry>, Error> {
        (**self).expiring(block)
    }
}
