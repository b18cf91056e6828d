//! Endorsement policies of chaincodes and collections.

use super::{peer_of, play};
use crate::testing::kit::{
    ChaincodeDefinition, ChannelSpec, Collected, Collection, Identity, Network, Principal, Rule,
    Seed, SignaturePolicy, Transaction, all_of, any_of, by, ns, out_of, policy_reference,
};
use crate::testing::play::Play;

/// A channel of two organizations with chaincode `cc` of this definition.
fn play_with(definition: impl FnOnce(ChaincodeDefinition) -> ChaincodeDefinition) -> Play {
    let mut play = Play::with_orgs(2).unwrap();
    play.define(&definition(ChaincodeDefinition::new("cc")));
    play
}

/// The transaction endorsed by the peers of these organizations, as an envelope.
fn endorsed<'p>(play: &'p Play, tx: Transaction<'p>, orgs: &[usize]) -> Vec<u8> {
    let peers = orgs.iter().map(|org| &play.network.orgs[org - 1].peer);
    tx.endorsed_by(peers).envelope()
}

#[test]
fn e9_collections_and_keys_with_policies_of_their_own_do_without_the_chaincodes() {
    let both = || all_of([peer_of("Org1MSP"), peer_of("Org2MSP")]);
    let org1 = || SignaturePolicy::from(any_of([peer_of("Org1MSP")]));
    let own = Collection {
        endorsement_policy: Some(org1().application()),
        ..Collection::new("own", &org1())
    };
    let plain = Collection::new("plain", &org1());
    let empty = Collection {
        endorsement_policy: Some(Vec::new()),
        ..Collection::new("empty", &org1())
    };
    let mut play = play_with(|cc| {
        cc.policy(both())
            .collection(own)
            .collection(plain)
            .collection(empty)
    });
    let key = play.tx(
        "cc",
        [ns("cc").write("k", "1").key_policy("k", org1().envelope())],
    );
    play.check([key.envelope()], [0]);

    let write = |collection: &str| ns("cc").collection(&Collected::new(collection).write("x", "1"));
    let cases = [
        (write("own"), [0, 0]),
        (write("own").write("a", "1"), [10, 0]),
        (write("plain"), [10, 0]),
        (write("empty"), [10, 0]),
        (write("undefined"), [10, 10]),
        (ns("cc").write("k", "2"), [0, 0]),
        (ns("cc").write("k", "2").write("a", "1"), [10, 0]),
        (ns("cc"), [10, 0]),
    ];
    for (rwset, expected) in cases {
        let tx = || play.tx("cc", [rwset.clone()]);
        let block = [endorsed(&play, tx(), &[1]), endorsed(&play, tx(), &[2, 1])];
        play.check(block, expected);
    }
}

#[test]
fn e10_namespaces_that_are_only_read_need_no_policy() {
    let mut play = Play::with_orgs(2).unwrap();
    for (name, msp_id) in [("a", "Org1MSP"), ("b", "Org2MSP")] {
        let policy = any_of([peer_of(msp_id)]);
        play.define(&ChaincodeDefinition::new(name).policy(policy));
    }
    let reads = [ns("a").write("k", "1"), ns("b").read("k", None)];
    let writes = [ns("a").write("k", "1"), ns("b").write("k", "1")];
    let only_b = [ns("a").read("k2", None), ns("b").write("k", "1")];
    let block = [
        endorsed(&play, play.tx("a", reads), &[1]),
        endorsed(&play, play.tx("a", writes.clone()), &[1]),
        endorsed(&play, play.tx("a", writes), &[1, 2]),
        endorsed(&play, play.tx("a", only_b), &[2]),
    ];
    play.check(block, [0, 10, 0, 10]);
}

#[test]
fn f12_evaluation_is_greedy_and_knows_no_bounds() {
    let member = || by(Principal::Member("Org1MSP".to_owned()));
    let nested = (0..200).fold(peer_of("Org1MSP"), |rule, _| any_of([rule]));
    let policies: [SignaturePolicy; 6] = [
        all_of([member(), peer_of("Org1MSP")]).into(),
        SignaturePolicy {
            version: 7,
            rule: any_of([peer_of("Org1MSP")]),
        },
        out_of(0, [peer_of("Org2MSP")]).into(),
        out_of(-1, []).into(),
        nested.into(),
        any_of([peer_of("Org1MSP"), Rule::Index(9)]).into(),
    ];
    let mut play = Play::with_orgs(2).unwrap();
    for (index, policy) in policies.into_iter().enumerate() {
        let name = format!("cc{index}");
        play.define(&ChaincodeDefinition::new(&name).policy(policy));
    }
    let org1 = &play.network.orgs[0];
    let tx = |cc: &str, endorsers: &[&Identity]| {
        let tx = play.tx(cc, [ns(cc).write("k", "1")]);
        tx.endorsed_by(endorsers.iter().copied()).envelope()
    };
    let block = [
        tx("cc0", &[&org1.peer, &org1.client]),
        tx("cc0", &[&org1.client, &org1.peer]),
        tx("cc1", &[&org1.peer]),
        tx("cc2", &[]),
        tx("cc3", &[]),
        tx("cc4", &[&org1.peer]),
        tx("cc5", &[&org1.peer]),
    ];
    play.check(block, [10, 0, 0, 0, 0, 0, 10]);
}

