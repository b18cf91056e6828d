//! Validation-spec 7.2 and 7.5: which configurations are valid by themselves.

use super::kit::*;
use crate::channel::channel_id_of_config_block;
use crate::channel::{Bundle, ConfigBlock, ConfigError, ImplicitCollectionPolicy};
use crate::proto::config::UnknownField;
use crate::proto::wire::{put_element, put_uint};

/// The verdict on the genesis configuration with one edit.
fn check(edit: impl Fn(&mut Group), expected: &str) {
    let mut root = root();
    edit(&mut root);
    assert_eq!(
        verdict(Bundle::from_genesis(&channel(), &envelope(0, &root))),
        expected
    );
}

#[test]
fn genesis_block() {
    let block = ConfigBlock::read(&blocks()[0]).unwrap();
    assert_eq!(channel_id_of_config_block(&blocks()[0]).unwrap(), channel());
    let bundle = Bundle::from_genesis(&block.channel_id, block.config_envelope).unwrap();
    assert_eq!(bundle.channel_id(), &channel());
    assert_eq!(bundle.sequence(), 0);
    assert_eq!(bundle.config_envelope(), block.config_envelope);
    let orgs: Vec<_> = bundle
        .application_orgs()
        .iter()
        .map(|org| &org.group_name[..])
        .collect();
    assert_eq!(orgs, ["Org1MSP", "Org2MSP", "Org3MSP"]);
    let orderer = bundle.orderer();
    assert_eq!(orderer.consensus_type, "etcdraft");
    assert_eq!(orderer.batch_timeout, std::time::Duration::from_secs(2));
    assert_eq!(orderer.batch_size.message_count_max, 500);
    assert_eq!(orderer.batch_size.absolute_bytes_max, 10 << 20);
    assert_eq!(orderer.batch_size.preferred_bytes_max, 2 << 20);
    assert_eq!(orderer.orgs[0].group_name, "OrdererOrg");
    assert_eq!(&*orderer.orgs[0].msp_id, "OrdererMSP");
    assert_eq!(orderer.orgs[0].endpoints, ["127.0.0.1:18050"]);
    assert!(
        bundle
            .policies()
            .policy("/Channel/Orderer/BlockValidation")
            .is_some()
    );
}

#[test]
fn not_a_config_block() {
    let check = |block: &[u8], expected: &str| {
        assert_eq!(ConfigBlock::read(block).unwrap_err().to_string(), expected);
    };
    let block = |payload: &[u8]| message(2, &message(1, &message(1, payload)));
    let header = |header_type: u64, channel: &str| {
        let mut header = Vec::new();
        put_uint(&mut header, 1, header_type);
        put_element(&mut header, 4, channel.as_bytes());
        message(1, &message(1, &header))
    };
    check(b"\x0f", "block does not decode");
    check(b"", "the block has no transaction");
    check(&message(2, b""), "the block has no transaction");
    check(
        &message(2, &message(1, b"\x0f")),
        "envelope does not decode",
    );
    check(&block(b"\x0f"), "payload does not decode");
    check(&block(b""), "the payload has no header");
    check(
        &block(&message(1, &message(1, b"\x0f"))),
        "channel header does not decode",
    );
    check(
        &block(&header(3, "config")),
        "the channel header has type 3: expected CONFIG",
    );
    check(
        &block(&header(1, "Config")),
        "'Config' is not a channel name: expected 1 to 249 characters, a lower-case letter first, \
         then lower-case letters, digits, dots and dashes",
    );
    let valid = block(&header(1, "other"));
    assert_eq!(
        ConfigBlock::read(&valid).unwrap().channel_id.as_str(),
        "other"
    );
}

#[test]
fn envelope_parts() {
    let check = |envelope: &[u8], expected: &str| {
        assert_eq!(
            verdict(Bundle::from_genesis(&channel(), envelope)),
            expected
        );
    };
    check(b"", "the config envelope has no config");
    check(&message(1, b""), "the config envelope has no channel group");
    check(
        b"\x0a",
        "config envelope does not decode: message is truncated",
    );
    check(
        &message(1, &message(2, b"")),
        "hashing algorithm '' is unknown: expected SHA256 or SHA3_256",
    );
}

