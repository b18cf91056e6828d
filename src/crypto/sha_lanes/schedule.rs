//! Which message stands in which lane, and what of it is compressed next.
//!
//! All lanes take as many blocks as the one with the fewest left in one piece of memory. Blocks that lie
//! within a piece are read where they are; those across a boundary, and the padding, are put together in
//! the lane. A lane whose message ends takes the next one, the longest first, so that the lanes end
//! together. Tails are ready once their head is hashed.

use super::{Block, LANES, Pieces, groups};
use crate::types::Digest;

const BLOCK_BYTES: usize = size_of::<Block>();
/// Where the length stands in the last block.
const LENGTH_AT: usize = BLOCK_BYTES - size_of::<u64>();

/// FIPS 180-4, 5.3.3.
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Word i of the state in lane j stands at `[i][j]`.
pub(super) type States = [[u32; LANES]; 8];

/// The next blocks of each lane.
pub(super) type Runs<'r> = [&'r [Block]; LANES];

/// The digests of messages, in their order. `compress` takes in so many blocks of each run.
pub(super) fn digests(
    messages: &[Pieces<'_>],
    compress: impl Fn(&mut States, &Runs<'_>, usize),
) -> Vec<Digest> {
    let mut work = Work::new(messages);
    let mut states = [[0; LANES]; 8];
    let mut lanes: [Option<Lane<'_>>; LANES] = std::array::from_fn(|_| None);
    loop {
        for (at, place) in lanes.iter_mut().enumerate() {
            if let Some(lane) = place
                && !lane.refill()
            {
                work.finish(lane, state_of(&states, at));
                *place = None;
            }
        }
        for (at, place) in lanes.iter_mut().enumerate() {
            if place.is_none()
                && let Some((lane, state)) = work.start()
            {
                set_state(&mut states, at, state);
                *place = Some(lane);
            }
        }
        let fewest = lanes
            .iter()
            .flatten()
            .map(Lane::run)
            .min_by_key(|run| run.len());
        let Some(fewest) = fewest else {
            return work.digests;
        };
        let blocks = fewest.len();
        // Lanes that nobody needs do what another one does.
        let runs = lanes
            .each_ref()
            .map(|lane| lane.as_ref().map_or(fewest, Lane::run));
        compress(&mut states, &runs, blocks);
        for lane in lanes.iter_mut().flatten() {
            lane.advance(blocks);
        }
    }
}

fn state_of(states: &States, lane: usize) -> [u32; 8] {
    states.map(|word| word.get(lane).copied().unwrap_or_default())
}

fn set_state(states: &mut States, lane: usize, state: [u32; 8]) {
    for (words, new) in states.iter_mut().zip(state) {
        if let Some(word) = words.get_mut(lane) {
            *word = new;
        }
    }
}

/// What one lane does from beginning to end.
#[derive(Clone, Copy)]
enum Task {
    /// The first piece of the messages from `first` to before `end`.
    Head { first: usize, end: usize },
    /// A message, or what comes after its head.
    Message { at: usize, after: Option<usize> },
}

/// What is left to do, and what is done.
struct Work<'a> {
    messages: &'a [Pieces<'a>],
    /// In the order in which they are done.
    tasks: Vec<Task>,
    started: usize,
    middles: Vec<Middle>,
    digests: Vec<Digest>,
}

/// Where a head ends.
#[derive(Clone, Copy)]
struct Middle {
    state: [u32; 8],
    bytes: usize,
    /// What does not fill a block yet.
    rest: Block,
}

impl<'a> Work<'a> {
    fn new(messages: &'a [Pieces<'a>]) -> Self {
        let mut heads = Vec::new();
        let mut whole = Vec::new();
        let mut first = 0;
        for group in groups(messages) {
            let end = first + group.len();
            match group {
                [pieces] => whole.push((length(pieces), first)),
                [[head, ..], ..] => heads.push((head.len(), Task::Head { first, end })),
                [] => {}
            }
            first = end;
        }
        heads.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
        whole.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
        let heads = heads.into_iter().map(|(_, head)| head);
        let whole = whole
            .into_iter()
            .map(|(_, at)| Task::Message { at, after: None });
        Self {
            messages,
            tasks: heads.chain(whole).collect(),
            started: 0,
            middles: Vec::new(),
            digests: vec![Digest::default(); messages.len()],
        }
    }

    /// The next task, in a lane that has its first blocks, and the state that it starts from.
    fn start(&mut self) -> Option<(Lane<'a>, [u32; 8])> {
        let task = *self.tasks.get(self.started)?;
        self.started += 1;
        let (at, middle) = match task {
            Task::Head { first, .. } => (first, None),
            Task::Message { at, after } => (at, after.and_then(|middle| self.middles.get(middle))),
        };
        let pieces = self.messages.get(at)?;
        let mut lane = Lane::new(task, pieces, middle);
        let state = middle.map_or(INITIAL, |middle| middle.state);
        lane.refill().then_some((lane, state))
    }

    fn finish(&mut self, lane: &Lane<'_>, state: [u32; 8]) {
        match lane.task {
            Task::Head { first, end } => {
                let after = Some(self.middles.len());
                self.middles.push(Middle {
                    state,
                    bytes: lane.bytes,
                    rest: lane.own,
                });
                let tails = (first..end).map(|at| Task::Message { at, after });
                self.tasks.extend(tails);
            }
            Task::Message { at, .. } => {
                if let Some(digest) = self.digests.get_mut(at) {
                    for (to, word) in digest.0.chunks_exact_mut(4).zip(state) {
                        to.copy_from_slice(&word.to_be_bytes());
                    }
                }
            }
        }
    }
}

