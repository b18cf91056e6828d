//! Files that are read, read again, and wrong; and when certificates end.

use std::sync::Arc;

use super::kit::{Authority, Folder, Wanted, certificates, clock, handshake, pem};
use super::{client, client_of};
use crate::config::PeerTls;
use crate::tls::{
    CertificateRole, ClientTls, Expiry, ExpiryLevel, KeyPair, ServerTls, TlsError, read_authorities,
};

fn named(name: &str) -> Wanted<'_> {
    Wanted {
        name,
        ..Wanted::default()
    }
}

#[test]
fn new_files_are_used_and_broken_ones_are_not() {
    let authority = Authority::root("ca");
    let folder = Folder::new();
    let tls = folder.peer_tls(&authority.issue(&named("old")), None);
    let server = ServerTls::of_peer(&tls, clock()).unwrap();
    let shown = || {
        let met = handshake(client(&authority.pem), server.config(), "localhost").unwrap();
        assert_eq!(met.server, server.key_pair().certificate());
        met.server.common_name().to_owned()
    };
    assert_eq!(shown(), "old");

    let reloaded = server.reload();
    assert!(!reloaded.changed && reloaded.errors.is_empty());

    // Certificate and key are replaced one after the other.
    let new = authority.issue(&named("new"));
    folder.write("server.crt", &new.pem);
    let reloaded = server.reload();
    assert!(!reloaded.changed);
    assert!(matches!(
        reloaded.errors[..],
        [TlsError::KeyMismatch { .. }]
    ));
    assert_eq!(shown(), "old");
    folder.write("server.key", &new.key_pem);
    let reloaded = server.reload();
    assert!(reloaded.changed && reloaded.errors.is_empty());
    assert_eq!(shown(), "new");

    folder.write("server.crt", "nothing");
    assert!(matches!(
        server.reload().errors[..],
        [TlsError::NoCertificate { .. }]
    ));
    std::fs::remove_file(folder.path().join("server.crt")).unwrap();
    assert!(matches!(
        server.reload().errors[..],
        [TlsError::Read { .. }]
    ));
    assert_eq!(shown(), "new");
}

#[test]
fn authorities_of_clients_are_read_again() {
    let [servers, old, new] = ["servers", "old", "new"].map(Authority::root);
    let folder = Folder::new();
    let tls = folder.peer_tls(&servers.issue(&Wanted::default()), Some(&old));
    let server = ServerTls::of_peer(&tls, clock()).unwrap();
    let of_client = |authority: &Authority| {
        let folder = Folder::new();
        let tls = folder.peer_tls(&authority.issue(&Wanted::default()), Some(&servers));
        let client = client_of(&tls, &servers.pem);
        handshake(client, server.config(), "localhost").is_ok()
    };
    assert!(of_client(&old) && !of_client(&new));
    folder.write("clients.crt", "");
    assert!(matches!(
        server.reload().errors[..],
        [TlsError::NoCertificate { .. }]
    ));
    assert!(of_client(&old));
    folder.write("clients.crt", &new.pem);
    assert!(server.reload().changed);
    assert!(of_client(&new) && !of_client(&old));
}

#[test]
fn a_client_reloads_its_certificate() {
    let authority = Authority::root("ca");
    let folder = Folder::new();
    let tls = folder.peer_tls(&authority.issue(&named("old")), Some(&authority));
    let server = ServerTls::of_peer(&tls, clock()).unwrap();
    let client = ClientTls::new(&tls, clock()).unwrap();
    let pool = certificates(&authority.pem).into_iter().collect();
    let config = client.config(pool).unwrap();
    let shown = || {
        let met = handshake(Arc::clone(&config), server.config(), "localhost").unwrap();
        met.client.unwrap().common_name().to_owned()
    };
    assert_eq!(shown(), "old");
    let old_hash = client.certificate_hash();
    folder.write_pair(&authority.issue(&named("new")));
    assert!(client.reload().changed);
    assert_eq!(shown(), "new");
    assert_ne!(client.certificate_hash(), old_hash);
}

#[test]
fn key_pairs_that_are_none() {
    let authority = Authority::root("ca");
    let folder = Folder::new();
    let good = authority.issue(&named("good"));
    let other = authority.issue(&named("other"));
    let garbage = pem("CERTIFICATE", b"garbage");
    let bad_key = pem("PRIVATE KEY", b"garbage");
    let encrypted = pem("ENCRYPTED PRIVATE KEY", b"garbage");
    for (cert, key, expected) in [
        (&good.pem, &good.key_pem, None),
        (
            &good.pem,
            &other.key_pem,
            Some("not the key of the certificate in"),
        ),
        (&good.key_pem, &good.key_pem, Some("no certificate there")),
        (
            &garbage,
            &good.key_pem,
            Some("block 1 is not an X.509 certificate"),
        ),
        (&good.pem, &good.pem, Some("no private key there")),
        (&good.pem, &encrypted, Some("no private key there")),
        (
            &good.pem,
            &bad_key,
            Some("not a private key that TLS can use"),
        ),
    ] {
        let pair = KeyPair::load(folder.write("a.crt", cert), folder.write("a.key", key));
        match (pair, expected) {
            (Ok(_), None) => {}
            (Err(error), Some(expected)) => {
                let error = error.to_string();
                assert!(error.contains(expected), "{error}");
                assert!(error.contains(&*folder.path().to_string_lossy()), "{error}");
            }
            (found, expected) => panic!("{found:?}, expected {expected:?}"),
        }
    }
}

