//! Every signature in a block's transactions: creators' and endorsers'.

use std::sync::Arc;

use rayon::prelude::*;

use crate::channel::Bundle;
use crate::crypto::{SignatureJob, SignedMessage, verify_batch};
use crate::decode::{Creator, DecodedBlock, DecodedTx, SignedKind, TxBody};
use crate::msp::Identity;
use crate::policy::accepted_signers;
use crate::sys::process::CpuMeter;
use crate::types::ValidationCode;

/// What is known of a transaction once signatures are checked.
#[derive(Debug)]
pub enum TxVerdict {
    /// Refused: 2, 3, 4, 5, 6, 7, 8 or 255.
    Refused(ValidationCode),
    /// A config transaction with a good creator.
    Config,
    /// An endorser transaction with a good creator.
    Endorser {
        /// Who endorsed it: distinct identities of the channel with good signatures, in order.
        signers: Vec<Arc<Identity>>,
    },
}

/// Jobs that one task checks: enough to share inversions, few enough to spread.
const JOBS_PER_TASK: usize = 64;

/// Transactions whose identities one task looks up.
const LOOKUPS_PER_TASK: usize = 32;

/// The identities that a transaction names.
struct Claims {
    /// `None` where the transaction is refused already, or its creator is not valid.
    creator: Option<Arc<Identity>>,
    /// One per endorsement; `None` where it is no identity of the channel.
    endorsers: Vec<Option<Arc<Identity>>>,
}

/// Checks all creators and endorsements of a block, on the current rayon pool; `meter` counts what its
/// workers spend.
///
/// Fabric: `core/common/validation/msgvalidation.go:ValidateTransaction` for creators,
/// `common/policies/policy.go:SignatureSetToValidIdentities` for endorsers.
#[must_use]
pub fn verify_transactions(
    decoded: &DecodedBlock,
    bundle: &Bundle,
    meter: &CpuMeter,
) -> Vec<TxVerdict> {
    let transactions = &decoded.contents().transactions;
    let claims: Vec<Claims> = transactions
        .par_chunks(LOOKUPS_PER_TASK)
        .flat_map_iter(|chunk| {
            let claims = |transaction| claims(transaction, bundle);
            meter.count(|| chunk.iter().map(claims).collect::<Vec<_>>())
        })
        .collect();
    let jobs: Vec<Option<SignatureJob<'_>>> = transactions
        .iter()
        .zip(&claims)
        .flat_map(|(tx, claims)| jobs(tx, claims))
        .collect();
    let flat: Vec<SignatureJob<'_>> = jobs.iter().flatten().cloned().collect();
    let verdicts: Vec<bool> = flat
        .par_chunks(JOBS_PER_TASK)
        .flat_map_iter(|jobs| meter.count(|| verify_batch(jobs)))
        .collect();

    // A job that cannot even be made (RSA, unknown hash family) is a signature that never verifies.
    let mut verdicts = verdicts.into_iter();
    let mut results = jobs
        .iter()
        .map(|job| job.is_some() && verdicts.next().unwrap_or(false));
    transactions
        .iter()
        .zip(&claims)
        .map(|(transaction, claims)| verdict(transaction, claims, &mut results))
        .collect()
}

fn claims(transaction: &DecodedTx<'_>, bundle: &Bundle) -> Claims {
    let none = Claims {
        creator: None,
        endorsers: Vec::new(),
    };
    let TxBody::Signed { creator, kind } = &transaction.body else {
        return none;
    };
    let Some(creator) = valid_creator(creator, bundle) else {
        return none;
    };
    let endorsers = match kind {
        SignedKind::Endorser(endorser) => endorser
            .endorsements
            .iter()
            .map(|endorsement| bundle.msps().deserialize(endorsement.endorser).ok())
            .collect(),
        SignedKind::Refused(_) | SignedKind::Config(_) => Vec::new(),
    };
    Claims {
        creator: Some(creator),
        endorsers,
    }
}

/// The creator, if it is a valid identity of this channel. An empty channel id selects the peer's
/// local MSP in Fabric, and then stops the channel; here it is no identity of the channel.
fn valid_creator(creator: &Creator<'_>, bundle: &Bundle) -> Option<Arc<Identity>> {
    if creator.channel_id != bundle.channel_id().as_str() {
        return None;
    }
    let identity = bundle.msps().deserialize(creator.identity).ok()?;
    identity.validate().is_ok().then_some(identity)
}

/// The creator's job, then one per endorsement; nothing where the creator is not valid. `None` for
/// a signature that cannot be checked and so does not count.
fn jobs<'a>(
    transaction: &'a DecodedTx<'_>,
    claims: &'a Claims,
) -> impl Iterator<Item = Option<SignatureJob<'a>>> {
    let creator = match (&transaction.body, &claims.creator) {
        (TxBody::Signed { creator, kind }, Some(identity)) => Some((creator, kind, identity)),
        _ => None,
    };
    creator.into_iter().flat_map(|(creator, kind, identity)| {
        let message = SignedMessage {
            head: creator.payload,
            tail: &[],
        };
        let first = identity.signature_job(message, creator.signature);
        let endorser = match kind {
            SignedKind::Endorser(endorser) => Some(endorser),
            SignedKind::Refused(_) | SignedKind::Config(_) => None,
        };
        let endorsements =
            endorser.into_iter().flat_map(|endorser| {
                let head = endorser.proposal_response_payload;
                endorser.endorsements.iter().zip(&claims.endorsers).map(
                    move |(endorsement, known)| {
                        let message = SignedMessage {
                            head,
                            tail: endorsement.endorser,
                        };
                        known
                            .as_ref()?
                            .signature_job(message, endorsement.signature)
                    },
                )
            });
        std::iter::once(first).chain(endorsements)
    })
}

fn verdict(
    transaction: &DecodedTx<'_>,
    claims: &Claims,
    results: &mut impl Iterator<Item = bool>,
) -> TxVerdict {
    let (kind, creator) = match &transaction.body {
        TxBody::Refused(code) => return TxVerdict::Refused(*code),
        TxBody::Signed { kind, .. } => (kind, &claims.creator),
    };
    let bad_creator = TxVerdict::Refused(ValidationCode::BadCreatorSignature);
    if creator.is_none() {
        return bad_creator;
    }
    let signed = results.next().unwrap_or(false);
    let endorsers: Vec<(&Option<Arc<Identity>>, bool)> = claims
        .endorsers
        .iter()
        .map(|identity| (identity, results.next().unwrap_or(false)))
        .collect();
    match kind {
        _ if !signed => bad_creator,
        SignedKind::Refused(code) => TxVerdict::Refused(*code),
        SignedKind::Config(_) => TxVerdict::Config,
        SignedKind::Endorser(_) => {
            let known = endorsers
                .iter()
                .filter_map(|(known, good)| Some((known.as_ref()?, *good)));
            TxVerdict::Endorser {
                signers: accepted_signers(known),
            }
        }
    }
}
