//! Which policies guard what a transaction writes, and how each was evaluated.
//!
//! The dumb twin of [`crate::endorsement`]'s dispatch: the same order of checks, with every definition
//! read anew and a note for every policy. It decides nothing: [`super::block`] holds its code against
//! that of the stage.

use std::collections::HashMap;
use std::sync::Arc;

use super::reason::{
    DefinitionProblem, EventProblem, Guard, KeyName, NameProblem, PolicyNote, PolicySource, Reason,
};
use crate::channel::Bundle;
use crate::decode::{ChaincodeCall, EventCheck};
use crate::ledger::{self, StateReader};
use crate::lifecycle::{
    self, ChaincodeDefinition, ChannelFacts, CollectionPolicy, DEFAULT_PLUGIN, Definition,
    IMPLICIT_COLLECTION_PREFIX,
};
use crate::limits;
use crate::msp::Identity;
use crate::policy::CompiledApplicationPolicy;
use crate::proto::wire::put_element;
use crate::rwset::{NsRwSet, RwSet};
use crate::types::{Namespace, NamespaceRef, TxIndex, ValidationCode};

/// A key as a read-write set names it.
type Key<'a> = (NamespaceRef<'a>, &'a [u8]);

/// The keys whose policies earlier transactions of the block change, and which one does it first.
pub(super) type Changed<'a> = HashMap<Key<'a>, TxIndex>;

/// A code and its reason.
pub(super) type Refusal = (ValidationCode, Reason);

/// What policies are looked up in: everything as the block before left it.
pub(super) struct Policies<'p> {
    pub(super) bundle: &'p Bundle,
    pub(super) facts: &'p ChannelFacts,
    pub(super) state: &'p (dyn StateReader + Sync),
    /// The namespaces in which keys have metadata.
    pub(super) with_metadata: &'p [Namespace],
}

/// What came of a transaction's namespaces.
#[derive(Default)]
pub(super) struct Dispatched<'a> {
    /// The policies that were evaluated.
    pub(super) notes: Vec<PolicyNote>,
    /// How many more were, and hold.
    pub(super) left_out: usize,
    /// The first thing that is wrong.
    pub(super) refusal: Option<Refused>,
    /// The namespaces whose policies hold.
    pub(super) held: Vec<&'a str>,
}

/// Why a transaction is refused.
pub(super) enum Refused {
    /// A code and its reason.
    By(Box<Refusal>),
    /// The policy of this place does not hold.
    Policy(usize),
    /// The policy of a key is changed by an earlier transaction of the block.
    Changed(KeyName, TxIndex),
}

/// Whether to go on with a namespace.
type Checked = Result<(), Refused>;

impl KeyName {
    /// The name of a key.
    pub(super) fn new(namespace: NamespaceRef<'_>, key: &[u8]) -> Self {
        let hex = || key.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            namespace: namespace.name.to_owned(),
            collection: namespace.collection.map(str::to_owned),
            key: match namespace.collection {
                None => String::from_utf8_lossy(key).into_owned(),
                Some(_) => hex(),
            },
        }
    }
}

/// What lifecycle policies need of the configuration.
pub(super) fn channel_facts(bundle: &Bundle) -> ChannelFacts {
    let orgs = bundle.application_orgs().iter().map(|org| {
        let endorsement = format!("/Channel/Application/{}/Endorsement", org.group_name);
        lifecycle::ApplicationOrg {
            name: org.group_name.to_string(),
            msp_id: org.msp_id.to_string(),
            has_endorsement: bundle.policies().policy(&endorsement).is_some(),
        }
    });
    ChannelFacts {
        application_orgs: orgs.collect(),
        has_lifecycle_endorsement: bundle.has_lifecycle_endorsement(),
    }
}

/// Every key whose metadata a namespace's writes replace.
pub(super) fn metadata_writes<'a>(rwset: &RwSet<'a>, name: &str) -> Vec<Key<'a>> {
    let mut keys = Vec::new();
    for ns in rwset.namespaces.iter().filter(|ns| ns.name == name) {
        let public = ns.metadata_writes.iter();
        keys.extend(public.map(|write| (NamespaceRef::public(ns.name), write.key.as_bytes())));
        for collection in &ns.collections {
            let namespace = place(ns.name, collection.name);
            let hashed = collection.metadata_writes.iter();
            keys.extend(hashed.map(|write| (namespace, write.key_hash)));
        }
    }
    keys
}

