//! Every signature in a block's transactions: creators' and endorsers'.

use std::sync::Arc;

use rayon::prelude::*;

use super::claims::{Claims, Place, SignerSets};
use crate::channel::Bundle;
use crate::crypto::{SignatureJob, SignedMessage, verify_batch};
use crate::decode::{DecodedTx, SignedKind, TxBody};
use crate::limits;
use crate::msp::Identity;
use crate::sys::process::CpuMeter;
use crate::types::{Digest, ValidationCode};

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
        signers: Arc<[Arc<Identity>]>,
    },
}

/// Signatures that are checked together: enough to share inversions, few enough for the cache.
const JOBS_PER_TASK: usize = 256;

/// Transactions of one task at most: with three signatures each, its jobs are checked together.
const TXS_PER_TASK_MAX: usize = limits::VERIFY_TRANSACTIONS_TOGETHER;

/// And at least: below, less would be shared than is won by spreading.
const TXS_PER_TASK_MIN: usize = 16;

/// Checks all creators and endorsements of one block, or of several for which one configuration is in
/// force, on the current rayon pool; `meter` counts what its workers spend.
///
/// Fabric: `core/common/validation/msgvalidation.go:ValidateTransaction` for creators,
/// `common/policies/policy.go:SignatureSetToValidIdentities` for endorsers.
#[must_use]
pub fn verify_transactions(
    transactions: &[&DecodedTx<'_>],
    bundle: &Bundle,
    meter: &CpuMeter,
) -> Vec<TxVerdict> {
    // Two tasks for each worker, so that none waits long for the last one.
    let even = transactions.len() / (2 * rayon::current_num_threads());
    transactions
        .par_chunks(even.clamp(TXS_PER_TASK_MIN, TXS_PER_TASK_MAX))
        .with_max_len(1)
        .flat_map_iter(|some| verify_some(some, bundle, meter))
        .collect()
}

fn verify_some(
    transactions: &[&DecodedTx<'_>],
    bundle: &Bundle,
    meter: &CpuMeter,
) -> Vec<TxVerdict> {
    let claims = meter.count(|| Claims::of(transactions, bundle));
    let jobs = meter.count(|| Jobs::of(transactions, &claims));
    // Transactions with very many endorsements are spread, too.
    let good: Vec<bool> = jobs
        .jobs
        .par_chunks(JOBS_PER_TASK)
        .with_max_len(1)
        .flat_map_iter(|jobs| meter.count(|| verify_batch(jobs)))
        .collect();
    meter.count(|| verdicts(transactions, &claims, &jobs, &good))
}

/// The signatures of some transactions: per transaction with a valid creator the creator's, then one
/// per endorsement.
struct Jobs<'a> {
    jobs: Vec<SignatureJob<'a>>,
    /// Per signature whether it is a job: one that cannot even be checked (RSA, unknown hash family,
    /// unknown signer) never verifies.
    is_job: Vec<bool>,
}

impl<'a> Jobs<'a> {
    fn of(transactions: &[&'a DecodedTx<'_>], claims: &'a Claims) -> Self {
        let signatures = transactions.len() + claims.endorsers.len();
        let mut jobs = Self {
            jobs: Vec::with_capacity(signatures),
            is_job: Vec::with_capacity(signatures),
        };
        let mut endorsers = claims.endorsers.iter();
        for (transaction, &place) in transactions.iter().zip(&claims.creators) {
            let (TxBody::Signed { creator, kind }, Some(_)) = (&transaction.body, place) else {
                continue;
            };
            let message = SignedMessage {
                head: creator.payload,
                tail: &[],
            };
            jobs.push(
                claims,
                place,
                message,
                creator.payload_digest,
                creator.signature,
            );
            let SignedKind::Endorser(endorser) = kind else {
                continue;
            };
            for endorsement in &endorser.endorsements {
                let message = SignedMessage {
                    head: endorser.proposal_response_payload,
                    tail: endorsement.endorser,
                };
                let place = endorsers.next().copied().flatten();
                jobs.push(claims, place, message, None, endorsement.signature);
            }
        }
        jobs
    }

    fn push(
        &mut self,
        claims: &'a Claims,
        place: Option<Place>,
        message: SignedMessage<'a>,
        digest: Option<Digest>,
        signature: &'a [u8],
    ) {
        let identity = place.and_then(|place| claims.identities.get(place));
        let job = identity.and_then(|identity| identity.signature_job(message, signature));
        self.is_job.push(job.is_some());
        self.jobs
            .extend(job.map(|job| SignatureJob { digest, ..job }));
    }
}

fn verdicts(
    transactions: &[&DecodedTx<'_>],
    claims: &Claims,
    jobs: &Jobs<'_>,
    good: &[bool],
) -> Vec<TxVerdict> {
    let mut good = good.iter().copied();
    let mut signed = jobs
        .is_job
        .iter()
        .map(|is_job| *is_job && good.next().unwrap_or(false));
    let mut endorsers = claims.endorsers.iter();
    let mut sets = SignerSets::default();
    let mut signers = Vec::new();
    let mut verdict = |transaction: &DecodedTx<'_>, creator: Option<Place>| {
        let bad_creator = TxVerdict::Refused(ValidationCode::BadCreatorSignature);
        let kind = match (&transaction.body, creator) {
            (TxBody::Refused(code), _) => return TxVerdict::Refused(*code),
            (TxBody::Signed { .. }, None) => return bad_creator,
            (TxBody::Signed { kind, .. }, Some(_)) => kind,
        };
        let creator_signed = signed.next().unwrap_or(false);
        signers.clear();
        if let SignedKind::Endorser(endorser) = kind {
            let endorsers = endorsers.by_ref().zip(signed.by_ref());
            let known = endorsers.take(endorser.endorsements.len());
            signers.extend(known.filter_map(|(place, good)| place.filter(|_| good)));
        }
        match kind {
            _ if !creator_signed => bad_creator,
            SignedKind::Refused(code) => TxVerdict::Refused(*code),
            SignedKind::Config(_) => TxVerdict::Config,
            SignedKind::Endorser(_) => TxVerdict::Endorser {
                signers: sets.of(&signers, &claims.identities),
            },
        }
    };
    let creators = claims.creators.iter().copied();
    transactions
        .iter()
        .zip(creators)
        .map(|(transaction, creator)| verdict(transaction, creator))
        .collect()
}
