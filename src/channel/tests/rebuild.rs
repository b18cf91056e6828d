//! Validation-spec 7.3: to which configuration an update leads.

use super::kit::*;
use crate::channel::update::{encode_config_envelope, encode_config_group, validate_update};
use crate::channel::{Bundle, ConfigError, UpdateError};
use crate::proto::config::{Config, UnknownField};

#[test]
fn results() {
    let differs = |element: &str| {
        format!(
            "the update leads to another configuration than the envelope has: {element} differs"
        )
    };
    check_update(
        |case| case.next = case.current.clone(),
        &differs("value /Channel/Orderer/BatchTimeout"),
    );
    check_update(
        |case| {
            set(
                &mut case.next,
                "Orderer",
                "BatchSize",
                b"\x08\x01\x10\x01\x18\x01",
            )
        },
        &differs("value /Channel/Orderer/BatchSize"),
    );
    check_update(
        |case| {
            case.next.unknown.push(UnknownField {
                number: 9,
                wire_type: 0,
                raw: b"\x01",
            })
        },
        &differs("group /Channel"),
    );
    // Unknown fields of what changes come from the write set, of the rest from the current one.
    let unknown = UnknownField {
        number: 9,
        wire_type: 0,
        raw: b"\x01",
    };
    check_update(|case| case.both(|root| root.unknown.push(unknown)), "ok");
    check_update(
        |case| {
            for group in [case.write.as_mut().unwrap(), &mut case.next] {
                let orderer = at(group, "Orderer");
                orderer
                    .values
                    .get_mut("BatchTimeout")
                    .unwrap()
                    .unknown
                    .push(unknown);
            }
        },
        "ok",
    );
    check_update(|case| case.write("").unknown.push(unknown), "ok");
}

#[test]
fn members_come_and_go_with_their_group() {
    // A new element below a group that does not change is dropped.
    let add = |case: &mut Case| {
        case.write("Orderer")
            .policies
            .insert("New", signature_policy(ALWAYS));
    };
    check_update(add, "ok");
    // It is there once the group is in the delta, which then lists all members.
    let grow = |case: &mut Case| {
        let mut orderer = case.current.groups["Orderer"].clone();
        *case.read("Orderer") = orderer.clone();
        orderer
            .values
            .insert("BatchTimeout", value(1, b"\x0a\x023s"));
        orderer.version = 1;
        *case.write("Orderer") = orderer.clone();
        *at(&mut case.next, "Orderer") = orderer;
        add(case);
        at(&mut case.next, "Orderer")
            .policies
            .insert("New", signature_policy(ALWAYS));
    };
    check_update(grow, "ok");
    check_update(
        |case| {
            grow(case);
            at(&mut case.next, "Orderer").policies.remove("New");
        },
        "the update leads to another configuration than the envelope has: group /Channel/Orderer \
         differs",
    );
    // Whatever a changed group does not list is gone, also without having been read.
    check_update(
        |case| {
            grow(case);
            for group in [case.write.as_mut().unwrap(), &mut case.next] {
                at(group, "Orderer").groups.remove("OrdererOrg");
                at(group, "Orderer").policies.remove("Readers");
                at(group, "Orderer").values.remove("ChannelRestrictions");
            }
        },
        "ok",
    );
}

#[test]
fn empty_mod_policies() {
    let clear = |root: &mut Group| {
        root.mod_policy = "";
        root.values.get_mut("HashingAlgorithm").unwrap().mod_policy = "";
        at(root, "Application/Org1MSP")
            .policies
            .get_mut("Readers")
            .unwrap()
            .mod_policy = "";
        at(root, "Application/Org2MSP").mod_policy = "";
    };
    let fill = |root: &mut Group| {
        root.mod_policy = "Admins";
        root.values.get_mut("HashingAlgorithm").unwrap().mod_policy = "Admins";
        at(root, "Application/Org1MSP")
            .policies
            .get_mut("Readers")
            .unwrap()
            .mod_policy = "Admins";
        at(root, "Application/Org2MSP").mod_policy = "Admins";
    };
    // With orderer capabilities they must be filled in, without them they must stay.
    check_update(
        |case| case.both(clear),
        "the update leads to another configuration than the envelope \
        has: group /Channel differs",
    );
    check_update(
        |case| {
            case.both(clear);
            fill(&mut case.next);
        },
        "ok",
    );
    let without_capabilities = |root: &mut Group| {
        root.values.remove("Capabilities");
        at(root, "Orderer").values.remove("Capabilities");
        at(root, "Application").values.remove("Capabilities");
        at(root, "Orderer/OrdererOrg").values.remove("Endpoints");
        set(root, "", "OrdererAddresses", &message(1, b"orderer:7050"));
    };
    check_update(
        |case| {
            case.both(without_capabilities);
            case.both(clear);
        },
        "ok",
    );
    // Capabilities that the update names count, even where they are dropped.
    check_update(
        |case| {
            case.both(without_capabilities);
            case.both(clear);
            fill(&mut case.next);
            case.write("Orderer")
                .values
                .insert("Capabilities", value(0, b""));
        },
        "ok",
    );
}

