//! The seam: lists of identity signatures in, one verdict each out.
//!
//! Whatever makes this fast works behind these functions. Invariant: the verdict of a job is that of
//! [`verify`] on this job alone, which leaves everything to the libraries.

use std::sync::Arc;

use crate::crypto::hash::sha3_256_parts;
use crate::crypto::p256::{self, Answer, Numbers};
use crate::crypto::sha_lanes::{self, Pieces};
use crate::crypto::table_cache::{KeyTable, LeasedTable, Slot};
use crate::crypto::{
    Backend, EcdsaKey, Ed25519Key, PublicKey, SignatureHash, ecdsa, ed25519, sha256_parts,
};
use crate::types::Digest;

/// A message in two pieces: what is signed is `head` followed by `tail`.
///
/// The endorsements of one transaction sign the same proposal response followed by one endorser each;
/// jobs that stand together and share a `head` (same address, same length) hash it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedMessage<'a> {
    /// The shared piece.
    pub head: &'a [u8],
    /// This job's own piece; may be empty.
    pub tail: &'a [u8],
}

/// One identity signature to verify.
#[derive(Debug, Clone, Copy)]
pub struct SignatureJob<'a> {
    /// The signer's key.
    pub key: &'a PublicKey,
    /// The hash of the signer's MSP. Ed25519 does not use it.
    pub hash: SignatureHash,
    /// What is signed.
    pub message: SignedMessage<'a>,
    /// SHA-256 of the message, where somebody has it already.
    pub digest: Option<Digest>,
    /// The signature as it came.
    pub signature: &'a [u8],
}

/// Jobs that are verified together: they share one inversion, and what is known of them fits into the
/// cache beside some tables.
const JOBS_TOGETHER: usize = 256;

