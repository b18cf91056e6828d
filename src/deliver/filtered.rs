//! What is left of a block for those who only want to know what became of transactions.
//!
//! Fabric: `core/peer/deliverevents.go:toFilteredBlock`.

use prost::Message as _;

use crate::proto::common::metadata_index;
use crate::proto::messages::common::{Block, ChannelHeader, Envelope, HeaderType, Payload};
use crate::proto::messages::protos::filtered_transaction::Data;
use crate::proto::messages::protos::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeEvent, FilteredBlock,
    FilteredChaincodeAction, FilteredTransaction, FilteredTransactionActions,
    ProposalResponsePayload, Transaction, TransactionAction,
};

/// The filtered form of a stored block. Transactions without a header are left out; events keep no
/// payload. `None` where a transaction does not decode, of which Fabric sends no filtered block.
#[must_use]
pub fn filtered_block(block: &Block) -> Option<FilteredBlock> {
    let slots = block.metadata.as_ref().map(|slots| &slots.metadata);
    let codes = slots.and_then(|slots| slots.get(metadata_index::TRANSACTIONS_FILTER));
    let mut filtered = FilteredBlock {
        number: block.header.as_ref().map_or(0, |header| header.number),
        ..FilteredBlock::default()
    };
    let envelopes = block.data.iter().flat_map(|data| &data.data);
    for (index, bytes) in envelopes.enumerate() {
        let envelope = Envelope::decode(bytes.as_ref()).ok()?;
        let payload = Payload::decode(envelope.payload.as_ref()).ok()?;
        let Some(header) = payload.header else {
            continue;
        };
        let header = ChannelHeader::decode(header.channel_header.as_ref()).ok()?;
        let code = codes.and_then(|codes| codes.get(index));
        let data = (header.r#type == i32::from(HeaderType::EndorserTransaction))
            .then(|| actions(&payload.data).map(Data::TransactionActions));
        let data = match data {
            None => None,
            Some(actions) => Some(actions?),
        };
        filtered.channel_id = header.channel_id;
        filtered.filtered_transactions.push(FilteredTransaction {
            txid: header.tx_id,
            r#type: header.r#type,
            // A code that is not there is as in Fabric: not validated.
            tx_validation_code: code.map_or(254, |code| i32::from(*code)),
            data,
        });
    }
    Some(filtered)
}

fn actions(transaction: &[u8]) -> Option<FilteredTransactionActions> {
    let transaction = Transaction::decode(transaction).ok()?;
    let mut filtered = FilteredTransactionActions::default();
    for action in &transaction.actions {
        filtered.chaincode_actions.extend(event(action)?);
    }
    Some(filtered)
}

/// The event of an action, if it has one.
#[expect(clippy::option_option, reason = "undecodable, and nothing there")]
fn event(action: &TransactionAction) -> Option<Option<FilteredChaincodeAction>> {
    let payload = ChaincodeActionPayload::decode(action.payload.as_ref()).ok()?;
    let Some(endorsed) = payload.action else {
        return Some(None);
    };
    let response = ProposalResponsePayload::decode(endorsed.proposal_response_payload.as_ref());
    let action = ChaincodeAction::decode(response.ok()?.extension.as_ref()).ok()?;
    let event = ChaincodeEvent::decode(action.events.as_ref()).ok()?;
    if event.chaincode_id.is_empty() {
        return Some(None);
    }
    Some(Some(FilteredChaincodeAction {
        chaincode_event: Some(ChaincodeEvent {
            payload: Vec::new(),
            ..event
        }),
    }))
}
