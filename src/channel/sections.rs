//! What a configuration's root group says: its own values and its three sections.
//!
//! Invariant: a [`Sections`] exists only of a configuration in which every key is legal, every
//! value is known and decodes, every MSP is set up and every capability is supported. Policies are
//! not looked at here.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::msp::Msp;
use crate::proto::config::{self, ConfigGroup};

use super::application::ApplicationSection;
use super::capabilities::Capabilities;
use super::error::{CapabilityLevel, ConfigError, Element};
use super::ids;
use super::msps::{MSP, MspRegistry};
use super::orderer::OrdererConfig;
use super::{application, orderer, values};

/// Path of the root group.
pub(super) const ROOT: &str = "/Channel";

const CONSORTIUMS_PATH: &str = "/Channel/Consortiums";

const VALUES: &[&str] = &[
    "HashingAlgorithm",
    "BlockDataHashingStructure",
    "OrdererAddresses",
    "Orderers",
    "Consortium",
    "Capabilities",
];

/// A configuration's content, without its policies.
pub(super) struct Sections {
    pub(super) capabilities: Capabilities,
    pub(super) application: ApplicationSection,
    pub(super) orderer: OrdererConfig,
    pub(super) consortiums: Option<Consortiums>,
    /// In the order of their ids.
    pub(super) msps: Vec<Arc<Msp>>,
}

/// MSP ids by organization group, by consortium. Peers' channels normally have no such section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Consortiums(pub(super) BTreeMap<String, BTreeMap<String, Arc<str>>>);

impl Sections {
    /// Reads and checks everything below `root` but the policies.
    ///
    /// Fabric refuses the same configurations, in an order that depends on Go's maps. Here unknown
    /// capabilities come first: they are the likely cause of everything else that looks wrong.
    ///
    /// Fabric: `common/channelconfig/channel.go:NewChannelConfig`, `bundle.go:preValidate`.
    pub(super) fn read(root: &ConfigGroup<'_>) -> Result<Self, ConfigError> {
        let capabilities = read_capabilities(root)?;
        capabilities.check_supported()?;
        check_keys(root, ROOT)?;
        check_orderer_capabilities(root)?;
        let global_addresses = check_channel_values(root, &capabilities)?;
        check_groups(root)?;

        let mut msps = MspRegistry::new(capabilities.msp_version());
        let application =
            ApplicationSection::read(section(root, "Application")?, &capabilities, &mut msps)?;
        let orderer = OrdererConfig::read(
            section(root, "Orderer")?,
            &capabilities,
            global_addresses,
            &mut msps,
        )?;
        let consortiums = match root.groups.get("Consortiums") {
            Some(group) => Some(Consortiums::read(group, &mut msps)?),
            None => None,
        };
        Ok(Self {
            capabilities,
            application,
            orderer,
            consortiums,
            msps: msps.into_msps(),
        })
    }
}

/// A section that a peer needs. Fabric's peer refuses to join without either, and an update can
/// not remove them.
fn section<'r, 'a>(
    root: &'r ConfigGroup<'a>,
    group: &'static str,
) -> Result<&'r ConfigGroup<'a>, ConfigError> {
    root.groups
        .get(group)
        .ok_or(ConfigError::MissingSection { group })
}

fn read_capabilities(root: &ConfigGroup<'_>) -> Result<Capabilities, ConfigError> {
    let of = |group: Option<&ConfigGroup<'_>>, path| match group {
        Some(group) => {
            let set: config::Capabilities<'_> = values::read(group, path, "Capabilities")?;
            Ok::<_, ConfigError>(set.capabilities.keys().map(|&name| name.into()).collect())
        }
        None => Ok(Default::default()),
    };
    Ok(Capabilities::new(
        of(Some(root), ROOT)?,
        of(root.groups.get("Application"), application::PATH)?,
        of(root.groups.get("Orderer"), orderer::PATH)?,
    ))
}

/// Fabric: `common/configtx/configmap.go:addToMap`. The tree is no deeper than its decoder allows.
fn check_keys(group: &ConfigGroup<'_>, path: &str) -> Result<(), ConfigError> {
    if let Some(key) = group.values.keys().find(|key| !ids::is_legal(key)) {
        return Err(ConfigError::IllegalKey {
            element: Element::value(path, key),
        });
    }
    if let Some(key) = group.policies.keys().find(|key| !ids::is_legal(key)) {
        return Err(ConfigError::IllegalKey {
            element: Element::policy(path, key),
        });
    }
    for (key, child) in &group.groups {
        let path = format!("{path}/{key}");
        if !ids::is_legal(key) {
            return Err(ConfigError::IllegalKey {
                element: Element::group(&path),
            });
        }
        check_keys(child, &path)?;
    }
    Ok(())
}

