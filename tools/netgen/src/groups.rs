//! Parts of a channel's configuration as Fabric's configtxgen makes them.
//!
//! Fabric: `internal/configtxgen/encoder/encoder.go`.

use std::collections::BTreeMap;

use heddle::proto::messages::common::{
    Capabilities, Capability, ConfigGroup, OrdererAddresses, Policy,
};
use heddle::proto::messages::msp::{FabricMspConfig, MspConfig};
use heddle::proto::messages::orderer::{BatchSize, BatchTimeout};
use heddle::proto::messages::protos::{AcLs, AnchorPeer, AnchorPeers, ApiResource};
use heddle::testing::kit::{
    Principal, Rule, any_of, by, config_group, config_value, implicit_policy, signature_policy,
};
use prost::Message;

use crate::spec::{Policies, RawBatch};
use crate::values::Address;

/// Sets a value that administrators may change, or takes a known one's place.
pub(crate) fn set(group: &mut ConfigGroup, key: &str, message: &impl Message) {
    let mut value = config_value(message.encode_to_vec());
    if let Some(known) = group.values.get(key) {
        value.version = known.version;
        value.mod_policy.clone_from(&known.mod_policy);
    }
    group.values.insert(key.to_owned(), value);
}

/// Adds policies; those of the same name go.
pub(crate) fn add_policies(group: &mut ConfigGroup, policies: &Policies) {
    for (name, policy) in policies {
        set_policy(group, name, policy.policy.clone());
    }
}

/// Sets a policy that administrators may change, or takes a known one's place.
pub(crate) fn set_policy(group: &mut ConfigGroup, name: &str, policy: Option<Policy>) {
    let mut made = implicit_policy("", "ANY");
    made.policy = policy;
    if let Some(known) = group.policies.get(name) {
        made.version = known.version;
        made.mod_policy.clone_from(&known.mod_policy);
    }
    group.policies.insert(name.to_owned(), made);
}

/// A group with the policies that every section has.
pub(crate) fn section_group() -> ConfigGroup {
    let mut group = config_group();
    for (name, rule) in [
        ("Readers", "ANY"),
        ("Writers", "ANY"),
        ("Admins", "MAJORITY"),
    ] {
        let policy = implicit_policy(name, rule);
        group.policies.insert(name.to_owned(), policy);
    }
    group
}

/// Sets capabilities.
pub(crate) fn set_capability(group: &mut ConfigGroup, name: &str) {
    let capabilities = Capabilities {
        capabilities: BTreeMap::from([(name.to_owned(), Capability {})]),
    };
    set(group, "Capabilities", &capabilities);
}

/// Sets what a batch is to be like; what is not named stays as it is, or gets Fabric's default.
pub(crate) fn set_batch(orderer: &mut ConfigGroup, batch: &RawBatch) {
    let value = orderer.values.get("BatchSize");
    let known = value.and_then(|value| BatchSize::decode(value.value.as_slice()).ok());
    let known = known.unwrap_or(BatchSize {
        max_message_count: 500,
        absolute_max_bytes: 10 << 20,
        preferred_max_bytes: 2 << 20,
    });
    let bytes = |given: Option<crate::values::ByteSize>, known| given.map_or(known, |size| size.0);
    let size = BatchSize {
        max_message_count: batch.max_messages.unwrap_or(known.max_message_count),
        absolute_max_bytes: bytes(batch.absolute_bytes, known.absolute_max_bytes),
        preferred_max_bytes: bytes(batch.preferred_bytes, known.preferred_max_bytes),
    };
    set(orderer, "BatchSize", &size);
    if batch.timeout.is_some() || !orderer.values.contains_key("BatchTimeout") {
        let timeout = BatchTimeout {
            timeout: batch.timeout.clone().unwrap_or_else(|| "2s".to_owned()),
        };
        set(orderer, "BatchTimeout", &timeout);
    }
}

/// Sets access control lists: policies by resource.
pub(crate) fn set_acls(application: &mut ConfigGroup, acls: &BTreeMap<String, String>) {
    let acls = acls.iter().map(|(resource, policy)| {
        let policy_ref = policy.clone();
        (resource.clone(), ApiResource { policy_ref })
    });
    let acls = AcLs {
        acls: acls.collect(),
    };
    set(application, "ACLs", &acls);
}

/// Sets an organization's anchor peers; none takes the value away.
pub(crate) fn set_anchor_peers(org: &mut ConfigGroup, peers: &[Address]) {
    if peers.is_empty() {
        org.values.remove("AnchorPeers");
        return;
    }
    let anchor_peers = peers.iter().map(|address| AnchorPeer {
        host: address.host.clone(),
        port: i32::from(address.port),
    });
    let value = AnchorPeers {
        anchor_peers: anchor_peers.collect(),
    };
    set(org, "AnchorPeers", &value);
}

/// Sets where an organization's orderers are reached.
pub(crate) fn set_endpoints(org: &mut ConfigGroup, endpoints: &[String]) {
    let addresses = OrdererAddresses {
        addresses: endpoints.to_vec(),
    };
    set(org, "Endpoints", &addresses);
}

/// An organization's group: its MSP, and policies by which its members of each role may do what such
/// members do. `msp` is a serialized `MSPConfig`.
pub(crate) fn org_group(msp_id: &str, msp: Vec<u8>, is_peer_org: bool) -> ConfigGroup {
    let node_ous = has_node_ous(&msp);
    let mut group = config_group();
    group.values.insert("MSP".to_owned(), config_value(msp));
    let principal = |make: fn(String) -> Principal| by(make(msp_id.to_owned()));
    let member = || vec![principal(Principal::Member)];
    let admin = || principal(Principal::Admin);
    let (readers, writers) = if node_ous && is_peer_org {
        let client = || principal(Principal::Client);
        let peer = principal(Principal::Peer);
        (vec![admin(), peer, client()], vec![admin(), client()])
    } else {
        (member(), member())
    };
    let mut add = |name: &str, rules: Vec<Rule>| {
        let policy = signature_policy(&any_of(rules).into());
        group.policies.insert(name.to_owned(), policy);
    };
    add("Readers", readers);
    add("Writers", writers);
    add("Admins", vec![admin()]);
    if is_peer_org {
        let endorsers = if node_ous {
            vec![principal(Principal::Peer)]
        } else {
            member()
        };
        add("Endorsement", endorsers);
    }
    group
}

fn has_node_ous(msp: &[u8]) -> bool {
    MspConfig::decode(msp)
        .and_then(|msp| FabricMspConfig::decode(msp.config.as_slice()))
        .is_ok_and(|msp| msp.fabric_node_ous.is_some_and(|node_ous| node_ous.enable))
}
