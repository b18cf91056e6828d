//! Creators and endorsers: who they are, and what their signatures are worth.
//!
//! The checks are those of [`crate::verify`], one by one instead of all at once; the rules are in
//! [`crate::msp`] and [`crate::crypto`].

use std::collections::HashMap;
use std::sync::Arc;

use super::reason::{CreatorProblem, Endorser, Party, SignatureProblem, Standing};
use crate::channel::Bundle;
use crate::crypto::{PublicKey, SignedMessage, verify};
use crate::decode::{Creator, EndorserTx};
use crate::msp::{Identity, IdentityError};
use crate::policy::PolicyTrace;
use crate::policy::{ClauseKind, RejectedSigner};
use crate::proto::msp::SerializedIdentity;
use crate::proto::wire::Message;

/// A transaction's endorsements, and who of them counts.
pub(super) struct Endorsements {
    /// All, in order.
    pub(super) notes: Vec<Endorser>,
    /// Those that policies are evaluated with.
    pub(super) signers: Vec<Arc<Identity>>,
    /// The place of each signer among all.
    places: Vec<usize>,
}

/// Who a serialized identity claims to be.
pub(super) fn party(serialized: &[u8], bundle: &Bundle) -> Party {
    match bundle.msps().deserialize(serialized) {
        Ok(identity) => known(&identity),
        Err(_) => Party {
            msp_id: SerializedIdentity::decode(serialized)
                .ok()
                .map(|claim| claim.mspid.to_owned()),
            ..Party::default()
        },
    }
}

fn known(identity: &Identity) -> Party {
    let certificate = identity.certificate();
    Party {
        msp_id: Some(identity.msp_id().to_owned()),
        name: Some(certificate.common_name().to_owned()),
        units: certificate.organizational_units().to_vec(),
    }
}

/// What is wrong with a creator.
///
/// # Errors
/// The first rule that it breaks.
pub(super) fn check_creator(creator: &Creator<'_>, bundle: &Bundle) -> Result<(), CreatorProblem> {
    if creator.channel_id != bundle.channel_id().as_str() {
        let found = creator.channel_id.to_owned();
        return Err(CreatorProblem::OtherChannel { found });
    }
    let identity = bundle
        .msps()
        .deserialize(creator.identity)
        .map_err(|error| CreatorProblem::NotAnIdentity { error })?;
    identity
        .validate()
        .map_err(|rule| CreatorProblem::Invalid { rule })?;
    let message = SignedMessage {
        head: creator.payload,
        tail: &[],
    };
    check_signature(&identity, message, creator.signature)
        .map_err(|signature| CreatorProblem::BadSignature { signature })
}

fn check_signature(
    identity: &Identity,
    message: SignedMessage<'_>,
    signature: &[u8],
) -> Result<(), SignatureProblem> {
    let job = identity.signature_job(message, signature);
    match job.map(|job| verify(&job)) {
        Some(true) => Ok(()),
        Some(false) => Err(SignatureProblem::DoesNotVerify),
        None if signature.is_empty() => Err(SignatureProblem::Empty),
        None if matches!(identity.key(), PublicKey::Rsa(_)) => Err(SignatureProblem::RsaKey),
        None => Err(SignatureProblem::NotVerifiable),
    }
}

impl Endorsements {
    /// Looks at all endorsements of a transaction.
    pub(super) fn of(endorser: &EndorserTx<'_>, bundle: &Bundle) -> Self {
        let mut all = Self {
            notes: Vec::with_capacity(endorser.endorsements.len()),
            signers: Vec::new(),
            places: Vec::new(),
        };
        let by_bytes = !bundle.capabilities().application().v1_3_validation;
        let old = if by_bytes {
            SameBytes::of(endorser)
        } else {
            SameBytes::default()
        };
        for (place, endorsement) in endorser.endorsements.iter().enumerate() {
            let identity = bundle.msps().deserialize(endorsement.endorser);
            let message = SignedMessage {
                head: endorser.proposal_response_payload,
                tail: endorsement.endorser,
            };
            let standing = match old.first.get(place) {
                Some(Some(first)) if *first < place => Standing::Duplicate { of: *first },
                _ => all.standing(&identity, message, endorsement.signature),
            };
            let standing = match (old.undecodable, standing) {
                (Some(by), Standing::Good { .. }) => Standing::Spoiled { by },
                (_, standing) => standing,
            };
            if let (Standing::Good { .. }, Ok(identity)) = (&standing, identity) {
                all.places.push(place);
                all.signers.push(identity);
            }
            all.notes.push(Endorser {
                party: party(endorsement.endorser, bundle),
                standing,
            });
        }
        all
    }

    /// As [`crate::policy::accepted_signers`] counts: an identity at its first good signature.
    fn standing(
        &self,
        identity: &Result<Arc<Identity>, IdentityError>,
        message: SignedMessage<'_>,
        signature: &[u8],
    ) -> Standing {
        let identity = match identity {
            Ok(identity) => identity,
            Err(error) => {
                let error = error.clone();
                return Standing::NotAnIdentity { error };
            }
        };
        if let Err(problem) = check_signature(identity, message, signature) {
            return Standing::BadSignature { problem };
        }
        let same = |(signer, _): &(&Arc<Identity>, &usize)| signer.id() == identity.id();
        if let Some((_, &of)) = self.signers.iter().zip(&self.places).find(same) {
            return Standing::Duplicate { of };
        }
        Standing::Good {
            counted_as: Vec::new(),
            invalid: identity.validate().err(),
        }
    }

    /// Makes the signers in a policy's trace places among the endorsements, and notes there as what
    /// each was counted.
    pub(super) fn place(&mut self, trace: &mut PolicyTrace) {
        for clause in &mut trace.clauses {
            let ClauseKind::SignedBy {
                principal,
                signer,
                rejected,
            } = &mut clause.kind
            else {
                continue;
            };
            for RejectedSigner { signer, .. } in rejected {
                *signer = self.places.get(*signer).copied().unwrap_or(*signer);
            }
            if let Some(signer) = signer {
                *signer = self.places.get(*signer).copied().unwrap_or(*signer);
                self.count(*signer, principal);
            }
        }
    }

    fn count(&mut self, place: usize, principal: &str) {
        if let Some(Endorser {
            standing: Standing::Good { counted_as, .. },
            ..
        }) = self.notes.get_mut(place)
            && !counted_as.iter().any(|known| known == principal)
        {
            counted_as.push(principal.to_owned());
        }
    }
}

/// Endorsers told apart by their bytes: the rule below application capability V1_3.
#[derive(Default)]
struct SameBytes {
    /// For each endorsement, the place of the first one with the same MSP id and certificate bytes.
    first: Vec<Option<usize>>,
    /// The first that does not decode.
    undecodable: Option<usize>,
}

impl SameBytes {
    fn of(endorser: &EndorserTx<'_>) -> Self {
        let mut places = HashMap::new();
        let mut old = Self::default();
        for (place, endorsement) in endorser.endorsements.iter().enumerate() {
            let Ok(identity) = SerializedIdentity::decode(endorsement.endorser) else {
                old.undecodable.get_or_insert(place);
                old.first.push(None);
                continue;
            };
            // Fabric: one string, without anything between the parts.
            let bytes = [identity.mspid.as_bytes(), identity.id_bytes].concat();
            old.first.push(Some(*places.entry(bytes).or_insert(place)));
        }
        old
    }
}
