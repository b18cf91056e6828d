//! Configurations to edit, and updates between them.

use std::error::Error;
use std::sync::OnceLock;

use crate::channel::update::{encode_config_envelope, encode_config_group};
use crate::channel::{Bundle, ConfigBlock, ConfigError};
use crate::proto::config::{
    Config, ConfigEnvelope, ConfigGroup, ConfigPolicy, ConfigValue, Policy,
};
use crate::proto::wire::{Message, put_bytes, put_element, put_uint, take_varint};
use crate::types::ChannelId;

pub(crate) type Group = ConfigGroup<'static>;

/// A signature policy that everybody satisfies: 0 of nothing.
pub(crate) const ALWAYS: &[u8] = b"\x12\x02\x12\x00";
/// A signature policy that nobody satisfies: 1 of nothing.
pub(crate) const NEVER: &[u8] = b"\x12\x04\x12\x02\x08\x01";

/// The recorded blocks: a genesis block and a config update with real signatures.
pub(crate) fn blocks() -> &'static [Vec<u8>] {
    static BLOCKS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    BLOCKS.get_or_init(|| {
        let packed = include_bytes!("../testdata/config-blocks.pb.zst");
        let bytes = zstd::decode_all(&packed[..]).unwrap();
        let mut rest = &bytes[..];
        let mut blocks = Vec::new();
        while !rest.is_empty() {
            let length = take_varint(&mut rest).unwrap();
            let (block, after) = rest.split_at(usize::try_from(length).unwrap());
            blocks.push(block.to_vec());
            rest = after;
        }
        blocks
    })
}

pub(crate) fn channel() -> ChannelId {
    ChannelId::new("config").unwrap()
}

/// The genesis block's configuration.
pub(crate) fn root() -> Group {
    let block = ConfigBlock::read(&blocks()[0]).unwrap();
    let envelope = ConfigEnvelope::decode(block.config_envelope).unwrap();
    envelope.config.unwrap().channel_group.unwrap()
}

/// The genesis block's configuration with policies that need no signature.
pub(crate) fn open_root() -> Group {
    let mut root = root();
    open_policies(&mut root);
    root
}

fn open_policies(group: &mut Group) {
    for policy in group.policies.values_mut() {
        *policy = signature_policy(ALWAYS);
    }
    group.groups.values_mut().for_each(open_policies);
}

pub(crate) fn signature_policy(envelope: &'static [u8]) -> ConfigPolicy<'static> {
    let policy = Policy {
        r#type: 1,
        value: envelope,
        ..Policy::default()
    };
    ConfigPolicy {
        policy: Some(policy),
        mod_policy: "Admins",
        ..ConfigPolicy::default()
    }
}

/// The group at `path` below `root`, such as `Orderer/OrdererOrg`.
pub(crate) fn at<'g>(root: &'g mut Group, path: &str) -> &'g mut Group {
    path.split('/')
        .filter(|key| !key.is_empty())
        .fold(root, |group, key| group.groups.get_mut(key).unwrap())
}

/// Sets a value's bytes.
pub(crate) fn set(root: &mut Group, path: &str, key: &'static str, bytes: &[u8]) {
    let value = at(root, path).values.entry(key).or_default();
    value.value = leak(bytes.to_vec());
    value.mod_policy = "Admins";
}

/// Sets a value of capabilities.
pub(crate) fn set_capabilities(root: &mut Group, path: &str, names: &[&str]) {
    let mut bytes = Vec::new();
    for name in names {
        let mut entry = Vec::new();
        put_element(&mut entry, 1, name.as_bytes());
        put_element(&mut entry, 2, b"");
        put_element(&mut bytes, 1, &entry);
    }
    set(root, path, "Capabilities", &bytes);
}

pub(crate) fn leak(bytes: Vec<u8>) -> &'static [u8] {
    Vec::leak(bytes)
}

/// A message with one length-delimited field.
pub(crate) fn message(number: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_element(&mut out, number, value);
    out
}

