//! Which endorsement counts as what, and which clause of which policy is not met.

use serde_json::{Value, json};

use super::*;
use crate::testing::kit::{
    Collected, Collection, Ns, SignaturePolicy, all_of, any_of, out_of, policy_reference,
};

fn endorsed(play: &Play, rwset: Ns, endorsers: &[&Identity]) -> Vec<u8> {
    let tx = play.tx("cc", [rwset]);
    tx.endorsed_by(endorsers.iter().copied()).envelope()
}

fn k() -> Ns {
    ns("cc").write("k", "1")
}

fn standings(explanation: &Value) -> Vec<&Value> {
    let all = explanation["endorsements"].as_array().unwrap();
    all.iter().map(|one| &one["endorsement"]).collect()
}

#[test]
fn endorsements_that_do_not_count_say_why() {
    let rule = all_of([peer("Org1"), peer("Org2")]);
    let mut play = channel(2, rule);
    let [org1, org2] = [0, 1].map(|org| play.network.orgs[org].clone());
    let bad = forged(&org2.peer);
    let stranger = Identity::new("NoMSP", b"x", Arc::clone(org2.peer.signer()));
    let two_roles = org2
        .organization
        .enroll_with("odd", &["peer", "client"], |_| {});
    let good = &org1.peer;
    let block = [
        endorsed(&play, k(), &[good, &bad]),
        endorsed(&play, k(), &[good, &stranger]),
        endorsed(&play, k(), &[good, good]),
        endorsed(&play, k(), &[good, &org2.client]),
        endorsed(&play, k(), &[good, &two_roles]),
        endorsed(&play, k(), &[&bad, good, &org2.peer]),
    ];
    let all = explain_block(&mut play, block);
    let second = |tx: usize| &all[tx]["endorsements"][1];
    for found in &all[..5] {
        check_reason(found, 10, &json!({"kind": "policy", "policy": 0}));
        let first = &found["endorsements"][0];
        let expected = json!({
            "msp_id": "Org1MSP", "name": "peer0.Org1", "units": ["peer"],
            "endorsement": "good", "counted_as": ["Org1MSP.peer"],
        });
        assert_eq!(first, &expected);
        let clauses = &found["policies"][0]["clauses"];
        let root = json!({
            "depth": 0, "holds": false, "clause": "n_out_of", "n": 2, "rules": 2, "satisfied": 1,
        });
        assert_eq!(clauses[0], root);
        assert_eq!(clauses[1]["signer"], 0);
        assert_eq!(clauses[2]["principal"], "Org2MSP.peer");
        assert_eq!(clauses[2]["signer"], Value::Null);
    }
    assert_eq!(second(0)["endorsement"], "bad_signature");
    assert_eq!(second(0)["problem"], "does_not_verify");
    assert_eq!(second(1)["endorsement"], "not_an_identity");
    assert_eq!(
        second(1)["error"],
        json!({"unknown_msp": {"msp_id": "NoMSP"}})
    );
    assert_eq!(second(2)["endorsement"], "duplicate");
    assert_eq!(second(2)["of"], 0);
    assert_eq!(second(3)["counted_as"], json!([]));
    let why = json!([{"signer": 1, "why": {"unsatisfied": {"missing_role": {"role": "peer"}}}}]);
    assert_eq!(all[3]["policies"][0]["clauses"][2]["rejected"], why);
    assert_eq!(second(4)["invalid"], "several_roles");
    // One that does not count does no harm, and places are those in the transaction.
    assert_eq!(all[5]["code"], 0);
    assert_eq!(standings(&all[5]), ["bad_signature", "good", "good"]);
    assert_eq!(all[5]["policies"][0]["clauses"][2]["signer"], 2);
}

#[test]
fn clauses_below_clauses_are_counted() {
    let rule = out_of(
        2,
        [
            peer("Org1"),
            any_of([peer("Org2"), peer("Org3")]),
            all_of([peer("Org2"), peer("Org3")]),
        ],
    );
    let mut play = channel(3, rule);
    let org1 = play.network.orgs[0].peer.clone();
    let only_one = endorsed(&play, k(), &[&org1]);
    let found = explain_one(&mut play, only_one);
    let clauses = found["policies"][0]["clauses"].as_array().unwrap();
    let brief = |clause: &Value| {
        let holds = clause["holds"].as_bool().unwrap();
        let depth = clause["depth"].as_u64().unwrap();
        (depth, holds, clause["satisfied"].as_u64())
    };
    let brief: Vec<_> = clauses.iter().map(brief).collect();
    let expected = [
        (0, false, Some(1)),
        (1, true, None),
        (1, false, Some(0)),
        (2, false, None),
        (2, false, None),
        (1, false, Some(0)),
        (2, false, None),
        (2, false, None),
    ];
    assert_eq!(brief, expected);
}

#[test]
fn a_majority_of_organizations_is_counted() {
    let mut play = Play::with_orgs(3).unwrap();
    define(&mut play, &ChaincodeDefinition::new("cc"));
    let org2 = play.network.orgs[1].peer.clone();
    let one = endorsed(&play, k(), &[&org2]);
    let found = explain_one(&mut play, one);
    check_reason(&found, 10, &json!({"kind": "policy", "policy": 0}));
    let policy = &found["policies"][0];
    assert_eq!(policy["guards"], "chaincode");
    assert_eq!(policy["path"], "/Channel/Application/Endorsement");
    let root = json!({
        "depth": 0, "holds": false, "clause": "implicit_meta", "sub_policy": "Endorsement",
        "rule": "majority", "threshold": 2, "groups": 3, "satisfied": 1,
    });
    assert_eq!(policy["clauses"][0], root);
    let groups = policy["clauses"].as_array().unwrap();
    let groups: Vec<_> = groups
        .iter()
        .filter(|clause| !clause["group"].is_null())
        .collect();
    let holds: Vec<_> = groups.iter().map(|clause| &clause["holds"]).collect();
    assert_eq!(holds, [false, true, false]);
}

