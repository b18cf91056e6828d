//! From a signature set to the ordered signer set that policies are evaluated against.

use std::collections::HashSet;
use std::sync::Arc;

use crate::msp::{Identity, IdentityId};

/// Up to so many signers, comparing them one by one beats hashing.
const LINEAR_SIGNERS_MAX: usize = 16;

/// The signers of a signature set: each entry with its identity and whether its signature is good,
/// in the set's order, without the entries whose identity did not deserialize.
///
/// An identity counts once, at the place of its first good signature: a bad signature does not
/// reserve the identity's place.
///
/// Fabric: `common/policies/policy.go:SignatureSetToValidIdentities`.
#[must_use]
pub fn accepted_signers<'a>(
    signature_set: impl IntoIterator<Item = (&'a Arc<Identity>, bool)>,
) -> Vec<Arc<Identity>> {
    let mut accepted: Vec<Arc<Identity>> = Vec::new();
    let mut known: HashSet<IdentityId> = HashSet::new();
    for (identity, signature_good) in signature_set {
        if !signature_good || is_accepted(identity, &accepted, &known) {
            continue;
        }
        accepted.push(Arc::clone(identity));
        if accepted.len() == LINEAR_SIGNERS_MAX {
            known.extend(accepted.iter().map(|signer| signer.id().clone()));
        } else if accepted.len() > LINEAR_SIGNERS_MAX {
            known.insert(identity.id().clone());
        }
    }
    accepted
}

fn is_accepted(
    identity: &Arc<Identity>,
    accepted: &[Arc<Identity>],
    known: &HashSet<IdentityId>,
) -> bool {
    if accepted.len() >= LINEAR_SIGNERS_MAX {
        return known.contains(identity.id());
    }
    accepted
        .iter()
        .any(|signer| Arc::ptr_eq(signer, identity) || signer.id() == identity.id())
}
