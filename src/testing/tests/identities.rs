//! Odd certificates and signatures of creators and endorsers.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{broken, peer_of, play, tampered};
use crate::testing::kit::{
    Authority, CertificateSpec, ChaincodeDefinition, ChannelSpec, Identity, Key, KeyKind, Member,
    Network, Organization, Principal, Seed, Signer, all_of, any_of, by, high_s, ns,
};
use crate::testing::play::Play;

/// A transaction by this creator, endorsed as it should be, gets this code.
#[track_caller]
fn check_creator(play: &mut Play, creator: &Identity, expected: u8) {
    let mut tx = play.tx("cc", [ns("cc").write("k", "1")]);
    tx.creator = creator;
    let envelope = tx.envelope();
    play.check([envelope], [expected]);
}

fn org1(play: &Play) -> &Organization {
    &play.network.orgs[0].organization
}

#[test]
fn f3_certificates_are_checked_at_their_own_beginning() {
    let mut play = play();
    let cases = [
        ("250601000000Z", "250601000002Z", 0),
        ("400101000000Z", "440101000000Z", 0),
        ("20400101000000Z", "440101000000Z", 0),
        ("241231235900Z", "440101000000Z", 4),
        ("460101000000Z", "470101000000Z", 4),
        ("250601000000Z", "250531000000Z", 4),
        ("250601000000Z", "250601000000Z", 4),
    ];
    for (not_before, not_after, expected) in cases {
        let creator = org1(&play).enroll_with("odd", &["client"], |spec| {
            spec.not_before = not_before.to_owned();
            spec.not_after = not_after.to_owned();
        });
        check_creator(&mut play, &creator, expected);
    }
}

#[test]
fn f4_signatures_are_read_as_fabric_reads_them() {
    /// The content of a DER sequence of less than 128 bytes.
    fn content(signature: &[u8]) -> &[u8] {
        &signature[2..]
    }
    let edits: [(fn(Vec<u8>) -> Vec<u8>, u8); 8] = [
        (|signature| signature, 0),
        (broken, 4),
        (|signature| [&*signature, b"tail"].concat(), 0),
        (
            |signature| {
                let content = [content(&signature), &[0x05, 0x00]].concat();
                [&[0x30, content.len().to_le_bytes()[0]], &*content].concat()
            },
            0,
        ),
        (
            |signature| [&[0x30, 0x81, signature[1]], content(&signature)].concat(),
            4,
        ),
        (|signature| high_s(&signature).unwrap(), 4),
        (|_| Vec::from([0x30, 6, 2, 1, 0, 2, 1, 1]), 4),
        (|signature| signature[..signature.len() - 1].to_vec(), 4),
    ];
    let mut play = play();
    let client = play.network.orgs[0].client.clone();
    for (edit, expected) in edits {
        check_creator(&mut play, &tampered(&client, edit), expected);
    }
}

#[test]
fn f5_high_and_low_s_of_the_issuer_make_one_certificate() {
    let low = Member::new(Organization::new("Org1", KeyKind::P256, &Seed::new(1)));
    let odd = |spec: &mut CertificateSpec| spec.high_s = true;
    let mut network = Network::new(&Seed::new(1), 2, ChannelSpec::default());
    // The authority's own certificate, too.
    let key = Key::derive(KeyKind::P256, &Seed::new(5));
    let mut spec = CertificateSpec::authority("ca", "Org2", key);
    spec.high_s = true;
    let mut org2 = network.orgs[1].organization.clone();
    org2.authority = Authority::root(spec);
    org2.msp.root_certs = vec![org2.authority.pem.clone()];
    network.orgs[1] = Member::new(org2);
    network.reset_config();
    let mut play = Play::new(network).unwrap();
    let high = org1(&play).enroll_with("peer0", &["peer"], odd);
    assert_ne!(high.serialized(), low.peer.serialized());

    let two = all_of([peer_of("Org1MSP"), peer_of("Org1MSP")]);
    let exactly = Principal::Identity(low.peer.serialized().to_vec());
    play.define(&ChaincodeDefinition::new("two").policy(two));
    play.define(&ChaincodeDefinition::new("exactly").policy(any_of([by(exactly)])));
    play.define(&ChaincodeDefinition::new("cc").policy(any_of([peer_of("Org2MSP")])));
    let other = org1(&play).enroll_with("peer1", &["peer"], odd);
    let tx = |cc: &str, endorsers: &[&Identity]| {
        let tx = play.tx(cc, [ns(cc).write("k", "1")]);
        tx.endorsed_by(endorsers.iter().copied()).envelope()
    };
    let block = [
        tx("two", &[&low.peer, &high]),
        tx("two", &[&low.peer, &other]),
        tx("exactly", &[&high]),
        tx("exactly", &[&other]),
        tx("cc", &[&play.network.orgs[1].peer]),
    ];
    play.check(block, [10, 0, 0, 10, 0]);
}

