//! Handshakes that have to succeed, and those that must not.

mod connect;
mod files;
pub(crate) mod kit;

use std::sync::Arc;

use rcgen::ExtendedKeyUsagePurpose;
use rustls::{ClientConfig, ServerConfig};

use super::*;
use crate::config::PeerTls;
use crate::x509::CertPool;
use kit::{Authority, Folder, Issued, NOW, Wanted, certificates, clock, clock_at, handshake};

/// A client without certificate that believes `authorities`.
fn client(authorities: &str) -> Arc<ClientConfig> {
    client_of(&PeerTls::default(), authorities)
}

fn client_of(tls: &PeerTls, authorities: &str) -> Arc<ClientConfig> {
    let pool = certificates(authorities).into_iter().collect();
    let client = ClientTls::new(tls, clock()).unwrap();
    client.config(pool).unwrap()
}

fn server(issued: &Issued) -> Arc<ServerConfig> {
    let folder = Folder::new();
    let tls = folder.peer_tls(issued, None);
    ServerTls::of_peer(&tls, clock()).unwrap().config()
}

/// What kept a handshake from succeeding.
fn refused(result: Result<kit::Met, rustls::Error>) -> String {
    match result {
        Err(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(error))) => {
            error.0.to_string()
        }
        Err(other) => other.to_string(),
        Ok(_) => "nothing".to_owned(),
    }
}

#[test]
fn a_server_is_believed_by_its_authority() {
    for authority in ["ca", "ca ed25519"].map(Authority::root) {
        for name in ["peer0", "peer0 ed25519"] {
            let issued = authority.issue(&Wanted {
                name,
                ..Wanted::default()
            });
            for host in ["localhost", "LOCALHOST", "127.0.0.1"] {
                let met = handshake(client(&authority.pem), server(&issued), host).unwrap();
                assert_eq!(met.server.common_name(), name);
                assert_eq!(met.client, None);
            }
        }
    }
}

#[test]
fn an_intermediate_may_be_shown_or_be_an_authority_itself() {
    let root = Authority::root("root");
    let below = root.intermediate("below");
    let mut issued = below.issue(&Wanted::default());
    // Go ends a chain at any certificate of the pool, self-signed or not.
    assert!(handshake(client(&below.pem), server(&issued), "localhost").is_ok());
    let found = refused(handshake(client(&root.pem), server(&issued), "localhost"));
    assert!(found.contains("none of the 1 TLS authorities"), "{found}");
    issued.pem.push_str(&below.pem);
    assert!(handshake(client(&root.pem), server(&issued), "localhost").is_ok());
}

#[test]
fn servers_are_refused_with_a_reason() {
    let authority = Authority::root("ca");
    let other = Authority::root("other");
    let good = authority.issue(&Wanted::default());
    let expired = authority.issue(&Wanted {
        last_year: 2026,
        ..Wanted::default()
    });
    let for_clients = authority.issue(&Wanted {
        usages: vec![ExtendedKeyUsagePurpose::ClientAuth],
        ..Wanted::default()
    });
    let nameless = authority.issue(&Wanted {
        name: "localhost",
        hosts: &[],
        ..Wanted::default()
    });
    let (ca, other) = (authority.pem.as_str(), other.pem.as_str());
    for (authorities, issued, host, expected) in [
        (
            other,
            &good,
            "localhost",
            "none of the 1 TLS authorities known here",
        ),
        (
            "",
            &good,
            "localhost",
            "none of the 0 TLS authorities known here",
        ),
        (
            ca,
            &expired,
            "localhost",
            "peer0 has expired: it was valid until 2026-01-01T00:00:00Z",
        ),
        (
            ca,
            &for_clients,
            "localhost",
            "or is not made for TLS servers",
        ),
        (ca, &good, "elsewhere", "of peer0 is not for elsewhere"),
        (ca, &good, "127.0.0.2", "of peer0 is not for 127.0.0.2"),
        // The common name does not count.
        (
            ca,
            &nameless,
            "localhost",
            "of localhost is not for localhost",
        ),
    ] {
        let found = refused(handshake(client(authorities), server(issued), host));
        assert!(found.contains(expected), "{found} / {expected}");
    }
}

#[test]
fn a_name_can_be_overridden() {
    let authority = Authority::root("ca");
    let issued = authority.issue(&Wanted {
        hosts: &["*.org1.example.com"],
        ..Wanted::default()
    });
    for (name, good) in [
        ("peer0.org1.example.com", true),
        ("a.peer0.org1.example.com", false),
        ("org1.example.com", false),
    ] {
        let tls = PeerTls {
            server_host_override: Some(name.to_owned()),
            ..PeerTls::default()
        };
        let client = client_of(&tls, &authority.pem);
        let result = handshake(client, server(&issued), "localhost");
        assert_eq!(result.is_ok(), good, "{name}");
    }
}

