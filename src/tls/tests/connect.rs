//! gRPC over loopback: a server of tonic behind our acceptor, a client of tonic over our connector.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::kit::{Authority, Folder, Wanted, clock};
use super::{client, client_of};
use crate::tls::{Connector, ServerTls, endpoint};

/// An error with its sources, in one line.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[tokio::test]
async fn calls_go_through() {
    let authority = Authority::root("ca");
    let folder = Folder::new();
    let tls = folder.peer_tls(&authority.issue(&Wanted::default()), Some(&authority));
    let acceptor = TlsAcceptor::from(ServerTls::of_peer(&tls, clock()).unwrap().config());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let streams = TcpListenerStream::new(listener)
        .then(move |stream| {
            let acceptor = acceptor.clone();
            async move { acceptor.accept(stream?).await }
        })
        .filter(Result::is_ok);
    let (_reporter, health) = tonic_health::server::health_reporter();
    let server = Server::builder()
        .add_service(health)
        .serve_with_incoming(streams);
    let server = tokio::spawn(server);

    let reached = endpoint(&address, true)
        .unwrap()
        .connect_timeout(Duration::from_secs(30));
    let connect = |config| reached.connect_with_connector(Connector::new(config));
    let channel = connect(client_of(&tls, &authority.pem)).await.unwrap();
    let answer = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await
        .unwrap();
    assert_eq!(answer.get_ref().status(), ServingStatus::Serving);

    let other = Authority::root("other");
    let error = connect(client(&other.pem)).await.unwrap_err();
    let error = whole(&error);
    assert!(error.contains("Untrusted { subject: \"peer0\""), "{error}");
    server.abort();
}

/// Connects to a server that says `first` and then what it hears, and says "question"; gives the first
/// bytes that came, as many as `first` and the question have.
async fn conversation(first: &'static [u8]) -> Vec<u8> {
    let authority = Authority::root("ca");
    let folder = Folder::new();
    let tls = folder.peer_tls(&authority.issue(&Wanted::default()), Some(&authority));
    let acceptor = TlsAcceptor::from(ServerTls::of_peer(&tls, clock()).unwrap().config());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("https://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        stream.write_all(first).await.unwrap();
        stream.flush().await.unwrap();
        let mut heard = [0; 8];
        stream.read_exact(&mut heard).await.unwrap();
        stream.write_all(&heard).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let connector = Connector::new(client_of(&tls, &authority.pem));
    let mut connection = connector.connect(&uri.parse().unwrap()).await.unwrap();
    connection.write_all(b"question").await.unwrap();
    let mut heard = vec![0; first.len() + 8];
    connection.read_exact(&mut heard).await.unwrap();
    server.await.unwrap();
    heard
}

#[tokio::test]
async fn what_a_server_says_first_is_read_and_silence_is_broken() {
    assert_eq!(conversation(b"greeting ").await, b"greeting question");
    assert_eq!(conversation(b"").await, b"question");
    let long: &'static [u8] = &[b'.'; 5000];
    assert_eq!(conversation(long).await, [long, b"question"].concat());
}
