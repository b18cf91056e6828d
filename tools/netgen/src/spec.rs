//! What a network is to be like: the YAML file, and what it means.
//!
//! The `Raw` types are the file's keys; what comes out of [`Network::check`] has no defaults left open
//! and no name that would be refused later.

use std::collections::{BTreeMap, BTreeSet};

use heddle::proto::messages::common::ConfigPolicy;
use heddle::types::ChannelId;
use heddle::types::duration::nanos as duration_nanos;
use serde::Deserialize;

use crate::certificates::{KeyKind, Subject};
use crate::policy;
use crate::values::{Address, ByteSize, NODES_MAX, RawNode, RawNodes, check_name};
use crate::yaml::Problem;

/// Policies by name, as text.
pub(crate) type RawPolicies = BTreeMap<String, String>;

/// Policies by name.
pub(crate) type Policies = BTreeMap<String, ConfigPolicy>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawNetwork {
    #[serde(default)]
    key: KeyKind,
    #[serde(default = "yes")]
    node_ous: bool,
    #[serde(default)]
    organizations: Vec<RawOrg>,
    #[serde(default)]
    orderers: Vec<RawOrdererOrg>,
    #[serde(default)]
    channels: Vec<RawChannel>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOrg {
    name: String,
    domain: String,
    msp_id: Option<String>,
    #[serde(default = "one")]
    peers: RawNodes,
    #[serde(default = "one_user")]
    users: usize,
    #[serde(default = "local_sans")]
    sans: Vec<String>,
    #[serde(default)]
    subject: Subject,
    #[serde(default)]
    anchor_peers: Vec<String>,
    #[serde(default)]
    policies: RawPolicies,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOrdererOrg {
    name: String,
    domain: String,
    msp_id: Option<String>,
    #[serde(default = "one")]
    nodes: RawNodes,
    #[serde(default)]
    users: usize,
    #[serde(default = "local_sans")]
    sans: Vec<String>,
    #[serde(default)]
    subject: Subject,
    #[serde(default)]
    policies: RawPolicies,
}

fn one() -> RawNodes {
    RawNodes::Count(1)
}

fn one_user() -> usize {
    1
}

fn local_sans() -> Vec<String> {
    vec!["localhost".to_owned(), "127.0.0.1".to_owned()]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawChannel {
    name: String,
    organizations: Option<Vec<String>>,
    orderers: Option<Vec<String>>,
    #[serde(default)]
    consensus: Consensus,
    #[serde(default)]
    capabilities: RawCapabilities,
    #[serde(default)]
    batch: RawBatch,
    #[serde(default)]
    policies: RawChannelPolicies,
    #[serde(default)]
    acls: BTreeMap<String, String>,
}

/// How blocks are agreed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Consensus {
    #[default]
    #[serde(rename = "etcdraft")]
    Raft,
    #[serde(rename = "BFT")]
    Bft,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawChannelPolicies {
    #[serde(default)]
    channel: RawPolicies,
    #[serde(default)]
    orderer: RawPolicies,
    #[serde(default)]
    application: RawPolicies,
}

/// Capabilities; those that are not named stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCapabilities {
    pub(crate) channel: Option<ChannelCapability>,
    pub(crate) orderer: Option<OrdererCapability>,
    pub(crate) application: Option<ApplicationCapability>,
}

macro_rules! capability {
    ($(#[$doc:meta])* $name:ident: $($variant:ident = $text:literal),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        pub(crate) enum $name {
            $(#[serde(rename = $text)] $variant),+
        }

        impl $name {
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }
    };
}

capability! {
    /// What the whole channel understands.
    ChannelCapability: V1_4_3 = "V1_4_3", V2_0 = "V2_0", V3_0 = "V3_0"
}
capability! {
    /// What its orderers understand.
    OrdererCapability: V1_4_2 = "V1_4_2", V2_0 = "V2_0"
}
capability! {
    /// What its peers understand.
    ApplicationCapability: V1_4_2 = "V1_4_2", V2_0 = "V2_0", V2_5 = "V2_5"
}

/// When blocks are cut; what is not named stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawBatch {
    pub(crate) timeout: Option<String>,
    pub(crate) max_messages: Option<u32>,
    pub(crate) absolute_bytes: Option<ByteSize>,
    pub(crate) preferred_bytes: Option<ByteSize>,
}

impl RawBatch {
    pub(crate) fn check(&self, key: &str) -> Result<(), Problem> {
        if let Some(timeout) = &self.timeout
            && !duration_nanos(timeout).is_ok_and(|nanos| nanos > 0)
        {
            let what = format!("{timeout:?}: expected a duration such as 500ms, 2s or 1m30s");
            return Err(Problem::new(format!("{key}.timeout"), what));
        }
        let sizes = [
            ("max_messages", self.max_messages),
            ("absolute_bytes", self.absolute_bytes.map(|size| size.0)),
            ("preferred_bytes", self.preferred_bytes.map(|size| size.0)),
        ];
        match sizes.iter().find(|(_, size)| *size == Some(0)) {
            Some((name, _)) => Err(Problem::new(
                format!("{key}.{name}"),
                "0: expected at least 1",
            )),
            None => Ok(()),
        }
    }
}

/// A network.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) key: KeyKind,
    pub(crate) node_ous: bool,
    pub(crate) orgs: Vec<Org>,
    pub(crate) channels: Vec<Channel>,
}

/// Whether an organization has peers or orderers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Application,
    Orderer,
}

