//! Configurations written again: what an orderer puts into a config block.
//!
//! Maps are written in the order of their keys, unknown fields behind the known ones.

use crate::proto::config::{Config, ConfigGroup, ConfigPolicy, ConfigValue, Policy, UnknownField};
use crate::proto::wire::{put_bytes, put_element, put_uint, put_varint};

/// A serialized `common.ConfigEnvelope`. `last_update` is the serialized `common.Envelope` of the
/// update that led to `config`.
///
/// Recurses along the groups, which a valid configuration has few levels of.
#[must_use]
pub fn encode_config_envelope(config: &Config<'_>, last_update: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_element(&mut out, 1, &encode_config(config));
    put_element(&mut out, 2, last_update);
    out
}

fn encode_config(config: &Config<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_uint(&mut out, 1, config.sequence);
    if let Some(group) = &config.channel_group {
        put_element(&mut out, 2, &encode_config_group(group));
    }
    out
}

/// A serialized `common.ConfigGroup`.
///
/// Recurses along the groups.
#[must_use]
pub fn encode_config_group(group: &ConfigGroup<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_uint(&mut out, 1, group.version);
    for (key, group) in &group.groups {
        put_entry(&mut out, 2, key, &encode_config_group(group));
    }
    for (key, value) in &group.values {
        put_entry(&mut out, 3, key, &encode_value(value));
    }
    for (key, policy) in &group.policies {
        put_entry(&mut out, 4, key, &encode_policy(policy));
    }
    put_bytes(&mut out, 5, group.mod_policy.as_bytes());
    put_unknown(&mut out, &group.unknown);
    out
}

fn encode_value(value: &ConfigValue<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_uint(&mut out, 1, value.version);
    put_bytes(&mut out, 2, value.value);
    put_bytes(&mut out, 3, value.mod_policy.as_bytes());
    put_unknown(&mut out, &value.unknown);
    out
}

fn encode_policy(policy: &ConfigPolicy<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_uint(&mut out, 1, policy.version);
    if let Some(inner) = &policy.policy {
        put_element(&mut out, 2, &encode_inner_policy(inner));
    }
    put_bytes(&mut out, 3, policy.mod_policy.as_bytes());
    put_unknown(&mut out, &policy.unknown);
    out
}

fn encode_inner_policy(policy: &Policy<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    // Go writes negative enum values with their sign extended.
    put_uint(&mut out, 1, i64::from(policy.r#type).cast_unsigned());
    put_bytes(&mut out, 2, policy.value);
    put_unknown(&mut out, &policy.unknown);
    out
}

fn put_entry(out: &mut Vec<u8>, number: u32, key: &str, message: &[u8]) {
    let mut entry = Vec::with_capacity(key.len() + message.len() + 12);
    put_element(&mut entry, 1, key.as_bytes());
    put_element(&mut entry, 2, message);
    put_element(out, number, &entry);
}

fn put_unknown(out: &mut Vec<u8>, unknown: &[UnknownField<'_>]) {
    for field in unknown {
        put_varint(
            out,
            u64::from(field.number) << 3 | u64::from(field.wire_type),
        );
        out.extend_from_slice(field.raw);
    }
}
