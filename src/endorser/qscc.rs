//! `qscc`: questions about a channel's ledger.
//!
//! Fabric: `core/scc/qscc/query.go`.

use prost::Message as _;

use super::proposal::Proposal;
use crate::host::Channel;
use crate::ledger::{TxKey, TxLocation, View};
use crate::proto::messages::common::{Block, BlockchainInfo, Envelope};
use crate::proto::messages::protos::ProcessedTransaction;
use crate::types::{BlockNumber, Digest};

/// Whether there are as many arguments as a function needs.
pub(super) fn check_arguments(proposal: &Proposal) -> Result<(), String> {
    let (function, count) = (proposal.function(), proposal.arguments.len());
    if count < 2 {
        return Err(format!("Incorrect number of arguments, {count}"));
    }
    if function != "GetChainInfo" && count < 3 {
        return Err(format!("missing 3rd argument for {function}"));
    }
    Ok(())
}

/// Answers a question, or says what is wrong with it.
pub(super) fn answer(proposal: &Proposal, channel: &Channel) -> Result<Vec<u8>, String> {
    let function = proposal.function();
    let name = channel.id();
    channel
        .check(&format!("qscc/{function}"), &proposal.signed())
        .map_err(|denied| format!("access denied for [{function}][{name}]: [{denied}]"))?;
    let view = channel.ledger().view().map_err(|error| error.to_string())?;
    let argument = proposal.arguments.get(2).map_or(&[][..], Vec::as_slice);
    let text = String::from_utf8_lossy(argument);
    match function {
        "GetChainInfo" => {
            info(channel).map_err(|why| format!("Failed to get block info with error {why}"))
        }
        "GetBlockByNumber" => {
            let number = text.parse::<u64>().map_err(|_| {
                format!(
                    "Failed to parse block number with error strconv.ParseUint: parsing {text:?}: \
                     invalid syntax"
                )
            })?;
            // Fabric: the largest number stands for the last block.
            let last = view.height().saturating_sub(1);
            let found = block(&view, if number == u64::MAX { last } else { number });
            found.map_err(|why| format!("Failed to get block number {number}, error {why}"))
        }
        "GetBlockByHash" => block_by_hash(&view, argument)
            .map_err(|why| format!("Failed to get block hash {text}, error {why}")),
        "GetBlockByTxID" => located(&view, &text)
            .and_then(|location| block(&view, location.block.0))
            .map_err(|why| format!("Failed to get block for txID {text}, error {why}")),
        "GetTransactionByID" => transaction(&view, &text)
            .map_err(|why| format!("Failed to get transaction with id {text}, error {why}")),
        _ => Err(format!("Requested function {function} not found.")),
    }
}

fn block_by_hash(view: &View, hash: &[u8]) -> Result<Vec<u8>, String> {
    let digest = <[u8; 32]>::try_from(hash).ok().map(Digest);
    let found = digest.map(|digest| view.block_number_by_hash(&digest));
    let number = found.transpose().map_err(|error| error.to_string())?;
    let number = number.flatten().ok_or_else(|| {
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("no such block hash [{hash}] in index")
    })?;
    block(view, number.0)
}

fn located(view: &View, id: &str) -> Result<TxLocation, String> {
    let location = view.tx(&TxKey::of(id)).map_err(|error| error.to_string())?;
    location.ok_or_else(|| format!("no such transaction ID [{id}] in index"))
}

fn transaction(view: &View, id: &str) -> Result<Vec<u8>, String> {
    let location = located(view, id)?;
    let block = decoded(view, location.block.0)?;
    let envelopes = block.data.as_ref().map(|data| &data.data);
    let envelope = envelopes.and_then(|all| all.get(location.index.0 as usize));
    let envelope = envelope.ok_or("the transaction is not in its block")?;
    let transaction = ProcessedTransaction {
        transaction_envelope: Envelope::decode(envelope.as_ref()).ok(),
        validation_code: i32::from(location.code.number()),
    };
    Ok(transaction.encode_to_vec())
}

fn info(channel: &Channel) -> Result<Vec<u8>, String> {
    let info = channel.info().map_err(|error| error.to_string())?;
    let last = info.height.checked_sub(1);
    let view = channel.ledger().view().map_err(|error| error.to_string())?;
    let previous = last.map(|last| decoded(&view, last)).transpose()?;
    let previous = previous.and_then(|block| block.header);
    let info = BlockchainInfo {
        height: info.height,
        current_block_hash: info
            .header_hash
            .map(|hash| hash.0.to_vec())
            .unwrap_or_default(),
        previous_block_hash: previous
            .map(|header| header.previous_hash)
            .unwrap_or_default(),
        ..BlockchainInfo::default()
    };
    Ok(info.encode_to_vec())
}

/// A block as it is stored.
pub(super) fn block(view: &View, number: u64) -> Result<Vec<u8>, String> {
    let block = view
        .block(BlockNumber(number))
        .map_err(|error| error.to_string())?;
    let block = block.ok_or_else(|| format!("no such block number [{number}] in index"))?;
    Ok(block.as_ref().to_vec())
}

fn decoded(view: &View, number: u64) -> Result<Block, String> {
    let bytes = block(view, number)?;
    Block::decode(bytes.as_slice()).map_err(|error| error.to_string())
}
