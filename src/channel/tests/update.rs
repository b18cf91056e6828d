//! Validation-spec 7.3: what an update must say, and of what it may speak.

use super::kit::*;
use crate::channel::Bundle;
use crate::channel::update::encode_config_envelope;
use crate::proto::config::Config;
use crate::proto::wire::put_uint;

#[test]
fn envelopes() {
    check_update(|_| {}, "ok");
    check_update(
        |case| case.sequence = 0,
        "the new configuration has sequence 0: expected 1",
    );
    check_update(
        |case| case.sequence = 2,
        "the new configuration has sequence 2: expected 1",
    );
    check_update(
        |case| case.header_type = 1,
        "the channel header has type 1: expected CONFIG_UPDATE",
    );
    check_update(
        |case| case.channel = "other",
        "the update is for channel 'other': expected 'config'",
    );
    check_update(
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
    check_update(
        |case| case.read = None,
        &format!("group /Channel {unguarded}"),
    );
    check_update(
        |case| case.read = Some(Group::default()),
        &format!("group /Channel/Orderer {unguarded}"),
    );
    check_update(
        |case| case.read("").version = 1,
        "the read set has group /Channel at version 1: it is at version 0",
    );
    check_update(
        |case| drop(case.read("").groups.insert("X", Group::default())),
        "the read set has group /Channel/X, which the current configuration does not have",
    );
    check_update(
        |case| drop(case.read("Orderer").values.insert("X", value(0, b""))),
        "the read set has value /Channel/Orderer/X, which the current configuration does not have",
    );
    check_update(
        |case| {
            drop(
                case.read("Orderer")
                    .policies
                    .insert("X", signature_policy(ALWAYS)),
            )
        },
        "the read set has policy /Channel/Orderer/X, which the current configuration does not have",
    );
    check_update(
        |case| {
            drop(
                case.read("Orderer")
                    .values
                    .insert("BatchSize", value(7, b"")),
            )
        },
        "the read set has value /Channel/Orderer/BatchSize at version 7: it is at version 0",
    );
    check_update(
        |case| {
            let mut policy = signature_policy(ALWAYS);
            policy.version = 7;
            case.read("Orderer").policies.insert("Admins", policy);
        },
        "the read set has policy /Channel/Orderer/Admins at version 7: it is at version 0",
    );
    // Only versions are compared.
    check_update(
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
    check_update(|case| case.write = None, empty);
    check_update(|case| case.write("Orderer").values.clear(), empty);
    check_update(|case| case.write = Some(Group::default()), empty);
    // Without a read set, everything in the write set is a change.
    check_update(
        |case| {
            case.read = None;
            case.write("").mod_policy = "Admins";
        },
        "group /Channel is set to version 0: expected 1, one more than it has",
    );
    check_update(
        |case| {
            drop(
                case.write("Orderer")
                    .values
                    .insert("BatchTimeout", value(2, b"")),
            )
        },
        "value /Channel/Orderer/BatchTimeout is set to version 2: expected 1, one more than it has",
    );
    check_update(
        |case| {
            drop(
                case.write("Orderer")
                    .values
                    .insert("BatchTimeout", value(0, b"")),
            )
        },
        "value /Channel/Orderer/BatchTimeout is set to version 0: expected 1, one more than it has",
    );
    check_update(
        |case| drop(case.write("Orderer").values.insert("X", value(1, b""))),
        "value /Channel/Orderer/X is new and has version 1: expected 0",
    );
    check_update(
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
    check_update(
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
        check_update(
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
        check_update(
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
        check_update(
            |case| drop(case.write("Orderer").values.insert(key, value(0, b""))),
            &refused(&format!("value /Channel/Orderer/{key}")),
        );
        check_update(
            |case| {
                drop(
                    case.write("Orderer")
                        .policies
                        .insert(key, signature_policy(ALWAYS)),
                )
            },
            &refused(&format!("policy /Channel/Orderer/{key}")),
        );
        check_update(
            |case| drop(case.write("Orderer").groups.insert(key, Group::default())),
            &refused(&format!("group /Channel/Orderer/{key}")),
        );
    }
}
