//! The numbers of namespaces in the state database.
//!
//! Invariant: a number, once given, is that namespace's for ever. The table in memory is never behind
//! the one on disk, so a reader that does not find a namespace here has no row of it.

use std::hash::{Hash, Hasher};

use hashbrown::{Equivalent, HashMap};

use super::keys::NamespaceId;
use crate::ledger::error::Error;
use crate::limits::NAMESPACES_MAX;
use crate::types::{Namespace, NamespaceRef};

/// All namespaces of a channel.
#[derive(Debug, Clone, Default)]
pub(crate) struct Namespaces {
    ids: HashMap<Namespace, NamespaceId>,
    names: Vec<Namespace>,
}

impl Namespaces {
    /// The number of a namespace.
    pub(crate) fn id(&self, namespace: NamespaceRef<'_>) -> Option<NamespaceId> {
        self.ids.get(&Lookup(namespace)).copied()
    }

    /// The namespace of a number.
    pub(crate) fn name(&self, id: NamespaceId) -> Option<&Namespace> {
        self.names.get(usize::try_from(id.0).ok()?)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// All of them with their numbers, from the number `first` on.
    pub(crate) fn numbered_from(
        &self,
        first: usize,
    ) -> impl Iterator<Item = (NamespaceId, &Namespace)> {
        (0..).map(NamespaceId).zip(&self.names).skip(first)
    }

    /// Adds a namespace that is not there.
    ///
    /// # Errors
    /// There are too many.
    pub(crate) fn add(&mut self, namespace: Namespace) -> Result<NamespaceId, Error> {
        let id = u32::try_from(self.names.len())
            .ok()
            .filter(|_| self.names.len() < NAMESPACES_MAX);
        let id = NamespaceId(id.ok_or(Error::TooManyNamespaces {
            namespaces_max: NAMESPACES_MAX,
        })?);
        self.ids.insert(namespace.clone(), id);
        self.names.push(namespace);
        Ok(id)
    }
}

/// Looks a namespace up without owning it: it hashes like [`Namespace`].
struct Lookup<'a>(NamespaceRef<'a>);

impl Hash for Lookup<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Equivalent<Namespace> for Lookup<'_> {
    fn equivalent(&self, other: &Namespace) -> bool {
        self.0 == other.as_ref()
    }
}
