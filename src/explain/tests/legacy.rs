//! The rules below application capability V2_0.

use serde_json::{Value, json};

use super::*;
use crate::testing::kit::{
    ChannelSpec, Network, RwSet, Seed, SignaturePolicy, Wire, all_of, any_of,
};

/// A channel of two organizations with this application capability, and chaincode `cc` 1, which a peer
/// of the first may endorse. The next block is 2.
fn legacy(capability: &str) -> Play {
    let spec = ChannelSpec {
        application_capability: capability.to_owned(),
        lifecycle_endorsement: false,
        ..ChannelSpec::default()
    };
    let mut play = Play::new(Network::new(&Seed::new(1), 2, spec)).unwrap();
    let deploy = lscc(&play, "deploy", "cc", "1").envelope();
    let validated = play.commit([deploy]).unwrap();
    assert!(validated.codes()[0].is_valid(), "{:?}", validated.codes());
    play
}

fn data(name: &str, version: &str, policy: &Rule) -> Vec<u8> {
    let policy = SignaturePolicy::from(policy.clone()).envelope();
    let instantiation = SignaturePolicy::from(any_of([by(Principal::Member("Org1MSP".into()))]));
    Wire::new()
        .bytes(1, name)
        .bytes(2, version)
        .bytes(3, "escc")
        .bytes(4, "vscc")
        .bytes(5, policy)
        .bytes(8, instantiation.envelope())
        .done()
}

/// An invocation of `lscc` that defines or upgrades a chaincode.
fn lscc<'p>(play: &'p Play, function: &str, name: &str, version: &str) -> Transaction<'p> {
    let id = Wire::new().bytes(2, name).bytes(3, version);
    let spec = Wire::new().uint(1, 1).element(2, id);
    let package = Wire::new().element(1, spec).done();
    let writes = ns("lscc").write(name, data(name, version, &any_of([peer("Org1")])));
    play.tx("lscc", [writes]).with(|tx| {
        tx.arguments = vec![function.into(), b"kit".to_vec(), package];
        tx.arguments.resize(6, Vec::new());
    })
}

/// Every capability below V2_0 with rules of its own.
const CAPABILITIES: [&str; 4] = ["V1_1", "V1_2", "V1_3", "V1_4_2"];

#[test]
fn old_rules_have_their_reasons() {
    for capability in CAPABILITIES {
        let mut play = legacy(capability);
        let tx = |chaincode: &str, rwset: RwSet| play.tx(chaincode, rwset);
        let writes = || RwSet::from([ns("cc").write("k", "1")]);
        let block = [
            tx("cc", writes()).envelope(),
            tx("cc", writes())
                .with(|tx| tx.version = "2".into())
                .envelope(),
            tx("cc", writes()).endorsed_by([]).envelope(),
            tx(
                "cc",
                [ns("cc").write("k", "1"), ns("lscc").write("x", "1")].into(),
            )
            .envelope(),
            tx("vscc", writes()).envelope(),
            tx("none", [ns("none").write("k", "1")].into()).envelope(),
            tx("cc", writes()).with(|tx| tx.version.clear()).envelope(),
            tx("cc", [ns("cc").write("k", "1"), ns("cc")].into()).envelope(),
            lscc(&play, "deploy", "cc", "2").envelope(),
            lscc(&play, "upgrade", "new", "2").envelope(),
        ];
        let all = explain_block(&mut play, block);
        let system = |chaincode: &str, invoked: bool| json!({"kind": "system_chaincode", "chaincode": chaincode, "invoked": invoked});
        let lifecycle = |problem: &str| json!({"kind": "legacy_lifecycle", "problem": problem});
        let expired = json!({
            "kind": "expired_version", "chaincode": "cc", "invoked": "2", "defined": "1",
        });
        let undefined = json!({"kind": "not_defined", "chaincode": "none", "problem": "missing"});
        let expected: [(u8, Value); 10] = [
            (0, json!({"kind": "valid"})),
            (17, expired),
            (10, json!({"kind": "policy", "policy": 0})),
            (23, system("lscc", false)),
            (23, system("vscc", true)),
            (255, undefined),
            (
                255,
                json!({"kind": "chaincode_name", "problem": {"problem": "no_version"}}),
            ),
            (23, json!({"kind": "namespace_twice", "namespace": "cc"})),
            (10, lifecycle("already_defined")),
            (10, lifecycle("not_defined")),
        ];
        for (found, (code, reason)) in all.iter().zip(expected) {
            check_reason(found, code, &reason);
        }
    }
}

