//! A request for blocks, read and checked as far as that goes without a channel.

use std::time::Duration;

use prost::Message as _;

use crate::host::SignedData;
use crate::proto::messages::common::{ChannelHeader, Envelope, Payload, SignatureHeader, Status};
use crate::proto::messages::orderer::seek_position::Type as Position;
use crate::proto::messages::orderer::{SeekInfo, SeekPosition, seek_info::SeekBehavior};

/// Where a stream begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seek {
    /// Block 0.
    Oldest,
    /// The last block that there is.
    Newest,
    /// The next block that will be committed.
    NextCommit,
    /// This one.
    Number(u64),
}

/// What to do where the next block is not there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behavior {
    /// Wait for it.
    Wait,
    /// Say so and end.
    Fail,
}

/// A request for blocks.
#[derive(Debug)]
pub struct SeekRequest {
    /// Of which channel.
    pub channel: String,
    /// From here.
    pub start: Seek,
    /// To here, inclusive.
    pub stop: Seek,
    /// What if they are not there yet.
    pub behavior: Behavior,
    /// What the client says the hash of its TLS certificate is.
    pub tls_cert_hash: Vec<u8>,
    creator: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// Why a request is refused, with the status that the client gets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SeekError {
    /// A part does not decode.
    #[error("the request's {part} does not decode")]
    Undecodable {
        /// Which one.
        part: &'static str,
    },
    /// A part is not there.
    #[error("the request has no {part}")]
    Missing {
        /// Which one.
        part: &'static str,
    },
    /// The time is too far from the peer's own.
    #[error(
        "the request's time {request} is more than {} s from the peer's {now} (seconds since 1970): set the clock",
        window.as_secs()
    )]
    Time {
        /// The request's.
        request: i64,
        /// The peer's.
        now: i64,
        /// How much is allowed.
        window: Duration,
    },
}

impl SeekError {
    /// What the client is told.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::BadRequest
    }
}

impl SeekRequest {
    /// Reads an envelope. `now` is in seconds since 1970; the envelope's time may differ by `window`.
    ///
    /// # Errors
    /// What is wrong with it.
    ///
    /// Fabric: `common/deliver/deliver.go:parseEnvelope`, `validateChannelHeader`.
    pub fn read(envelope: Envelope, now: i64, window: Duration) -> Result<Self, SeekError> {
        let undecodable = |part| move |_| SeekError::Undecodable { part };
        let payload = Payload::decode(envelope.payload.as_ref()).map_err(undecodable("payload"))?;
        let header = payload
            .header
            .ok_or(SeekError::Missing { part: "header" })?;
        let channel = ChannelHeader::decode(header.channel_header.as_ref())
            .map_err(undecodable("channel header"))?;
        let signature = SignatureHeader::decode(header.signature_header.as_ref())
            .map_err(undecodable("signature header"))?;
        let time = channel
            .timestamp
            .ok_or(SeekError::Missing { part: "time" })?;
        if time.seconds.abs_diff(now) > window.as_secs() {
            let request = time.seconds;
            return Err(SeekError::Time {
                request,
                now,
                window,
            });
        }
        let seek = SeekInfo::decode(payload.data.as_ref()).map_err(undecodable("seek info"))?;
        let behavior = match seek.behavior() {
            SeekBehavior::BlockUntilReady => Behavior::Wait,
            SeekBehavior::FailIfNotReady => Behavior::Fail,
        };
        Ok(Self {
            start: position(seek.start, "start")?,
            stop: position(seek.stop, "stop")?,
            behavior,
            channel: channel.channel_id,
            tls_cert_hash: channel.tls_cert_hash,
            creator: signature.creator,
            payload: envelope.payload.into(),
            signature: envelope.signature,
        })
    }

    /// Who asks, and how that is proved.
    #[must_use]
    pub fn signed(&self) -> SignedData<'_> {
        SignedData {
            creator: &self.creator,
            message: &self.payload,
            signature: &self.signature,
        }
    }

    /// The first block's number and the last one's, of a channel of this height.
    ///
    /// # Errors
    /// The status that the client gets.
    ///
    /// Fabric: `common/deliver/deliver.go:deliverBlocks`, `common/ledger/blockledger/fileledger`.
    pub fn range(&self, height: u64) -> Result<(u64, u64), Status> {
        let newest = height.saturating_sub(1);
        let first = match self.start {
            Seek::Oldest => 0,
            Seek::Newest => newest,
            Seek::NextCommit => height,
            Seek::Number(number) if number > height => return Err(Status::NotFound),
            Seek::Number(number) => number,
        };
        let last = match self.stop {
            // Fabric takes "oldest" for the block that the stream begins with.
            Seek::Oldest => first,
            // A stream that begins with the next block ends with it.
            Seek::Newest => newest.max(first),
            Seek::NextCommit => height,
            Seek::Number(number) if number < first => return Err(Status::BadRequest),
            Seek::Number(number) => number,
        };
        Ok((first, last))
    }
}

fn position(position: Option<SeekPosition>, part: &'static str) -> Result<Seek, SeekError> {
    match position.and_then(|position| position.r#type) {
        None => Err(SeekError::Missing { part }),
        Some(Position::Newest(_)) => Ok(Seek::Newest),
        Some(Position::Oldest(_)) => Ok(Seek::Oldest),
        Some(Position::Specified(at)) => Ok(Seek::Number(at.number)),
        Some(Position::NextCommit(_)) => Ok(Seek::NextCommit),
    }
}
