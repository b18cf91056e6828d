//! The kit's ordinary products, and what its signers promise.

use super::hex;
use crate::crypto::{
    Curve, EcdsaKey, PublicKey, SignatureHash, SignatureJob, SignedMessage, verify,
};
use crate::testing::kit::{
    ChaincodeDefinition, ChannelSpec, Collected, Collection, FastSigner, Key, KeyKind, Member,
    Network, Organization, Principal, Range, RangeReads, Rfc6979Signer, Seed, SignaturePolicy,
    Signer, any_of, by, config_value, high_s, merkle_summary, ns,
};
use crate::testing::play::Play;

/// A real peer of version 3 gives the same codes and this last commit hash for each of these chains.
const COMMIT_HASH: &str = "b6d935f949b0cdeb482f65bfda1cc6eac08d5ba02814e743ab427068ed4f6b37";

#[test]
fn everything_the_kit_makes_commits() {
    let spec = |capability: &str| ChannelSpec {
        channel_capability: capability.to_owned(),
        ..ChannelSpec::default()
    };
    let seed = Seed::new(1);
    let networks = [
        Network::new(&seed, 2, spec("V2_0")),
        Network::with_keys(&seed, 2, KeyKind::Ed25519, spec("V3_0")),
        Network::new(&seed, 2, spec("V3_0")).with_consenters(4),
    ];
    for network in networks {
        let (play, commit_hash) = sample(network.clone());
        assert_eq!(commit_hash, COMMIT_HASH);
        assert_eq!(
            sample(network).0.blocks,
            play.blocks,
            "the same bytes again"
        );
    }
}

/// A chain with a bit of everything, and its last commit hash.
fn sample(network: Network) -> (Play, String) {
    let mut play = Play::new(network).unwrap();
    let members = any_of([by(Principal::Member("Org1MSP".to_owned()))]);
    let collection = Collection {
        block_to_live: 2,
        ..Collection::new("secrets", &members.into())
    };
    play.define(&ChaincodeDefinition::new("cc").collection(collection));
    let org2 = any_of([by(Principal::Peer("Org2MSP".to_owned()))]);
    let key_policy = SignaturePolicy::from(org2).envelope();
    let keys = ns("cc").write("a", "1").write("b", "2").write("k", "x");
    let first = play.tx("cc", [keys.key_policy("k", key_policy)]);
    let secret = Collected::new("secrets").write("s", "hidden");
    let second = play.tx("cc", [ns("cc").write("c", "3").collection(&secret)]);
    play.check([first.envelope(), second.envelope()], [0, 0]);

    let results = [("a", (2, 0)), ("b", (2, 0)), ("c", (2, 1))];
    let results = results.map(|(key, height)| (key.to_owned(), height));
    let range = Range {
        start: "a".to_owned(),
        end: "d".to_owned(),
        exhausted: true,
        reads: merkle_summary(2, &results),
    };
    let secret = Collected::new("secrets").read("s", (2, 1));
    let reads = ns("cc").range(&range).read("a", (2, 0)).write("a", "5");
    let sequence = ns("_lifecycle").read("namespaces/fields/cc/Sequence", (1, 0));
    let reader = play.tx("cc", [sequence, reads.collection(&secret)]);
    let stale = play.tx("cc", [ns("cc").read("a", (2, 0)).delete("b")]);
    let [org1, org2] = &*play.network.orgs else {
        panic!("two organizations");
    };
    let one = play.tx("cc", [ns("cc").write("k", "y")]);
    let two = play.tx("cc", [ns("cc").write("k", "z")]);
    let block = [
        reader.envelope(),
        stale.envelope(),
        one.endorsed_by([&org1.peer]).envelope(),
        two.endorsed_by([&org2.peer]).envelope(),
    ];
    play.check(block, [0, 11, 10, 0]);
    configure(play)
}

