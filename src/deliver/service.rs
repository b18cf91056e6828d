//! The gRPC service: streams of requests in, streams of blocks out.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Streaming};

use super::filtered::filtered_block;
use super::request::{Behavior, SeekRequest};
use crate::crypto::sha256;
use crate::host::{Channel, Host, unexpired};
use crate::limits::DELIVER_BLOCKS_AHEAD;
use crate::metrics::{Counters, FamilyName};
use crate::proto::messages::common::{Block, Envelope, Status};
use crate::proto::messages::protos::deliver_response::Type;
use crate::proto::messages::protos::deliver_server::Deliver;
use crate::proto::messages::protos::{BlockAndPrivateData, DeliverResponse};
use crate::sys::clock::Clock;
use crate::types::BlockNumber;

/// What the service takes from the configuration.
#[derive(Debug, Clone)]
pub struct DeliverLimits {
    /// Streams at a time (`peer.limits.concurrency.deliverService`), 0 for any number.
    pub streams_max: usize,
    /// How far a request's time may be from the peer's (`peer.authentication.timewindow`).
    pub time_window: Duration,
    /// Whether requests must name the client's TLS certificate: with mutual TLS.
    pub bind_to_tls: bool,
}

/// Serves blocks of all channels.
#[derive(Debug, Clone)]
pub struct DeliverService(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    host: Arc<Host>,
    clock: Arc<dyn Clock>,
    limits: DeliverLimits,
    metrics: Arc<DeliverMetrics>,
    streams: Arc<Semaphore>,
}

/// What the service counts, by Fabric's names.
#[derive(Debug)]
pub struct DeliverMetrics {
    /// Streams that clients opened.
    pub streams_opened: Counters,
    /// Streams that ended.
    pub streams_closed: Counters,
    /// Requests that came in.
    pub requests_received: Counters,
    /// Requests that were answered to their end.
    pub requests_completed: Counters,
    /// Blocks that were sent.
    pub blocks_sent: Counters,
}

impl Default for DeliverMetrics {
    fn default() -> Self {
        let counters = |name, help, labels| Counters::new(FamilyName { name, help, labels });
        let of_request = &["channel", "filtered", "data_type"];
        Self {
            streams_opened: counters("deliver_streams_opened", "Deliver streams opened.", &[]),
            streams_closed: counters("deliver_streams_closed", "Deliver streams closed.", &[]),
            requests_received: counters(
                "deliver_requests_received",
                "Deliver requests received.",
                of_request,
            ),
            requests_completed: counters(
                "deliver_requests_completed",
                "Deliver requests completed.",
                &["channel", "filtered", "data_type", "success"],
            ),
            blocks_sent: counters("deliver_blocks_sent", "Blocks sent.", of_request),
        }
    }
}

impl DeliverMetrics {
    /// All of them.
    #[must_use]
    pub fn counters(&self) -> [&Counters; 5] {
        [
            &self.streams_opened,
            &self.streams_closed,
            &self.requests_received,
            &self.requests_completed,
            &self.blocks_sent,
        ]
    }
}

/// In which form blocks are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    Filtered,
    WithPrivateData,
}

impl Form {
    /// Fabric's labels: whether it is filtered, and what it is.
    fn labels(self) -> [&'static str; 2] {
        match self {
            Self::Whole => ["false", "block"],
            Self::Filtered => ["true", "filtered_block"],
            Self::WithPrivateData => ["false", "block_and_pvtdata"],
        }
    }
}

type Answer = Result<DeliverResponse, tonic::Status>;
type Answers = Pin<Box<dyn Stream<Item = Answer> + Send>>;

/// The client has gone.
struct Gone;

impl DeliverService {
    /// A service of these channels.
    #[must_use]
    pub fn new(
        host: Arc<Host>,
        clock: Arc<dyn Clock>,
        limits: DeliverLimits,
        metrics: Arc<DeliverMetrics>,
    ) -> Self {
        let streams = match limits.streams_max {
            0 => Semaphore::MAX_PERMITS,
            some => some.min(Semaphore::MAX_PERMITS),
        };
        Self(Arc::new(Shared {
            host,
            clock,
            limits,
            metrics,
            streams: Arc::new(Semaphore::new(streams)),
        }))
    }

