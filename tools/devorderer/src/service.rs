//! The gRPC service: streams in, streams out. What to answer is decided elsewhere.
//!
//! Fabric: `orderer/common/broadcast/broadcast.go`, `common/deliver/deliver.go`.

use std::sync::Arc;

use heddle::channel::Bundle;
use heddle::crypto::sha256;
use heddle::proto::messages::common::{Block, Envelope, Status};
use heddle::proto::messages::orderer::atomic_broadcast_server::AtomicBroadcast;
use heddle::proto::messages::orderer::deliver_response::Type;
use heddle::proto::messages::orderer::{BroadcastResponse, DeliverResponse};
use heddle::sys::clock::Clock;
use prost::Message as _;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Streaming};

use crate::admission::{Headers, expires_at, satisfies};
use crate::channels::{Channels, Reader};
use crate::say;
use crate::seek::{self, Seek};

/// Answers that wait to be sent, per stream. When the client does not take them, the stream waits.
const ANSWERS_QUEUED: usize = 2;

/// The ordering service.
#[derive(Debug)]
pub(crate) struct Service {
    channels: Arc<Channels>,
    clock: Arc<dyn Clock>,
    streams: Arc<Semaphore>,
    streams_max: usize,
    /// Whether requests name the hash of the client's TLS certificate.
    is_bound: bool,
    /// Says when everything ends.
    shutdown: watch::Receiver<bool>,
}

impl Service {
    pub(crate) fn new(
        channels: Arc<Channels>,
        clock: Arc<dyn Clock>,
        streams_max: usize,
        is_bound: bool,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        Self {
            channels,
            clock,
            streams: Arc::new(Semaphore::new(streams_max)),
            streams_max,
            is_bound,
            shutdown,
        }
    }

    fn place(&self) -> Result<tokio::sync::OwnedSemaphorePermit, tonic::Status> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_| {
            let max = self.streams_max;
            tonic::Status::resource_exhausted(format!("{max} streams are open: see --streams-max"))
        })
    }
}

type Answers<T> = ReceiverStream<Result<T, tonic::Status>>;

#[tonic::async_trait]
impl AtomicBroadcast for Service {
    type BroadcastStream = Answers<BroadcastResponse>;
    type DeliverStream = Answers<DeliverResponse>;