/// Two config updates, then a transaction of an organization that came with the second.
fn configure(mut play: Play) -> (Play, String) {
    let config = play.config_update(|group| {
        let orderer = group.groups.get_mut("Orderer").unwrap();
        let timeout = config_value(b"\x0a\x023s");
        orderer.values.insert("BatchTimeout".to_owned(), timeout);
    });
    play.commit_config(config).unwrap();
    let kind = KeyKind::P256;
    let org3 = Member::new(Organization::new("Org3", kind, &Seed::new(1)));
    let mut larger = play.network.clone();
    larger.orgs.push(org3.clone());
    larger.reset_config();
    let mut group = larger.config.channel_group.unwrap();
    let new = group.groups.get_mut("Application").unwrap();
    let new = new.groups.remove("Org3").unwrap();
    let config = play.config_update(|group| {
        let application = group.groups.get_mut("Application").unwrap();
        application.groups.insert("Org3".to_owned(), new);
    });
    play.commit_config(config).unwrap();
    let three = play.tx("cc", [ns("cc").write("k3", "z")]);
    let mut three = three.endorsed_by([&play.network.orgs[1].peer, &org3.peer]);
    three.creator = &org3.client;
    let validated = play.commit([three.envelope()]).unwrap();
    assert!(validated.codes()[0].is_valid());
    let commit_hash = validated.commit_hash().unwrap().to_string();
    (play, commit_hash)
}

#[test]
fn signatures_verify_and_are_the_same_again() {
    let Key::P256(key) = Key::derive(KeyKind::P256, &Seed::new(7)) else {
        panic!("a P-256 key");
    };
    let point = Key::P256(key.clone()).public_bytes();
    let public = EcdsaKey::from_uncompressed_point(Curve::P256, &point).unwrap();
    let public = PublicKey::Ecdsa(public);
    for hash in [SignatureHash::Sha256, SignatureHash::Sha3_256] {
        let signers: [Box<dyn Signer>; 2] = [
            Box::new(FastSigner::new(&key, hash)),
            Box::new(Rfc6979Signer::new(key.clone(), hash)),
        ];
        for signer in signers {
            for number in 0..300_u32 {
                let message = number.to_be_bytes();
                let signature = signer.sign(&[&message[..1], &message[1..]]);
                assert_eq!(signature, signer.sign(&[&message]));
                let verifies = |message: &[u8], signature: &[u8]| {
                    verify(&SignatureJob {
                        digest: None,
                        key: &public,
                        hash,
                        message: SignedMessage {
                            head: message,
                            tail: &[],
                        },
                        signature,
                    })
                };
                assert!(verifies(&message, &signature), "{signer:?} {number}");
                assert!(!verifies(b"other", &signature));
                assert!(!verifies(&message, &high_s(&signature).unwrap()));
            }
        }
    }
}

#[test]
fn merkle_summaries_are_those_of_appendix_e() {
    let check = |degree: usize, keys: u64, level: u64, expected: &[&str]| {
        let results: Vec<_> = (1..=keys).map(|n| (format!("key{n}"), (1, n))).collect();
        let summary = merkle_summary(degree, &results);
        let hashes: Vec<Vec<u8>> = expected.iter().map(|text| hex(text)).collect();
        let expected = RangeReads::Merkle {
            degree: degree as u64,
            level,
            hashes,
        };
        assert_eq!(summary, expected);
    };
    let raw = merkle_summary(2, &[("a".to_owned(), (1, 1)), ("b".to_owned(), (1, 2))]);
    assert!(matches!(raw, RangeReads::Raw(reads) if reads.len() == 2));
    let one = "d43ca46d5adacb357b3967344b82dcccb7ea221a0687175900849425dc8eee3d";
    check(2, 3, 1, &[one]);
    let two = [
        "5666632e2e3a57b53a90ee4d4dadf5b8d486eebcda0a529fb6ed1b872de1ad97",
        "a9a3629ab46ebe17851e0b15a41f9c2e70de128f1cd038633b3dab39579a8183",
    ];
    check(2, 10, 2, &two);
    let three = [
        "ba24b6a0eb1e171fe3d0205a85a10420cefcf94008de6625c86baecc22b7dcb3",
        "ce8390a69c9935368935d75f329b99eedb8ca485ef3ab192e4a214a9bd946897",
        "433783f770aaeaa537bbe3a05fee381be1bce8666940fc4b8c1c42d50b27537a",
    ];
    check(3, 10, 1, &three);
}

#[test]
fn seeds_are_a_tree() {
    let root = Seed::new(1);
    assert_eq!(root, Seed::new(1));
    let others = [
        Seed::new(2),
        root.child("a"),
        root.child("b"),
        root.child("a").child("b"),
        root.numbered(1),
        root.numbered(2),
    ];
    for (index, seed) in others.iter().enumerate() {
        assert!(!others[..index].contains(seed));
        assert_ne!(*seed, root);
    }
    assert!((0..100).all(|number| root.numbered(number).below(7) < 7));
    assert_eq!(root.below(0), 0);
}
