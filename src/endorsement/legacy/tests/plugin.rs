//! The two old plugins: who counts as an endorser, which policies there are, and policies of keys.

use super::*;
use crate::msp::tests::pki::{pem, serialized};

/// The code of an invocation of a chaincode with this policy, endorsed like this, with the plugin
/// before V1_3 and from then on.
fn check(policy: &[u8], endorsements: &[Endorsement<'static>], expected: [i32; 2]) {
    for capability in CAPABILITIES {
        let mut world = World::at(capability);
        world.define(
            "cc",
            &Data {
                policy: policy.to_vec(),
                ..Data::new("cc", "1.0")
            }
            .bytes(),
        );
        let tx = Tx::of("cc").writes("cc").endorsed(endorsements);
        let has_key_level = matches!(capability, "V1_3" | "V1_4_2");
        assert_eq!(
            world.code(tx),
            expected[usize::from(has_key_level)],
            "{capability:?}"
        );
    }
}

#[test]
fn e5_an_undecodable_endorser_spoils_the_rest_before_v1_3() {
    let org1 = members(&["Org1MSP"]);
    check(&org1, &[by("Org1MSP"), signed(&[0xff], true)], [10, 0]);
    check(&org1, &[signed(&[0xff], true), by("Org1MSP")], [10, 0]);
    // Others that do not count do no harm: no identity of the channel, no certificate, a bad signature.
    let strangers = [
        signed(&serialized("NoMSP", b"x"), true),
        signed(&serialized("Org1MSP", b"x"), true),
        signed(b"", true),
        signed(&certificate(9, "peer").serialized("Org2MSP"), false),
    ];
    for stranger in strangers {
        check(&org1, &[by("Org1MSP"), stranger.clone()], [0, 0]);
        check(&org1, &[stranger], [10, 10]);
    }
}

#[test]
fn the_first_endorsement_with_the_same_bytes_counts_before_v1_3() {
    let org1 = members(&["Org1MSP"]);
    let identity = certificate(9, "peer").serialized("Org1MSP");
    let bad = signed(&identity, false);
    check(&org1, &[bad.clone(), by("Org1MSP")], [10, 0]);
    check(&org1, &[by("Org1MSP"), bad.clone()], [0, 0]);
    // Bytes that decode to the same MSP id and certificate are the same, with unknown fields, too.
    let same = signed(&[&identity[..], &field(7, b"x")].concat(), true);
    check(&org1, &[bad.clone(), same], [10, 0]);
    // Other bytes of the same certificate are not: it counts, once.
    let certificate = certificate(9, "peer");
    let other_pem = pem("OTHER LABEL", &certificate.der);
    let other = signed(&serialized("Org1MSP", &other_pem), true);
    check(&org1, &[bad, other.clone()], [0, 0]);
    let two = policy(2, &[role("Org1MSP", MEMBER), role("Org1MSP", MEMBER)]);
    check(&two, &[by("Org1MSP"), other], [10, 10]);
    // An endorsement that is left out leaves the others where they are.
    let both = members(&["Org2MSP", "Org1MSP"]);
    check(
        &both,
        &[by("Org1MSP"), by("Org1MSP"), by("Org2MSP")],
        [0, 0],
    );
    check(&both, &[by("Org1MSP"), by("Org1MSP")], [10, 10]);
}

#[test]
fn e7_policies_have_version_0() {
    let org1 = members(&["Org1MSP"]);
    check(
        &[number(1, 1), org1.clone()].concat(),
        &[by("Org1MSP")],
        [10, 10],
    );
    check(&org1, &[by("Org1MSP")], [0, 0]);
    check(&org1, &[by("Org2MSP")], [10, 10]);
    check(&field(2, b""), &[by("Org1MSP")], [10, 10]);
    check(&[0xff], &[by("Org1MSP")], [10, 10]);
    // Not an application policy.
    check(&field(1, &org1), &[by("Org1MSP")], [10, 10]);
    check(&anyone(), &[], [0, 0]);
}

/// The code of a transaction endorsed by Org1MSP where the written key has this policy.
fn check_key(
    namespace: NamespaceRef<'_>,
    key: &[u8],
    policy: &[u8],
    tx: impl Fn() -> Tx,
) -> Vec<i32> {
    let codes = CAPABILITIES.map(|capability| {
        let mut world = World::at(capability);
        let collection = [field(1, b"c"), field(2, &field(1, &anyone()))].concat();
        world.define("cc~collection", &field(1, &field(1, &collection)));
        world.set_key_policy(namespace, key, policy);
        world.code(tx())
    });
    codes.to_vec()
}

#[test]
fn keys_have_policies_from_v1_3_on() {
    let public = NamespaceRef::public("cc");
    let tx = || Tx::of("cc").writes("cc");
    let org2 = members(&["Org2MSP"]);
    assert_eq!(check_key(public, b"key", &org2, tx), [0, 0, 0, 0, 10, 10]);
    assert_eq!(check_key(public, b"other", &org2, tx), [0; 6]);
    // Instead of the chaincode's policy, not beside it.
    let by_org2 = || tx().endorsed(&[by("Org2MSP")]);
    assert_eq!(
        check_key(public, b"key", &org2, by_org2),
        [10, 10, 10, 10, 0, 0]
    );
    // What does not decode, or has another version, is never satisfied; it stops nobody.
    let version_1 = [number(1, 1), members(&["Org1MSP"])].concat();
    for unusable in [&[0xff][..], &version_1] {
        assert_eq!(
            check_key(public, b"key", unusable, tx),
            [0, 0, 0, 0, 10, 10]
        );
    }
    assert_eq!(check_key(public, b"key", b"", tx), [0; 6]);
}

#[test]
fn keys_of_collections_have_policies_where_the_collection_is_defined() {
    let org2 = members(&["Org2MSP"]);
    let codes = |collection: &'static str| {
        let tx = move || Tx::of("cc").writes_hash("cc", collection);
        move |policy: &[u8]| check_key(NamespaceRef::hashed("cc", collection), b"hash", policy, tx)
    };
    assert_eq!(codes("c")(&org2), [0, 0, 0, 0, 10, 10]);
    // Of others the policy is not read: the chaincode's holds, and then the collection is missed.
    for capability in ["V1_3", "V1_4_2"] {
        let mut world = World::at(capability);
        world.set_key_policy(NamespaceRef::hashed("cc", "gone"), b"hash", &org2);
        let fault = world
            .validate(&[Tx::of("cc").writes_hash("cc", "gone")])
            .unwrap_err();
        assert!(
            matches!(fault, Fault::UndefinedCollection { .. }),
            "{fault}"
        );
        let tx = Tx::of("cc")
            .writes_hash("cc", "gone")
            .endorsed(&[by("Org2MSP")]);
        assert_eq!(world.code(tx), 10);
    }
}

