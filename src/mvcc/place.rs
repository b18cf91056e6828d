//! Where a committed key is stored, by Fabric's key layout.
//!
//! Fabric's LevelDB keys are `namespace 0x00 key`, and a collection's hashes are in the namespace
//! `<chaincode>$$h<collection>`. A read may name any namespace, since reads need no definition, so a
//! crafted one can reach another namespace's keys: `cc$$hcoll` reads hashes as if they were
//! public, and a zero byte in the name moves part of it into the key. Fabric finds those keys, so
//! their versions decide; we look where it looks. Writes cannot do this: they need a definition.
//! What earlier transactions of the block wrote is found by its own name only, as in Fabric.
//!
//! Fabric: `stateleveldb.go:encodeDataKey`, `privacyenabledstate/db.go:deriveHashedDataNs`.

use std::borrow::Cow;

use crate::ledger::{self, StateReader, StateValue};
use crate::types::{NamespaceRef, Version};

const HASHED: &str = "$$h";

/// The place of a namespace's committed keys.
pub(super) enum Place<'a> {
    /// Where its name says.
    Plain(NamespaceRef<'a>),
    /// Among the keys of another namespace.
    Aliased(Box<Alias>),
}

/// Another namespace's keys, from a prefix on.
pub(super) struct Alias {
    name: String,
    collection: Option<String>,
    /// Ends with a zero byte where it is not empty.
    prefix: Vec<u8>,
}

impl<'a> Place<'a> {
    /// The place of what a transaction calls `namespace`.
    pub(super) fn new(namespace: NamespaceRef<'a>) -> Self {
        let NamespaceRef { name, collection } = namespace;
        let odd = |name: &str| name.bytes().any(|byte| byte == b'$' || byte == 0);
        if !odd(name) && !collection.is_some_and(odd) {
            return Self::Plain(namespace);
        }
        let full = namespace.to_string();
        let (name, prefix) = match full.split_once('\0') {
            Some((name, rest)) => (name, format!("{rest}\0").into_bytes()),
            None => (&*full, Vec::new()),
        };
        let (name, collection) = match name.split_once(HASHED) {
            Some((name, collection)) => (name, Some(collection.to_owned())),
            None => (name, None),
        };
        Self::Aliased(Box::new(Alias {
            name: name.to_owned(),
            collection,
            prefix,
        }))
    }

    pub(super) fn version<S: StateReader + ?Sized>(
        &self,
        state: &S,
        key: &[u8],
    ) -> Result<Option<Version>, ledger::Error> {
        state.version(self.namespace(), &self.key(key))
    }

    /// Calls `visit` for each key of `start..end` with the key as Fabric's iterator gives it: with
    /// the prefix. An empty `end` is no bound.
    pub(super) fn range<S: StateReader + ?Sized>(
        &self,
        state: &S,
        start: &[u8],
        end: &[u8],
        visit: &mut dyn FnMut(&[u8], &StateValue) -> bool,
    ) -> Result<(), ledger::Error> {
        let start = self.key(start);
        let mut bound = self.key(end);
        if end.is_empty() {
            // The separator's successor bounds the namespace.
            match bound.to_mut().last_mut() {
                Some(last) => *last = 1,
                None => return state.range(self.namespace(), &start, None, visit),
            }
        }
        if start < bound {
            state.range(self.namespace(), &start, Some(&bound), visit)
        } else {
            Ok(())
        }
    }

    fn namespace(&self) -> NamespaceRef<'_> {
        match self {
            Self::Plain(namespace) => *namespace,
            Self::Aliased(alias) => NamespaceRef {
                name: &alias.name,
                collection: alias.collection.as_deref(),
            },
        }
    }

    fn key<'k>(&self, key: &'k [u8]) -> Cow<'k, [u8]> {
        match self {
            Self::Plain(_) => Cow::Borrowed(key),
            Self::Aliased(alias) if alias.prefix.is_empty() => Cow::Borrowed(key),
            Self::Aliased(alias) => Cow::Owned([&*alias.prefix, key].concat()),
        }
    }
}
