//! What a peer makes of the genesis blocks and of everybody's identity.

use std::time::Duration;

use heddle::channel::Bundle;
use heddle::crypto::{SignedMessage, verify};
use heddle::msp::SigningIdentity;
use heddle::x509::{Certificate, pem};

use super::{Made, NETWORK, bundle};

const ORG1: &str = "peerOrganizations/org1.example.com";

/// Policies of Org1 that only one role satisfies, and one of the orderers.
const POLICIES: [&str; 4] = [
    "/Channel/Application/Org1/Endorsement",
    "/Channel/Application/Org1/Clients",
    "/Channel/Application/Org1/Admins",
    "/Channel/Orderer/Orderer/Nodes",
];

/// Which of the policies somebody satisfies.
#[track_caller]
fn satisfied(bundle: &Bundle, made: &Made, member: &str, msp_id: &str) -> [bool; 4] {
    let signer = SigningIdentity::load(&made.msp(member), msp_id).expect("an MSP folder");
    let identity = bundle
        .msps()
        .deserialize(signer.serialized())
        .expect("a member");
    identity.validate().expect("a valid member");
    let signature = signer.sign(&[b"head", b"tail"]);
    let message = SignedMessage {
        head: b"head",
        tail: b"tail",
    };
    let job = identity
        .signature_job(message, &signature)
        .expect("a signature");
    assert!(verify(&job), "{member} signs");
    POLICIES.map(|policy| {
        let policy = bundle.policies().policy(policy).expect("a policy");
        policy.evaluate(std::slice::from_ref(&identity))
    })
}

#[test]
fn members_have_their_role_and_no_other() {
    for yaml in [NETWORK.to_owned(), format!("key: ed25519\n{}", only_v3())] {
        let made = Made::new(&yaml, "1");
        let bundle = made.bundle("first");
        let check = |member: &str, msp_id, expected| {
            assert_eq!(
                satisfied(&bundle, &made, member, msp_id),
                expected,
                "{member}"
            );
        };
        let org1 = |member: &str| format!("{ORG1}/{member}.org1.example.com");
        let none = [false; 4];
        check(&org1("peers/peer0"), "Org1MSP", [true, false, false, false]);
        check(&org1("peers/peer1"), "Org1MSP", [true, false, false, false]);
        check(
            &org1("users/User1@").replace("@.", "@"),
            "Org1MSP",
            [false, true, false, false],
        );
        check(
            &org1("users/Admin@").replace("@.", "@"),
            "Org1MSP",
            [false, false, true, false],
        );
        let orderer = "ordererOrganizations/example.com";
        let node = format!("{orderer}/orderers/orderer.example.com");
        check(&node, "OrdererMSP", [false, false, false, true]);
        check(
            &format!("{orderer}/users/Admin@example.com"),
            "OrdererMSP",
            none,
        );
        let org2 = "peerOrganizations/org2.example.com/peers/solo.org2.example.com";
        check(org2, "SecondMSP", none);
    }
}

/// The network without the channel that knows no Ed25519.
fn only_v3() -> String {
    let end = NETWORK
        .find("  - name: second")
        .expect("the second channel");
    NETWORK[..end].to_owned()
}

#[test]
fn others_certificates_are_refused() {
    let made = Made::new(NETWORK, "1");
    let stranger = Made::new(NETWORK, "2");
    let bundle = made.bundle("first");
    let peer = format!("{ORG1}/peers/peer0.org1.example.com");
    let verdict = |made: &Made, msp_id: &str| {
        let signer = SigningIdentity::load(&made.msp(&peer), msp_id).expect("an MSP folder");
        bundle.msps().deserialize(signer.serialized()).is_ok()
    };
    assert!(verdict(&made, "Org1MSP"));
    assert!(!verdict(&made, "SecondMSP"), "another organization's");
    assert!(!verdict(&made, "Org9MSP"), "an unknown organization's");
    assert!(
        !verdict(&stranger, "Org1MSP"),
        "of another root with the same names"
    );
    // Org1 is not on the second channel.
    let second = made.bundle("second");
    let signer = SigningIdentity::load(&made.msp(&peer), "Org1MSP").expect("an MSP folder");
    assert!(second.msps().deserialize(signer.serialized()).is_err());
}

