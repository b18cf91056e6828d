//! Readers for the channel configuration: config envelopes, groups, values, policies, updates.
//!
//! Groups, values and policies keep their unknown fields, since a config update is compared with the
//! new configuration including them (validation-spec 7.3).

use std::collections::BTreeMap;

use super::wire::{Field, Message, RawBytes, Value, WireError, map_entry, wire_message};

wire_message! {
    /// `common.ConfigEnvelope`.
    ConfigEnvelope<'a> {
        /// The configuration.
        config = 1: message(Config<'a>),
        /// The `common.Envelope` of the update that led to it.
        last_update = 2: message(super::common::Envelope<'a>),
    }
}

wire_message! {
    /// `common.Config`.
    Config<'a> {
        /// One more with each update.
        sequence = 1: u64,
        /// The root group.
        channel_group = 2: message(ConfigGroup<'a>),
    }
}

wire_message! {
    /// `common.ConfigUpdateEnvelope`.
    ConfigUpdateEnvelope<'a> {
        /// A serialized [`ConfigUpdate`].
        config_update = 1: bytes,
        /// Who agreed to it.
        signatures = 2: repeated(ConfigSignature<'a>),
    }
}

wire_message! {
    /// `common.ConfigSignature`.
    ConfigSignature<'a> {
        /// A serialized `SignatureHeader`.
        signature_header = 1: bytes,
        /// Over `signature_header` and the config update.
        signature = 2: bytes,
    }
}

/// `common.ConfigUpdate`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigUpdate<'a> {
    /// The channel it is for.
    pub channel_id: &'a str,
    /// What was read, by version.
    pub read_set: Option<ConfigGroup<'a>>,
    /// What is written.
    pub write_set: Option<ConfigGroup<'a>>,
    /// Never interpreted.
    pub isolated_data: BTreeMap<&'a str, &'a [u8]>,
}

impl<'a> Message<'a> for ConfigUpdate<'a> {
    fn take_field(&mut self, field: &Field<'a>, depth: u32) -> Result<bool, WireError> {
        match (field.number, field.value) {
            (1, Value::Bytes(bytes)) => self.channel_id = super::wire::utf8(bytes)?,
            (2, Value::Bytes(bytes)) => {
                self.read_set.get_or_insert_default().merge(bytes, depth)?
            }
            (3, Value::Bytes(bytes)) => {
                self.write_set.get_or_insert_default().merge(bytes, depth)?
            }
            (5, value) => {
                let Some((key, data)) = map_entry::<RawBytes<'a>>(value, depth)? else {
                    return Ok(false);
                };
                self.isolated_data.insert(key, data.0);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Declares a configuration element: its fields, and `unknown`, the unknown fields in their order.
macro_rules! config_element {
    ($(#[$meta:meta])* $name:ident { $( $(#[$fmeta:meta])* $field:ident = $number:literal : $kind:ident $(($inner:ty))? ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name<'a> {
            $( $(#[$fmeta])* pub $field: super::wire::field_type!($kind $(($inner))?), )*
            /// Fields that the message does not define, in their order.
            pub unknown: Vec<UnknownField<'a>>,
        }
        impl<'a> Message<'a> for $name<'a> {
            fn take_field(&mut self, field: &Field<'a>, depth: u32) -> Result<bool, WireError> {
                let _ = depth;
                match (field.number, field.value) {
                    $( ($number, super::wire::field_pattern!($kind value)) => {
                        super::wire::field_take!(self.$field, value, depth, $kind $(($inner))?);
                    } )*
                    _ => return Ok(false),
                }
                Ok(true)
            }

            fn take_unknown(&mut self, field: &Field<'a>) {
                self.unknown.push(UnknownField {
                    number: field.number,
                    wire_type: field.wire_type,
                    raw: field.raw,
                });
            }
        }
        #[cfg(test)]
        impl crate::proto::tests::shape::Shape for $name<'_> {
            const FIELDS: &'static [(&'static str, u32, &'static str)] =
                &[$( (stringify!($field), $number, stringify!($kind $(($inner))?)) ),*];
            fn write(&self, out: &mut Vec<u8>) {
                $( crate::proto::tests::shape::put_field!(out, $number, self.$field, $kind); )*
                for field in &self.unknown {
                    let tag = u64::from(field.number) << 3 | u64::from(field.wire_type);
                    super::wire::put_varint(out, tag);
                    out.extend_from_slice(field.raw);
                }
            }
        }
    };
}

/// A field that its message does not define.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownField<'a> {
    /// The field's number.
    pub number: u32,
    /// Its wire type.
    pub wire_type: u8,
    /// Its value's bytes as they stand.
    pub raw: &'a [u8],
}

config_element! {
    /// `common.ConfigGroup`.
    ConfigGroup {
        /// One more with each change of membership.
        version = 1: u64,
        /// Child groups.
        groups = 2: map(ConfigGroup<'a>),
        /// Values.
        values = 3: map(ConfigValue<'a>),
        /// Policies.
        policies = 4: map(ConfigPolicy<'a>),
        /// Who may change the group.
        mod_policy = 5: string,
    }
}

config_element! {
    /// `common.ConfigValue`.
    ConfigValue {
        /// One more with each change.
        version = 1: u64,
        /// A serialized message, which one the key says.
        value = 2: bytes,
        /// Who may change it.
        mod_policy = 3: string,
    }
}

config_element! {
    /// `common.ConfigPolicy`.
    ConfigPolicy {
        /// One more with each change.
        version = 1: u64,
        /// The policy.
        policy = 2: message(Policy<'a>),
        /// Who may change it.
        mod_policy = 3: string,
    }
}

config_element! {
    /// `common.Policy`.
    Policy {
        /// SIGNATURE 1, MSP 2, IMPLICIT_META 3.
        r#type = 1: i32,
        /// A serialized `SignaturePolicyEnvelope` or [`ImplicitMetaPolicy`].
        value = 2: bytes,
    }
}

wire_message! {
    /// `common.ImplicitMetaPolicy`.
    ImplicitMetaPolicy<'a> {
        /// The name of the children's policy.
        sub_policy = 1: string,
        /// ANY 0, ALL 1, MAJORITY 2.
        rule = 2: i32,
    }
}

wire_message! {
    /// `common.HashingAlgorithm`.
    HashingAlgorithm<'a> {
        /// `SHA256` or `SHA3_256`.
        name = 1: string,
    }
}

wire_message! {
    /// `common.BlockDataHashingStructure`.
    BlockDataHashingStructure {
        /// Always 2^32-1.
        width = 1: u32,
    }
}

wire_message! {
    /// `common.OrdererAddresses`, and `protos`' list of endpoints.
    OrdererAddresses<'a> {
        /// `host:port`.
        addresses = 1: repeated_string,
    }
}

wire_message! {
    /// `common.Orderers`.
    Orderers<'a> {
        /// The consenters of a BFT channel.
        consenter_mapping = 1: repeated(Consenter<'a>),
    }
}

wire_message! {
    /// `common.Consenter`.
    Consenter<'a> {
        /// The id used in block signatures.
        id = 1: u32,
        /// Where it listens.
        host = 2: string,
        /// Where it listens.
        port = 3: u32,
        /// Its MSP.
        msp_id = 4: string,
        /// PEM certificate.
        identity = 5: bytes,
        /// PEM certificate.
        client_tls_cert = 6: bytes,
        /// PEM certificate.
        server_tls_cert = 7: bytes,
    }
}

wire_message! {
    /// `common.Consortium`.
    Consortium<'a> {
        /// Its name.
        name = 1: string,
    }
}