#[test]
fn sections_and_groups() {
    check(|_| {}, "ok");
    check(
        |root| drop(root.groups.remove("Application")),
        "the configuration has no Application section: expected group /Channel/Application",
    );
    check(
        |root| drop(root.groups.remove("Orderer")),
        "the configuration has no Orderer section: expected group /Channel/Orderer",
    );
    check(
        |root| drop(root.groups.insert("Other", Group::default())),
        "group /Channel may not have the child group 'Other': expected Application, Orderer or \
         Consortiums",
    );
    for (path, expected) in [
        (
            "Application/Org1MSP",
            "group /Channel/Application/Org1MSP may not have the child group 'X': expected none \
             in an application organization",
        ),
        (
            "Orderer/OrdererOrg",
            "group /Channel/Orderer/OrdererOrg may not have the child group 'X': expected none in \
             an orderer organization",
        ),
    ] {
        check(
            |root| drop(at(root, path).groups.insert("X", Group::default())),
            expected,
        );
    }
    // A section without organizations is valid.
    check(|root| at(root, "Application").groups.clear(), "ok");
    check(|root| at(root, "Orderer").groups.clear(), "ok");
}

#[test]
fn deep_groups() {
    let mut deep = Vec::new();
    for _ in 0..4_000 {
        deep = message(2, &[message(1, b"G"), message(2, &deep)].concat());
    }
    let envelope = message(1, &message(2, &deep));
    let error = Bundle::from_genesis(&channel(), &envelope).unwrap_err();
    assert!(
        matches!(error, ConfigError::GroupsTooDeep { .. }),
        "{error}"
    );
}

#[test]
fn keys() {
    let illegal = |element: &str| {
        format!(
            "{element} has an illegal key: expected 1 to 249 letters, digits, dots and dashes, not \
             '.' or '..'"
        )
    };
    let long: &'static str = String::leak("x".repeat(249));
    let too_long: &'static str = String::leak("x".repeat(250));
    for key in ["", ".", "..", "a_b", "a/b", "a b", "\u{e4}", too_long] {
        check(
            |root| drop(root.policies.insert(key, signature_policy(ALWAYS))),
            &illegal(&format!("policy /Channel/{key}")),
        );
        check(
            |root| drop(at(root, "Application").groups.insert(key, Group::default())),
            &illegal(&format!("group /Channel/Application/{key}")),
        );
        check(
            |root| {
                drop(
                    at(root, "Orderer/OrdererOrg")
                        .values
                        .insert(key, value(0, b"")),
                )
            },
            &illegal(&format!("value /Channel/Orderer/OrdererOrg/{key}")),
        );
    }
    for key in ["...", "-", "a.b-C9", long] {
        check(
            |root| drop(root.policies.insert(key, signature_policy(ALWAYS))),
            "ok",
        );
    }
}

#[test]
fn unknown_values() {
    let unknown = |path: &str, allowed: &str| {
        format!("value /Channel{path}/Other is unknown: expected one of [{allowed}]")
    };
    for (path, allowed) in [
        (
            "",
            "\"HashingAlgorithm\", \"BlockDataHashingStructure\", \"OrdererAddresses\", \
             \"Orderers\", \"Consortium\", \"Capabilities\"",
        ),
        (
            "/Orderer",
            "\"ConsensusType\", \"BatchSize\", \"BatchTimeout\", \"KafkaBrokers\", \
             \"ChannelRestrictions\", \"Orderers\", \"Capabilities\"",
        ),
        ("/Application", "\"ACLs\", \"Capabilities\""),
        ("/Application/Org2MSP", "\"AnchorPeers\", \"MSP\""),
        ("/Orderer/OrdererOrg", "\"Endpoints\", \"MSP\""),
    ] {
        check(
            |root| set(root, path, "Other", b""),
            &unknown(path, allowed),
        );
    }
    // An application organization has no endpoints, an orderer organization no anchor peers.
    check(
        |root| set(root, "Application/Org1MSP", "Endpoints", b""),
        "value /Channel/Application/Org1MSP/Endpoints is unknown: expected one of \
         [\"AnchorPeers\", \"MSP\"]",
    );
    check(
        |root| set(root, "Orderer/OrdererOrg", "AnchorPeers", b""),
        "value /Channel/Orderer/OrdererOrg/AnchorPeers is unknown: expected one of \
         [\"Endpoints\", \"MSP\"]",
    );
}