#[test]
fn upgrades_refuse_the_rest_of_their_block() {
    for capability in CAPABILITIES {
        let mut play = legacy(capability);
        let last = lscc(&play, "upgrade", "cc", "3");
        let id = last.tx_id();
        let before = write(&play);
        let twice = write(&play).with(|tx| tx.nonce.clone_from(&before.nonce));
        let first_id = before.tx_id();
        let block = [
            before.envelope(),
            lscc(&play, "upgrade", "cc", "2").envelope(),
            last.envelope(),
            write(&play).envelope(),
            twice.envelope(),
        ];
        let all = explain_block(&mut play, block);
        let by = json!({"block": 2, "tx": 2, "txid": id});
        let upgraded = json!({"kind": "upgraded", "chaincode": "cc", "by": by});
        for refused in [0, 1, 3] {
            check_reason(&all[refused], 18, &upgraded);
        }
        assert_eq!(all[2]["code"], 0);
        let earlier = json!({"block": 2, "tx": 0, "txid": first_id});
        check_reason(
            &all[4],
            9,
            &json!({"kind": "duplicate", "earlier": earlier}),
        );
    }
}

#[test]
fn endorsers_are_told_apart_by_their_bytes_before_v1_3() {
    for (capability, old) in [("V1_1", true), ("V1_2", true), ("V1_3", false)] {
        let mut play = legacy(capability);
        let peer = play.network.orgs[0].peer.clone();
        let bad = forged(&peer);
        let garbage = Identity::from_serialized(vec![0xff], Arc::clone(peer.signer()));
        let block = [
            write(&play).endorsed_by([&bad, &peer]).envelope(),
            write(&play).endorsed_by([&peer, &garbage]).envelope(),
        ];
        let all = explain_block(&mut play, block);
        for found in &all {
            assert_eq!(found["code"], if old { 10 } else { 0 }, "{found:#}");
        }
        let (second, first) = (&all[0]["endorsements"][1], &all[1]["endorsements"][0]);
        if old {
            assert_eq!(
                (&second["endorsement"], &second["of"]),
                (&json!("duplicate"), &json!(0))
            );
            assert_eq!(
                (&first["endorsement"], &first["by"]),
                (&json!("spoiled"), &json!(1))
            );
        } else {
            assert_eq!(second["endorsement"], "good");
            assert_eq!(first["endorsement"], "good");
        }
    }
}

#[test]
fn keys_have_policies_from_v1_3_on() {
    let of = |org: &str| SignaturePolicy::from(all_of([peer(org)])).envelope();
    for (capability, code) in [("V1_2", 0), ("V1_3", 10)] {
        let mut play = legacy(capability);
        let sets = play.tx("cc", [ns("cc").write("k", "0").key_policy("k", of("Org2"))]);
        let org1 = play.network.orgs[0].peer.clone();
        let (sets, changes) = (
            sets.envelope(),
            write(&play).endorsed_by([&org1]).envelope(),
        );
        play.commit([sets]).unwrap();
        let found = explain_one(&mut play, changes);
        assert_eq!(found["code"], code, "{found:#}");
        let guards = if code == 0 { "chaincode" } else { "key" };
        assert_eq!(found["policies"][0]["guards"], guards);
    }
}
