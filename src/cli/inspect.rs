//! `heddle ledger info | block | verify | rebuild-state`.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;
use serde_json::{Value, json};

use super::LedgerArgs;
use super::error::CliError;
use super::open::{Missing, open, rebuild as rebuild_ledger, require, with_progress};
use crate::decode::{DecodedBlock, decode_block};
use crate::ingress::RawBlock;
use crate::ledger::{self, View};
use crate::proto::common::{Metadata, metadata_index};
use crate::proto::wire::Message;
use crate::sys::process::CpuMeter;
use crate::sys::storage::{Disk, Storage};
use crate::types::{BlockNumber, ChannelId, Digest, ValidationCode};

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RebuildArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct InfoArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct BlockArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// The block's number
    #[arg(value_name = "N")]
    number: u64,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Says how high the ledger is.
pub(super) fn info(args: &InfoArgs) -> Result<ExitCode, CliError> {
    let ledger = open(&args.ledger, Missing::Refuse, args.json)?;
    let info = ledger.info()?;
    let hash = |hash: Option<Digest>| hash.map(|hash| hash.to_string());
    print(
        args.json,
        &[
            ("channel", info.channel.as_str().into()),
            ("height", info.height.into()),
            ("state_height", info.state_height.into()),
            ("header_hash", hash(info.header_hash).into()),
            ("commit_hash", hash(info.commit_hash).into()),
            (
                "last_config_block",
                info.last_config.map(|number| number.0).into(),
            ),
        ],
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Checks every stored block.
pub(super) fn verify(args: &VerifyArgs) -> Result<ExitCode, CliError> {
    let channel = ChannelId::new(&args.ledger.channel)?;
    require(&args.ledger, &channel)?;
    let storage: Arc<dyn Storage> = Arc::new(Disk);
    let verified = with_progress("verifying", args.json, |progress| {
        ledger::verify(&storage, &args.ledger.data, &channel, progress)
    })?;
    print(
        args.json,
        &[
            ("channel", channel.as_str().into()),
            ("blocks_verified", verified.blocks.into()),
            (
                "header_hash",
                verified.header_hash.map(|hash| hash.to_string()).into(),
            ),
            ("torn_bytes", verified.torn_bytes.into()),
        ],
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the state anew.
pub(super) fn rebuild(args: &RebuildArgs) -> Result<ExitCode, CliError> {
    let ledger = rebuild_ledger(&args.ledger, args.json)?;
    print(
        args.json,
        &[
            ("channel", args.ledger.channel.as_str().into()),
            ("blocks_replayed", ledger.height().into()),
        ],
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Shows a block.
pub(super) fn block(args: &BlockArgs) -> Result<ExitCode, CliError> {
    let ledger = open(&args.ledger, Missing::Refuse, args.json)?;
    let view = ledger.view()?;
    let number = BlockNumber(args.number);
    let block = StoredBlock::read(number, stored_block(&view, number)?)?;
    let contents = block.decoded.contents();
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let transactions: Vec<Value> = block
        .transactions()
        .enumerate()
        .map(|(tx, transaction)| {
            json!({
                "tx": tx, "txid": transaction.id, "type": transaction.header_type.unwrap_or(-1),
                "code": transaction.code.number(), "code_name": transaction.code.name(),
                "bytes": transaction.bytes,
            })
        })
        .collect();
    print(
        args.json,
        &[
            ("block", number.0.into()),
            ("bytes", block.decoded.size().into()),
            ("header_hash", block.header_hash().to_string().into()),
            ("previous_hash", hex(contents.previous_hash).into()),
            ("data_hash", hex(contents.data_hash).into()),
            ("commit_hash", block.commit_hash().into()),
            ("transactions", transactions.into()),
        ],
    )?;
    Ok(ExitCode::SUCCESS)
}

/// A stored block's bytes.
pub(super) fn stored_block(view: &View, number: BlockNumber) -> Result<Bytes, CliError> {
    let block = view.block(number)?;
    let height = BlockNumber(view.height());
    block
        .map(Bytes::from_owner)
        .ok_or(CliError::NoBlock { number, height })
}

/// A stored block, read.
#[derive(Debug)]
pub(super) struct StoredBlock {
    decoded: DecodedBlock,
}

/// What is shown of a stored transaction.
#[derive(Debug)]
pub(super) struct StoredTx<'b> {
    pub(super) id: &'b str,
    pub(super) header_type: Option<i32>,
    pub(super) code: ValidationCode,
    pub(super) bytes: usize,
}

impl StoredBlock {
    pub(super) fn read(number: BlockNumber, bytes: Bytes) -> Result<Self, CliError> {
        let raw = RawBlock::new(number, bytes);
        let decoded = decode_block(raw, &CpuMeter::default());
        let decoded = decoded.map_err(|error| CliError::StoredBlock { number, error })?;
        Ok(Self { decoded })
    }

    pub(super) fn transactions(&self) -> impl Iterator<Item = StoredTx<'_>> {
        let contents = self.decoded.contents();
        let filter = self.slot(metadata_index::TRANSACTIONS_FILTER);
        contents
            .transactions
            .iter()
            .enumerate()
            .map(move |(tx, transaction)| StoredTx {
                id: transaction.claimed_id,
                header_type: transaction.header_type,
                code: filter
                    .get(tx)
                    .and_then(|number| ValidationCode::from_number(*number))
                    .unwrap_or(ValidationCode::NotValidated),
                bytes: transaction.envelope.len(),
            })
    }

    pub(super) fn header_hash(&self) -> Digest {
        self.decoded.header_hash()
    }

    /// In hex, empty where there is none.
    pub(super) fn commit_hash(&self) -> String {
        let slot = Metadata::decode(self.slot(metadata_index::COMMIT_HASH)).unwrap_or_default();
        slot.value
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn slot(&self, index: usize) -> &[u8] {
        self.decoded
            .contents()
            .metadata
            .get(index)
            .copied()
            .unwrap_or_default()
    }
}

/// Prints named values: a line each, or one JSON object.
fn print(json: bool, values: &[(&str, Value)]) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    let write = |out: &mut dyn Write| {
        if json {
            let object: serde_json::Map<String, Value> = values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect();
            return writeln!(out, "{}", Value::from(object));
        }
        for (name, value) in values {
            print_value(out, name, value)?;
        }
        Ok(())
    };
    write(&mut out)
        .and_then(|()| out.flush())
        .map_err(CliError::stdout)
}

fn print_value(out: &mut dyn Write, name: &str, value: &Value) -> std::io::Result<()> {
    let name = name.replace('_', " ");
    match value {
        Value::Null => writeln!(out, "{name:<18} none"),
        Value::String(text) => writeln!(out, "{name:<18} {text}"),
        Value::Array(rows) => {
            writeln!(out, "{name:<18} {}", rows.len())?;
            rows.iter().try_for_each(|row| {
                let cell = |name: &str| match row.get(name) {
                    Some(Value::String(text)) => text.clone(),
                    Some(value) => value.to_string(),
                    None => String::new(),
                };
                let (tx, code, id) = (cell("tx"), cell("code_name"), cell("txid"));
                writeln!(out, "  {tx:>6}  {code:<28} {id}")
            })
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => writeln!(out, "{name:<18} {value}"),
    }
}