/// Verifies every job; the verdicts stand in the order of the jobs. Uses the backend that is in use.
#[must_use]
pub fn verify_batch(jobs: &[SignatureJob<'_>]) -> Vec<bool> {
    verify_batch_with(Backend::in_use(), jobs)
}

/// [`verify_batch`] with a backend of the caller's choice, one that is available.
#[must_use]
pub fn verify_batch_with(backend: Backend, jobs: &[SignatureJob<'_>]) -> Vec<bool> {
    let mut verdicts = vec![false; jobs.len()];
    for (jobs, verdicts) in jobs
        .chunks(JOBS_TOGETHER)
        .zip(verdicts.chunks_mut(JOBS_TOGETHER))
    {
        let tables = match backend {
            Backend::Library => Tables::none(),
            Backend::Scalar | Backend::Avx512Ifma => {
                Tables::of(jobs.iter().map(|job| job.key.p256_slot()))
            }
        };
        verify_together(backend, jobs, &tables, verdicts);
    }
    verdicts
}

/// An ECDSA signature that needs a digest.
struct Pending<'a, 'v> {
    job: &'a SignatureJob<'a>,
    key: &'a EcdsaKey,
    /// What a backend checks: the numbers of a P-256 signature, and its key's table.
    numbers: Option<(Numbers, &'a LeasedTable<p256::Table>)>,
    verdict: &'v mut bool,
}

fn verify_together(
    backend: Backend,
    jobs: &[SignatureJob<'_>],
    tables: &Tables<p256::Table>,
    verdicts: &mut [bool],
) {
    let mut pending = Vec::with_capacity(jobs.len());
    let mut of_ed25519 = Vec::new();
    for (at, (job, verdict)) in jobs.iter().zip(verdicts).enumerate() {
        let key = match job.key {
            PublicKey::Ecdsa(key) => key,
            PublicKey::Ed25519(key) => {
                of_ed25519.push(PendingEd25519 { job, key, verdict });
                continue;
            }
            PublicKey::Rsa(_) => continue,
        };
        let numbers = match tables.of_job(at) {
            None => None,
            Some(table) => match ecdsa::p256_numbers(key, job.signature) {
                Some(numbers) => Some((numbers, table)),
                // What is not in range is no good signature, and needs no digest.
                None => continue,
            },
        };
        pending.push(Pending {
            job,
            key,
            numbers,
            verdict,
        });
    }
    verify_ed25519(backend, of_ed25519);
    let digests = digests(backend, &pending);
    let checks: Vec<_> = pending
        .iter()
        .zip(&digests)
        .filter_map(|(pending, digest)| {
            let (numbers, table) = pending.numbers.as_ref()?;
            Some(numbers.check(&digest.0, table))
        })
        .collect();
    let mut answers = p256::answers(backend, &checks).into_iter();
    for (pending, digest) in pending.into_iter().zip(digests) {
        let answer = pending.numbers.and_then(|_| answers.next());
        *pending.verdict = match answer {
            Some(Answer::Good) => true,
            // The library has the last word on what was not found good.
            Some(Answer::Bad | Answer::Unsure) | None => {
                ecdsa::verify_identity(pending.key, digest.as_ref(), pending.job.signature)
            }
        };
    }
}

/// The digests of what was signed, in the order of the jobs.
fn digests(backend: Backend, pending: &[Pending<'_, '_>]) -> Vec<Digest> {
    let to_hash =
        |job: &SignatureJob<'_>| job.hash == SignatureHash::Sha256 && job.digest.is_none();
    let messages: Vec<Pieces<'_>> = pending
        .iter()
        .filter(|pending| to_hash(pending.job))
        .map(|pending| [pending.job.message.head, pending.job.message.tail, &[]])
        .collect();
    let mut hashed = sha_lanes::digests(backend, &messages).into_iter();
    pending
        .iter()
        .map(|pending| {
            let found = to_hash(pending.job).then(|| hashed.next()).flatten();
            found.unwrap_or_else(|| digest_of(pending.job))
        })
        .collect()
}

/// An Ed25519 signature to verify.
struct PendingEd25519<'a, 'v> {
    job: &'a SignatureJob<'a>,
    key: &'a Ed25519Key,
    verdict: &'v mut bool,
}

fn verify_ed25519(backend: Backend, pending: Vec<PendingEd25519<'_, '_>>) {
    let tables = match backend {
        Backend::Library => Tables::none(),
        Backend::Scalar | Backend::Avx512Ifma => {
            Tables::of(pending.iter().map(|pending| pending.key.table_slot()))
        }
    };
    let mut checks = Vec::with_capacity(pending.len());
    let mut checked = Vec::with_capacity(pending.len());
    for (at, pending) in pending.into_iter().enumerate() {
        let SignedMessage { head, tail } = pending.job.message;
        let (key, signature) = (pending.key, pending.job.signature);
        let check = tables
            .of_job(at)
            .and_then(|table| key.check(table, [head, tail], signature));
        match check {
            Some(check) => {
                checks.push(check);
                checked.push(pending);
            }
            None => *pending.verdict = key.verify(&[head, tail], signature),
        }
    }
    for (pending, good) in checked
        .into_iter()
        .zip(ed25519::good_ones(backend, &checks))
    {
        let SignedMessage { head, tail } = pending.job.message;
        // The library has the last word on what was not found good.
        *pending.verdict = good || pending.key.verify(&[head, tail], pending.job.signature);
    }
}

/// The tables of the keys of some jobs.
struct Tables<T: KeyTable> {
    tables: Vec<Option<Arc<LeasedTable<T>>>>,
    /// Per job, where its key's table stands.
    by_job: Vec<Option<usize>>,
}

impl<T: KeyTable> Tables<T> {
    fn none() -> Self {
        Self {
            tables: Vec::new(),
            by_job: Vec::new(),
        }
    }

    /// Looks each key up once, so that a table counts as many uses as it gets before it is decided
    /// whether it is worth computing.
    fn of<'a>(slots_by_job: impl Iterator<Item = Option<&'a Arc<Slot<T>>>>) -> Self
    where
        T: 'a,
    {
        let mut slots: Vec<(&Arc<Slot<T>>, u32)> = Vec::new();
        let by_job = slots_by_job
            .map(|slot| {
                let slot = slot?;
                // The same few keys sign again and again: the last ones first.
                let known = slots
                    .iter()
                    .rposition(|(known, _)| Arc::ptr_eq(known, slot));
                let at = known.unwrap_or(slots.len());
                match slots.get_mut(at) {
                    Some((_, uses)) => *uses += 1,
                    None => slots.push((slot, 1)),
                }
                Some(at)
            })
            .collect();
        let tables = slots
            .into_iter()
            .map(|(slot, uses)| slot.table(uses))
            .collect();
        Self { tables, by_job }
    }

    fn of_job(&self, at: usize) -> Option<&LeasedTable<T>> {
        let table = (*self.by_job.get(at)?)?;
        self.tables.get(table)?.as_deref()
    }
}

/// Verifies one identity signature by Fabric's rules. RSA never verifies.
// Fabric: msp/identities.go:Verify.
#[must_use]
pub fn verify(job: &SignatureJob<'_>) -> bool {
    match job.key {
        PublicKey::Ecdsa(key) => {
            ecdsa::verify_identity(key, digest_of(job).as_ref(), job.signature)
        }
        PublicKey::Ed25519(key) => key.verify(&[job.message.head, job.message.tail], job.signature),
        PublicKey::Rsa(_) => false,
    }
}

fn digest_of(job: &SignatureJob<'_>) -> Digest {
    let parts = [job.message.head, job.message.tail];
    match (job.hash, job.digest) {
        (SignatureHash::Sha256, Some(digest)) => digest,
        (SignatureHash::Sha256, None) => sha256_parts(&parts),
        (SignatureHash::Sha3_256, _) => sha3_256_parts(&parts),
    }
}
