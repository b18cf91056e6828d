//! Config updates: from an edited configuration to the envelope that an orderer makes of it.

use std::collections::BTreeMap;

use prost::Message as _;

use super::identity::Identity;
use super::wire::Wire;
use crate::proto::messages::common::{
    Config, ConfigGroup, ConfigPolicy, ConfigUpdate as Update, ConfigValue,
};

/// An update from one configuration to another, with who signed it.
#[derive(Debug, Clone)]
pub struct ConfigUpdate {
    /// The next configuration: versions raised where something changed, sequence one up.
    pub next: Config,
    /// The serialized `ConfigUpdate`.
    pub update: Vec<u8>,
    /// Serialized `ConfigSignature`s.
    pub signatures: Vec<Vec<u8>>,
    channel: String,
}

impl ConfigUpdate {
    /// What leads from `current` to the channel group that `edit` makes of it.
    #[must_use]
    pub fn new(channel: &str, current: &Config, edit: impl FnOnce(&mut ConfigGroup)) -> Self {
        let old = current.channel_group.clone().unwrap_or_default();
        let mut new = old.clone();
        edit(&mut new);
        let difference = difference(&old, &new);
        let update = Update {
            channel_id: channel.to_owned(),
            read_set: Some(difference.read),
            write_set: Some(difference.write),
            ..Update::default()
        };
        let next = Config {
            sequence: current.sequence + 1,
            channel_group: Some(difference.next),
        };
        Self {
            next,
            update: update.encode_to_vec(),
            signatures: Vec::new(),
            channel: channel.to_owned(),
        }
    }

    /// Signed by these, too.
    #[must_use]
    pub fn signed_by<'i>(mut self, signers: impl IntoIterator<Item = &'i Identity>) -> Self {
        for signer in signers {
            let header = Wire::new()
                .bytes(1, signer.serialized())
                .bytes(2, "nonce of a config update")
                .done();
            let signature = signer.sign(&[&header, &self.update]);
            let entry = Wire::new().bytes(1, header).bytes(2, signature);
            self.signatures.push(entry.done());
        }
        self
    }

    /// The update's own envelope, of type CONFIG_UPDATE, submitted by `creator`.
    #[must_use]
    pub fn update_envelope(&self, creator: &Identity) -> Vec<u8> {
        let data = Wire::new().bytes(1, &self.update);
        let data = data.elements(2, &self.signatures).done();
        signed_envelope(2, &self.channel, creator, &data)
    }

    /// The `ConfigEnvelope` that the orderer makes.
    #[must_use]
    pub fn config_envelope(&self, creator: &Identity) -> Vec<u8> {
        Wire::new()
            .element(1, self.next.encode_to_vec())
            .element(2, self.update_envelope(creator))
            .done()
    }

    /// The config transaction: this update, submitted by `creator`, applied by `orderer`.
    #[must_use]
    pub fn envelope(&self, creator: &Identity, orderer: &Identity) -> Vec<u8> {
        config_envelope(&self.channel, orderer, &self.config_envelope(creator))
    }
}

/// A config transaction with these data, signed by an orderer.
#[must_use]
pub fn config_envelope(channel: &str, orderer: &Identity, data: &[u8]) -> Vec<u8> {
    signed_envelope(1, channel, orderer, data)
}

fn signed_envelope(header_type: u64, channel: &str, creator: &Identity, data: &[u8]) -> Vec<u8> {
    let channel_header = Wire::new()
        .uint(1, header_type)
        .bytes(3, Wire::new().uint(1, 1_750_000_000))
        .bytes(4, channel);
    let signature_header = Wire::new()
        .bytes(1, creator.serialized())
        .bytes(2, &crate::crypto::sha256(data).0[..24]);
    let header = Wire::new()
        .bytes(1, channel_header)
        .bytes(2, signature_header);
    let payload = Wire::new().element(1, header).bytes(2, data).done();
    let signature = creator.sign(&[&payload]);
    Wire::new().bytes(1, payload).bytes(2, signature).done()
}

/// What differs between two groups.
struct Difference {
    read: ConfigGroup,
    write: ConfigGroup,
    /// The new group with versions raised.
    next: ConfigGroup,
    changed: bool,
}

