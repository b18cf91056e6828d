//! Messages on the wire: Fabric's gossip envelopes, made and taken apart.
//!
//! Knows nothing of what is done with a message.

use bytes::Bytes;
use prost::Message as _;

use super::trust::{PkiId, Trust};
use crate::crypto::sha256_parts;
use crate::proto::messages::gossip::gossip_message::{Content, Tag};
use crate::proto::messages::gossip::{
    Envelope, GossipMessage, Payload, PeerTime, PullMsgType, Secret, SecretEnvelope, secret,
};
use crate::types::ChannelId;

/// Orders what one peer says: starts of the peer, then messages since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// The incarnation: greater after each start.
    pub incarnation: u64,
    /// The message's number.
    pub sequence: u64,
}

impl Stamp {
    pub(super) fn from_wire(time: Option<&PeerTime>) -> Option<Self> {
        time.map(|time| Self {
            incarnation: time.inc_num,
            sequence: time.seq_num,
        })
    }

    pub(super) fn to_wire(self) -> Option<PeerTime> {
        Some(PeerTime {
            inc_num: self.incarnation,
            seq_num: self.sequence,
        })
    }
}

/// A message that has been taken apart.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) envelope: Envelope,
    pub(super) nonce: u64,
    pub(super) channel: Vec<u8>,
    pub(super) content: Content,
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WireError {
    /// Not protobuf, or without content.
    Malformed,
    /// It says of itself that it may travel otherwise than such a message may.
    Tag,
}

/// Opens an envelope. A block in it is a slice of the envelope's bytes.
pub(super) fn open(bytes: Bytes) -> Result<Opened, WireError> {
    let envelope = Envelope::decode(bytes).map_err(|_| WireError::Malformed)?;
    open_envelope(envelope)
}

/// Opens an envelope inside a message.
pub(super) fn open_envelope(envelope: Envelope) -> Result<Opened, WireError> {
    let message =
        GossipMessage::decode(envelope.payload.clone()).map_err(|_| WireError::Malformed)?;
    let tag = message.tag();
    let content = message.content.ok_or(WireError::Malformed)?;
    // A handshake is looked at by its receiver alone.
    let is_lawful = matches!(content, Content::Conn(_)) || tag == tag_of(&content);
    let opened = Opened {
        envelope,
        nonce: message.nonce,
        channel: message.channel,
        content,
    };
    is_lawful.then_some(opened).ok_or(WireError::Tag)
}

/// How far a message may travel.
// Fabric: gossip/protoext/message.go:IsTagLegal.
fn tag_of(content: &Content) -> Tag {
    let of_pull = |kind: PullMsgType| match kind {
        PullMsgType::BlockMsg => Tag::ChanAndOrg,
        PullMsgType::IdentityMsg => Tag::Empty,
        PullMsgType::Undefined => Tag::Undefined,
    };
    match content {
        Content::DataMsg(_) | Content::LeadershipMsg(_) => Tag::ChanAndOrg,
        Content::AliveMsg(_) | Content::MemReq(_) | Content::MemRes(_) | Content::Conn(_) => {
            Tag::Empty
        }
        Content::PeerIdentity(_) => Tag::OrgOnly,
        Content::Hello(hello) => of_pull(hello.msg_type()),
        Content::DataDig(digest) => of_pull(digest.msg_type()),
        Content::DataReq(request) => of_pull(request.msg_type()),
        Content::DataUpdate(update) => of_pull(update.msg_type()),
        Content::StateInfo(_)
        | Content::StateSnapshot(_)
        | Content::StateInfoPullReq(_)
        | Content::StateRequest(_)
        | Content::StateResponse(_) => Tag::ChanOrOrg,
        Content::Empty(_)
        | Content::Ack(_)
        | Content::PrivateReq(_)
        | Content::PrivateRes(_)
        | Content::PrivateData(_) => Tag::Undefined,
    }
}

fn payload(nonce: u64, channel: Option<&ChannelId>, content: Content) -> Bytes {
    let mut message = GossipMessage {
        nonce,
        channel: channel.map_or_else(Vec::new, |id| id.as_str().as_bytes().to_vec()),
        ..GossipMessage::default()
    };
    message.set_tag(tag_of(&content));
    message.content = Some(content);
    message.encode_to_vec().into()
}

/// A message that needs no signature: its sender is known by the connection.
pub(super) fn plain(nonce: u64, channel: Option<&ChannelId>, content: Content) -> Envelope {
    Envelope {
        payload: payload(nonce, channel, content),
        ..Envelope::default()
    }
}

/// A message that others pass on; `None` where the key cannot be used.
pub(super) fn signed(
    trust: &dyn Trust,
    channel: Option<&ChannelId>,
    content: Content,
) -> Option<Envelope> {
    let payload = payload(0, channel, content);
    Some(Envelope {
        signature: trust.sign(&payload)?,
        payload,
        secret_envelope: None,
    })
}

/// The address for the own organization, signed.
pub(super) fn sealed(trust: &dyn Trust, internal_endpoint: &str) -> Option<SecretEnvelope> {
    let content = secret::Content::InternalEndpoint(internal_endpoint.to_owned());
    let payload = Secret {
        content: Some(content),
    };
    let payload = payload.encode_to_vec();
    Some(SecretEnvelope {
        signature: trust.sign(&payload)?,
        payload,
    })
}

/// The address in a secret.
pub(super) fn unsealed(envelope: &SecretEnvelope) -> Option<String> {
    let secret = Secret::decode(envelope.payload.as_slice()).ok()?;
    let secret::Content::InternalEndpoint(endpoint) = secret.content?;
    Some(endpoint)
}

/// Whether this identity signed the message, and its secret where there is one.
// Fabric: gossip/protoext/signing.go:Verify.
pub(super) fn is_signed_by(trust: &dyn Trust, envelope: &Envelope, identity: &[u8]) -> bool {
    let signed = |message: &[u8], signature: &[u8]| {
        !message.is_empty() && !signature.is_empty() && trust.verify(identity, message, signature)
    };
    let secret = envelope.secret_envelope.as_ref();
    signed(&envelope.payload, &envelope.signature)
        && secret.is_none_or(|secret| signed(&secret.payload, &secret.signature))
}

pub(super) fn encoded(envelope: &Envelope) -> Bytes {
    envelope.encode_to_vec().into()
}

/// Without what is for the own organization only.
pub(super) fn encoded_for_others(envelope: &Envelope) -> Bytes {
    let mut envelope = envelope.clone();
    envelope.secret_envelope = None;
    encoded(&envelope)
}

/// What shows that a peer knows a channel, without naming it to those who do not.
// Fabric: gossip/gossip/channel/channel.go:GenerateMAC.
pub(super) fn channel_mac(peer: PkiId, channel: &ChannelId) -> [u8; 32] {
    sha256_parts(&[&peer.0, channel.as_str().as_bytes()]).0
}

/// An answer to a request for blocks, for whoever serves [`super::Action::Serve`]: the wire message with
/// these blocks, which begin at the asked number. A driver that has the blocks in a file may write the
/// same bytes piece by piece.
#[must_use]
pub fn blocks_answer(channel: &ChannelId, nonce: u64, first: u64, blocks: Vec<Bytes>) -> Bytes {
    let numbered = blocks.into_iter().zip(first..);
    let payloads = numbered.map(|(data, seq_num)| Payload {
        seq_num,
        data,
        private_data: Vec::new(),
    });
    let content = Content::StateResponse(crate::proto::messages::gossip::RemoteStateResponse {
        payloads: payloads.collect(),
    });
    encoded(&plain(nonce, Some(channel), content))
}
