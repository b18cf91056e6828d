//! Validation-spec 7.4: which configuration may follow which.

use super::kit::*;
use crate::channel::{Bundle, transition};
use crate::proto::wire::put_bytes;

/// The verdict on a step between two edits of the genesis configuration.
fn check(current: impl Fn(&mut Group), next: impl Fn(&mut Group), expected: &str) {
    let build = |edit: &dyn Fn(&mut Group)| {
        let mut root = open_root();
        edit(&mut root);
        Bundle::from_genesis(&channel(), &envelope(0, &root)).unwrap()
    };
    let verdict = match transition::check(&build(&current), &build(&next)) {
        Ok(()) => "ok".to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(verdict, expected);
}

fn consensus_type(root: &mut Group, name: &str) {
    let mut bytes = Vec::new();
    put_bytes(&mut bytes, 1, name.as_bytes());
    set(root, "Orderer", "ConsensusType", &bytes);
}

#[test]
fn consensus_types() {
    let migration = |capability: &'static str| {
        move |root: &mut Group| {
            set_capabilities(root, "", &[capability]);
            if capability == "V1_3" {
                set(root, "", "OrdererAddresses", &message(1, b"orderer:7050"));
                at(root, "Orderer/OrdererOrg").values.remove("Endpoints");
            }
        }
    };
    let to_bft = |root: &mut Group| consensus_type(root, "BFT");
    check(|_| {}, to_bft, "ok");
    check(migration("V1_4_2"), to_bft, "ok");
    // The current configuration's capability counts, not the new one's.
    check(
        migration("V1_3"),
        to_bft,
        "the consensus type changes from 'etcdraft' to 'BFT': expected channel capability V1_4_2 \
         or later in the current configuration",
    );
    check(migration("V1_3"), |_| {}, "ok");
}

#[test]
fn msp_ids() {
    let swap = |root: &mut Group, path: &str, from: &str| {
        let msp = at(root, from).values["MSP"].clone();
        at(root, path).values.insert("MSP", msp);
    };
    check(
        |_| {},
        |root| swap(root, "Orderer/OrdererOrg", "Application/Org1MSP"),
        "organization /Channel/Orderer/OrdererOrg changes its MSP from 'OrdererMSP' to 'Org1MSP': \
         expected the same name",
    );
    check(
        |_| {},
        |root| swap(root, "Application/Org3MSP", "Application/Org1MSP"),
        "organization /Channel/Application/Org3MSP changes its MSP from 'Org3MSP' to 'Org1MSP': \
         expected the same name",
    );
    // Whoever goes, comes or gets another group is free.
    check(
        |_| {},
        |root| drop(at(root, "Application").groups.remove("Org3MSP")),
        "ok",
    );
    check(
        |root| drop(at(root, "Application").groups.remove("Org3MSP")),
        |_| {},
        "ok",
    );
    check(
        |_| {},
        |root| {
            let org = at(root, "Application").groups.remove("Org3MSP").unwrap();
            at(root, "Application").groups.insert("Other", org);
        },
        "ok",
    );
}

#[test]
fn consortiums() {
    let with = |org: &'static str| {
        move |root: &mut Group| {
            let mut group = Group::default();
            let msp = at(root, "Application").groups[org].values["MSP"].clone();
            group.values.insert("MSP", msp);
            let mut consortium = Group::default();
            consortium.groups.insert("Org", group);
            let mut consortiums = Group::default();
            consortiums.groups.insert("One", consortium);
            root.groups.insert("Consortiums", consortiums);
        }
    };
    let empty = |root: &mut Group| drop(root.groups.insert("Consortiums", Group::default()));
    check(with("Org1MSP"), with("Org1MSP"), "ok");
    check(with("Org1MSP"), empty, "ok");
    check(empty, with("Org1MSP"), "ok");
    check(
        with("Org1MSP"),
        with("Org2MSP"),
        "organization /Channel/Consortiums/One/Org changes its MSP from 'Org1MSP' to 'Org2MSP': \
         expected the same name",
    );
    check(
        empty,
        |_| {},
        "the new configuration has no Consortiums section, the current one has",
    );
    check(
        |_| {},
        empty,
        "the new configuration has a Consortiums section, the current one has none",
    );
}
