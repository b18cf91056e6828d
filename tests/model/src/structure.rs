//! What a transaction is: headers, signature, body and read-write set (validation-spec 2.1 to 2.4).
//!
//! Read with heddle's readers, not with generated types: prost refuses a known field with another wire
//! type, messages more than 100 levels deep and enum-like oddities that Go takes, and the code of a
//! transaction depends on which of its parts decode.

use heddle::crypto::sha256_parts;
use heddle::proto::common::{ChannelHeader, Envelope, Payload, SignatureHeader, header_type};
use heddle::proto::peer::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeEvent, ChaincodeHeaderExtension, Endorsement,
    ProposalResponsePayload, Transaction,
};
use heddle::proto::rwset::{HashedRwSet, KvRwSet, TxReadWriteSet};
use heddle::proto::wire::Message;
use heddle::types::{ChannelId, ValidationCode as Code};

use crate::policy::{Config, signature_holds};

/// A transaction whose structure is sound.
pub(crate) enum Sound<'a> {
    /// The `ConfigEnvelope`.
    Config(&'a [u8]),
    Endorser(Action<'a>),
}

/// The body of an endorser transaction.
pub(crate) struct Action<'a> {
    pub(crate) tx_id: &'a str,
    /// A serialized `ChaincodeHeaderExtension`.
    extension: &'a [u8],
    /// The serialized `ProposalResponsePayload`.
    pub(crate) response: &'a [u8],
    pub(crate) endorsements: Vec<Endorsement<'a>>,
}

/// What was invoked, and what it did.
pub(crate) struct Invocation<'a> {
    pub(crate) chaincode: &'a str,
    pub(crate) rwset: Vec<NsRwSet<'a>>,
}

/// One namespace of a read-write set.
pub(crate) struct NsRwSet<'a> {
    pub(crate) name: &'a str,
    pub(crate) public: KvRwSet<'a>,
    pub(crate) collections: Vec<(&'a str, HashedRwSet<'a>)>,
}

/// 2.2.
pub(crate) fn structure<'a>(
    envelope: &'a [u8],
    channel: &ChannelId,
    config: &Config,
) -> Result<Sound<'a>, Code> {
    let envelope = Envelope::decode(envelope).map_err(|_| Code::InvalidOtherReason)?;
    let payload = Payload::decode(envelope.payload).map_err(|_| Code::BadPayload)?;
    let header = payload.header.ok_or(Code::BadCommonHeader)?;
    let channel_header =
        ChannelHeader::decode(header.channel_header).map_err(|_| Code::BadCommonHeader)?;
    let signature_header =
        SignatureHeader::decode(header.signature_header).map_err(|_| Code::BadCommonHeader)?;
    if !(1..=3).contains(&channel_header.r#type)
        || channel_header.epoch != 0
        || signature_header.nonce.is_empty()
        || signature_header.creator.is_empty()
    {
        return Err(Code::BadCommonHeader);
    }
    let creator = config.bundle.msps().deserialize(signature_header.creator);
    let creator = creator.map_err(|_| Code::BadCreatorSignature)?;
    if channel_header.channel_id != channel.as_str()
        || creator.validate().is_err()
        || !signature_holds(&creator, envelope.payload, envelope.signature)
    {
        return Err(Code::BadCreatorSignature);
    }
    match channel_header.r#type {
        header_type::ENDORSER_TRANSACTION => {
            let id = sha256_parts(&[signature_header.nonce, signature_header.creator]).to_string();
            if channel_header.tx_id != id {
                return Err(Code::BadProposalTxid);
            }
            let action = body(payload.data, header.channel_header, &channel_header);
            Ok(Sound::Endorser(
                action.ok_or(Code::InvalidEndorserTransaction)?,
            ))
        }
        header_type::CONFIG if payload.data.is_empty() => Err(Code::InvalidConfigTransaction),
        header_type::CONFIG => Ok(Sound::Config(payload.data)),
        _ => Err(Code::UnsupportedTxPayload),
    }
}

