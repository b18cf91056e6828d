//! Validation-spec 7.3: whether an update leads from one configuration to the next.

use super::kit::*;
use crate::channel::update::{encode_config_envelope, encode_config_group, validate_update};
use crate::channel::{Bundle, ConfigBlock, ConfigError, UpdateError};
use crate::proto::common::{ChannelHeader, Envelope, Payload};
use crate::proto::config::{
    Config, ConfigEnvelope, ConfigSignature, ConfigUpdateEnvelope, UnknownField,
};
use crate::proto::wire::{Message, put_element, put_uint};

/// The verdict on a valid update with one edit.
fn check(edit: impl Fn(&mut Case), expected: &str) {
    let mut case = Case::new();
    edit(&mut case);
    let verdict = case.verdict();
    let verdict = verdict
        .strip_prefix("the config update is refused: ")
        .unwrap_or(&verdict);
    assert_eq!(verdict, expected);
}

#[test]
fn recorded_update() {
    let genesis = ConfigBlock::read(&blocks()[0]).unwrap();
    let current = Bundle::from_genesis(&channel(), genesis.config_envelope).unwrap();
    let next = ConfigBlock::read(&blocks()[1]).unwrap().config_envelope;
    let bundle = current.apply(next).unwrap();
    assert_eq!(bundle.sequence(), 1);
    assert_eq!(bundle.config_envelope(), next);
    assert_ne!(bundle.orderer().batch_size, current.orderer().batch_size);
    // Twice is once too often.
    assert_eq!(
        verdict(bundle.apply(next)),
        "the config update is refused: the new configuration has sequence 1: expected 2"
    );
}

#[test]
fn recorded_update_proposed_again() {
    let genesis = ConfigBlock::read(&blocks()[0]).unwrap();
    let current = Bundle::from_genesis(&channel(), genesis.config_envelope).unwrap();
    let next = ConfigBlock::read(&blocks()[1]).unwrap().config_envelope;
    let mut update = Vec::new();
    let decoded = ConfigEnvelope::decode(next).unwrap();
    let envelope = decoded.last_update.unwrap();
    put_element(&mut update, 1, envelope.payload);
    put_element(&mut update, 2, envelope.signature);
    let proposed = validate_update(&current, &update).unwrap();
    assert_eq!(proposed.sequence, 1);
    let again = encode_config_envelope(&proposed, &update);
    assert_eq!(current.apply(&again).unwrap().sequence(), 1);
}

