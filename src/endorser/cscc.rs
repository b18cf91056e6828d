//! `cscc`: the channels of this peer, and their configurations.
//!
//! Fabric: `core/scc/cscc/configure.go`.

use std::fmt::Debug;

use bytes::Bytes;
use prost::Message as _;

use super::proposal::Proposal;
use super::qscc;
use crate::host::{Host, LocalRole};
use crate::proto::messages::common::ConfigEnvelope;
use crate::proto::messages::protos::{ChannelInfo, ChannelQueryResponse};

/// Takes this peer into channels.
pub trait JoinChannel: Send + Sync + Debug {
    /// Joins the channel of a genesis block. On return the block is durable, and others are fetched.
    ///
    /// # Errors
    /// Why not.
    fn join(&self, genesis: Bytes) -> Result<(), JoinError>;
}

/// Why a channel is not joined.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct JoinError(pub String);

/// Answers, or says what is wrong with the question.
pub(super) fn answer(
    proposal: &Proposal,
    host: &Host,
    joiner: &dyn JoinChannel,
) -> Result<Vec<u8>, String> {
    let (function, count) = (proposal.function(), proposal.arguments.len());
    let wanted = match function {
        "GetChannels" | "JoinBySnapshotStatus" => 1,
        _ => 2,
    };
    if count < wanted {
        return Err(format!("Incorrect number of arguments, {count}"));
    }
    match function {
        "JoinChain" => {
            check_local(proposal, host, LocalRole::Admin)?;
            let block = proposal.arguments.get(1).filter(|block| !block.is_empty());
            let block =
                block.ok_or("Cannot join the channel <nil> configuration block provided")?;
            joiner
                .join(Bytes::copy_from_slice(block))
                .map_err(|error| error.to_string())?;
            Ok(Vec::new())
        }
        "GetChannels" => {
            check_local(proposal, host, LocalRole::Member)?;
            let channels = host.channels();
            let channels = channels.iter().map(|channel| ChannelInfo {
                channel_id: channel.id().to_string(),
            });
            let channels = ChannelQueryResponse {
                channels: channels.collect(),
            };
            Ok(channels.encode_to_vec())
        }
        "GetConfigBlock" | "GetChannelConfig" => config(proposal, host, function),
        "JoinChainBySnapshot" | "JoinBySnapshotStatus" => Err(format!(
            "{function}: this peer does not join by snapshot yet; join with the genesis block instead"
        )),
        _ => Err(format!("Requested function {function} not found.")),
    }
}

fn check_local(proposal: &Proposal, host: &Host, role: LocalRole) -> Result<(), String> {
    let function = proposal.function();
    let checked = host.local().check(role, &proposal.signed());
    checked.map_err(|denied| format!("access denied for [{function}]: {denied}"))
}

fn config(proposal: &Proposal, host: &Host, function: &str) -> Result<Vec<u8>, String> {
    let name = proposal.text(1).unwrap_or_default();
    let channel = host
        .channel(name)
        .ok_or_else(|| format!("Unknown channel ID, {name}"))?;
    let resource = format!("cscc/{function}");
    channel
        .check(&resource, &proposal.signed())
        .map_err(|denied| format!("access denied for [{function}][{name}]: {denied}"))?;
    if function == "GetChannelConfig" {
        let bundle = channel.bundle();
        let envelope =
            ConfigEnvelope::decode(bundle.config_envelope()).map_err(|error| error.to_string())?;
        return Ok(envelope.config.unwrap_or_default().encode_to_vec());
    }
    let info = channel.info().map_err(|error| error.to_string())?;
    let last = info.last_config.ok_or("the ledger has no config block")?;
    let view = channel.ledger().view().map_err(|error| error.to_string())?;
    qscc::block(&view, last.0)
}