#[test]
fn the_channel_is_what_the_file_says() {
    let made = Made::new(NETWORK, "1");
    let bundle = made.bundle("first");
    assert_eq!(bundle.channel_id().as_str(), "first");
    let orderer = bundle.orderer();
    assert_eq!(orderer.consensus_type, "etcdraft");
    assert_eq!(orderer.batch_timeout, Duration::from_millis(500));
    assert_eq!(orderer.batch_size.message_count_max, 10);
    assert_eq!(orderer.batch_size.absolute_bytes_max, 1 << 20);
    assert_eq!(orderer.batch_size.preferred_bytes_max, 512 << 10);
    assert_eq!(orderer.orgs[0].endpoints, ["127.0.0.1:7050"]);
    assert!(
        orderer.global_addresses.is_empty(),
        "with V3_0 there are none"
    );
    let acl = bundle.acls().get("qscc/GetChainInfo");
    assert_eq!(
        acl.map(String::as_str),
        Some("/Channel/Application/Writers")
    );
    assert_eq!(bundle.application_orgs().len(), 2);
    assert!(bundle.has_lifecycle_endorsement());
    let second = made.bundle("second");
    assert_eq!(second.orderer().global_addresses, ["127.0.0.1:7050"]);
    assert_eq!(second.orderer().batch_size.message_count_max, 500);
    assert_eq!(&*second.application_orgs()[0].msp_id, "SecondMSP");
}

#[test]
fn bft_channels_name_their_consenters() {
    let nodes = "nodes: [{name: orderer, address: '127.0.0.1:7050'}]";
    let yaml = NETWORK.replace(nodes, "nodes: 4");
    let yaml = yaml.replace("  - name: first", "  - name: first\n    consensus: BFT");
    let made = Made::new(&yaml, "1");
    let bundle = made.bundle("first");
    assert_eq!(bundle.orderer().consensus_type, "BFT");
    let policy = bundle
        .policies()
        .policy("/Channel/Orderer/BlockValidation")
        .unwrap();
    let mut signers = Vec::new();
    for (id, consenter) in (1..).zip(&bundle.orderer().consenters) {
        assert_eq!(consenter.id, id);
        assert!(!policy.evaluate(&signers), "three of four are needed");
        let node = format!(
            "ordererOrganizations/example.com/orderers/{}",
            consenter.host
        );
        let signer = SigningIdentity::load(&made.msp(&node), "OrdererMSP").unwrap();
        assert_eq!(signer.serialized(), consenter.serialized_identity);
        if signers.len() < 3 {
            signers.push(bundle.msps().deserialize(signer.serialized()).unwrap());
        }
        if id == 3 {
            break;
        }
    }
    assert!(policy.evaluate(&signers));
    assert_eq!(bundle.orderer().consenters.len(), 4);
}

#[test]
fn certificates_are_shaped_as_cryptogens() {
    let made = Made::new(&format!("key: ed25519\n{}", only_v3()), "1");
    let read = |file: &str| {
        let path = made.path("net/crypto-config").join(ORG1).join(file);
        let text = std::fs::read(path).expect("a file");
        let block = pem::first_block(&text).expect("a PEM block");
        Certificate::parse(&block.bytes).expect("a certificate")
    };
    let ca = read("ca/ca.org1.example.com-cert.pem");
    let tls_ca = read("tlsca/tlsca.org1.example.com-cert.pem");
    let peer = "peers/peer0.org1.example.com";
    let sign = read(&format!(
        "{peer}/msp/signcerts/peer0.org1.example.com-cert.pem"
    ));
    let tls = read(&format!("{peer}/tls/server.crt"));
    assert!(ca.is_ca() && tls_ca.is_ca() && !sign.is_ca() && !tls.is_ca());
    assert!(sign.is_signed_by(&ca) && !sign.is_signed_by(&tls_ca));
    assert!(tls.is_signed_by(&tls_ca));
    assert!(!ca.is_ecdsa_signed(), "Ed25519");
    assert!(
        tls.is_ecdsa_signed() && tls_ca.is_ecdsa_signed(),
        "TLS is always ECDSA"
    );
    assert_eq!(sign.organizational_units(), ["peer"]);
    assert_eq!(sign.common_name(), "peer0.org1.example.com");
    assert_eq!(sign.not_before(), 1_769_860_800);
    assert_eq!(sign.not_after() - sign.not_before(), 3650 * 24 * 3600);
    assert_eq!(sign.authority_key_id(), ca.subject_key_id());
    let names = tls
        .extensions()
        .iter()
        .find(|extension| extension.id == [0x55, 0x1d, 0x11]);
    let names = names.expect("alternative names").value;
    for name in [
        &b"peer0.org1.example.com"[..],
        b"peer0",
        b"localhost",
        &[127, 0, 0, 1],
    ] {
        assert!(names.windows(name.len()).any(|window| window == name));
    }
    // Low S: what Fabric would have to rewrite is not there.
    let key = tls_ca.public_key().expect("a key");
    assert_eq!(tls.with_low_s(key).expect("a signature").raw(), tls.raw());
    bundle(&made.block("first"));
}