#[test]
fn values_that_do_not_decode() {
    for (path, key) in [
        ("", "HashingAlgorithm"),
        ("", "BlockDataHashingStructure"),
        ("", "OrdererAddresses"),
        ("", "Orderers"),
        ("", "Consortium"),
        ("", "Capabilities"),
        ("/Orderer", "ConsensusType"),
        ("/Orderer", "BatchSize"),
        ("/Orderer", "BatchTimeout"),
        ("/Orderer", "KafkaBrokers"),
        ("/Orderer", "ChannelRestrictions"),
        ("/Orderer", "Orderers"),
        ("/Orderer", "Capabilities"),
        ("/Orderer/OrdererOrg", "Endpoints"),
        ("/Orderer/OrdererOrg", "MSP"),
        ("/Application", "ACLs"),
        ("/Application", "Capabilities"),
        ("/Application/Org1MSP", "AnchorPeers"),
        ("/Application/Org1MSP", "MSP"),
    ] {
        let expected = format!("value /Channel{path}/{key} does not decode: message is truncated");
        check(|root| set(root, path, key, b"\x0a"), &expected);
    }
}

#[test]
fn channel_values() {
    check(
        |root| set(root, "", "HashingAlgorithm", &message(1, b"SHA3_256")),
        "ok",
    );
    check(
        |root| set(root, "", "HashingAlgorithm", &message(1, b"SHA384")),
        "hashing algorithm 'SHA384' is unknown: expected SHA256 or SHA3_256",
    );
    check(
        |root| drop(root.values.remove("HashingAlgorithm")),
        "hashing algorithm '' is unknown: expected SHA256 or SHA3_256",
    );
    check(
        |root| set(root, "", "BlockDataHashingStructure", b"\x08\x10"),
        "block data hashing width 16 is not supported: expected 4294967295",
    );
    check(
        |root| drop(root.values.remove("BlockDataHashingStructure")),
        "block data hashing width 0 is not supported: expected 4294967295",
    );
    check(
        |root| set(root, "", "Consortium", &message(1, b"Any")),
        "ok",
    );
    check(|root| set(root, "", "Orderers", b""), "ok");
}

#[test]
fn orderer_addresses() {
    let none = "the channel has no orderer addresses: expected some in value \
        /Channel/OrdererAddresses";
    let addresses = message(1, b"orderer:7050");
    for (capability, without, with) in [
        (&[][..], none, "ok"),
        (&["V1_1"], none, "ok"),
        (&["V1_3"], none, "ok"),
        (&["V1_4_2"], "ok", "ok"),
        (&["V1_4_3"], "ok", "ok"),
        (&["V2_0"], "ok", "ok"),
        (
            &["V3_0"],
            "ok",
            "the channel has 1 global orderer addresses: expected none with capability V3_0, only \
             endpoints of orderer organizations",
        ),
    ] {
        let edit = |root: &mut Group| {
            set_capabilities(root, "", capability);
            if without == none {
                at(root, "Orderer/OrdererOrg").values.remove("Endpoints");
            }
        };
        check(edit, without);
        check(
            |root| {
                edit(root);
                set(root, "", "OrdererAddresses", &addresses);
            },
            with,
        );
    }
}

#[test]
fn organization_endpoints() {
    let early = "orderer organization OrdererOrg has endpoints: expected channel capability V1_4_2 \
        or later";
    let none = "orderer organization OrdererOrg has no endpoints: expected at least one with \
        capability V3_0";
    for (capability, without, empty, with) in [
        ("V1_3", "ok", early, early),
        ("V1_4_2", "ok", "ok", "ok"),
        ("V2_0", "ok", "ok", "ok"),
        ("V3_0", none, none, "ok"),
    ] {
        let edit = |root: &mut Group| {
            set_capabilities(root, "", &[capability]);
            if capability == "V1_3" {
                set(root, "", "OrdererAddresses", &message(1, b"orderer:7050"));
            }
            at(root, "Orderer/OrdererOrg").values.remove("Endpoints");
        };
        check(edit, without);
        for (endpoints, expected) in [(vec![], empty), (message(1, b"orderer:7050"), with)] {
            check(
                |root| {
                    edit(root);
                    set(root, "Orderer/OrdererOrg", "Endpoints", &endpoints);
                },
                expected,
            );
        }
    }
}

