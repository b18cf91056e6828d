//! How the hashes of collections are stored, and that a valid transaction writes to none that is not
//! defined (validation-spec 8.2).
//!
//! Knows nothing of who may write to a collection.

use super::candidate::{Candidate, is_valid};
use super::endorsed::Lifetimes;
use super::error::Fault;
use crate::lifecycle::Collection;
use crate::policy::SignaturePolicy;
use crate::proto::msp::SignaturePolicyEnvelope;
use crate::proto::wire::Message;
use crate::rwset::RwSet;
use crate::types::{BlockNumber, TxIndex, ValidationCode};

/// How a collection is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    /// For how many blocks its hashes live, 0 for ever.
    pub(super) block_to_live: u64,
    /// Whether its member policy can be evaluated at all.
    pub(super) member_policy_is_sound: bool,
}

impl Stored {
    /// An organization's implicit collection.
    pub(super) const IMPLICIT: Self = Self {
        block_to_live: 0,
        member_policy_is_sound: true,
    };

    /// A collection of a definition.
    pub(super) fn of(collection: &Collection) -> Self {
        let member_policy = collection.member_orgs_policy.as_deref();
        Self {
            block_to_live: collection.block_to_live,
            member_policy_is_sound: member_policy.is_some_and(is_sound),
        }
    }
}

/// Whether a member policy compiles. Fabric: `core/common/privdata/collection.go:Setup`.
fn is_sound(member_orgs_policy: &[u8]) -> bool {
    SignaturePolicyEnvelope::decode(member_orgs_policy)
        .is_ok_and(|envelope| SignaturePolicy::compile(&envelope).is_ok())
}

/// Checks that every collection that a valid transaction writes is defined, as `stored` says, and
/// collects for how many blocks the written hashes live.
///
/// # Errors
/// A collection is not defined, or its member policy cannot be evaluated: Fabric cannot commit
/// the block either.
pub(super) fn check_collections(
    block: BlockNumber,
    candidates: &[Candidate<'_>],
    codes: &[ValidationCode],
    lifetimes: &mut Lifetimes,
    stored: impl Fn(TxIndex, &str, &str) -> Result<Option<Stored>, Fault>,
) -> Result<(), Fault> {
    for candidate in candidates
        .iter()
        .filter(|candidate| is_valid(codes, candidate.tx))
    {
        let Ok(call) = &candidate.endorser.action else {
            continue;
        };
        for (chaincode, collection) in written_collections(&call.rwset) {
            let tx = candidate.tx;
            let names = || (chaincode.to_owned(), collection.to_owned());
            match stored(tx, chaincode, collection)? {
                None => {
                    let (chaincode, collection) = names();
                    return Err(Fault::UndefinedCollection {
                        block,
                        tx,
                        chaincode,
                        collection,
                    });
                }
                Some(stored) if !stored.member_policy_is_sound => {
                    let (chaincode, collection) = names();
                    return Err(Fault::MemberPolicy {
                        block,
                        tx,
                        chaincode,
                        collection,
                    });
                }
                Some(stored) => lifetimes.note(chaincode, collection, stored.block_to_live),
            }
        }
    }
    Ok(())
}

/// The collections that a read-write set writes to, with their chaincode.
fn written_collections<'s>(rwset: &'s RwSet<'_>) -> impl Iterator<Item = (&'s str, &'s str)> {
    rwset.namespaces.iter().flat_map(|ns| {
        let written = ns
            .collections
            .iter()
            .filter(|collection| collection.writes_anything());
        written.map(|collection| (ns.name, collection.name))
    })
}
