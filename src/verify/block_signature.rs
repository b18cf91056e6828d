//! The orderers' signatures over a block, in raft (or solo) and in BFT form (validation-spec 1.6).

use std::sync::Arc;

use super::error::{Fault, Refusal, Rejection};
use crate::channel::Bundle;
use crate::crypto::{SignedMessage, verify};
use crate::decode::DecodedBlock;
use crate::msp::Identity;
use crate::policy::accepted_signers;
use crate::proto::common::metadata_index;
use crate::proto::common::{IdentifierHeader, Metadata, MetadataSignature, SignatureHeader};
use crate::proto::wire::{Message, WireError, put_bytes};
use crate::types::BlockNumber;

/// The policy that a block's signatures must satisfy.
const BLOCK_VALIDATION: &str = "/Channel/Orderer/BlockValidation";

/// Checks a block's signatures against the channel's BlockValidation policy.
///
/// # Errors
/// The block is refused; or the channel has no such policy.
///
/// Fabric: `protoutil/blockutils.go:BlockSignatureVerifier`.
pub fn check_block_signatures(decoded: &DecodedBlock, bundle: &Bundle) -> Result<(), Refusal> {
    let metadata = &decoded.contents().metadata;
    check_signatures(decoded.number(), decoded.header_bytes(), metadata, bundle)
}

/// As [`check_block_signatures`], of a block with this header, as orderers sign it, and these metadata
/// slots.
///
/// # Errors
/// As [`check_block_signatures`].
pub fn check_signatures(
    number: BlockNumber,
    header: &[u8],
    metadata: &[&[u8]],
    bundle: &Bundle,
) -> Result<(), Refusal> {
    let undecodable = |error| Rejection::SignaturesUndecodable { number, error };
    let slot = metadata.get(metadata_index::SIGNATURES).copied();
    let metadata = Metadata::decode(slot.unwrap_or_default()).map_err(undecodable)?;
    let mut signers = Vec::new();
    for signature in &metadata.signatures {
        let claim = claim(signature, bundle).map_err(undecodable)?;
        if let Some(claim) = claim {
            signers.extend(check(&claim, &metadata, signature, header, bundle));
        }
    }
    let policy = bundle.policies().policy(BLOCK_VALIDATION);
    let policy = policy.ok_or(Fault::NoBlockValidationPolicy)?;
    let accepted = accepted_signers(signers.iter().map(|(identity, good)| (identity, *good)));
    if policy.evaluate(&accepted) {
        return Ok(());
    }
    let signatures = metadata.signatures.len();
    Err(Rejection::Signatures {
        number,
        signatures,
        accepted: accepted.len(),
    }
    .into())
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

fn check(
    claim: &Claim<'_>,
    metadata: &Metadata<'_>,
    signature: &MetadataSignature<'_>,
    header: &[u8],
    bundle: &Bundle,
) -> Option<(Arc<Identity>, bool)> {
    let message = [metadata.value, claim.header, header].concat();
    let identity = bundle.msps().deserialize(&claim.identity).ok()?;
    let message = SignedMessage {
        head: &message,
        tail: &[],
    };
    let job = identity.signature_job(message, signature.signature);
    let good = job.is_some_and(|job| verify(&job));
    Some((identity, good))
}
