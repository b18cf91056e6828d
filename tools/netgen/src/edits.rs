//! What an update is to change: the YAML file of edits, and what each does to a channel group.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use heddle::msp::msp_config;
use heddle::proto::messages::common::ConfigGroup;
use serde::Deserialize;

use crate::groups::{
    add_policies, org_group, set_acls, set_anchor_peers, set_batch, set_capability, set_endpoints,
    set_policy,
};
use crate::policy;
use crate::spec::{RawBatch, RawCapabilities, RawPolicies, check_policies};
use crate::values::{Address, check_name};
use crate::yaml::Problem;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edits {
    edits: Vec<Edit>,
}

/// One change.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Edit {
    /// A new organization, or another definition of a known one.
    AddOrganization(AddOrganization),
    RemoveOrganization(RemoveOrganization),
    SetEndpoints(SetEndpoints),
    SetAnchorPeers(SetAnchorPeers),
    SetBatch(RawBatch),
    SetCapabilities(RawCapabilities),
    SetPolicy(SetPolicy),
    RemovePolicy(RemovePolicy),
    SetAcls(BTreeMap<String, String>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AddOrganization {
    name: String,
    msp_id: Option<String>,
    /// Its MSP folder, relative to the file of edits.
    msp_folder: PathBuf,
    #[serde(default)]
    section: SectionName,
    #[serde(default)]
    policies: RawPolicies,
    #[serde(default)]
    anchor_peers: Vec<String>,
    #[serde(default)]
    endpoints: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoveOrganization {
    name: String,
    #[serde(default)]
    section: SectionName,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SectionName {
    #[default]
    Application,
    Orderer,
}

impl SectionName {
    fn group(self) -> &'static str {
        match self {
            Self::Application => "Application",
            Self::Orderer => "Orderer",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetEndpoints {
    organization: String,
    endpoints: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetAnchorPeers {
    organization: String,
    anchor_peers: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetPolicy {
    /// The group it belongs to, as `/Channel/Application`.
    group: String,
    name: String,
    rule: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RemovePolicy {
    group: String,
    name: String,
}

impl Edits {
    /// Makes all changes, in their order. Folders are relative to `folder`.
    pub(crate) fn apply(&self, channel: &mut ConfigGroup, folder: &Path) -> Result<(), Problem> {
        if self.edits.is_empty() {
            return Err(Problem::new("edits", "there are none"));
        }
        for (index, edit) in self.edits.iter().enumerate() {
            let key = format!("edits[{index}]");
            match edit {
                Edit::AddOrganization(edit) => edit.apply(&key, channel, folder)?,
                Edit::RemoveOrganization(edit) => edit.apply(&key, channel)?,
                Edit::SetEndpoints(edit) => edit.apply(&key, channel)?,
                Edit::SetAnchorPeers(edit) => edit.apply(&key, channel)?,
                Edit::SetBatch(batch) => {
                    batch.check(&format!("{key}.set_batch"))?;
                    set_batch(section(&key, channel, "Orderer")?, batch);
                }
                Edit::SetCapabilities(edit) => set_capabilities(&key, channel, edit)?,
                Edit::SetPolicy(edit) => edit.apply(&key, channel)?,
                Edit::RemovePolicy(edit) => edit.apply(&key, channel)?,
                Edit::SetAcls(acls) => set_acls(section(&key, channel, "Application")?, acls),
            }
        }
        Ok(())
    }
}

fn section<'g>(
    key: &str,
    channel: &'g mut ConfigGroup,
    name: &'static str,
) -> Result<&'g mut ConfigGroup, Problem> {
    let missing = || Problem::new(key, format!("the channel has no group /Channel/{name}"));
    channel.groups.get_mut(name).ok_or_else(missing)
}

fn org<'g>(
    key: &str,
    channel: &'g mut ConfigGroup,
    part: &'static str,
    name: &str,
) -> Result<&'g mut ConfigGroup, Problem> {
    let section = section(key, channel, part)?;
    let known: Vec<String> = section.groups.keys().cloned().collect();
    let unknown = || {
        let what = format!("{name:?}: expected one of {}", known.join(", "));
        Problem::new(key, what)
    };
    section.groups.get_mut(name).ok_or_else(unknown)
}

/// The group at an absolute path.
fn group_at<'g>(
    key: &str,
    channel: &'g mut ConfigGroup,
    path: &str,
) -> Result<&'g mut ConfigGroup, Problem> {
    let unknown = || {
        let what = format!("{path:?}: expected a group of the channel, as /Channel/Application");
        Problem::new(format!("{key}.group"), what)
    };
    let below = path.strip_prefix("/Channel").ok_or_else(unknown)?;
    let mut group = channel;
    for name in below.split('/').skip(1) {
        group = group.groups.get_mut(name).ok_or_else(unknown)?;
    }
    Ok(group)
}

impl AddOrganization {
    fn apply(&self, key: &str, channel: &mut ConfigGroup, folder: &Path) -> Result<(), Problem> {
        let key = format!("{key}.add_organization");
        check_name(&format!("{key}.name"), &self.name)?;
        let msp_id = self.msp_id.clone();
        let msp_id = msp_id.unwrap_or_else(|| format!("{}MSP", self.name));
        check_name(&format!("{key}.msp_id"), &msp_id)?;
        let msp = msp_config(&folder.join(&self.msp_folder), &msp_id)
            .map_err(|error| Problem::new(format!("{key}.msp_folder"), error.to_string()))?;
        let is_peer_org = self.section == SectionName::Application;
        let mut group = org_group(&msp_id, msp, is_peer_org);
        let policies = check_policies(&format!("{key}.policies"), &self.policies)?;
        add_policies(&mut group, &policies);
        let peers = Address::parse_all(&format!("{key}.anchor_peers"), &self.anchor_peers)?;
        Address::parse_all(&format!("{key}.endpoints"), &self.endpoints)?;
        let (other, part) = if is_peer_org {
            (!self.endpoints.is_empty(), "endpoints")
        } else {
            (!peers.is_empty(), "anchor_peers")
        };
        if other {
            let what = format!("an organization of section {:?} has none", self.section);
            return Err(Problem::new(format!("{key}.{part}"), what.to_lowercase()));
        }
        set_anchor_peers(&mut group, &peers);
        if !self.endpoints.is_empty() {
            set_endpoints(&mut group, &self.endpoints);
        }
        let section = section(&key, channel, self.section.group())?;
        section.groups.insert(self.name.clone(), group);
        Ok(())
    }
}

impl RemoveOrganization {
    fn apply(&self, key: &str, channel: &mut ConfigGroup) -> Result<(), Problem> {
        let key = format!("{key}.remove_organization.name");
        let part = self.section.group();
        org(&key, channel, part, &self.name)?;
        section(&key, channel, part)?.groups.remove(&self.name);
        Ok(())
    }
}

impl SetEndpoints {
    fn apply(&self, key: &str, channel: &mut ConfigGroup) -> Result<(), Problem> {
        let key = format!("{key}.set_endpoints");
        Address::parse_all(&format!("{key}.endpoints"), &self.endpoints)?;
        let key = format!("{key}.organization");
        set_endpoints(
            org(&key, channel, "Orderer", &self.organization)?,
            &self.endpoints,
        );
        Ok(())
    }
}

impl SetAnchorPeers {
    fn apply(&self, key: &str, channel: &mut ConfigGroup) -> Result<(), Problem> {
        let key = format!("{key}.set_anchor_peers");
        let peers = Address::parse_all(&format!("{key}.anchor_peers"), &self.anchor_peers)?;
        let key = format!("{key}.organization");
        set_anchor_peers(
            org(&key, channel, "Application", &self.organization)?,
            &peers,
        );
        Ok(())
    }
}

fn set_capabilities(
    key: &str,
    channel: &mut ConfigGroup,
    edit: &RawCapabilities,
) -> Result<(), Problem> {
    if let Some(capability) = edit.channel {
        set_capability(channel, capability.name());
    }
    if let Some(capability) = edit.orderer {
        set_capability(section(key, channel, "Orderer")?, capability.name());
    }
    if let Some(capability) = edit.application {
        set_capability(section(key, channel, "Application")?, capability.name());
    }
    Ok(())
}

impl SetPolicy {
    fn apply(&self, key: &str, channel: &mut ConfigGroup) -> Result<(), Problem> {
        let key = format!("{key}.set_policy");
        check_name(&format!("{key}.name"), &self.name)?;
        let parsed = policy::parse(&self.rule).ok_or_else(|| {
            let what = format!("{:?}: expected {}", self.rule, policy::ALLOWED);
            Problem::new(format!("{key}.rule"), what)
        })?;
        let group = group_at(&key, channel, &self.group)?;
        set_policy(group, &self.name, parsed.policy);
        Ok(())
    }
}

impl RemovePolicy {
    fn apply(&self, key: &str, channel: &mut ConfigGroup) -> Result<(), Problem> {
        let key = format!("{key}.remove_policy");
        let group = group_at(&key, channel, &self.group)?;
        if group.policies.remove(&self.name).is_none() {
            let known: Vec<&str> = group.policies.keys().map(String::as_str).collect();
            let what = format!("{:?}: expected one of {}", self.name, known.join(", "));
            return Err(Problem::new(format!("{key}.name"), what));
        }
        Ok(())
    }
}
