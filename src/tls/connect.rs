//! Connections of a gRPC client, with our TLS under tonic's HTTP/2.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codegen::Service;
use tonic::codegen::http::Uri;
use tonic::transport::{Endpoint, Error};

use crate::limits;

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
    /// With TLS 1.3 a server judges the client's certificate when the client takes the handshake for
    /// done. So nothing is sent before the server has spoken, as servers of HTTP/2 do at once: what it
    /// has against the client would be lost where it closes the connection on unread requests. Whoever
    /// is silent for [`limits::TLS_GREETING_WAIT`] is spoken to.
    ///
    /// # Errors
    /// What the system says; where the handshake fails, an error of kind `InvalidData` around the
    /// [`rustls::Error`].
    pub async fn connect(&self, uri: &Uri) -> io::Result<Connection> {
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
        // rustls asks for 4 KiB at a time.
        let stream = BufReader::with_capacity(limits::TLS_READ_BYTES, stream);
        let mut stream = self.tls.connect(name, stream).await?;
        let mut greeting = vec![0; limits::TLS_GREETING_BYTES];
        let read = timeout(limits::TLS_GREETING_WAIT, stream.read(&mut greeting)).await;
        greeting.truncate(read.unwrap_or(Ok(0))?);
        Ok(Connection {
            greeting: Bytes::from(greeting),
            stream,
        })
    }
}

/// A connection with TLS. What the server said first has been read, and is read again.
#[derive(Debug)]
pub struct Connection {
    greeting: Bytes,
    stream: TlsStream<BufReader<TcpStream>>,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.greeting.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let length = self.greeting.len().min(buffer.remaining());
        buffer.put_slice(self.greeting.get(..length).unwrap_or_default());
        self.greeting.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Connection>;
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
