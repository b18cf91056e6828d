//! Whole runs: a chain of blocks, orderers of which at least one is honest, a seeded script. Every run
//! ends with all blocks in order within a bound of steps and of time, and is the same twice.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use super::{Action, Content, Core, Endpoint, StreamId, Trouble, endpoints, options};
use crate::orderer::core::shuffle::Shuffle;
use crate::sys::clock::Instant;
use crate::types::BlockNumber;

const BLOCKS: u64 = 40;
const STEPS_MAX: usize = 20_000;

/// What an orderer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Honest,
    /// Every message takes seconds.
    Slow,
    /// Refuses connections.
    Dead,
    /// Never answers.
    Deaf,
    /// Refuses connections until some time.
    Late(Instant),
    /// Streams break after so many messages.
    Cutting(u64),
    /// Answers with a status instead of blocks.
    Refusing,
    /// Sends one bad block after so many good ones.
    Lying(u64),
    /// Sends no block from this number on; headers it does send.
    Withholding(u64),
    /// Claims that blocks exist which do not.
    Boasting,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Connected,
    Failed,
    Good(u64),
    Bad,
    Header { number: u64, exists: bool },
}

#[derive(Debug)]
struct Open {
    manner: Manner,
    content: Content,
    from: u64,
    sent: u64,
    /// Whether the header in hand can be proved.
    exists: bool,
}

struct Sim {
    core: Core,
    random: Shuffle,
    now: Instant,
    manners: BTreeMap<String, Manner>,
    open: BTreeMap<StreamId, Open>,
    events: BinaryHeap<Reverse<(Instant, u64, StreamId, Event)>>,
    count: u64,
    log: Vec<String>,
}

