//! One envelope, walked once: every structural check that needs no key and no state.
//!
//! The order of checks is part of consensus (validation-spec 2.2 to 2.4). A check that fails before
//! the creator's signature is looked at ends in [`TxBody::Refused`]; one that comes after it is kept
//! until the signature has been checked.

use crate::crypto::sha256_parts;
use crate::proto::common::{
    ChannelHeader, Envelope, Header, Payload, SignatureHeader, header_type,
};
use crate::proto::peer::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeEvent, ChaincodeHeaderExtension, Endorsement,
    ProposalResponsePayload, Transaction,
};
use crate::proto::wire::Message;
use crate::rwset::RwSet;
use crate::types::ValidationCode;

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
    /// What is to be validated.
    pub body: TxBody<'a>,
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
    match Envelope::decode(envelope) {
        Ok(message) => decode_envelope(envelope, &message),
        Err(_) => refused(envelope, ValidationCode::InvalidOtherReason),
    }
}

fn refused(envelope: &[u8], code: ValidationCode) -> DecodedTx<'_> {
    DecodedTx {
        envelope,
        claimed_id: "",
        header_type: None,
        index_id: IndexId::Claimed(""),
        body: TxBody::Refused(code),
    }
}

fn decode_envelope<'a>(bytes: &'a [u8], envelope: &Envelope<'a>) -> DecodedTx<'a> {
    let Ok(payload) = Payload::decode(envelope.payload) else {
        return refused(bytes, ValidationCode::BadPayload);
    };
    let Some(header) = &payload.header else {
        return refused(bytes, ValidationCode::BadCommonHeader);
    };
    let Ok(channel) = ChannelHeader::decode(header.channel_header) else {
        return refused(bytes, ValidationCode::BadCommonHeader);
    };
    let signature = SignatureHeader::decode(header.signature_header).ok();
    let index_id = index_id(&channel, signature.as_ref());
    let body = match signature {
        Some(signature) if headers_are_sane(&channel, &signature) => TxBody::Signed {
            creator: Creator {
                channel_id: channel.channel_id,
                identity: signature.creator,
                payload: envelope.payload,
                signature: envelope.signature,
            },
            kind: decode_kind(&payload, header, &channel, &signature),
        },
        _ => TxBody::Refused(ValidationCode::BadCommonHeader),
    };
    DecodedTx {
        envelope: bytes,
        claimed_id: channel.tx_id,
        header_type: Some(channel.r#type),
        index_id,
        body,
    }
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
fn headers_are_sane(channel: &ChannelHeader<'_>, signature: &SignatureHeader<'_>) -> bool {
    let known_type = matches!(
        channel.r#type,
        header_type::CONFIG | header_type::CONFIG_UPDATE | header_type::ENDORSER_TRANSACTION
    );
    known_type && channel.epoch == 0 && is_signature_header_sane(signature)
}

fn is_signature_header_sane(signature: &SignatureHeader<'_>) -> bool {
    !signature.nonce.is_empty() && !signature.creator.is_empty()
}

fn decode_kind<'a>(
    payload: &Payload<'a>,
    header: &Header<'a>,
    channel: &ChannelHeader<'a>,
    signature: &SignatureHeader<'a>,
) -> SignedKind<'a> {
    match channel.r#type {
        header_type::ENDORSER_TRANSACTION => {
            let id = sha256_parts(&[signature.nonce, signature.creator]);
            if !id.is_hex(channel.tx_id) {
                return SignedKind::Refused(ValidationCode::BadProposalTxid);
            }
            match decode_endorser(payload.data, header, channel) {
                Some(transaction) => SignedKind::Endorser(Box::new(transaction)),
                None => SignedKind::Refused(ValidationCode::InvalidEndorserTransaction),
            }
        }
        header_type::CONFIG if payload.data.is_empty() => {
            SignedKind::Refused(ValidationCode::InvalidConfigTransaction)
        }
        header_type::CONFIG => SignedKind::Config(payload.data),
        _ => SignedKind::Refused(ValidationCode::UnsupportedTxPayload),
    }
}

/// The body of an endorser transaction; `None` where any of its checks fails (code 5).
///
/// Fabric: `core/common/validation/msgvalidation.go:validateEndorserTransaction`. An action payload
/// without `action` crashes Fabric; here it fails the check (appendix D).
fn decode_endorser<'a>(
    data: &'a [u8],
    header: &Header<'a>,
    channel: &ChannelHeader<'a>,
) -> Option<EndorserTx<'a>> {
    if data.is_empty() {
        return None;
    }
    let transaction = Transaction::decode(data).ok()?;
    let [action] = transaction.actions.as_slice() else {
        return None;
    };
    let action_header = SignatureHeader::decode(action.header).ok()?;
    if !is_signature_header_sane(&action_header) {
        return None;
    }
    let payload = ChaincodeActionPayload::decode(action.payload).ok()?;
    let endorsed = payload.action?;
    let response = ProposalResponsePayload::decode(endorsed.proposal_response_payload).ok()?;

    // Raw wire bytes are hashed; each of the three must be there.
    let proposal = [
        header.channel_header,
        action.header,
        payload.chaincode_proposal_payload,
    ];
    if proposal.iter().any(|part| part.is_empty()) {
        return None;
    }
    if sha256_parts(&proposal).as_ref() != response.proposal_hash {
        return None;
    }
    Some(EndorserTx {
        tx_id: channel.tx_id,
        proposal_response_payload: endorsed.proposal_response_payload,
        endorsements: endorsed.endorsements,
        proposal_payload: payload.chaincode_proposal_payload,
        action: decode_action(channel.extension, response.extension),
    })
}

/// The first four steps of dispatch and the parts of the others (validation-spec 2.4).
///
/// Fabric: `core/committer/txvalidator/v20/plugindispatcher/dispatcher.go:Dispatch`.
fn decode_action<'a>(header_extension: &'a [u8], extension: &'a [u8]) -> ActionParse<'a> {
    let header_extension = ChaincodeHeaderExtension::decode(header_extension)
        .map_err(|_| ValidationCode::BadHeaderExtension)?;
    if extension.is_empty() {
        return Err(ValidationCode::BadResponsePayload);
    }
    let action =
        ChaincodeAction::decode(extension).map_err(|_| ValidationCode::BadResponsePayload)?;
    let rwset = RwSet::decode(action.results).map_err(|_| ValidationCode::BadRwset)?;
    let header_id = header_extension
        .chaincode_id
        .ok_or(ValidationCode::InvalidOtherReason)?;
    let action_id = action
        .chaincode_id
        .ok_or(ValidationCode::InvalidOtherReason)?;
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
