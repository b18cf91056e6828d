//! Expected and found, where a check compares two things.

use super::answer::{guarded, version};
use super::policies::first_line;
use super::words::quoted;
use crate::decode::TxFlaw;
use crate::explain::reason::{CreatorProblem, Explanation, NameProblem, RangeDifference, Reason};
use crate::types::Version;

/// What the check that decided expected, and what it found.
pub(super) fn expected_and_found(explanation: &Explanation) -> Option<(String, String)> {
    match &explanation.reason {
        Reason::Structure { flaw } => structure(flaw, explanation),
        Reason::Creator {
            problem: CreatorProblem::OtherChannel { found },
        } => Some((quoted(&explanation.channel), quoted(found))),
        Reason::ChaincodeName {
            problem: NameProblem::Differs { header, action },
        } => Some((quoted(header), quoted(action))),
        Reason::Policy { policy } => {
            let note = explanation.policies.get(*policy)?;
            let (needed, met) = first_line(&note.trace)?;
            let guarded = guarded(&note.namespace, &note.guard);
            Some((format!("{needed}, to change {guarded}"), met))
        }
        Reason::ReadConflict { read, found, .. } => Some((
            format!("{}, as it was read", optional(*read)),
            format!("{}, when it was validated", optional(*found)),
        )),
        Reason::Phantom { difference, .. } => range(difference),
        Reason::ExpiredVersion {
            invoked, defined, ..
        } => Some((
            format!("version {}", quoted(defined)),
            format!("version {}", quoted(invoked)),
        )),
        Reason::Inconsistent {
            recomputed,
            explained,
        } => Some((
            format!("code {}, as stored", explanation.code.number()),
            format!("code {recomputed} when validated again, a reason for code {explained}"),
        )),
        Reason::Valid
        | Reason::Creator { .. }
        | Reason::Duplicate { .. }
        | Reason::ChaincodeName { .. }
        | Reason::Event { .. }
        | Reason::NamespaceTwice { .. }
        | Reason::NotDefined { .. }
        | Reason::KeyPolicyChanged { .. }
        | Reason::NoCollection { .. }
        | Reason::Upgraded { .. }
        | Reason::SystemChaincode { .. }
        | Reason::LegacyLifecycle { .. } => None,
    }
}

fn structure(flaw: &TxFlaw, explanation: &Explanation) -> Option<(String, String)> {
    match flaw {
        TxFlaw::TxId { computed } => Some((computed.to_string(), quoted(&explanation.txid))),
        TxFlaw::ProposalHash { computed, found } => Some((computed.to_string(), found.to_string())),
        // Their sentence has both.
        TxFlaw::Undecodable { .. }
        | TxFlaw::Missing { .. }
        | TxFlaw::HeaderType { .. }
        | TxFlaw::Epoch { .. }
        | TxFlaw::ConfigUpdate
        | TxFlaw::ActionCount { .. } => None,
    }
}

fn range(difference: &RangeDifference) -> Option<(String, String)> {
    let (expected, found) = match difference {
        RangeDifference::Appeared { key, found, .. } => (
            format!("no key {}", quoted(&key.key)),
            format!("key {} at {}", quoted(&key.key), version(*found)),
        ),
        RangeDifference::Vanished { key, read, .. } => (
            format!("key {} at {}", quoted(&key.key), optional(*read)),
            "no such key".to_owned(),
        ),
        RangeDifference::Changed {
            key, read, found, ..
        } => (
            format!("key {} at {}", quoted(&key.key), optional(*read)),
            format!("key {} at {}", quoted(&key.key), version(*found)),
        ),
        RangeDifference::Summary { .. } => return None,
    };
    Some((expected, found))
}

fn optional(found: Option<Version>) -> String {
    found.map_or_else(|| "no version: the key does not exist".to_owned(), version)
}
