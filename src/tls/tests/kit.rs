//! Authorities, certificates, and handshakes in memory.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, PublicKeyData, SanType, SignatureAlgorithm, SigningKey, date_time_ymd,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use crate::config::{PeerTls, ServerTlsFiles};
use crate::crypto::{PrivateKey, sha256};
use crate::sys::clock::{Clock, ManualClock};
use crate::x509::Certificate;

/// 2026-01-02 00:00:00.
pub(crate) const NOW: u64 = 1_767_312_000;

pub(crate) fn clock() -> Arc<dyn Clock> {
    clock_at(NOW)
}

pub(crate) fn clock_at(second: u64) -> Arc<dyn Clock> {
    let clock = ManualClock::new();
    clock.advance(Duration::from_secs(second));
    Arc::new(clock)
}

struct Key {
    private: PrivateKey,
    public: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl Key {
    /// Ed25519 where the seed says so, else ECDSA.
    fn derive(seed: &str) -> Self {
        let bytes = sha256(seed.as_bytes()).0;
        let (private, algorithm) = if seed.contains("ed25519") {
            (PrivateKey::ed25519_from(&bytes), &rcgen::PKCS_ED25519)
        } else {
            (PrivateKey::p256_from(bytes), &rcgen::PKCS_ECDSA_P256_SHA256)
        };
        Self {
            public: private.public_bytes(),
            private,
            algorithm,
        }
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.private.sign(&[message]))
    }
}

pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, Key>,
}

pub(crate) struct Issued {
    pub(crate) pem: String,
    pub(crate) key_pem: String,
}

/// What varies in certificates; the default is good for everything.
pub(crate) struct Wanted<'w> {
    pub(crate) name: &'w str,
    pub(crate) hosts: &'w [&'w str],
    pub(crate) last_year: i32,
    pub(crate) usages: Vec<ExtendedKeyUsagePurpose>,
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self {
            name: "peer0",
            hosts: &["localhost", "127.0.0.1"],
            last_year: 2030,
            usages: vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ],
        }
    }
}

fn parameters(name: &str, last_year: i32) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(rcgen::SerialNumber::from(vec![7]));
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(last_year, 1, 1);
    params
}

fn authority_parameters(name: &str) -> CertificateParams {
    let mut params = parameters(name, 2040);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.key_identifier_method =
        rcgen::KeyIdMethod::PreSpecified(sha256(name.as_bytes()).0.to_vec());
    params
}

impl Authority {
    pub(crate) fn root(name: &str) -> Self {
        let key = Key::derive(name);
        let params = authority_parameters(name);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: pem("CERTIFICATE", certificate.der()),
            issuer: Issuer::new(params, key),
        }
    }

    /// An authority below this one.
    pub(crate) fn intermediate(&self, name: &str) -> Self {
        let key = Key::derive(name);
        let params = authority_parameters(name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Self {
            pem: pem("CERTIFICATE", certificate.der()),
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn issue(&self, wanted: &Wanted<'_>) -> Issued {
        let key = Key::derive(wanted.name);
        let mut params = parameters(wanted.name, wanted.last_year);
        params.is_ca = IsCa::NoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages.clone_from(&wanted.usages);
        params.use_authority_key_identifier_extension = true;
        for host in wanted.hosts {
            params.subject_alt_names.push(match host.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName((*host).try_into().unwrap()),
            });
        }
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued {
            pem: pem("CERTIFICATE", certificate.der()),
            key_pem: pem("PRIVATE KEY", &key.private.to_pkcs8_der()),
        }
    }
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let base64 = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
}

/// A folder with a peer's TLS files.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn write_pair(&self, issued: &Issued) -> (PathBuf, PathBuf) {
        (
            self.write("server.crt", &issued.pem),
            self.write("server.key", &issued.key_pem),
        )
    }

    /// `peer.tls` with that server certificate; clients are judged by `client_authority`, if given.
    pub(crate) fn peer_tls(
        &self,
        issued: &Issued,
        client_authority: Option<&Authority>,
    ) -> PeerTls {
        let (cert_file, key_file) = self.write_pair(issued);
        PeerTls {
            server: ServerTlsFiles {
                enabled: true,
                client_auth_required: client_authority.is_some(),
                cert_file,
                key_file,
                client_root_ca_files: client_authority
                    .map(|authority| self.write("clients.crt", &authority.pem))
                    .into_iter()
                    .collect(),
            },
            ..PeerTls::default()
        }
    }
}

pub(crate) fn certificates(text: &str) -> Vec<Certificate> {
    let mut certificates = Vec::new();
    crate::tls::add_pem(&mut certificates, text.as_bytes());
    certificates
}

/// What the two sides know of each other after a handshake.
pub(crate) struct Met {
    /// The client's certificate, as its server sees it.
    pub(crate) client: Option<Certificate>,
    pub(crate) server: Certificate,
}

/// Lets the two shake hands until neither has anything to say or one refuses.
pub(crate) fn handshake(
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    host: &str,
) -> Result<Met, rustls::Error> {
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let mut client = ClientConnection::new(client, name)?;
    let mut server = ServerConnection::new(server)?;
    while client.wants_write() || server.wants_write() {
        let bytes = written(|to| client.write_tls(to));
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets()?;
        }
        let bytes = written(|to| server.write_tls(to));
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets()?;
        }
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    let first = |shown: Option<&[rustls::pki_types::CertificateDer<'_>]>| {
        shown.map(|chain| Certificate::parse(&chain[0]).unwrap())
    };
    Ok(Met {
        client: first(server.peer_certificates()),
        server: first(client.peer_certificates()).unwrap(),
    })
}

fn written(mut write: impl FnMut(&mut Vec<u8>) -> io::Result<usize>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while write(&mut bytes).unwrap() > 0 {}
    bytes
}
