//! Which namespaces are validated, and what is refused before any policy.

use super::*;

/// The code of a transaction at each capability.
fn check(transaction: impl Fn() -> Tx, expected: [i32; 6]) {
    let codes = CAPABILITIES.map(|capability| World::at(capability).code(transaction()));
    assert_eq!(codes, expected);
}

#[test]
fn names_and_version_must_be_sane() {
    check(|| Tx::of("").writes("cc"), [255; 6]);
    check(
        || Tx::of("cc").with(|tx| tx.action_name = "other"),
        [255; 6],
    );
    check(|| Tx::of("cc").with(|tx| tx.version = ""), [255; 6]);
}

#[test]
fn what_does_not_decode_has_its_code_already() {
    let world = World::at("V1_4_2");
    let tx = Tx::of("cc");
    let (mut endorser, creator) = (tx.endorser(), tx.creator());
    endorser.action = Err(ValidationCode::BadRwset);
    let candidate = Candidate {
        tx: TxIndex(0),
        tx_key: TxKey::of(endorser.tx_id),
        creator: &creator,
        endorser: &endorser,
        signers: &[],
    };
    let mut kept = None;
    let block = LegacyBlock {
        block: BlockNumber(7),
        bundle: &world.bundle,
        facts: facts_of(&mut kept, &world.bundle),
        state: &world.state,
        in_flight: &InFlight::new([]),
    };
    let mut codes = [ValidationCode::NotValidated];
    block
        .validate(&[candidate], &mut codes, &mut Lifetimes::default())
        .unwrap();
    assert_eq!(codes, [ValidationCode::BadRwset]);
}

#[test]
fn events_count_from_v1_2_on() {
    for event in [EventCheck::Undecodable, EventCheck::OtherChaincode] {
        check(
            || Tx::of("cc").writes("cc").with(|tx| tx.event = event),
            [0, 0, 0, 255, 255, 255],
        );
    }
    // The event comes before the namespaces that stand twice.
    let both = || {
        Tx::of("cc")
            .writes("cc")
            .reads("cc")
            .with(|tx| tx.event = EventCheck::Undecodable)
    };
    check(both, [23, 23, 23, 255, 255, 255]);
}

#[test]
fn a_namespace_that_stands_twice_is_illegal() {
    check(|| Tx::of("cc").reads("x").reads("x"), [23; 6]);
    check(|| Tx::of("vscc").reads("x").reads("x"), [23; 6]);
    check(|| Tx::of("").reads("x").reads("x"), [255; 6]);
}

#[test]
fn the_invoked_chaincode_always_counts_from_v1_2_on() {
    check(|| Tx::of("cc").endorsed(&[]), [0, 0, 0, 10, 10, 10]);
    check(|| Tx::of("nope"), [0, 0, 0, 255, 255, 255]);
    check(
        || Tx::of("cc").with(|tx| tx.version = "2.0"),
        [0, 0, 0, 17, 17, 17],
    );
    check(|| Tx::of("cc").writes("cc").endorsed(&[]), [10; 6]);
    check(|| Tx::of("nope").writes("cc"), [0, 0, 0, 255, 255, 255]);
    check(|| Tx::of("cc").reads("nope"), [0; 6]);
}

#[test]
fn the_version_of_the_invoked_chaincode_must_be_the_defined_one() {
    check(
        || Tx::of("cc").writes("cc").with(|tx| tx.version = "2.0"),
        [17; 6],
    );
    // It comes before the policy, and nobody asks for the version of others.
    let unendorsed = || Tx::of("cc").writes("cc").endorsed(&[]);
    check(|| unendorsed().with(|tx| tx.version = "2.0"), [17; 6]);
    for capability in CAPABILITIES {
        let mut world = World::at(capability);
        world.define("other", &Data::new("other", "9").bytes());
        assert_eq!(world.code(Tx::of("cc").writes("other")), 0);
        // Nor for the name inside the definition.
        world.define("alias", &Data::new("cc", "1.0").bytes());
        assert_eq!(world.code(Tx::of("alias").writes("alias")), 0);
    }
}

#[test]
fn namespaces_are_validated_in_order_up_to_the_first_failure() {
    for capability in FROM_V1_2 {
        let mut world = World::at(capability);
        world.define(
            "strict",
            &Data {
                policy: members(&["Org2MSP"]),
                ..Data::new("strict", "1.0")
            }
            .bytes(),
        );
        let cases = [
            (Tx::of("cc").writes("strict").writes("nope"), 10),
            (Tx::of("cc").writes("nope").writes("strict"), 255),
            // The invoked one comes first wherever it stands.
            (Tx::of("strict").writes("nope").writes("strict"), 10),
            (
                Tx::of("strict")
                    .writes("nope")
                    .with(|tx| tx.version = "2.0"),
                17,
            ),
        ];
        for (tx, expected) in cases {
            assert_eq!(world.code(tx), expected);
        }
    }
    for capability in ["", "V1_1"] {
        let tx = Tx::of("cc")
            .writes("nope")
            .writes("cc")
            .with(|tx| tx.version = "2.0");
        assert_eq!(World::at(capability).code(tx), 255);
    }
}

