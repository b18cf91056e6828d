//! Which files there are, and that a seed gives the same ones again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{Made, NETWORK, files};

/// What cryptogen makes of a member: `{name}` and `{domain}` are replaced.
const MEMBER: [&str; 6] = [
    "msp/cacerts/ca.{domain}-cert.pem",
    "msp/config.yaml",
    "msp/keystore/priv_sk",
    "msp/signcerts/{name}-cert.pem",
    "msp/tlscacerts/tlsca.{domain}-cert.pem",
    "tls/ca.crt",
];

const ORG: [&str; 7] = [
    "ca/ca.{domain}-cert.pem",
    "ca/priv_sk",
    "msp/cacerts/ca.{domain}-cert.pem",
    "msp/config.yaml",
    "msp/tlscacerts/tlsca.{domain}-cert.pem",
    "tlsca/priv_sk",
    "tlsca/tlsca.{domain}-cert.pem",
];

/// Folder, name, prefix of the TLS files.
type Member = (&'static str, &'static str, &'static str);

/// Organizations: folder, domain, and members.
const MEMBERS: [(&str, &str, &[Member]); 3] = [
    (
        "ordererOrganizations",
        "example.com",
        &[
            ("orderers", "orderer.example.com", "server"),
            ("users", "Admin@example.com", "client"),
        ],
    ),
    (
        "peerOrganizations",
        "org1.example.com",
        &[
            ("peers", "peer0.org1.example.com", "server"),
            ("peers", "peer1.org1.example.com", "server"),
            ("users", "Admin@org1.example.com", "client"),
            ("users", "User1@org1.example.com", "client"),
        ],
    ),
    (
        "peerOrganizations",
        "org2.example.com",
        &[
            ("peers", "solo.org2.example.com", "server"),
            ("users", "Admin@org2.example.com", "client"),
            ("users", "User1@org2.example.com", "client"),
            ("users", "User2@org2.example.com", "client"),
        ],
    ),
];

fn expected() -> Vec<String> {
    let mut expected = vec!["first.block".to_owned(), "second.block".to_owned()];
    for (kind, domain, members) in MEMBERS {
        let org = format!("crypto-config/{kind}/{domain}");
        let domained = |file: &str| format!("{org}/{}", file.replace("{domain}", domain));
        expected.extend(ORG.map(domained));
        for (folder, name, tls) in members {
            let member = |file: &str| {
                let file = file.replace("{domain}", domain).replace("{name}", name);
                format!("{org}/{folder}/{name}/{file}")
            };
            expected.extend(MEMBER.map(member));
            expected.extend([".crt", ".key"].map(|end| member(&format!("tls/{tls}{end}"))));
        }
    }
    expected.sort();
    expected
}

#[test]
fn the_folders_are_cryptogens() {
    let made = Made::new(NETWORK, "1");
    let files = files(&made.path("net"));
    let names: Vec<&String> = files.keys().collect();
    assert_eq!(names, expected().iter().collect::<Vec<_>>());
    for (name, bytes) in &files {
        let mode = fs::metadata(made.path("net").join(name))
            .unwrap()
            .permissions()
            .mode();
        let is_key = name.ends_with("_sk") || name.ends_with(".key");
        assert_eq!(mode & 0o777, if is_key { 0o600 } else { 0o644 }, "{name}");
        assert_eq!(
            bytes.starts_with(b"-----BEGIN PRIVATE KEY-----\n"),
            is_key,
            "{name}"
        );
    }
    // Empty, but there: Fabric warns where it is not.
    assert!(
        made.msp("peerOrganizations/org1.example.com")
            .join("admincerts")
            .is_dir()
    );
    assert!(!made.path("net.partial").exists());
}

#[test]
fn without_node_ous_the_administrators_are_listed() {
    let made = Made::new(&format!("node_ous: false\n{NETWORK}"), "1");
    let files = files(&made.path("net"));
    assert!(!files.keys().any(|name| name.ends_with("config.yaml")));
    let org = "crypto-config/peerOrganizations/org1.example.com";
    let admin = "admincerts/Admin@org1.example.com-cert.pem";
    for msp in [
        "msp",
        "peers/peer1.org1.example.com/msp",
        "users/Admin@org1.example.com/msp",
    ] {
        assert!(files.contains_key(&format!("{org}/{msp}/{admin}")), "{msp}");
    }
    let user = "users/User1@org1.example.com/msp/admincerts/User1@org1.example.com-cert.pem";
    assert!(
        files.contains_key(&format!("{org}/{user}")),
        "as cryptogen has it"
    );
}

#[test]
fn a_seed_gives_the_same_bytes() {
    let of = |seed| files(&Made::new(NETWORK, seed).path("net"));
    let one = of("1");
    assert_eq!(one, of("1"));
    for (name, bytes) in of("2") {
        let fixed = name.ends_with("config.yaml");
        assert_eq!(one.get(&name) == Some(&bytes), fixed, "{name}");
    }
    // More of one kind changes nothing else.
    let larger = Made::new(&NETWORK.replace("peers: 2", "peers: 3"), "1");
    let larger = files(&larger.path("net"));
    assert!(larger.len() > one.len());
    assert!(
        one.iter()
            .all(|(name, bytes)| larger.get(name) == Some(bytes))
    );
}

#[test]
fn without_a_seed_keys_are_new() {
    let made = Made::new(NETWORK, "1");
    let run = |out| made.run(&["--config", "network.yaml", "--out", out]);
    run("one");
    run("two");
    let (one, two) = (files(&made.path("one")), files(&made.path("two")));
    for (name, bytes) in one.iter().filter(|(name, _)| name.ends_with("priv_sk")) {
        assert_ne!(two.get(name), Some(bytes), "{name}");
    }
}
