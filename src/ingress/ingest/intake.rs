//! One feeder's bytes, taken apart into blocks.
//!
//! ```text
//!             length          header            all bytes
//!  Between ----------> Sized --------> Begun ------------> Between
//!                                        |  (kept or skipped)
//!                                        +-- undecided: nothing more is read
//! ```
//!
//! A block's header comes first, so its number is known before its body takes memory: whoever owns
//! the intake decides then whether it is kept, skipped, or has to wait.

use bytes::Bytes;

use super::refusal::IngestRefusal;
use crate::ledger::header_hash;
use crate::limits;
use crate::proto::common::BlockHeader;
use crate::proto::wire::{Message, take_varint};
use crate::types::{BlockNumber, Digest};

/// A length that a block can have takes at most 4 bytes; some encoders fill up with zeroes.
const LENGTH_BYTES_MAX: usize = 5;

/// What a block's first bytes say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlockStart {
    pub(super) number: BlockNumber,
    pub(super) header_hash: Digest,
    /// Of the whole block.
    pub(super) length: usize,
}

/// What the bytes so far amount to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing yet.
    NeedMore,
    /// A block has begun: keep it, skip it, or leave it undecided.
    Undecided(BlockStart),
    /// A block that was kept.
    Block(BlockStart, Bytes),
    /// A block that was skipped has gone by.
    Skipped(BlockStart),
}

#[derive(Debug)]
enum State {
    Between,
    Sized { length: usize },
    Undecided(BlockStart),
    Keeping(BlockStart, Vec<u8>),
    Skipping(BlockStart, usize),
}

/// The state machine.
#[derive(Debug)]
pub(super) struct Intake {
    /// Bytes that came and are not taken yet. Bounded: at most one read, and a header before it.
    staged: Vec<u8>,
    state: State,
}

impl Default for Intake {
    fn default() -> Self {
        Self {
            staged: Vec::new(),
            state: State::Between,
        }
    }
}

impl Intake {
    /// Takes bytes from the wire.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.staged.extend_from_slice(bytes);
    }

    /// Whether a block has begun and is not complete.
    pub(super) fn is_inside(&self) -> bool {
        !matches!(self.state, State::Between) || !self.staged.is_empty()
    }

    /// Bytes that a block which is kept may still take beyond a feeder's budget.
    pub(super) fn is_large(&self) -> bool {
        match &self.state {
            State::Keeping(start, _) => start.length > limits::INGEST_FEEDER_BYTES_MAX,
            State::Between | State::Sized { .. } | State::Undecided(_) | State::Skipping(..) => {
                false
            }
        }
    }

    /// The undecided block is wanted.
    pub(super) fn keep(&mut self) {
        if let State::Undecided(start) = &self.state {
            // The announced length is not trusted with memory before the bytes are there.
            let room = start.length.min(limits::INGEST_READ_BYTES);
            self.state = State::Keeping(start.clone(), Vec::with_capacity(room));
        }
    }

    /// The undecided block is not wanted.
    pub(super) fn skip(&mut self) {
        if let State::Undecided(start) = &self.state {
            self.state = State::Skipping(start.clone(), start.length);
        }
    }

    /// Goes on as far as the bytes reach. After [`Step::NeedMore`] and [`Step::Undecided`] there is no
    /// more to be had without bytes or a decision.
    ///
    /// # Errors
    /// The bytes are no blocks.
    pub(super) fn step(&mut self) -> Result<Step, IngestRefusal> {
        loop {
            match &mut self.state {
                State::Between => match self.length()? {
                    None => return Ok(Step::NeedMore),
                    Some(length) => self.state = State::Sized { length },
                },
                State::Sized { length } => {
                    let length = *length;
                    match start(&self.staged, length)? {
                        None => return Ok(Step::NeedMore),
                        Some(start) => self.state = State::Undecided(start),
                    }
                }
                State::Undecided(start) => return Ok(Step::Undecided(start.clone())),
                State::Keeping(start, bytes) => {
                    let count = self.staged.len().min(start.length - bytes.len());
                    bytes.extend_from_slice(self.staged.get(..count).unwrap_or_default());
                    self.staged.drain(..count);
                    if bytes.len() < start.length {
                        return Ok(Step::NeedMore);
                    }
                    let step = Step::Block(start.clone(), Bytes::from(std::mem::take(bytes)));
                    self.state = State::Between;
                    return Ok(step);
                }
                State::Skipping(start, left) => {
                    let count = self.staged.len().min(*left);
                    self.staged.drain(..count);
                    *left -= count;
                    if *left > 0 {
                        return Ok(Step::NeedMore);
                    }
                    let step = Step::Skipped(start.clone());
                    self.state = State::Between;
                    return Ok(step);
                }
            }
        }
    }

    /// The next block's length, taken off the staged bytes.
    fn length(&mut self) -> Result<Option<usize>, IngestRefusal> {
        let mut rest = self.staged.as_slice();
        let Ok(length) = take_varint(&mut rest) else {
            return if self.staged.len() < LENGTH_BYTES_MAX {
                Ok(None)
            } else {
                Err(IngestRefusal::NotABlock {
                    problem: "a length is no varint",
                })
            };
        };
        let taken = self.staged.len() - rest.len();
        self.staged.drain(..taken);
        match usize::try_from(length) {
            Ok(length) if length <= limits::BLOCK_BYTES_MAX => Ok(Some(length)),
            _ => Err(IngestRefusal::Oversize { length }),
        }
    }
}

/// The header of a block of `length` bytes that begins with `staged`; `None` where it is not there yet.
fn start(staged: &[u8], length: usize) -> Result<Option<BlockStart>, IngestRefusal> {
    let refused = |problem| Err(IngestRefusal::NotABlock { problem });
    let block = staged.get(..length).unwrap_or(staged);
    let whole = block.len() == length;
    let Some((tag, mut rest)) = block.split_first() else {
        return if whole {
            refused("a block is empty")
        } else {
            Ok(None)
        };
    };
    if *tag != 0x0a {
        return refused("a block does not begin with its header");
    }
    let header_len = take_varint(&mut rest).ok();
    let header_len = match header_len.map(usize::try_from) {
        Some(Ok(len)) if len <= limits::INGEST_HEADER_BYTES_MAX => len,
        Some(_) => return refused("a block's header is too long"),
        None if whole || block.len() > 10 => return refused("a block's header is cut off"),
        None => return Ok(None),
    };
    let Some(header) = rest.get(..header_len) else {
        return if whole {
            refused("a block's header is cut off")
        } else {
            Ok(None)
        };
    };
    let Ok(header) = BlockHeader::decode(header) else {
        return refused("a block's header does not decode");
    };
    let number = BlockNumber(header.number);
    Ok(Some(BlockStart {
        number,
        header_hash: header_hash(number, header.previous_hash, header.data_hash),
        length,
    }))
}
