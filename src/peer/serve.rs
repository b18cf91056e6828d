//! The client port: the gRPC services over TCP, with TLS where it is configured.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;

use crate::deliver::DeliverService;
use crate::endorser::EndorserService;
use crate::limits::{SHUTDOWN_WAIT, TLS_HANDSHAKE_WAIT, TLS_HANDSHAKES_MAX};
use crate::proto::messages::protos::deliver_server::DeliverServer;
use crate::proto::messages::protos::endorser_server::EndorserServer;

/// Where clients come in.
#[derive(Debug)]
pub struct ClientPort {
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
}

/// What the port takes from the configuration.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Bytes of a message that comes in.
    pub receive_bytes_max: usize,
    /// Bytes of one that goes out.
    pub send_bytes_max: usize,
    /// How long a connection may be silent before it is asked whether it is there.
    pub keepalive_interval: Duration,
    /// How long it may take to answer.
    pub keepalive_timeout: Duration,
}

/// A port that is being served.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    end: watch::Sender<bool>,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl ClientPort {
    /// Listens on `HOST:PORT`.
    ///
    /// # Errors
    /// The address is not this machine's, or in use.
    pub async fn listen(address: &str, tls: Option<Arc<rustls::ServerConfig>>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { listener, tls })
    }
}

/// Serves until [`Serving::end`].
///
/// # Errors
/// The port is gone.
pub fn serve(
    port: ClientPort,
    deliver: DeliverService,
    endorser: EndorserService,
    options: &ServeOptions,
) -> io::Result<Serving> {
    let address = port.listener.local_addr()?;
    let (end, ended) = watch::channel(false);
    let limits = (options.receive_bytes_max, options.send_bytes_max);
    let deliver = DeliverServer::new(deliver)
        .max_decoding_message_size(limits.0)
        .max_encoding_message_size(limits.1);
    let endorser = EndorserServer::new(endorser)
        .max_decoding_message_size(limits.0)
        .max_encoding_message_size(limits.1);
    let (_, health) = tonic_health::server::health_reporter();
    let router = Server::builder()
        .http2_keepalive_interval(Some(options.keepalive_interval))
        .http2_keepalive_timeout(Some(options.keepalive_timeout))
        .tcp_nodelay(true)
        .add_service(health)
        .add_service(deliver)
        .add_service(endorser);
    let is_ended = |mut ended: watch::Receiver<bool>| async move {
        let _ = ended.wait_for(|ended| *ended).await;
    };
    let until = is_ended(ended.clone());
    let server = match port.tls {
        None => {
            let connections = accepted(port.listener, is_ended(ended));
            tokio::spawn(router.serve_with_incoming_shutdown(connections, until))
        }
        Some(tls) => {
            let connections = encrypted(port.listener, TlsAcceptor::from(tls), is_ended(ended));
            tokio::spawn(router.serve_with_incoming_shutdown(connections, until))
        }
    };
    Ok(Serving {
        address,
        end,
        server,
    })
}

impl Serving {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, and gives open ones a moment.
    pub async fn end(mut self) {
        self.end.send_replace(true);
        if tokio::time::timeout(SHUTDOWN_WAIT, &mut self.server)
            .await
            .is_err()
        {
            self.server.abort();
        }
    }
}

type Connections<C> = ReceiverStream<io::Result<C>>;

/// Connections as they come in.
fn accepted(
    listener: TcpListener,
    ended: impl Future<Output = ()> + Send + 'static,
) -> Connections<TcpStream> {
    let (to_server, connections) = mpsc::channel(1);
    let accept = async move {
        while let Some(stream) = accept(&listener).await {
            if to_server.send(Ok(stream)).await.is_err() {
                return;
            }
        }
    };
    tokio::spawn(async move {
        tokio::select! {
            () = accept => {}
            () = ended => {}
        }
    });
    ReceiverStream::new(connections)
}

/// Connections whose handshake is done. A client that is slow or does not know TLS holds up no other.
fn encrypted(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    ended: impl Future<Output = ()> + Send + 'static,
) -> Connections<TlsStream<TcpStream>> {
    let (to_server, connections) = mpsc::channel(1);
    let handshakes = Arc::new(Semaphore::new(TLS_HANDSHAKES_MAX));
    let accept = async move {
        while let Some(stream) = accept(&listener).await {
            let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else {
                return;
            };
            let (acceptor, to_server) = (acceptor.clone(), to_server.clone());
            tokio::spawn(async move {
                let handshake = acceptor.accept(stream);
                let done = tokio::time::timeout(TLS_HANDSHAKE_WAIT, handshake).await;
                drop(permit);
                match done {
                    Ok(Ok(stream)) => drop(to_server.send(Ok(stream)).await),
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                }
            });
        }
    };
    tokio::spawn(async move {
        tokio::select! {
            () = accept => {}
            () = ended => {}
        }
    });
    ReceiverStream::new(connections)
}

/// The next connection. Where the system has none to give, for want of files say, it is tried again.
async fn accept(listener: &TcpListener) -> Option<TcpStream> {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without this, small answers wait.
                let _ = stream.set_nodelay(true);
                return Some(stream);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
