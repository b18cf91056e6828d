//! `heddle channel`: what Fabric's `peer channel` asks of peers and orderers, with its flags and its
//! environment variables.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use prost::Message as _;

use super::connection::{ConnectionArgs, block_on};
use super::error::CliError;
use super::folder::FolderArgs;
use super::print;
use crate::client::SeekTo;
use crate::proto::common::metadata_index;
use crate::proto::messages::common::{Block, BlockchainInfo, Envelope, LastConfig, Metadata};
use crate::proto::messages::protos::ChannelQueryResponse;
use crate::types::ChannelId;

#[derive(Debug, Subcommand)]
pub(super) enum ChannelCommand {
    /// Have the peer join the channel of a genesis block
    Join(JoinArgs),
    /// List the channels that the peer has joined
    List(ConnectionArgs),
    /// Say how high the peer's ledger of a channel is
    Getinfo(GetinfoArgs),
    /// Fetch a block from an orderer, or from the peer where no orderer is given
    Fetch(FetchArgs),
    /// Send a signed config update to an orderer
    Update(UpdateArgs),
    /// Remove a channel's ledger from this machine; the peer must not be running
    Unjoin(UnjoinArgs),
}

#[derive(Debug, Args)]
pub(super) struct JoinArgs {
    /// The genesis block
    #[arg(short, long, value_name = "FILE")]
    blockpath: PathBuf,
    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(super) struct GetinfoArgs {
    /// The channel
    #[arg(short, long = "channelID", value_name = "NAME")]
    channel: String,
    /// As JSON alone
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(super) struct FetchArgs {
    /// newest, oldest, config or a block's number
    which: String,
    /// Where to write it [default: NAME_WHICH.block]
    file: Option<PathBuf>,
    /// The channel
    #[arg(short, long = "channelID", value_name = "NAME")]
    channel: String,
    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(super) struct UpdateArgs {
    /// The config update, an envelope
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// The channel
    #[arg(short, long = "channelID", value_name = "NAME")]
    channel: String,
    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(super) struct UnjoinArgs {
    /// The channel
    #[arg(short, long = "channelID", value_name = "NAME")]
    channel: String,
    #[command(flatten)]
    folder: FolderArgs,
}

pub(super) fn channel(command: &ChannelCommand) -> Result<ExitCode, CliError> {
    if let ChannelCommand::Unjoin(args) = command {
        return unjoin(args);
    }
    block_on(async {
        match command {
            ChannelCommand::Join(args) => join(args).await,
            ChannelCommand::List(connection) => list(connection).await,
            ChannelCommand::Getinfo(args) => getinfo(args).await,
            ChannelCommand::Fetch(args) => fetch(args).await,
            ChannelCommand::Update(args) => update(args).await,
            ChannelCommand::Unjoin(args) => unjoin(args),
        }
    })
}

async fn join(args: &JoinArgs) -> Result<ExitCode, CliError> {
    let path = &args.blockpath;
    let block = fs::read(path).map_err(|source| CliError::Input {
        path: path.clone(),
        source,
    })?;
    let peer = args.connection.peer().await?;
    peer.call("", "cscc", &[b"JoinChain", &block]).await?;
    print("Successfully submitted proposal to join channel\n")
}

async fn list(connection: &ConnectionArgs) -> Result<ExitCode, CliError> {
    let peer = connection.peer().await?;
    let answer = peer.call("", "cscc", &[b"GetChannels"]).await?;
    let channels = ChannelQueryResponse::decode(answer.as_slice())
        .map_err(|_| CliError::Answer { what: "channels" })?;
    let mut text = "Channels peers has joined: \n".to_owned();
    for channel in channels.channels {
        text.push_str(&channel.channel_id);
        text.push('\n');
    }
    print(&text)
}

async fn getinfo(args: &GetinfoArgs) -> Result<ExitCode, CliError> {
    let peer = args.connection.peer().await?;
    let channel = args.channel.as_str();
    let answer = peer
        .call(channel, "qscc", &[b"GetChainInfo", channel.as_bytes()])
        .await?;
    let info = BlockchainInfo::decode(answer.as_slice()).map_err(|_| CliError::Answer {
        what: "ledger's height",
    })?;
    // As Fabric's command, which leaves out what is empty: the channel has its first block only.
    let previous = STANDARD.encode(&info.previous_block_hash);
    let mut shown = serde_json::Map::new();
    shown.insert("height".to_owned(), info.height.into());
    let current = STANDARD.encode(&info.current_block_hash);
    shown.insert("currentBlockHash".to_owned(), current.into());
    if !previous.is_empty() {
        shown.insert("previousBlockHash".to_owned(), previous.into());
    }
    let info = serde_json::Value::Object(shown);
    if args.json {
        print(&format!("{info}\n"))
    } else {
        print(&format!("Blockchain info: {info}\n"))
    }
}

async fn fetch(args: &FetchArgs) -> Result<ExitCode, CliError> {
    let to = match args.which.as_str() {
        "newest" | "config" => SeekTo::Newest,
        "oldest" => SeekTo::Oldest,
        number => SeekTo::Block(number.parse().map_err(|_| CliError::WhichBlock {
            which: number.to_owned(),
        })?),
    };
    let mut block = args.one(to).await?;
    if args.which == "config" {
        block = args.one(SeekTo::Block(last_config(&block)?)).await?;
    }
    let default = || PathBuf::from(format!("{}_{}.block", args.channel, args.which));
    let path = args.file.clone().unwrap_or_else(default);
    fs::write(&path, block.encode_to_vec()).map_err(|source| CliError::Output {
        path: path.clone(),
        source,
    })?;
    let number = block.header.map_or(0, |header| header.number);
    print(&format!("block {number} written to {}\n", path.display()))
}

async fn update(args: &UpdateArgs) -> Result<ExitCode, CliError> {
    let path = &args.file;
    let bytes = fs::read(path).map_err(|source| CliError::Input {
        path: path.clone(),
        source,
    })?;
    let envelope = Envelope::decode(bytes.as_slice())
        .map_err(|_| CliError::NotUpdate { path: path.clone() })?;
    if !args.connection.has_orderer() {
        return Err(CliError::NoOrderer);
    }
    let orderer = args.connection.orderer().await?;
    orderer.broadcast(envelope).await?;
    let channel = &args.channel;
    print(&format!(
        "Successfully submitted channel update to {channel}\n"
    ))
}

impl FetchArgs {
    async fn one(&self, to: SeekTo) -> Result<Block, CliError> {
        let mut fetched = None;
        let each = |block| {
            fetched = Some(block);
            true
        };
        let channel = &self.channel;
        if self.connection.has_orderer() {
            let orderer = self.connection.orderer().await?;
            orderer.blocks_of_orderer(channel, to, each).await?;
        } else {
            let peer = self.connection.peer().await?;
            peer.blocks_of_peer(channel, to, each).await?;
        }
        fetched.ok_or(CliError::Answer { what: "block" })
    }
}

/// Where a block says that the last config block is.
fn last_config(block: &Block) -> Result<u64, CliError> {
    let no_config = || CliError::Answer {
        what: "number of the last config block",
    };
    let slots = block.metadata.as_ref().ok_or_else(no_config)?;
    let read = |slot: usize| {
        let bytes = slots.metadata.get(slot)?;
        Metadata::decode(bytes.as_ref()).ok()
    };
    // Fabric v2 on: in the orderers' signed value; before, in a slot of its own.
    let value = read(metadata_index::SIGNATURES).map(|signed| signed.value);
    let number = value.and_then(|value| {
        let value = crate::proto::messages::common::OrdererBlockMetadata::decode(value.as_slice());
        value.ok()?.last_config
    });
    let of_slot = || {
        let slot = read(metadata_index::LAST_CONFIG)?;
        LastConfig::decode(slot.value.as_slice()).ok()
    };
    number
        .or_else(of_slot)
        .map(|last| last.index)
        .ok_or_else(no_config)
}

fn unjoin(args: &UnjoinArgs) -> Result<ExitCode, CliError> {
    let channel = ChannelId::new(&args.channel)?;
    args.folder.take()?.remove(&channel)?;
    print(&format!("channel {channel} removed\n"))
}
