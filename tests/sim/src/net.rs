//! Connections between peers, and what the network does to messages.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use heddle::gossip::core::{Lane, LinkId, Random};
use heddle::sys::clock::Instant;

use crate::scenario::Network;

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) peer: usize,
    /// Its name there; `None` while it is not accepted, or where a liar speaks past its core.
    pub(crate) link: Option<LinkId>,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) ends: [End; 2],
    /// Nothing arrives before: TLS takes its time.
    pub(crate) ready_at: Instant,
    /// Since when one direction is cut.
    pub(crate) cut_since: Option<Instant>,
    /// A liar speaks past its core.
    pub(crate) is_raw: bool,
}

/// A partition.
#[derive(Debug, Clone, Copy)]
struct Split {
    sides: u64,
    one_way: bool,
}

/// All connections, and what is wrong with the network.
#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) conns: BTreeMap<u64, Conn>,
    pub(crate) network: Network,
    splits: Vec<Split>,
    last: u64,
    /// When each peer's line is free again.
    free_at: BTreeMap<usize, Instant>,
    pub(crate) bytes_sent: BTreeMap<usize, u64>,
}

/// How long a connection stands that brings nothing any more.
const IDLE_WAIT: Duration = Duration::from_secs(5);

impl Net {
    pub(crate) fn new(network: Network) -> Self {
        Self {
            conns: BTreeMap::new(),
            network,
            splits: Vec::new(),
            last: 0,
            free_at: BTreeMap::new(),
            bytes_sent: BTreeMap::new(),
        }
    }

    pub(crate) fn split(&mut self, sides: u64, one_way: bool) {
        self.splits.push(Split { sides, one_way });
    }

    pub(crate) fn mend(&mut self) {
        if !self.splits.is_empty() {
            self.splits.remove(0);
        }
    }

    /// Everything is well from now on.
    pub(crate) fn heal(&mut self) {
        self.splits.clear();
        self.network.loss = 0;
        self.network.duplicates = 0;
        self.network.stragglers = 0;
    }

    /// Whether what `from` sends arrives at `to`.
    pub(crate) fn reaches(&self, from: usize, to: usize) -> bool {
        let side = |split: &Split, peer: usize| split.sides >> (peer % 64) & 1;
        self.splits.iter().all(|split| {
            let (from, to) = (side(split, from), side(split, to));
            from == to || (split.one_way && from == 1)
        })
    }

    pub(crate) fn connect(&mut self, now: Instant, from: End, to: usize, is_raw: bool) -> u64 {
        self.last += 1;
        let to = End {
            peer: to,
            link: None,
        };
        let conn = Conn {
            ends: [from, to],
            ready_at: now,
            cut_since: None,
            is_raw,
        };
        self.conns.insert(self.last, conn);
        self.last
    }

    pub(crate) fn delay(&self, random: &mut Random) -> Duration {
        let spread = self
            .network
            .delay_max
            .saturating_sub(self.network.delay_min);
        let spread = u64::try_from(spread.as_micros()).unwrap_or(0);
        self.network.delay_min + Duration::from_micros(random.below(spread + 1))
    }

    /// When the copies of a message arrive that leaves now.
    pub(crate) fn arrivals(
        &mut self,
        now: Instant,
        random: &mut Random,
        from: usize,
        bytes: usize,
    ) -> Vec<Instant> {
        *self.bytes_sent.entry(from).or_default() += bytes as u64;
        let mut leaves = now;
        if let Some(micros) = (bytes as u64 * 1_000_000).checked_div(self.network.bandwidth) {
            let free_at = self.free_at.entry(from).or_default();
            leaves = (*free_at).max(now).plus(Duration::from_micros(micros));
            *free_at = leaves;
        }
        if random.below(1000) < self.network.loss {
            return Vec::new();
        }
        let copies = 1 + u64::from(random.below(1000) < self.network.duplicates);
        let mut arrivals = Vec::new();
        for _ in 0..copies {
            let straggles = random.below(1000) < self.network.stragglers;
            let late = Duration::from_millis(if straggles { random.below(1500) } else { 0 });
            arrivals.push(leaves.plus(self.delay(random)).plus(late));
        }
        arrivals
    }

    /// Connections that have been cut for too long.
    pub(crate) fn dying(&mut self, now: Instant) -> Vec<u64> {
        let mut dying = Vec::new();
        let ids: Vec<u64> = self.conns.keys().copied().collect();
        for id in ids {
            let Some([one, other]) = self.conns.get(&id).map(|conn| conn.ends) else {
                continue;
            };
            let whole = self.reaches(one.peer, other.peer) && self.reaches(other.peer, one.peer);
            let Some(conn) = self.conns.get_mut(&id) else {
                continue;
            };
            conn.cut_since = if whole {
                None
            } else {
                Some(conn.cut_since.unwrap_or(now))
            };
            if conn
                .cut_since
                .is_some_and(|since| now.since(since) >= IDLE_WAIT)
            {
                dying.push(id);
            }
        }
        dying
    }
}

/// Something that will happen.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// The core's own time.
    Tick(usize),
    Start(usize),
    Accept(u64),
    Dialed(u64),
    /// An end learns that the connection is gone, or was never made.
    Closed(End),
    Arrives {
        conn: u64,
        side: usize,
        lane: Lane,
        bytes: Bytes,
    },
    Checked {
        at: At,
        number: u64,
        block: Bytes,
    },
    Durable {
        at: At,
        height: u64,
    },
    OrdererTurn {
        at: At,
        session: u64,
    },
    NewBlock,
    Fault(usize),
    /// A peer's MSPs learn what others know already.
    ViewChanges(usize),
    LiarTurn(usize),
    Second,
    Heal,
}

/// A life of a peer, one of its channels by number, and a run of its pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) peer: usize,
    pub(crate) life: u64,
    pub(crate) channel: usize,
    pub(crate) run: u32,
}
