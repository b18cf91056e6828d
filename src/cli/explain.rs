//! `heddle ledger tx | explain`: where a transaction is, and why it has its verdict.

use std::io::Write;
use std::process::ExitCode;

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::LedgerArgs;
use super::error::CliError;
use super::open::{Missing, open};
use super::progress::Progress;
use crate::explain::{self, Explanation, How};
use crate::ledger::{Ledger, TxKey, TxLocation};
use crate::types::{BlockNumber, TxIndex};

#[derive(Debug, Args)]
pub(super) struct TxArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// The transaction's id
    #[arg(value_name = "TXID")]
    id: String,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["block", "txid"])))]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// The block's number
    #[arg(long, value_name = "N", requires = "tx")]
    block: Option<u64>,
    /// The transaction's place in the block, counted from 0
    #[arg(long, value_name = "I", requires = "block")]
    tx: Option<u32>,
    /// The transaction's id, instead of block and place
    #[arg(long, value_name = "TXID", conflicts_with = "tx")]
    txid: Option<String>,
    /// Bring the state before the block back by a replay of all blocks, even where the key
    /// histories suffice
    #[arg(long)]
    replay: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Shows where a transaction is, and why it was refused if it was.
pub(super) fn tx(args: &TxArgs) -> Result<ExitCode, CliError> {
    let ledger = open(&args.ledger, Missing::Refuse, args.json)?;
    let found = locate(&ledger, &args.id)?;
    // A valid transaction needs no reason, and so no past state.
    let explanation = if found.code.is_valid() {
        None
    } else {
        let how = How::Fastest;
        Some(explain(&ledger, found.block, found.index, how, args.json)?)
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        let object = json!({
            "txid": args.id, "block": found.block.0, "tx": found.index.0,
            "code": found.code.number(), "code_name": found.code.name(),
            "reason": explanation.map_or_else(|| json!({"kind": "valid"}), |found| json!(found.reason)),
        });
        writeln!(out, "{object}")
    } else {
        let reason = explanation.map(|found| found.answer());
        write_tx(&mut out, args, &found, reason.as_deref())
    }
    .and_then(|()| out.flush())
    .map_err(CliError::stdout)?;
    Ok(ExitCode::SUCCESS)
}

fn write_tx(
    out: &mut dyn Write,
    args: &TxArgs,
    found: &TxLocation,
    reason: Option<&str>,
) -> std::io::Result<()> {
    let (block, tx, code) = (found.block, found.index.0, found.code);
    let values: [(&str, Value); 5] = [
        ("txid", args.id.as_str().into()),
        ("block", block.0.into()),
        ("tx", tx.into()),
        ("code", code.number().into()),
        ("code name", code.name().into()),
    ];
    for (name, value) in &values {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        writeln!(out, "{name:<18} {value}")?;
    }
    let Some(reason) = reason else {
        return Ok(());
    };
    writeln!(out, "{:<18} {reason}", "why")?;
    writeln!(
        out,
        "{:<18} heddle ledger explain --data {} --channel {} --block {block} --tx {tx}",
        "all of it",
        args.ledger.data.display(),
        args.ledger.channel
    )
}

/// Explains a transaction.
pub(super) fn explain_tx(args: &ExplainArgs) -> Result<ExitCode, CliError> {
    let ledger = open(&args.ledger, Missing::Refuse, args.json)?;
    let (block, tx) = match (&args.txid, args.block, args.tx) {
        (Some(id), _, _) => {
            let found = locate(&ledger, id)?;
            (found.block, found.index)
        }
        (None, block, tx) => (
            BlockNumber(block.unwrap_or_default()),
            TxIndex(tx.unwrap_or_default()),
        ),
    };
    let how = if args.replay {
        How::Replay
    } else {
        How::Fastest
    };
    let explanation = explain(&ledger, block, tx, how, args.json)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", json!(explanation))
    } else {
        write!(out, "{explanation}")
    }
    .and_then(|()| out.flush())
    .map_err(CliError::stdout)?;
    Ok(ExitCode::SUCCESS)
}

/// Where the first transaction with an id is.
fn locate(ledger: &Ledger, id: &str) -> Result<TxLocation, CliError> {
    let found = ledger.view()?.tx(&TxKey::of(id))?;
    found.ok_or_else(|| CliError::NoTransaction { id: id.to_owned() })
}

/// Explains, and shows how far a replay is.
#[expect(clippy::cast_precision_loss, reason = "for a progress bar")]
fn explain(
    ledger: &Ledger,
    block: BlockNumber,
    tx: TxIndex,
    how: How,
    quiet: bool,
) -> Result<Explanation, CliError> {
    let bar = Progress::new("replaying", quiet);
    let explained = explain::explain(ledger, block, tx, how, &mut |at| {
        bar.at(
            at.done as f64 / at.total.max(1) as f64,
            format!("{}/{} blocks", at.done, at.total),
        );
    });
    bar.finish();
    Ok(explained?)
}
