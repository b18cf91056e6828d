//! Blocks that are not what the orderers made.

use bytes::Bytes;
use prost::Message as _;

use crate::proto::messages::common::Block;

fn changed(block: &Bytes, change: impl FnOnce(&mut Block)) -> Bytes {
    let mut block = Block::decode(block.clone()).unwrap();
    change(&mut block);
    block.encode_to_vec().into()
}

pub(super) fn with_other_signature(block: &Bytes) -> Bytes {
    changed(block, |block| {
        let signatures = &mut block.metadata.as_mut().unwrap().metadata[0];
        let last = signatures.len() - 1;
        let mut changed = signatures.to_vec();
        changed[last] ^= 1;
        *signatures = changed.into();
    })
}

pub(super) fn with_other_link(block: &Bytes) -> Bytes {
    changed(block, |block| {
        block.header.as_mut().unwrap().previous_hash = vec![7; 32];
    })
}

pub(super) fn with_other_data(block: &Bytes) -> Bytes {
    changed(block, |block| {
        block.data.as_mut().unwrap().data[0] = b"something else".to_vec().into();
    })
}
