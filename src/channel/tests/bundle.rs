//! Validation-spec 1.7, 7.2 and 7.5: which configurations are valid by themselves.

use super::kit::*;
use crate::channel::{
    Bundle, ConfigBlock, ConfigError, ImplicitCollectionPolicy, channel_id_of_config_block,
};
use crate::proto::config::UnknownField;
use crate::proto::wire::{put_element, put_uint};

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
    check_config(|_| {}, "ok");
    check_config(
        |root| drop(root.groups.remove("Application")),
        "the configuration has no Application section: expected group /Channel/Application",
    );
    check_config(
        |root| drop(root.groups.remove("Orderer")),
        "the configuration has no Orderer section: expected group /Channel/Orderer",
    );
    check_config(
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
        check_config(
            |root| drop(at(root, path).groups.insert("X", Group::default())),
            expected,
        );
    }
    // A section without organizations is valid.
    check_config(|root| at(root, "Application").groups.clear(), "ok");
    check_config(|root| at(root, "Orderer").groups.clear(), "ok");
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
        check_config(
            |root| drop(root.policies.insert(key, signature_policy(ALWAYS))),
            &illegal(&format!("policy /Channel/{key}")),
        );
        check_config(
            |root| drop(at(root, "Application").groups.insert(key, Group::default())),
            &illegal(&format!("group /Channel/Application/{key}")),
        );
        check_config(
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
        check_config(
            |root| drop(root.policies.insert(key, signature_policy(ALWAYS))),
            "ok",
        );
    }
}

#[test]
fn orderer_capabilities_first() {
    let edit = |root: &mut Group| drop(at(root, "Orderer").values.remove("Capabilities"));
    check_config(
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
    check_config(
        without_channel,
        "application capabilities need orderer capabilities: expected value \
         /Channel/Orderer/Capabilities",
    );
    check_config(
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
    check_config(
        |root| set_capabilities(root, "", &["V2_0", "V9_0"]),
        &expected("channel", "V9_0"),
    );
    check_config(
        |root| set_capabilities(root, "", &["V2_5"]),
        &expected("channel", "V2_5"),
    );
    check_config(
        |root| set_capabilities(root, "Application", &["V3_0"]),
        &expected("application", "V3_0"),
    );
    check_config(
        |root| set_capabilities(root, "Application", &[""]),
        &expected("application", ""),
    );
    // The orderer's are not the peer's concern.
    check_config(|root| set_capabilities(root, "Orderer", &["V9_0"]), "ok");
    check_config(|root| set_capabilities(root, "Orderer", &[]), "ok");
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
    check_config(
        |root| drop(at(root, "Application").groups.insert("Again", org1.clone())),
        "ok",
    );
    check_config(|root| set(root, "Orderer/OrdererOrg", "MSP", msp), "ok");
    check_config(
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
    check_config(
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
    check_config(
        |root| set(root, "Application/Org1MSP", "MSP", &nameless),
        "the MSP of organization /Channel/Application/Org1MSP has an empty name",
    );
}

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
        check_config(
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
fn bundles_are_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Bundle>();
}

#[test]
fn unknown_fields_do_no_harm() {
    check_config(
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