fn length(pieces: &[&[u8]]) -> usize {
    pieces.iter().map(|piece| piece.len()).sum()
}

/// A message on its way through a lane.
struct Lane<'a> {
    task: Task,
    /// What is left of the piece that is read, and the pieces after it.
    piece: &'a [u8],
    pieces: &'a [&'a [u8]],
    /// All that is hashed, with what was before a middle.
    bytes: usize,
    /// A block that does not lie in one piece, and how much of it there is.
    own: Block,
    own_bytes: usize,
    run: Run<'a>,
    ending: Ending,
}

/// The blocks that are next.
enum Run<'a> {
    /// Of a piece.
    Within(&'a [Block]),
    /// The lane's own one.
    Own,
    /// All of them are compressed.
    Done,
}

/// What comes after the last piece.
enum Ending {
    /// The mark after the last byte, and the length if there is room.
    Mark,
    /// A block with the length.
    Length,
    /// Nothing (more).
    Nothing,
}

impl<'a> Lane<'a> {
    fn new(task: Task, pieces: &'a Pieces<'a>, middle: Option<&Middle>) -> Self {
        let [head, tails @ ..] = pieces;
        let (piece, pieces, ending): (_, &[&[u8]], _) = match task {
            Task::Head { .. } => (*head, &[], Ending::Nothing),
            Task::Message { after: None, .. } => (*head, tails, Ending::Mark),
            Task::Message { after: Some(_), .. } => (&[], tails, Ending::Mark),
        };
        let before = middle.map_or(0, |middle| middle.bytes);
        Self {
            task,
            piece,
            pieces,
            bytes: before + piece.len() + length(pieces),
            own: middle.map_or([0; BLOCK_BYTES], |middle| middle.rest),
            own_bytes: before % BLOCK_BYTES,
            run: Run::Done,
            ending,
        }
    }

    fn run(&self) -> &[Block] {
        match &self.run {
            Run::Within(blocks) => blocks,
            Run::Own => std::slice::from_ref(&self.own),
            Run::Done => &[],
        }
    }

    fn advance(&mut self, blocks: usize) {
        self.run = match self.run {
            Run::Within(run) if run.len() > blocks => {
                Run::Within(run.get(blocks..).unwrap_or_default())
            }
            Run::Within(_) | Run::Own | Run::Done => Run::Done,
        };
    }

    /// Finds the next blocks if there are none; false where the message is at its end.
    fn refill(&mut self) -> bool {
        if !matches!(self.run, Run::Done) {
            return true;
        }
        loop {
            if self.own_bytes == 0 && self.piece.len() >= BLOCK_BYTES {
                let (blocks, rest) = self.piece.as_chunks();
                self.piece = rest;
                self.run = Run::Within(blocks);
                return true;
            }
            self.fill_own();
            if self.own_bytes == BLOCK_BYTES {
                self.own_bytes = 0;
                self.run = Run::Own;
                return true;
            }
            let Some((next, later)) = self.pieces.split_first() else {
                return self.end();
            };
            (self.piece, self.pieces) = (next, later);
        }
    }

    /// Moves what there is room for from the piece.
    fn fill_own(&mut self) {
        let room = self.own.get_mut(self.own_bytes..).unwrap_or_default();
        let (now, later) = self.piece.split_at(room.len().min(self.piece.len()));
        for (to, from) in room.iter_mut().zip(now) {
            *to = *from;
        }
        self.own_bytes += now.len();
        self.piece = later;
    }

    fn end(&mut self) -> bool {
        let from = self.own_bytes;
        match self.ending {
            Ending::Nothing => return false,
            Ending::Mark => {
                let room = self.own.get_mut(from..).unwrap_or_default();
                room.fill(0);
                if let Some(mark) = room.first_mut() {
                    *mark = 0x80;
                }
                self.ending = Ending::Length;
            }
            Ending::Length => self.own.fill(0),
        }
        if from < LENGTH_AT {
            let bits = 8 * self.bytes as u64;
            let length = self.own.get_mut(LENGTH_AT..).unwrap_or_default();
            length.copy_from_slice(&bits.to_be_bytes());
            self.ending = Ending::Nothing;
        }
        self.own_bytes = 0;
        self.run = Run::Own;
        true
    }
}