#[test]
fn f13_an_organization_without_the_policy_counts_all_the_same() {
    let spec = ChannelSpec {
        lifecycle_endorsement: false,
        ..ChannelSpec::default()
    };
    let mut network = Network::new(&Seed::new(1), 3, spec);
    let group = network.config.channel_group.as_mut().unwrap();
    let application = group.groups.get_mut("Application").unwrap();
    let org3 = application.groups.get_mut("Org3").unwrap();
    org3.policies.remove("Endorsement").unwrap();
    let mut play = Play::new(network).unwrap();

    // Without LifecycleEndorsement a majority of organizations counts, by any member.
    let definition = ChaincodeDefinition::new("cc");
    let [org1, _, org3] = &*play.network.orgs else {
        panic!("three organizations");
    };
    let tx = |endorsers: [&Identity; 2]| {
        let tx = play.tx("_lifecycle", [definition.writes()]);
        tx.endorsed_by(endorsers).envelope()
    };
    let block = [
        tx([&org1.client, &org1.peer]),
        tx([&org1.client, &org3.admin]),
    ];
    let majority = [(1, 2, 0), (1, 3, 10), (2, 3, 10)];
    play.check(block, [10, 0]);
    for (one, other, expected) in majority {
        let tx = play.tx("cc", [ns("cc").write("k", "1")]);
        let envelope = endorsed(&play, tx, &[one, other]);
        play.check([envelope], [expected]);
    }
}

#[test]
fn f25_a_collections_policy_replaces_the_chaincodes_for_writes_only() {
    let org1 = || SignaturePolicy::from(any_of([peer_of("Org1MSP")]));
    let own = Collection {
        endorsement_policy: Some(org1().application()),
        ..Collection::new("own", &org1())
    };
    let both = all_of([peer_of("Org1MSP"), peer_of("Org2MSP")]);
    let mut play = play_with(|cc| cc.policy(both).collection(own));
    let reads = |collection: &str| ns("cc").collection(&Collected::new(collection).read("x", None));
    let reads_and_writes = Collected::new("own").read("x", None).write("x", "1");
    let block = [
        endorsed(&play, play.tx("cc", [reads("own")]), &[1]),
        endorsed(&play, play.tx("cc", [reads("own")]), &[1, 2]),
        endorsed(&play, play.tx("cc", [reads("undefined")]), &[1, 2]),
        endorsed(
            &play,
            play.tx("cc", [ns("cc").collection(&reads_and_writes)]),
            &[1],
        ),
    ];
    play.check(block, [10, 0, 0, 0]);
}

/// Fabric visits the namespaces in random order; here the invoked one comes first, then the others as
/// they stand.
#[test]
fn f26_of_two_failing_namespaces_the_invoked_one_counts_then_the_first() {
    let mut play = Play::with_orgs(2).unwrap();
    for (name, msp_id) in [("one", "Org1MSP"), ("two", "Org2MSP")] {
        let policy = any_of([peer_of(msp_id)]);
        play.define(&ChaincodeDefinition::new(name).policy(policy));
    }
    let write = |name: &str| ns(name).write("k", "1");
    let cases = [
        ("two", vec![write("none"), write("two")], 10),
        ("none", vec![write("two"), write("none")], 25),
        ("one", vec![write("none"), write("two")], 25),
        ("one", vec![write("two"), write("none")], 10),
    ];
    for (invoked, namespaces, expected) in cases {
        let envelope = endorsed(&play, play.tx(invoked, namespaces), &[1]);
        play.check([envelope], [expected]);
    }
}

#[test]
fn references_to_policies_of_the_channel_may_be_relative_and_may_fail() {
    let mut play = Play::with_orgs(2).unwrap();
    let cases = [
        ("/Channel/Application/Endorsement", [10, 0]),
        ("Application/Endorsement", [10, 0]),
        ("Application/Org1/Endorsement", [0, 0]),
        ("/Channel/Application/Org1/Admins", [10, 10]),
        ("/Channel/Application/Nothing", [10, 10]),
        ("/Application/Endorsement", [10, 10]),
        ("/Channel", [10, 10]),
    ];
    for (index, (reference, expected)) in cases.into_iter().enumerate() {
        let name = format!("cc{index}");
        let definition = ChaincodeDefinition::new(&name);
        play.define(&definition.with(|cc| cc.policy = policy_reference(reference)));
        let tx = || play.tx(&name, [ns(&name).write("k", "1")]);
        let block = [endorsed(&play, tx(), &[1]), endorsed(&play, tx(), &[1, 2])];
        play.check(block, expected);
    }
}

#[test]
fn the_implicit_collection_of_an_organization_needs_that_organization() {
    let mut play = play();
    let approve = |org: &str| {
        let collection = Collected::new(&format!("_implicit_org_{org}MSP"));
        ns("_lifecycle").collection(&collection.write("namespaces/metadata/cc#2", "x"))
    };
    let block = [
        endorsed(&play, play.tx("_lifecycle", [approve("Org1")]), &[1]),
        endorsed(&play, play.tx("_lifecycle", [approve("Org1")]), &[2]),
        endorsed(&play, play.tx("_lifecycle", [approve("Org2")]), &[2]),
    ];
    play.check(block, [0, 10, 0]);
    let definition = ChaincodeDefinition::new("other").writes();
    let one = endorsed(&play, play.tx("_lifecycle", [definition.clone()]), &[1]);
    let two = endorsed(&play, play.tx("_lifecycle", [definition]), &[1, 2]);
    play.check([one, two], [10, 0]);
}