/// Fabric: a collection without a name is the public part.
pub(super) fn place<'a>(name: &'a str, collection: &'a str) -> NamespaceRef<'a> {
    if collection.is_empty() {
        NamespaceRef::public(name)
    } else {
        NamespaceRef::hashed(name, collection)
    }
}

impl Policies<'_> {
    /// Whether the rules below application capability V2_0 hold.
    pub(super) fn legacy(&self) -> bool {
        !self.bundle.capabilities().application().v2_0_validation
    }

    /// Goes through a transaction's namespaces as [`crate::endorsement`] does.
    ///
    /// # Errors
    /// The state cannot be read.
    pub(super) fn dispatch<'a>(
        &self,
        call: &ChaincodeCall<'a>,
        signers: &[Arc<Identity>],
        changed: &Changed<'_>,
    ) -> Result<Dispatched<'a>, ledger::Error> {
        let mut dispatched = Dispatched::default();
        if let Some(refusal) = before_policies(call) {
            dispatched.refusal = Some(Refused::By(Box::new(refusal)));
            return Ok(dispatched);
        }
        let written = call.rwset.namespaces.iter();
        let written = written.filter(|ns| ns.writes_anything() && ns.name != call.header_name);
        let names = std::iter::once(call.header_name).chain(written.map(|ns| ns.name));
        for name in names {
            let mut check = NamespaceCheck::new(self, signers, changed, name, &mut dispatched);
            match check.run(call.rwset.namespace(name))? {
                Ok(()) => dispatched.held.push(name),
                Err(refused) => {
                    dispatched.refusal.get_or_insert(refused);
                }
            }
        }
        Ok(dispatched)
    }

    /// A chaincode's definition, or why it does not count as defined.
    fn definition(
        &self,
        name: &str,
    ) -> Result<Result<ChaincodeDefinition, DefinitionProblem>, ledger::Error> {
        let state = self.state;
        Ok(match lifecycle::definition(state, name, self.facts) {
            Err(lifecycle::Fault::Ledger(error)) => return Err(error),
            // The channel stops at these where they count, so here they do not.
            Err(_) => Err(DefinitionProblem::Missing),
            Ok(Definition::NotDefined) => Err(DefinitionProblem::Missing),
            Ok(Definition::Defined(found)) if found.plugin.is_empty() => {
                Err(DefinitionProblem::NoPlugin)
            }
            Ok(Definition::Defined(found)) if found.policy.is_empty() => {
                Err(DefinitionProblem::NoPolicy)
            }
            Ok(Definition::Defined(found)) if found.plugin != DEFAULT_PLUGIN => {
                Err(DefinitionProblem::NoPlugin)
            }
            Ok(Definition::Defined(found)) => Ok(found),
        })
    }

    /// The policy of a key's own, if it has one.
    fn key_policy(
        &self,
        namespace: NamespaceRef<'_>,
        key: &[u8],
    ) -> Result<Option<CompiledApplicationPolicy>, ledger::Error> {
        let mut known = self.with_metadata.iter();
        if !known.any(|known| known.as_ref() == namespace) {
            return Ok(None);
        }
        let Some(state) = self.state.get(namespace, key)? else {
            return Ok(None);
        };
        let Ok(Some(bytes)) = lifecycle::key_policy(&state.metadata) else {
            return Ok(None);
        };
        if self.legacy() {
            return Ok(Some(CompiledApplicationPolicy::from_envelope(bytes)));
        }
        let mut wrapped = Vec::with_capacity(bytes.len() + 8);
        put_element(&mut wrapped, 1, bytes);
        Ok(Some(CompiledApplicationPolicy::new(&wrapped)))
    }
}

/// Names and version, event, namespaces that stand twice.
fn before_policies(call: &ChaincodeCall<'_>) -> Option<Refusal> {
    if let Some(problem) = name_problem(call) {
        let reason = Reason::ChaincodeName { problem };
        return Some((ValidationCode::InvalidChaincode, reason));
    }
    if let Some(problem) = event_problem(call) {
        let reason = Reason::Event { problem };
        return Some((ValidationCode::InvalidOtherReason, reason));
    }
    let reason = Reason::NamespaceTwice {
        namespace: namespace_twice(&call.rwset)?.to_owned(),
    };
    Some((ValidationCode::IllegalWriteset, reason))
}

