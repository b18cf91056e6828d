//! The world: its clock, what will happen when, and what happens.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use heddle::gossip::core::{LinkId, MspId, PkiId, Random};
use heddle::sys::clock::Instant;
use heddle::types::ChannelId;

use crate::chain::Chain;
use crate::checks::Issued;
use crate::driver::Peer;
use crate::net::{End, Event, Net};
use crate::scenario::{Fault, Scenario};
use crate::trust::{Registry, View};
use crate::{Report, SimOptions};

/// How long everybody may take to be where the orderers are.
const CONVERGENCE_MAX: Duration = Duration::from_secs(150);

/// How long blocks go on coming once the faults have ended.
const BLOCKS_AFTER: Duration = Duration::from_secs(5);

/// How long it has to stay as it is then.
const STABLE: Duration = Duration::from_secs(15);

/// Everything.
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) options: SimOptions,
    pub(crate) now: Instant,
    pub(crate) random: Random,
    pub(crate) net: Net,
    pub(crate) peers: Vec<Peer>,
    pub(crate) by_pki: BTreeMap<PkiId, usize>,
    pub(crate) channels: Vec<ChannelId>,
    pub(crate) chains: Vec<Chain>,
    pub(crate) issued: Issued,
    pub(crate) orderer_gone: BTreeSet<usize>,
    /// What everybody will know in the end.
    pub(crate) truth: View,
    pub(crate) report: Report,
    pub(crate) is_healed: bool,
    queue: BinaryHeap<Reverse<Due>>,
    number: u64,
    problem: Option<String>,
}

struct Due {
    at: Instant,
    number: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

pub(crate) fn msp(org: usize) -> MspId {
    MspId(format!("Org{org}MSP").into())
}

impl World {
    pub(crate) fn new(seed: u64, scenario: Scenario, options: SimOptions) -> Self {
        let names = ["everybody", "inner"];
        let channels: Vec<ChannelId> = names
            .iter()
            .filter_map(|name| ChannelId::new(name).ok())
            .collect();
        let members = |count: usize| (0..count).map(msp).collect::<BTreeSet<_>>();
        let counts = [scenario.orgs, scenario.inner_orgs];
        let truth = View {
            channels: channels.iter().cloned().zip(counts.map(members)).collect(),
            revoked: BTreeSet::new(),
        };
        let mut registry = Registry::default();
        let certificates: Vec<_> = (0..scenario.peers.len())
            .map(|at| Peer::certificate(seed, at, &scenario.peers[at]))
            .collect();
        certificates
            .iter()
            .for_each(|certificate| registry.add(certificate));
        let registry = Arc::new(registry);
        let peers: Vec<Peer> = certificates
            .into_iter()
            .enumerate()
            .map(|(at, certificate)| {
                let plan = scenario.peers[at].clone();
                Peer::new(at, plan, certificate, &registry, &truth, options.sabotage)
            })
            .collect();
        let mut world = Self {
            now: Instant::default(),
            random: Random::new(seed),
            net: Net::new(scenario.network),
            by_pki: peers.iter().map(|peer| (peer.pki(), peer.at)).collect(),
            peers,
            chains: channels.iter().map(|_| Chain::default()).collect(),
            channels,
            issued: Issued::default(),
            orderer_gone: BTreeSet::new(),
            truth,
            report: Report::default(),
            is_healed: false,
            queue: BinaryHeap::new(),
            number: 0,
            problem: None,
            scenario,
            options,
        };
        world.report.peers = world.peers.len();
        world.report.liars = world.peers.iter().filter(|peer| peer.plan.lies).count();
        for _ in 0..world.scenario.blocks_before {
            world.order_block();
        }
        world.plan();
        world
    }