/// An organization.
#[derive(Debug)]
pub(crate) struct Org {
    pub(crate) section: Section,
    pub(crate) name: String,
    pub(crate) domain: String,
    pub(crate) msp_id: String,
    pub(crate) nodes: Vec<Node>,
    pub(crate) users: usize,
    pub(crate) subject: Subject,
    pub(crate) anchor_peers: Vec<Address>,
    pub(crate) policies: Policies,
}

/// A peer or an orderer.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its name with the organization's domain.
    pub(crate) host: String,
    /// All names and addresses in its TLS certificate.
    pub(crate) sans: Vec<String>,
    /// Where it is reached.
    pub(crate) address: Address,
}

/// A channel.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) name: ChannelId,
    /// Indexes of its application organizations.
    pub(crate) orgs: Vec<usize>,
    /// Indexes of its orderer organizations.
    pub(crate) orderers: Vec<usize>,
    pub(crate) consensus: Consensus,
    pub(crate) capabilities: RawCapabilities,
    pub(crate) batch: RawBatch,
    pub(crate) channel_policies: Policies,
    pub(crate) orderer_policies: Policies,
    pub(crate) application_policies: Policies,
    pub(crate) acls: BTreeMap<String, String>,
}

impl Network {
    /// What the file means.
    pub(crate) fn check(raw: RawNetwork) -> Result<Self, Problem> {
        let mut orgs = Vec::new();
        for (index, org) in raw.organizations.into_iter().enumerate() {
            orgs.push(check_org(&format!("organizations[{index}]"), org)?);
        }
        for (index, org) in raw.orderers.into_iter().enumerate() {
            orgs.push(check_orderer(&format!("orderers[{index}]"), org)?);
        }
        if orgs.is_empty() {
            return Err(Problem::new(
                "organizations",
                "there are none, and no orderers: expected at least one organization",
            ));
        }
        check_distinct(&orgs)?;
        let mut network = Self {
            key: raw.key,
            node_ous: raw.node_ous,
            orgs,
            channels: Vec::new(),
        };
        let mut names = BTreeSet::new();
        for (index, channel) in raw.channels.into_iter().enumerate() {
            let key = format!("channels[{index}]");
            if !names.insert(channel.name.clone()) {
                let what = format!("{:?}: another channel has this name", channel.name);
                return Err(Problem::new(format!("{key}.name"), what));
            }
            network
                .channels
                .push(check_channel(&key, channel, raw.key, &network.orgs)?);
        }
        Ok(network)
    }
}

