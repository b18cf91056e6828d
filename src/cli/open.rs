//! Opening a channel's ledger for a command.

use std::sync::Arc;

use super::LedgerArgs;
use super::error::CliError;
use super::progress::Progress;
use crate::ledger::{self, Ledger, LedgerOptions};
use crate::mvcc::StoredReplay;
use crate::sys::clock::{Clock, SystemClock};
use crate::types::ChannelId;

/// Whether a command makes a ledger where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It does.
    Create,
    /// It says so and ends.
    Refuse,
}

/// Opens the ledger, and shows how far recovery is where that takes time.
pub(super) fn open(args: &LedgerArgs, missing: Missing, quiet: bool) -> Result<Ledger, CliError> {
    let channel = ChannelId::new(&args.channel)?;
    if missing == Missing::Refuse {
        require(args, &channel)?;
    }
    with_progress("recovering", quiet, |progress| {
        Ledger::open(
            &args.data,
            &channel,
            &options(missing),
            &StoredReplay,
            progress,
        )
    })
}

/// Opens the ledger after making its state anew.
pub(super) fn rebuild(args: &LedgerArgs, quiet: bool) -> Result<Ledger, CliError> {
    let channel = ChannelId::new(&args.channel)?;
    require(args, &channel)?;
    with_progress("rebuilding", quiet, |progress| {
        Ledger::rebuild(
            &args.data,
            &channel,
            &options(Missing::Refuse),
            &StoredReplay,
            progress,
        )
    })
}

/// Refuses where there is no ledger.
pub(super) fn require(args: &LedgerArgs, channel: &ChannelId) -> Result<(), CliError> {
    if Ledger::exists(&args.data, channel) {
        return Ok(());
    }
    Err(CliError::NoLedger {
        data: args.data.clone(),
        channel: args.channel.clone(),
    })
}

/// Calls `work` with something that shows its progress.
#[expect(clippy::cast_precision_loss, reason = "for a progress bar")]
pub(super) fn with_progress<R, E: Into<CliError>>(
    what: &'static str,
    quiet: bool,
    work: impl FnOnce(&mut dyn FnMut(ledger::Progress)) -> Result<R, E>,
) -> Result<R, CliError> {
    let bar = Progress::new(what, quiet);
    let result = work(&mut |at| {
        bar.at(
            at.done as f64 / at.total.max(1) as f64,
            format!("{}/{} blocks", at.done, at.total),
        );
    });
    bar.finish();
    result.map_err(Into::into)
}

/// The machine's clock.
pub(super) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

fn options(missing: Missing) -> LedgerOptions {
    LedgerOptions {
        create: missing == Missing::Create,
        ..LedgerOptions::default()
    }
}
