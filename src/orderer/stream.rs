//! One stream with one orderer: a task that connects, asks, and passes on what comes.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::sync::Notify;
use tokio_stream::StreamExt as _;
use tonic::body::Body;
use tonic::codegen::Service as _;
use tonic::codegen::http::{self, HeaderValue, Method, Response, StatusCode, Uri, header};
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::answer::Answer;
use super::buffer::{Buffer, Event};
use super::core::{Content, Endpoint, StreamId, Trouble};
use super::messages::{End, Messages, framed};
use super::options::OrdererOptions;
use crate::limits;
use crate::tls::{Connector, add_pem, causes, endpoint, refused_certificate};
use crate::x509::CertPool;

const DELIVER: &str = "/orderer.AtomicBroadcast/Deliver";

/// What one task needs.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) content: Content,
    /// The signed request.
    pub(super) seek: Bytes,
    pub(super) options: Arc<OrdererOptions>,
    pub(super) buffer: Arc<Buffer>,
    /// Lets the next header be taken.
    pub(super) go_on: Arc<Notify>,
}

impl Stream {
    /// Runs until the stream ends; dropped where nobody wants it any more.
    pub(super) async fn run(self) {
        let end = match self.connect().await {
            Ok(channel) => {
                self.buffer.put(self.id, Event::Connected).await;
                self.follow(channel).await
            }
            Err(trouble) => Event::Failed(trouble),
        };
        self.buffer.put(self.id, end).await;
    }

    async fn connect(&self) -> Result<Channel, Trouble> {
        let failed = |error: tonic::transport::Error| Trouble::Connect {
            reason: self.refusal(&error).unwrap_or_else(|| causes(&error)),
        };
        let tls = self.options.tls.as_ref();
        let endpoint = endpoint(&self.endpoint.address, tls.is_some()).map_err(failed)?;
        let endpoint = endpoint
            .connect_timeout(self.options.core.connect_wait)
            .http2_keep_alive_interval(self.options.keepalive_interval)
            .keep_alive_timeout(self.options.keepalive_timeout)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(limits::ORDERER_WINDOW_BYTES)
            .initial_connection_window_size(limits::ORDERER_WINDOW_BYTES)
            .tcp_nodelay(true);
        let Some(tls) = tls else {
            return endpoint.connect().await.map_err(failed);
        };
        // Nobody's certificate is taken but what the channel's configuration vouches for.
        let mut authorities = CertPool::new();
        for pem in &self.endpoint.tls_roots {
            add_pem(&mut authorities, pem);
        }
        let config = tls.config(authorities).map_err(|error| Trouble::Tls {
            reason: causes(&error),
        })?;
        let connector = Connector::new(config);
        let connection = endpoint.connect_with_connector(connector);
        connection.await.map_err(failed)
    }

    /// What is wrong with the orderer's certificate, where that is why there is no connection.
    fn refusal(&self, error: &(dyn Error + 'static)) -> Option<String> {
        let why = refused_certificate(error)?;
        let by = &self.endpoint.vouched_by;
        Some(format!(
            "its TLS certificate is refused: {why} (believed is who the TLS authorities of {by} vouch for)"
        ))
    }

    /// Sends the request. An orderer without a new block sends nothing at all, not even the head of its
    /// answer.
    async fn ask(&self, mut channel: Channel) -> Result<Response<Body>, tonic::transport::Error> {
        // The sending half stays open: an orderer may take its end for ours.
        let seek = Ok::<_, Infallible>(Frame::data(framed(&self.seek)));
        let body = StreamBody::new(tokio_stream::once(seek).chain(tokio_stream::pending()));
        let mut request = http::Request::new(Body::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_static(DELIVER);
        let headers = request.headers_mut();
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/grpc"),
        );
        poll_fn(|context| channel.poll_ready(context)).await?;
        channel.call(request).await
    }

    /// Asks, and passes on what comes; returns why it ended.
    async fn follow(&self, channel: Channel) -> Event {
        let answer = match self.ask(channel).await {
            Ok(answer) => answer,
            Err(error) => return broken(causes(&error)),
        };
        if let Some(status) = Status::from_header_map(answer.headers()) {
            return ended(&status);
        }
        if answer.status() != StatusCode::OK {
            return broken(format!("HTTP status {}", answer.status()));
        }
        let mut messages = Messages::new(answer.into_body());
        loop {
            let answer = match messages.next().await {
                Ok(message) => Answer::read(&message),
                Err(End::Framing(error)) => return unasked(error.to_string()),
                Err(End::Status(status)) if status.code() == Code::Ok => {
                    return Event::Failed(Trouble::Ended);
                }
                Err(End::Status(status)) => return ended(&status),
            };
            match (answer, self.content) {
                (Answer::Block(block), Content::Blocks) => {
                    self.buffer.put(self.id, Event::Block(block)).await;
                }
                (Answer::Block(block), Content::Headers) => {
                    self.buffer.put(self.id, Event::Header(block)).await;
                    self.go_on.notified().await;
                }
                (Answer::Status(code), _) => return status(code),
                (Answer::Garbage(what), _) => return unasked(what),
            }
        }
    }
}

fn broken(reason: String) -> Event {
    Event::Failed(Trouble::Broken { reason })
}

fn unasked(what: String) -> Event {
    Event::Misbehaved(Trouble::Unasked {
        what,
        expected: "blocks".to_owned(),
    })
}

fn status(code: i32) -> Event {
    use crate::proto::messages::common::Status as Code;
    let name = Code::try_from(code).map_or("an unknown status", |code| code.as_str_name());
    Event::Failed(Trouble::Status { code, name })
}

/// The call ended with an error: of the connection, of the server, or because of what it sent.
fn ended(status: &Status) -> Event {
    let mut text = status.message().to_owned();
    if let Some(source) = Error::source(status) {
        text = causes(source);
    }
    broken(format!("{:?}: {text}", status.code()))
}
