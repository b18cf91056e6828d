//! Policies of single keys (validation-spec 4): from the state of the block before, and changed by
//! earlier transactions of the same block.

use std::collections::HashMap;

use super::error::Fault;
use super::in_flight::InFlight;
use crate::ledger::StateReader;
use crate::lifecycle::key_policy;
use crate::policy::CompiledApplicationPolicy;
use crate::proto::msp::SignaturePolicyEnvelope;
use crate::proto::wire::{Message, put_element};
use crate::rwset::RwSet;
use crate::types::{BlockNumber, NamespaceRef, TxIndex};

/// What guards a key.
#[derive(Debug)]
pub(super) enum KeyPolicy {
    /// Nothing of its own.
    None,
    /// Its own policy.
    Own(CompiledApplicationPolicy),
    /// An earlier transaction of the block changes it: code 10, whoever endorsed.
    Changed,
}

/// Answers what guards a key, for one transaction after another.
pub(super) trait KeyPolicies {
    /// Why an answer may be impossible.
    type Fault;

    /// What guards `key` for transaction `tx`.
    ///
    /// # Errors
    /// The state cannot be read, or holds a policy that does not decode.
    fn policy(
        &self,
        tx: TxIndex,
        namespace: NamespaceRef<'_>,
        key: &[u8],
    ) -> Result<KeyPolicy, Self::Fault>;
}

/// For blocks that neither write metadata nor touch a namespace in which keys have any.
pub(super) struct NoKeyPolicies;

impl KeyPolicies for NoKeyPolicies {
    type Fault = Fault;

    fn policy(
        &self,
        _tx: TxIndex,
        _namespace: NamespaceRef<'_>,
        _key: &[u8],
    ) -> Result<KeyPolicy, Fault> {
        Ok(KeyPolicy::None)
    }
}

/// A key as metadata writes name it.
type Key<'a> = (NamespaceRef<'a>, &'a [u8]);

/// The metadata writes of a block's transactions whose plugin evaluation succeeded, and the state.
pub(super) struct BlockKeyPolicies<'a, S> {
    pub(super) block: BlockNumber,
    pub(super) state: &'a S,
    pub(super) in_flight: &'a InFlight,
    /// Compiles a key's stored policy; `None` where the channel must stop.
    compile: fn(&[u8]) -> Option<CompiledApplicationPolicy>,
    /// The first transaction that changes the key's policy, of those that succeeded so far.
    changed: HashMap<Key<'a>, TxIndex>,
}

impl<'a, S: StateReader> BlockKeyPolicies<'a, S> {
    /// Nothing of the block has been evaluated yet.
    pub(super) fn new(
        block: BlockNumber,
        state: &'a S,
        in_flight: &'a InFlight,
        compile: fn(&[u8]) -> Option<CompiledApplicationPolicy>,
    ) -> Self {
        Self {
            block,
            state,
            in_flight,
            compile,
            changed: HashMap::new(),
        }
    }

    /// Notes that the evaluation of `tx` for the namespace `name` succeeded: whoever writes a key whose
    /// metadata it writes fails from now on, whatever becomes of `tx` itself.
    ///
    /// Fabric: `vpmanagerimpl.go:SetTxValidationResult` and `waitForValidationResults`.
    pub(super) fn succeeded(&mut self, tx: TxIndex, name: &str, rwset: &RwSet<'a>) {
        for (namespace, key) in metadata_writes(rwset) {
            if namespace.name == name {
                self.changed.entry((namespace, key)).or_insert(tx);
            }
        }
    }
}

impl<S: StateReader> KeyPolicies for BlockKeyPolicies<'_, S> {
    type Fault = Fault;

    fn policy(
        &self,
        tx: TxIndex,
        namespace: NamespaceRef<'_>,
        key: &[u8],
    ) -> Result<KeyPolicy, Fault> {
        if self
            .changed
            .get(&(namespace, key))
            .is_some_and(|earlier| *earlier < tx)
        {
            return Ok(KeyPolicy::Changed);
        }
        if !self.in_flight.may_have_metadata(namespace) {
            return Ok(KeyPolicy::None);
        }
        let Some(state) = self.state.get(namespace, key)? else {
            return Ok(KeyPolicy::None);
        };
        let undecodable = || Fault::KeyPolicy {
            block: self.block,
            tx,
            namespace: namespace.to_string(),
            key: printable(namespace, key),
        };
        let policy = key_policy(&state.metadata).map_err(|_| undecodable())?;
        match policy {
            None => Ok(KeyPolicy::None),
            Some(bytes) => (self.compile)(bytes)
                .map(KeyPolicy::Own)
                .ok_or_else(undecodable),
        }
    }
}

/// A key's policy with application capability V2_0: an envelope that does not decode stops the
/// channel, one that does not compile is never satisfied.
///
/// Fabric: `builtin/v20/validation_logic.go:toApplicationPolicyTranslator`.
pub(super) fn key_policy_by_value(bytes: &[u8]) -> Option<CompiledApplicationPolicy> {
    SignaturePolicyEnvelope::decode(bytes).ok()?;
    let mut wrapped = Vec::with_capacity(bytes.len() + 8);
    put_element(&mut wrapped, 1, bytes);
    Some(CompiledApplicationPolicy::new(&wrapped))
}

fn printable(namespace: NamespaceRef<'_>, key: &[u8]) -> String {
    match namespace.collection {
        None => String::from_utf8_lossy(key).escape_debug().to_string(),
        Some(_) => key.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// Every key whose metadata a read-write set writes. A collection without a name is the public part.
pub(super) fn metadata_writes<'s, 'a: 's>(
    rwset: &'s RwSet<'a>,
) -> impl Iterator<Item = Key<'a>> + 's {
    rwset.namespaces.iter().flat_map(|ns| {
        let public = ns
            .metadata_writes
            .iter()
            .map(|write| (NamespaceRef::public(ns.name), write.key.as_bytes()));
        let hashed = ns.collections.iter().flat_map(|collection| {
            let namespace = collection_namespace(ns.name, collection.name);
            collection
                .metadata_writes
                .iter()
                .map(move |write| (namespace, write.key_hash))
        });
        public.chain(hashed)
    })
}

/// Every key that a read-write set writes, deletes or gives metadata.
pub(super) fn written_keys<'s, 'a: 's>(rwset: &'s RwSet<'a>) -> impl Iterator<Item = Key<'a>> + 's {
    let writes = rwset.namespaces.iter().flat_map(|ns| {
        let public = ns
            .writes
            .iter()
            .map(|write| (NamespaceRef::public(ns.name), write.key.as_bytes()));
        let hashed = ns.collections.iter().flat_map(|collection| {
            let namespace = collection_namespace(ns.name, collection.name);
            collection
                .hashed_writes
                .iter()
                .map(move |write| (namespace, write.key_hash))
        });
        public.chain(hashed)
    });
    writes.chain(metadata_writes(rwset))
}

fn collection_namespace<'a>(name: &'a str, collection: &'a str) -> NamespaceRef<'a> {
    if collection.is_empty() {
        NamespaceRef::public(name)
    } else {
        NamespaceRef::hashed(name, collection)
    }
}
