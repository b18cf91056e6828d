//! The listener: TLS, limits, and an orderly end.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heddle::limits::BLOCK_BYTES_MAX;
use heddle::proto::messages::orderer::atomic_broadcast_server::AtomicBroadcastServer;
use heddle::sys::clock::Clock;
use heddle::sys::storage::read_file;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::args::ListenArgs;
use crate::channels::Channels;
use crate::say;
use crate::service::Service;

/// A certificate or key.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// What a message may have around a block or an envelope.
const FRAMING_BYTES: usize = 1 << 20;

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("signals: {0}")]
    Signal(#[source] io::Error),
    #[error("cannot serve")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn run(
    args: &ListenArgs,
    channels: Channels,
    clock: Arc<dyn Clock>,
) -> Result<(), ServerError> {
    let mut server = Server::builder();
    if let Some(tls) = tls(args)? {
        server = server.tls_config(tls)?;
    }
    let listening = |source| ServerError::Listen {
        address: args.listen,
        source,
    };
    let listener = TcpListener::bind(args.listen).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    let names: Vec<&str> = channels.names().collect();
    let names = names.join(", ");
    let (ending, shutdown) = watch::channel(false);
    let is_bound = !args.client_ca.is_empty();
    let service = Service::new(
        Arc::new(channels),
        clock,
        args.streams_max,
        is_bound,
        shutdown,
    );
    let service = AtomicBroadcastServer::new(service)
        .max_decoding_message_size(BLOCK_BYTES_MAX)
        .max_encoding_message_size(BLOCK_BYTES_MAX + FRAMING_BYTES);
    let mut term = signal(SignalKind::terminate()).map_err(ServerError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServerError::Signal)?;
    say(&format!("listening on {address}, channels: {names}"));
    let until = async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        ending.send_replace(true);
    };
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    server
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, until)
        .await?;
    Ok(())
}

fn tls(args: &ListenArgs) -> Result<Option<ServerTlsConfig>, ServerError> {
    let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) else {
        return Ok(None);
    };
    let identity = Identity::from_pem(read(certificate)?, read(key)?);
    let mut tls = ServerTlsConfig::new().identity(identity);
    if !args.client_ca.is_empty() {
        let mut roots = Vec::new();
        for file in &args.client_ca {
            roots.extend(read(file)?);
            roots.push(b'\n');
        }
        tls = tls.client_ca_root(Certificate::from_pem(roots));
    }
    Ok(Some(tls))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ServerError> {
    read_file(path, PEM_BYTES_MAX).map_err(|source| ServerError::Read {
        path: path.to_owned(),
        source,
    })
}
