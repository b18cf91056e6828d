//! Signer sets and policies over real identities.

use std::sync::Arc;

use super::*;
use crate::crypto::{SignedMessage, verify};
use crate::msp::tests::pki::{Definition, Issued, Key, Spec, pem, serialized};
use crate::msp::tests::{ADMIN, MEMBER, Org, PEER, identity, msp, role};
use crate::msp::{Identity, MspManager};
use crate::proto::msp::MspPrincipal;

/// Two organizations and an orderer's, with node OUs.
struct Channel {
    org: Org,
    manager: MspManager,
}

impl Channel {
    fn new() -> Self {
        let org = Org::new();
        let msps = ["Org1MSP", "Org2MSP", "OrdererMSP"].map(|name| {
            msp(&Definition {
                name,
                ..org.with_node_ous()
            })
        });
        Self {
            org,
            manager: MspManager::new(msps.into()),
        }
    }

    fn leaf(&self, seed: u8, ou: &str) -> Issued {
        self.org
            .root
            .issue(Spec::leaf("leaf", &[ou], Key::p256(seed)))
    }

    fn signer(&self, msp_id: &str, seed: u8, ou: &str) -> Arc<Identity> {
        self.manager
            .deserialize(&self.leaf(seed, ou).serialized(msp_id))
            .unwrap()
    }

    /// The signer set of endorsements given as serialized identity, signing key and message.
    fn signers(&self, endorsements: &[(Vec<u8>, &Key, &[u8])]) -> Vec<Arc<Identity>> {
        let verdicts: Vec<_> = endorsements
            .iter()
            .filter_map(|(serialized, key, message)| {
                let identity = self.manager.deserialize(serialized).ok()?;
                let signature = key.sign(message, false);
                let message = SignedMessage {
                    head: b"mess",
                    tail: b"age",
                };
                let job = identity.signature_job(message, &signature);
                let good = job.is_some_and(|job| verify(&job));
                Some((identity, good))
            })
            .collect();
        accepted_signers(verdicts.iter().map(|(identity, good)| (identity, *good)))
    }
}

const GOOD: &[u8] = b"message";
const BAD: &[u8] = b"another message";

/// `count` of the principals, one `signed_by` each.
fn policy(count: i32, principals: &[Vec<u8>]) -> SignaturePolicy {
    let rules = (0..)
        .map(WireRule::SignedBy)
        .take(principals.len())
        .collect::<Vec<_>>();
    let identities = principals
        .iter()
        .map(|bytes| MspPrincipal::decode(bytes).unwrap())
        .collect();
    let rule = Some(out_of(count, rules));
    SignaturePolicy::compile(&SignaturePolicyEnvelope {
        version: 1,
        rule,
        identities,
    })
    .unwrap()
}

#[test]
fn e2_roles_are_given_first_come_first_served() {
    let channel = Channel::new();
    let peer = channel.signer("Org1MSP", 5, "peer");
    let client = channel.signer("Org1MSP", 6, "client");
    let policy = policy(2, &[role("Org1MSP", MEMBER), role("Org1MSP", PEER)]);
    assert!(!policy.evaluate(&[Arc::clone(&peer), Arc::clone(&client)]));
    assert!(policy.evaluate(&[client, peer]));
}

#[test]
fn e4_one_identity_counts_once_however_it_is_written() {
    let channel = Channel::new();
    let leaf = channel.leaf(5, "peer");
    let high = channel.org.root.issue(Spec {
        high_s: true,
        ..Spec::leaf("leaf", &["peer"], Key::p256(5))
    });
    let usual = || leaf.serialized("Org1MSP");
    let relabelled = || serialized("Org1MSP", &pem("OTHER", &leaf.der));
    let signers = channel.signers(&[
        (usual(), &leaf.key, GOOD),
        (relabelled(), &leaf.key, GOOD),
        (high.serialized("Org1MSP"), &leaf.key, GOOD),
        (usual(), &leaf.key, GOOD),
    ]);
    assert_eq!(signers.len(), 1);
    let two = policy(2, &[role("Org1MSP", PEER), role("Org1MSP", PEER)]);
    assert!(!two.evaluate(&signers));
    // The same certificate under another MSP is another identity.
    let signers = channel.signers(&[
        (usual(), &leaf.key, GOOD),
        (leaf.serialized("Org2MSP"), &leaf.key, GOOD),
    ]);
    assert_eq!(signers.len(), 2);
}

