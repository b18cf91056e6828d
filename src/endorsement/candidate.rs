//! The transactions of a block that are endorsed by somebody and new to the ledger, and their codes.
//!
//! Knows nothing of policies.

use std::sync::Arc;

use hashbrown::HashSet;

use super::transaction::validated_namespaces;
use crate::decode::{ChaincodeCall, Creator, EndorserTx, SignedKind, TxBody};
use crate::ledger::TxKey;
use crate::msp::Identity;
use crate::types::{TxIndex, ValidationCode};
use crate::verify::{TxVerdict, VerifiedBlock};

/// An endorser transaction of sound structure with a good creator.
#[derive(Debug)]
pub(super) struct Candidate<'b> {
    pub(super) tx: TxIndex,
    /// Its id, as indexes have it.
    pub(super) tx_key: TxKey,
    /// Who submitted it.
    pub(super) creator: &'b Creator<'b>,
    pub(super) endorser: &'b EndorserTx<'b>,
    /// Who endorsed it, by the rules of [`TxVerdict::Endorser`].
    pub(super) signers: &'b [Arc<Identity>],
}

/// The candidates of a block, in order.
pub(super) fn candidates(verified: &VerifiedBlock) -> Vec<Candidate<'_>> {
    let transactions = &verified.decoded().contents().transactions;
    let numbered = (0_u32..)
        .map(TxIndex)
        .zip(transactions)
        .zip(verified.verdicts());
    numbered
        .filter_map(
            |((tx, transaction), verdict)| match (&transaction.body, verdict) {
                (
                    TxBody::Signed {
                        creator,
                        kind: SignedKind::Endorser(endorser),
                    },
                    TxVerdict::Endorser { signers },
                ) => Some(Candidate {
                    tx,
                    tx_key: transaction.tx_key,
                    creator,
                    endorser,
                    signers,
                }),
                _ => None,
            },
        )
        .collect()
}

/// What the candidates say they did, where that decodes.
pub(super) fn calls<'c, 'b: 'c>(
    candidates: &'c [Candidate<'b>],
) -> impl Iterator<Item = &'b ChaincodeCall<'b>> + 'c {
    candidates
        .iter()
        .filter_map(|candidate| candidate.endorser.action.as_ref().ok())
}

/// The namespaces whose definition the candidates may need.
pub(super) fn names<'c, 'b: 'c>(
    candidates: &'c [Candidate<'b>],
) -> impl Iterator<Item = &'b str> + 'c {
    calls(candidates).flat_map(|call| validated_namespaces(call))
}

/// The code of every transaction before candidates are looked at.
pub(super) fn codes_so_far(verified: &VerifiedBlock) -> Vec<ValidationCode> {
    let code = |verdict: &TxVerdict| match verdict {
        TxVerdict::Refused(code) => *code,
        TxVerdict::Config => ValidationCode::Valid,
        TxVerdict::Endorser { .. } => ValidationCode::NotValidated,
    };
    verified.verdicts().iter().map(code).collect()
}

/// Gives a transaction its code.
pub(super) fn set(codes: &mut [ValidationCode], tx: TxIndex, code: ValidationCode) {
    if let Some(slot) = codes.get_mut(tx.0 as usize) {
        *slot = code;
    }
}

/// Whether a transaction is valid so far.
pub(super) fn is_valid(codes: &[ValidationCode], tx: TxIndex) -> bool {
    codes.get(tx.0 as usize).is_some_and(|code| code.is_valid())
}

/// Later transactions with the id of one that is valid so far are duplicates, also if that one turns
/// out to conflict.
///
/// Fabric: `core/committer/txvalidator/v20/validator.go:markTXIdDuplicates`.
pub(super) fn mark_duplicates(candidates: &[Candidate<'_>], codes: &mut [ValidationCode]) {
    let mut seen = HashSet::with_capacity(candidates.len());
    for candidate in candidates {
        if is_valid(codes, candidate.tx) && !seen.insert(candidate.tx_key) {
            set(codes, candidate.tx, ValidationCode::DuplicateTxid);
        }
    }
}