fn check_org(key: &str, raw: RawOrg) -> Result<Org, Problem> {
    Ok(Org {
        section: Section::Application,
        msp_id: check_ids(key, &raw.name, &raw.domain, raw.msp_id)?,
        nodes: check_nodes(
            &format!("{key}.peers"),
            raw.peers,
            "peer",
            &raw.domain,
            &raw.sans,
        )?,
        users: check_users(key, raw.users)?,
        subject: raw.subject,
        anchor_peers: Address::parse_all(&format!("{key}.anchor_peers"), &raw.anchor_peers)?,
        policies: check_policies(&format!("{key}.policies"), &raw.policies)?,
        name: raw.name,
        domain: raw.domain,
    })
}

fn check_orderer(key: &str, raw: RawOrdererOrg) -> Result<Org, Problem> {
    Ok(Org {
        section: Section::Orderer,
        msp_id: check_ids(key, &raw.name, &raw.domain, raw.msp_id)?,
        nodes: check_nodes(
            &format!("{key}.nodes"),
            raw.nodes,
            "orderer",
            &raw.domain,
            &raw.sans,
        )?,
        users: check_users(key, raw.users)?,
        subject: raw.subject,
        anchor_peers: Vec::new(),
        policies: check_policies(&format!("{key}.policies"), &raw.policies)?,
        name: raw.name,
        domain: raw.domain,
    })
}

fn check_ids(
    key: &str,
    name: &str,
    domain: &str,
    msp_id: Option<String>,
) -> Result<String, Problem> {
    check_name(&format!("{key}.name"), name)?;
    check_name(&format!("{key}.domain"), domain)?;
    let msp_id = msp_id.unwrap_or_else(|| format!("{name}MSP"));
    check_name(&format!("{key}.msp_id"), &msp_id)?;
    Ok(msp_id)
}

fn check_users(key: &str, users: usize) -> Result<usize, Problem> {
    if users > NODES_MAX {
        let what = format!("{users}: expected at most {NODES_MAX}");
        return Err(Problem::new(format!("{key}.users"), what));
    }
    Ok(users)
}

fn check_nodes(
    key: &str,
    raw: RawNodes,
    prefix: &str,
    domain: &str,
    sans: &[String],
) -> Result<Vec<Node>, Problem> {
    let list = match raw {
        RawNodes::Count(count) if count > NODES_MAX => {
            let what = format!("{count}: expected at most {NODES_MAX}");
            return Err(Problem::new(key, what));
        }
        RawNodes::Count(count) => (0..count)
            .map(|index| RawNode {
                name: format!("{prefix}{index}"),
                ..RawNode::default()
            })
            .collect(),
        RawNodes::List(list) => list,
    };
    let mut names = BTreeSet::new();
    let mut nodes = Vec::new();
    for (index, node) in list.into_iter().enumerate() {
        let key = format!("{key}[{index}]");
        check_name(&format!("{key}.name"), &node.name)?;
        if !names.insert(node.name.clone()) {
            let what = format!("{:?}: another node has this name", node.name);
            return Err(Problem::new(format!("{key}.name"), what));
        }
        let host = format!("{}.{domain}", node.name);
        let mut all = vec![host.clone(), node.name];
        for san in sans.iter().chain(&node.sans) {
            if !san.is_ascii() || san.is_empty() {
                let what = format!("{san:?}: expected a host's name or an IP address");
                return Err(Problem::new(format!("{key}.sans"), what));
            }
            if !all.contains(san) {
                all.push(san.clone());
            }
        }
        let port = if prefix == "peer" { 7051 } else { 7050 };
        let address = node.address.unwrap_or_else(|| format!("{host}:{port}"));
        nodes.push(Node {
            address: Address::parse(&format!("{key}.address"), &address)?,
            host,
            sans: all,
        });
    }
    Ok(nodes)
}