#[test]
fn a_changed_key_policy_makes_later_writes_fail_from_v1_3_on() {
    let sets = || Tx::of("cc").writes_metadata("cc");
    let writes = || Tx::of("cc").writes("cc").with(|tx| tx.id = "other");
    for capability in CAPABILITIES {
        let world = World::at(capability);
        let key_level = matches!(capability, "V1_3" | "V1_4_2");
        let expected = if key_level { [0, 10] } else { [0, 0] };
        assert_eq!(world.codes(&[sets(), writes()]), expected, "{capability:?}");
        assert_eq!(world.codes(&[writes(), sets()]), [0, 0]);
    }
    // Where the plugin did not get to the namespace, or did not accept, nothing is changed.
    for capability in ["V1_3", "V1_4_2"] {
        let world = World::at(capability);
        assert_eq!(world.codes(&[sets().endorsed(&[]), writes()]), [10, 0]);
        let earlier_failure = Tx::of("cc").writes("nope").writes_metadata("cc");
        assert_eq!(world.codes(&[earlier_failure, writes()]), [255, 10]);
        let mut world = World::at(capability);
        world.define("other", &Data::new("other", "1.0").bytes());
        let unreached = Tx::of("other").writes("nope").writes_metadata("cc");
        assert_eq!(world.codes(&[unreached, writes()]), [255, 0]);
    }
}
