//! What a run is like: drawn from its seed, before it begins.

use std::time::Duration;

use heddle::gossip::core::{GossipOptions, LeaderMode, Random};
use heddle::sys::clock::Instant;

use crate::{Sabotage, SimOptions};

/// A run's facts.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) orgs: usize,
    /// Each peer's organization.
    pub(crate) peers: Vec<PeerPlan>,
    /// Organizations of the second channel; the first has them all.
    pub(crate) inner_orgs: usize,
    pub(crate) options: GossipOptions,
    pub(crate) network: Network,
    pub(crate) faults: Vec<(Instant, Fault)>,
    /// When faults end.
    pub(crate) heals_at: Instant,
    pub(crate) block_interval: Duration,
    pub(crate) block_bytes: usize,
    /// Blocks that are there from the start.
    pub(crate) blocks_before: u64,
}

/// A peer's facts.
#[derive(Debug, Clone)]
pub(crate) struct PeerPlan {
    pub(crate) org: usize,
    pub(crate) lies: bool,
    pub(crate) expires: Option<Instant>,
    pub(crate) starts: Instant,
    pub(crate) is_public: bool,
}

/// How messages travel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network {
    pub(crate) delay_min: Duration,
    pub(crate) delay_max: Duration,
    /// In a thousand.
    pub(crate) loss: u64,
    pub(crate) duplicates: u64,
    /// In a thousand: a message that takes a second longer.
    pub(crate) stragglers: u64,
    /// Bytes that an end can send in a second; 0 is no limit.
    pub(crate) bandwidth: u64,
}

/// What happens to the network and its peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Crash(usize),
    Restart(usize),
    /// These two sets of peers (by the bits of a number) do not reach each other, or only one way.
    Split {
        sides: u64,
        one_way: bool,
    },
    Mend,
    /// A peer does not reach the orderers any more, or does again; `usize::MAX`: nobody.
    OrdererGone(usize),
    OrdererBack(usize),
    /// A peer's certificate is revoked.
    Revoke(usize),
    /// A peer's pipelines refuse what they have, and begin anew.
    Rewind(usize),
    /// The inner channel loses its last organization.
    Expel,
}

fn seconds(random: &mut Random, from: u64, to: u64) -> Duration {
    Duration::from_millis(from * 1000 + random.below((to - from) * 1000 + 1))
}

impl Scenario {
    /// What this seed stands for.
    pub(crate) fn draw(seed: u64, sim: &SimOptions) -> Self {
        let mut random = Random::new(seed ^ 0x5ce0_a110);
        let orgs = 2 + draw(&mut random, 4);
        let count = match sim.peers {
            Some(count) => count,
            None => match random.below(100) {
                0..70 => 3 + draw(&mut random, 6),
                70..92 => 9 + draw(&mut random, 8),
                92..98 => 17 + draw(&mut random, 14),
                _ => 31 + draw(&mut random, 20),
            },
        };
        let heals_at = Instant::default().plus(seconds(&mut random, 30, 60));
        let peers = peers(&mut random, orgs, count, heals_at, sim);
        let faults = faults(&mut random, &peers, heals_at);
        let mut options = GossipOptions {
            leader: match random.below(4) {
                0 => LeaderMode::Always,
                _ => LeaderMode::Elected,
            },
            fan_out: 1 + draw(&mut random, 4),
            ..GossipOptions::default()
        };
        options.transfer.enabled = true;
        options.blocks_kept = 1 + draw(&mut random, 12);
        Self {
            orgs,
            inner_orgs: 1 + draw(&mut random, orgs as u64),
            options,
            network: Network {
                delay_min: Duration::from_millis(1),
                delay_max: Duration::from_millis(2 + random.below(80)),
                loss: random.below(60),
                duplicates: random.below(60),
                stragglers: random.below(40),
                bandwidth: 0,
            },
            peers,
            faults,
            heals_at,
            block_interval: seconds(&mut random, 1, 4),
            block_bytes: 10 + draw(&mut random, 200),
            blocks_before: 1 + random.below(30),
        }
    }
}

fn draw(random: &mut Random, below: u64) -> usize {
    usize::try_from(random.below(below)).unwrap_or(0)
}

fn peers(
    random: &mut Random,
    orgs: usize,
    count: usize,
    heals_at: Instant,
    sim: &SimOptions,
) -> Vec<PeerPlan> {
    let mut peers: Vec<PeerPlan> = (0..count)
        .map(|at| PeerPlan {
            // Each organization has one while there are enough.
            org: if at < orgs {
                at
            } else {
                draw(random, orgs as u64)
            },
            lies: false,
            expires: None,
            starts: Instant::default().plus(seconds(random, 0, 5)),
            is_public: at < orgs || random.below(5) > 0,
        })
        .collect();
    let wants_liar = sim.sabotage != Sabotage::None || random.below(2) == 0;
    // An organization's first peer is honest, and so is the whole first organization: there is always
    // one that pulls what it says to pull.
    for peer in peers.iter_mut().skip(orgs) {
        peer.lies = wants_liar && peer.org != 0 && random.below(4) == 0;
        let expires = random.below(12) == 0 || sim.sabotage == Sabotage::Expiry;
        let in_time = Instant::from_micros(random.below(heals_at.as_micros()));
        peer.expires = expires.then_some(in_time.max(Instant::from_micros(9_000_000)));
    }
    peers
}

fn faults(random: &mut Random, peers: &[PeerPlan], heals_at: Instant) -> Vec<(Instant, Fault)> {
    let mut faults = Vec::new();
    for _ in 0..random.below(9) {
        let start = Instant::from_micros(random.below(heals_at.as_micros()));
        let end = start.plus(seconds(random, 1, 25)).min(heals_at);
        let peer = draw(random, peers.len() as u64);
        let (begin, finish) = match random.below(5) {
            0 | 1 => (Fault::Crash(peer), Fault::Restart(peer)),
            2 => {
                let (sides, one_way) = (random.any(), random.below(2) == 0);
                (Fault::Split { sides, one_way }, Fault::Mend)
            }
            3 => (Fault::OrdererGone(peer), Fault::OrdererBack(peer)),
            _ => (
                Fault::OrdererGone(usize::MAX),
                Fault::OrdererBack(usize::MAX),
            ),
        };
        faults.push((start, begin));
        faults.push((end, finish));
    }
    if random.below(6) == 0 && peers.len() > 6 {
        let at = Instant::from_micros(random.below(heals_at.as_micros()));
        faults.push((at, Fault::Revoke(peers.len() - 1)));
    }
    if random.below(6) == 0 {
        let at = Instant::from_micros(random.below(heals_at.as_micros()));
        faults.push((at, Fault::Expel));
    }
    if random.below(4) == 0 {
        let at = Instant::from_micros(random.below(heals_at.as_micros()));
        faults.push((at, Fault::Rewind(draw(random, peers.len() as u64))));
    }
    faults.sort_by_key(|(at, _)| *at);
    faults
}
