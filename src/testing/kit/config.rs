//! Channel configurations like those that Fabric's tools make for a new channel.

use std::collections::BTreeMap;

use prost::Message as _;

use super::organization::Organization;
use super::policy::{Principal, SignaturePolicy, any_of, by, out_of};
use super::wire::Wire;
use crate::proto::messages::common::{
    Capabilities, Capability, ConfigGroup, ConfigPolicy, ConfigValue, Consenter, Orderers, Policy,
};

/// What a channel is to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSpec {
    /// Its name.
    pub channel: String,
    /// Its channel capability, such as `V2_0`; none where empty.
    pub channel_capability: String,
    /// Its application capability; none where empty.
    pub application_capability: String,
    /// Whether there is a LifecycleEndorsement policy.
    pub lifecycle_endorsement: bool,
    /// Access control lists: resource and policy.
    pub acls: Vec<(String, String)>,
}

impl Default for ChannelSpec {
    fn default() -> Self {
        Self {
            channel: "kit".to_owned(),
            channel_capability: "V2_0".to_owned(),
            application_capability: "V2_5".to_owned(),
            lifecycle_endorsement: true,
            acls: Vec::new(),
        }
    }
}

impl ChannelSpec {
    /// The channel group. With `consenters` the orderers are a BFT cluster, without a raft one.
    #[must_use]
    pub fn channel_group(
        &self,
        application: &[&Organization],
        orderers: &[&Organization],
        consenters: &[Consenter],
    ) -> ConfigGroup {
        let mut channel = config_group();
        meta_policies(&mut channel);
        set(
            &mut channel,
            "HashingAlgorithm",
            Wire::new().bytes(1, "SHA256"),
        );
        let width = Wire::new().uint(1, u64::from(u32::MAX));
        set(&mut channel, "BlockDataHashingStructure", width);
        if !self.has_endpoints() {
            let addresses = Wire::new().element(1, "orderer.example.com:7050");
            set(&mut channel, "OrdererAddresses", addresses);
        }
        set_capabilities(&mut channel, [&*self.channel_capability]);
        let orderer = self.orderer_group(orderers, consenters);
        channel.groups.insert("Orderer".to_owned(), orderer);
        let application = self.application_group(application);
        channel.groups.insert("Application".to_owned(), application);
        channel
    }

    fn has_endpoints(&self) -> bool {
        self.channel_capability.as_str() >= "V1_4_2"
    }

    fn orderer_group(&self, orgs: &[&Organization], consenters: &[Consenter]) -> ConfigGroup {
        let mut orderer = config_group();
        meta_policies(&mut orderer);
        let policies = &mut orderer.policies;
        let validation = if consenters.is_empty() {
            implicit_policy("Writers", "ANY")
        } else {
            bft_policy(consenters)
        };
        policies.insert("BlockValidation".to_owned(), validation);
        let consensus = if consenters.is_empty() {
            "etcdraft"
        } else {
            let mapping = Orderers {
                consenter_mapping: consenters.to_vec(),
            };
            set(&mut orderer, "Orderers", mapping.encode_to_vec());
            "BFT"
        };
        set(
            &mut orderer,
            "ConsensusType",
            Wire::new().bytes(1, consensus),
        );
        let size = Wire::new().uint(1, 500).uint(2, 10 << 20).uint(3, 2 << 20);
        set(&mut orderer, "BatchSize", size);
        set(&mut orderer, "BatchTimeout", Wire::new().bytes(1, "2s"));
        set(&mut orderer, "ChannelRestrictions", []);
        set_capabilities(&mut orderer, ["V2_0"]);
        for org in orgs {
            let mut group = org_group(org);
            if self.has_endpoints() {
                let endpoint = format!("orderer.{}:7050", org.name);
                set(&mut group, "Endpoints", Wire::new().element(1, endpoint));
            }
            orderer.groups.insert(org.name.clone(), group);
        }
        orderer
    }

    fn application_group(&self, orgs: &[&Organization]) -> ConfigGroup {
        let mut application = config_group();
        meta_policies(&mut application);
        let policies = &mut application.policies;
        let majority = implicit_policy("Endorsement", "MAJORITY");
        policies.insert("Endorsement".to_owned(), majority.clone());
        if self.lifecycle_endorsement {
            policies.insert("LifecycleEndorsement".to_owned(), majority);
        }
        set_capabilities(&mut application, [&*self.application_capability]);
        if !self.acls.is_empty() {
            let acls = self.acls.iter().map(|(resource, policy)| {
                let value = Wire::new().bytes(1, policy);
                Wire::new().bytes(1, resource).element(2, value)
            });
            set(&mut application, "ACLs", Wire::new().elements(1, acls));
        }
        for org in orgs {
            let mut group = org_group(org);
            let endorsement = signature_policy(&any_of([role_or_member(org)]).into());
            group.policies.insert("Endorsement".to_owned(), endorsement);
            application.groups.insert(org.name.clone(), group);
        }
        application
    }
}

