//! A copy of a ledger in which something is not as it was.

use std::path::Path;
use std::sync::Arc;

use heddle::ledger::{CommitBlock, Ledger, LedgerOptions, PendingBatch, UpdateBatch, header_hash};
use heddle::mvcc::StoredReplay;
use heddle::proto::common::metadata_index::{COMMIT_HASH, TRANSACTIONS_FILTER};
use heddle::proto::messages::common::{Block, Metadata};
use heddle::types::{BlockNumber, ChannelId, Digest};
use prost::Message as _;
use tempfile::TempDir;

/// The first blocks of the channel's ledger in `data`, after `alter` has had each one's number, codes and
/// commit hash.
pub(crate) fn altered_copy(
    data: &Path,
    height: u64,
    alter: impl Fn(u64, &mut [u8], &mut [u8]),
) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = open(folder.path());
    for (number, block) in (0..height).map(BlockNumber).zip(blocks(data)) {
        copy.append(&[altered(block, number, &alter)])
            .expect("it is appended");
    }
    folder
}

/// All blocks of the channel's ledger in `data`.
pub(crate) fn blocks(data: &Path) -> Vec<Block> {
    let ledger = open(data);
    let view = ledger.view().expect("a view");
    let block = |number| {
        let block = view.block(number).expect("it reads").expect("a block");
        Block::decode(block.as_ref()).expect("it decodes")
    };
    (0..ledger.height()).map(BlockNumber).map(block).collect()
}

fn open(folder: &Path) -> Ledger {
    let channel = ChannelId::new("mychannel").expect("a name");
    let options = LedgerOptions::default();
    Ledger::open(folder, &channel, &options, &StoredReplay, &mut |_| {}).expect("a ledger")
}

fn altered(
    mut block: Block,
    number: BlockNumber,
    alter: &impl Fn(u64, &mut [u8], &mut [u8]),
) -> CommitBlock {
    let header = block.header.as_ref().expect("a header");
    let (previous, data) = (&header.previous_hash, &header.data_hash);
    let header_hash = header_hash(number, previous, data);
    let previous_hash = <[u8; 32]>::try_from(previous.as_slice()).ok().map(Digest);
    let slots = &mut block.metadata.as_mut().expect("metadata").metadata;
    let mut codes = slots[TRANSACTIONS_FILTER].to_vec();
    let mut hash = slots
        .get(COMMIT_HASH)
        .map_or_else(Metadata::default, |slot| {
            Metadata::decode(slot.as_ref()).expect("a hash")
        });
    alter(number.0, &mut codes, &mut hash.value);
    slots[TRANSACTIONS_FILTER] = codes.into();
    if let Some(slot) = slots.get_mut(COMMIT_HASH) {
        *slot = hash.encode_to_vec().into();
    }
    let batch = UpdateBatch {
        block: number,
        ..UpdateBatch::default()
    };
    CommitBlock {
        number,
        header_hash,
        previous_hash,
        payload: vec![block.encode_to_vec().into()],
        tx_ids: Vec::new(),
        batch: PendingBatch::new(Arc::new(batch)),
        commit_hash: hash.value.try_into().ok().map(Digest),
        is_config: true,
    }
}
