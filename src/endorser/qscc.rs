//! `qscc`: questions about a channel's ledger.
//!
//! Fabric: `core/scc/qscc/query.go`.

use prost::Message as _;

use super::proposal::Proposal;
use crate::host::Channel;
use crate::ledger::{TxKey, View};
use crate::proto::messages::common::{Block, BlockchainInfo, Envelope};
use crate::proto::messages::protos::ProcessedTransaction;
use crate::types::{BlockNumber, Digest};

/// Answers a question, or says what is wrong with it.
pub(super) fn answer(proposal: &Proposal, channel: &Channel) -> Result<Vec<u8>, String> {
    let function = proposal.function();
    let resource = match function {
        "GetChainInfo" => "qscc/GetChainInfo",
        "GetBlockByNumber" => "qscc/GetBlockByNumber",
        "GetBlockByHash" => "qscc/GetBlockByHash",
        "GetTransactionByID" => "qscc/GetTransactionByID",
        "GetBlockByTxID" => "qscc/GetBlockByTxID",
        _ => return Err(format!("Requested function {function} not found.")),
    };
    let name = channel.id();
    channel
        .check(resource, &proposal.signed())
        .map_err(|denied| format!("access denied for [{function}][{name}]: {denied}"))?;
    let view = channel.ledger().view().map_err(|error| error.to_string())?;
    if function == "GetChainInfo" {
        return info(channel);
    }
    let missing = || format!("missing 3rd argument for {function}");
    let argument = proposal.arguments.get(2).ok_or_else(missing)?;
    match function {
        "GetBlockByNumber" => {
            let number = std::str::from_utf8(argument).ok();
            let number = number.and_then(|number| number.parse().ok());
            let number = number.ok_or("Failed to parse block number: expected a decimal number")?;
            // Fabric: the largest number stands for the last block.
            let last = view.height().saturating_sub(1);
            block(&view, if number == u64::MAX { last } else { number })
        }
        "GetBlockByHash" => {
            let hash = <[u8; 32]>::try_from(argument.as_slice()).map(Digest);
            let found = hash.ok().map(|hash| view.block_number_by_hash(&hash));
            let number = found.transpose().map_err(|error| error.to_string())?;
            let number = number
                .flatten()
                .ok_or("Failed to get block by hash: no such block")?;
            block(&view, number.0)
        }
        _ => {
            let id = std::str::from_utf8(argument).unwrap_or_default();
            let location = view
                .tx(&TxKey::of(id))
                .map_err(|error| error.to_string())?
                .ok_or_else(|| format!("no such transaction ID [{id}] in index"))?;
            if function == "GetBlockByTxID" {
                return block(&view, location.block.0);
            }
            let block = decoded(&view, location.block.0)?;
            let envelopes = block.data.as_ref().map(|data| &data.data);
            let envelope = envelopes.and_then(|all| all.get(location.index.0 as usize));
            let envelope = envelope.ok_or("the transaction is not in its block")?;
            let transaction = ProcessedTransaction {
                transaction_envelope: Envelope::decode(envelope.as_ref()).ok(),
                validation_code: i32::from(location.code.number()),
            };
            Ok(transaction.encode_to_vec())
        }
    }
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
