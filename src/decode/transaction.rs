//! One envelope, walked once: every structural check that needs no key and no state.
//!
//! The order of checks is part of consensus (validation-spec 2.2 to 2.4). A check that fails before
//! the creator's signature is looked at ends in [`TxBody::Refused`]; one that comes after it is kept
//! until the signature has been checked.

use super::flaw::{ClaimedHash, TxFlaw, TxPart};
use crate::crypto::{sha256_many, sha256_parts};
use crate::ledger::TxKey;
use crate::proto::common::{
    ChannelHeader, Envelope, Header, Payload, SignatureHeader, header_type,
};
use crate::proto::peer::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeEvent, ChaincodeHeaderExtension, Endorsement,
    ProposalResponsePayload, Transaction,
};
use crate::proto::wire::Message;
use crate::rwset::RwSet;
use crate::sys::prefetch::prefetch_bytes;
use crate::types::{Digest, ValidationCode};

/// A transaction as far as its bytes tell.
#[derive(Debug)]
pub struct DecodedTx<'a> {
    /// The envelope's bytes.
    pub envelope: &'a [u8],
    /// `ChannelHeader.tx_id` where the channel header decodes, else empty.
    pub claimed_id: &'a str,
    /// `ChannelHeader.type` where the channel header decodes.
    pub header_type: Option<i32>,
    /// What the tx-id index keeps: the claimed id; where that is empty the computed one; empty where
    /// headers do not decode.
    pub index_id: IndexId<'a>,
    /// `index_id` as indexes have it.
    pub tx_key: TxKey,
    /// What is to be validated.
    pub body: TxBody<'a>,
    /// Where some part of the transaction is refused: why. Its code is in `body`.
    pub flaw: Option<Box<TxFlaw>>,
}

/// The id under which the ledger indexes a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexId<'a> {
    /// As claimed, or empty.
    Claimed(&'a str),
    /// Computed from nonce and creator.
    Computed(String),
}

impl IndexId<'_> {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Claimed(id) => id,
            Self::Computed(id) => id,
        }
    }
}

/// How far validation can go.
#[derive(Debug)]
pub enum TxBody<'a> {
    /// Refused before the creator's signature is looked at: 255, 2 or 3.
    Refused(ValidationCode),
    /// The creator's signature decides, then `kind`.
    Signed {
        /// Who signed what.
        creator: Creator<'a>,
        /// What comes after the signature.
        kind: SignedKind<'a>,
    },
}

/// The creator's claim.
#[derive(Debug, Clone, Copy)]
pub struct Creator<'a> {
    /// Selects the MSPs.
    pub channel_id: &'a str,
    /// A serialized identity.
    pub identity: &'a [u8],
    /// The signed bytes: `Envelope.payload`.
    pub payload: &'a [u8],
    /// SHA-256 of the payload, where it was hashed beside the block's data.
    pub payload_digest: Option<Digest>,
    /// The signature.
    pub signature: &'a [u8],
}

/// What a transaction is, once its creator is known to have signed it.
#[derive(Debug)]
pub enum SignedKind<'a> {
    /// Refused whatever else it holds: 5, 6, 7 or 8.
    Refused(ValidationCode),
    /// A config transaction: the serialized `ConfigEnvelope`.
    Config(&'a [u8]),
    /// An endorser transaction of sound structure.
    Endorser(Box<EndorserTx<'a>>),
}

/// An endorser transaction whose proposal hash holds.
#[derive(Debug)]
pub struct EndorserTx<'a> {
    /// The transaction id, equal to the hash of nonce and creator.
    pub tx_id: &'a str,
    /// What the endorsers signed, together with their identity.
    pub proposal_response_payload: &'a [u8],
    /// The endorsements in their order.
    pub endorsements: Vec<Endorsement<'a>>,
    /// The stripped `ChaincodeProposalPayload` (arguments of the call).
    pub proposal_payload: &'a [u8],
    /// The chaincode action, or the code of the first part of it that does not decode (19, 21, 22 or
    /// 255).
    pub action: ActionParse<'a>,
}

/// The chaincode action, if it decodes.
pub type ActionParse<'a> = Result<ChaincodeCall<'a>, ValidationCode>;

/// What the endorsers say the invoked chaincode did.
#[derive(Debug)]
pub struct ChaincodeCall<'a> {
    /// The chaincode named in the header extension.
    pub header_name: &'a str,
    /// The chaincode named in the action.
    pub action_name: &'a str,
    /// Its version in the action.
    pub action_version: &'a str,
    /// The event, as far as it is checked.
    pub event: EventCheck,
    /// The read-write set.
    pub rwset: RwSet<'a>,
}

