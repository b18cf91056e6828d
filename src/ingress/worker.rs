//! The thread at the door: reads the source and feeds decode, waiting where the pipeline is full.

use super::{BlockSource, RawBlock, SourceError};
use crate::queue::{Outbox, Room};
use crate::stage::Trace;
use crate::types::BlockNumber;

/// Feeds the blocks of `source` to `outbox` until the source ends or decode has gone; each enters when
/// there is room for it. `first` is the number that the first block should have.
///
/// # Errors
/// The source cannot give the next block.
pub fn feed(
    source: &mut dyn BlockSource,
    first: BlockNumber,
    outbox: &Outbox<RawBlock>,
    room: &Room,
    trace: &Trace,
) -> Result<(), SourceError> {
    let mut expected = first;
    while let Some(bytes) = source.next_block()? {
        let bytes = room.enter(bytes);
        trace.entered();
        let raw = RawBlock {
            expected,
            bytes,
            data: source.take_data_check(),
        };
        if outbox.send(raw).is_err() {
            break;
        }
        expected = expected.next();
    }
    Ok(())
}