#[test]
fn f6_certificates_must_be_good_for_servers_and_understood() {
    let critical = vec![
        0x30, 0x0c, 0x06, 0x03, 0x2a, 0x03, 0x04, 0x01, 0x01, 0xff, 0x04, 0x02, 0x05, 0x00,
    ];
    let harmless = vec![
        0x30, 0x09, 0x06, 0x03, 0x2a, 0x03, 0x04, 0x04, 0x02, 0x05, 0x00,
    ];
    let mut play = play();
    let odd: [(&dyn Fn(&mut CertificateSpec), u8); 4] = [
        (&|spec| spec.only_client_auth = true, 4),
        (&|spec| spec.extensions = vec![critical.clone()], 4),
        (&|spec| spec.extensions = vec![harmless.clone()], 0),
        (&|spec| spec.is_ca = true, 4),
    ];
    for (edit, expected) in odd {
        let creator = org1(&play).enroll_with("odd", &["client"], edit);
        check_creator(&mut play, &creator, expected);
    }
}

#[test]
fn f7_the_first_pem_block_counts_whatever_is_around_it() {
    let mut play = play();
    let key = org1(&play).key_of("user7");
    let spec = CertificateSpec::leaf("user7", &["client"], key.clone());
    let pem = String::from_utf8(org1(&play).authority.issue(&spec)).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(&body).unwrap();
    let longer = STANDARD.encode([&*der, &[0]].concat());
    let text = |body: &str, label: &str, headers: &str| {
        format!("-----BEGIN {label}-----\n{headers}{body}\n-----END {label}-----\n")
    };
    let cases = [
        (pem.clone(), 0),
        (format!("before\n{pem}after"), 0),
        (text(&body, "ANYTHING", ""), 0),
        (text(&body, "CERTIFICATE", "Key: value\n\n"), 0),
        (format!("{pem}{}", text("AAAA", "CERTIFICATE", "")), 0),
        (format!("{}{pem}", text("AAAA", "CERTIFICATE", "")), 4),
        (text(&longer, "CERTIFICATE", ""), 4),
        (body.clone(), 4),
        (String::new(), 4),
    ];
    for (pem, expected) in cases {
        let signer = key.signer(org1(&play).hash);
        let creator = Identity::new("Org1MSP", pem.as_bytes(), signer);
        check_creator(&mut play, &creator, expected);
    }
}

#[test]
fn f8_a_bad_signature_does_not_reserve_its_identity() {
    let mut play = play();
    let peer = play.network.orgs[0].peer.clone();
    let bad = tampered(&peer, broken);
    let stranger = Identity::new("NoMSP", b"nothing", Arc::clone(peer.signer()));
    let tx = |endorsers: &[&Identity]| {
        let tx = play.tx("cc", [ns("cc").write("k", "1")]);
        tx.endorsed_by(endorsers.iter().copied()).envelope()
    };
    let block = [
        tx(&[&bad]),
        tx(&[&bad, &peer]),
        tx(&[&peer, &bad]),
        tx(&[&stranger, &peer]),
        tx(&[&stranger]),
    ];
    play.check(block, [10, 0, 0, 0, 10]);
}

#[test]
fn f9_there_is_exactly_one_role() {
    let mut play = play();
    let cases: [(&[&str], u8); 6] = [
        (&["client"], 0),
        (&["department", "peer"], 0),
        (&["peer", "client"], 4),
        (&["peer", "peer"], 4),
        (&["Client"], 4),
        (&[], 4),
    ];
    for (units, expected) in cases {
        let creator = org1(&play).enroll_with("odd", units, |_| {});
        check_creator(&mut play, &creator, expected);
    }
}

#[test]
fn f10_a_root_with_an_intermediate_issues_no_identities() {
    let mut network = Network::new(&Seed::new(1), 2, ChannelSpec::default());
    let by_root = network.orgs[0].client.clone();
    let mut org = network.orgs[0].organization.clone();
    let key = Key::derive(KeyKind::P256, &Seed::new(9));
    let spec = CertificateSpec::authority("intermediate", "Org1", key);
    org.authority = org.authority.intermediate(spec);
    org.msp.intermediate_certs = vec![org.authority.pem.clone()];
    network.orgs[0] = Member::new(org);
    network.reset_config();
    let mut play = Play::new(network).unwrap();
    let rule = super::any_peer(&play.network);
    play.define(&ChaincodeDefinition::new("cc").policy(rule));
    let by_intermediate = play.network.orgs[0].client.clone();
    check_creator(&mut play, &by_intermediate, 0);
    check_creator(&mut play, &by_root, 4);
}