/// What is wrong with a chaincode event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventCheck {
    /// There is none, or it names the invoked chaincode.
    Sound,
    /// It does not decode.
    Undecodable,
    /// It names another chaincode.
    OtherChaincode,
}

impl ChaincodeCall<'_> {
    /// Whether names and version pass the sanity check (validation-spec 2.4 step 5).
    #[must_use]
    pub fn names_are_sane(&self) -> bool {
        !self.header_name.is_empty()
            && self.header_name == self.action_name
            && !self.action_version.is_empty()
    }
}

/// Decodes one element of `BlockData.data`.
#[must_use]
pub fn decode_transaction(envelope: &[u8]) -> DecodedTx<'_> {
    let (mut transaction, claims) = decode_envelope(envelope);
    if let Some(claims) = claims {
        let digests = claims.messages().map(|message| sha256_parts(&message));
        claims.settle(&mut transaction, &mut digests.into_iter());
    }
    transaction
}

/// Decodes elements of `BlockData.data`, in their order: each as [`decode_transaction`] does, but what
/// is hashed in all of them is hashed together.
#[must_use]
pub fn decode_transactions<'a>(envelopes: &[&'a [u8]]) -> Vec<DecodedTx<'a>> {
    let mut transactions = Vec::with_capacity(envelopes.len());
    let mut claims = Vec::with_capacity(envelopes.len());
    for (at, envelope) in envelopes.iter().enumerate() {
        if let Some(next) = envelopes.get(at + 1) {
            prefetch_bytes(next);
        }
        let (transaction, claimed) = decode_envelope(envelope);
        transactions.push(transaction);
        claims.push(claimed);
    }
    let messages = claims.iter().flatten().flat_map(HashClaims::messages);
    let mut digests = sha256_many(&messages.collect::<Vec<_>>()).into_iter();
    for (transaction, claims) in transactions.iter_mut().zip(claims) {
        if let Some(claims) = claims {
            claims.settle(transaction, &mut digests);
        }
    }
    transactions
}

/// What an endorser transaction says its hashes are.
struct HashClaims<'a> {
    tx_id: &'a str,
    nonce: &'a [u8],
    creator: &'a [u8],
    /// `None` where the transaction is refused before its proposal's hash is looked at.
    proposal: Option<ProposalClaim<'a>>,
}

/// The raw wire bytes of a proposal, and the hash that the endorsers signed.
struct ProposalClaim<'a> {
    pieces: [&'a [u8]; 3],
    hash: &'a [u8],
}

