//! Which message stands in which lane, and what of it is compressed next.
//!
//! All lanes take as many blocks as the one with the fewest left in one piece of memory. Blocks that lie
//! within a piece are read where they are; those across a boundary, and the padding, are put together in
//! the lane. A lane whose message ends takes the next one; mostly the longest first, so that the lanes end
//! together. Tails are ready once their head is hashed.

use super::{Block, Compressor, State, groups};
use crate::types::Digest;

const BLOCK_BYTES: usize = size_of::<Block>();

/// FIPS 180-4, 5.3.3.
const INITIAL: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Which message is begun next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// So that the lanes end together.
    LongestFirst,
    /// For a chain and what goes along with it.
    AsGiven,
}

/// The digests of messages, in their order.
pub(super) fn digests<'a, M, C, const LANES: usize>(
    messages: &[M],
    order: Order,
    mut compressor: C,
) -> Vec<Digest>
where
    M: AsRef<[&'a [u8]]>,
    C: Compressor<LANES>,
{
    let mut work = Work::new(messages, order);
    let mut lanes: [Lane<'_>; LANES] = std::array::from_fn(|_| Lane::idle());
    loop {
        for (at, lane) in lanes.iter_mut().enumerate() {
            if !lane.refill()
                && let Some(task) = lane.task.take()
            {
                work.finish(task, lane, compressor.state(at));
            }
        }
        for (at, lane) in lanes.iter_mut().enumerate() {
            if lane.task.is_none()
                && let Some(state) = work.start(lane)
            {
                compressor.set_state(at, state);
            }
        }
        let at_work = lanes.iter().filter(|lane| lane.task.is_some());
        let Some(fewest) = at_work.map(Lane::run).min_by_key(|run| run.len()) else {
            return work.digests;
        };
        let blocks = fewest.len();
        // Lanes that nobody needs do what another one does.
        let runs = lanes.each_ref().map(|lane| match lane.task {
            Some(_) => lane.run(),
            None => fewest,
        });
        compressor.compress(&runs, blocks);
        for lane in &mut lanes {
            lane.advance(blocks);
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
struct Work<'m, M> {
    messages: &'m [M],
    /// In the order in which they are done.
    tasks: Vec<Task>,
    started: usize,
    middles: Vec<Middle>,
    digests: Vec<Digest>,
}

/// Where a head ends.
#[derive(Clone, Copy)]
struct Middle {
    state: State,
    bytes: usize,
    rest: Block,
}

impl<'m, 'a: 'm, M: AsRef<[&'a [u8]]>> Work<'m, M> {
    fn new(messages: &'m [M], order: Order) -> Self {
        let mut heads = Vec::new();
        let mut whole = Vec::new();
        let mut first = 0;
        for group in groups(messages) {
            let end = first + group.len();
            match group {
                [pieces] => whole.push((length(pieces.as_ref()), first)),
                [one, ..] => {
                    let head = one.as_ref().first().map_or(0, |head| head.len());
                    heads.push((head, Task::Head { first, end }));
                }
                [] => {}
            }
            first = end;
        }
        if order == Order::LongestFirst {
            heads.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
            whole.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
        }
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

    /// Has a lane begin the next task: the state that it starts from.
    fn start(&mut self, lane: &mut Lane<'m>) -> Option<State> {
        let task = *self.tasks.get(self.started)?;
        self.started += 1;
        let (at, middle) = match task {
            Task::Head { first, .. } => (first, None),
            Task::Message { at, after } => (at, after.and_then(|middle| self.middles.get(middle))),
        };
        lane.begin(task, self.messages.get(at)?.as_ref(), middle);
        Some(middle.map_or(INITIAL, |middle| middle.state))
    }

    fn finish(&mut self, task: Task, lane: &Lane<'_>, state: State) {
        match task {
            Task::Head { first, end } => {
                let after = Some(self.middles.len());
                self.middles.push(Middle::new(state, lane));
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

impl Middle {
    fn new(state: State, lane: &Lane<'_>) -> Self {
        let mut rest = [0; BLOCK_BYTES];
        let bytes = lane.bytes;
        let from = lane.own.get(lane.rest_from..).unwrap_or_default();
        for (to, from) in rest.iter_mut().zip(from).take(bytes % BLOCK_BYTES) {
            *to = *from;
        }
        Self { state, bytes, rest }
    }

    /// What does not fill a block yet.
    fn rest(&self) -> &[u8] {
        self.rest
            .get(..self.bytes % BLOCK_BYTES)
            .unwrap_or_default()
    }
}

fn length(pieces: &[&[u8]]) -> usize {
    pieces.iter().map(|piece| piece.len()).sum()
}

/// A message on its way through a lane.
struct Lane<'a> {
    /// `None` where there is nothing to do.
    task: Option<Task>,
    /// What is left of the piece that is read, and the pieces after it.
    piece: &'a [u8],
    pieces: &'a [&'a [u8]],
    /// All that is hashed, with what was before a middle.
    bytes: usize,
    /// Bytes that are read from here, and how many there are.
    own: [u8; OWN_BYTES],
    own_bytes: usize,
    /// Where what does not fill a block stands among them, at the end of a head.
    rest_from: usize,
    run: Run<'a>,
    ending: Ending,
}

/// A piece with as much left as this is read where it is. What is shorter is copied: that costs less than to
/// stop all lanes at its end.
const IN_PLACE_BYTES: usize = 16 * BLOCK_BYTES;

/// Room for what is shorter, and for the end of the message.
const OWN_BYTES: usize = IN_PLACE_BYTES + BLOCK_BYTES;

/// The blocks that are next.
enum Run<'a> {
    /// Of a piece.
    Within(&'a [Block]),
    /// So many of the lane's own ones, but for those that are done already.
    Own { done: usize, blocks: usize },
    /// All of them are compressed.
    Done,
}

/// What comes after the last piece.
enum Ending {
    /// The mark after the last byte, and the length.
    Message,
    /// Nothing: the rest stays.
    Head,
    /// Nothing more.
    Over,
}

impl<'a> Lane<'a> {
    fn idle() -> Self {
        Self {
            task: None,
            piece: &[],
            pieces: &[],
            bytes: 0,
            own: [0; OWN_BYTES],
            own_bytes: 0,
            rest_from: 0,
            run: Run::Done,
            ending: Ending::Over,
        }
    }

    /// Begins a task, up to its first blocks.
    fn begin(&mut self, task: Task, pieces: &'a [&'a [u8]], middle: Option<&Middle>) {
        let (head, tails) = match pieces {
            [head, tails @ ..] => (*head, tails),
            [] => (&[] as &[u8], pieces),
        };
        let (nothing, none): (&[u8], &[&[u8]]) = (&[], &[]);
        (self.piece, self.pieces, self.ending) = match task {
            Task::Head { .. } => (head, none, Ending::Head),
            Task::Message { after: None, .. } => (head, tails, Ending::Message),
            Task::Message { after: Some(_), .. } => (nothing, tails, Ending::Message),
        };
        self.task = Some(task);
        self.bytes = self.piece.len() + length(self.pieces);
        self.own_bytes = 0;
        if let Some(middle) = middle {
            self.append(middle.rest());
            self.bytes += middle.bytes;
        }
        self.run = Run::Done;
        self.refill();
    }

    fn run(&self) -> &[Block] {
        match self.run {
            Run::Within(blocks) => blocks,
            Run::Own { done, blocks } => {
                let (own, _) = self.own.as_chunks();
                own.get(done..blocks).unwrap_or_default()
            }
            Run::Done => &[],
        }
    }

    fn advance(&mut self, by: usize) {
        self.run = match self.run {
            Run::Within(run) if run.len() > by => Run::Within(run.get(by..).unwrap_or_default()),
            Run::Own { done, blocks } if blocks > done + by => Run::Own {
                done: done + by,
                blocks,
            },
            Run::Within(_) | Run::Own { .. } | Run::Done => Run::Done,
        };
    }

    /// Finds the next blocks if there are none; false where the message is at its end.
    fn refill(&mut self) -> bool {
        if !matches!(self.run, Run::Done) {
            return true;
        }
        loop {
            if self.piece.len() >= IN_PLACE_BYTES {
                if self.own_bytes == 0 {
                    let (blocks, rest) = self.piece.as_chunks();
                    self.piece = rest;
                    self.run = Run::Within(blocks);
                    return true;
                }
                self.take(self.own_bytes.next_multiple_of(BLOCK_BYTES) - self.own_bytes);
                return self.go_on();
            }
            self.take(IN_PLACE_BYTES - self.own_bytes);
            if !self.piece.is_empty() {
                return self.go_on();
            }
            let Some((next, later)) = self.pieces.split_first() else {
                return self.end();
            };
            (self.piece, self.pieces) = (next, later);
        }
    }

    /// Moves so many bytes of the piece, if it has them.
    fn take(&mut self, bytes: usize) {
        let (now, later) = self.piece.split_at(bytes.min(self.piece.len()));
        self.append(now);
        self.piece = later;
    }

    /// Invariant: there is room.
    fn append(&mut self, bytes: &[u8]) {
        let end = self.own_bytes + bytes.len();
        if let Some(room) = self.own.get_mut(self.own_bytes..end) {
            room.copy_from_slice(bytes);
            self.own_bytes = end;
        }
    }

    /// Goes on with the own blocks, all of them full.
    fn go_on(&mut self) -> bool {
        self.run = Run::Own {
            done: 0,
            blocks: self.own_bytes / BLOCK_BYTES,
        };
        self.own_bytes = 0;
        true
    }

    fn end(&mut self) -> bool {
        match self.ending {
            Ending::Message => {
                let end = (self.own_bytes + 1 + size_of::<u64>()).next_multiple_of(BLOCK_BYTES);
                let bits = 8 * self.bytes as u64;
                if let Some([mark, zeroes @ ..]) = self.own.get_mut(self.own_bytes..end) {
                    *mark = 0x80;
                    zeroes.fill(0);
                    if let Some(length) = zeroes.last_chunk_mut() {
                        *length = bits.to_be_bytes();
                    }
                }
                self.own_bytes = end;
                self.ending = Ending::Over;
                self.go_on()
            }
            Ending::Head => {
                self.ending = Ending::Over;
                self.rest_from = self.own_bytes - self.own_bytes % BLOCK_BYTES;
                self.rest_from > 0 && self.go_on()
            }
            Ending::Over => false,
        }
    }
}