/// What is wrong with the invoked chaincode's names.
pub(super) fn name_problem(call: &ChaincodeCall<'_>) -> Option<NameProblem> {
    if call.header_name.is_empty() {
        Some(NameProblem::NoName)
    } else if call.header_name != call.action_name {
        Some(NameProblem::Differs {
            header: call.header_name.to_owned(),
            action: call.action_name.to_owned(),
        })
    } else if call.action_version.is_empty() {
        Some(NameProblem::NoVersion)
    } else {
        None
    }
}

/// What is wrong with the chaincode event.
pub(super) fn event_problem(call: &ChaincodeCall<'_>) -> Option<EventProblem> {
    match call.event {
        EventCheck::Sound => None,
        EventCheck::Undecodable => Some(EventProblem::Undecodable),
        EventCheck::OtherChaincode => Some(EventProblem::OtherChaincode {
            expected: call.header_name.to_owned(),
        }),
    }
}

/// The first namespace that stands in a read-write set twice.
pub(super) fn namespace_twice<'a>(rwset: &RwSet<'a>) -> Option<&'a str> {
    let mut known = std::collections::HashSet::new();
    let mut names = rwset.namespaces.iter().map(|ns| ns.name);
    names.find(|name| !known.insert(*name))
}

/// Which policies of a namespace are known to hold for a transaction.
#[derive(Default)]
struct Held<'a> {
    namespace: bool,
    collections: Vec<&'a str>,
    some: bool,
}

/// One namespace of one transaction.
pub(super) struct NamespaceCheck<'c, 'p, 'a> {
    policies: &'c Policies<'p>,
    signers: &'c [Arc<Identity>],
    changed: &'c Changed<'c>,
    name: &'a str,
    held: Held<'a>,
    dispatched: &'c mut Dispatched<'a>,
}

impl<'c, 'p, 'a> NamespaceCheck<'c, 'p, 'a> {
    pub(super) fn new(
        policies: &'c Policies<'p>,
        signers: &'c [Arc<Identity>],
        changed: &'c Changed<'c>,
        name: &'a str,
        dispatched: &'c mut Dispatched<'a>,
    ) -> Self {
        Self {
            policies,
            signers,
            changed,
            name,
            held: Held::default(),
            dispatched,
        }
    }

    fn run(&mut self, writes: Option<&NsRwSet<'a>>) -> Result<Checked, ledger::Error> {
        let definition = match self.policies.definition(self.name)? {
            Ok(definition) => definition,
            Err(problem) => {
                let chaincode = self.name.to_owned();
                let reason = Reason::NotDefined { chaincode, problem };
                let refusal = (ValidationCode::InvalidChaincode, reason);
                return Ok(Err(Refused::By(Box::new(refusal))));
            }
        };
        let namespace = CompiledApplicationPolicy::new(&definition.policy);
        self.check(&definition, &namespace, writes)
    }

    /// Checks all that is written, under a definition and the policy in it.
    pub(super) fn check(
        &mut self,
        definition: &ChaincodeDefinition,
        namespace: &CompiledApplicationPolicy,
        writes: Option<&NsRwSet<'a>>,
    ) -> Result<Checked, ledger::Error> {
        if let Some(writes) = writes {
            for (collection, key) in written_keys(writes) {
                let checked = self.key(definition, namespace, collection, key)?;
                if checked.is_err() {
                    return Ok(checked);
                }
            }
        }
        if self.held.some {
            return Ok(Ok(()));
        }
        // A transaction that writes nothing still needs the namespace's policy.
        Ok(self.evaluate(Guard::Chaincode, namespace))
    }