impl<'a> HashClaims<'a> {
    /// What is hashed: for the id, then for the proposal; the latter is empty where there is none.
    fn messages(&self) -> [[&'a [u8]; 3]; 2] {
        let proposal = self.proposal.as_ref();
        let pieces = proposal.map_or([&[][..]; 3], |proposal| proposal.pieces);
        [[self.nonce, self.creator, &[]], pieces]
    }

    /// Refuses the transaction where a claim is wrong: the id's first, then the proposal's, whatever is
    /// wrong behind it.
    fn settle(self, transaction: &mut DecodedTx<'_>, digests: &mut impl Iterator<Item = Digest>) {
        let (Some(tx_id), Some(proposal)) = (digests.next(), digests.next()) else {
            return;
        };
        let flaw = if !tx_id.is_hex(self.tx_id) {
            TxFlaw::TxId { computed: tx_id }
        } else if let Some(claimed) = self.proposal
            && proposal.as_ref() != claimed.hash
        {
            TxFlaw::ProposalHash {
                computed: proposal,
                found: ClaimedHash::new(claimed.hash),
            }
        } else {
            return;
        };
        if let TxBody::Signed { kind, .. } = &mut transaction.body {
            *kind = SignedKind::Refused(flaw.code());
        }
        transaction.flaw = Some(Box::new(flaw));
    }
}

fn decode_envelope(envelope: &[u8]) -> (DecodedTx<'_>, Option<HashClaims<'_>>) {
    match decode_headers(envelope) {
        Ok(decoded) => decoded,
        Err(flaw) => {
            let refused = DecodedTx {
                envelope,
                claimed_id: "",
                header_type: None,
                index_id: IndexId::Claimed(""),
                tx_key: TxKey::of(""),
                body: TxBody::Refused(flaw.code()),
                flaw: Some(Box::new(flaw)),
            };
            (refused, None)
        }
    }
}

/// Decodes an envelope whose channel header, at least, can be read.
fn decode_headers(bytes: &[u8]) -> Result<(DecodedTx<'_>, Option<HashClaims<'_>>), TxFlaw> {
    let envelope = decode::<Envelope<'_>>(bytes, TxPart::Envelope)?;
    let payload = decode::<Payload<'_>>(envelope.payload, TxPart::Payload)?;
    let header = payload.header.as_ref().ok_or(missing(TxPart::Header))?;
    let channel = decode::<ChannelHeader<'_>>(header.channel_header, TxPart::ChannelHeader)?;
    let signature = decode::<SignatureHeader<'_>>(header.signature_header, TxPart::SignatureHeader);
    let index_id = index_id(&channel, signature.as_ref().ok());
    let sane = signature.and_then(|signature| {
        check_headers(&channel, &signature)?;
        Ok(signature)
    });
    let (body, flaw, claims) = match sane {
        Err(flaw) => (TxBody::Refused(flaw.code()), Some(flaw), None),
        Ok(signature) => {
            let (kind, flaw, claims) = decode_kind(&payload, header, &channel, &signature);
            let creator = Creator {
                channel_id: channel.channel_id,
                identity: signature.creator,
                payload: envelope.payload,
                payload_digest: None,
                signature: envelope.signature,
            };
            (TxBody::Signed { creator, kind }, flaw, claims)
        }
    };
    let transaction = DecodedTx {
        envelope: bytes,
        claimed_id: channel.tx_id,
        header_type: Some(channel.r#type),
        tx_key: TxKey::of(index_id.as_str()),
        index_id,
        body,
        flaw: flaw.map(Box::new),
    };
    Ok((transaction, claims))
}

fn decode<'a, M: Message<'a>>(bytes: &'a [u8], part: TxPart) -> Result<M, TxFlaw> {
    M::decode(bytes).map_err(|error| TxFlaw::Undecodable { part, error })
}

fn missing(part: TxPart) -> TxFlaw {
    TxFlaw::Missing { part }
}

/// Fabric: `protoutil/txutils.go:GetOrComputeTxIDFromEnvelope`.
fn index_id<'a>(
    channel: &ChannelHeader<'a>,
    signature: Option<&SignatureHeader<'a>>,
) -> IndexId<'a> {
    match signature {
        Some(signature) if channel.tx_id.is_empty() => {
            IndexId::Computed(sha256_parts(&[signature.nonce, signature.creator]).to_string())
        }
        _ => IndexId::Claimed(channel.tx_id),
    }
}

/// Fabric: `core/common/validation/msgvalidation.go:validateCommonHeader`.
fn check_headers(
    channel: &ChannelHeader<'_>,
    signature: &SignatureHeader<'_>,
) -> Result<(), TxFlaw> {
    let known_type = matches!(
        channel.r#type,
        header_type::CONFIG | header_type::CONFIG_UPDATE | header_type::ENDORSER_TRANSACTION
    );
    if !known_type {
        let found = channel.r#type;
        return Err(TxFlaw::HeaderType { found });
    }
    if channel.epoch != 0 {
        let found = channel.epoch;
        return Err(TxFlaw::Epoch { found });
    }
    check_signature_header(signature, TxPart::Nonce, TxPart::Creator)
}

fn check_signature_header(
    header: &SignatureHeader<'_>,
    nonce: TxPart,
    creator: TxPart,
) -> Result<(), TxFlaw> {
    if header.nonce.is_empty() {
        Err(missing(nonce))
    } else if header.creator.is_empty() {
        Err(missing(creator))
    } else {
        Ok(())
    }
}

/// What comes after the creator's signature, the first flaw in it, and the hashes that it claims.
fn decode_kind<'a>(
    payload: &Payload<'a>,
    header: &Header<'a>,
    channel: &ChannelHeader<'a>,
    signature: &SignatureHeader<'a>,
) -> (SignedKind<'a>, Option<TxFlaw>, Option<HashClaims<'a>>) {
    let refused = |flaw: TxFlaw| (SignedKind::Refused(flaw.code()), Some(flaw));
    let (kind, flaw) = match channel.r#type {
        header_type::ENDORSER_TRANSACTION => {
            let claims = |proposal| HashClaims {
                tx_id: channel.tx_id,
                nonce: signature.nonce,
                creator: signature.creator,
                proposal,
            };
            return match decode_endorser(payload.data, header, channel) {
                Ok((transaction, flaw, proposal)) => {
                    let kind = SignedKind::Endorser(Box::new(transaction));
                    (kind, flaw, Some(claims(Some(proposal))))
                }
                Err(flaw) => (
                    SignedKind::Refused(flaw.code()),
                    Some(flaw),
                    Some(claims(None)),
                ),
            };
        }
        header_type::CONFIG if payload.data.is_empty() => refused(missing(TxPart::ConfigEnvelope)),
        header_type::CONFIG => (SignedKind::Config(payload.data), None),
        _ => refused(TxFlaw::ConfigUpdate),
    };
    (kind, flaw, None)
}

