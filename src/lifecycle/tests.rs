//! Tests of definitions, collections and the policies that stand in no definition. States are built
//! by hand, sound and broken; the broken ones are those that stop a real peer.

use super::memory::MemoryState;
use super::*;
use crate::proto::wire::{WireError, put_bytes, put_element, put_uint};
use crate::types::NamespaceRef;

/// A serialized `SignaturePolicyEnvelope`, for what needs one that decodes.
const ENVELOPE: &[u8] = &[0x12, 0x02, 0x12, 0x00];

fn field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_element(&mut out, number, value);
    out
}

fn number(field: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_uint(&mut out, field, value);
    out
}

fn facts() -> ChannelFacts {
    let org = |name: &str, msp_id: &str, has_endorsement| ApplicationOrg {
        name: name.to_owned(),
        msp_id: msp_id.to_owned(),
        has_endorsement,
    };
    ChannelFacts {
        application_orgs: vec![org("a", "MspZ", true), org("b", "MspY", false)],
        has_lifecycle_endorsement: true,
    }
}

/// A state with a new-lifecycle definition of `cc`, field by field; a field without a value is
/// missing.
#[derive(Clone)]
struct Fields {
    metadata: Option<Vec<u8>>,
    sequence: Option<Vec<u8>>,
    endorsement: Option<Vec<u8>>,
    validation: Option<Vec<u8>>,
    collections: Option<Vec<u8>>,
}

impl Fields {
    /// A sound definition: plugin `vscc`, policy `policy`, two collections.
    fn sound() -> Self {
        let endorsement = [field(1, b"1.0"), number(2, 1), field(3, b"escc")].concat();
        let validation = [field(1, b"vscc"), field(2, b"policy")].concat();
        let collections = [
            collection(&[field(1, b"plain"), number(5, 9)]),
            collection(&[field(1, b"own"), field(8, &field(2, b"/Channel/Own"))]),
            collection(&[field(1, b"empty"), field(8, b"")]),
        ];
        Self {
            metadata: Some(field(1, b"ChaincodeDefinition")),
            sequence: Some(number(1, 3)),
            endorsement: Some(field(2, &endorsement)),
            validation: Some(field(2, &validation)),
            collections: Some(field(2, &collections.concat())),
        }
    }

    fn state(&self) -> MemoryState {
        let mut state = MemoryState::default();
        let mut set = |key: &str, value: &Option<Vec<u8>>| {
            if let Some(value) = value {
                state.put(NamespaceRef::public("_lifecycle"), key.as_bytes(), value);
            }
        };
        set("namespaces/metadata/cc", &self.metadata);
        set("namespaces/fields/cc/Sequence", &self.sequence);
        set("namespaces/fields/cc/EndorsementInfo", &self.endorsement);
        set("namespaces/fields/cc/ValidationInfo", &self.validation);
        set("namespaces/fields/cc/Collections", &self.collections);
        state
    }
}

/// One `CollectionConfig` of a package.
fn collection(fields: &[Vec<u8>]) -> Vec<u8> {
    field(1, &field(1, &fields.concat()))
}

fn legacy(state: &mut MemoryState, key: &str, value: &[u8]) {
    state.put(NamespaceRef::public("lscc"), key.as_bytes(), value);
}

fn legacy_data(plugin: &str, policy: &[u8]) -> Vec<u8> {
    let mut data = field(1, b"cc");
    put_bytes(&mut data, 2, b"2.0");
    put_bytes(&mut data, 4, plugin.as_bytes());
    put_bytes(&mut data, 5, policy);
    put_bytes(&mut data, 8, b"instantiation");
    data
}

/// What [`definition`] says of `cc`: `None` for not defined, else plugin and policy.
#[track_caller]
fn check(state: &MemoryState, expected: Option<(&str, &[u8])>) {
    let actual = match definition(state, "cc", &facts()).unwrap() {
        Definition::NotDefined => None,
        Definition::Defined(found) => Some((found.plugin, found.policy)),
    };
    assert_eq!(
        actual,
        expected.map(|(plugin, policy)| (plugin.to_owned(), policy.to_vec()))
    );
}

#[track_caller]
fn check_broken(state: &MemoryState, expected: Flaw) {
    let flaw = |fault: Fault| match fault {
        Fault::BrokenDefinition { name, flaw } if name == "cc" => flaw,
        other => panic!("{other}"),
    };
    assert_eq!(
        flaw(definition(state, "cc", &facts()).unwrap_err()),
        expected
    );
}

fn defined(state: &MemoryState) -> ChaincodeDefinition {
    match definition(state, "cc", &facts()).unwrap() {
        Definition::Defined(found) => found,
        Definition::NotDefined => panic!("cc is defined"),
    }
}