#[test]
fn a_policy_that_cannot_be_evaluated_says_so() {
    let mut play = Play::with_orgs(1).unwrap();
    let no_such = policy_reference("/Channel/Application/NoSuchPolicy");
    let cases = [
        (no_such, json!("not_found")),
        (
            vec![0xff],
            json!({"unusable": {"undecodable": "truncated"}}),
        ),
    ];
    for (sequence, (policy, problem)) in (1..).zip(cases) {
        define(
            &mut play,
            &ChaincodeDefinition::new("cc").with(|cc| {
                cc.policy = policy;
                cc.sequence = sequence;
            }),
        );
        let envelope = write(&play).envelope();
        let found = explain_one(&mut play, envelope);
        check_reason(&found, 10, &json!({"kind": "policy", "policy": 0}));
        assert_eq!(found["policies"][0]["problem"], problem);
    }
}

#[test]
fn collections_have_policies() {
    let mut play = Play::with_orgs(2).unwrap();
    let members = SignaturePolicy::from(any_of([peer("Org1"), peer("Org2")]));
    let own = Collection {
        endorsement_policy: Some(SignaturePolicy::from(any_of([peer("Org2")])).application()),
        ..Collection::new("own", &members)
    };
    let definition = ChaincodeDefinition::new("cc")
        .policy(any_of([peer("Org1")]))
        .collection(own)
        .collection(Collection::new("plain", &members));
    define(&mut play, &definition);
    let [org1, org2] = [0, 1].map(|org| play.network.orgs[org].peer.clone());
    let writes = |name: &str| ns("cc").collection(&Collected::new(name).write("p", "1"));
    let block = [
        endorsed(&play, writes("own"), &[&org1]),
        endorsed(&play, writes("plain"), &[&org2]),
        endorsed(&play, writes("_implicit_org_Org1MSP"), &[&org2]),
        endorsed(&play, writes("none"), &[&org1]),
        endorsed(&play, writes("own"), &[&org2]),
    ];
    let all = explain_block(&mut play, block);
    let policy = json!({"kind": "policy", "policy": 0});
    let guard = |tx: usize| {
        let note = &all[tx]["policies"][0];
        (
            note["guards"].clone(),
            note["collection"].clone(),
            note["source"].clone(),
        )
    };
    check_reason(&all[0], 10, &policy);
    let collection = |name: &str, source: &str| (json!("collection"), json!(name), json!(source));
    assert_eq!(guard(0), collection("own", "collection"));
    assert_eq!(
        all[0]["policies"][0]["clauses"][1]["principal"],
        "Org2MSP.peer"
    );
    check_reason(&all[1], 10, &policy);
    assert_eq!(guard(1), collection("plain", "chaincode"));
    check_reason(&all[2], 10, &policy);
    assert_eq!(
        guard(2),
        collection("_implicit_org_Org1MSP", "organization")
    );
    let reason = json!({"kind": "no_collection", "chaincode": "cc", "collection": "none"});
    check_reason(&all[3], 10, &reason);
    assert_eq!(all[4]["code"], 0);
}

#[test]
fn keys_have_policies_that_transactions_of_the_block_change() {
    let mut play = channel(2, any_of([peer("Org1"), peer("Org2")]));
    let [org1, org2] = [0, 1].map(|org| play.network.orgs[org].peer.clone());
    let of = |org: &str| SignaturePolicy::from(any_of([peer(org)])).envelope();
    let sets = endorsed(&play, k().key_policy("k", of("Org1")), &[&org1]);
    let changes = play
        .tx("cc", [ns("cc").key_policy("k", of("Org2"))])
        .endorsed_by([&org1]);
    let id = changes.tx_id();
    let block = [
        endorsed(&play, k(), &[&org2]),
        changes.envelope(),
        endorsed(&play, k(), &[&org1]),
        endorsed(&play, ns("cc").write("free", "1"), &[&org2]),
    ];
    play.commit([sets]).unwrap();
    let all = explain_block(&mut play, block);
    let key = json!({"namespace": "cc", "key": "k"});
    check_reason(&all[0], 10, &json!({"kind": "policy", "policy": 0}));
    assert_eq!(all[0]["policies"][0]["guards"], "key");
    assert_eq!(all[0]["policies"][0]["key"], key);
    assert_eq!(all[1]["code"], 0);
    let reason = json!({
        "kind": "key_policy_changed", "key": key, "by": {"block": 3, "tx": 1, "txid": id},
    });
    check_reason(&all[2], 10, &reason);
    assert_eq!(all[3]["code"], 0);
}

#[test]
fn the_namespace_that_refuses_is_named() {
    let mut play = channel(2, any_of([peer("Org1")]));
    define(
        &mut play,
        &ChaincodeDefinition::new("strict").policy(all_of([peer("Org1"), peer("Org2")])),
    );
    let org1 = play.network.orgs[0].peer.clone();
    let both = play
        .tx("cc", [k(), ns("strict").write("k", "1")])
        .endorsed_by([&org1]);
    let both = both.envelope();
    let found = explain_one(&mut play, both);
    check_reason(&found, 10, &json!({"kind": "policy", "policy": 1}));
    assert_eq!(found["policies"][0]["holds"], true);
    assert_eq!(found["policies"][1]["namespace"], "strict");
}
