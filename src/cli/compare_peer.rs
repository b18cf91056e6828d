//! `heddle ledger compare`: this ledger beside what another peer committed, heddle's or Fabric's own.

use std::io::Write;
use std::process::ExitCode;

use bytes::Bytes;
use clap::Args;
use prost::Message as _;
use serde_json::json;

use super::LedgerArgs;
use super::connection::{PeerArgs, block_on};
use super::error::{CliError, one_line};
use super::inspect::{StoredBlock, stored_block};
use super::open::{Missing, open};
use super::peer_difference::{Facts, PeerDifference};
use super::progress::Progress;
use crate::client::{Caller, SeekTo};
use crate::ledger::Ledger;
use crate::proto::messages::common::Block;
use crate::types::BlockNumber;

/// Something differs.
const DIFFERENT: u8 = 1;

/// It could not be compared.
const NOT_COMPARED: u8 = 2;

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// The other peer
    #[arg(long, value_name = "HOST:PORT")]
    with_peer: String,
    #[command(flatten)]
    connection: PeerArgs,
    /// Print a line of JSON for each difference and one for the summary, and no progress
    #[arg(long)]
    json: bool,
}

/// Compares, block by block, as far as both have blocks. Exit code 0 where nothing differs, 1 where
/// something does, 2 where it could not be told.
pub(super) fn compare(args: &CompareArgs) -> ExitCode {
    match compared(args) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(DIFFERENT),
        Err(CliError::OutputClosed) => ExitCode::from(NOT_COMPARED),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "heddle: {}", one_line(&error));
            ExitCode::from(NOT_COMPARED)
        }
    }
}

/// How many differences there are.
fn compared(args: &CompareArgs) -> Result<u64, CliError> {
    let ledger = open(&args.ledger, Missing::Refuse, args.json)?;
    block_on(async {
        let peer = args.connection.peer(&args.with_peer).await?;
        let peer_height = height_of(&peer, &args.ledger.channel).await?;
        let mut comparison = Comparison {
            ledger: &ledger,
            json: args.json,
            bar: Progress::new("comparing", args.json),
            next: BlockNumber(0),
            height: ledger.height().min(peer_height),
            transactions: 0,
            differences: 0,
            different_blocks: 0,
        };
        comparison.run(&peer, &args.ledger.channel).await?;
        comparison.finish(args, peer_height)
    })
}

/// How many blocks the peer has of a channel.
async fn height_of(peer: &Caller, channel: &str) -> Result<u64, CliError> {
    let mut height = None;
    let newest = |block: Block| {
        height = block.header.map(|header| header.number + 1);
        false
    };
    peer.blocks_of_peer(channel, SeekTo::Newest, newest).await?;
    height.ok_or(CliError::Answer {
        what: "newest block",
    })
}

struct Comparison<'l> {
    ledger: &'l Ledger,
    json: bool,
    bar: Progress,
    /// The block that is to come.
    next: BlockNumber,
    /// Up to where both have blocks.
    height: u64,
    transactions: u64,
    differences: u64,
    different_blocks: u64,
}

impl Comparison<'_> {
    /// One block at a time is in memory, and one that the peer sends meanwhile.
    async fn run(&mut self, peer: &Caller, channel: &str) -> Result<(), CliError> {
        let Some(last) = self.height.checked_sub(1) else {
            return Ok(());
        };
        let mut outcome = Ok(());
        let each = |block: Block| {
            outcome = self.take(&block);
            outcome.is_ok()
        };
        let asked = peer.blocks_of_peer(channel, SeekTo::Range(0, last), each);
        let asked = asked.await;
        outcome?;
        asked?;
        if self.next.0 < self.height {
            return Err(CliError::WithheldBlock { number: self.next });
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "for a progress bar")]
    fn take(&mut self, block: &Block) -> Result<(), CliError> {
        let number = self.next;
        let undecodable = |_| CliError::Answer {
            what: "readable block",
        };
        let theirs = block.encode_to_vec();
        let theirs = Facts::read(&theirs).map_err(undecodable)?;
        if theirs.number != number {
            return Err(CliError::OtherBlock {
                expected: number,
                found: theirs.number,
            });
        }
        // A view is for seconds; the peer may take its time.
        let ours = stored_block(&self.ledger.view()?, number)?;
        let differences = differences(number, &ours, &theirs)?;
        self.transactions += block.data.as_ref().map_or(0, |data| data.data.len() as u64);
        self.different_blocks += u64::from(!differences.is_empty());
        self.differences += differences.len() as u64;
        for difference in &differences {
            self.print(difference)?;
        }
        self.next = number.next();
        let share = self.next.0 as f64 / self.height.max(1) as f64;
        let message = format!("block {number}, {} differences", self.differences);
        self.bar.at(share, message);
        Ok(())
    }

    fn print(&self, difference: &PeerDifference) -> Result<(), CliError> {
        let line = if self.json {
            difference.json().to_string()
        } else {
            difference.to_string()
        };
        self.bar
            .aside(|| writeln!(std::io::stdout(), "{line}"))
            .map_err(CliError::stdout)
    }

    fn finish(self, args: &CompareArgs, peer_height: u64) -> Result<u64, CliError> {
        self.bar.finish();
        let (channel, own_height) = (&args.ledger.channel, self.ledger.height());
        let (height, differences) = (self.height, self.differences);
        let text = if self.json {
            let summary = json!({
                "channel": channel, "height": own_height, "peer_height": peer_height,
                "compared_height": height, "transactions": self.transactions,
                "differences": differences, "different_blocks": self.different_blocks,
            });
            format!("{summary}\n")
        } else {
            let found = match differences {
                0 => "no difference in header hashes, codes or commit hashes".to_owned(),
                some => format!("{some} differences in {} blocks", self.different_blocks),
            };
            format!(
                "channel {channel}: height {own_height} here, {peer_height} at {}; compared up to height \
                 {height}, {} transactions: {found}\n",
                args.with_peer, self.transactions
            )
        };
        super::print(&text)?;
        Ok(differences)
    }
}

fn differences(
    number: BlockNumber,
    ours: &Bytes,
    theirs: &Facts<'_>,
) -> Result<Vec<PeerDifference>, CliError> {
    let unreadable = |_| CliError::Answer {
        what: "readable block",
    };
    let facts = Facts::read(ours).map_err(unreadable)?;
    // Decoded once something differs, for the transactions' ids.
    let mut decoded = None;
    Ok(facts.differences(theirs, &mut |tx| {
        let block = decoded.get_or_insert_with(|| StoredBlock::read(number, ours.clone()).ok());
        let transaction = block
            .as_ref()
            .and_then(|block| block.transactions().nth(tx.0 as usize));
        transaction.map_or_else(String::new, |transaction| transaction.id.to_owned())
    }))
}