/// Peers of an organization, or any member where nothing tells who is a peer.
fn role_or_member(org: &Organization) -> super::policy::Rule {
    let node_ous = org.msp.fabric_node_ous.as_ref();
    if node_ous.is_some_and(|node_ous| node_ous.enable) {
        by(Principal::Peer(org.msp_id.clone()))
    } else {
        by(Principal::Member(org.msp_id.clone()))
    }
}

fn org_group(org: &Organization) -> ConfigGroup {
    let mut group = config_group();
    set(&mut group, "MSP", org.msp_config());
    let member = any_of([by(Principal::Member(org.msp_id.clone()))]);
    let admin = any_of([by(Principal::Admin(org.msp_id.clone()))]);
    for (name, rule) in [
        ("Readers", &member),
        ("Writers", &member),
        ("Admins", &admin),
    ] {
        let policy = signature_policy(&rule.clone().into());
        group.policies.insert(name.to_owned(), policy);
    }
    group
}

fn meta_policies(group: &mut ConfigGroup) {
    for (name, rule) in [
        ("Readers", "ANY"),
        ("Writers", "ANY"),
        ("Admins", "MAJORITY"),
    ] {
        let policy = implicit_policy(name, rule);
        group.policies.insert(name.to_owned(), policy);
    }
}

/// The quorum of a BFT cluster, each consenter by its certificate.
///
/// Fabric: `common/policies/bft.go`.
#[must_use]
pub fn bft_policy(consenters: &[Consenter]) -> ConfigPolicy {
    let n = i32::try_from(consenters.len()).unwrap_or(i32::MAX);
    let faulty = (n - 1) / 3;
    let quorum = (n + faulty + 2) / 2;
    let identities = consenters.iter().map(|consenter| {
        let identity = Wire::new()
            .bytes(1, &consenter.msp_id)
            .bytes(2, &consenter.identity);
        by(Principal::Identity(identity.done()))
    });
    signature_policy(&out_of(quorum, identities).into())
}

/// An empty group that its administrators may change.
#[must_use]
pub fn config_group() -> ConfigGroup {
    ConfigGroup {
        mod_policy: "Admins".to_owned(),
        ..ConfigGroup::default()
    }
}

/// A value that administrators may change.
#[must_use]
pub fn config_value(value: impl AsRef<[u8]>) -> ConfigValue {
    ConfigValue {
        version: 0,
        value: value.as_ref().to_vec(),
        mod_policy: "Admins".to_owned(),
    }
}

/// A policy of the configuration that administrators may change: type and value.
#[must_use]
pub fn config_policy(kind: i32, value: Vec<u8>) -> ConfigPolicy {
    ConfigPolicy {
        version: 0,
        policy: Some(Policy {
            r#type: kind,
            value,
        }),
        mod_policy: "Admins".to_owned(),
    }
}

/// A signature policy that administrators may change.
#[must_use]
pub fn signature_policy(policy: &SignaturePolicy) -> ConfigPolicy {
    config_policy(1, policy.envelope())
}

/// `rule` (ANY, ALL or MAJORITY) of the policies called `name` one level down.
#[must_use]
pub fn implicit_policy(name: &str, rule: &str) -> ConfigPolicy {
    let rule = match rule {
        "ANY" => 0,
        "ALL" => 1,
        _ => 2,
    };
    config_policy(3, Wire::new().bytes(1, name).uint(2, rule).done())
}

/// Sets a group's capabilities; empty names are left out.
pub fn set_capabilities<'n>(group: &mut ConfigGroup, names: impl IntoIterator<Item = &'n str>) {
    let names = names.into_iter().filter(|name| !name.is_empty());
    let capabilities: BTreeMap<_, _> = names.map(|name| (name.to_owned(), Capability {})).collect();
    if capabilities.is_empty() {
        group.values.remove("Capabilities");
    } else {
        set(
            group,
            "Capabilities",
            Capabilities { capabilities }.encode_to_vec(),
        );
    }
}

fn set(group: &mut ConfigGroup, key: &str, value: impl AsRef<[u8]>) {
    group.values.insert(key.to_owned(), config_value(value));
}
