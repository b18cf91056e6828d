//! Signed messages.

use prost::Message as _;
use prost_types::Timestamp;

use crate::crypto::sha256_parts;
use crate::msp::SigningIdentity;
use crate::proto::messages::common::{
    ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader,
};
use crate::proto::messages::orderer::{
    SeekInfo, SeekNewest, SeekOldest, SeekPosition, SeekSpecified, seek_info, seek_position,
};
use crate::proto::messages::protos::{
    ChaincodeHeaderExtension, ChaincodeId, ChaincodeInput, ChaincodeInvocationSpec,
    ChaincodeProposalPayload, ChaincodeSpec, Proposal, SignedProposal,
};

/// Bytes of a nonce, as Fabric's clients have it.
const NONCE_BYTES: usize = 24;

/// A call of a chaincode's function, signed. An empty `channel` stands for none. `unix_micros` is the
/// time since 1970, `nonce` must never come twice.
#[must_use]
pub fn proposal(
    identity: &SigningIdentity,
    channel: &str,
    chaincode: &str,
    arguments: &[&[u8]],
    unix_micros: u64,
    nonce: [u8; NONCE_BYTES],
) -> SignedProposal {
    let id = ChaincodeId {
        name: chaincode.to_owned(),
        ..ChaincodeId::default()
    };
    let extension = ChaincodeHeaderExtension {
        chaincode_id: Some(id.clone()),
    };
    let mut header = channel_header(HeaderType::EndorserTransaction, channel, unix_micros);
    header.tx_id = sha256_parts(&[&nonce, identity.serialized()]).to_string();
    header.extension = extension.encode_to_vec();
    let invocation = ChaincodeInvocationSpec {
        chaincode_spec: Some(ChaincodeSpec {
            r#type: 1,
            chaincode_id: Some(id),
            input: Some(ChaincodeInput {
                args: arguments.iter().map(|argument| argument.to_vec()).collect(),
                ..ChaincodeInput::default()
            }),
            ..ChaincodeSpec::default()
        }),
    };
    let payload = ChaincodeProposalPayload {
        input: invocation.encode_to_vec(),
        ..ChaincodeProposalPayload::default()
    };
    let proposal = Proposal {
        header: signed_header(&header, identity, nonce).encode_to_vec(),
        payload: payload.encode_to_vec(),
        ..Proposal::default()
    };
    let bytes = proposal.encode_to_vec();
    SignedProposal {
        signature: identity.sign(&[&bytes]),
        proposal_bytes: bytes,
    }
}

/// Which blocks are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeekTo {
    /// The first one.
    Oldest,
    /// The last one.
    Newest,
    /// This one.
    Block(u64),
    /// This one and all that follow, now and later.
    From(u64),
    /// From the first number to the second, as far as they are there.
    Range(u64, u64),
}

/// A signed request for blocks. `tls_cert_hash` is that of the client's TLS certificate, if it shows one.
#[must_use]
pub fn seek(
    identity: &SigningIdentity,
    channel: &str,
    to: SeekTo,
    tls_cert_hash: Option<[u8; 32]>,
    unix_micros: u64,
    nonce: [u8; NONCE_BYTES],
) -> Envelope {
    use seek_position::Type;
    let number = |number| Type::Specified(SeekSpecified { number });
    let (start, stop, wait) = match to {
        SeekTo::Oldest => (
            Type::Oldest(SeekOldest {}),
            Type::Oldest(SeekOldest {}),
            true,
        ),
        SeekTo::Newest => (
            Type::Newest(SeekNewest {}),
            Type::Newest(SeekNewest {}),
            true,
        ),
        SeekTo::Block(block) => (number(block), number(block), false),
        SeekTo::From(block) => (number(block), number(u64::MAX), true),
        SeekTo::Range(first, last) => (number(first), number(last), false),
    };
    let position = |position| {
        Some(SeekPosition {
            r#type: Some(position),
        })
    };
    let behavior = if wait {
        seek_info::SeekBehavior::BlockUntilReady
    } else {
        seek_info::SeekBehavior::FailIfNotReady
    };
    let seek = SeekInfo {
        start: position(start),
        stop: position(stop),
        behavior: behavior.into(),
        ..SeekInfo::default()
    };
    let mut header = channel_header(HeaderType::DeliverSeekInfo, channel, unix_micros);
    header.tls_cert_hash = tls_cert_hash.map(Vec::from).unwrap_or_default();
    let payload = Payload {
        header: Some(signed_header(&header, identity, nonce)),
        data: seek.encode_to_vec(),
    };
    let payload = payload.encode_to_vec();
    Envelope {
        signature: identity.sign(&[&payload]),
        payload: payload.into(),
    }
}

fn channel_header(kind: HeaderType, channel: &str, unix_micros: u64) -> ChannelHeader {
    let seconds = i64::try_from(unix_micros / 1_000_000).unwrap_or(i64::MAX);
    let nanos = i32::try_from(unix_micros % 1_000_000 * 1000).unwrap_or(0);
    ChannelHeader {
        r#type: kind.into(),
        timestamp: Some(Timestamp { seconds, nanos }),
        channel_id: channel.to_owned(),
        ..ChannelHeader::default()
    }
}

fn signed_header(
    header: &ChannelHeader,
    identity: &SigningIdentity,
    nonce: [u8; NONCE_BYTES],
) -> Header {
    let signature = SignatureHeader {
        creator: identity.serialized().to_vec(),
        nonce: nonce.to_vec(),
    };
    Header {
        channel_header: header.encode_to_vec(),
        signature_header: signature.encode_to_vec(),
    }
}