    /// What the scenario says will happen.
    fn plan(&mut self) {
        for at in 0..self.peers.len() {
            let starts = self.peers[at].plan.starts;
            self.at(starts, Event::Start(at));
            if self.peers[at].plan.lies {
                self.at(starts.plus(Duration::from_secs(4)), Event::LiarTurn(at));
            }
        }
        for fault in 0..self.scenario.faults.len() {
            let at = self.scenario.faults[fault].0;
            self.at(at, Event::Fault(fault));
        }
        self.at(self.scenario.heals_at, Event::Heal);
        self.after(self.scenario.block_interval, Event::NewBlock);
        self.after(Duration::from_secs(1), Event::Second);
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    pub(crate) fn at(&mut self, at: Instant, event: Event) {
        self.number += 1;
        let number = self.number;
        self.queue.push(Reverse(Due { at, number, event }));
    }

    pub(crate) fn after(&mut self, wait: Duration, event: Event) {
        self.at(self.now.plus(wait), event);
    }

    pub(crate) fn fail(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }

    /// From the first event to the last.
    pub(crate) fn run(&mut self) -> Result<Report, String> {
        let mut converged: Option<Instant> = None;
        let deadline = self.scenario.heals_at.plus(CONVERGENCE_MAX);
        while let Some(happened_second) = self.step()? {
            if !happened_second || self.now < self.scenario.heals_at.plus(BLOCKS_AFTER) {
                continue;
            }
            let missing = self.missing();
            match (converged, missing) {
                (None, None) => {
                    converged = Some(self.now);
                    self.report.convergence = self.now.since(self.scenario.heals_at);
                }
                (None, Some(missing)) if self.now > deadline => {
                    return Err(format!("no convergence: {missing}"));
                }
                (None, Some(_)) => {}
                (Some(since), None) if self.now.since(since) >= STABLE => break,
                (Some(_), None) => {}
                // Once it was good, only leadership has to stay: members are lost and found again.
                (Some(_), Some(_)) if self.still()? => {}
                (Some(_), Some(_)) => converged = None,
            }
        }
        self.finish();
        Ok(self.report)
    }

    /// Runs until `until`, for figures.
    pub(crate) fn run_until(&mut self, until: Instant) -> Result<(), String> {
        while self
            .queue
            .peek()
            .is_some_and(|Reverse(due)| due.at <= until)
        {
            self.step()?;
        }
        self.now = until;
        Ok(())
    }

    /// One event; whether a second has passed.
    fn step(&mut self) -> Result<Option<bool>, String> {
        let Some(Reverse(due)) = self.queue.pop() else {
            return Ok(None);
        };
        self.now = due.at;
        self.report.events += 1;
        let is_second = matches!(due.event, Event::Second);
        self.happen(due.event);
        match self.problem.take() {
            None => Ok(Some(is_second)),
            Some(problem) => Err(problem),
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick(at) => self.tick(at),
            Event::Start(at) => self.start(at),
            Event::Accept(conn) => self.accept(conn),
            Event::Dialed(conn) => self.dialed(conn),
            Event::Closed(end) => self.closed(end),
            Event::Arrives {
                conn,
                side,
                lane,
                bytes,
            } => self.arrives(conn, side, lane, bytes),
            Event::Checked { at, number, block } => self.checked(at, number, &block),
            Event::Durable { at, height } => self.durable(at, height),
            Event::OrdererTurn { at, session } => self.orderer_turn(at, session),
            Event::NewBlock => self.new_block(),
            Event::Fault(fault) => self.fault(self.scenario.faults[fault].1),
            Event::ViewChanges(at) => self.view_changes(at),
            Event::LiarTurn(at) => self.liar_turn(at),
            Event::Second => self.second(),
            Event::Heal => self.heal(),
        }
    }

    /// Mixes what happened into the run's hash.
    pub(crate) fn note(&mut self, kind: u64, at: usize, bytes: &[u8]) {
        let mut hash = self.report.trace ^ kind.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash = mix(hash ^ self.now.as_micros());
        hash = mix(hash ^ at as u64 ^ ((bytes.len() as u64) << 20));
        let ends = bytes
            .first_chunk::<8>()
            .into_iter()
            .chain(bytes.last_chunk::<8>());
        for end in ends {
            hash = mix(hash ^ u64::from_le_bytes(*end));
        }
        self.report.trace = hash;
    }

    fn new_block(&mut self) {
        if !self.is_healed || self.now < self.scenario.heals_at.plus(BLOCKS_AFTER) {
            self.order_block();
            self.after(self.scenario.block_interval, Event::NewBlock);
        }
    }

    /// The orderers make a block of each channel.
    pub(crate) fn order_block(&mut self) {
        for channel in 0..self.chains.len() {
            let mut content = vec![0; self.scenario.block_bytes];
            let any = self.random.any().to_le_bytes();
            content
                .iter_mut()
                .zip(any)
                .for_each(|(to, from)| *to = from);
            self.chains[channel].append(&content);
        }
        self.wake_orderers();
    }

    fn fault(&mut self, fault: Fault) {
        self.note(1, 0, &[]);
        if self.is_healed {
            return;
        }
        match fault {
            Fault::Crash(at) => self.crash(at),
            Fault::Restart(at) => self.start(at),
            Fault::Split { sides, one_way } => self.net.split(sides, one_way),
            Fault::Mend => self.net.mend(),
            Fault::OrdererGone(at) => {
                self.orderer_gone.insert(at);
            }
            Fault::OrdererBack(at) => {
                self.orderer_gone.remove(&at);
            }
            Fault::Rewind(at) => self.rewind(at),
            Fault::Revoke(at) => {
                self.truth.revoked.insert(self.peers[at].pki());
                self.tell_of_views();
            }
            Fault::Expel => self.expel(),
        }
    }

    fn expel(&mut self) {
        let last = msp(self.scenario.inner_orgs.saturating_sub(1));
        if self.scenario.inner_orgs > 1
            && let Some(orgs) = self
                .channels
                .get(1)
                .and_then(|id| self.truth.channels.get_mut(id))
        {
            orgs.remove(&last);
            self.tell_of_views();
        }
    }

    /// Each peer hears of a change in its own time.
    fn tell_of_views(&mut self) {
        for at in 0..self.peers.len() {
            let wait = Duration::from_millis(self.random.below(3000));
            self.after(wait, Event::ViewChanges(at));
        }
    }

    fn view_changes(&mut self, at: usize) {
        let mut view = self.peers[at]
            .view
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *view = self.truth.clone();
        drop(view);
        self.peers[at].view_since = self.now;
        let now = self.now;
        self.with_core(at, |core| core.trust_changed(now));
    }

    fn heal(&mut self) {
        self.is_healed = true;
        self.net.heal();
        self.orderer_gone.clear();
        for at in 0..self.peers.len() {
            self.start(at);
            self.view_changes(at);
        }
    }

    fn finish(&mut self) {
        for peer in self.peers.iter().filter(|peer| !peer.plan.lies) {
            let counters = peer.counters();
            self.report.bans += counters.bans;
            self.report.rejected += counters.blocks_rejected;
        }
    }

    /// The connection is gone for both ends, each notices in its time.
    pub(crate) fn drop_conn(&mut self, conn: u64, but: Option<usize>) {
        let Some(gone) = self.net.conns.remove(&conn) else {
            return;
        };
        for (side, end) in gone.ends.into_iter().enumerate() {
            if Some(side) == but {
                self.forget_link(end);
            } else {
                let wait = self.net.delay(&mut self.random);
                self.after(wait, Event::Closed(end));
            }
        }
    }

    fn forget_link(&mut self, end: End) {
        if let Some(link) = end.link {
            self.peers[end.peer].links.remove(&link);
        }
    }

    pub(crate) fn conn_of(&self, at: usize, link: LinkId) -> Option<(u64, usize)> {
        self.peers[at].links.get(&link).copied()
    }

    /// A message leaves.
    pub(crate) fn transmit(
        &mut self,
        conn: u64,
        side: usize,
        lane: heddle::gossip::core::Lane,
        bytes: &Bytes,
    ) {
        let Some(through) = self.net.conns.get(&conn) else {
            return;
        };
        let (from, to) = (through.ends[side].peer, through.ends[1 - side].peer);
        let ready_at = through.ready_at;
        if !self.net.reaches(from, to) {
            return;
        }
        let arrivals = self
            .net
            .arrivals(self.now, &mut self.random, from, bytes.len());
        for at in arrivals {
            let event = Event::Arrives {
                conn,
                side: 1 - side,
                lane,
                bytes: bytes.clone(),
            };
            self.at(at.max(ready_at.plus(Duration::from_micros(1))), event);
        }
    }
}

fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
