//! Validation-spec 7.2: which values a configuration may have.

use super::kit::*;
use crate::channel::Bundle;
use crate::proto::wire::{put_element, put_uint};

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
        check_config(
            |root| set(root, path, "Other", b""),
            &unknown(path, allowed),
        );
    }
    // An application organization has no endpoints, an orderer organization no anchor peers.
    check_config(
        |root| set(root, "Application/Org1MSP", "Endpoints", b""),
        "value /Channel/Application/Org1MSP/Endpoints is unknown: expected one of \
         [\"AnchorPeers\", \"MSP\"]",
    );
    check_config(
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
        check_config(|root| set(root, path, key, b"\x0a"), &expected);
    }
}

#[test]
fn channel_values() {
    check_config(
        |root| set(root, "", "HashingAlgorithm", &message(1, b"SHA3_256")),
        "ok",
    );
    check_config(
        |root| set(root, "", "HashingAlgorithm", &message(1, b"SHA384")),
        "hashing algorithm 'SHA384' is unknown: expected SHA256 or SHA3_256",
    );
    check_config(
        |root| drop(root.values.remove("HashingAlgorithm")),
        "hashing algorithm '' is unknown: expected SHA256 or SHA3_256",
    );
    check_config(
        |root| set(root, "", "BlockDataHashingStructure", b"\x08\x10"),
        "block data hashing width 16 is not supported: expected 4294967295",
    );
    check_config(
        |root| drop(root.values.remove("BlockDataHashingStructure")),
        "block data hashing width 0 is not supported: expected 4294967295",
    );
    check_config(
        |root| set(root, "", "Consortium", &message(1, b"Any")),
        "ok",
    );
    check_config(|root| set(root, "", "Orderers", b""), "ok");
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
        check_config(edit, without);
        check_config(
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
        check_config(edit, without);
        for (endpoints, expected) in [(vec![], empty), (message(1, b"orderer:7050"), with)] {
            check_config(
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
fn batch_sizes() {
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
        check_config(|root| set(root, "Orderer", "BatchSize", &bytes), expected);
    }
}

#[test]
fn batch_timeouts() {
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
        check_config(
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
    check_config(
        |root| drop(at(root, "Orderer").values.remove("ConsensusType")),
        "ok",
    );
    check_config(
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
        check_config(
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
fn consenters() {
    let consenter = |id: u64, host: &[u8]| {
        let mut bytes = Vec::new();
        put_uint(&mut bytes, 1, id);
        put_element(&mut bytes, 2, host);
        put_uint(&mut bytes, 3, 7050);
        for (number, value) in [(4, "MSP"), (5, "identity"), (6, "client"), (7, "server")] {
            put_element(&mut bytes, number, value.as_bytes());
        }
        message(1, &bytes)
    };
    let mut root = root();
    let mapping = [
        consenter(2, b"two"),
        consenter(1, b"one"),
        consenter(2, b"other"),
        message(1, b""),
    ];
    set(&mut root, "Orderer", "Orderers", &mapping.concat());
    let bundle = Bundle::from_genesis(&channel(), &envelope(0, &root)).unwrap();
    let orderer = bundle.orderer();
    let hosts: Vec<_> = orderer
        .consenters
        .iter()
        .map(|consenter| &consenter.host[..])
        .collect();
    assert_eq!(hosts, ["two", "one", "other", ""]);
    let two = orderer.consenter(2).unwrap();
    assert_eq!(
        (&two.host[..], two.port, &two.msp_id[..]),
        ("two", 7050, "MSP")
    );
    assert_eq!(two.identity, b"identity");
    assert_eq!(two.client_tls_cert, b"client");
    assert_eq!(two.server_tls_cert, b"server");
    assert_eq!(
        two.serialized_identity,
        [message(1, b"MSP"), message(2, b"identity")].concat()
    );
    assert_eq!(orderer.consenter(0).unwrap().serialized_identity, b"");
    assert!(orderer.consenter(3).is_none());
}