impl Sim {
    fn new(seed: u64, manners: &[Manner], bft: bool) -> Self {
        let names: Vec<String> = (0..manners.len()).map(|at| format!("o{at}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let endpoints: Vec<Endpoint> = endpoints(&names);
        let mut core = Core::new(BlockNumber(1), options(), seed);
        core.set_endpoints(Instant::default(), &endpoints, bft);
        let names = names.iter().map(|name| (*name).to_owned());
        Self {
            core,
            random: Shuffle::new(seed),
            now: Instant::default(),
            manners: names.zip(manners.iter().copied()).collect(),
            open: BTreeMap::new(),
            events: BinaryHeap::new(),
            count: 0,
            log: Vec::new(),
        }
    }

    fn after(&mut self, wait: Duration, stream: StreamId, event: Event) {
        self.count += 1;
        let entry = (self.now.plus(wait), self.count, stream, event);
        self.events.push(Reverse(entry));
    }

    fn latency(&mut self, manner: Manner) -> Duration {
        let mut numbers: Vec<u64> = (1..=20).collect();
        self.random.apply(&mut numbers);
        let unit = if manner == Manner::Slow { 100 } else { 1 };
        Duration::from_millis(numbers[0] * unit)
    }

    fn act(&mut self, action: Action) {
        self.log
            .push(format!("{} {action:?}", self.now.as_micros()));
        match action {
            Action::Close { stream } => {
                self.open.remove(&stream).expect("closed once");
            }
            Action::Continue { stream } => self.send(stream),
            Action::Prove { stream } => {
                if self.open[&stream].exists {
                    self.core.proved(self.now, stream);
                } else {
                    let (number, problem) = (self.core.next(), "no signature".to_owned());
                    let trouble = Trouble::BadHeader { number, problem };
                    self.core.misbehaved(self.now, stream, trouble);
                }
            }
            Action::Open {
                stream,
                endpoint,
                from,
                content,
            } => {
                assert_eq!(from, self.core.next());
                let manner = self.manners[&endpoint.address];
                let blocks = |open: &Open| open.content == Content::Blocks;
                if content == Content::Blocks {
                    assert!(!self.open.values().any(blocks), "one at a time");
                }
                let (from, sent) = (from.0, 0);
                let open = Open {
                    manner,
                    content,
                    from,
                    sent,
                    exists: true,
                };
                self.open.insert(stream, open);
                let wait = self.latency(manner);
                let sleeps = matches!(manner, Manner::Late(until) if self.now < until);
                if manner == Manner::Dead || sleeps {
                    self.after(wait, stream, Event::Failed);
                } else if manner != Manner::Deaf {
                    self.after(wait, stream, Event::Connected);
                }
            }
        }
    }

    /// The orderer sends its next message, if it has one.
    fn send(&mut self, stream: StreamId) {
        let Some(open) = self.open.get_mut(&stream) else {
            return;
        };
        let (number, sent, manner) = (open.from + open.sent, open.sent, open.manner);
        let exists = number <= BLOCKS;
        let event = match (manner, open.content) {
            (Manner::Refusing, _) => Event::Failed,
            (Manner::Cutting(after), _) if sent >= after => Event::Failed,
            (Manner::Boasting, Content::Headers) => Event::Header {
                number,
                exists: false,
            },
            (Manner::Lying(after), Content::Blocks) if sent >= after => Event::Bad,
            (Manner::Withholding(from), Content::Blocks) if number >= from => return,
            _ if !exists => return,
            (_, Content::Headers) => Event::Header { number, exists },
            (_, Content::Blocks) => Event::Good(number),
        };
        open.sent += 1;
        let wait = self.latency(manner);
        self.after(wait, stream, event);
    }

    fn happen(&mut self, stream: StreamId, event: Event) {
        if !self.open.contains_key(&stream) {
            return;
        }
        self.log
            .push(format!("{} {stream:?} {event:?}", self.now.as_micros()));
        match event {
            Event::Connected => {
                self.core.connected(self.now, stream);
                self.send(stream);
            }
            Event::Failed => {
                let reason = "cut".to_owned();
                self.core
                    .failed(self.now, stream, Trouble::Broken { reason });
            }
            Event::Good(number) => {
                assert_eq!(BlockNumber(number), self.core.next(), "in order, each once");
                self.core.accepted(self.now, stream);
                self.send(stream);
            }
            Event::Bad => {
                let (number, problem) = (self.core.next(), "forged".to_owned());
                let trouble = Trouble::BadBlock { number, problem };
                self.core.misbehaved(self.now, stream, trouble);
            }
            Event::Header { number, exists } => {
                self.open.get_mut(&stream).unwrap().exists = exists;
                self.core.claimed(self.now, stream, BlockNumber(number));
            }
        }
    }

    /// Runs until all blocks have come; returns when.
    fn run(&mut self) -> Instant {
        for _ in 0..STEPS_MAX {
            while let Some(action) = self.core.next_action() {
                self.act(action);
            }
            if self.core.next().0 > BLOCKS {
                return self.now;
            }
            let wake = self.core.wake_at();
            let event = self.events.peek().map(|Reverse((at, ..))| *at);
            match (wake, event) {
                (wake, Some(event)) if wake.is_none_or(|wake| event <= wake) => {
                    let Reverse((at, _, stream, event)) = self.events.pop().unwrap();
                    self.now = at;
                    self.happen(stream, event);
                }
                (Some(wake), _) => {
                    assert!(wake >= self.now, "time goes on");
                    self.now = wake;
                    self.core.tick(self.now);
                }
                (None, _) => panic!("nothing will ever happen: {:?}", self.core.state()),
            }
        }
        panic!("{STEPS_MAX} steps, {:#?}", self.core.state());
    }
}

/// One of the manners, by a number from the seed.
fn manner(number: u64) -> Manner {
    let detail = number / 10;
    match number % 10 {
        0 => Manner::Honest,
        1 => Manner::Slow,
        2 => Manner::Dead,
        3 => Manner::Deaf,
        4 => Manner::Late(Instant::from_micros(detail * 100_000)),
        5 => Manner::Cutting(detail % 7),
        6 => Manner::Refusing,
        7 => Manner::Lying(detail % 5),
        8 => Manner::Withholding(detail % BLOCKS),
        _ => Manner::Boasting,
    }
}

fn cast(seed: u64, bft: bool) -> Vec<Manner> {
    let mut numbers: Vec<u64> = (0..1000).collect();
    Shuffle::new(seed).apply(&mut numbers);
    let count = 1 + usize::try_from(numbers[999] % 6).unwrap();
    let mut cast: Vec<Manner> = numbers.iter().take(count).map(|n| manner(*n)).collect();
    if !bft {
        // Without headers nobody can tell that a block is withheld.
        cast.retain(|manner| !matches!(manner, Manner::Withholding(_)));
    }
    cast.push(Manner::Honest);
    cast
}

fn check(seed: u64, bft: bool) {
    let cast = cast(seed, bft);
    let mut sim = Sim::new(seed, &cast, bft);
    let end = sim.run();
    let hours = end.as_micros() / 3_600_000_000;
    assert!(hours < 2, "seed {seed}, {cast:?}: {end:?}");
    let mut again = Sim::new(seed, &cast, bft);
    again.run();
    assert!(sim.log == again.log, "seed {seed} differs from itself");
}

#[test]
fn raft_channels_get_every_block() {
    for seed in 0..300 {
        check(seed, false);
    }
}

#[test]
fn bft_channels_get_every_block() {
    for seed in 0..300 {
        check(seed, true);
    }
}

#[test]
fn one_orderer_that_lies_now_and_then_is_better_than_none() {
    let mut sim = Sim::new(1, &[Manner::Lying(2), Manner::Dead], false);
    sim.run();
    let mut sim = Sim::new(
        1,
        &[Manner::Cutting(1), Manner::Refusing, Manner::Deaf],
        true,
    );
    sim.run();
}

#[test]
fn liars_are_asked_rarely_while_others_serve() {
    let mut lied = 0;
    for seed in 0..50 {
        let mut sim = Sim::new(seed, &[Manner::Lying(0), Manner::Cutting(1)], false);
        sim.run();
        let sent = sim.log.iter().filter(|line| line.ends_with(" Bad"));
        lied += sent.count();
    }
    assert!(
        lied <= 50,
        "{lied} bad blocks in 50 runs of {BLOCKS} blocks"
    );
}