#[test]
fn batch_values() {
    let size = |count, absolute, preferred| {
        let mut bytes = Vec::new();
        put_uint(&mut bytes, 1, count);
        put_uint(&mut bytes, 2, absolute);
        put_uint(&mut bytes, 3, preferred);
        bytes
    };
    for (bytes, expected) in [
        (size(1, 1, 1), "ok"),
        (size(1, 2, 1), "ok"),
        (
            size(0, 2, 1),
            "the batch size's max_message_count is 0: expected more",
        ),
        (
            size(1, 0, 1),
            "the batch size's absolute_max_bytes is 0: expected more",
        ),
        (
            size(1, 2, 0),
            "the batch size's preferred_max_bytes is 0: expected more",
        ),
        (
            size(1, 2, 3),
            "batches prefer 3 bytes: expected at most the absolute maximum of 2",
        ),
        // 32 bits are read of it.
        (
            size(1 << 32, 2, 1),
            "the batch size's max_message_count is 0: expected more",
        ),
    ] {
        check(|root| set(root, "Orderer", "BatchSize", &bytes), expected);
    }
    let invalid = "expected numbers with units, less than 2^63 nanoseconds in all";
    for (text, expected) in [
        ("1ns", "ok"),
        ("0s", "batch timeout '0s' is not positive"),
        ("-1s", "batch timeout '-1s' is not positive"),
        (
            "",
            &format!("batch timeout '' is not a duration such as '2s': {invalid}"),
        ),
        (
            "2",
            "batch timeout '2' is not a duration such as '2s': a number has no unit",
        ),
    ] {
        check(
            |root| {
                set(
                    root,
                    "Orderer",
                    "BatchTimeout",
                    &message(1, text.as_bytes()),
                )
            },
            expected,
        );
    }
    check(
        |root| drop(at(root, "Orderer").values.remove("ConsensusType")),
        "ok",
    );
    check(
        |root| {
            set(
                root,
                "Orderer",
                "KafkaBrokers",
                &message(1, b"not a broker"),
            )
        },
        "ok",
    );
}

#[test]
fn acls() {
    let early = "value /Channel/Application/ACLs needs application capability V1_2 or later";
    for (capability, expected) in [
        (&[][..], early),
        (&["V1_1"], early),
        (&["V1_1_PVTDATA_EXPERIMENTAL"], early),
        (&["V1_2"], "ok"),
        (&["V1_3"], "ok"),
        (&["V1_4_2"], "ok"),
        (&["V2_0"], "ok"),
        (&["V2_5"], "ok"),
    ] {
        check(
            |root| {
                set_capabilities(root, "Application", capability);
                set(root, "Application", "ACLs", b"");
            },
            expected,
        );
    }
    let mut root = root();
    let acl = |name: &[u8], policy: &[u8]| {
        message(
            1,
            &[message(1, name), message(2, &message(1, policy))].concat(),
        )
    };
    let bytes = [
        acl(b"a", b"Readers"),
        acl(b"b", b"/Channel/Writers"),
        acl(b"c", b""),
    ]
    .concat();
    set(&mut root, "Application", "ACLs", &bytes);
    let bundle = Bundle::from_genesis(&channel(), &envelope(0, &root)).unwrap();
    let acls: Vec<_> = bundle
        .acls()
        .iter()
        .map(|(name, policy)| (&name[..], &policy[..]))
        .collect();
    assert_eq!(
        acls,
        [
            ("a", "/Channel/Application/Readers"),
            ("b", "/Channel/Writers")
        ]
    );
}

#[test]
fn orderer_capabilities_first() {
    let edit = |root: &mut Group| drop(at(root, "Orderer").values.remove("Capabilities"));
    check(
        edit,
        "channel capabilities need orderer capabilities: expected value \
         /Channel/Orderer/Capabilities",
    );
    let without_channel = |root: &mut Group| {
        edit(root);
        root.values.remove("Capabilities");
        at(root, "Orderer/OrdererOrg").values.remove("Endpoints");
        set(root, "", "OrdererAddresses", &message(1, b"orderer:7050"));
    };
    check(
        without_channel,
        "application capabilities need orderer capabilities: expected value \
         /Channel/Orderer/Capabilities",
    );
    check(
        |root| {
            without_channel(root);
            at(root, "Application").values.remove("Capabilities");
        },
        "ok",
    );
}