    fn key(
        &mut self,
        definition: &ChaincodeDefinition,
        policy: &CompiledApplicationPolicy,
        collection: &'a str,
        key: &'a [u8],
    ) -> Result<Checked, ledger::Error> {
        let namespace = place(self.name, collection);
        let name = || KeyName::new(namespace, key);
        if let Some(by) = self.changed.get(&(namespace, key)) {
            return Ok(Err(Refused::Changed(name(), *by)));
        }
        let own = self.policies.key_policy(namespace, key)?;
        if let Some(own) = own
            && self.key_policies_count(definition, collection)?
        {
            let checked = self.evaluate(Guard::Key { key: name() }, &own);
            self.held.some |= checked.is_ok();
            return Ok(checked);
        }
        if collection.is_empty() || self.policies.legacy() {
            return Ok(self.namespace(policy));
        }
        if self.held.collections.contains(&collection) {
            return Ok(Ok(()));
        }
        let facts = self.policies.facts;
        let bytes = match lifecycle::collection_policy(definition, collection, facts) {
            CollectionPolicy::None => return Ok(self.namespace(policy)),
            CollectionPolicy::NotFound => {
                let reason = Reason::NoCollection {
                    chaincode: self.name.to_owned(),
                    collection: collection.to_owned(),
                };
                let code = ValidationCode::EndorsementPolicyFailure;
                return Ok(Err(Refused::By(Box::new((code, reason)))));
            }
            CollectionPolicy::Policy(bytes) => bytes,
        };
        let guard = Guard::Collection {
            collection: collection.to_owned(),
            source: policy_source(definition, collection),
        };
        let checked = self.evaluate(guard, &CompiledApplicationPolicy::new(&bytes));
        if checked.is_ok() {
            self.held.collections.push(collection);
            self.held.some = true;
        }
        Ok(checked)
    }

    /// Key policies of an unknown collection are not even read.
    fn key_policies_count(
        &self,
        definition: &ChaincodeDefinition,
        collection: &str,
    ) -> Result<bool, ledger::Error> {
        let (state, facts) = (self.policies.state, self.policies.facts);
        if collection.is_empty() {
            return Ok(true);
        }
        match lifecycle::collection_is_known(state, self.name, definition, collection, facts) {
            Ok(known) => Ok(known),
            Err(lifecycle::Fault::Ledger(error)) => Err(error),
            Err(_) => Ok(true),
        }
    }

    fn namespace(&mut self, policy: &CompiledApplicationPolicy) -> Checked {
        if !self.held.namespace {
            self.evaluate(Guard::Chaincode, policy)?;
            self.held.namespace = true;
            self.held.some = true;
        }
        Ok(())
    }

    pub(super) fn evaluate(&mut self, guard: Guard, policy: &CompiledApplicationPolicy) -> Checked {
        let trace = policy.trace(self.policies.bundle.policies(), self.signers);
        let holds = trace.holds;
        let notes = &mut self.dispatched.notes;
        if holds && notes.len() >= limits::EXPLAINED_POLICIES_MAX {
            self.dispatched.left_out += 1;
            return Ok(());
        }
        notes.push(PolicyNote {
            namespace: self.name.to_owned(),
            guard,
            trace,
        });
        if holds {
            Ok(())
        } else {
            Err(Refused::Policy(notes.len() - 1))
        }
    }
}

/// Every key that a namespace's writes need a policy for, in the order of the checks, with its
/// collection; none is the public part.
fn written_keys<'s, 'a>(writes: &'s NsRwSet<'a>) -> impl Iterator<Item = (&'a str, &'a [u8])> + 's {
    let public = writes.writes.iter().map(|write| write.key);
    let public = public.chain(writes.metadata_writes.iter().map(|write| write.key));
    let hashed = writes.collections.iter().flat_map(|collection| {
        let writes = collection.hashed_writes.iter();
        writes.map(|write| (collection.name, write.key_hash))
    });
    let metadata = writes.collections.iter().flat_map(|collection| {
        let writes = collection.metadata_writes.iter();
        writes.map(|write| (collection.name, write.key_hash))
    });
    let public = public.map(|key| ("", key.as_bytes()));
    public.chain(hashed).chain(metadata)
}

fn policy_source(definition: &ChaincodeDefinition, collection: &str) -> PolicySource {
    if collection.starts_with(IMPLICIT_COLLECTION_PREFIX) {
        return PolicySource::Organization;
    }
    let explicit = definition.committed.as_ref().and_then(|committed| {
        let mut collections = committed.collections.iter();
        collections.find(|found| found.name == collection)
    });
    match explicit.and_then(|found| found.endorsement_policy.as_ref()) {
        Some(_) => PolicySource::Collection,
        None => PolicySource::Chaincode,
    }
}
