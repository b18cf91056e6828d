//! Whether a transaction is endorsed as its chaincodes, collections and keys ask for it
//! (validation-spec 2.4 from step 8 on, 3.2, 3.4, chapter 4).

use std::collections::BTreeSet;
use std::sync::Arc;

use heddle::msp::Identity;
use heddle::proto::msp::SignaturePolicyEnvelope;
use heddle::proto::rwset::KvMetadataWrite;
use heddle::proto::wire::Message;
use heddle::types::ValidationCode as Code;

use crate::definition::{Context, application_policy};
use crate::policy::Signed;
use crate::state::Key;
use crate::structure::{Action, Invocation, NsRwSet};
use crate::{Halt, stopped};

/// Whose metadata were written by transactions of this block that satisfied their policies.
pub(crate) type ChangedPolicies = BTreeSet<Key>;

/// The first namespace that fails decides; all are evaluated, since their policies may be changed.
pub(crate) fn endorse(
    context: Context<'_>,
    action: &Action<'_>,
    invocation: &Invocation<'_>,
    changed: &mut ChangedPolicies,
) -> Result<Code, Halt> {
    let set = action.endorsements.iter().map(|endorsement| Signed {
        identity: endorsement.endorser,
        message: [action.response, endorsement.endorser].concat(),
        signature: endorsement.signature,
    });
    let signers = context.config.signers(&set.collect::<Vec<_>>());
    let nothing = NsRwSet {
        name: invocation.chaincode,
        public: Default::default(),
        collections: Vec::new(),
    };
    let mut rwset = invocation.rwset.iter();
    let invoked = rwset.find(|ns| ns.name == invocation.chaincode);
    let others = invocation
        .rwset
        .iter()
        .filter(|ns| ns.name != invocation.chaincode && !written_keys(ns).is_empty());
    let mut code = Code::Valid;
    for namespace in [invoked.unwrap_or(&nothing)].into_iter().chain(others) {
        let found = match context.namespace_policy(namespace.name)? {
            Err(code) => code,
            Ok(policy) => {
                let check = Check {
                    context,
                    signers: &signers,
                    changed,
                };
                if check.satisfied(namespace, &policy)? {
                    changed.extend(metadata_keys(namespace));
                    Code::Valid
                } else {
                    Code::EndorsementPolicyFailure
                }
            }
        };
        if code == Code::Valid {
            code = found;
        }
    }
    Ok(code)
}

struct Check<'c> {
    context: Context<'c>,
    signers: &'c [Arc<Identity>],
    changed: &'c ChangedPolicies,
}

impl Check<'_> {
    /// 3.4: key by key, each by its own policy, its collection's, or the chaincode's.
    fn satisfied(&self, namespace: &NsRwSet<'_>, policy: &[u8]) -> Result<bool, Halt> {
        let holds = |policy: &[u8]| {
            let config = self.context.config;
            config.satisfies_application(policy, self.signers)
        };
        let mut collections = BTreeSet::new();
        let (mut chaincode, mut any) = (false, false);
        for (collection, key) in written_keys(namespace) {
            // Fabric: a collection without a name is the public part, as far as policies go.
            let collection = collection.filter(|name| !name.is_empty());
            let place = Key::new(namespace.name, collection, key);
            if self.changed.contains(&place) {
                return Ok(false);
            }
            let own = self.key_policy(&place)?;
            let applies = match (own, collection) {
                (Some(own), _) => Some(own),
                (None, Some(name)) if collections.contains(name) => continue,
                (None, Some(name)) => match self.context.collection_policy(namespace.name, name)? {
                    Err(_) => return Ok(false),
                    Ok(policy) => {
                        if policy.is_some() {
                            collections.insert(name);
                        }
                        policy
                    }
                },
                (None, None) => None,
            };
            if applies.is_none() && chaincode {
                continue;
            }
            chaincode |= applies.is_none();
            any = true;
            if !holds(applies.as_deref().unwrap_or(policy)) {
                return Ok(false);
            }
        }
        Ok(any || holds(policy))
    }

    /// 4.2: the policy of one key, if it has one, as a serialized `ApplicationPolicy`.
    fn key_policy(&self, key: &Key) -> Result<Option<Vec<u8>>, Halt> {
        let Some(state) = self.context.state.keys.get(key) else {
            return Ok(None);
        };
        let namespace = &key.namespace;
        if let Some(collection) = &namespace.collection
            && !self
                .context
                .is_known_collection(&namespace.name, collection)?
        {
            return Ok(None);
        }
        let metadata = KvMetadataWrite::decode(&state.metadata);
        let metadata = metadata.map_err(|error| stopped(format!("metadata in state: {error}")))?;
        let mut entries = metadata.entries.iter().rev();
        let Some(entry) = entries.find(|entry| entry.name == "VALIDATION_PARAMETER") else {
            return Ok(None);
        };
        if entry.value.is_empty() {
            return Ok(None);
        }
        match SignaturePolicyEnvelope::decode(entry.value) {
            Ok(_) => Ok(Some(application_policy(entry.value))),
            Err(error) => Err(stopped(format!("policy of a key: {error}"))),
        }
    }
}

/// Public writes, public metadata, then each collection's writes, then each collection's metadata.
fn written_keys<'a>(namespace: &NsRwSet<'a>) -> Vec<(Option<&'a str>, &'a [u8])> {
    let public = &namespace.public;
    let mut keys: Vec<(Option<&str>, &[u8])> = Vec::new();
    keys.extend(public.writes.iter().map(|it| (None, it.key.as_bytes())));
    let metadata = public.metadata_writes.iter();
    keys.extend(metadata.map(|it| (None, it.key.as_bytes())));
    for (name, hashed) in &namespace.collections {
        let writes = hashed.hashed_writes.iter();
        keys.extend(writes.map(|it| (Some(*name), it.key_hash)));
    }
    for (name, hashed) in &namespace.collections {
        let writes = hashed.metadata_writes.iter();
        keys.extend(writes.map(|it| (Some(*name), it.key_hash)));
    }
    keys
}

fn metadata_keys(namespace: &NsRwSet<'_>) -> Vec<Key> {
    let public = namespace.public.metadata_writes.iter();
    let public = public.map(|it| Key::new(namespace.name, None, it.key.as_bytes()));
    let mut keys: Vec<Key> = public.collect();
    for (name, hashed) in &namespace.collections {
        let writes = hashed.metadata_writes.iter();
        let name = Some(*name).filter(|name| !name.is_empty());
        keys.extend(writes.map(|it| Key::new(namespace.name, name, it.key_hash)));
    }
    keys
}

/// 8.2: a valid transaction writes only to collections that can be served.
pub(crate) fn check_collections(
    context: Context<'_>,
    invocation: &Invocation<'_>,
) -> Result<(), Halt> {
    for namespace in &invocation.rwset {
        for (name, hashed) in &namespace.collections {
            if hashed.hashed_writes.is_empty() && hashed.metadata_writes.is_empty() {
                continue;
            }
            match context.collection(namespace.name, name)? {
                Some(collection) if collection.members_known => {}
                Some(_) => return Err(stopped(format!("members of collection {name}"))),
                None => return Err(stopped(format!("undefined collection {name}"))),
            }
        }
    }
    Ok(())
}
