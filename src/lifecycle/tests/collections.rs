//! Collections: their policies, their lives, whether they are known; key-level policies.

use super::*;

#[test]
fn e11_and_e12_implicit_collections_have_their_organizations_policy() {
    let found = defined(&Fields::sound().state());
    let policy = |collection: &str| collection_policy(&found, collection, &facts());
    let own = field(2, b"/Channel/Application/a/Endorsement");
    assert_eq!(
        policy("_implicit_org_MspZ"),
        CollectionPolicy::Policy(own.into())
    );
    // One member of MspY, as `SignedByAnyMember` makes it.
    let rule = field(2, &field(2, &[0x08, 1, 0x12, 2, 0x08, 0]));
    let envelope = [rule, field(3, &field(2, &field(1, b"MspY")))].concat();
    let member = field(1, &envelope);
    assert_eq!(
        policy("_implicit_org_MspY"),
        CollectionPolicy::Policy(member.into())
    );
    assert_eq!(policy("_implicit_org_MspX"), CollectionPolicy::NotFound);
    assert_eq!(policy("_implicit_org_"), CollectionPolicy::NotFound);
    // The lifecycle has them, too, and no others.
    let Definition::Defined(lifecycle) =
        definition(&MemoryState::default(), "_lifecycle", &facts()).unwrap()
    else {
        panic!("the lifecycle is always defined");
    };
    let policy = |collection: &str| collection_policy(&lifecycle, collection, &facts());
    assert!(matches!(
        policy("_implicit_org_MspZ"),
        CollectionPolicy::Policy(_)
    ));
    assert_eq!(policy("plain"), CollectionPolicy::NotFound);
}

#[test]
fn explicit_collections_have_their_own_policy_or_the_chaincodes() {
    let found = defined(&Fields::sound().state());
    let policy = |collection: &str| collection_policy(&found, collection, &facts());
    assert_eq!(
        policy("own"),
        CollectionPolicy::Policy(field(2, b"/Channel/Own").into())
    );
    assert_eq!(policy("plain"), CollectionPolicy::Policy(b"policy".into()));
    assert_eq!(policy("empty"), CollectionPolicy::None); // present and empty: the namespace's
    assert_eq!(policy("nowhere"), CollectionPolicy::NotFound);
    let mut state = MemoryState::default();
    legacy(&mut state, "cc", &legacy_data("vscc", ENVELOPE));
    let found = defined(&state);
    for name in ["own", "nowhere", "_implicit_org_MspZ"] {
        assert_eq!(
            collection_policy(&found, name, &facts()),
            CollectionPolicy::None
        );
    }
}

#[test]
fn of_two_collections_with_one_name_the_first_counts_and_split_ones_merge() {
    let package = [
        field(1, b""), // no static configuration
        collection(&[field(1, b"c"), number(5, 4)]),
        collection(&[field(1, b"c"), number(5, 5)]),
        // One configuration in two pieces, its policies in two pieces each.
        field(
            1,
            &[
                field(
                    1,
                    &[
                        field(1, b"split"),
                        field(8, &field(2, b"/A")),
                        field(2, b""),
                    ]
                    .concat(),
                ),
                field(
                    1,
                    &[field(8, &field(2, b"/B")), field(2, &field(1, ENVELOPE))].concat(),
                ),
            ]
            .concat(),
        ),
    ];
    let fields = Fields {
        collections: Some(field(2, &package.concat())),
        ..Fields::sound()
    };
    let state = fields.state();
    assert_eq!(block_to_live(&state, "cc", "c").unwrap(), 4);
    let Some(CollectionInfo::Explicit(split)) = collection_info(&state, "cc", "split").unwrap()
    else {
        panic!("split is a collection");
    };
    let pieces = [field(2, b"/A"), field(2, b"/B")].concat();
    assert_eq!(split.endorsement_policy, Some(pieces));
    assert_eq!(split.member_orgs_policy.as_deref(), Some(ENVELOPE));
}

#[test]
fn collections_are_known_by_definition_or_by_organization() {
    let state = Fields::sound().state();
    let found = defined(&state);
    let known = |name: &str| collection_is_known(&state, "cc", &found, name, &facts()).unwrap();
    assert!(known("plain") && known("_implicit_org_MspY"));
    assert!(!known("nowhere") && !known("_implicit_org_MspX"));
    let mut state = MemoryState::default();
    legacy(&mut state, "cc", &legacy_data("vscc", ENVELOPE));
    let found = defined(&state);
    let known =
        |state: &MemoryState, name: &str| collection_is_known(state, "cc", &found, name, &facts());
    assert!(!known(&state, "c").unwrap());
    legacy(
        &mut state,
        "cc~collection",
        &collection(&[field(1, b"c"), number(5, 2)]),
    );
    assert!(known(&state, "c").unwrap());
    assert!(!known(&state, "_implicit_org_MspY").unwrap());
    legacy(&mut state, "cc~collection", &[0x0a]);
    assert!(matches!(
        known(&state, "c"),
        Err(Fault::BrokenDefinition {
            flaw: Flaw::LegacyCollections(_),
            ..
        })
    ));
}

#[test]
fn every_collection_that_is_written_has_a_life() {
    let mut state = Fields::sound().state();
    legacy(
        &mut state,
        "old~collection",
        &collection(&[field(1, b"c"), number(5, 2)]),
    );
    let life = |name: &str, collection: &str| block_to_live(&state, name, collection);
    assert_eq!(life("cc", "plain").unwrap(), 9);
    assert_eq!(life("cc", "own").unwrap(), 0);
    assert_eq!(life("cc", "_implicit_org_Anybody").unwrap(), 0);
    assert_eq!(life("_lifecycle", "_implicit_org_MspY").unwrap(), 0);
    assert_eq!(life("old", "c").unwrap(), 2);
    for (name, collection) in [
        ("cc", "nowhere"),
        ("cc", ""),
        ("_lifecycle", "plain"),
        ("old", "_implicit_org_MspY"),
        ("undefined", "c"),
    ] {
        assert!(matches!(
            life(name, collection),
            Err(Fault::UndefinedCollection { .. })
        ));
    }
}

#[test]
fn e17_and_e18_key_policies_are_the_last_entry_of_their_name() {
    let entry = |name: &str, value: &[u8]| {
        let mut inner = field(1, name.as_bytes());
        put_bytes(&mut inner, 2, value);
        field(2, &inner)
    };
    let check = |metadata: &[Vec<u8>], expected: Option<&[u8]>| {
        assert_eq!(key_policy(&metadata.concat()).unwrap(), expected);
    };
    let policy = "VALIDATION_PARAMETER";
    check(&[], None);
    check(&[entry("other", b"x")], None);
    check(&[entry("VALIDATION_PARAMETER_V2", b"x")], None);
    check(&[entry(policy, b"")], None);
    check(&[entry(policy, b"a"), entry("other", b"x")], Some(b"a"));
    check(&[entry(policy, b"a"), entry(policy, b"b")], Some(b"b"));
    check(&[entry(policy, b"a"), entry(policy, b"")], None);
    check(&[entry(policy, &[0x0a])], Some(&[0x0a])); // decoding it is the caller's, and stops
    assert!(matches!(
        key_policy(&[0x12]),
        Err(Fault::BrokenMetadata(WireError::Truncated))
    ));
}
