//! The orderers' signatures over a block, in raft (or solo) and in BFT form (validation-spec 1.6).

use std::sync::Arc;

use super::error::{Fault, Refusal, Rejection};
use crate::channel::Bundle;
use crate::crypto::{SignatureJob, SignedMessage, verify_batch};
use crate::decode::DecodedBlock;
use crate::msp::Identity;
use crate::policy::accepted_signers;
use crate::proto::common::metadata_index;
use crate::proto::common::{IdentifierHeader, Metadata, MetadataSignature, SignatureHeader};
use crate::proto::wire::{Message, WireError, put_bytes};
use crate::types::BlockNumber;

/// The policy that a block's signatures must satisfy.
const BLOCK_VALIDATION: &str = "/Channel/Orderer/BlockValidation";

/// Checks a block's signatures against the channel's BlockValidation policy, over a header as orderers
/// sign it and the block's metadata slots.
///
/// # Errors
/// The block is refused; or the channel has no such policy.
///
/// Fabric: `protoutil/blockutils.go:BlockSignatureVerifier`.
pub fn check_signatures(
    number: BlockNumber,
    header: &[u8],
    metadata: &[&[u8]],
    bundle: &Bundle,
) -> Result<(), Refusal> {
    let claims = BlockClaims::of(number, header, metadata, bundle)?;
    let jobs: Vec<_> = claims.jobs().collect();
    claims.decide(&mut verify_batch(&jobs).into_iter(), bundle)
}

/// As [`check_signatures`], of several blocks for which one configuration is in force.
pub(super) fn check_block_signatures(
    blocks: &[&DecodedBlock],
    bundle: &Bundle,
) -> Vec<Result<(), Refusal>> {
    let claims = blocks.iter().map(|decoded| {
        let metadata = &decoded.contents().metadata;
        BlockClaims::of(decoded.number(), decoded.header_bytes(), metadata, bundle)
    });
    let claims: Vec<_> = claims.collect();
    let jobs: Vec<_> = claims
        .iter()
        .flatten()
        .flat_map(BlockClaims::jobs)
        .collect();
    let mut good = verify_batch(&jobs).into_iter();
    let decided = claims
        .into_iter()
        .map(|claims| claims?.decide(&mut good, bundle));
    decided.collect()
}

/// Who claims to have signed a block, as far as the channel knows them.
struct BlockClaims<'a> {
    number: BlockNumber,
    /// How many signatures the block has.
    signatures: usize,
    known: Vec<KnownClaim<'a>>,
}

struct KnownClaim<'a> {
    identity: Arc<Identity>,
    message: Vec<u8>,
    signature: &'a [u8],
}

impl<'a> BlockClaims<'a> {
    fn of(
        number: BlockNumber,
        header: &[u8],
        metadata: &[&'a [u8]],
        bundle: &Bundle,
    ) -> Result<Self, Rejection> {
        let undecodable = |error| Rejection::SignaturesUndecodable { number, error };
        let slot = metadata.get(metadata_index::SIGNATURES).copied();
        let metadata = Metadata::decode(slot.unwrap_or_default()).map_err(undecodable)?;
        let mut known = Vec::new();
        for signature in &metadata.signatures {
            let Some(claim) = claim(signature, bundle).map_err(undecodable)? else {
                continue;
            };
            let Ok(identity) = bundle.msps().deserialize(&claim.identity) else {
                continue;
            };
            known.push(KnownClaim {
                identity,
                message: [metadata.value, claim.header, header].concat(),
                signature: signature.signature,
            });
        }
        Ok(Self {
            number,
            signatures: metadata.signatures.len(),
            known,
        })
    }

    /// The signatures that can be checked at all.
    fn jobs(&self) -> impl Iterator<Item = SignatureJob<'_>> {
        self.known.iter().filter_map(KnownClaim::job)
    }

    /// Whether the policy holds. `good` gives a verdict for each of the jobs.
    fn decide(
        &self,
        good: &mut impl Iterator<Item = bool>,
        bundle: &Bundle,
    ) -> Result<(), Refusal> {
        let signers = self.known.iter().map(|claim| {
            let good = claim.job().is_some() && good.next().unwrap_or(false);
            (&claim.identity, good)
        });
        let accepted = accepted_signers(signers);
        let policy = bundle.policies().policy(BLOCK_VALIDATION);
        let policy = policy.ok_or(Fault::NoBlockValidationPolicy)?;
        if policy.evaluate(&accepted) {
            return Ok(());
        }
        Err(Rejection::Signatures {
            number: self.number,
            signatures: self.signatures,
            accepted: accepted.len(),
        }
        .into())
    }
}

impl KnownClaim<'_> {
    fn job(&self) -> Option<SignatureJob<'_>> {
        let message = SignedMessage {
            head: &self.message,
            tail: &[],
        };
        self.identity.signature_job(message, self.signature)
    }
}

/// Who claims to have signed, and with which header.
struct Claim<'a> {
    identity: Vec<u8>,
    header: &'a [u8],
}

/// `None` where the entry is skipped: a consenter that the channel does not have.
fn claim<'a>(
    signature: &MetadataSignature<'a>,
    bundle: &Bundle,
) -> Result<Option<Claim<'a>>, WireError> {
    let by_id = bundle.capabilities().bft()
        && signature.signature_header.is_empty()
        && !signature.identifier_header.is_empty();
    if !by_id {
        let header = SignatureHeader::decode(signature.signature_header)?;
        let identity = header.creator.to_vec();
        return Ok(Some(Claim {
            identity,
            header: signature.signature_header,
        }));
    }
    let header = IdentifierHeader::decode(signature.identifier_header)?;
    let consenters = &bundle.orderer().consenters;
    let consenter = consenters
        .iter()
        .find(|consenter| consenter.id == header.identifier);
    Ok(consenter.and_then(|consenter| {
        let mut identity = Vec::new();
        put_bytes(&mut identity, 1, consenter.msp_id.as_bytes());
        put_bytes(&mut identity, 2, &consenter.identity);
        (!identity.is_empty()).then_some(Claim {
            identity,
            header: signature.identifier_header,
        })
    }))
}
