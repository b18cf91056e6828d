//! Blocks for peers that ask for a range, straight from the mapped files.

use bytes::Bytes;

use crate::gossip::net::answer_pieces;
use crate::host::Channel;
use crate::ledger;
use crate::limits;
use crate::types::BlockNumber;

/// The range that a peer asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) nonce: u64,
    pub(super) first: BlockNumber,
    pub(super) last: BlockNumber,
}

/// The answer: the range's blocks as far as they fit one, at least one if it is there.
///
/// # Errors
/// The ledger failed.
pub(super) fn answer(channel: &Channel, range: Range) -> Result<Vec<Bytes>, ledger::Error> {
    let view = channel.ledger().view()?;
    let mut blocks = Vec::new();
    let mut room = limits::GOSSIP_ANSWER_BYTES_MAX;
    for number in range.first.0..=range.last.0 {
        let Some(block) = view.block(BlockNumber(number))? else {
            break;
        };
        let block = Bytes::from_owner(block);
        if block.len() > room && !blocks.is_empty() {
            break;
        }
        room = room.saturating_sub(block.len());
        blocks.push(block);
    }
    Ok(answer_pieces(
        channel.id(),
        range.nonce,
        range.first.0,
        blocks,
    ))
}
