//! The collections that a transaction gives to a chaincode: what a definition may say, and what an
//! upgrade may change.
//!
//! Fabric: `builtin/v13/lscc_validation_logic.go:validateRWSetAndCollection`.

use std::collections::HashMap;

use super::lscc::{Function, Invocation};
use super::refusal::{Ended, Refusal};
use crate::endorsement::error::Fault;
use crate::ledger::StateReader;
use crate::lifecycle::{Flaw, LEGACY_NAMESPACE};
use crate::proto::msp::SignaturePolicy;
use crate::proto::peer::{CollectionConfig, CollectionConfigPackage, StaticCollectionConfig};
use crate::proto::rwset::KvWrite;
use crate::proto::wire::Message;
use crate::types::NamespaceRef;

/// Checks what a transaction writes to `lscc` where collections may be among it. `argument` are the
/// collections of the call, `None` where it has no such argument: an empty one is checked.
pub(super) fn check_collection_write<S: StateReader>(
    invocation: &Invocation<'_, S>,
    function: Function,
    name: &str,
    writes: &[KvWrite<'_>],
    argument: Option<&[u8]>,
) -> Result<(), Ended> {
    let key = format!("{name}~collection");
    let written = match writes {
        [_] => &[][..],
        [_, second] if second.key == key => second.value,
        [_, _] => return Err(Refusal::CollectionKey.into()),
        _ => {
            return Err(Refusal::WriteCount {
                found: writes.len(),
            }
            .into());
        }
    };
    if argument.unwrap_or_default() != written {
        return Err(Refusal::CollectionArgument.into());
    }
    let public = NamespaceRef::public(LEGACY_NAMESPACE);
    let old = invocation
        .context
        .state
        .get(public, key.as_bytes())
        .map_err(Fault::from)?;
    let old_package = || match &old {
        None => Ok(None),
        Some(state) => CollectionConfigPackage::decode(&state.value)
            .map(Some)
            .map_err(|error| invocation.broken(name, Flaw::LegacyCollections(error))),
    };
    if function == Function::Deploy && old_package()?.is_some() {
        return Err(Refusal::CollectionsExist.into());
    }
    let Some(argument) = argument else {
        return Ok(());
    };
    let new = CollectionConfigPackage::decode(argument).map_err(Refusal::Collections)?;
    if !invocation.context.capabilities.v1_2_validation {
        return Ok(());
    }
    let new = check_new(&new.config)?;
    if function == Function::Upgrade
        && let Some(old) = old_package()?
    {
        check_kept(&new, &old.config)?;
    }
    Ok(())
}

/// The collections by name, each of them sound.
///
/// Fabric: `validateNewCollectionConfigs`.
pub(super) fn check_new<'s, 'a>(
    configs: &'s [CollectionConfig<'a>],
) -> Result<HashMap<&'a str, &'s StaticCollectionConfig<'a>>, Refusal> {
    let mut by_name = HashMap::with_capacity(configs.len());
    for config in configs {
        let collection = config.static_collection_config.as_ref();
        let collection = collection.ok_or(Refusal::CollectionType)?;
        if !is_collection_name(collection.name) {
            return Err(Refusal::CollectionName);
        }
        if by_name.insert(collection.name, collection).is_some() {
            return Err(Refusal::CollectionTwice);
        }
        let required = collection.required_peer_count;
        if collection.maximum_peer_count < required || required < 0 {
            return Err(Refusal::CollectionPeers);
        }
        if !has_plain_member_policy(collection) {
            return Err(Refusal::CollectionMembers);
        }
    }
    Ok(by_name)
}

/// Fabric: `validateNewCollectionConfigsAgainstOld`.
pub(super) fn check_kept(
    new: &HashMap<&str, &StaticCollectionConfig<'_>>,
    old: &[CollectionConfig<'_>],
) -> Result<(), Refusal> {
    for config in old {
        let old = config
            .static_collection_config
            .as_ref()
            .ok_or(Refusal::CollectionType)?;
        let new = new.get(old.name).ok_or(Refusal::CollectionMissing)?;
        if new.block_to_live != old.block_to_live {
            return Err(Refusal::CollectionLifetime);
        }
    }
    Ok(())
}

/// Fabric: `AllowedCharsCollectionName`, which must match the whole name.
fn is_collection_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    !name.is_empty() && name.bytes().all(is_allowed)
}

/// Whether all gates of the member policy are 1 out of n; a policy without any rule passes. Without a
/// policy, Fabric's peer crashes; here the transaction is refused.
///
/// Fabric: `validateSpOrConcat`. The gates nest as deep as messages do, so this takes no stack.
fn has_plain_member_policy(collection: &StaticCollectionConfig<'_>) -> bool {
    let policy = collection.member_orgs_policy.as_ref();
    let Some(envelope) = policy.and_then(|policy| policy.signature_policy.as_ref()) else {
        return false;
    };
    let mut rules: Vec<&SignaturePolicy> = envelope.rule.iter().collect();
    while let Some(rule) = rules.pop() {
        if let SignaturePolicy::NOutOf(gate) = rule {
            if gate.n != 1 {
                return false;
            }
            rules.extend(&gate.rules);
        }
    }
    true
}