#[test]
fn unsupported_capabilities() {
    let expected = |level: &str, name: &str| {
        format!(
            "the {level} configuration requires capability '{name}', which this peer does not \
             support: the channel is stopped here, upgrade this peer to a version that supports it"
        )
    };
    check(
        |root| set_capabilities(root, "", &["V2_0", "V9_0"]),
        &expected("channel", "V9_0"),
    );
    check(
        |root| set_capabilities(root, "", &["V2_5"]),
        &expected("channel", "V2_5"),
    );
    check(
        |root| set_capabilities(root, "Application", &["V3_0"]),
        &expected("application", "V3_0"),
    );
    check(
        |root| set_capabilities(root, "Application", &[""]),
        &expected("application", ""),
    );
    // The orderer's are not the peer's concern.
    check(|root| set_capabilities(root, "Orderer", &["V9_0"]), "ok");
    check(|root| set_capabilities(root, "Orderer", &[]), "ok");
}

#[test]
fn msps() {
    let refused = |edit: &dyn Fn(&mut Group), expected: &str| {
        let mut root = root();
        edit(&mut root);
        let text = verdict(Bundle::from_genesis(&channel(), &envelope(0, &root)));
        assert!(text.starts_with(expected), "{text}");
    };
    refused(
        &|root| drop(at(root, "Application/Org1MSP").values.remove("MSP")),
        "the MSP of organization /Channel/Application/Org1MSP cannot be set up",
    );
    refused(
        &|root| set(root, "Orderer/OrdererOrg", "MSP", b"\x08\x01"),
        "the MSP of organization /Channel/Orderer/OrdererOrg cannot be set up",
    );
    let org1 = root().groups["Application"].groups["Org1MSP"].clone();
    let msp = org1.values["MSP"].value;
    // The same definition again, in another section too; its field order does not matter.
    check(
        |root| drop(at(root, "Application").groups.insert("Again", org1.clone())),
        "ok",
    );
    check(|root| set(root, "Orderer/OrdererOrg", "MSP", msp), "ok");
    check(
        |root| {
            set(
                root,
                "Orderer/OrdererOrg",
                "MSP",
                &[b"\x08\x00", msp].concat(),
            )
        },
        "ok",
    );
    // An unknown field makes it another one.
    check(
        |root| {
            set(
                root,
                "Orderer/OrdererOrg",
                "MSP",
                &[msp, b"\x18\x01"].concat(),
            )
        },
        "MSP Org1MSP is defined by /Channel/Application/Org1MSP and, differently, by \
         /Channel/Orderer/OrdererOrg",
    );
    let nameless = nameless(msp);
    check(
        |root| set(root, "Application/Org1MSP", "MSP", &nameless),
        "the MSP of organization /Channel/Application/Org1MSP has an empty name",
    );
}

/// An MSP definition without its name (which precedes everything else in the inner message).
fn nameless(msp: &[u8]) -> Vec<u8> {
    use crate::proto::msp::MspConfig;
    use crate::proto::wire::{Message, put_bytes};
    let inner = MspConfig::decode(msp).unwrap().config;
    let inner = inner.strip_prefix(&message(1, b"Org1MSP")[..]).unwrap();
    let mut out = Vec::new();
    put_bytes(&mut out, 2, inner);
    out
}

#[test]
fn policies() {
    let refused = |edit: &dyn Fn(&mut Group)| {
        let mut root = root();
        edit(&mut root);
        let error = Bundle::from_genesis(&channel(), &envelope(0, &root)).unwrap_err();
        assert!(matches!(error, ConfigError::Policies(_)), "{error}");
    };
    refused(&|root| root.policies.get_mut("Readers").unwrap().policy = None);
    refused(&|root| {
        at(root, "Orderer/OrdererOrg")
            .policies
            .get_mut("Admins")
            .unwrap()
            .policy = None;
    });
}