/// The recorded update with an edit of its signatures.
fn with_signatures(edit: impl Fn(&mut Vec<ConfigSignature<'static>>)) -> String {
    let next = ConfigBlock::read(&blocks()[1]).unwrap().config_envelope;
    let envelope = ConfigEnvelope::decode(next).unwrap();
    let payload = Payload::decode(envelope.last_update.unwrap().payload).unwrap();
    let header = ChannelHeader::decode(payload.header.unwrap().channel_header).unwrap();
    assert_eq!(header.r#type, 2);
    let update = ConfigUpdateEnvelope::decode(payload.data).unwrap();
    let mut signatures = update.signatures;
    edit(&mut signatures);
    let signatures: Vec<_> = signatures
        .iter()
        .map(|signature| {
            [
                message(1, signature.signature_header),
                message(2, signature.signature),
            ]
            .concat()
        })
        .collect();
    let update = update_envelope(2, update.config_update, &signatures);
    let genesis = ConfigBlock::read(&blocks()[0]).unwrap();
    let current = Bundle::from_genesis(&channel(), genesis.config_envelope).unwrap();
    verdict(current.apply(&encode_config_envelope(&envelope.config.unwrap(), &update)))
}

#[test]
fn signatures() {
    let refused = |count: usize| {
        format!(
            "the config update is refused: value /Channel/Orderer/BatchSize is guarded by policy \
             'Admins', which the update's {count} valid signatures do not satisfy"
        )
    };
    assert_eq!(with_signatures(|_| {}), "ok");
    assert_eq!(with_signatures(Vec::clear), refused(0));
    assert_eq!(
        with_signatures(|signatures| signatures.iter_mut().for_each(|s| s.signature = b"")),
        refused(0)
    );
    assert_eq!(
        with_signatures(|signatures| {
            for signature in signatures {
                // A signature over something else: the header gets one more, unknown field.
                signature.signature_header =
                    leak([signature.signature_header, b"\x18\x01"].concat());
            }
        }),
        refused(0)
    );
    // Signatures by strangers do not count, and do no harm.
    assert_eq!(
        with_signatures(|signatures| {
            let signature_header = leak(message(1, &message(1, b"NobodyMSP")));
            signatures.insert(
                0,
                ConfigSignature {
                    signature_header,
                    signature: b"x",
                },
            );
        }),
        "ok"
    );
    assert_eq!(
        with_signatures(|signatures| {
            signatures.push(ConfigSignature {
                signature_header: b"\x0a",
                signature: b"x",
            });
        })
        .split(" does not")
        .next(),
        Some("header of config signature 2")
    );
}

#[test]
fn envelopes() {
    check(|_| {}, "ok");
    check(
        |case| case.sequence = 0,
        "the new configuration has sequence 0: expected 1",
    );
    check(
        |case| case.sequence = 2,
        "the new configuration has sequence 2: expected 1",
    );
    check(
        |case| case.header_type = 1,
        "the channel header has type 1: expected CONFIG_UPDATE",
    );
    check(
        |case| case.channel = "other",
        "the update is for channel 'other': expected 'config'",
    );
    check(
        |case| case.channel = "",
        "the update is for channel '': expected 'config'",
    );
    let case = Case::new();
    let current = Bundle::from_genesis(&channel(), &envelope(0, &case.current)).unwrap();
    let with = |next: &[u8], expected: &str| assert_eq!(verdict(current.apply(next)), expected);
    let config = |last_update: &[u8]| {
        let config = Config {
            sequence: 1,
            channel_group: Some(case.next.clone()),
        };
        encode_config_envelope(&config, last_update)
    };
    let mut sequence = Vec::new();
    put_uint(&mut sequence, 1, 1);
    with(b"", "the config envelope has no config");
    with(
        &message(1, &sequence),
        "the config envelope has no last update",
    );
    with(
        &[message(1, &sequence), message(2, &case.update())].concat(),
        "the config envelope has no channel group",
    );
    with(&config(b""), "the payload has no header");
    with(
        &config(&message(1, b"\x0f")),
        "payload does not decode: wire type does not exist",
    );
    with(
        &config(&message(1, &message(1, &message(1, b"\x0f")))),
        "channel header does not decode: wire type does not exist",
    );
    with(
        &config(&update_envelope(2, b"\x0f", &[])),
        "config update does not decode: wire type does not exist",
    );
    let bad_data = [message(1, &message(1, b"\x08\x02")), message(2, b"\x0f")].concat();
    with(
        &config(&message(1, &bad_data)),
        "config update envelope does not decode: wire type does not exist",
    );
}

#[test]
fn read_sets() {
    // What was not read is a change, the groups on the way too.
    let unguarded = "gets mod_policy '': expected a policy's path of legal, non-empty names";
    check(
        |case| case.read = None,
        &format!("group /Channel {unguarded}"),
    );
    check(
        |case| case.read = Some(Group::default()),
        &format!("group /Channel/Orderer {unguarded}"),
    );
    check(
        |case| case.read("").version = 1,
        "the read set has group /Channel at version 1: it is at version 0",
    );
    check(
        |case| drop(case.read("").groups.insert("X", Group::default())),
        "the read set has group /Channel/X, which the current configuration does not have",
    );
    check(
        |case| drop(case.read("Orderer").values.insert("X", value(0, b""))),
        "the read set has value /Channel/Orderer/X, which the current configuration does not have",
    );
    check(
        |case| {
            drop(
                case.read("Orderer")
                    .policies
                    .insert("X", signature_policy(ALWAYS)),
            )
        },
        "the read set has policy /Channel/Orderer/X, which the current configuration does not have",
    );
    check(
        |case| {
            drop(
                case.read("Orderer")
                    .values
                    .insert("BatchSize", value(7, b"")),
            )
        },
        "the read set has value /Channel/Orderer/BatchSize at version 7: it is at version 0",
    );
    check(
        |case| {
            let mut policy = signature_policy(ALWAYS);
            policy.version = 7;
            case.read("Orderer").policies.insert("Admins", policy);
        },
        "the read set has policy /Channel/Orderer/Admins at version 7: it is at version 0",
    );
    // Only versions are compared.
    check(
        |case| {
            drop(
                case.read("Orderer")
                    .values
                    .insert("BatchSize", value(0, b"x")),
            )
        },
        "ok",
    );
}

#[test]
fn deltas() {
    let empty =
        "the update changes nothing: expected an element whose version the read set has not";
    check(|case| case.write = None, empty);
    check(|case| case.write("Orderer").values.clear(), empty);
    check(|case| case.write = Some(Group::default()), empty);
    // Without a read set, everything in the write set is a change.
    check(
        |case| {
            case.read = None;
            case.write("").mod_policy = "Admins";
        },
        "group /Channel is set to version 0: expected 1, one more than it has",
    );
    check(
        |case| {
            drop(
                case.write("Orderer")
                    .values
                    .insert("BatchTimeout", value(2, b"")),
            )
        },
        "value /Channel/Orderer/BatchTimeout is set to version 2: expected 1, one more than it has",
    );
    check(
        |case| {
            drop(
                case.write("Orderer")
                    .values
                    .insert("BatchTimeout", value(0, b"")),
            )
        },
        "value /Channel/Orderer/BatchTimeout is set to version 0: expected 1, one more than it has",
    );
    check(
        |case| drop(case.write("Orderer").values.insert("X", value(1, b""))),
        "value /Channel/Orderer/X is new and has version 1: expected 0",
    );
    check(
        |case| {
            drop(case.write("").groups.insert(
                "X",
                Group {
                    version: 3,
                    mod_policy: "a",
                    ..Group::default()
                },
            ))
        },
        "group /Channel/X is new and has version 3: expected 0",
    );
    let wrap = |group: &mut Group| {
        at(group, "Orderer")
            .values
            .get_mut("BatchTimeout")
            .unwrap()
            .version = u64::MAX;
    };
    check(
        |case| {
            wrap(&mut case.current);
            case.write("Orderer")
                .values
                .insert("BatchTimeout", value(0, b"\x0a\x023s"));
            at(&mut case.next, "Orderer")
                .values
                .insert("BatchTimeout", value(0, b"\x0a\x023s"));
        },
        "ok",
    );
}

#[test]
fn mod_policies_of_the_delta() {
    for mod_policy in [
        "", "/", "//", "a//b", "a/", "/a/", "a_b", ".", "..", "a/..", "a b",
    ] {
        check(
            |case| {
                let value = case
                    .write("Orderer")
                    .values
                    .get_mut("BatchTimeout")
                    .unwrap();
                value.mod_policy = mod_policy;
            },
            &format!(
                "value /Channel/Orderer/BatchTimeout gets mod_policy '{mod_policy}': expected a \
                 policy's path of legal, non-empty names"
            ),
        );
    }
    // It need not exist.
    for mod_policy in ["a", "/a", "/Channel/a", "a/b", "..."] {
        check(
            |case| {
                for group in [case.write.as_mut().unwrap(), &mut case.next] {
                    let orderer = at(group, "Orderer");
                    orderer.values.get_mut("BatchTimeout").unwrap().mod_policy = mod_policy;
                }
            },
            "ok",
        );
    }
}

#[test]
fn keys_of_the_write_set() {
    let refused = |element: &str| {
        format!(
            "{element} of the write set has an illegal key: expected 1 to 249 letters, digits, \
             dots and dashes, not '.' or '..'"
        )
    };
    for key in ["", "a_b", ".."] {
        check(
            |case| drop(case.write("Orderer").values.insert(key, value(0, b""))),
            &refused(&format!("value /Channel/Orderer/{key}")),
        );
        check(
            |case| {
                drop(
                    case.write("Orderer")
                        .policies
                        .insert(key, signature_policy(ALWAYS)),
                )
            },
            &refused(&format!("policy /Channel/Orderer/{key}")),
        );
        check(
            |case| drop(case.write("Orderer").groups.insert(key, Group::default())),
            &refused(&format!("group /Channel/Orderer/{key}")),
        );
    }
}

#[test]
fn authorization() {
    let refused = |policy: &str| {
        format!(
            "value /Channel/Orderer/BatchTimeout is guarded by policy '{policy}', which the \
             update's 0 valid signatures do not satisfy"
        )
    };
    let missing = |policy: &str| {
        format!(
            "value /Channel/Orderer/BatchTimeout is guarded by policy '{policy}', which does not exist"
        )
    };
    let guard = |mod_policy: &'static str, never: &'static [(&'static str, &'static str)]| {
        move |case: &mut Case| {
            case.both(|root| {
                for (path, name) in never {
                    at(root, path)
                        .policies
                        .insert(name, signature_policy(NEVER));
                }
            });
            let orderer = at(&mut case.current, "Orderer");
            orderer.values.get_mut("BatchTimeout").unwrap().mod_policy = mod_policy;
        }
    };
    check(guard("Admins", &[]), "ok");
    check(guard("Admins", &[("", "Admins")]), "ok");
    check(
        guard("Admins", &[("Orderer", "Admins")]),
        &refused("Admins"),
    );
    check(guard("OrdererOrg/Admins", &[("Orderer", "Admins")]), "ok");
    check(
        guard("OrdererOrg/Admins", &[("Orderer/OrdererOrg", "Admins")]),
        &refused("OrdererOrg/Admins"),
    );
    check(guard("/Channel/Admins", &[("Orderer", "Admins")]), "ok");
    check(
        guard("/Channel/Admins", &[("", "Admins")]),
        &refused("/Channel/Admins"),
    );
    check(
        guard(
            "/Channel/Application/Org1MSP/Admins",
            &[("Orderer", "Admins")],
        ),
        "ok",
    );
    check(guard("", &[]), &missing(""));
    check(guard("Nobody", &[]), &missing("Nobody"));
    check(guard("Orderer/Admins", &[]), &missing("Orderer/Admins"));
    check(guard("/Admins", &[]), &missing("/Admins"));
    check(guard("/Orderer/Admins", &[]), &missing("/Orderer/Admins"));
    check(guard("/Channel", &[]), &missing("/Channel"));
    // Nine characters are cut off, whatever the ninth is.
    check(guard("/ChannelXAdmins", &[("Orderer", "Admins")]), "ok");
}

#[test]
fn authorization_of_groups_and_policies() {
    // A group's own policy guards it, not its parent's; the root group's guards the root group.
    let org = |case: &mut Case| {
        case.write = Some(Group::default());
        let mut application = Group::default();
        let mut group = case.current.groups["Application"].groups["Org1MSP"].clone();
        group.version = 1;
        application.groups.insert("Org1MSP", group.clone());
        case.write("").groups.insert("Application", application);
        let read = case.read.as_mut().unwrap();
        read.groups.insert("Application", Group::default());
        let mut org = group.clone();
        org.version = 0;
        at(read, "Application").groups.insert("Org1MSP", org);
        // Everything in the group was read at the version that it keeps.
        case.next = case.current.clone();
        at(&mut case.next, "Application")
            .groups
            .insert("Org1MSP", group);
    };
    check(org, "ok");
    let never = |path: &'static str| {
        move |case: &mut Case| {
            case.both(|root| {
                at(root, path)
                    .policies
                    .insert("Admins", signature_policy(NEVER));
            });
            org(case);
        }
    };
    check(never("Application"), "ok");
    check(
        never("Application/Org1MSP"),
        "group /Channel/Application/Org1MSP is guarded by policy 'Admins', which the update's 0 \
         valid signatures do not satisfy",
    );
    let policy = |case: &mut Case| {
        let mut policy = signature_policy(ALWAYS);
        policy.version = 1;
        case.write("Orderer")
            .policies
            .insert("Writers", policy.clone());
        at(&mut case.next, "Orderer")
            .policies
            .insert("Writers", policy);
    };
    check(policy, "ok");
    check(
        |case| {
            policy(case);
            case.both(|root| {
                at(root, "Orderer")
                    .policies
                    .insert("Never", signature_policy(NEVER));
            });
            let orderer = at(&mut case.current, "Orderer");
            orderer.policies.get_mut("Writers").unwrap().mod_policy = "Never";
        },
        "policy /Channel/Orderer/Writers is guarded by policy 'Never', which the update's 0 valid \
         signatures do not satisfy",
    );
}

#[test]
fn results() {
    let differs = |element: &str| {
        format!(
            "the update leads to another configuration than the envelope has: {element} differs"
        )
    };
    check(
        |case| case.next = case.current.clone(),
        &differs("value /Channel/Orderer/BatchTimeout"),
    );
    check(
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
    check(
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
    check(|case| case.both(|root| root.unknown.push(unknown)), "ok");
    check(
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
    check(|case| case.write("").unknown.push(unknown), "ok");
}

#[test]
fn members_come_and_go_with_their_group() {
    // A new element below a group that does not change is dropped.
    let add = |case: &mut Case| {
        case.write("Orderer")
            .policies
            .insert("New", signature_policy(ALWAYS));
    };
    check(add, "ok");
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
    check(grow, "ok");
    check(
        |case| {
            grow(case);
            at(&mut case.next, "Orderer").policies.remove("New");
        },
        "the update leads to another configuration than the envelope has: group /Channel/Orderer \
         differs",
    );
    // Whatever a changed group does not list is gone, also without having been read.
    check(
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
    check(
        |case| case.both(clear),
        "the update leads to another configuration than the envelope \
        has: group /Channel differs",
    );
    check(
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
    check(
        |case| {
            case.both(without_capabilities);
            case.both(clear);
        },
        "ok",
    );
    // Capabilities that the update names count, even where they are dropped.
    check(
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
    check(|case| nested(case, 50), "ok");
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
    assert!(Envelope::decode(&update).is_ok());
    let error = validate_update(&next, &update).unwrap_err();
    assert!(
        matches!(error, ConfigError::Update(UpdateError::NextVersion { .. })),
        "{error}"
    );
}
