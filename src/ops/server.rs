//! The HTTP server.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::health::Health;
use crate::limits::{OPS_BODY_BYTES_MAX, OPS_CONNECTIONS_MAX, TLS_HANDSHAKE_WAIT};

/// What the server shows.
pub trait OpsView: Send + Sync + 'static {
    /// How the peer is, and the time in RFC 3339.
    fn health(&self) -> (Health, String);
    /// The metrics page; `None` where metrics are disabled.
    fn metrics(&self) -> Option<String>;
    /// How gossip is; `None` where there is none.
    fn gossip(&self) -> Option<Value>;
}

/// Log levels, while the peer runs.
pub trait LogControl: Send + Sync + 'static {
    /// The specification in force.
    fn spec(&self) -> String;
    /// Puts another one in force.
    ///
    /// # Errors
    /// It is none.
    fn set_spec(&self, spec: &str) -> Result<(), String>;
}

/// A server at work.
#[derive(Debug)]
pub struct OpsServer {
    address: SocketAddr,
    server: JoinHandle<()>,
}

struct Shared {
    view: Arc<dyn OpsView>,
    logs: Arc<dyn LogControl>,
}

impl OpsServer {
    /// Listens on `HOST:PORT` and serves.
    ///
    /// # Errors
    /// The address is not this machine's, or in use.
    pub async fn start(
        address: &str,
        tls: Option<Arc<rustls::ServerConfig>>,
        view: Arc<dyn OpsView>,
        logs: Arc<dyn LogControl>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { view, logs });
        let acceptor = tls.map(TlsAcceptor::from);
        let server = tokio::spawn(serve(listener, acceptor, shared));
        Ok(Self { address, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the server.
    pub fn end(self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let connections = Arc::new(Semaphore::new(OPS_CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let _permit = permit;
            let service = service_fn(|request| answer(Arc::clone(&shared), request));
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new());
            match acceptor {
                None => drop(http.serve_connection(TokioIo::new(stream), service).await),
                Some(acceptor) => {
                    let handshake =
                        tokio::time::timeout(TLS_HANDSHAKE_WAIT, acceptor.accept(stream));
                    if let Ok(Ok(stream)) = handshake.await {
                        drop(http.serve_connection(TokioIo::new(stream), service).await);
                    }
                }
            }
        });
    }
}

type Answer = Response<Full<Bytes>>;

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let answer = match (path.as_str(), &method) {
        ("/healthz", &Method::GET) => {
            let (health, time) = shared.view.health();
            let (status, body) = health.answer(&time);
            json_answer(status, &body)
        }
        ("/version", &Method::GET) => json_answer(
            200,
            &json!({"CommitSHA": "", "Version": env!("CARGO_PKG_VERSION")}),
        ),
        ("/metrics", &Method::GET) => match shared.view.metrics() {
            Some(page) => text_answer(StatusCode::OK, "text/plain; version=0.0.4", page),
            None => refused(
                StatusCode::NOT_FOUND,
                "metrics are disabled (metrics.provider)",
            ),
        },
        ("/gossip", &Method::GET) => match shared.view.gossip() {
            Some(state) => json_answer(200, &state),
            None => refused(
                StatusCode::NOT_FOUND,
                "the peer does not gossip: peer.gossip says nobody to call, and not where to be called",
            ),
        },
        ("/logspec", &Method::GET) => json_answer(200, &json!({"spec": shared.logs.spec()})),
        ("/logspec", &Method::PUT) => set_spec(&shared, request).await,
        ("/healthz" | "/version" | "/metrics" | "/gossip" | "/logspec", _) => refused(
            StatusCode::METHOD_NOT_ALLOWED,
            &format!("invalid request method: {method}"),
        ),
        _ => refused(
            StatusCode::NOT_FOUND,
            "expected /healthz, /metrics, /gossip, /logspec or /version",
        ),
    };
    Ok(answer)
}

async fn set_spec(shared: &Shared, request: Request<Incoming>) -> Answer {
    let body = Limited::new(request.into_body(), OPS_BODY_BYTES_MAX)
        .collect()
        .await;
    let Ok(body) = body else {
        return refused(StatusCode::BAD_REQUEST, "the body is too long");
    };
    let body: Result<Value, _> = serde_json::from_slice(&body.to_bytes());
    let spec = body
        .ok()
        .and_then(|body| Some(body.get("spec")?.as_str()?.to_owned()));
    let Some(spec) = spec else {
        return refused(StatusCode::BAD_REQUEST, "expected {\"spec\": \"LEVEL\"}");
    };
    match shared.logs.set_spec(&spec) {
        Ok(()) => text_answer(StatusCode::NO_CONTENT, "text/plain", String::new()),
        Err(why) => refused(StatusCode::BAD_REQUEST, &why),
    }
}

fn json_answer(status: u16, body: &Value) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    text_answer(status, "application/json", body.to_string())
}

fn refused(status: StatusCode, why: &str) -> Answer {
    json_answer(status.as_u16(), &json!({"error": why}))
}

fn text_answer(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static(kind);
    answer
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, kind);
    answer
}