#[test]
fn a_sound_definition_is_read_with_all_its_fields() {
    let found = committed_definition(&Fields::sound().state(), "cc")
        .unwrap()
        .unwrap();
    let named = |name: &str| Collection {
        name: name.to_owned(),
        ..Collection::default()
    };
    let expected = CommittedDefinition {
        sequence: 3,
        version: "1.0".to_owned(),
        init_required: true,
        endorsement_plugin: "escc".to_owned(),
        validation_plugin: "vscc".to_owned(),
        validation_parameter: b"policy".to_vec(),
        collections: vec![
            Collection {
                block_to_live: 9,
                ..named("plain")
            },
            Collection {
                endorsement_policy: Some(field(2, b"/Channel/Own")),
                ..named("own")
            },
            Collection {
                endorsement_policy: Some(Vec::new()),
                ..named("empty")
            },
        ],
    };
    assert_eq!(found, expected);
    check(&Fields::sound().state(), Some(("vscc", b"policy")));
}

#[test]
fn what_is_missing_is_empty_or_not_defined() {
    check(&MemoryState::default(), None);
    let with = |change: fn(&mut Fields)| {
        let mut fields = Fields::sound();
        change(&mut fields);
        fields.state()
    };
    check(&with(|fields| fields.metadata = None), None); // lifecycle/metadata-deleted
    check(
        &with(|fields| fields.sequence = None),
        Some(("vscc", b"policy")),
    );
    check(
        &with(|fields| fields.endorsement = None),
        Some(("vscc", b"policy")),
    );
    check(
        &with(|fields| fields.collections = None),
        Some(("vscc", b"policy")),
    );
    check(&with(|fields| fields.validation = None), None); // lifecycle/validation-info-missing
    check(
        &with(|fields| fields.validation = Some(field(9, b"no member"))),
        None,
    );
    // lifecycle/fields-not-listed-in-metadata, lifecycle/extra-field-listed
    let listed = |fields: &mut Fields| {
        fields
            .metadata
            .as_mut()
            .unwrap()
            .extend(field(2, b"Surprise"));
    };
    check(&with(listed), Some(("vscc", b"policy")));
    // Half a definition stays one: the dispatcher makes it 25.
    let half = |fields: &mut Fields| fields.validation = Some(field(2, &field(2, b"policy")));
    check(&with(half), Some(("", b"policy")));
    let half = |fields: &mut Fields| fields.validation = Some(field(2, &field(1, b"vscc")));
    check(&with(half), Some(("vscc", b"")));
    // lifecycle/unknown-plugin: the caller's to stop at.
    let other = |fields: &mut Fields| {
        fields.validation = Some(field(2, &[field(1, b"nosuch"), field(2, b"p")].concat()));
    };
    check(&with(other), Some(("nosuch", b"p")));
}

#[test]
fn whatever_is_broken_stops() {
    use DefinitionField::{Collections, EndorsementInfo, Sequence, ValidationInfo};
    let with = |change: &dyn Fn(&mut Fields), flaw| {
        let mut fields = Fields::sound();
        change(&mut fields);
        check_broken(&fields.state(), flaw);
        let collection = collection_info(&fields.state(), "cc", "plain").unwrap_err();
        assert!(matches!(collection, Fault::BrokenDefinition { .. }));
    };
    let garbage = || Some(vec![0x0a]);
    let truncated = WireError::Truncated;
    with(
        &|fields| fields.metadata = garbage(),
        Flaw::Metadata(truncated),
    );
    with(
        &|fields| fields.metadata = Some(field(1, b"Something")),
        Flaw::Datatype {
            datatype: "Something".to_owned(),
        },
    );
    let state_data = |field| Flaw::StateData {
        field,
        source: truncated,
    };
    with(&|fields| fields.sequence = garbage(), state_data(Sequence));
    with(
        &|fields| fields.endorsement = garbage(),
        state_data(EndorsementInfo),
    );
    with(
        &|fields| fields.validation = garbage(),
        state_data(ValidationInfo),
    );
    with(
        &|fields| fields.collections = garbage(),
        state_data(Collections),
    );
    for (wrong, right) in [
        (field(2, b""), number(1, 1)),
        (field(3, b""), field(3, b"s")),
    ] {
        let flaw = |field| Flaw::StateDataType { field };
        with(
            &|fields| fields.sequence = Some(wrong.clone()),
            flaw(Sequence),
        );
        with(
            &|fields| fields.endorsement = Some(right.clone()),
            flaw(EndorsementInfo),
        );
        with(
            &|fields| fields.validation = Some(right.clone()),
            flaw(ValidationInfo),
        );
        with(
            &|fields| fields.collections = Some(right.clone()),
            flaw(Collections),
        );
    }
    let message = |field| Flaw::Field {
        field,
        source: truncated,
    };
    let garbage = || Some(field(2, &[0x0a]));
    with(
        &|fields| fields.endorsement = garbage(),
        message(EndorsementInfo),
    );
    with(
        &|fields| fields.validation = garbage(),
        message(ValidationInfo),
    );
    with(
        &|fields| fields.collections = garbage(),
        message(Collections),
    );
    // Deep inside: a collection's policy.
    let policy = collection(&[field(1, b"c"), field(8, &field(1, &[0x12]))]);
    with(
        &|fields| fields.collections = Some(field(2, &policy)),
        message(Collections),
    );
}

