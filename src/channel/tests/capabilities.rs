//! What each capability switches on.

use super::kit::*;
use crate::channel::{ApplicationCapabilities, Bundle, Capabilities};
use crate::msp::MspVersion;

fn capabilities(channel: &[&str], application: &[&str]) -> Capabilities {
    let set = |names: &[&str]| names.iter().map(|&name| name.into()).collect();
    Capabilities::new(set(channel), set(application), Default::default())
}

#[test]
fn channel_level() {
    for (names, version, endpoints, bft) in [
        (&[][..], MspVersion::V1_0, false, false),
        (&["V1_1"], MspVersion::V1_1, false, false),
        (&["V1_3"], MspVersion::V1_3, false, false),
        (&["V1_4_2"], MspVersion::V1_3, true, false),
        (&["V1_4_3"], MspVersion::V1_4_3, true, false),
        (&["V2_0"], MspVersion::V1_4_3, true, false),
        (&["V3_0"], MspVersion::V3_0, true, true),
        (&["V1_1", "V2_0"], MspVersion::V1_4_3, true, false),
        (&["V1_3", "V3_0"], MspVersion::V3_0, true, true),
    ] {
        let capabilities = capabilities(names, &[]);
        assert_eq!(capabilities.msp_version(), version, "{names:?}");
        assert_eq!(
            capabilities.org_specific_orderer_endpoints(),
            endpoints,
            "{names:?}"
        );
        assert_eq!(
            capabilities.consensus_type_migration(),
            endpoints,
            "{names:?}"
        );
        assert_eq!(capabilities.bft(), bft, "{names:?}");
    }
}

/// The flags in the order of the capabilities that switch them on.
fn flags(names: &[&str]) -> String {
    let ApplicationCapabilities {
        forbid_duplicate_tx_id,
        v1_1_validation,
        v1_2_validation,
        v1_3_validation,
        v2_0_validation,
        private_data,
        collection_upgrade,
        acls,
        key_level_endorsement,
        store_private_data_of_invalid_tx,
        lifecycle_v2_0,
        purge_private_data,
    } = capabilities(&[], names).application();
    let flags = [
        (private_data, "pvt"),
        (forbid_duplicate_tx_id, "dup"),
        (v1_1_validation, "v11"),
        (v1_2_validation, "v12"),
        (collection_upgrade, "coll"),
        (acls, "acl"),
        (v1_3_validation, "v13"),
        (key_level_endorsement, "key"),
        (store_private_data_of_invalid_tx, "inv"),
        (v2_0_validation, "v20"),
        (lifecycle_v2_0, "life"),
        (purge_private_data, "purge"),
    ];
    flags
        .iter()
        .filter(|(on, _)| *on)
        .map(|(_, name)| *name)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn application_level() {
    for (name, expected) in [
        ("V1_1_RESOURCETREE_EXPERIMENTAL", ""),
        ("V1_1_PVTDATA_EXPERIMENTAL", "pvt"),
        ("V1_1", "dup v11"),
        ("V1_2", "pvt dup v11 v12 coll acl"),
        ("V1_3", "pvt dup v11 v12 coll acl v13 key"),
        ("V1_4_2", "pvt dup v11 v12 coll acl v13 key inv"),
        ("V2_0", "pvt dup v11 v12 coll acl v13 key inv v20 life"),
        (
            "V2_5",
            "pvt dup v11 v12 coll acl v13 key inv v20 life purge",
        ),
    ] {
        assert_eq!(flags(&[name]), expected, "{name}");
    }
    assert_eq!(flags(&[]), "");
    assert_eq!(flags(&["V1_1", "V1_1_PVTDATA_EXPERIMENTAL"]), "pvt dup v11");
}

#[test]
fn names_of_a_channel() {
    let mut root = root();
    set_capabilities(&mut root, "", &["V2_0", "V1_4_3"]);
    let bundle = Bundle::from_genesis(&channel(), &envelope(0, &root)).unwrap();
    let capabilities = bundle.capabilities();
    assert_eq!(
        capabilities.channel_names().collect::<Vec<_>>(),
        ["V1_4_3", "V2_0"]
    );
    assert_eq!(
        capabilities.application_names().collect::<Vec<_>>(),
        ["V2_5"]
    );
    assert_eq!(capabilities.orderer_names().collect::<Vec<_>>(), ["V2_0"]);
}
