//! Bad input: one line with the key's path and what is allowed, exit code 1, nothing written.

use super::{Made, NETWORK};

#[track_caller]
fn check(yaml: &str, expected: &str) {
    let made = Made {
        folder: tempfile::tempdir().expect("a folder"),
    };
    made.write("n.yaml", yaml);
    let refusal = made.refusal(&["--config", "n.yaml", "--out", "net"]);
    assert_eq!(refusal, format!("n.yaml: {expected}"));
    assert!(!made.path("net").exists() && !made.path("net.partial").exists());
}

/// The network with one text in the place of another.
#[track_caller]
fn check_with(from: &str, to: &str, expected: &str) {
    assert!(NETWORK.contains(from), "{from}");
    check(&NETWORK.replacen(from, to, 1), expected);
}

#[test]
fn unknown_keys() {
    check(
        "organisations: []",
        "organisations: unknown field `organisations`, expected one of `key`, `node_ous`, \
         `organizations`, `orderers`, `channels`",
    );
    check_with(
        "max_messages: 10",
        "max_message: 10",
        "channels[0].batch.max_message: unknown field `max_message`, expected one of `timeout`, \
         `max_messages`, `absolute_bytes`, `preferred_bytes`",
    );
    check_with(
        "{name: solo,",
        "{nam: solo,",
        "organizations[1].peers[0].nam: unknown field `nam`, expected one of `name`, `sans`, \
         `address`",
    );
    check_with(
        "{channel: V2_0,",
        "{channel: V9,",
        "channels[1].capabilities.channel: unknown variant `V9`, expected one of `V1_4_3`, `V2_0`, \
         `V3_0`",
    );
}

#[test]
fn wrong_values() {
    check_with(
        "peers: 2",
        "peers: two",
        "organizations[0].peers: invalid type: string \"two\", expected a number of nodes, or a \
         list of nodes with name, sans and address",
    );
    check_with(
        "peers: 2",
        "peers: 1001",
        "organizations[0].peers: 1001: expected at most 1000",
    );
    check_with(
        "timeout: 500ms",
        "timeout: soon",
        "channels[0].batch.timeout: \"soon\": expected a duration such as 500ms, 2s or 1m30s",
    );
    check_with(
        "1 MB",
        "1 TB",
        "channels[0].batch.absolute_bytes: \"1 TB\": expected a number of bytes below 4 GB, such as \
         2097152, 512 KB or 2 MB",
    );
    check_with(
        "max_messages: 10",
        "max_messages: 0",
        "channels[0].batch.max_messages: 0: expected at least 1",
    );
    check_with(
        "'peer0.org1.example.com:7051'",
        "peer0",
        "organizations[0].anchor_peers[0]: \"peer0\": expected host:port",
    );
    check_with(
        "name: first",
        "name: First",
        "channels[0].name: \"First\": expected a lower-case letter and up to 248 of lower-case \
         letters, digits, dots and hyphens",
    );
    check_with(
        "organizations: [Org2]",
        "organizations: [Org3]",
        "channels[1].organizations[0]: \"Org3\": expected one of Org1, Org2",
    );
    check_with(
        "domain: org2.example.com",
        "domain: ../org2",
        "organizations[1].domain: \"../org2\": expected up to 249 letters, digits, dots and hyphens",
    );
    check_with(
        "domain: org2.example.com",
        "domain: org1.example.com",
        "organizations[1].domain: \"org1.example.com\": another organization has it",
    );
    check_with(
        "OR('Org1MSP.client')",
        "OR('Org1MSP.king')",
        "organizations[0].policies.Clients: \"OR('Org1MSP.king')\": expected ANY|ALL|MAJORITY and a \
         policy's name, or AND, OR and OutOf over 'MSPID.ROLE' with a role of member, admin, client, \
         peer, orderer",
    );
}

#[test]
fn what_does_not_fit_together() {
    check(
        "channels: []",
        "organizations: there are none, and no orderers: expected at least one organization",
    );
    check(
        "organizations: [{name: A, domain: a}]\nchannels: [{name: c}]",
        "channels[0].orderers: the channel has no orderer: expected an organization in 'orderers' \
         with a node",
    );
    check_with(
        "\norganizations:",
        "\nkey: ed25519\norganizations:",
        "channels[1].capabilities.channel: V2_0: expected V3_0, since the keys are ed25519",
    );
    check_with(
        "name: second",
        "name: first",
        "channels[1].name: \"first\": another channel has this name",
    );
}

#[test]
fn what_is_no_yaml() {
    let made = Made {
        folder: tempfile::tempdir().expect("a folder"),
    };
    let refusal = |yaml: &str| {
        made.write("n.yaml", yaml);
        made.refusal(&["--config", "n.yaml", "--out", "net"])
    };
    assert!(
        refusal("a: [1").starts_with("n.yaml: "),
        "{}",
        refusal("a: [1")
    );
    assert!(refusal("key: ecdsa\nkey: ecdsa\n").contains("uplicate"));
    assert!(
        made.refusal(&["--config", "none.yaml", "--out", "net"])
            .starts_with("none.yaml: ")
    );
}

#[test]
fn what_fabric_would_refuse() {
    // Heddle's own reading of the configuration is the last word.
    let made = Made {
        folder: tempfile::tempdir().expect("a folder"),
    };
    made.write("n.yaml", &NETWORK.replace("512 KB", "2 MB"));
    let refusal = made.refusal(&["--config", "n.yaml", "--out", "net"]);
    assert_eq!(
        refusal,
        "channel first: Fabric would refuse the configuration: batches prefer 2097152 bytes: expected \
         at most the absolute maximum of 1048576"
    );
    assert!(!made.path("net").exists() && !made.path("net.partial").exists());
}

#[test]
fn nothing_is_overwritten() {
    let made = Made::new(NETWORK, "1");
    let again = ["--config", "network.yaml", "--out", "net"];
    assert_eq!(
        made.refusal(&again),
        "net: there is something already, and nothing is overwritten"
    );
}