#[test]
fn e4_a_bad_signature_reserves_nothing() {
    let channel = Channel::new();
    let (leaf, other) = (channel.leaf(5, "peer"), channel.leaf(6, "peer"));
    let signers = channel.signers(&[
        (leaf.serialized("Org1MSP"), &leaf.key, BAD),
        (other.serialized("Org1MSP"), &other.key, GOOD),
        (leaf.serialized("Org1MSP"), &leaf.key, GOOD),
        (leaf.serialized("Org1MSP"), &leaf.key, BAD),
    ]);
    let expected = [6, 5].map(|seed| channel.signer("Org1MSP", seed, "peer").id().clone());
    assert!(signers.iter().map(|signer| signer.id()).eq(&expected));
}

#[test]
fn e5_garbage_beside_enough_is_ignored() {
    let channel = Channel::new();
    let leaf = channel.leaf(5, "peer");
    let foreign = Issued::self_signed(Spec::leaf("leaf", &["peer"], Key::p256(5)));
    let signers = channel.signers(&[
        (b"\xff\xff".to_vec(), &leaf.key, GOOD),
        (leaf.serialized("NowhereMSP"), &leaf.key, GOOD),
        (serialized("Org1MSP", b"no certificate"), &leaf.key, GOOD),
        (foreign.serialized("Org1MSP"), &leaf.key, GOOD),
        (leaf.serialized("Org2MSP"), &leaf.key, BAD),
        (leaf.serialized("Org1MSP"), &leaf.key, GOOD),
    ]);
    assert!(policy(1, &[role("Org1MSP", PEER)]).evaluate(&signers));
    assert_eq!(signers.len(), 1);
}

#[test]
fn e27_identities_of_orderers_are_identities_of_the_channel() {
    let channel = Channel::new();
    let orderer = channel.signer("OrdererMSP", 5, "client");
    assert_eq!(orderer.validate(), Ok(()));
    assert!(policy(1, &[role("OrdererMSP", MEMBER)]).evaluate(&[orderer]));
}

#[test]
fn many_signers_are_counted_once_each() {
    let channel = Channel::new();
    let identities: Vec<_> = (1..60)
        .map(|seed| channel.signer("Org1MSP", seed, "peer"))
        .collect();
    let twice = identities
        .iter()
        .chain(&identities)
        .map(|identity| (identity, true));
    let signers = accepted_signers(twice);
    assert_eq!(signers.len(), identities.len());
    assert!(
        signers
            .iter()
            .zip(&identities)
            .all(|(a, b)| Arc::ptr_eq(a, b))
    );
    assert!(policy(59, &vec![role("Org1MSP", PEER); 59]).evaluate(&signers));
    assert!(!policy(60, &vec![role("Org1MSP", PEER); 60]).evaluate(&signers));
}

#[test]
fn invalid_identities_sign_but_satisfy_nothing() {
    let org = Org::new();
    let revoked = vec![org.root.crl(&[7], true, &org.root.key)];
    let msp = msp(&Definition {
        crls: revoked,
        ..org.with_node_ous()
    });
    let peer = identity(&msp, &org.leaf(&["peer"]));
    let signers = accepted_signers([(&peer, true)]);
    assert_eq!(signers.len(), 1);
    for number in [MEMBER, PEER, ADMIN] {
        assert!(!policy(1, &[role("Org1MSP", number)]).evaluate(&signers));
    }
    assert!(policy(0, &[role("Org1MSP", MEMBER)]).evaluate(&signers));
}