#[test]
fn what_counts_as_written_depends_on_capabilities() {
    let hashed = || Tx::of("cc").writes_hash("nope", "c");
    for (capability, expected) in [("V1_1_PVTDATA_EXPERIMENTAL", 255), ("V1_2", 255)] {
        assert_eq!(World::at(capability).code(hashed()), expected);
    }
    // Not counted, so valid; but then the collection must exist.
    for capability in ["", "V1_1"] {
        let fault = World::at(capability).validate(&[hashed()]).unwrap_err();
        assert!(
            matches!(fault, Fault::UndefinedCollection { .. }),
            "{fault}"
        );
    }
    check(
        || Tx::of("cc").writes_metadata("nope"),
        [0, 0, 0, 0, 255, 255],
    );
}

#[test]
fn application_chaincodes_do_not_write_to_system_chaincodes() {
    for name in ["lscc", "vscc", "escc", "cscc"] {
        check(|| Tx::of("cc").writes(name), [23; 6]);
        check(|| Tx::of("cc").reads(name), [0; 6]);
    }
    // qscc was forgotten: any member's endorsement does.
    check(|| Tx::of("cc").writes("qscc"), [0; 6]);
    let by_two = [by("Org1MSP"), by("Org2MSP")];
    check(|| Tx::of("cc").writes("qscc").endorsed(&by_two), [0; 6]);
    check(|| Tx::of("cc").writes("qscc").endorsed(&[]), [10; 6]);
    // Before definitions are looked for.
    check(|| Tx::of("nope").writes("lscc"), [23; 6]);
    // `_lifecycle` is a name like any other.
    check(|| Tx::of("cc").writes("_lifecycle"), [255; 6]);
}

#[test]
fn system_chaincodes_can_be_invoked_but_two() {
    for name in ["vscc", "escc"] {
        check(|| Tx::of(name), [23; 6]);
    }
    for name in ["qscc", "cscc"] {
        // One evaluation, whatever else is written, and in whatever version.
        check(|| Tx::of(name), [0; 6]);
        check(|| Tx::of(name).writes("lscc").writes("nope"), [0; 6]);
        check(|| Tx::of(name).with(|tx| tx.version = "x"), [0; 6]);
        check(|| Tx::of(name).endorsed(&[by("Org3MSP")]), [0; 6]);
        check(|| Tx::of(name).endorsed(&[]), [10; 6]);
        check(|| Tx::of(name).endorsed(&[by("OrdererMSP")]), [10; 6]);
    }
    check(|| Tx::of("lscc"), [10; 6]);
}

#[test]
fn a_definition_must_be_usable() {
    let sound = Data::new("cc", "1.0");
    let cases = [
        (vec![0xff], 255),
        (
            Data {
                vscc: "",
                ..sound.clone()
            }
            .bytes(),
            255,
        ),
        (
            Data {
                policy: Vec::new(),
                ..sound.clone()
            }
            .bytes(),
            255,
        ),
        (
            Data {
                policy: vec![0xff],
                ..sound.clone()
            }
            .bytes(),
            10,
        ),
        (
            Data {
                instantiation_policy: Vec::new(),
                ..sound
            }
            .bytes(),
            0,
        ),
    ];
    for (value, expected) in cases {
        for capability in CAPABILITIES {
            let mut world = World::at(capability);
            world.define("cc", &value);
            assert_eq!(world.code(Tx::of("cc").writes("cc")), expected);
        }
    }
}

#[test]
fn another_plugin_stops_the_channel_where_it_is_needed() {
    for capability in CAPABILITIES {
        let mut world = World::at(capability);
        world.define(
            "cc",
            &Data {
                vscc: "mine",
                ..Data::new("cc", "1.0")
            }
            .bytes(),
        );
        let fault = world.validate(&[Tx::of("cc").writes("cc")]).unwrap_err();
        assert!(matches!(fault, Fault::UnknownPlugin { plugin, .. } if plugin == "mine"));
        // The version is looked at before.
        assert_eq!(
            world.code(Tx::of("cc").writes("cc").with(|tx| tx.version = "2.0")),
            17
        );
    }
}

#[test]
fn a_written_collection_must_be_defined() {
    for capability in FROM_V1_2 {
        let mut world = World::at(capability);
        let tx = || Tx::of("cc").writes_hash("cc", "c");
        let fault = world.validate(&[tx()]).unwrap_err();
        assert!(
            matches!(fault, Fault::UndefinedCollection { .. }),
            "{fault}"
        );
        // In an invalid transaction it need not be.
        assert_eq!(world.code(tx().endorsed(&[])), 10);

        let member_policy = field(2, &field(1, &anyone()));
        let package = |policy: &[u8]| {
            let collection = [&field(1, b"c")[..], policy, &number(5, 3)].concat();
            field(1, &field(1, &collection))
        };
        world.define("cc~collection", &package(&member_policy));
        let (codes, lifetimes) = world.validate(&[tx()]).unwrap();
        assert_eq!(codes, [ValidationCode::Valid]);
        assert_eq!(lifetimes.of(NamespaceRef::hashed("cc", "c")), Some(3));

        world.define("cc~collection", &package(b""));
        let fault = world.validate(&[tx()]).unwrap_err();
        assert!(matches!(fault, Fault::MemberPolicy { .. }), "{fault}");

        world.define("cc~collection", &[0xff]);
        let fault = world.validate(&[tx()]).unwrap_err();
        assert!(matches!(fault, Fault::Definition { .. }), "{fault}");
    }
}
