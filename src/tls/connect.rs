//! Connections of a gRPC client, with our TLS under tonic's HTTP/2.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codegen::Service;
use tonic::codegen::http::Uri;
use tonic::transport::{Endpoint, Error};

/// The endpoint for `address`, host and port. With TLS it has to be connected through a [`Connector`]:
///
/// ```text
/// endpoint(address, true)?.connect_timeout(limit).connect_with_connector(Connector::new(config)).await
/// ```
///
/// # Errors
/// Where the address has no form of a host with a port.
pub fn endpoint(address: &str, tls: bool) -> Result<Endpoint, Error> {
    // tonic would want its own TLS for https; the origin is what the server gets to see.
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    let origin = format!("https://{address}").parse::<Uri>();
    match origin {
        Ok(origin) if tls => Ok(endpoint.origin(origin)),
        _ => Ok(endpoint),
    }
}

/// Makes TLS connections for tonic's `connect_with_connector`.
#[derive(Clone)]
pub struct Connector {
    tls: TlsConnector,
}

impl Connector {
    /// Connections with that configuration, which a [`super::ClientTls`] makes.
    #[must_use]
    pub fn new(config: Arc<ClientConfig>) -> Self {
        Self { tls: config.into() }
    }

    /// Connects to host and port of `uri`. Cancelled by dropping it; has no time limit of its own.
    ///
    /// # Errors
    /// What the system says; where the handshake fails, an error of kind `InvalidData` around the
    /// [`rustls::Error`].
    pub async fn connect(&self, uri: &Uri) -> io::Result<TlsStream<TcpStream>> {
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
        let host = uri.host().ok_or_else(|| invalid("an address has a host"))?;
        let port = uri
            .port_u16()
            .ok_or_else(|| invalid("an address has a port"))?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|_| invalid("the host is neither a DNS name nor an IP address"))?;
        let stream = TcpStream::connect((bare, port)).await?;
        stream.set_nodelay(true)?;
        self.tls.connect(name, stream).await
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(&uri).await.map(TokioIo::new) })
    }
}
