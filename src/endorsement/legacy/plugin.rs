//! The default plugin in its two old forms: without key-level policies, and from capability V1_3 on
//! with them. Neither knows policies of collections.
//!
//! Fabric: `core/handlers/validation/builtin/{v12,v13}`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use super::definitions::LegacyDefinition;
use super::dispatch::Context;
use super::lscc;
use crate::crypto::{SignedMessage, verify_batch};
use crate::decode::{ChaincodeCall, EndorserTx};
use crate::endorsement::candidate::Candidate;
use crate::endorsement::decisions::Decisions;
use crate::endorsement::error::Fault;
use crate::endorsement::key_level::KeyPolicies;
use crate::endorsement::namespace::NamespaceCheck;
use crate::ledger::StateReader;
use crate::lifecycle::{DEFAULT_PLUGIN, LEGACY_NAMESPACE};
use crate::msp::{Identity, MspManager};
use crate::policy::accepted_signers;
use crate::proto::msp::SerializedIdentity;
use crate::proto::peer::Endorsement;
use crate::proto::wire::Message;

impl<S: StateReader> Context<'_, S> {
    /// Whether a namespace's plugin accepts the transaction; code 10 where it does not.
    ///
    /// # Errors
    /// The plugin does not exist, or cannot do its work: the channel must stop.
    pub(super) fn plugin_accepts<K: KeyPolicies<Fault = Fault>>(
        &self,
        candidate: &Candidate<'_>,
        call: &ChaincodeCall<'_>,
        name: &str,
        definition: &LegacyDefinition,
        keys: &K,
    ) -> Result<bool, Fault> {
        let (block, tx) = (self.block, candidate.tx);
        if definition.plugin != DEFAULT_PLUGIN {
            let (chaincode, plugin) = (name.to_owned(), definition.plugin.clone());
            return Err(Fault::UnknownPlugin {
                block,
                tx,
                chaincode,
                plugin,
            });
        }
        let rules = match &definition.rules {
            Ok(rules) => rules,
            Err(error) => {
                return Err(Fault::Definition {
                    block,
                    tx,
                    error: Arc::clone(error),
                });
            }
        };
        let endorsed = if self.capabilities.v1_3_validation {
            let check = NamespaceCheck {
                rules,
                decisions: &Decisions::new(self.bundle.policies()),
                signers: candidate.signers,
                keys,
                tx,
            };
            check.holds(name, call.rwset.namespace(name))?
        } else {
            signers_by_bytes(candidate.endorser, candidate.signers, self.bundle.msps())
                .is_some_and(|signers| rules.policy.evaluate(self.bundle.policies(), &signers))
        };
        if !endorsed || name != LEGACY_NAMESPACE {
            return Ok(endorsed);
        }
        Ok(lscc::check(self, candidate, call)?.is_ok())
    }
}

/// Who endorsed a transaction by the rules before V1_3; `None` where an endorser does not decode,
/// whoever else endorsed.
///
/// Of endorsements with the same MSP id and certificate bytes only the first counts, even if its
/// signature is bad. That identities are told apart by their certificates, too, comes after.
///
/// Fabric: `builtin/v12/validation_logic.go:deduplicateIdentity`.
pub(super) fn signers_by_bytes<'s>(
    endorser: &EndorserTx<'_>,
    accepted: &'s [Arc<Identity>],
    msps: &MspManager,
) -> Option<Cow<'s, [Arc<Identity>]>> {
    let mut known = HashSet::new();
    let mut kept: Vec<&Endorsement<'_>> = Vec::with_capacity(endorser.endorsements.len());
    for endorsement in &endorser.endorsements {
        let identity = SerializedIdentity::decode(endorsement.endorser).ok()?;
        // Fabric: one string, without anything between the parts.
        if known.insert([identity.mspid.as_bytes(), identity.id_bytes].concat()) {
            kept.push(endorsement);
        }
    }
    if kept.len() == endorser.endorsements.len() {
        return Some(Cow::Borrowed(accepted));
    }
    let head = endorser.proposal_response_payload;
    let verified: Vec<(Arc<Identity>, bool)> = kept
        .into_iter()
        .filter_map(|endorsement| {
            let identity = msps.deserialize(endorsement.endorser).ok()?;
            let message = SignedMessage {
                head,
                tail: endorsement.endorser,
            };
            let job = identity.signature_job(message, endorsement.signature);
            let good = job.is_some_and(|job| verify_batch(&[job]) == [true]);
            Some((identity, good))
        })
        .collect();
    let signers = accepted_signers(verified.iter().map(|(identity, good)| (identity, *good)));
    Some(Cow::Owned(signers))
}
