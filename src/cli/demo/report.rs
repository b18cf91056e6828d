//! What the demo says: what it is about to do, what came of it, three refusals, and what to try next.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use super::refusals::Listener;
use super::{CHANNEL, DemoArgs};
use crate::explain::Explanation;
use crate::pipeline;
use crate::testing::workload::WorkloadSpec;
use crate::types::ValidationCode;

/// Says what is about to happen.
pub(super) fn write_introduction(
    out: &mut dyn Write,
    spec: &WorkloadSpec,
    blocks: u64,
    folder: &Path,
) -> io::Result<()> {
    writeln!(
        out,
        "A Hyperledger Fabric channel '{CHANNEL}' of {orgs} organizations. Each transaction is signed by \
         its client and\nendorsed by peers of {endorsements} of them; {required} must agree. {blocks} \
         blocks are made, {txs} transactions in most,\nand heddle validates and commits them as they \
         come: every signature is checked, every policy evaluated,\nevery version compared, and the \
         blocks are durable in {folder}.\nSome transactions are wrong on purpose, or conflict.\n",
        orgs = spec.orgs,
        endorsements = spec.endorsements,
        required = spec.required(),
        txs = spec.txs,
        folder = folder.display(),
    )
}

/// What came of a run.
pub(super) struct Report<'r> {
    pub(super) listener: &'r Listener,
    pub(super) wall: Duration,
    pub(super) gauges: pipeline::Report,
    pub(super) height: u64,
}

impl Report<'_> {
    /// Says it.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let transactions = self.listener.transactions;
        let seconds = self.wall.as_secs_f64();
        let cpu_ns: u64 = self.gauges.stages.iter().map(|stage| stage.cpu_ns).sum();
        let each = |sum: f64| sum / transactions.max(1) as f64;
        writeln!(
            out,
            "{} blocks with {transactions} transactions in {seconds:.1} s: {:.0} tx/s while both making \
             and validating them.",
            self.height,
            transactions as f64 / seconds.max(1e-6),
        )?;
        writeln!(
            out,
            "Validating and committing took {:.1} CPU-us per transaction, making them not counted.\n",
            each(cpu_ns as f64 / 1000.0),
        )?;
        writeln!(out, "Verdicts")?;
        for (code, count) in &self.listener.codes {
            writeln!(
                out,
                "  {count:>8}  {:>3} {:<28} {}",
                code.number(),
                code.name(),
                meaning(*code)
            )?;
        }
        writeln!(out)
    }
}

/// A code in plain words.
fn meaning(code: ValidationCode) -> &'static str {
    use ValidationCode as Code;
    match code {
        Code::Valid => "its writes are in the state",
        Code::BadPayload => "the envelope's payload cannot be read",
        Code::BadCommonHeader => "something is wrong in the headers",
        Code::BadCreatorSignature => "its creator did not sign it, or is nobody here",
        Code::InvalidEndorserTransaction => "its body is wrong, or is not what was proposed",
        Code::InvalidConfigTransaction => "a config transaction without data",
        Code::UnsupportedTxPayload => "a config update that no orderer applied",
        Code::BadProposalTxid => "its id is not made from nonce and creator",
        Code::DuplicateTxid => "its id was used before",
        Code::EndorsementPolicyFailure => "not endorsed by those who must",
        Code::MvccReadConflict => "a key that it read was changed meanwhile",
        Code::PhantomReadConflict => "a range that it read has other keys now",
        Code::BadHeaderExtension => "the header extension cannot be read",
        Code::BadResponsePayload => "the chaincode's answer cannot be read",
        Code::BadRwset => "the read-write set cannot be read",
        Code::IllegalWriteset => "a namespace stands twice in its read-write set",
        Code::InvalidChaincode => "its chaincode is not defined, or named wrong",
        Code::InvalidOtherReason => "names or events make no sense",
        Code::NilEnvelope
        | Code::UnknownTxType
        | Code::TargetChainNotFound
        | Code::MarshalTxError
        | Code::NilTxaction
        | Code::ExpiredChaincode
        | Code::ChaincodeVersionConflict
        | Code::BadChannelHeader
        | Code::InvalidWriteset
        | Code::NotValidated => "",
    }
}

/// Explains refusals, as `heddle ledger explain` does.
pub(super) fn write_refusals(out: &mut dyn Write, explained: &[Explanation]) -> io::Result<()> {
    if explained.is_empty() {
        return writeln!(out, "No transaction was refused: try more blocks.\n");
    }
    for (number, explanation) in (1..).zip(explained) {
        let code = explanation.code;
        let heading = format!("Refusal {number} of {}: {code}", explained.len());
        writeln!(out, "{heading}\n{}", "-".repeat(heading.len()))?;
        writeln!(out, "{explanation}")?;
    }
    Ok(())
}

/// What to try next.
pub(super) fn write_next_steps(
    out: &mut dyn Write,
    args: &DemoArgs,
    explained: &[Explanation],
) -> io::Result<()> {
    let heddle = program();
    let data = match &args.data {
        Some(data) => data.display().to_string(),
        None => "heddle-demo".to_owned(),
    };
    writeln!(out, "Try next")?;
    if args.data.is_none() {
        writeln!(
            out,
            "  this ledger was temporary; keep one (the same seed gives the same verdicts):\n    \
             {heddle} demo --data {data}{}",
            other_options(args)
        )?;
    }
    let ledger = format!("--data {data} --channel {CHANNEL}");
    if let Some(explanation) = explained.last() {
        let (block, tx) = (explanation.block, explanation.tx);
        writeln!(
            out,
            "  why any transaction was refused, by place or id:\n    \
             {heddle} ledger explain {ledger} --block {block} --tx {tx}\n    \
             {heddle} ledger tx {ledger} {}\n  \
             what else is in its block:\n    \
             {heddle} ledger block {ledger} {block}",
            explanation.txid
        )?;
    }
    writeln!(
        out,
        "  every stored block checked: checksum, number, hash chain, data hash:\n    \
         {heddle} ledger verify {ledger}"
    )
}

/// What else must be the same for the same verdicts.
fn other_options(args: &DemoArgs) -> String {
    let defaults = (100, 500, 1);
    if (args.blocks, args.txs, args.seed) == defaults {
        return String::new();
    }
    format!(
        " --blocks {} --txs {} --seed {}",
        args.blocks, args.txs, args.seed
    )
}

/// How this program was called.
fn program() -> String {
    let name = std::env::args_os().next().unwrap_or_default();
    let name = name.to_string_lossy();
    if name.is_empty() || name.contains(char::is_whitespace) {
        "heddle".to_owned()
    } else {
        name.into_owned()
    }
}
