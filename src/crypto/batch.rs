//! The seam: lists of identity signatures in, one verdict each out.
//!
//! Whatever makes this fast works behind these functions. Invariant: the verdict of a job is that of
//! [`verify`] on this job alone, which leaves everything to the libraries.

use std::sync::Arc;

use crate::crypto::hash::sha3_256_parts;
use crate::crypto::p256::{self, Answer};
use crate::crypto::table_cache::{KeyTable, LeasedTable, Slot};
use crate::crypto::{
    Backend, EcdsaKey, Ed25519Key, PublicKey, Sha256, SignatureHash, ecdsa, ed25519, sha256,
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

/// A P-256 signature that a backend checks.
struct Pending<'a, 'v> {
    job: &'a SignatureJob<'a>,
    key: &'a EcdsaKey,
    digest: Digest,
    verdict: &'v mut bool,
}

fn verify_together(
    backend: Backend,
    jobs: &[SignatureJob<'_>],
    tables: &Tables<p256::Table>,
    verdicts: &mut [bool],
) {
    let mut heads = SharedHead::default();
    let mut checks = Vec::with_capacity(jobs.len());
    let mut pending = Vec::with_capacity(jobs.len());
    let mut of_ed25519 = Vec::new();
    let nexts = jobs.iter().skip(1).map(Some).chain([None]);
    for (at, ((job, next), verdict)) in jobs.iter().zip(nexts).zip(verdicts).enumerate() {
        if let PublicKey::Ed25519(key) = job.key {
            of_ed25519.push(PendingEd25519 { job, key, verdict });
            continue;
        }
        let (PublicKey::Ecdsa(key), Some(table)) = (job.key, tables.of_job(at)) else {
            *verdict = verify_with(job, |job| heads.digest(job, next));
            continue;
        };
        // What is not in range is no good signature, and needs no digest.
        let Some(numbers) = ecdsa::p256_numbers(key, job.signature) else {
            continue;
        };
        let digest = heads.digest(job, next);
        checks.push(numbers.check(&digest.0, table));
        pending.push(Pending {
            job,
            key,
            digest,
            verdict,
        });
    }
    verify_ed25519(backend, of_ed25519);
    for (pending, answer) in pending.into_iter().zip(p256::answers(backend, &checks)) {
        *pending.verdict = match answer {
            Answer::Good => true,
            // The library has the last word on what was not found good.
            Answer::Bad | Answer::Unsure => {
                ecdsa::verify_identity(pending.key, pending.digest.as_ref(), pending.job.signature)
            }
        };
    }
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
    verify_with(job, |job| SharedHead::default().digest(job, None))
}

fn verify_with<'a>(
    job: &SignatureJob<'a>,
    digest: impl FnOnce(&SignatureJob<'a>) -> Digest,
) -> bool {
    match job.key {
        PublicKey::Ecdsa(key) => ecdsa::verify_identity(key, digest(job).as_ref(), job.signature),
        PublicKey::Ed25519(key) => key.verify(&[job.message.head, job.message.tail], job.signature),
        PublicKey::Rsa(_) => false,
    }
}

/// The hash state after the `head` of the last job, while the next job has the same one.
#[derive(Default)]
struct SharedHead<'a> {
    after: Option<(&'a [u8], Sha256)>,
}

impl<'a> SharedHead<'a> {
    fn digest(&mut self, job: &SignatureJob<'a>, next: Option<&SignatureJob<'a>>) -> Digest {
        let SignedMessage { head, tail } = job.message;
        if job.hash == SignatureHash::Sha3_256 {
            return sha3_256_parts(&[head, tail]);
        }
        let shared = next.is_some_and(|next| same(next.message.head, head));
        let mut state = match self.after.take() {
            Some((of, state)) if same(of, head) => state,
            _ if tail.is_empty() && !shared => return sha256(head),
            _ => {
                let mut state = Sha256::new();
                state.update(head);
                state
            }
        };
        if shared {
            self.after = Some((head, state.clone()));
        }
        state.update(tail);
        state.finish()
    }
}

fn same(one: &[u8], other: &[u8]) -> bool {
    std::ptr::eq(one, other)
}