pub(crate) fn value(version: u64, bytes: &'static [u8]) -> ConfigValue<'static> {
    ConfigValue {
        version,
        value: bytes,
        mod_policy: "Admins",
        ..ConfigValue::default()
    }
}

/// A config envelope without a last update.
pub(crate) fn envelope(sequence: u64, root: &Group) -> Vec<u8> {
    let config = Config {
        sequence,
        channel_group: Some(root.clone()),
    };
    encode_config_envelope(&config, b"")
}

/// `ok`, or the error and its causes.
pub(crate) fn verdict(result: Result<Bundle, ConfigError>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => {
            let causes = std::iter::successors(error.source(), |&cause| cause.source());
            causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
        }
    }
}

/// The verdict on the genesis configuration with one edit.
pub(crate) fn check_config(edit: impl Fn(&mut Group), expected: &str) {
    let mut root = root();
    edit(&mut root);
    assert_eq!(
        verdict(Bundle::from_genesis(&channel(), &envelope(0, &root))),
        expected
    );
}

/// The verdict on a valid update with one edit.
pub(crate) fn check_update(edit: impl Fn(&mut Case), expected: &str) {
    let mut case = Case::new();
    edit(&mut case);
    let verdict = case.verdict();
    let verdict = verdict
        .strip_prefix("the config update is refused: ")
        .unwrap_or(&verdict);
    assert_eq!(verdict, expected);
}

/// An update: the current configuration, what the update says, and the configuration that it is
/// claimed to lead to.
pub(crate) struct Case {
    pub(crate) current: Group,
    pub(crate) channel: &'static str,
    pub(crate) header_type: u64,
    pub(crate) read: Option<Group>,
    pub(crate) write: Option<Group>,
    /// Serialized `ConfigSignature`s.
    pub(crate) signatures: Vec<Vec<u8>>,
    pub(crate) sequence: u64,
    pub(crate) next: Group,
}

impl Case {
    /// A valid update of the batch timeout.
    pub(crate) fn new() -> Self {
        let current = open_root();
        let mut write = Group::default();
        let mut orderer = Group::default();
        orderer
            .values
            .insert("BatchTimeout", value(1, b"\x0a\x023s"));
        write.groups.insert("Orderer", orderer);
        let mut next = current.clone();
        at(&mut next, "Orderer")
            .values
            .insert("BatchTimeout", value(1, b"\x0a\x023s"));
        let mut read = Group::default();
        read.groups.insert("Orderer", Group::default());
        Self {
            current,
            channel: "config",
            header_type: 2,
            read: Some(read),
            write: Some(write),
            signatures: Vec::new(),
            sequence: 1,
            next,
        }
    }

    pub(crate) fn read(&mut self, path: &str) -> &mut Group {
        at(self.read.as_mut().unwrap(), path)
    }

    pub(crate) fn write(&mut self, path: &str) -> &mut Group {
        at(self.write.as_mut().unwrap(), path)
    }

    /// The same edit of the current and of the new configuration.
    pub(crate) fn both(&mut self, edit: impl Fn(&mut Group)) {
        edit(&mut self.current);
        edit(&mut self.next);
    }

    /// The update's envelope.
    pub(crate) fn update(&self) -> Vec<u8> {
        let mut update = Vec::new();
        put_bytes(&mut update, 1, self.channel.as_bytes());
        for (number, set) in [(2, &self.read), (3, &self.write)] {
            if let Some(set) = set {
                put_element(&mut update, number, &encode_config_group(set));
            }
        }
        update_envelope(self.header_type, &update, &self.signatures)
    }

    /// The next config envelope.
    pub(crate) fn envelope(&self) -> Vec<u8> {
        let config = Config {
            sequence: self.sequence,
            channel_group: Some(self.next.clone()),
        };
        encode_config_envelope(&config, &self.update())
    }

    pub(crate) fn verdict(&self) -> String {
        let current = Bundle::from_genesis(&channel(), &envelope(0, &self.current)).unwrap();
        verdict(current.apply(&self.envelope()))
    }
}

/// A `common.Envelope` around a serialized `ConfigUpdate`.
pub(crate) fn update_envelope(header_type: u64, update: &[u8], signatures: &[Vec<u8>]) -> Vec<u8> {
    let mut data = Vec::new();
    put_bytes(&mut data, 1, update);
    for signature in signatures {
        put_element(&mut data, 2, signature);
    }
    let mut channel_header = Vec::new();
    put_uint(&mut channel_header, 1, header_type);
    let mut payload = message(1, &message(1, &channel_header));
    put_bytes(&mut payload, 2, &data);
    message(1, &payload)
}
