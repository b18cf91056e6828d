//! Groups of blocks: as many as are waiting become durable with one sync.

use bytes::Bytes;

use super::serialize::serialize_block;
use crate::ledger::{self, CommitBlock, Ledger, PendingBatch};
use crate::limits;
use crate::mvcc::ValidatedBlock;
use crate::queue::Inbox;
use crate::stage::InStage;
use crate::types::{BlockNumber, Digest};

/// A block that is durable.
#[derive(Debug)]
pub struct CommittedBlock {
    validated: ValidatedBlock,
}

impl CommittedBlock {
    /// The block, its codes and what it did to the state.
    #[must_use]
    pub fn validated(&self) -> &ValidatedBlock {
        &self.validated
    }
}

/// Takes the blocks that are waiting: at least one, at most `blocks_max`. `None` at the end.
pub fn next_group(inbox: &Inbox<ValidatedBlock>, blocks_max: usize) -> Option<Vec<ValidatedBlock>> {
    let first = inbox.receive()?;
    let mut bytes = first.decoded().size();
    let mut group = vec![first];
    while group.len() < blocks_max && bytes < limits::COMMIT_GROUP_BYTES {
        let Some(next) = inbox.try_receive() else {
            break;
        };
        bytes += next.decoded().size();
        group.push(next);
    }
    Some(group)
}

/// Makes a group durable.
///
/// # Errors
/// The ledger failed: it takes no more blocks until it is opened again.
pub fn commit_group(
    ledger: &Ledger,
    group: Vec<ValidatedBlock>,
) -> Result<Vec<CommittedBlock>, ledger::Error> {
    let blocks: Vec<CommitBlock> = group.iter().map(commit_block).collect();
    ledger.append(&blocks)?;
    Ok(group
        .into_iter()
        .map(|validated| CommittedBlock { validated })
        .collect())
}

fn commit_block(validated: &ValidatedBlock) -> CommitBlock {
    let decoded = validated.decoded();
    let contents = decoded.contents();
    let number = decoded.number();
    let parts = serialize_block(decoded, validated.codes(), validated.commit_hash());
    let ids = contents.transactions.iter().map(|tx| tx.tx_key);
    let previous = contents.previous_hash.try_into().ok().map(Digest);
    CommitBlock {
        number,
        header_hash: decoded.header_hash(),
        previous_hash: previous.filter(|_| number != BlockNumber(0)),
        payload: vec![Bytes::from(parts.head), parts.data, Bytes::from(parts.tail)],
        tx_ids: ids.collect(),
        batch: PendingBatch::clone(validated.batch()),
        commit_hash: validated.commit_hash(),
        is_config: validated.config_changed(),
    }
}

impl InStage for CommittedBlock {
    fn number(&self) -> BlockNumber {
        self.validated.decoded().number()
    }

    fn transactions(&self) -> usize {
        self.validated.codes().len()
    }
}
