//! The seam: lists of identity signatures in, one verdict each out.
//!
//! Whatever makes this fast works behind these two functions. Invariant: the verdict of a job is
//! that of [`verify`] on this job alone.

use crate::crypto::hash::sha3_256_parts;
use crate::crypto::{PublicKey, Sha256, SignatureHash, ecdsa, sha256};
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

/// Verifies every job; the verdicts stand in the order of the jobs.
#[must_use]
pub fn verify_batch(jobs: &[SignatureJob<'_>]) -> Vec<bool> {
    let mut heads = SharedHead::default();
    let mut rest = jobs.iter();
    let mut verdicts = Vec::with_capacity(jobs.len());
    while let Some(job) = rest.next() {
        let next = rest.as_slice().first();
        verdicts.push(verify_with(job, |job| heads.digest(job, next)));
    }
    verdicts
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