#[test]
fn the_legacy_table_is_asked_where_the_new_one_has_nothing_to_say() {
    let wrapped = field(1, ENVELOPE);
    let mut state = MemoryState::default();
    legacy(&mut state, "cc", &legacy_data("vscc", ENVELOPE));
    check(&state, Some(("vscc", &wrapped)));
    assert_eq!(defined(&state).committed, None);
    legacy(&mut state, "cc", &legacy_data("other", ENVELOPE));
    check(&state, Some(("other", ENVELOPE)));
    legacy(&mut state, "cc", &legacy_data("vscc", &[0x12])); // no signature policy: as it stands
    check(&state, Some(("vscc", &[0x12])));
    legacy(&mut state, "cc", &legacy_data("vscc", b""));
    check(&state, Some(("vscc", b"")));
    legacy(&mut state, "cc", &legacy_data("", ENVELOPE));
    check(&state, Some(("", ENVELOPE)));
    legacy(&mut state, "cc", &[0x0a]);
    check_broken(&state, Flaw::Legacy(WireError::Truncated));
}

#[test]
fn a_new_definition_hides_the_legacy_one_unless_it_has_no_validation() {
    let mut fields = Fields::sound();
    let mut state = fields.state();
    legacy(&mut state, "cc", &[0x0a]);
    check(&state, Some(("vscc", b"policy"))); // the broken legacy entry is not looked at
    fields.validation = None;
    let mut state = fields.state();
    legacy(&mut state, "cc", &legacy_data("vscc", ENVELOPE));
    check(&state, Some(("vscc", &field(1, ENVELOPE))));
    // Its collections stay the new definition's.
    let found = defined(&state);
    assert_eq!(found.committed.as_ref().unwrap().collections.len(), 3);
    assert_eq!(
        collection_policy(&found, "nowhere", &facts()),
        CollectionPolicy::NotFound
    );
    assert_eq!(
        collection_policy(&found, "plain", &facts()),
        CollectionPolicy::None
    );
}

#[test]
fn legacy_entries_are_told_apart_below_v2_0() {
    let mut state = MemoryState::default();
    assert_eq!(
        legacy_definition(&state, "cc").unwrap(),
        LegacyEntry::Missing
    );
    legacy(&mut state, "cc", &[0x0a]);
    let undecodable = LegacyEntry::Undecodable(WireError::Truncated);
    assert_eq!(legacy_definition(&state, "cc").unwrap(), undecodable);
    legacy(&mut state, "cc", &legacy_data("vscc", ENVELOPE));
    let expected = LegacyDefinition {
        name: "cc".to_owned(),
        version: "2.0".to_owned(),
        plugin: "vscc".to_owned(),
        policy: ENVELOPE.to_vec(),
        instantiation_policy: b"instantiation".to_vec(),
    };
    assert_eq!(
        legacy_definition(&state, "cc").unwrap(),
        LegacyEntry::Defined(expected)
    );
}

#[test]
fn e26_system_names_are_not_defined() {
    for name in ["lscc", "qscc", "cscc", "vscc", "escc", "", "undefined"] {
        let state = Fields::sound().state();
        assert_eq!(
            definition(&state, name, &facts()).unwrap(),
            Definition::NotDefined,
            "{name}"
        );
    }
}

#[test]
fn the_lifecycle_is_defined_by_the_channel() {
    let policy = |facts: &ChannelFacts| {
        let state = MemoryState::default();
        match definition(&state, "_lifecycle", facts).unwrap() {
            Definition::Defined(found) => {
                assert_eq!(found.plugin, DEFAULT_PLUGIN);
                found.policy
            }
            Definition::NotDefined => panic!("the lifecycle is always defined"),
        }
    };
    let mut facts = facts();
    assert_eq!(
        policy(&facts),
        field(2, b"/Channel/Application/LifecycleEndorsement")
    );
    facts.has_lifecycle_endorsement = false;
    // Two of two members, by MSP id, not by group name.
    let gate = [0x08, 2, 0x12, 2, 0x08, 0, 0x12, 2, 0x08, 1];
    let principal = |id: &[u8]| field(3, &field(2, &field(1, id)));
    let rule = field(2, &field(2, &gate));
    let envelope = [rule, principal(b"MspY"), principal(b"MspZ")].concat();
    assert_eq!(policy(&facts), field(1, &envelope));
    for (orgs, needed) in [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3), (5, 3)] {
        let org = facts.application_orgs[0].clone();
        let facts = ChannelFacts {
            application_orgs: vec![org; orgs],
            ..facts.clone()
        };
        use crate::proto::msp::SignaturePolicy;
        use crate::proto::peer::ApplicationPolicy;
        use crate::proto::wire::Message;
        let bytes = lifecycle_policy(&facts);
        let ApplicationPolicy::Signature(envelope) = ApplicationPolicy::decode(&bytes).unwrap()
        else {
            panic!("a signature policy");
        };
        let Some(SignaturePolicy::NOutOf(gate)) = envelope.rule else {
            panic!("a gate")
        };
        assert_eq!(
            (gate.n, gate.rules.len(), envelope.identities.len()),
            (needed, orgs, orgs)
        );
    }
}

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
