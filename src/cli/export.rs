//! `heddle ledger export`: codes, state or blocks, byte for byte comparable between peers.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde::Serialize;

use super::LedgerArgs;
use super::error::CliError;
use super::inspect::stored_block;
use super::open::{Missing, open};
use crate::ledger::{StateValue, View};
use crate::proto::wire::put_varint;
use crate::sys::file::create_for_writing;
use crate::types::{BlockNumber, NamespaceRef};

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    what: What,
    /// Where to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// A line of JSON per transaction with its code, and one per block with its hashes
    #[arg(long)]
    codes: bool,
    /// A line of JSON per key of the world state, private-data hashes included
    #[arg(long)]
    state: bool,
    /// The blocks as they are stored, each preceded by its length as a varint
    #[arg(long)]
    blocks: bool,
}

/// Writes what was asked for.
pub(super) fn export(args: &ExportArgs) -> Result<ExitCode, CliError> {
    let ledger = open(&args.ledger, Missing::Refuse, true)?;
    let view = ledger.view()?;
    match &args.output {
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            write(&args.what, &view, &mut out)?.map_err(CliError::stdout)?;
        }
        Some(path) => {
            let failed = |source| CliError::Output {
                path: path.clone(),
                source,
            };
            let mut out = BufWriter::new(create_for_writing(path).map_err(failed)?);
            write(&args.what, &view, &mut out)?.map_err(failed)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The outer error is the ledger's, the inner one the output's.
fn write(what: &What, view: &View, out: &mut dyn Write) -> Result<io::Result<()>, CliError> {
    let written = if what.state {
        write_state(view, out)?
    } else {
        write_blocks(what, view, out)?
    };
    Ok(written.and_then(|()| out.flush()))
}

fn write_blocks(what: &What, view: &View, out: &mut dyn Write) -> Result<io::Result<()>, CliError> {
    for number in (0..view.height()).map(BlockNumber) {
        let bytes = stored_block(view, number)?;
        let written = if what.codes {
            write_codes(number, &bytes, out)?
        } else {
            let mut prefix = Vec::with_capacity(10);
            put_varint(&mut prefix, bytes.len() as u64);
            out.write_all(&prefix).and_then(|()| out.write_all(&bytes))
        };
        if written.is_err() {
            return Ok(written);
        }
    }
    Ok(Ok(()))
}

#[derive(Serialize)]
struct CodeLine<'l> {
    block: u64,
    tx: usize,
    txid: &'l str,
    r#type: i32,
    code: u8,
    code_name: &'l str,
}

#[derive(Serialize)]
struct HashLine {
    block: u64,
    header_hash: String,
    commit_hash: String,
}

fn write_codes(
    number: BlockNumber,
    bytes: &bytes::Bytes,
    out: &mut dyn Write,
) -> Result<io::Result<()>, CliError> {
    let block = super::inspect::StoredBlock::read(number, bytes.clone())?;
    for (tx, transaction) in block.transactions().enumerate() {
        let line = CodeLine {
            block: number.0,
            tx,
            txid: transaction.id,
            r#type: transaction.header_type.unwrap_or(-1),
            code: transaction.code.number(),
            code_name: transaction.code.name(),
        };
        if let Err(error) = write_line(out, &line) {
            return Ok(Err(error));
        }
    }
    let line = HashLine {
        block: number.0,
        header_hash: block.header_hash().to_string(),
        commit_hash: block.commit_hash(),
    };
    Ok(write_line(out, &line))
}

#[derive(Serialize)]
struct StateLine<'l> {
    ns: &'l str,
    key: String,
    value: String,
    metadata: String,
    block: u64,
    tx: u64,
}

fn write_state(view: &View, out: &mut dyn Write) -> Result<io::Result<()>, CliError> {
    let mut written = Ok(());
    view.visit_state(
        &mut |namespace: NamespaceRef<'_>, key: &[u8], state: &StateValue| {
            let line = StateLine {
                ns: &namespace.to_string(),
                key: STANDARD.encode(key),
                value: STANDARD.encode(&state.value),
                metadata: STANDARD.encode(&state.metadata),
                block: state.version.block,
                tx: state.version.tx,
            };
            written = write_line(out, &line);
            written.is_ok()
        },
    )?;
    Ok(written)
}

fn write_line(out: &mut dyn Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
