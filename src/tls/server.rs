//! A TLS server: its certificate, and which clients it believes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;

use super::authorities::read_authorities;
use super::error::TlsError;
use super::key_pair::KeyPair;
use super::verify::{ClientVerifier, algorithms};
use super::{Reloaded, Time, provider};
use crate::config::{PeerTls, ServerTlsFiles};
use crate::sys::clock::Clock;
use crate::x509::{CertPool, Certificate};

/// What is spoken inside TLS, which clients are told (ALPN).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerProtocol {
    /// HTTP/2: gRPC.
    Grpc,
    /// HTTP/1.1: operations.
    Http,
}

/// A TLS server's certificate and the authorities of its clients; both may change while it serves.
#[derive(Debug)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    key_pair: Arc<KeyPair>,
    verifier: Arc<ClientVerifier>,
    authority_files: Vec<PathBuf>,
    authorities: Mutex<Authorities>,
}

#[derive(Debug, Default)]
struct Authorities {
    of_files: Vec<Certificate>,
    of_channels: Vec<Certificate>,
}

impl ServerTls {
    /// The peer's gRPC server. Clients are believed if `clientRootCAs`, `rootcert` or a channel has their
    /// authority.
    ///
    /// # Errors
    /// Where a file cannot be used.
    // Fabric: core/peer/config.go:GetServerConfig, core/peer/peer.go:updateTrustedRoots.
    pub fn of_peer(tls: &PeerTls, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        Self::new(
            &tls.server,
            tls.root_cert_file.as_slice(),
            ServerProtocol::Grpc,
            clock,
        )
    }

    /// A server with these files, and further files with authorities of clients.
    ///
    /// # Errors
    /// Where a file cannot be used.
    pub fn new(
        files: &ServerTlsFiles,
        more_authorities: &[PathBuf],
        protocol: ServerProtocol,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TlsError> {
        let provider = provider();
        let key_pair = KeyPair::load(files.cert_file.clone(), files.key_file.clone())?;
        let key_pair = Arc::new(key_pair);
        let verifier = Arc::new(ClientVerifier {
            required: files.client_auth_required,
            authorities: ArcSwap::default(),
            algorithms: algorithms(&provider),
        });
        let mut config = ServerConfig::builder_with_details(provider, Arc::new(Time(clock)))
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(Arc::clone(&verifier) as _)
            .with_cert_resolver(Arc::clone(&key_pair) as _);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.alpn_protocols = match protocol {
            ServerProtocol::Grpc => vec![b"h2".to_vec()],
            ServerProtocol::Http => vec![b"http/1.1".to_vec()],
        };
        let mut authority_files = Vec::new();
        if files.client_auth_required {
            authority_files.extend_from_slice(&files.client_root_ca_files);
            authority_files.extend_from_slice(more_authorities);
        }
        let server = Self {
            config: Arc::new(config),
            key_pair,
            verifier,
            authority_files,
            authorities: Mutex::default(),
        };
        server.read_authorities()?;
        Ok(server)
    }

    /// What to give to a TLS acceptor. Stays good: later changes are seen through it.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// The server's certificate with its key.
    #[must_use]
    pub fn key_pair(&self) -> &Arc<KeyPair> {
        &self.key_pair
    }

    /// Believes clients of these authorities beside those of files: the TLS authorities of every
    /// organization of every channel. Replaces what was given before.
    pub fn set_channel_authorities(&self, authorities: Vec<Certificate>) {
        self.update(|current| current.of_channels = authorities);
    }

    /// Reads certificate, key and authorities again, to be called every now and then. Connections that
    /// exist go on.
    pub fn reload(&self) -> Reloaded {
        let mut reloaded = Reloaded::default();
        for result in [self.key_pair.reload(), self.read_authorities()] {
            match result {
                Ok(changed) => reloaded.changed |= changed,
                Err(error) => reloaded.errors.push(error),
            }
        }
        reloaded
    }

    fn read_authorities(&self) -> Result<bool, TlsError> {
        let fresh = read_authorities(&self.authority_files)?;
        let mut changed = false;
        self.update(|current| {
            changed = current.of_files != fresh;
            current.of_files = fresh;
        });
        Ok(changed)
    }

    fn update(&self, change: impl FnOnce(&mut Authorities)) {
        // A change replaces a whole list, so one that was broken off has left nothing half done.
        let mut current = self
            .authorities
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        change(&mut current);
        let all = current.of_files.iter().chain(&current.of_channels);
        let pool: CertPool = all.cloned().collect();
        self.verifier.authorities.store(Arc::new(pool));
    }
}
