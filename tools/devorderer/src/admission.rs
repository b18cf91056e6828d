//! Which messages an orderer takes, and who may read: the checks before anything is ordered.
//!
//! Fabric: `orderer/common/broadcast`, `orderer/common/msgprocessor`.

use heddle::channel::Bundle;
use heddle::crypto::{SignedMessage, verify};
use heddle::msp::Identity;
use heddle::proto::common::{ChannelHeader, Header, Payload, SignatureHeader, header_type};
use heddle::proto::messages::common::{Envelope, Status};
use heddle::proto::msp::SerializedIdentity;
use heddle::proto::wire::Message as _;
use heddle::x509::{Certificate, pem};

/// Why a message is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{info}")]
pub(crate) struct Refusal {
    pub(crate) status: Status,
    pub(crate) info: String,
}

impl Refusal {
    pub(crate) fn new(status: Status, info: impl Into<String>) -> Self {
        Self {
            status,
            info: info.into(),
        }
    }

    pub(crate) fn bad(info: impl Into<String>) -> Self {
        Self::new(Status::BadRequest, info)
    }
}

/// What an orderer does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Orders it.
    Normal,
    /// Makes a configuration of it.
    ConfigUpdate,
}

/// The headers of an envelope.
#[derive(Debug)]
pub(crate) struct Headers<'a> {
    pub(crate) channel: ChannelHeader<'a>,
    pub(crate) signature: SignatureHeader<'a>,
    pub(crate) data: &'a [u8],
}

impl<'a> Headers<'a> {
    /// Reads them; `None` where they do not decode.
    pub(crate) fn read(payload: &'a [u8]) -> Option<Self> {
        let Payload { header, data } = Payload::decode(payload).ok()?;
        let Header {
            channel_header,
            signature_header,
        } = header?;
        Some(Self {
            channel: ChannelHeader::decode(channel_header).ok()?,
            signature: SignatureHeader::decode(signature_header).ok()?,
            data,
        })
    }

    /// What is to be done with the message.
    pub(crate) fn kind(&self) -> Result<Kind, Refusal> {
        match self.channel.r#type {
            header_type::CONFIG_UPDATE => Ok(Kind::ConfigUpdate),
            header_type::CONFIG => Err(Refusal::bad(
                "message is of type that cannot be processed directly",
            )),
            ORDERER_TRANSACTION => Err(Refusal::bad(
                "message is of type that is no longer supported",
            )),
            _ => Ok(Kind::Normal),
        }
    }
}

/// Fabric: made channels when there was a system channel.
const ORDERER_TRANSACTION: i32 = 4;

/// The size of a message as limits count it.
pub(crate) fn size(envelope: &Envelope) -> usize {
    envelope.payload.len() + envelope.signature.len()
}

/// Refuses what the configuration does not let in: size, expiration, Writers policy.
///
/// Fabric: `standardchannel.go:CreateStandardChannelFilters`, in its order.
pub(crate) fn admit(
    bundle: &Bundle,
    envelope: &Envelope,
    kind: Kind,
    now_s: u64,
) -> Result<(), Refusal> {
    let orderer = bundle.orderer();
    let in_maintenance = orderer.consensus_state != 0;
    if in_maintenance && kind == Kind::Normal {
        return Err(Refusal::new(
            Status::ServiceUnavailable,
            "normal transactions are rejected: maintenance mode",
        ));
    }
    if envelope.payload.is_empty() {
        return Err(Refusal::bad("message payload is empty"));
    }
    let size = size(envelope);
    let max = orderer.batch_size.absolute_bytes_max;
    if u32::try_from(size).is_ok_and(|size| size > max) {
        return Err(Refusal::bad(format!(
            "message payload is {size} bytes and exceeds maximum allowed {max} bytes"
        )));
    }
    let headers = Headers::read(&envelope.payload);
    let headers = headers.ok_or_else(|| Refusal::bad("message headers do not decode"))?;
    if expires_at(headers.signature.creator).is_some_and(|end| end <= now_s.cast_signed()) {
        return Err(Refusal::bad("broadcast client identity expired"));
    }
    let policy = if in_maintenance {
        "/Channel/Orderer/Writers"
    } else {
        "/Channel/Writers"
    };
    if !satisfies(
        bundle,
        policy,
        &headers,
        &envelope.payload,
        &envelope.signature,
    ) {
        return Err(Refusal::new(
            Status::Forbidden,
            format!("signature does not satisfy {policy}: permission denied"),
        ));
    }
    Ok(())
}

/// Whether whoever signed an envelope satisfies a policy of the channel.
pub(crate) fn satisfies(
    bundle: &Bundle,
    policy: &str,
    headers: &Headers<'_>,
    payload: &[u8],
    signature: &[u8],
) -> bool {
    let Ok(identity) = bundle.msps().deserialize(headers.signature.creator) else {
        return false;
    };
    let message = SignedMessage {
        head: payload,
        tail: &[],
    };
    let signed = |identity: &Identity| {
        let job = identity.signature_job(message, signature);
        job.is_some_and(|job| verify(&job))
    };
    signed(&identity)
        && bundle
            .policies()
            .policy(policy)
            .is_some_and(|policy| policy.evaluate(&[identity]))
}

/// When a creator's certificate ends, in seconds since 1970; `None` where nothing tells.
///
/// Fabric: `common/crypto/expiration.go:ExpiresAt`.
pub(crate) fn expires_at(creator: &[u8]) -> Option<i64> {
    let identity = SerializedIdentity::decode(creator).ok()?;
    let block = pem::first_block(identity.id_bytes)?;
    Certificate::parse(&block.bytes)
        .ok()
        .map(|certificate| certificate.not_after())
}
