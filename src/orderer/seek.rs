//! The request for blocks: a signed envelope.

use std::io;

use prost::Message as _;

use super::core::Content;
use crate::msp::SigningIdentity;
use crate::proto::messages::common::{
    ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader,
};
use crate::proto::messages::orderer::seek_info::{SeekBehavior, SeekContentType};
use crate::proto::messages::orderer::{SeekInfo, SeekPosition, SeekSpecified, seek_position::Type};
use crate::sys::random;
use crate::types::{BlockNumber, ChannelId};

/// Bytes of a nonce, as everywhere in Fabric.
const NONCE_BYTES: usize = 24;

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Seek<'s> {
    pub(super) channel: &'s ChannelId,
    /// The first block; there is no last one.
    pub(super) from: BlockNumber,
    pub(super) content: Content,
    /// SHA-256 of our own TLS certificate; empty where there is none.
    pub(super) tls_cert_hash: &'s [u8],
    pub(super) unix_micros: u64,
}

impl Seek<'_> {
    /// The serialized `common.Envelope`.
    ///
    /// # Errors
    /// The system has no random bytes.
    ///
    /// Fabric: `internal/pkg/peer/blocksprovider/delivery_requester.go:SeekInfoBlocksFrom`,
    /// `SeekInfoHeadersFrom`.
    pub(super) fn envelope(&self, identity: &SigningIdentity) -> io::Result<Vec<u8>> {
        let nonce: [u8; NONCE_BYTES] = random::bytes()?;
        let specified = |number| SeekPosition {
            r#type: Some(Type::Specified(SeekSpecified { number })),
        };
        let content = match self.content {
            Content::Blocks => SeekContentType::Block,
            Content::Headers => SeekContentType::HeaderWithSig,
        };
        let seek = SeekInfo {
            start: Some(specified(self.from.0)),
            stop: Some(specified(u64::MAX)),
            behavior: SeekBehavior::BlockUntilReady.into(),
            content_type: content.into(),
            ..SeekInfo::default()
        };
        let channel_header = ChannelHeader {
            r#type: HeaderType::DeliverSeekInfo.into(),
            timestamp: Some(timestamp(self.unix_micros)),
            channel_id: self.channel.to_string(),
            tls_cert_hash: self.tls_cert_hash.to_vec(),
            ..ChannelHeader::default()
        };
        let signature_header = SignatureHeader {
            creator: identity.serialized().to_vec(),
            nonce: nonce.to_vec(),
        };
        let header = Header {
            channel_header: channel_header.encode_to_vec(),
            signature_header: signature_header.encode_to_vec(),
        };
        let payload = Payload {
            header: Some(header),
            data: seek.encode_to_vec(),
        };
        let payload = payload.encode_to_vec();
        let signature = identity.sign(&[&payload]);
        let envelope = Envelope {
            payload: payload.into(),
            signature,
        };
        Ok(envelope.encode_to_vec())
    }
}

fn timestamp(unix_micros: u64) -> prost_types::Timestamp {
    let seconds = unix_micros / 1_000_000;
    let nanos = (unix_micros % 1_000_000) * 1000;
    prost_types::Timestamp {
        seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
        nanos: i32::try_from(nanos).unwrap_or(0),
    }
}