wire_message! {
    /// `common.Capabilities`.
    Capabilities<'a> {
        /// By name.
        capabilities = 1: map(Capability),
    }
}

/// `common.Capability`: no fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capability;

impl<'a> Message<'a> for Capability {
    fn take_field(&mut self, _field: &Field<'a>, _depth: u32) -> Result<bool, WireError> {
        Ok(false)
    }
}

wire_message! {
    /// `orderer.ConsensusType`.
    ConsensusType<'a> {
        /// `etcdraft`, `BFT`, `solo`.
        r#type = 1: string,
        /// The type's own data.
        metadata = 2: bytes,
        /// NORMAL 0, MAINTENANCE 1.
        state = 3: i32,
    }
}

wire_message! {
    /// `orderer.BatchSize`.
    BatchSize {
        /// Transactions per block.
        max_message_count = 1: u32,
        /// Bytes per block at most.
        absolute_max_bytes = 2: u32,
        /// Bytes per block as a rule.
        preferred_max_bytes = 3: u32,
    }
}

wire_message! {
    /// `orderer.BatchTimeout`.
    BatchTimeout<'a> {
        /// A Go duration.
        timeout = 1: string,
    }
}

wire_message! {
    /// `orderer.KafkaBrokers`.
    KafkaBrokers<'a> {
        /// `host:port`.
        brokers = 1: repeated_string,
    }
}

wire_message! {
    /// `orderer.ChannelRestrictions`.
    ChannelRestrictions {
        /// Channels at most.
        max_count = 1: u64,
    }
}

wire_message! {
    /// `protos.AnchorPeers`.
    AnchorPeers<'a> {
        /// An organization's anchor peers.
        anchor_peers = 1: repeated(AnchorPeer<'a>),
    }
}

wire_message! {
    /// `protos.AnchorPeer`.
    AnchorPeer<'a> {
        /// Host name or address.
        host = 1: string,
        /// Port.
        port = 2: i32,
    }
}

wire_message! {
    /// `protos.ACLs`.
    Acls<'a> {
        /// By resource.
        acls = 1: map(ApiResource<'a>),
    }
}

wire_message! {
    /// `protos.APIResource`.
    ApiResource<'a> {
        /// The policy that guards it.
        policy_ref = 1: string,
    }
}
