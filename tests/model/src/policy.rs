//! Who signed, and whether that satisfies a policy (validation-spec 3.5 to 3.7, 6.6).
//!
//! Plain recursion over the policies as they stand in the configuration and in the state. What an
//! identity is and which principals it satisfies is `heddle::msp`'s to say; a signature is verified by
//! itself, by the libraries.

use std::collections::BTreeMap;
use std::sync::Arc;

use heddle::channel::Bundle;
use heddle::crypto::{SignedMessage, verify};
use heddle::msp::{Identity, Principal};
use heddle::proto::config::{ConfigEnvelope, ConfigGroup, ImplicitMetaPolicy};
use heddle::proto::msp::{MspPrincipal, SignaturePolicy, SignaturePolicyEnvelope};
use heddle::proto::peer::ApplicationPolicy;
use heddle::proto::wire::Message;

/// A channel's configuration: the bundle for members and capabilities, the tree for policies.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) bundle: Bundle,
    root: Group,
}

/// A group of the configuration, as far as policies are concerned.
#[derive(Debug, Default)]
struct Group {
    groups: BTreeMap<String, Self>,
    /// Type and value.
    policies: BTreeMap<String, (i32, Vec<u8>)>,
}

impl Group {
    fn of(group: &ConfigGroup<'_>) -> Self {
        let groups = group.groups.iter();
        let policies = group.policies.iter().filter_map(|(name, policy)| {
            let policy = policy.policy.as_ref()?;
            Some(((*name).to_owned(), (policy.r#type, policy.value.to_vec())))
        });
        Self {
            groups: groups
                .map(|(name, group)| ((*name).to_owned(), Self::of(group)))
                .collect(),
            policies: policies.collect(),
        }
    }
}

/// One signature of a set: who, over what, and the signature itself.
pub(crate) struct Signed<'a> {
    pub(crate) identity: &'a [u8],
    pub(crate) message: Vec<u8>,
    pub(crate) signature: &'a [u8],
}

impl Config {
    pub(crate) fn new(bundle: Bundle) -> Self {
        let envelope = ConfigEnvelope::decode(bundle.config_envelope()).unwrap_or_default();
        let config = envelope.config.unwrap_or_default();
        let root = config.channel_group.as_ref().map(Group::of);
        Self {
            root: root.unwrap_or_default(),
            bundle,
        }
    }

    /// 3.6, step 1: the identities that signed, each once, in the order of their first good signature.
    pub(crate) fn signers(&self, set: &[Signed<'_>]) -> Vec<Arc<Identity>> {
        let mut accepted: Vec<Arc<Identity>> = Vec::new();
        for signed in set {
            let Ok(identity) = self.bundle.msps().deserialize(signed.identity) else {
                continue;
            };
            let known = accepted.iter().any(|other| other.id() == identity.id());
            if !known && signature_holds(&identity, &signed.message, signed.signature) {
                accepted.push(identity);
            }
        }
        accepted
    }

    /// 3.5: a serialized `ApplicationPolicy`.
    pub(crate) fn satisfies_application(&self, policy: &[u8], signers: &[Arc<Identity>]) -> bool {
        match ApplicationPolicy::decode(policy) {
            Ok(ApplicationPolicy::Signature(envelope)) => satisfies_signature(&envelope, signers),
            Ok(ApplicationPolicy::ChannelReference(id)) => self.satisfies_channel(id, signers),
            Ok(ApplicationPolicy::Unset) | Err(_) => false,
        }
    }

    /// A policy of the configuration, by its id.
    pub(crate) fn satisfies_channel(&self, id: &str, signers: &[Arc<Identity>]) -> bool {
        satisfies_named(&self.root, "Channel", id, signers)
    }

    pub(crate) fn has_policy(&self, id: &str) -> bool {
        find(&self.root, "Channel", id).is_some()
    }
}

/// 6.6.
pub(crate) fn signature_holds(identity: &Identity, message: &[u8], signature: &[u8]) -> bool {
    let message = SignedMessage {
        head: message,
        tail: &[],
    };
    let job = identity.signature_job(message, signature);
    job.is_some_and(|job| verify(&job))
}

/// The policy that the manager of the group at `path` finds under `id`, and the group that it is in.
///
/// Fabric strips a slash behind the group's path from absolute ids without looking at it.
fn find<'c>(group: &'c Group, path: &str, id: &str) -> Option<(&'c Group, String, i32, &'c [u8])> {
    let relative = if let Some(absolute) = id.strip_prefix('/') {
        absolute.strip_prefix(path)?.get(1..)?
    } else {
        id
    };
    let (mut group, mut path, mut rest) = (group, path.to_owned(), relative);
    while let Some((child, below)) = rest.split_once('/') {
        group = group.groups.get(child)?;
        path = format!("{path}/{child}");
        rest = below;
    }
    let (kind, value) = group.policies.get(rest)?;
    Some((group, path, *kind, value))
}

fn satisfies_named(group: &Group, path: &str, id: &str, signers: &[Arc<Identity>]) -> bool {
    match find(group, path, id) {
        Some((_, _, 1, value)) => SignaturePolicyEnvelope::decode(value)
            .is_ok_and(|envelope| satisfies_signature(&envelope, signers)),
        Some((group, path, 3, value)) => ImplicitMetaPolicy::decode(value)
            .is_ok_and(|policy| satisfies_implicit(group, &path, &policy, signers)),
        Some(_) | None => false,
    }
}

/// 3.7: so many of the child groups' policies of that name.
fn satisfies_implicit(
    group: &Group,
    path: &str,
    policy: &ImplicitMetaPolicy<'_>,
    signers: &[Arc<Identity>],
) -> bool {
    let children = group.groups.len();
    let mut remaining = match policy.rule {
        0 => children.min(1),
        1 => children,
        2 if children > 0 => children / 2 + 1,
        _ => 0,
    };
    for (name, child) in &group.groups {
        let path = format!("{path}/{name}");
        if satisfies_named(child, &path, policy.sub_policy, signers) {
            match remaining {
                // An unknown rule asks for none, and fails with the first that is satisfied.
                0 => return false,
                1 => return true,
                _ => remaining -= 1,
            }
        }
    }
    remaining == 0
}

/// 3.6: compiled as a whole first, then evaluated.
pub(crate) fn satisfies_signature(
    policy: &SignaturePolicyEnvelope<'_>,
    signers: &[Arc<Identity>],
) -> bool {
    let Some(rule) = &policy.rule else {
        return false;
    };
    let mut used = vec![false; signers.len()];
    compiles(rule, policy.identities.len())
        && satisfies_rule(rule, &policy.identities, signers, &mut used)
}

/// Whether every node has a member and every index an identity.
pub(crate) fn compiles(rule: &SignaturePolicy, identities: usize) -> bool {
    match rule {
        SignaturePolicy::Unset => false,
        SignaturePolicy::SignedBy(index) => {
            usize::try_from(*index).is_ok_and(|index| index < identities)
        }
        SignaturePolicy::NOutOf(gate) => gate.rules.iter().all(|rule| compiles(rule, identities)),
    }
}

/// First fit, no backtracking, and never stopping early: a rule that holds keeps what it used.
fn satisfies_rule(
    rule: &SignaturePolicy,
    identities: &[MspPrincipal<'_>],
    signers: &[Arc<Identity>],
    used: &mut Vec<bool>,
) -> bool {
    match rule {
        SignaturePolicy::Unset => false,
        SignaturePolicy::SignedBy(index) => {
            let index = usize::try_from(*index).unwrap_or(usize::MAX);
            let Some(principal) = identities.get(index).map(Principal::new) else {
                return false;
            };
            for (signer, used) in signers.iter().zip(used.iter_mut()) {
                if !*used && signer.satisfies(&principal).is_ok() {
                    *used = true;
                    return true;
                }
            }
            false
        }
        SignaturePolicy::NOutOf(gate) => {
            let mut count = 0_i64;
            for rule in &gate.rules {
                let mut tried = used.clone();
                if satisfies_rule(rule, identities, signers, &mut tried) {
                    *used = tried;
                    count += 1;
                }
            }
            count >= i64::from(gate.n)
        }
    }
}