#[test]
fn f11_nominal_anonymity_does_not_ask_for_validity() {
    let mut play = Play::with_orgs(2).unwrap();
    let nominal = by(Principal::Raw(3, Vec::new()));
    let anonymous = by(Principal::Raw(3, vec![0x08, 1]));
    let member = by(Principal::Member("Org1MSP".to_owned()));
    for (name, rule) in [
        ("cc", nominal),
        ("anonymous", anonymous),
        ("member", member),
    ] {
        play.define(&ChaincodeDefinition::new(name).policy(any_of([rule])));
    }
    let without_role = org1(&play).enroll_with("odd", &[], |_| {});
    let self_signed = |kind: KeyKind| {
        let key = Key::derive(kind, &Seed::new(11));
        let signer = key.signer(org1(&play).hash);
        let pem = Authority::root(CertificateSpec::leaf("alone", &["peer"], key)).pem;
        Identity::new("Org1MSP", &pem, signer)
    };
    let ed25519 = self_signed(KeyKind::Ed25519);
    let p256 = self_signed(KeyKind::P256);
    let tx = |cc: &str, endorser: &Identity| {
        let tx = play.tx(cc, [ns(cc).write("k", "1")]);
        tx.endorsed_by([endorser]).envelope()
    };
    let block = [
        tx("cc", &without_role),
        tx("cc", &ed25519),
        tx("cc", &p256),
        tx("member", &without_role),
        tx("anonymous", &play.network.orgs[0].peer),
    ];
    play.check(block, [0, 0, 10, 10, 10]);
}

/// Signs everything with the same bytes.
#[derive(Debug)]
struct Always([u8; 64]);

impl Signer for Always {
    fn sign(&self, _: &[&[u8]]) -> Vec<u8> {
        self.0.to_vec()
    }
}

/// With the neutral point for a public key, `R = B, S = 1` signs every message.
#[test]
fn f14_ed25519_is_gos() {
    /// The generator, compressed.
    const GENERATOR: [u8; 32] = {
        let mut bytes = [0x66; 32];
        bytes[0] = 0x58;
        bytes
    };
    /// The group's order plus one.
    const ORDER_PLUS_ONE: [u8; 16] = [
        0xee, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14,
    ];
    let mut neutral = [0; 32];
    neutral[0] = 1;
    // y = p + 1, and x = 0 with a sign: two more ways to write the same point.
    let mut large = [0xff; 32];
    (large[0], large[31]) = (0xee, 0x7f);
    let mut signed = neutral;
    signed[31] = 0x80;
    let mut one = [0; 64];
    one[..32].copy_from_slice(&GENERATOR);
    one[32] = 1;
    let mut too_large = one;
    too_large[32..48].copy_from_slice(&ORDER_PLUS_ONE);
    too_large[63] = 0x10;
    let mut other_r = one;
    other_r[31] |= 0x80;

    let spec = ChannelSpec {
        channel_capability: "V3_0".to_owned(),
        ..ChannelSpec::default()
    };
    let network = Network::with_keys(&Seed::new(1), 2, KeyKind::Ed25519, spec);
    let mut play = Play::new(network).unwrap();
    let rule = super::any_peer(&play.network);
    play.define(&ChaincodeDefinition::new("cc").policy(rule));
    let cases = [
        (neutral, one, 0),
        (large, one, 0),
        (signed, one, 0),
        (neutral, too_large, 4),
        (neutral, other_r, 4),
    ];
    for (point, signature, expected) in cases {
        let key = org1(&play).key_of("odd");
        let info = key.public_key_info();
        let info = [&info[..info.len() - 32], &point].concat();
        let mut spec = CertificateSpec::leaf("odd", &["client"], key);
        spec.public_key_info = Some(info);
        let pem = org1(&play).authority.issue(&spec);
        let creator = Identity::new("Org1MSP", &pem, Arc::new(Always(signature)));
        check_creator(&mut play, &creator, expected);
    }
    // Without the capability, such identities do not exist.
    let network = Network::new(&Seed::new(1), 2, ChannelSpec::default());
    let mut play = Play::new(network).unwrap();
    let key = Key::derive(KeyKind::Ed25519, &Seed::new(3));
    let spec = CertificateSpec::leaf("odd", &["client"], key.clone());
    let pem = org1(&play).authority.issue(&spec);
    let creator = Identity::new("Org1MSP", &pem, key.signer(org1(&play).hash));
    check_creator(&mut play, &creator, 4);
}

#[test]
fn e27_an_orderer_may_submit() {
    let mut play = play();
    let orderer = play.network.orderer.orderer.clone();
    check_creator(&mut play, &orderer, 0);
}
