//! Chaincode definitions, resolved: plugin and policies compiled once and kept until a block may
//! change them.

use std::collections::HashMap;
use std::sync::Arc;

use super::collections::Stored;
use super::error::Fault;
use crate::channel::Bundle;
use crate::ledger::StateReader;
use crate::lifecycle::{
    self, ChannelFacts, CollectionPolicy, DEFAULT_PLUGIN, Definition, IMPLICIT_COLLECTION_PREFIX,
};
use crate::limits;
use crate::policy::CompiledApplicationPolicy;

/// What is known of a namespace's definition at the height of the block before.
#[derive(Debug)]
pub(super) enum Resolved {
    /// No usable definition: code 25.
    Undefined,
    /// The state holds something that is no definition: the channel stops where it is needed.
    Broken(Arc<lifecycle::Fault>),
    /// Validated by another plugin: the channel stops where it is needed.
    OtherPlugin(String),
    /// Validated by the default plugin.
    Default(Box<Rules>),
}

/// What the default plugin needs of a definition.
#[derive(Debug)]
pub(super) struct Rules {
    /// The namespace's endorsement policy.
    pub(super) policy: CompiledApplicationPolicy,
    /// The collections that can be written, by name: explicit ones, and the implicit ones of the
    /// channel's organizations.
    collections: HashMap<String, CollectionRule>,
    /// What guards a collection that is not in `collections`.
    other: CollectionGuard,
}

/// One collection's rule.
#[derive(Debug)]
struct CollectionRule {
    guard: CollectionGuard,
    stored: Stored,
}

/// Which policy guards a collection.
#[derive(Debug)]
pub(super) enum CollectionGuard {
    /// Its own, an organization's, or the chaincode's.
    Policy(CompiledApplicationPolicy),
    /// The namespace's.
    Namespace,
    /// There is no such collection: code 10.
    NotFound,
}

impl Rules {
    /// What guards a collection.
    pub(super) fn guard(&self, collection: &str) -> &CollectionGuard {
        self.collections
            .get(collection)
            .map_or(&self.other, |rule| &rule.guard)
    }

    /// How a collection is stored; `None` where it is not defined.
    pub(super) fn stored(&self, collection: &str) -> Option<Stored> {
        self.collections.get(collection).map(|rule| rule.stored)
    }

    /// Rules of a definition whose collections have no policies of their own.
    pub(super) fn without_collection_policies(
        policy: CompiledApplicationPolicy,
        collections: impl IntoIterator<Item = (String, Stored)>,
    ) -> Self {
        let collections = collections.into_iter().map(|(name, stored)| {
            (
                name,
                CollectionRule {
                    guard: CollectionGuard::Namespace,
                    stored,
                },
            )
        });
        Self {
            policy,
            collections: collections.collect(),
            other: CollectionGuard::Namespace,
        }
    }
}

/// Definitions that were read since the last block that may have changed one.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    known: HashMap<Box<str>, Resolved>,
    /// The configuration that the policies of `_lifecycle` and of organizations were made from.
    bundle: Option<Arc<Bundle>>,
}

impl Definitions {
    /// Forgets all: a definition may have changed.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }

    /// Forgets all where the channel's configuration changed: it names the organizations whose
    /// implicit collections and lifecycle policies exist.
    pub(super) fn use_bundle(&mut self, bundle: &Arc<Bundle>) {
        if self
            .bundle
            .as_ref()
            .is_none_or(|known| !Arc::ptr_eq(known, bundle))
        {
            self.clear();
            self.bundle = Some(Arc::clone(bundle));
        }
    }

    /// Reads the definitions of `names` that are not known yet.
    ///
    /// # Errors
    /// The state cannot be read.
    pub(super) fn load<'n, S: StateReader>(
        &mut self,
        names: impl Iterator<Item = &'n str>,
        state: &S,
        facts: &ChannelFacts,
    ) -> Result<(), Fault> {
        if self.known.len() > limits::DEFINITIONS_CACHED_MAX {
            // Only names without a definition can be made up without bound.
            self.known
                .retain(|_, known| matches!(known, Resolved::Default(_)));
        }
        for name in names {
            if !self.known.contains_key(name) {
                let resolved = resolve(name, state, facts)?;
                self.known.insert(name.into(), resolved);
            }
        }
        Ok(())
    }

    /// A loaded definition.
    pub(super) fn of(&self, name: &str) -> Option<&Resolved> {
        self.known.get(name)
    }
}

fn resolve<S: StateReader>(name: &str, state: &S, facts: &ChannelFacts) -> Result<Resolved, Fault> {
    match try_resolve(name, state, facts) {
        Ok(resolved) => Ok(resolved),
        Err(lifecycle::Fault::Ledger(error)) => Err(error.into()),
        Err(error) => Ok(Resolved::Broken(Arc::new(error))),
    }
}

fn try_resolve<S: StateReader>(
    name: &str,
    state: &S,
    facts: &ChannelFacts,
) -> Result<Resolved, lifecycle::Fault> {
    let Definition::Defined(definition) = lifecycle::definition(state, name, facts)? else {
        return Ok(Resolved::Undefined);
    };
    // Fabric: `dispatcher.go:getCDataForCC`: an empty plugin or policy is no definition.
    if definition.plugin.is_empty() || definition.policy.is_empty() {
        return Ok(Resolved::Undefined);
    }
    if definition.plugin != DEFAULT_PLUGIN {
        return Ok(Resolved::OtherPlugin(definition.plugin));
    }
    let explicit = match &definition.committed {
        Some(committed) => committed.collections.clone(),
        None => lifecycle::legacy_collections(state, name)?.unwrap_or_default(),
    };
    let guard =
        |collection: &str| match lifecycle::collection_policy(&definition, collection, facts) {
            CollectionPolicy::None => CollectionGuard::Namespace,
            CollectionPolicy::NotFound => CollectionGuard::NotFound,
            CollectionPolicy::Policy(bytes) => {
                CollectionGuard::Policy(CompiledApplicationPolicy::new(&bytes))
            }
        };
    let mut collections = HashMap::new();
    for collection in &explicit {
        collections
            .entry(collection.name.clone())
            .or_insert_with(|| CollectionRule {
                guard: guard(&collection.name),
                stored: Stored::of(collection),
            });
    }
    if definition.committed.is_some() {
        for org in &facts.application_orgs {
            let implicit = format!("{IMPLICIT_COLLECTION_PREFIX}{}", org.msp_id);
            let guard = guard(&implicit);
            let stored = Stored::IMPLICIT;
            collections
                .entry(implicit)
                .or_insert(CollectionRule { guard, stored });
        }
    }
    let other = match &definition.committed {
        Some(_) => CollectionGuard::NotFound,
        None => CollectionGuard::Namespace,
    };
    let policy = CompiledApplicationPolicy::new(&definition.policy);
    Ok(Resolved::Default(Box::new(Rules {
        policy,
        collections,
        other,
    })))
}
