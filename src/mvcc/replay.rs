//! Stored blocks again: what recovery and rebuilding need (validation-spec 5.9).

use bytes::Bytes;

use super::{DefinedBlockToLive, TxInput, TxWrites, replay_block};
use crate::channel::ConfigBlock;
use crate::decode::{BlockContents, SignedKind, TxBody, decode_block};
use crate::ingress::RawBlock;
use crate::ledger::{Applied, BlockBytes, Error, Replay, StateReader};
use crate::proto::common::metadata_index;
use crate::sys::process::CpuMeter;
use crate::types::{BlockNumber, TxIndex, ValidationCode};

/// Makes update batches of stored blocks again. Trusts the stored codes.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoredReplay;

impl Replay for StoredReplay {
    fn replay(&self, block: &BlockBytes, state: &dyn StateReader) -> Result<Applied, Error> {
        let raw = RawBlock::new(BlockNumber::default(), Bytes::from_owner(block.clone()));
        let failed = |block, source| Error::Replay { block, source };
        let decoded = decode_block(raw, &CpuMeter::default())
            .map_err(|error| failed(BlockNumber::default(), error.into()))?;
        let number = decoded.number();
        let contents = decoded.contents();
        let inputs = inputs(contents);
        let is_config = inputs
            .iter()
            .any(|input| matches!(input.writes, TxWrites::Config(_)));
        let batch = replay_block(number, &inputs, state, &DefinedBlockToLive(state))
            .map_err(|fault| failed(number, fault.into()))?;
        let ids = contents.transactions.iter().map(|tx| tx.tx_key);
        Ok(Applied {
            tx_ids: ids.collect(),
            batch,
            is_config,
        })
    }
}

/// The transactions that the stored filter calls valid.
fn inputs<'b>(contents: &'b BlockContents<'b>) -> Vec<TxInput<'b>> {
    let filter = contents.metadata.get(metadata_index::TRANSACTIONS_FILTER);
    let codes = filter.copied().unwrap_or_default().iter();
    let numbered = (0_u32..)
        .map(TxIndex)
        .zip(&contents.transactions)
        .zip(codes);
    let valid = numbered.filter(|(_, code)| **code == ValidationCode::Valid.number());
    valid
        .filter_map(|((tx, transaction), _)| {
            let writes = match &transaction.body {
                TxBody::Signed {
                    kind: SignedKind::Config(config),
                    ..
                } => TxWrites::Config(config),
                TxBody::Signed {
                    kind: SignedKind::Endorser(endorser),
                    ..
                } => TxWrites::Endorser(&endorser.action.as_ref().ok()?.rwset),
                // The genesis block's transaction needs no creator.
                TxBody::Signed {
                    kind: SignedKind::Refused(_),
                    ..
                }
                | TxBody::Refused(_) => {
                    let config = ConfigBlock::of_envelope(transaction.envelope).ok()?;
                    TxWrites::Config(config.config_envelope)
                }
            };
            Some(TxInput { tx, writes })
        })
        .collect()
}