/// Fabric: `internal/configtxlator/update/update.go:computeGroupUpdate`.
fn difference(old: &ConfigGroup, new: &ConfigGroup) -> Difference {
    let values = members(&old.values, &new.values);
    let policies = members(&old.policies, &new.policies);
    let mut read = ConfigGroup {
        version: old.version,
        ..ConfigGroup::default()
    };
    let mut write = read.clone();
    let mut next = ConfigGroup {
        version: old.version,
        groups: BTreeMap::new(),
        values: values.next,
        policies: policies.next,
        mod_policy: new.mod_policy.clone(),
    };
    let mut same = BTreeMap::new();
    let mut own = values.membership || policies.membership || old.mod_policy != new.mod_policy;
    own |= old.groups.keys().any(|key| !new.groups.contains_key(key));
    for (key, group) in &new.groups {
        let known = old.groups.get(key);
        own |= known.is_none();
        let empty = ConfigGroup::default();
        let mut below = difference(known.unwrap_or(&empty), group);
        if known.is_none() {
            below.next.version = 0;
            below.write.version = 0;
            below.write.mod_policy.clone_from(&group.mod_policy);
            write.groups.insert(key.clone(), below.write);
        } else if below.changed {
            read.groups.insert(key.clone(), below.read);
            write.groups.insert(key.clone(), below.write);
        } else {
            same.insert(key.clone(), below.read);
        }
        next.groups.insert(key.clone(), below.next);
    }
    let changed = own
        || !write.groups.is_empty()
        || !values.written.is_empty()
        || !policies.written.is_empty();
    write.values = values.written;
    write.policies = policies.written;
    if own {
        read.groups.extend(same.clone());
        write.groups.extend(same);
        read.values.extend(values.same.clone());
        write.values.extend(values.same);
        read.policies.extend(policies.same.clone());
        write.policies.extend(policies.same);
        write.version += 1;
        write.mod_policy.clone_from(&new.mod_policy);
        next.version += 1;
    }
    Difference {
        read,
        write,
        next,
        changed,
    }
}

/// A value or a policy.
trait Element: Clone {
    fn version(&self) -> u64;
    fn set_version(&mut self, version: u64);
    fn says_the_same(&self, other: &Self) -> bool;
    fn reference(version: u64) -> Self;
}

impl Element for ConfigValue {
    fn version(&self) -> u64 {
        self.version
    }

    fn set_version(&mut self, version: u64) {
        self.version = version;
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.value == other.value && self.mod_policy == other.mod_policy
    }

    fn reference(version: u64) -> Self {
        Self {
            version,
            ..Self::default()
        }
    }
}

impl Element for ConfigPolicy {
    fn version(&self) -> u64 {
        self.version
    }

    fn set_version(&mut self, version: u64) {
        self.version = version;
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.policy == other.policy && self.mod_policy == other.mod_policy
    }

    fn reference(version: u64) -> Self {
        Self {
            version,
            ..Self::default()
        }
    }
}

/// What differs between the values or policies of two groups.
struct Members<T> {
    /// References to those that stayed.
    same: BTreeMap<String, T>,
    written: BTreeMap<String, T>,
    next: BTreeMap<String, T>,
    /// Whether some came or went.
    membership: bool,
}

fn members<T: Element>(old: &BTreeMap<String, T>, new: &BTreeMap<String, T>) -> Members<T> {
    let mut members = Members {
        same: BTreeMap::new(),
        written: BTreeMap::new(),
        next: BTreeMap::new(),
        membership: old.keys().any(|key| !new.contains_key(key)),
    };
    for (key, element) in new {
        let mut element = element.clone();
        match old.get(key) {
            Some(known) if known.says_the_same(&element) => {
                let reference = T::reference(known.version());
                members.same.insert(key.clone(), reference);
                element.set_version(known.version());
            }
            known => {
                members.membership |= known.is_none();
                element.set_version(known.map_or(0, |known| known.version() + 1));
                members.written.insert(key.clone(), element.clone());
            }
        }
        members.next.insert(key.clone(), element);
    }
    members
}