/// The body of an endorser transaction, what is wrong in its action, and what its proposal's hash is
/// said to be, which counts before that.
///
/// # Errors
/// Any of its checks fails (code 5).
///
/// Fabric: `core/common/validation/msgvalidation.go:validateEndorserTransaction`. An action payload
/// without `action` crashes Fabric; here it fails the check (appendix D).
fn decode_endorser<'a>(
    data: &'a [u8],
    header: &Header<'a>,
    channel: &ChannelHeader<'a>,
) -> Result<(EndorserTx<'a>, Option<TxFlaw>, ProposalClaim<'a>), TxFlaw> {
    if data.is_empty() {
        return Err(missing(TxPart::Transaction));
    }
    let transaction = decode::<Transaction<'_>>(data, TxPart::Transaction)?;
    let [action] = transaction.actions.as_slice() else {
        let found = transaction.actions.len();
        return Err(TxFlaw::ActionCount { found });
    };
    let action_header = decode::<SignatureHeader<'_>>(action.header, TxPart::ActionHeader)?;
    check_signature_header(&action_header, TxPart::ActionNonce, TxPart::ActionCreator)?;
    let payload = decode::<ChaincodeActionPayload<'_>>(action.payload, TxPart::ActionPayload)?;
    let endorsed = payload.action.ok_or(missing(TxPart::EndorsedAction))?;
    let response = decode::<ProposalResponsePayload<'_>>(
        endorsed.proposal_response_payload,
        TxPart::ProposalResponse,
    )?;
    let pieces = proposal(header, action.header, payload.chaincode_proposal_payload)?;
    let claim = ProposalClaim {
        pieces,
        hash: response.proposal_hash,
    };
    let action = decode_action(channel.extension, response.extension);
    let flaw = action.as_ref().err().copied();
    let transaction = EndorserTx {
        tx_id: channel.tx_id,
        proposal_response_payload: endorsed.proposal_response_payload,
        endorsements: endorsed.endorsements,
        proposal_payload: payload.chaincode_proposal_payload,
        action: action.map_err(|flaw| flaw.code()),
    };
    Ok((transaction, flaw, claim))
}

/// The raw wire bytes of the proposal. All three parts must be there; the two headers are, since they
/// have a type and a nonce in them.
fn proposal<'a>(
    header: &Header<'a>,
    action_header: &'a [u8],
    proposal_payload: &'a [u8],
) -> Result<[&'a [u8]; 3], TxFlaw> {
    if proposal_payload.is_empty() {
        return Err(missing(TxPart::ProposalPayload));
    }
    Ok([header.channel_header, action_header, proposal_payload])
}

/// The first four steps of dispatch and the parts of the others (validation-spec 2.4).
///
/// Fabric: `core/committer/txvalidator/v20/plugindispatcher/dispatcher.go:Dispatch`.
fn decode_action<'a>(
    header_extension: &'a [u8],
    extension: &'a [u8],
) -> Result<ChaincodeCall<'a>, TxFlaw> {
    let header_extension =
        decode::<ChaincodeHeaderExtension<'_>>(header_extension, TxPart::HeaderExtension)?;
    if extension.is_empty() {
        return Err(missing(TxPart::ChaincodeAction));
    }
    let action = decode::<ChaincodeAction<'_>>(extension, TxPart::ChaincodeAction)?;
    let rwset = RwSet::decode(action.results).map_err(|error| TxFlaw::Undecodable {
        part: TxPart::ReadWriteSet,
        error,
    })?;
    let header_id = header_extension
        .chaincode_id
        .ok_or(missing(TxPart::HeaderChaincodeId))?;
    let action_id = action
        .chaincode_id
        .ok_or(missing(TxPart::ActionChaincodeId))?;
    Ok(ChaincodeCall {
        header_name: header_id.name,
        action_name: action_id.name,
        action_version: action_id.version,
        event: check_event(action.events, header_id.name),
        rwset,
    })
}

fn check_event(events: &[u8], invoked: &str) -> EventCheck {
    if events.is_empty() {
        return EventCheck::Sound;
    }
    match ChaincodeEvent::decode(events) {
        Ok(event) if event.chaincode_id == invoked => EventCheck::Sound,
        Ok(_) => EventCheck::OtherChaincode,
        Err(_) => EventCheck::Undecodable,
    }
}