    async fn broadcast(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::BroadcastStream>, tonic::Status> {
        let place = self.place()?;
        let channels = Arc::clone(&self.channels);
        let shutdown = self.shutdown.clone();
        let (outbox, answers) = mpsc::channel(ANSWERS_QUEUED);
        let mut requests = request.into_inner();
        tokio::spawn(async move {
            let _place = place;
            while let Some(envelope) = next(&mut requests, &shutdown).await {
                let (status, info) = match channels.broadcast(envelope).await {
                    Ok(()) => (Status::Success, String::new()),
                    Err(refusal) => (refusal.status, refusal.info),
                };
                let answer = BroadcastResponse {
                    status: status.into(),
                    info,
                };
                // Fabric: a refusal ends the stream.
                if outbox.send(Ok(answer)).await.is_err() || status != Status::Success {
                    break;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(answers)))
    }

    async fn deliver(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverStream>, tonic::Status> {
        let place = self.place()?;
        let client_hash = if self.is_bound {
            let certificates = request.peer_certs();
            let first = certificates.as_ref().and_then(|all| all.first());
            Some(first.map_or_else(Vec::new, |own| sha256(own).0.to_vec()))
        } else {
            None
        };
        let (outbox, answers) = mpsc::channel(ANSWERS_QUEUED);
        let mut delivery = Delivery {
            channels: Arc::clone(&self.channels),
            clock: Arc::clone(&self.clock),
            client_hash,
            outbox,
            shutdown: self.shutdown.clone(),
        };
        let mut requests = request.into_inner();
        tokio::spawn(async move {
            let _place = place;
            while let Some(envelope) = next(&mut requests, &delivery.shutdown).await {
                let Some(status) = delivery.answer(&envelope).await else {
                    return;
                };
                if !delivery.send(Type::Status(status.into())).await || status != Status::Success {
                    break;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(answers)))
    }
}

/// The next request of a stream; `None` at its end and when everything ends.
async fn next(
    requests: &mut Streaming<Envelope>,
    shutdown: &watch::Receiver<bool>,
) -> Option<Envelope> {
    let mut shutdown = shutdown.clone();
    tokio::select! {
        () = ended(&mut shutdown) => None,
        request = requests.message() => request.ok().flatten(),
    }
}

/// Waits until everything ends.
async fn ended(shutdown: &mut watch::Receiver<bool>) {
    // Without a sender there is nobody left to say it: that is the end, too.
    let _ = shutdown.wait_for(|down| *down).await;
}

/// One client's Deliver stream.
struct Delivery {
    channels: Arc<Channels>,
    clock: Arc<dyn Clock>,
    client_hash: Option<Vec<u8>>,
    outbox: mpsc::Sender<Result<DeliverResponse, tonic::Status>>,
    shutdown: watch::Receiver<bool>,
}

impl Delivery {
    async fn send(&self, answer: Type) -> bool {
        let answer = DeliverResponse {
            r#type: Some(answer),
        };
        self.outbox.send(Ok(answer)).await.is_ok()
    }

    /// Answers one request with blocks. Returns the status at its end; `None` where the client is gone.
    async fn answer(&mut self, envelope: &Envelope) -> Option<Status> {
        let Some(headers) = Headers::read(&envelope.payload) else {
            return Some(Status::BadRequest);
        };
        let hash = self.client_hash.as_deref();
        if let Err(status) = seek::check_headers(&headers, self.clock.unix_micros(), hash) {
            return Some(status);
        }
        let Some(reader) = self.channels.reader(headers.channel.channel_id) else {
            return Some(Status::NotFound);
        };
        let Some(info) = seek::read(headers.data) else {
            return Some(Status::BadRequest);
        };
        let mut access = Access {
            envelope,
            ends: expires_at(headers.signature.creator),
            headers,
            checked: None,
        };
        if !access.is_granted(&reader, &*self.clock) {
            return Some(Status::Forbidden);
        }
        let height = *reader.height.borrow();
        match seek::resolve(&info, height) {
            Ok(seek) => self.deliver(reader, seek, &mut access).await,
            Err(status) => Some(status),
        }
    }

    async fn deliver(
        &mut self,
        mut reader: Reader,
        seek: Seek,
        access: &mut Access<'_>,
    ) -> Option<Status> {
        let mut number = seek.start;
        loop {
            let is_there = number < *reader.height.borrow_and_update();
            if !is_there && seek.fail_if_not_ready {
                return Some(Status::NotFound);
            }
            if !is_there {
                tokio::select! {
                    () = ended(&mut self.shutdown) => {
                        return Some(Status::ServiceUnavailable);
                    }
                    () = self.outbox.closed() => return None,
                    // A channel that has stopped gets no more blocks.
                    changed = reader.height.changed() => if changed.is_err() {
                        return Some(Status::ServiceUnavailable);
                    },
                }
                continue;
            }
            let block = match tokio::task::block_in_place(|| reader.log.read(number)) {
                Ok(Some(block)) => block,
                Ok(None) => return Some(Status::NotFound),
                Err(error) => {
                    say(&error.to_string());
                    return Some(Status::InternalServerError);
                }
            };
            if !access.is_granted(&reader, &*self.clock) {
                return Some(Status::Forbidden);
            }
            let Ok(mut block) = Block::decode(block) else {
                return Some(Status::InternalServerError);
            };
            if seek.header_only && !is_config(&block) {
                block.data = None;
            }
            if !self.send(Type::Block(block)).await {
                return None;
            }
            if number == seek.stop {
                return Some(Status::Success);
            }
            number += 1;
        }
    }
}

fn is_config(block: &Block) -> bool {
    let first = block.data.as_ref().and_then(|data| data.data.first());
    let envelope = first.and_then(|first| Envelope::decode(first.as_ref()).ok());
    envelope.is_some_and(|envelope| {
        Headers::read(&envelope.payload).is_some_and(|headers| headers.channel.r#type == 1)
    })
}

/// Whether a client may read: asked before each block, answered anew when the configuration changes.
///
/// Fabric: `common/deliver/acl.go`.
struct Access<'e> {
    envelope: &'e Envelope,
    headers: Headers<'e>,
    /// When the client's certificate ends, in seconds since 1970.
    ends: Option<i64>,
    /// Sequence number of the configuration that granted it.
    checked: Option<u64>,
}

impl Access<'_> {
    fn is_granted(&mut self, reader: &Reader, clock: &dyn Clock) -> bool {
        let Some(bundle) = &reader.bundle else {
            return true;
        };
        let now_s = (clock.unix_micros() / 1_000_000).cast_signed();
        if self.ends.is_some_and(|ends| ends < now_s) {
            return false;
        }
        let bundle: Arc<Bundle> = Arc::clone(&bundle.borrow());
        if self.checked == Some(bundle.sequence()) {
            return true;
        }
        let policy = match bundle.orderer().consensus_state {
            0 => "/Channel/Readers",
            _ => "/Channel/Orderer/Readers",
        };
        let (payload, signature) = (&self.envelope.payload, &self.envelope.signature);
        let granted = satisfies(&bundle, policy, &self.headers, payload, signature);
        self.checked = granted.then(|| bundle.sequence());
        granted
    }
}