#[test]
fn deep_write_sets() {
    let nested = |case: &mut Case, levels: usize| {
        let mut group = Group {
            mod_policy: "a",
            ..Group::default()
        };
        for _ in 0..levels {
            let mut parent = Group {
                mod_policy: "a",
                ..Group::default()
            };
            parent.groups.insert("G", group);
            group = parent;
        }
        case.write("Orderer").groups.insert("G", group);
    };
    // Dropped, since group Orderer is not in the delta. The encoder recurses, so this stays small.
    check_update(|case| nested(case, 50), "ok");
    // In the delta, no such configuration is valid.
    let mut case = Case::new();
    case.write("Orderer").version = 1;
    case.write("Orderer").mod_policy = "Admins";
    nested(&mut case, 50);
    let current = Bundle::from_genesis(&channel(), &envelope(0, &case.current)).unwrap();
    let error = current.apply(&case.envelope()).unwrap_err();
    assert!(
        matches!(error, ConfigError::GroupsTooDeep { .. }),
        "{error}"
    );
}

#[test]
fn deepest_write_set() {
    let deep = |innermost: &[u8], levels: usize| {
        let mut deep = innermost.to_vec();
        for _ in 0..levels {
            let child = [message(1, b"G"), message(2, &deep)].concat();
            deep = [&message(2, &child)[..], b"\x2a\x01a"].concat();
        }
        deep
    };
    let case = Case::new();
    let config = Config {
        sequence: 1,
        channel_group: Some(case.next.clone()),
    };
    let next_of = |deep: &[u8]| {
        let write = [
            message(2, &[message(1, b"Deep"), message(2, deep)].concat()),
            encode_config_group(case.write.as_ref().unwrap()),
        ];
        let read = encode_config_group(case.read.as_ref().unwrap());
        let update = [
            message(1, b"config"),
            message(2, &read),
            message(3, &write.concat()),
        ]
        .concat();
        encode_config_envelope(&config, &update_envelope(2, &update, &[]))
    };
    let current = Bundle::from_genesis(&channel(), &envelope(0, &case.current)).unwrap();
    assert_eq!(
        verdict(current.apply(&next_of(&deep(b"\x2a\x01a", 4_900)))),
        "ok"
    );
    // An error's path is cut off.
    assert_eq!(
        verdict(current.apply(&next_of(&deep(b"", 4_900)))),
        "the config update is refused: group /Channel/Deep/G/G/G/G/G/G/... gets mod_policy '': \
         expected a policy's path of legal, non-empty names"
    );
    // Deeper than Go follows.
    assert_eq!(
        verdict(current.apply(&next_of(&deep(b"\x2a\x01a", 11_000)))),
        "config update does not decode: messages nest too deep"
    );
}

#[test]
fn proposals() {
    let case = Case::new();
    let current = Bundle::from_genesis(&channel(), &envelope(0, &case.current)).unwrap();
    let update = case.update();
    let proposed = validate_update(&current, &update).unwrap();
    assert_eq!(
        proposed,
        Config {
            sequence: 1,
            channel_group: Some(case.next.clone())
        }
    );
    let next = current
        .apply(&encode_config_envelope(&proposed, &update))
        .unwrap();
    assert_eq!(next.orderer().batch_timeout.as_secs(), 3);
    let error = validate_update(&next, &update).unwrap_err();
    assert!(
        matches!(error, ConfigError::Update(UpdateError::NextVersion { .. })),
        "{error}"
    );
}
