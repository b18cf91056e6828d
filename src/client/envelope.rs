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

/// What is wanted of each block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeekContent {
    /// All of it.
    Blocks,
    /// Header and signatures, which orderers give without the data.
    Headers,
}

/// A request for blocks, not signed yet.
#[derive(Debug, Clone, Copy)]
pub struct Seek<'s> {
    /// Whose blocks.
    pub channel: &'s str,
    /// Which ones.
    pub to: SeekTo,
    /// What of them.
    pub content: SeekContent,
    /// The hash of the TLS certificate that the client shows; empty where it shows none.
    pub tls_cert_hash: &'s [u8],
    /// The time since 1970.
    pub unix_micros: u64,
}

impl Seek<'_> {
    /// The request, signed. `nonce` must never come twice.
    ///
    /// Fabric: `internal/pkg/peer/blocksprovider/delivery_requester.go:SeekInfoBlocksFrom`,
    /// `SeekInfoHeadersFrom`.
    #[must_use]
    pub fn envelope(&self, identity: &SigningIdentity, nonce: [u8; NONCE_BYTES]) -> Envelope {
        let kind = HeaderType::DeliverSeekInfo;
        let mut header = channel_header(kind, self.channel, self.unix_micros);
        header.tls_cert_hash = self.tls_cert_hash.to_vec();
        let payload = Payload {
            header: Some(signed_header(&header, identity, nonce)),
            data: self.info().encode_to_vec(),
        };
        let payload = payload.encode_to_vec();
        Envelope {
            signature: identity.sign(&[&payload]),
            payload: payload.into(),
        }
    }

    fn info(&self) -> SeekInfo {
        use seek_position::Type;
        let number = |number| Type::Specified(SeekSpecified { number });
        let oldest = || Type::Oldest(SeekOldest {});
        let newest = || Type::Newest(SeekNewest {});
        let (start, stop, wait) = match self.to {
            SeekTo::Oldest => (oldest(), oldest(), true),
            SeekTo::Newest => (newest(), newest(), true),
            SeekTo::Block(block) => (number(block), number(block), false),
            SeekTo::From(block) => (number(block), number(u64::MAX), true),
            SeekTo::Range(first, last) => (number(first), number(last), false),
        };
        let behavior = if wait {
            seek_info::SeekBehavior::BlockUntilReady
        } else {
            seek_info::SeekBehavior::FailIfNotReady
        };
        let content = match self.content {
            SeekContent::Blocks => seek_info::SeekContentType::Block,
            SeekContent::Headers => seek_info::SeekContentType::HeaderWithSig,
        };
        let position = |r#type| Some(SeekPosition { r#type });
        SeekInfo {
            start: position(Some(start)),
            stop: position(Some(stop)),
            behavior: behavior.into(),
            content_type: content.into(),
            ..SeekInfo::default()
        }
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