    fn open(
        &self,
        request: Request<Streaming<Envelope>>,
        form: Form,
    ) -> Result<Response<Answers>, tonic::Status> {
        let permit = Arc::clone(&self.0.streams).try_acquire_owned();
        let permit = permit.map_err(|_| {
            tonic::Status::resource_exhausted(format!(
                "{} deliver streams are open, and this peer serves no more \
                 (peer.limits.concurrency.deliverService)",
                self.0.limits.streams_max
            ))
        })?;
        let certificate = request
            .peer_certs()
            .and_then(|certificates| certificates.first().map(|der| sha256(der).0));
        let (to_client, answers) = mpsc::channel(DELIVER_BLOCKS_AHEAD);
        let stream = ClientStream {
            shared: Arc::clone(&self.0),
            certificate,
            form,
            to_client,
        };
        tokio::spawn(stream.serve(request.into_inner(), permit));
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

#[tonic::async_trait]
impl Deliver for DeliverService {
    type DeliverStream = Answers;
    type DeliverFilteredStream = Answers;
    type DeliverWithPrivateDataStream = Answers;

    async fn deliver(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Answers>, tonic::Status> {
        self.open(request, Form::Whole)
    }

    async fn deliver_filtered(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Answers>, tonic::Status> {
        self.open(request, Form::Filtered)
    }

    async fn deliver_with_private_data(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Answers>, tonic::Status> {
        self.open(request, Form::WithPrivateData)
    }
}

struct ClientStream {
    shared: Arc<Shared>,
    /// Hash of the client's TLS certificate, if it showed one.
    certificate: Option<[u8; 32]>,
    form: Form,
    to_client: mpsc::Sender<Answer>,
}

impl ClientStream {
    /// One request after another, until one is refused or the client ends.
    async fn serve(self, requests: Streaming<Envelope>, permit: OwnedSemaphorePermit) {
        self.shared.metrics.streams_opened.add(&[], 1);
        self.answer_all(requests).await;
        self.shared.metrics.streams_closed.add(&[], 1);
        drop(permit);
    }

    async fn answer_all(&self, mut requests: Streaming<Envelope>) {
        loop {
            let envelope = tokio::select! {
                () = self.to_client.closed() => return,
                envelope = requests.next() => envelope,
            };
            let Some(Ok(envelope)) = envelope else {
                return;
            };
            let Ok(status) = self.blocks(envelope).await else {
                return;
            };
            let answer = DeliverResponse {
                r#type: Some(Type::Status(status.into())),
            };
            if self.to_client.send(Ok(answer)).await.is_err() || status != Status::Success {
                return;
            }
        }
    }

    async fn blocks(&self, envelope: Envelope) -> Result<Status, Gone> {
        let window = self.shared.limits.time_window;
        let request = match SeekRequest::read(envelope, self.now(), window) {
            Ok(request) => request,
            Err(refused) => return Ok(refused.status()),
        };
        if self.shared.limits.bind_to_tls && !self.is_bound(&request) {
            return Ok(Status::BadRequest);
        }
        let Some(channel) = self.shared.host.channel(&request.channel) else {
            return Ok(Status::NotFound);
        };
        let [filtered, data_type] = self.form.labels();
        let labels = [request.channel.as_str(), filtered, data_type];
        self.shared.metrics.requests_received.add(&labels, 1);
        let status = self.channel_blocks(&channel, &request).await?;
        let success = if status == Status::Success {
            "true"
        } else {
            "false"
        };
        let [channel, filtered, data_type] = labels;
        let labels = [channel, filtered, data_type, success];
        self.shared.metrics.requests_completed.add(&labels, 1);
        Ok(status)
    }

    async fn channel_blocks(
        &self,
        channel: &Arc<Channel>,
        request: &SeekRequest,
    ) -> Result<Status, Gone> {
        let [filtered, data_type] = self.form.labels();
        let labels = [request.channel.as_str(), filtered, data_type];
        if !self.may(channel, request) {
            return Ok(Status::Forbidden);
        }
        let mut heights = channel.heights();
        let height = *heights.borrow_and_update();
        let (first, last) = match request.range(height) {
            Ok(range) => range,
            Err(status) => return Ok(status),
        };
        let mut allowed_at = channel.bundle().sequence();
        let mut number = first;
        loop {
            if request.behavior == Behavior::Fail && number >= *heights.borrow() {
                return Ok(Status::NotFound);
            }
            let there = heights.wait_for(|height| *height > number);
            tokio::select! {
                () = self.to_client.closed() => return Err(Gone),
                there = there => if there.is_err() {
                    return Ok(Status::ServiceUnavailable);
                },
            }
            let sequence = channel.bundle().sequence();
            let expired = !self.is_unexpired(channel, request);
            if expired || (sequence != allowed_at && !self.may(channel, request)) {
                return Ok(Status::Forbidden);
            }
            allowed_at = sequence;
            let Some(answer) = self.answer(channel, number).await else {
                return Ok(Status::InternalServerError);
            };
            let sent = self.to_client.send(Ok(answer)).await;
            sent.map_err(|_| Gone)?;
            self.shared.metrics.blocks_sent.add(&labels, 1);
            if number >= last {
                return Ok(Status::Success);
            }
            number += 1;
        }
    }

    fn is_bound(&self, request: &SeekRequest) -> bool {
        self.certificate
            .is_some_and(|hash| hash.as_slice() == request.tls_cert_hash)
    }

    fn may(&self, channel: &Channel, request: &SeekRequest) -> bool {
        let resource = match self.form {
            Form::Whole | Form::WithPrivateData => "event/Block",
            Form::Filtered => "event/FilteredBlock",
        };
        channel.check(resource, &request.signed()).is_ok() && self.is_unexpired(channel, request)
    }

    fn is_unexpired(&self, channel: &Channel, request: &SeekRequest) -> bool {
        let identity = channel
            .bundle()
            .msps()
            .deserialize(request.signed().creator);
        identity.is_ok_and(|identity| unexpired(&identity, self.now()).is_ok())
    }

    /// Seconds since 1970.
    fn now(&self) -> i64 {
        i64::try_from(self.shared.clock.unix_micros() / 1_000_000).unwrap_or(i64::MAX)
    }

    /// A block that is there; `None` where it cannot be read.
    async fn answer(&self, channel: &Arc<Channel>, number: u64) -> Option<DeliverResponse> {
        let (channel, form) = (Arc::clone(channel), self.form);
        let read = move || {
            let view = channel.ledger().view().ok()?;
            let bytes = view.block(BlockNumber(number)).ok()??;
            let block = Block::decode(Bytes::from_owner(bytes)).ok()?;
            let answer = match form {
                Form::Whole => Type::Block(block),
                Form::Filtered => {
                    let mut filtered = filtered_block(&block)?;
                    filtered.channel_id = channel.id().to_string();
                    Type::FilteredBlock(filtered)
                }
                Form::WithPrivateData => Type::BlockAndPrivateData(BlockAndPrivateData {
                    block: Some(block),
                    ..BlockAndPrivateData::default()
                }),
            };
            Some(DeliverResponse {
                r#type: Some(answer),
            })
        };
        // The file may have to be read from the disk.
        tokio::task::spawn_blocking(read).await.ok()?
    }
}