/// A client of `servers` with a certificate that `authority` issues.
fn client_with(
    authority: &Authority,
    wanted: &Wanted<'_>,
    servers: &Authority,
) -> Arc<ClientConfig> {
    let folder = Folder::new();
    let issued = authority.issue(wanted);
    let tls = PeerTls {
        client_cert_file: Some(folder.write("c.crt", &issued.pem)),
        client_key_file: Some(folder.write("c.key", &issued.key_pem)),
        ..PeerTls::default()
    };
    let shown = ClientTls::new(&tls, clock()).unwrap().certificate_hash();
    let leaf = certificates(&issued.pem).remove(0);
    assert_eq!(shown, Some(tls_cert_hash(leaf.raw())));
    client_of(&tls, &servers.pem)
}

#[test]
fn clients_have_to_show_a_certificate_where_one_is_required() {
    let servers = Authority::root("servers");
    let clients = Authority::root("clients");
    let folder = Folder::new();
    let tls = folder.peer_tls(&servers.issue(&Wanted::default()), Some(&clients));
    let required = ServerTls::of_peer(&tls, clock()).unwrap();
    let try_with = |client| handshake(client, required.config(), "localhost");
    let good = Wanted::default();

    let met = try_with(client_with(&clients, &good, &servers)).unwrap();
    assert_eq!(met.client.unwrap().common_name(), "peer0");

    let found = refused(try_with(client(&servers.pem)));
    assert!(found.contains("sent no certificates"), "{found}");
    let for_servers = Wanted {
        usages: vec![ExtendedKeyUsagePurpose::ServerAuth],
        ..Wanted::default()
    };
    let expired = Wanted {
        last_year: 2026,
        ..Wanted::default()
    };
    for (authority, wanted, expected) in [
        (&servers, &good, "none of the 1 TLS authorities"),
        (&clients, &for_servers, "or is not made for TLS clients"),
        (&clients, &expired, "has expired"),
    ] {
        let found = refused(try_with(client_with(authority, wanted, &servers)));
        assert!(found.contains(expected), "{found} / {expected}");
    }

    // An organization joins a channel, and leaves it.
    required.set_channel_authorities(certificates(&servers.pem));
    assert!(try_with(client_with(&servers, &good, &servers)).is_ok());
    assert!(try_with(client_with(&clients, &good, &servers)).is_ok());
    required.set_channel_authorities(Vec::new());
    assert!(try_with(client_with(&servers, &good, &servers)).is_err());
}

/// Fabric asks every client for a certificate, and takes any where it requires none.
#[test]
fn a_certificate_that_is_not_required_is_known_all_the_same() {
    let authority = Authority::root("ca");
    let stranger = Wanted {
        name: "stranger",
        last_year: 2026,
        ..Wanted::default()
    };
    let client = client_with(&Authority::root("unknown"), &stranger, &authority);
    let server = server(&authority.issue(&Wanted::default()));
    let met = handshake(client, server, "localhost").unwrap();
    assert_eq!(met.client.unwrap().common_name(), "stranger");
}

#[test]
fn tls_12_is_spoken_too() {
    let authority = Authority::root("ca");
    let folder = Folder::new();
    let tls = folder.peer_tls(&authority.issue(&Wanted::default()), Some(&authority));
    let server = ServerTls::of_peer(&tls, clock()).unwrap();
    let client = ClientTls::new(&tls, clock()).unwrap();
    let verifier = verify::ServerVerifier {
        authorities: certificates(&authority.pem)
            .into_iter()
            .collect::<CertPool>(),
        host_override: None,
        algorithms: verify::algorithms(&provider()),
    };
    let mut old = ClientConfig::builder_with_details(provider(), Arc::new(Time(clock())))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::clone(client.key_pair().unwrap()) as _);
    old.alpn_protocols = vec![b"h2".to_vec()];
    let met = handshake(Arc::new(old), server.config(), "localhost").unwrap();
    assert_eq!(met.client.unwrap().common_name(), "peer0");
}

#[test]
fn the_clock_decides() {
    let authority = Authority::root("ca");
    let issued = authority.issue(&Wanted::default());
    for (second, expected) in [
        (1_735_689_599, "not valid before 2025-01-01T00:00:00Z"),
        (1_735_689_600, "nothing"),
        (NOW, "nothing"),
        (1_893_456_000, "nothing"),
        (1_893_456_001, "has expired"),
    ] {
        let tls = ClientTls::new(&PeerTls::default(), clock_at(second)).unwrap();
        let pool = certificates(&authority.pem).into_iter().collect();
        let client = tls.config(pool).unwrap();
        let found = refused(handshake(client, server(&issued), "localhost"));
        assert!(found.contains(expected), "{second}: {found}");
    }
}