/// Fabric: `common/channelconfig/bundle.go:preValidate`.
fn check_orderer_capabilities(root: &ConfigGroup<'_>) -> Result<(), ConfigError> {
    let has = |group: &ConfigGroup<'_>| group.values.contains_key("Capabilities");
    if root.groups.get("Orderer").is_none_or(has) {
        return Ok(());
    }
    if has(root) {
        return Err(ConfigError::NoOrdererCapabilities {
            level: CapabilityLevel::Channel,
        });
    }
    if root.groups.get("Application").is_some_and(has) {
        return Err(ConfigError::NoOrdererCapabilities {
            level: CapabilityLevel::Application,
        });
    }
    Ok(())
}

/// Checks the root group's own values and returns the global orderer addresses.
///
/// Fabric: `common/channelconfig/channel.go:Validate`. SHA3 is accepted and changes nothing.
fn check_channel_values(
    root: &ConfigGroup<'_>,
    capabilities: &Capabilities,
) -> Result<Vec<String>, ConfigError> {
    values::check_known(root, ROOT, VALUES)?;
    let hashing: config::HashingAlgorithm<'_> = values::read(root, ROOT, "HashingAlgorithm")?;
    let structure: config::BlockDataHashingStructure =
        values::read(root, ROOT, "BlockDataHashingStructure")?;
    let addresses: config::OrdererAddresses<'_> = values::read(root, ROOT, "OrdererAddresses")?;
    // Nothing looks at these two, but what does not decode makes the configuration invalid.
    values::read::<config::Orderers<'_>>(root, ROOT, "Orderers")?;
    values::read::<config::Consortium<'_>>(root, ROOT, "Consortium")?;
    if hashing.name != "SHA256" && hashing.name != "SHA3_256" {
        return Err(ConfigError::HashingAlgorithm {
            found: hashing.name.to_owned(),
        });
    }
    if structure.width != u32::MAX {
        return Err(ConfigError::HashingWidth {
            found: structure.width,
        });
    }
    let count = addresses.addresses.len();
    if !capabilities.org_specific_orderer_endpoints() && count == 0 {
        return Err(ConfigError::NoOrdererAddresses);
    }
    if capabilities.bft() && count > 0 {
        return Err(ConfigError::GlobalOrdererAddresses { count });
    }
    Ok(addresses
        .addresses
        .iter()
        .map(|&address| address.to_owned())
        .collect())
}

fn check_groups(root: &ConfigGroup<'_>) -> Result<(), ConfigError> {
    let known = ["Application", "Orderer", "Consortiums"];
    match root.groups.keys().find(|name| !known.contains(name)) {
        Some(name) => Err(ConfigError::UnexpectedGroup {
            path: ROOT.to_owned(),
            name: (*name).to_owned(),
            expected: "Application, Orderer or Consortiums",
        }),
        None => Ok(()),
    }
}

impl Consortiums {
    /// The section's own values are not looked at, whatever they are.
    ///
    /// Fabric: `common/channelconfig/consortiums.go`, `consortium.go`, `organization.go`.
    fn read<'a>(group: &ConfigGroup<'a>, msps: &mut MspRegistry<'a>) -> Result<Self, ConfigError> {
        let mut consortiums = BTreeMap::new();
        for (name, consortium) in &group.groups {
            let path = format!("{CONSORTIUMS_PATH}/{name}");
            values::check_known(consortium, &path, &["ChannelCreationPolicy"])?;
            values::read::<config::Policy<'_>>(consortium, &path, "ChannelCreationPolicy")?;
            let mut orgs = BTreeMap::new();
            for (name, org) in &consortium.groups {
                let path = format!("{path}/{name}");
                values::check_no_groups(org, &path, "none in a consortium's organization")?;
                values::check_known(org, &path, &[MSP])?;
                orgs.insert((*name).to_owned(), msps.define(org, &path)?);
            }
            consortiums.insert((*name).to_owned(), orgs);
        }
        Ok(Self(consortiums))
    }
}
