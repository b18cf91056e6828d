//! Calls over a connection, as one identity.

use std::sync::Arc;

use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::Channel;

use super::envelope::{Seek, SeekContent, SeekTo, proposal};
use crate::limits::BLOCK_BYTES_MAX;
use crate::msp::SigningIdentity;
use crate::proto::messages::common::{Block, Envelope, Status};
use crate::proto::messages::orderer::atomic_broadcast_client::AtomicBroadcastClient;
use crate::proto::messages::orderer::deliver_response::Type as OrdererAnswer;
use crate::proto::messages::protos::deliver_client::DeliverClient;
use crate::proto::messages::protos::deliver_response::Type as PeerAnswer;
use crate::proto::messages::protos::endorser_client::EndorserClient;
use crate::sys::clock::Clock;
use crate::sys::random;
use crate::types::Digest;

/// Room for what is around a block in a message.
const MESSAGE_BYTES_MAX: usize = BLOCK_BYTES_MAX + (1 << 20);

/// Somebody who asks, over one connection.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The connection.
    pub connection: Channel,
    /// Who asks.
    pub identity: Arc<SigningIdentity>,
    /// The hash of the client's TLS certificate, if it shows one.
    pub tls_cert_hash: Option<Digest>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The call failed.
    #[error("{}", .0.message())]
    Call(#[from] tonic::Status),
    /// The function refused.
    #[error("{message} (status {status})")]
    Refused {
        /// The response's status.
        status: i32,
        /// What it says.
        message: String,
    },
    /// The blocks are not given.
    #[error("blocks are refused: {} ({number})", name.unwrap_or("unknown status"))]
    Status {
        /// The status.
        number: i32,
        /// Its name, if it has one.
        name: Option<&'static str>,
    },
    /// The answer is none.
    #[error("the answer has no {part}")]
    Incomplete {
        /// What is missing.
        part: &'static str,
    },
    /// No random bytes.
    #[error("the system gives no random bytes")]
    Random(#[from] std::io::Error),
}

impl Caller {
    /// Calls a function on a peer: its answer's payload. An empty `channel` stands for none.
    ///
    /// # Errors
    /// There is none.
    pub async fn call(
        &self,
        channel: &str,
        chaincode: &str,
        arguments: &[&[u8]],
    ) -> Result<Vec<u8>, CallError> {
        let now = self.clock.unix_micros();
        let nonce = random::bytes()?;
        let signed = proposal(&self.identity, channel, chaincode, arguments, now, nonce);
        let mut endorser = EndorserClient::new(self.connection.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let answer = endorser.process_proposal(signed).await?.into_inner();
        let response = answer
            .response
            .ok_or(CallError::Incomplete { part: "response" })?;
        if response.status != 200 {
            return Err(CallError::Refused {
                status: response.status,
                message: response.message,
            });
        }
        Ok(response.payload)
    }

    /// Blocks from a peer's ledger. `each` gets one after the other, until it says `false`.
    ///
    /// # Errors
    /// They are not given.
    pub async fn blocks_of_peer(
        &self,
        channel: &str,
        to: SeekTo,
        each: impl FnMut(Block) -> bool,
    ) -> Result<(), CallError> {
        let requests = self.requests(channel, to)?;
        let mut peer = DeliverClient::new(self.connection.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX);
        let answers = peer.deliver(requests).await?.into_inner();
        let answers = answers.map(|answer| {
            Ok(match answer?.r#type {
                Some(PeerAnswer::Block(block)) => Given::Block(block),
                Some(PeerAnswer::Status(status)) => Given::Status(status),
                Some(PeerAnswer::FilteredBlock(_) | PeerAnswer::BlockAndPrivateData(_)) | None => {
                    Given::Nothing
                }
            })
        });
        take(answers, each).await
    }

    /// Blocks from an orderer, as [`Self::blocks_of_peer`].
    ///
    /// # Errors
    /// They are not given.
    pub async fn blocks_of_orderer(
        &self,
        channel: &str,
        to: SeekTo,
        each: impl FnMut(Block) -> bool,
    ) -> Result<(), CallError> {
        let requests = self.requests(channel, to)?;
        let mut orderer = AtomicBroadcastClient::new(self.connection.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX);
        let answers = orderer.deliver(requests).await?.into_inner();
        let answers = answers.map(|answer| {
            Ok(match answer?.r#type {
                Some(OrdererAnswer::Block(block)) => Given::Block(block),
                Some(OrdererAnswer::Status(status)) => Given::Status(status),
                None => Given::Nothing,
            })
        });
        take(answers, each).await
    }

    /// Sends a transaction or a config update to an orderer.
    ///
    /// # Errors
    /// It does not take it.
    pub async fn broadcast(&self, envelope: Envelope) -> Result<(), CallError> {
        let mut orderer = AtomicBroadcastClient::new(self.connection.clone())
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let requests = tokio_stream::once(envelope).chain(tokio_stream::pending());
        let mut answers = orderer.broadcast(requests).await?.into_inner();
        let answer = answers.next().await;
        let answer = answer.ok_or(CallError::Incomplete { part: "status" })??;
        if answer.status == i32::from(Status::Success) {
            return Ok(());
        }
        Err(CallError::Refused {
            status: answer.status,
            message: answer.info,
        })
    }

    /// One request, and then silence: the stream stays open until the answer is there.
    fn requests(
        &self,
        channel: &str,
        to: SeekTo,
    ) -> Result<impl Stream<Item = Envelope> + use<>, CallError> {
        let hash = self.tls_cert_hash.as_ref();
        let seek = Seek {
            channel,
            to,
            content: SeekContent::Blocks,
            tls_cert_hash: hash.map_or(&[], |hash| &hash.0),
            unix_micros: self.clock.unix_micros(),
        };
        let envelope = seek.envelope(&self.identity, random::bytes()?);
        Ok(tokio_stream::once(envelope).chain(tokio_stream::pending()))
    }
}

/// What a peer or an orderer gives.
enum Given {
    Block(Block),
    Status(i32),
    Nothing,
}

/// Takes blocks until a status ends them, or `each` has enough.
async fn take(
    answers: impl Stream<Item = Result<Given, CallError>>,
    mut each: impl FnMut(Block) -> bool,
) -> Result<(), CallError> {
    let mut answers = std::pin::pin!(answers);
    while let Some(answer) = answers.next().await {
        match answer? {
            Given::Block(block) => {
                if !each(block) {
                    return Ok(());
                }
            }
            Given::Status(status) => return ended(status),
            Given::Nothing => return Err(CallError::Incomplete { part: "block" }),
        }
    }
    Err(CallError::Incomplete { part: "status" })
}

fn ended(status: i32) -> Result<(), CallError> {
    match Status::try_from(status) {
        Ok(Status::Success) => Ok(()),
        known => Err(CallError::Status {
            number: status,
            name: known.ok().map(|status| status.as_str_name()),
        }),
    }
}
