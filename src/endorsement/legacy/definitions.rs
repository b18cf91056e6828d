//! Definitions as the state of `lscc` has them, read and compiled once per block.

use std::collections::HashMap;
use std::sync::Arc;

use super::dispatch::is_system;
use crate::endorsement::collections::Stored;
use crate::endorsement::definitions::Rules;
use crate::endorsement::error::Fault;
use crate::ledger::StateReader;
use crate::lifecycle::{
    self, ChannelFacts, DEFAULT_PLUGIN, IMPLICIT_COLLECTION_PREFIX, LegacyEntry,
};
use crate::policy::CompiledApplicationPolicy;

/// How a namespace is validated.
#[derive(Debug)]
pub(super) struct LegacyDefinition {
    /// The chaincode's version; nobody asks for a system chaincode's.
    pub(super) version: String,
    /// The validation plugin.
    pub(super) plugin: String,
    /// What the plugin needs; the channel stops where it is needed and the collections are broken.
    pub(super) rules: Result<Rules, Arc<lifecycle::Fault>>,
}

/// The definitions of one block.
#[derive(Debug)]
pub(super) struct LegacyDefinitions(HashMap<Box<str>, Option<LegacyDefinition>>);

impl LegacyDefinitions {
    /// Reads the definitions of `names`.
    ///
    /// # Errors
    /// The state cannot be read.
    pub(super) fn load<'n, S: StateReader>(
        names: impl Iterator<Item = &'n str>,
        state: &S,
        facts: &ChannelFacts,
    ) -> Result<Self, Fault> {
        let mut known = HashMap::new();
        for name in names {
            if !known.contains_key(name) {
                known.insert(name.into(), resolve(name, state, facts)?);
            }
        }
        Ok(Self(known))
    }

    /// A definition; `None` where there is none that can be used (code 255).
    pub(super) fn of(&self, name: &str) -> Option<&LegacyDefinition> {
        self.0.get(name)?.as_ref()
    }
}

/// Fabric: `v14/vscc_validator.go:GetInfoForValidate`.
fn resolve<S: StateReader>(
    name: &str,
    state: &S,
    facts: &ChannelFacts,
) -> Result<Option<LegacyDefinition>, Fault> {
    let (version, plugin, policy) = if is_system(name) {
        let policy = CompiledApplicationPolicy::new(&lifecycle::any_member_policy(facts));
        (String::new(), DEFAULT_PLUGIN.to_owned(), policy)
    } else {
        match lifecycle::legacy_definition(state, name)? {
            LegacyEntry::Missing | LegacyEntry::Undecodable(_) => return Ok(None),
            LegacyEntry::Defined(found) if found.plugin.is_empty() || found.policy.is_empty() => {
                return Ok(None);
            }
            LegacyEntry::Defined(found) => {
                let policy = CompiledApplicationPolicy::from_envelope(&found.policy);
                (found.version, found.plugin, policy)
            }
        }
    };
    let rules = match known_collections(name, state, facts) {
        Ok(collections) => Ok(Rules::without_collection_policies(policy, collections)),
        Err(lifecycle::Fault::Ledger(error)) => return Err(error.into()),
        Err(error) => Err(Arc::new(error)),
    };
    Ok(Some(LegacyDefinition {
        version,
        plugin,
        rules,
    }))
}

/// The collections in which keys can have policies. The ledger asks the new lifecycle first, which has
/// something to say only where a channel was upgraded and went back.
///
/// Fabric: `lifecycle/deployedcc_infoprovider.go:AllCollectionsConfigPkg`.
fn known_collections<S: StateReader>(
    name: &str,
    state: &S,
    facts: &ChannelFacts,
) -> Result<Vec<(String, Stored)>, lifecycle::Fault> {
    let (explicit, has_implicit) = match lifecycle::committed_definition(state, name)? {
        Some(committed) => (committed.collections, true),
        None => (
            lifecycle::legacy_collections(state, name)?.unwrap_or_default(),
            false,
        ),
    };
    let implicit = facts
        .application_orgs
        .iter()
        .filter(|_| has_implicit)
        .map(|org| {
            (
                format!("{IMPLICIT_COLLECTION_PREFIX}{}", org.msp_id),
                Stored::IMPLICIT,
            )
        });
    let explicit = explicit
        .iter()
        .map(|found| (found.name.clone(), Stored::of(found)));
    Ok(explicit.chain(implicit).collect())
}