#[test]
fn consortiums() {
    let org = root().groups["Application"].groups["Org1MSP"].clone();
    let with = |edit: &dyn Fn(&mut Group), expected: &str| {
        check(
            |root| {
                let mut org = org.clone();
                org.values.retain(|&key, _| key == "MSP");
                let mut consortium = Group::default();
                consortium.groups.insert("Org", org);
                let mut consortiums = Group::default();
                consortiums.groups.insert("One", consortium);
                edit(&mut consortiums);
                root.groups.insert("Consortiums", consortiums);
            },
            expected,
        );
    };
    with(&|_| {}, "ok");
    with(&|group| group.groups.clear(), "ok");
    // The section's own values are not looked at.
    with(
        &|group| drop(group.values.insert("Anything", value(0, b"\x0a"))),
        "ok",
    );
    with(
        &|group| set(group, "One", "ChannelCreationPolicy", b"\x08\x03"),
        "ok",
    );
    with(
        &|group| set(group, "One", "ChannelCreationPolicy", b"\x0a"),
        "value /Channel/Consortiums/One/ChannelCreationPolicy does not decode: message is truncated",
    );
    with(
        &|group| set(group, "One", "Other", b""),
        "value /Channel/Consortiums/One/Other is unknown: expected one of \
         [\"ChannelCreationPolicy\"]",
    );
    with(
        &|group| set(group, "One/Org", "AnchorPeers", b""),
        "value /Channel/Consortiums/One/Org/AnchorPeers is unknown: expected one of [\"MSP\"]",
    );
    with(
        &|group| drop(at(group, "One/Org").groups.insert("X", Group::default())),
        "group /Channel/Consortiums/One/Org may not have the child group 'X': expected none in a \
         consortium's organization",
    );
    with(
        &|group| {
            let msp = at(group, "One/Org").values["MSP"].value;
            set(group, "One/Org", "MSP", &[msp, b"\x18\x01"].concat());
        },
        "MSP Org1MSP is defined by /Channel/Application/Org1MSP and, differently, by \
         /Channel/Consortiums/One/Org",
    );
}

#[test]
fn unknown_fields_do_no_harm() {
    check(
        |root| {
            root.unknown.push(UnknownField {
                number: 9,
                wire_type: 0,
                raw: b"\x01",
            })
        },
        "ok",
    );
}

#[test]
fn lifecycle_defaults() {
    let mut root = root();
    let build = |root: &Group| Bundle::from_genesis(&channel(), &envelope(0, root)).unwrap();
    let bundle = build(&root);
    assert!(bundle.has_lifecycle_endorsement());
    let ids: Vec<_> = bundle
        .application_msp_ids()
        .iter()
        .map(|id| &**id)
        .collect();
    assert_eq!(ids, ["Org1MSP", "Org2MSP", "Org3MSP"]);
    assert_eq!(
        bundle.implicit_collection_policy("Org1MSP"),
        Some(&ImplicitCollectionPolicy::Reference(
            "/Channel/Application/Org1MSP/Endorsement".into()
        ))
    );
    assert_eq!(bundle.implicit_collection_policy("OrdererMSP"), None);

    at(&mut root, "Application")
        .policies
        .remove("LifecycleEndorsement");
    let mut org = at(&mut root, "Application/Org1MSP").clone();
    at(&mut root, "Application/Org1MSP")
        .policies
        .remove("Endorsement");
    at(&mut root, "Application")
        .groups
        .insert("Again", org.clone());
    let bundle = build(&root);
    assert!(!bundle.has_lifecycle_endorsement());
    let ids: Vec<_> = bundle
        .application_msp_ids()
        .iter()
        .map(|id| &**id)
        .collect();
    assert_eq!(ids, ["Org1MSP", "Org1MSP", "Org2MSP", "Org3MSP"]);
    // Of two groups with one MSP, the first by name.
    assert_eq!(
        bundle.implicit_collection_policy("Org1MSP"),
        Some(&ImplicitCollectionPolicy::Reference(
            "/Channel/Application/Again/Endorsement".into()
        ))
    );
    org.policies.remove("Endorsement");
    at(&mut root, "Application").groups.insert("Again", org);
    assert_eq!(
        build(&root).implicit_collection_policy("Org1MSP"),
        Some(&ImplicitCollectionPolicy::Member("Org1MSP".into()))
    );
}
