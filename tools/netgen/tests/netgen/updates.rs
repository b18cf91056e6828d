//! Config updates: what each edit does, and whose signatures an orderer asks for.

use std::fs;

use heddle::channel::Bundle;
use heddle::channel::update::{encode_config_envelope, validate_update};

use super::{Made, NETWORK};

const ORG3: &str = "
organizations:
  - {name: Org3, domain: org3.example.com}
";

impl Made {
    /// Makes the update of some edits of the first channel, signed by administrators of some
    /// organizations. Returns the transaction and what the program noted.
    #[track_caller]
    fn update(&self, edits: &str, admins: &[&str]) -> (Vec<u8>, String) {
        self.write("edits.yaml", edits);
        let block = "net/first.block";
        let mut arguments: Vec<String> = ["update", "--block", block, "--edit", "edits.yaml"]
            .into_iter()
            .chain(["--out", "update.tx", "--seed", "1", "--at", super::TIME])
            .map(str::to_owned)
            .collect();
        for admin in admins {
            arguments.extend(["--sign".to_owned(), signer(admin)]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let note = self.run(&arguments);
        (
            fs::read(self.path("update.tx")).expect("a transaction"),
            note,
        )
    }

    /// What the channel is after an update.
    #[track_caller]
    fn after(&self, edits: &str, admins: &[&str]) -> Bundle {
        let (update, note) = self.update(edits, admins);
        assert_eq!(note, "");
        let bundle = self.bundle("first");
        let config = validate_update(&bundle, &update).expect("an authorized update");
        let envelope = encode_config_envelope(&config, &update);
        bundle.apply(&envelope).expect("a good configuration")
    }

    /// Why an orderer does not take an update; the program has noted the same.
    #[track_caller]
    fn not_taken(&self, edits: &str, admins: &[&str]) -> String {
        let (update, note) = self.update(edits, admins);
        let refusal = validate_update(&self.bundle("first"), &update).expect_err("no");
        let start = format!("netgen: note: an orderer would not take it yet: {refusal}: ");
        note.strip_prefix(&start)
            .expect("the same reason")
            .to_owned()
    }
}

/// The argument that names an organization's administrator.
fn signer(org: &str) -> String {
    let (msp_id, folder) = match org {
        "org1" => ("Org1MSP", "peerOrganizations/org1.example.com"),
        "org2" => ("SecondMSP", "peerOrganizations/org2.example.com"),
        _ => ("OrdererMSP", "ordererOrganizations/example.com"),
    };
    let domain = folder.rsplit('/').next().unwrap_or_default();
    format!("{msp_id}=net/crypto-config/{folder}/users/Admin@{domain}/msp")
}

fn with_org3() -> (Made, String) {
    let made = Made::new(NETWORK, "1");
    made.write("org3.yaml", ORG3);
    made.run(&["--config", "org3.yaml", "--out", "org3", "--seed", "3"]);
    let folder = "org3/crypto-config/peerOrganizations/org3.example.com/msp";
    let edits = format!(
        "edits: [{{add_organization: {{name: Org3, msp_folder: {folder}, \
         anchor_peers: ['peer0.org3.example.com:7051']}}}}]"
    );
    (made, edits)
}

#[test]
fn an_organization_joins_when_the_majority_agrees() {
    let (made, edits) = with_org3();
    let next = made.after(&edits, &["org1", "org2"]);
    assert_eq!(next.sequence(), 1);
    let names: Vec<&str> = next
        .application_orgs()
        .iter()
        .map(|org| &*org.group_name)
        .collect();
    assert_eq!(names, ["Org1", "Org2", "Org3"]);
    assert!(next.msps().msp("Org3MSP").is_some());
    for admins in [
        &["org1"][..],
        &["org2"],
        &["orderer"],
        &["org1", "org1"],
        &[],
    ] {
        let refusal = made.not_taken(&edits, admins);
        assert!(
            refusal.contains("group /Channel/Application"),
            "{admins:?}: {refusal}"
        );
    }
}

#[test]
fn other_members_do_not_count() {
    let (made, edits) = with_org3();
    made.write("edits.yaml", &edits);
    let org = "net/crypto-config/peerOrganizations";
    let users = [
        format!("Org1MSP={org}/org1.example.com/users/User1@org1.example.com/msp"),
        format!("SecondMSP={org}/org2.example.com/users/User1@org2.example.com/msp"),
    ];
    let note = made.run(&[
        "update",
        "--block",
        "net/first.block",
        "--edit",
        "edits.yaml",
        "--out",
        "update.tx",
        "--sign",
        &users[0],
        "--sign",
        &users[1],
    ]);
    assert!(note.contains("not take it yet"), "{note}");
}

#[test]
fn edits_do_what_they_say() {
    let made = Made::new(NETWORK, "1");
    let removed = "edits: [{remove_organization: {name: Org2}}]";
    let next = made.after(removed, &["org1", "org2"]);
    assert_eq!(next.application_orgs().len(), 1);

    let batch = "edits: [{set_batch: {timeout: 3s, max_messages: 7}}]";
    let next = made.after(batch, &["orderer"]);
    assert_eq!(next.orderer().batch_timeout.as_secs(), 3);
    assert_eq!(next.orderer().batch_size.message_count_max, 7);
    let bytes = next.orderer().batch_size.preferred_bytes_max;
    assert_eq!(bytes, 512 << 10, "what is not named stays");

    let endpoints = "edits: [{set_endpoints: {organization: Orderer, endpoints: ['o:1', 'o:2']}}]";
    let next = made.after(endpoints, &["orderer"]);
    assert_eq!(next.orderer().orgs[0].endpoints, ["o:1", "o:2"]);

    let anchors = "edits: [{set_anchor_peers: {organization: Org2, anchor_peers: ['p:1']}}]";
    let next = made.after(anchors, &["org2"]);
    let peers = &next.application_orgs()[1].anchor_peers;
    assert_eq!((peers.len(), &*peers[0].host), (1, "p"));
    let none = "edits: [{set_anchor_peers: {organization: Org1, anchor_peers: []}}]";
    assert!(
        made.after(none, &["org1"]).application_orgs()[0]
            .anchor_peers
            .is_empty()
    );

    let acls = "edits: [{set_acls: {peer/Propose: /Channel/Application/Admins}}]";
    let next = made.after(acls, &["org1", "org2"]);
    let acl = next.acls().get("peer/Propose").map(String::as_str);
    assert_eq!(acl, Some("/Channel/Application/Admins"));
    assert_eq!(next.acls().len(), 1, "the list is replaced");
}

#[test]
fn policies_and_capabilities_change() {
    let made = Made::new(NETWORK, "1");
    let both = "edits:
  - set_policy: {group: /Channel/Application/Org1, name: Clients, rule: \"OR('Org1MSP.peer')\"}
  - remove_policy: {group: /Channel/Application/Org1, name: Endorsement}
";
    let next = made.after(both, &["org1"]);
    let org1 = "/Channel/Application/Org1";
    assert!(next.policies().policy(&format!("{org1}/Clients")).is_some());
    let gone = next.policies().policy(&format!("{org1}/Endorsement"));
    assert!(gone.is_none_or(|policy| !policy.evaluate(&[])));

    let capabilities = "edits: [{set_capabilities: {application: V2_0}}]";
    let next = made.after(capabilities, &["org1", "org2"]);
    let before = made.bundle("first");
    assert_ne!(next.capabilities(), before.capabilities());
}

#[test]
fn an_update_is_the_same_again() {
    let (made, edits) = with_org3();
    let (one, _) = made.update(&edits, &["org1", "org2"]);
    let (two, _) = made.update(&edits, &["org1", "org2"]);
    assert_eq!(one, two);
}

#[test]
fn bad_edits_are_refused() {
    let made = Made::new(NETWORK, "1");
    let check = |edits: &str, expected: &str| {
        made.write("edits.yaml", edits);
        let arguments = [
            "update",
            "--block",
            "net/first.block",
            "--edit",
            "edits.yaml",
            "--out",
            "x",
        ];
        assert_eq!(made.refusal(&arguments), expected);
        assert!(!made.path("x").exists());
    };
    check(
        "edits: [{add_organisation: {}}]",
        "edits.yaml: edits[0]: unknown variant `add_organisation`, expected one of \
         `add_organization`, `remove_organization`, `set_endpoints`, `set_anchor_peers`, `set_batch`, \
         `set_capabilities`, `set_policy`, `remove_policy`, `set_acls`",
    );
    check("edits: []", "edits.yaml: edits: there are none");
    check(
        "edits: [{remove_organization: {name: Org7}}]",
        "edits.yaml: edits[0].remove_organization.name: \"Org7\": expected one of Org1, Org2",
    );
    check(
        "edits: [{set_policy: {group: /Channel/App, name: A, rule: ANY Admins}}]",
        "edits.yaml: edits[0].set_policy.group: \"/Channel/App\": expected a group of the channel, as \
         /Channel/Application",
    );
    check(
        "edits: [{set_batch: {max_messages: 10}}]",
        "the edits change nothing",
    );
    check(
        "edits: [{set_batch: {preferred_bytes: 2 MB}}]",
        "Fabric would refuse the edited configuration: batches prefer 2097152 bytes: expected at \
         most the absolute maximum of 1048576",
    );
    let folder = "edits.yaml: edits[0].add_organization.msp_folder: nowhere/cacerts: no PEM file \
         there: expected a CA certificate";
    check(
        "edits: [{add_organization: {name: Org3, msp_folder: nowhere}}]",
        folder,
    );
}
