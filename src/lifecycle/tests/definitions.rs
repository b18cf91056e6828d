//! Definitions in both tables, sound, incomplete and broken; the lifecycle's own.

use super::*;

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

/// Changes one thing in a sound definition; it must be broken then.
#[track_caller]
fn check_change(change: impl Fn(&mut Fields), flaw: Flaw) {
    let mut fields = Fields::sound();
    change(&mut fields);
    check_broken(&fields.state(), flaw);
    let collection = collection_info(&fields.state(), "cc", "plain").unwrap_err();
    assert!(matches!(collection, Fault::BrokenDefinition { .. }));
}

#[test]
fn metadata_that_are_broken_or_of_something_else_stop() {
    let garbage = |fields: &mut Fields| fields.metadata = Some(vec![0x0a]);
    check_change(garbage, Flaw::Metadata(WireError::Truncated));
    let other = |fields: &mut Fields| fields.metadata = Some(field(1, b"Something"));
    check_change(
        other,
        Flaw::Datatype {
            datatype: "Something".to_owned(),
        },
    );
}

#[test]
fn each_field_that_is_no_state_data_stops() {
    use DefinitionField::{Collections, EndorsementInfo, Sequence, ValidationInfo};
    let garbage = || Some(vec![0x0a]);
    let flaw = |field| Flaw::StateData {
        field,
        source: WireError::Truncated,
    };
    check_change(|fields| fields.sequence = garbage(), flaw(Sequence));
    check_change(
        |fields| fields.endorsement = garbage(),
        flaw(EndorsementInfo),
    );
    check_change(|fields| fields.validation = garbage(), flaw(ValidationInfo));
    check_change(|fields| fields.collections = garbage(), flaw(Collections));
}

#[test]
fn each_field_of_the_wrong_type_stops() {
    use DefinitionField::{Collections, EndorsementInfo, Sequence, ValidationInfo};
    let flaw = |field| Flaw::StateDataType { field };
    let (int64, bytes, string) = (number(1, 1), field(2, b""), field(3, b"s"));
    for wrong in [bytes, string.clone()] {
        check_change(
            |fields| fields.sequence = Some(wrong.clone()),
            flaw(Sequence),
        );
    }
    for wrong in [int64, string] {
        check_change(
            |fields| fields.endorsement = Some(wrong.clone()),
            flaw(EndorsementInfo),
        );
        check_change(
            |fields| fields.validation = Some(wrong.clone()),
            flaw(ValidationInfo),
        );
        check_change(
            |fields| fields.collections = Some(wrong.clone()),
            flaw(Collections),
        );
    }
}

#[test]
fn each_message_that_does_not_decode_stops() {
    use DefinitionField::{Collections, EndorsementInfo, ValidationInfo};
    let flaw = |field| Flaw::Field {
        field,
        source: WireError::Truncated,
    };
    let garbage = || Some(field(2, &[0x0a]));
    check_change(
        |fields| fields.endorsement = garbage(),
        flaw(EndorsementInfo),
    );
    check_change(|fields| fields.validation = garbage(), flaw(ValidationInfo));
    check_change(|fields| fields.collections = garbage(), flaw(Collections));
    // Deep inside: a collection's policy.
    let policy = collection(&[field(1, b"c"), field(8, &field(1, &[0x12]))]);
    let broken = |fields: &mut Fields| fields.collections = Some(field(2, &policy));
    check_change(broken, flaw(Collections));
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
