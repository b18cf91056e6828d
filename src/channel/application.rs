//! The application section: the organizations that transact, and the ACLs.
//!
//! Anchor peers and ACLs have no influence on any verdict; they must decode, no more.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::proto::config::{self, ConfigGroup};

use super::capabilities::Capabilities;
use super::error::ConfigError;
use super::msps::{MSP, MspRegistry};
use super::values;

const VALUES: &[&str] = &["ACLs", "Capabilities"];

const ORG_VALUES: &[&str] = &["AnchorPeers", MSP];

/// Path of the section.
pub(super) const PATH: &str = "/Channel/Application";

/// An organization that transacts on the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationOrg {
    /// Name of its group.
    pub group_name: String,
    /// Its MSP.
    pub msp_id: Arc<str>,
    /// Its anchor peers.
    pub anchor_peers: Vec<AnchorPeer>,
}

/// Where an organization's peers meet those of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorPeer {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: i32,
}

/// The section's content.
pub(super) struct ApplicationSection {
    /// In the order of the groups' names.
    pub(super) orgs: Vec<ApplicationOrg>,
    /// The policy that guards a resource, by the resource's name.
    pub(super) acls: BTreeMap<String, String>,
}

impl ApplicationSection {
    /// Fabric: `common/channelconfig/application.go:NewApplicationConfig`.
    pub(super) fn read<'a>(
        group: &ConfigGroup<'a>,
        capabilities: &Capabilities,
        msps: &mut MspRegistry<'a>,
    ) -> Result<Self, ConfigError> {
        values::check_known(group, PATH, VALUES)?;
        values::read::<config::Capabilities<'_>>(group, PATH, "Capabilities")?;
        let acls: config::Acls<'_> = values::read(group, PATH, "ACLs")?;
        if !capabilities.application().acls && group.values.contains_key("ACLs") {
            return Err(ConfigError::AclsTooEarly);
        }
        let mut orgs = Vec::with_capacity(group.groups.len());
        for (name, org) in &group.groups {
            orgs.push(ApplicationOrg::read(name, org, msps)?);
        }
        Ok(Self {
            orgs,
            acls: acls.acls.iter().filter_map(absolute_acl).collect(),
        })
    }
}

/// An ACL with its policy's absolute path. Empty ones mean the resource's default.
///
/// Fabric: `common/channelconfig/acls.go:newAPIsProvider`.
fn absolute_acl((resource, acl): (&&str, &config::ApiResource<'_>)) -> Option<(String, String)> {
    let policy = match acl.policy_ref {
        "" => return None,
        absolute if absolute.starts_with('/') => absolute.to_owned(),
        relative => format!("{PATH}/{relative}"),
    };
    Some(((*resource).to_owned(), policy))
}

impl ApplicationOrg {
    /// Fabric: `common/channelconfig/applicationorg.go:NewApplicationOrgConfig`.
    fn read<'a>(
        name: &str,
        group: &ConfigGroup<'a>,
        msps: &mut MspRegistry<'a>,
    ) -> Result<Self, ConfigError> {
        let path = format!("{PATH}/{name}");
        values::check_no_groups(group, &path, "none in an application organization")?;
        values::check_known(group, &path, ORG_VALUES)?;
        let anchors: config::AnchorPeers<'_> = values::read(group, &path, "AnchorPeers")?;
        let anchor_peers = anchors
            .anchor_peers
            .iter()
            .map(|anchor| AnchorPeer {
                host: anchor.host.to_owned(),
                port: anchor.port,
            })
            .collect();
        Ok(Self {
            group_name: name.to_owned(),
            msp_id: msps.define(group, &path)?,
            anchor_peers,
        })
    }
}