/// Certificate and key as a command line tool other than ours makes them: SEC 1, behind parameters.
#[test]
fn sec1_keys_are_read() {
    const KEY: &str = "-----BEGIN EC PARAMETERS-----
BggqhkjOPQMBBw==
-----END EC PARAMETERS-----
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIMtILVoNM7hOb2c4aWmUpmN8LxI7hPlqd6X/hFjln5T+oAoGCCqGSM49
AwEHoUQDQgAEwzgnZi8vfaArHKoyiDRtmhob4DogYiLl53zASxKsbAc152M62ofy
taf87yX1DMRTjLaOJ5cJZ7N6Tiq/IFyUnw==
-----END EC PRIVATE KEY-----
";
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBczCCARmgAwIBAgIUfEtZYaADX4V6S0XiCZhrKrU3V0wwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEc2VjMTAeFw0yNjExMjkwNTA3NTJaFw0zNjExMjYwNTA3NTJa
MA8xDTALBgNVBAMMBHNlYzEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATDOCdm
Ly99oCscqjKING2aGhvgOiBiIuXnfMBLEqxsBzXnYzrah/K1p/zvJfUMxFOMto4n
lwlns3pOKr8gXJSfo1MwUTAdBgNVHQ4EFgQU1Bc8e2UkZ5M6s7hh3QT5AUb3Xckw
HwYDVR0jBBgwFoAU1Bc8e2UkZ5M6s7hh3QT5AUb3XckwDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNIADBFAiEA0gns3jVxTwiN2LyadfUaPSfPjjgR73tE9J6z
wnD0298CID2kmGTGiUmf0ES3f6SbZLapA07o7wmUO/woJS5H6CfX
-----END CERTIFICATE-----
";
    let folder = Folder::new();
    let pair = KeyPair::load(folder.write("c", CERTIFICATE), folder.write("k", KEY)).unwrap();
    assert_eq!(pair.certificate().common_name(), "sec1");
}

#[test]
fn half_a_client_key_pair_is_refused() {
    let half = PeerTls {
        client_cert_file: Some("a.crt".into()),
        ..PeerTls::default()
    };
    let error = ClientTls::new(&half, clock()).unwrap_err();
    assert!(matches!(error, TlsError::HalfClientKeyPair));
    let none = ClientTls::new(&PeerTls::default(), clock()).unwrap();
    assert_eq!(none.certificate_hash(), None);
    assert!(!none.reload().changed);
}

#[test]
fn authorities_of_files() {
    let [one, two] = ["one", "two"].map(Authority::root);
    let folder = Folder::new();
    let garbage = pem("CERTIFICATE", b"garbage");
    let both = folder.write("both", &format!("{}{garbage}text\n{}", one.pem, two.pem));
    let none = folder.write("none", &garbage);
    let found = read_authorities(std::slice::from_ref(&both)).unwrap();
    let names: Vec<&str> = found.iter().map(|found| found.common_name()).collect();
    assert_eq!(names, ["one", "two"]);
    let error = read_authorities(&[both, none.clone()]).unwrap_err();
    assert!(matches!(error, TlsError::NoCertificate { path } if path == none));
    assert_eq!(read_authorities(&[]).unwrap(), []);
}

#[test]
fn the_end_comes_nearer() {
    const DAY: i64 = 24 * 60 * 60;
    let issued = Authority::root("ca").issue(&Wanted::default());
    let expiry = Expiry::of(CertificateRole::ServerTls, &certificates(&issued.pem)[0]);
    assert_eq!(expiry.not_after, 1_893_456_000); // 2030-01-01
    for (left, level, days) in [
        (31 * DAY, ExpiryLevel::Distant, 31),
        (30 * DAY + 1, ExpiryLevel::Distant, 30),
        (30 * DAY, ExpiryLevel::Month, 30),
        (7 * DAY + 1, ExpiryLevel::Month, 7),
        (7 * DAY, ExpiryLevel::Week, 7),
        (0, ExpiryLevel::Week, 0),
        (-1, ExpiryLevel::Expired, -1),
    ] {
        let now = expiry.not_after - left;
        assert_eq!(expiry.level(now), level, "{left}");
        assert_eq!(expiry.days_left(now), days, "{left}");
    }
    assert_eq!(
        expiry.message(expiry.not_after - 26 * 3600).to_string(),
        "The server TLS certificate expires within 1 days and 2 hours"
    );
    assert_eq!(
        expiry.message(expiry.not_after + 1).to_string(),
        "The server TLS certificate has expired"
    );
}