/// 2.3. An absent `bytes` field and an empty one are the same to Go.
fn body<'a>(
    data: &'a [u8],
    channel_header_bytes: &[u8],
    channel_header: &ChannelHeader<'a>,
) -> Option<Action<'a>> {
    if data.is_empty() {
        return None;
    }
    let transaction = Transaction::decode(data).ok()?;
    let [action] = &*transaction.actions else {
        return None;
    };
    let header = SignatureHeader::decode(action.header).ok()?;
    if header.nonce.is_empty() || header.creator.is_empty() {
        return None;
    }
    let payload = ChaincodeActionPayload::decode(action.payload).ok()?;
    let endorsed = payload.action?;
    let response = ProposalResponsePayload::decode(endorsed.proposal_response_payload).ok()?;
    let proposal = [
        channel_header_bytes,
        action.header,
        payload.chaincode_proposal_payload,
    ];
    let complete = proposal.iter().all(|part| !part.is_empty());
    (complete && response.proposal_hash == sha256_parts(&proposal).0).then_some(Action {
        tx_id: channel_header.tx_id,
        extension: channel_header.extension,
        response: endorsed.proposal_response_payload,
        endorsements: endorsed.endorsements,
    })
}

/// 2.4, steps 1 to 7.
pub(crate) fn invocation<'a>(action: &Action<'a>) -> Result<Invocation<'a>, Code> {
    let extension = ChaincodeHeaderExtension::decode(action.extension);
    let extension = extension.map_err(|_| Code::BadHeaderExtension)?;
    let response = ProposalResponsePayload::decode(action.response);
    let response = response.map_err(|_| Code::BadResponsePayload)?;
    if response.extension.is_empty() {
        return Err(Code::BadResponsePayload);
    }
    let result = ChaincodeAction::decode(response.extension);
    let result = result.map_err(|_| Code::BadResponsePayload)?;
    let rwset = read_write_set(result.results).ok_or(Code::BadRwset)?;
    let invoked = extension.chaincode_id.ok_or(Code::InvalidOtherReason)?.name;
    let executed = result.chaincode_id.ok_or(Code::InvalidOtherReason)?;
    if invoked.is_empty() || invoked != executed.name || executed.version.is_empty() {
        return Err(Code::InvalidChaincode);
    }
    if !result.events.is_empty() {
        let event = ChaincodeEvent::decode(result.events);
        if event.map_err(|_| Code::InvalidOtherReason)?.chaincode_id != invoked {
            return Err(Code::InvalidOtherReason);
        }
    }
    for (at, namespace) in rwset.iter().enumerate() {
        if rwset
            .iter()
            .skip(at + 1)
            .any(|other| other.name == namespace.name)
        {
            return Err(Code::IllegalWriteset);
        }
    }
    Ok(Invocation {
        chaincode: invoked,
        rwset,
    })
}

fn read_write_set(results: &[u8]) -> Option<Vec<NsRwSet<'_>>> {
    let set = TxReadWriteSet::decode(results).ok()?;
    let namespaces = set.ns_rwset.into_iter().map(|namespace| {
        let collections = namespace.collection_hashed_rwset.into_iter();
        let collections = collections.map(|collection| {
            let hashed = HashedRwSet::decode(collection.hashed_rwset).ok()?;
            Some((collection.collection_name, hashed))
        });
        Some(NsRwSet {
            name: namespace.namespace,
            public: KvRwSet::decode(namespace.rwset).ok()?,
            collections: collections.collect::<Option<_>>()?,
        })
    });
    namespaces.collect()
}

/// The id under which the ledger remembers a transaction, sound or not (9.4).
pub(crate) fn index_id(envelope: &[u8]) -> String {
    let found = || {
        let envelope = Envelope::decode(envelope).ok()?;
        let header = Payload::decode(envelope.payload).ok()?.header?;
        let channel_header = ChannelHeader::decode(header.channel_header).ok()?;
        if !channel_header.tx_id.is_empty() {
            return Some(channel_header.tx_id.to_owned());
        }
        let signature_header = SignatureHeader::decode(header.signature_header).ok()?;
        let id = sha256_parts(&[signature_header.nonce, signature_header.creator]);
        Some(id.to_string())
    };
    found().unwrap_or_default()
}
