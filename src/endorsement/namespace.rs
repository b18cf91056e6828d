//! One namespace of one transaction against the policies that guard what it writes.
//!
//! The order is Fabric's (validation-spec 3.4): public writes, public metadata writes, hashed writes,
//! hashed metadata writes; for each key its own policy, else the collection's, else the namespace's.
//! Policies that hold already are not evaluated again; every failure is code 10.

use std::sync::Arc;

use super::decisions::Decisions;
use super::definitions::{CollectionGuard, Rules};
use super::key_level::{KeyPolicies, KeyPolicy};
use crate::msp::Identity;
use crate::policy::CompiledApplicationPolicy;
use crate::rwset::NsRwSet;
use crate::types::{NamespaceRef, TxIndex};

/// Evaluates the policies of one namespace of one transaction.
pub(super) struct NamespaceCheck<'c, 'p, K> {
    /// The definition's rules.
    pub(super) rules: &'p Rules,
    /// What policies decided before, in the channel's configuration.
    pub(super) decisions: &'c Decisions<'p>,
    /// Who endorsed the transaction.
    pub(super) signers: &'c [Arc<Identity>],
    /// Policies of keys.
    pub(super) keys: &'c K,
    /// The transaction.
    pub(super) tx: TxIndex,
}

/// Which policies of a namespace are known to hold for a transaction.
#[derive(Default)]
struct Held<'a> {
    namespace: bool,
    collections: Vec<&'a str>,
    some: bool,
}

impl<K: KeyPolicies> NamespaceCheck<'_, '_, K> {
    /// Whether all policies hold. `writes` is the namespace's part of the read-write set, `None` where
    /// the invoked chaincode has none.
    ///
    /// # Errors
    /// A key's policy cannot be read: the channel stops.
    ///
    /// Fabric: `core/common/validation/statebased/validator_keylevel.go:baseEvaluator.Evaluate`.
    pub(super) fn holds(&self, name: &str, writes: Option<&NsRwSet<'_>>) -> Result<bool, K::Fault> {
        let mut held = Held::default();
        if let Some(writes) = writes
            && (!self.public_holds(name, writes, &mut held)?
                || !self.collections_hold(name, writes, &mut held)?)
        {
            return Ok(false);
        }
        // A transaction that writes nothing still needs the namespace's policy.
        Ok(held.some || self.decisions.holds(&self.rules.policy, self.signers))
    }

    fn public_holds<'a>(
        &self,
        name: &str,
        writes: &NsRwSet<'a>,
        held: &mut Held<'a>,
    ) -> Result<bool, K::Fault> {
        let keys = writes.writes.iter().map(|write| write.key);
        let metadata = writes.metadata_writes.iter().map(|write| write.key);
        let namespace = NamespaceRef::public(name);
        for key in keys.chain(metadata) {
            if !self.key_holds(namespace, key.as_bytes(), held)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn collections_hold<'a>(
        &self,
        name: &str,
        writes: &NsRwSet<'a>,
        held: &mut Held<'a>,
    ) -> Result<bool, K::Fault> {
        for collection in &writes.collections {
            for write in &collection.hashed_writes {
                if !self.hash_holds(name, collection.name, write.key_hash, held)? {
                    return Ok(false);
                }
            }
        }
        for collection in &writes.collections {
            for write in &collection.metadata_writes {
                if !self.hash_holds(name, collection.name, write.key_hash, held)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn hash_holds<'a>(
        &self,
        name: &str,
        collection: &'a str,
        key: &[u8],
        held: &mut Held<'a>,
    ) -> Result<bool, K::Fault> {
        // Fabric: an empty collection name is the public part.
        if collection.is_empty() {
            return self.key_holds(NamespaceRef::public(name), key, held);
        }
        match self
            .keys
            .policy(self.tx, NamespaceRef::hashed(name, collection), key)?
        {
            KeyPolicy::Changed => return Ok(false),
            // Fabric: key policies are not even read in a collection that is not defined any more.
            KeyPolicy::Own(policy) if self.rules.stored(collection).is_some() => {
                return Ok(self.own_holds(&policy, held));
            }
            KeyPolicy::Own(_) | KeyPolicy::None => {}
        }
        if held.collections.contains(&collection) {
            return Ok(true);
        }
        match self.rules.guard(collection) {
            CollectionGuard::NotFound => Ok(false),
            CollectionGuard::Namespace => Ok(self.namespace_holds(held)),
            CollectionGuard::Policy(policy) => {
                let holds = self.decisions.holds(policy, self.signers);
                if holds {
                    held.collections.push(collection);
                    held.some = true;
                }
                Ok(holds)
            }
        }
    }

    fn key_holds(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
        held: &mut Held<'_>,
    ) -> Result<bool, K::Fault> {
        match self.keys.policy(self.tx, namespace, key)? {
            KeyPolicy::Changed => Ok(false),
            KeyPolicy::Own(policy) => Ok(self.own_holds(&policy, held)),
            KeyPolicy::None => Ok(self.namespace_holds(held)),
        }
    }

    fn own_holds(&self, policy: &CompiledApplicationPolicy, held: &mut Held<'_>) -> bool {
        // Decoded for this transaction only.
        let holds = self.decisions.once(policy, self.signers);
        held.some |= holds;
        holds
    }

    fn namespace_holds(&self, held: &mut Held<'_>) -> bool {
        if !held.namespace {
            held.namespace = self.decisions.holds(&self.rules.policy, self.signers);
            held.some |= held.namespace;
        }
        held.namespace
    }
}