pub(crate) fn check_policies(key: &str, raw: &RawPolicies) -> Result<Policies, Problem> {
    let mut policies = Policies::new();
    for (name, text) in raw {
        let key = format!("{key}.{name}");
        check_name(&key, name)?;
        let policy = policy::parse(text)
            .ok_or_else(|| Problem::new(key, format!("{text:?}: expected {}", policy::ALLOWED)))?;
        policies.insert(name.clone(), policy);
    }
    Ok(policies)
}

/// Names, domains and MSP ids are each one organization's.
fn check_distinct(orgs: &[Org]) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    let mut counts = [0_usize; 2];
    for org in orgs {
        let (list, count) = match org.section {
            Section::Application => ("organizations", &mut counts[0]),
            Section::Orderer => ("orderers", &mut counts[1]),
        };
        let parts = [
            ("name", &org.name),
            ("domain", &org.domain),
            ("msp_id", &org.msp_id),
        ];
        for (part, value) in parts {
            if !seen.insert((part, value.as_str())) {
                let what = format!("{value:?}: another organization has it");
                return Err(Problem::new(format!("{list}[{count}].{part}"), what));
            }
        }
        *count += 1;
    }
    Ok(())
}

fn check_channel(
    key: &str,
    raw: RawChannel,
    keys: KeyKind,
    orgs: &[Org],
) -> Result<Channel, Problem> {
    let name = ChannelId::new(&raw.name).map_err(|_| {
        let what = "expected a lower-case letter and up to 248 of lower-case letters, digits, dots \
             and hyphens";
        Problem::new(format!("{key}.name"), format!("{:?}: {what}", raw.name))
    })?;
    let of = |part: &str, names: Option<Vec<String>>, section| {
        pick(&format!("{key}.{part}"), names, orgs, section)
    };
    let application = of("organizations", raw.organizations, Section::Application)?;
    let orderers = of("orderers", raw.orderers, Section::Orderer)?;
    let nodes: usize = orderers
        .iter()
        .filter_map(|&index| orgs.get(index))
        .map(|org| org.nodes.len())
        .sum();
    if nodes == 0 {
        let what = "the channel has no orderer: expected an organization in 'orderers' with a node";
        return Err(Problem::new(format!("{key}.orderers"), what));
    }
    if keys == KeyKind::Ed25519
        && let Some(old) = raw.capabilities.channel
        && old != ChannelCapability::V3_0
    {
        let what = format!("{}: expected V3_0, since the keys are ed25519", old.name());
        return Err(Problem::new(format!("{key}.capabilities.channel"), what));
    }
    raw.batch.check(&format!("{key}.batch"))?;
    let policies = |section: &str, raw| check_policies(&format!("{key}.policies.{section}"), raw);
    Ok(Channel {
        name,
        orgs: application,
        orderers,
        consensus: raw.consensus,
        capabilities: raw.capabilities,
        batch: raw.batch,
        channel_policies: policies("channel", &raw.policies.channel)?,
        orderer_policies: policies("orderer", &raw.policies.orderer)?,
        application_policies: policies("application", &raw.policies.application)?,
        acls: raw.acls,
    })
}

/// The organizations with these names, or all of a section.
fn pick(
    key: &str,
    names: Option<Vec<String>>,
    orgs: &[Org],
    section: Section,
) -> Result<Vec<usize>, Problem> {
    let known = || {
        orgs.iter()
            .enumerate()
            .filter(move |(_, org)| org.section == section)
    };
    let Some(names) = names else {
        return Ok(known().map(|(index, _)| index).collect());
    };
    let mut picked = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let found = known()
            .find(|(_, org)| org.name == *name)
            .map(|(index, _)| index);
        let all: Vec<&str> = known().map(|(_, org)| org.name.as_str()).collect();
        let unknown = || {
            let what = format!("{name:?}: expected one of {}", all.join(", "));
            Problem::new(format!("{key}[{at}]"), what)
        };
        picked.push(found.ok_or_else(unknown)?);
    }
    Ok(picked)
}
