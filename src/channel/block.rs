//! The config block: one transaction whose payload is a config envelope.

use crate::proto::common::{Block, ChannelHeader, Envelope, Payload, header_type};
use crate::proto::wire::Message;
use crate::types::ChannelId;

use super::error::{ConfigError, Part};

/// What a config block says: for which channel, which configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigBlock<'a> {
    /// The channel.
    pub channel_id: ChannelId,
    /// The serialized `common.ConfigEnvelope`.
    pub config_envelope: &'a [u8],
}

impl<'a> ConfigBlock<'a> {
    /// Reads a serialized `common.Block`, which must carry a configuration in its first
    /// transaction.
    ///
    /// # Errors
    /// Where it is not a block, not a config block, or the channel's name is illegal. The
    /// configuration itself is not looked at.
    ///
    /// Fabric: `core/scc/cscc/configure.go:validateConfigBlock`.
    pub fn read(block: &'a [u8]) -> Result<Self, ConfigError> {
        let block: Block<'_> = decode(block, Part::Block)?;
        let first = block.data.and_then(|data| data.data.into_iter().next());
        let first = first.ok_or(ConfigError::Incomplete {
            part: Part::Block,
            missing: "transaction",
        })?;
        Self::of_envelope(first)
    }

    /// Reads a config block's one transaction, a serialized `common.Envelope`.
    ///
    /// # Errors
    /// As [`ConfigBlock::read`].
    pub fn of_envelope(envelope: &'a [u8]) -> Result<Self, ConfigError> {
        let envelope: Envelope<'_> = decode(envelope, Part::Envelope)?;
        let (header, data) = open(envelope.payload, header_type::CONFIG, "CONFIG")?;
        let channel_id = ChannelId::new(header.channel_id)?;
        Ok(Self {
            channel_id,
            config_envelope: data,
        })
    }
}

/// The channel that a serialized config block is for.
///
/// # Errors
/// As [`ConfigBlock::read`].
pub fn channel_id_of_config_block(block: &[u8]) -> Result<ChannelId, ConfigError> {
    ConfigBlock::read(block).map(|block| block.channel_id)
}

/// Opens a payload whose header must have this type: its channel header and its data.
///
/// Fabric: `protoutil/commonutils.go:UnmarshalEnvelopeOfType`.
pub(super) fn open<'a>(
    payload: &'a [u8],
    header_type: i32,
    type_name: &'static str,
) -> Result<(ChannelHeader<'a>, &'a [u8]), ConfigError> {
    let payload: Payload<'_> = decode(payload, Part::Payload)?;
    let header = payload.header.ok_or(ConfigError::Incomplete {
        part: Part::Payload,
        missing: "header",
    })?;
    let header: ChannelHeader<'_> = decode(header.channel_header, Part::ChannelHeader)?;
    if header.r#type != header_type {
        return Err(ConfigError::HeaderType {
            expected: type_name,
            found: header.r#type,
        });
    }
    Ok((header, payload.data))
}

/// Decodes a message on the way to the configuration.
pub(super) fn decode<'a, M: Message<'a>>(bytes: &'a [u8], part: Part) -> Result<M, ConfigError> {
    M::decode(bytes).map_err(|source| ConfigError::Undecodable { part, source })
}
